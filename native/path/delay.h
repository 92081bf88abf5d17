// A fixed delay line with an optional rate behind it: one direction of an emulated path. Pure: `now` is an
// argument.
//
//   release = max(arrival + delay, release of the frame before) + frame bytes × 8 / rate
//
// which is what Linux's netem does for a constant `delay` with a `rate` (algorithms.md §6); frame bytes are
// those of layer 2 without FCS. Without a rate the last term is 0.
//
// Times are logical: the release (not the moment somebody woke up) is what the frame carries on to the next
// stage. So a late wake-up delays what it delays, and nothing accumulates. Nor does rounding: a release is
// the exact time rounded down to a nanosecond, however long the line has been busy.
#pragma once

#include "packet/frame.h"

struct mqoe_delay_line {
    struct mqoe_frame_list frames; // by release time, which never decreases
    uint64_t delay;                // ns
    uint64_t rate;                 // bit/s, 0 = unlimited
    uint64_t last_release;         // ns, of the youngest frame that ever entered
    uint64_t fraction;             // of a ns beyond last_release, in units of 1/rate ns
    uint32_t packets, limit; // held, and the most it may hold (UINT32_MAX in the dataplane: UMEM bounds)
    uint64_t in_packets, out_packets, drop_overflow;
};

// An empty line. `delay` in ns; `rate` in bit/s (0 = unlimited); `limit` in packets (0 drops everything).
void mqoe_delay_line_init(struct mqoe_delay_line *line, uint64_t delay, uint64_t rate, uint32_t limit);

// Changes delay and rate for frames yet to come. Those inside keep their release times, and none overtakes
// another: after a shorter delay newcomers leave right behind the last old frame until the old delay has run
// out.
void mqoe_delay_line_set(struct mqoe_delay_line *line, uint64_t delay, uint64_t rate);

// Takes the frame, which arrived at `arrival` (ns, the logical departure of the stage before). A full line
// gives it back in `dropped` with MQOE_DROP_PATH.
void mqoe_delay_line_enqueue(struct mqoe_delay_line *line, struct mqoe_frame *frame, uint64_t arrival,
                             struct mqoe_frame_list *dropped);

// Returns the next frame whose release is at or before `now`, with frame->time its release; NULL if there is
// none.
struct mqoe_frame *mqoe_delay_line_dequeue(struct mqoe_delay_line *line, uint64_t now);

// When the next frame is due; MQOE_NEVER when empty.
static inline uint64_t mqoe_delay_line_next(const struct mqoe_delay_line *line) {
    return line->frames.head ? line->frames.head->time : MQOE_NEVER;
}

// Hands over everything that is held (for teardown); the line is empty afterwards.
void mqoe_delay_line_drain(struct mqoe_delay_line *line, struct mqoe_frame_list *frames);
