// A fixed delay line: one direction of an emulated path. Pure: `now` is an argument.
//
// Times are logical: a frame's release is its arrival plus the delay, and the release (not the moment
// somebody woke up) is what the frame carries on to the next stage. So a late wake-up delays what it delays,
// and nothing accumulates.
#pragma once

#include "packet/frame.h"

struct mqoe_delay_line {
    struct mqoe_frame_list frames; // by release time, which never decreases
    uint64_t delay;                // ns
    uint64_t last_release;         // ns, of the youngest frame that ever entered
    uint32_t packets, limit; // held, and the most it may hold (UINT32_MAX in the dataplane: UMEM bounds)
    uint64_t in_packets, out_packets, drop_overflow;
};

// An empty line. `delay` in ns; `limit` in packets (0 drops everything).
void mqoe_delay_line_init(struct mqoe_delay_line *line, uint64_t delay, uint32_t limit);

// Changes the delay of frames yet to come. Those inside keep their release times, and none overtakes another:
// after a decrease newcomers leave together with the last old frame until the old delay has run out.
void mqoe_delay_line_set(struct mqoe_delay_line *line, uint64_t delay);

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
