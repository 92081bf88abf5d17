// When the packets of a UDP stream are due, and how large they are: a rate in pieces that may repeat, gaps
// constant or exponentially distributed, sizes drawn from a mix. Pure: seed and numbers are arguments, equal
// ones give equal streams; all times are ns since the run's t0.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// From `from` (since the beginning of a period) until the next piece or the period's end; interval 0:
// silence.
struct traffic_piece {
    int64_t from, interval;
};

// A size that is drawn in `upto` − (the one before it).upto of the mix's total cases.
struct traffic_share {
    uint32_t size, upto;
};

struct traffic_pace_plan {
    int64_t start, stop, period;        // no packet is due at or after `stop`
    const struct traffic_piece *pieces; // ascending from 0, at least one that is not silent
    uint32_t piece_count;
    bool poisson;
    uint64_t seed; // of the gaps
};

// The next packet of a stream. A copy of it looks ahead.
struct traffic_pace {
    const struct traffic_pace_plan *plan;
    int64_t due;    // ≥ the plan's stop: there is none any more
    int64_t period; // the beginning of the current one
    uint32_t piece;
    uint64_t drawn; // gaps so far
};

void traffic_pace_open(struct traffic_pace *p, const struct traffic_pace_plan *plan);
void traffic_pace_next(struct traffic_pace *p);

static inline bool traffic_pace_over(const struct traffic_pace *p) {
    return p->due >= p->plan->stop;
}

// ns between packets where it is.
static inline int64_t traffic_pace_interval(const struct traffic_pace *p) {
    return p->plan->pieces[p->piece].interval;
}

// How many packets may be due within `span` ns: not fewer than ever will be, but in one of a million million
// Poisson streams.
uint64_t traffic_pace_most(const struct traffic_pace_plan *plan, int64_t span);

// The size of packet `number`, drawn from `count` ≥ 1 shares.
uint32_t traffic_pace_size(const struct traffic_share *shares, uint32_t count, uint64_t seed,
                           uint64_t number);
