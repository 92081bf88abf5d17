#include "traffic/pace.h"

#include <math.h>

#include "traffic/schedule.h"

#define GAPS  0x67617073u // "gaps"
#define SIZES 0x73697a65u // "size"

static int64_t piece_begin(const struct traffic_pace *p) {
    return p->period + p->plan->pieces[p->piece].from;
}

static int64_t piece_end(const struct traffic_pace *p) {
    const struct traffic_pace_plan *plan = p->plan;
    return p->period + (p->piece + 1 < plan->piece_count ? plan->pieces[p->piece + 1].from : plan->period);
}

static void next_piece(struct traffic_pace *p) {
    if (++p->piece < p->plan->piece_count)
        return;
    p->piece = 0;
    p->period += p->plan->period;
}

// On to the beginning of a piece in which something is sent, this one included; or beyond the end.
static int64_t find_sending(struct traffic_pace *p) {
    while (!traffic_pace_interval(p) && piece_begin(p) < p->plan->stop)
        next_piece(p);
    return piece_begin(p);
}

// Exponentially distributed with mean 1: −ln of a uniform number in (0, 1].
static double draw(struct traffic_pace *p) {
    uint64_t bits = traffic_mix(p->plan->seed, GAPS, p->drawn++) >> 11;
    return -log(((double)bits + 1) * 0x1p-53);
}

// A Poisson process forgets: what is left of a gap when the rate changes is drawn anew at the new one.
static int64_t draw_from(struct traffic_pace *p, int64_t at) {
    for (;;) {
        int64_t due = at + (int64_t)(draw(p) * (double)traffic_pace_interval(p));
        if (due < piece_end(p) || due >= p->plan->stop)
            return due;
        next_piece(p);
        at = find_sending(p);
        if (at >= p->plan->stop)
            return at;
    }
}

void traffic_pace_open(struct traffic_pace *p, const struct traffic_pace_plan *plan) {
    *p = (struct traffic_pace){.plan = plan, .period = plan->start};
    p->due = find_sending(p);
    if (plan->poisson && !traffic_pace_over(p))
        p->due = draw_from(p, p->due);
}

void traffic_pace_next(struct traffic_pace *p) {
    if (traffic_pace_over(p))
        return;
    if (p->plan->poisson) {
        p->due = draw_from(p, p->due);
        return;
    }
    p->due += traffic_pace_interval(p);
    if (p->due < piece_end(p))
        return;
    next_piece(p);
    p->due = find_sending(p);
}

uint64_t traffic_pace_most(const struct traffic_pace_plan *plan, int64_t span) {
    int64_t life = plan->stop - plan->start, shortest = INT64_MAX;
    for (uint32_t i = 0; i < plan->piece_count; i++)
        if (plan->pieces[i].interval && plan->pieces[i].interval < shortest)
            shortest = plan->pieces[i].interval;
    // Every beginning of a piece is a packet's time, too, however short the piece.
    int64_t within = span < life ? span : life;
    uint64_t beginnings = (uint64_t)(within / plan->period + 2) * plan->piece_count;
    uint64_t most = (uint64_t)(within / shortest) + beginnings;
    return plan->poisson ? most + (uint64_t)(8 * sqrt((double)most)) + 32 : most;
}

uint32_t traffic_pace_size(const struct traffic_share *shares, uint32_t count, uint64_t seed,
                           uint64_t number) {
    if (count == 1)
        return shares[0].size;
    uint32_t found = (uint32_t)(traffic_mix(seed, SIZES, number) % shares[count - 1].upto), i = 0;
    while (found >= shares[i].upto)
        i++;
    return shares[i].size;
}
