// CoDel (RFC 8289) with Linux's integer arithmetic (reference/algorithms.md §2): the control law of one
// queue.
//
// Times are ticks of 1,024 ns in 32 bits, compared so that they may wrap, and the inverse square root has 16
// bits and takes one Newton step per change of count. That is what Linux does, so the same load gives the
// same drops; it also keeps the state at 20 bytes. Two rules differ from the RFC's pseudocode, as they do in
// Linux: count rises before the drop, not after it, and dropping starts strictly after first_above.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packet/ecn.h"
#include "sqm/queue_stats.h"

// 16 intervals must fit half of the 32-bit clock.
#define MQOE_CODEL_MAX_INTERVAL 100000000000u // ns

struct mqoe_codel_params {
    uint32_t target, interval; // ticks
    uint32_t ce_threshold;     // ticks of sojourn above which ECT frames are marked; UINT32_MAX = off
    uint32_t mtu;              // bytes: a backlog of at most this is never signalled
    bool ecn;
};

struct mqoe_codel {
    uint32_t count, last_count; // signals since dropping began; count when it last began
    uint32_t first_above;       // ticks, when staying above target becomes a reason to drop; 0 = below target
    uint32_t drop_next;         // ticks
    uint16_t inv_sqrt;          // 1/√count, the upper 16 bits of a Q0.32
    bool dropping;
};

// The queue under control: its frames, oldest first, and their bytes.
struct mqoe_codel_queue {
    struct mqoe_frame_list *frames;
    uint32_t *bytes;
};

static inline uint32_t mqoe_codel_ticks(uint64_t ns) {
    return (uint32_t)(ns >> 10);
}

static inline bool mqoe_codel_before(uint32_t a, uint32_t b) {
    return (int32_t)(a - b) < 0;
}

// State of a queue that never dropped. `now` in ticks: drop_next starts where it says "long ago", whatever
// the clock.
static inline void mqoe_codel_init(struct mqoe_codel *c, const struct mqoe_codel_params *p, uint32_t now) {
    *c = (struct mqoe_codel){.drop_next = now - 16 * p->interval};
}

// True when an empty queue's state can be forgotten: a fresh one would decide the same from now on.
static inline bool mqoe_codel_stale(const struct mqoe_codel *c, const struct mqoe_codel_params *p,
                                    uint32_t now) {
    return !mqoe_codel_before(now - c->drop_next, 16 * p->interval);
}

// One Newton step of inv_sqrt towards 1/√count: x ← x (3 − count x²) / 2.
void mqoe_codel_newton(struct mqoe_codel *c);

// The next signal is due interval/√count after `t`.
static inline uint32_t mqoe_codel_control(const struct mqoe_codel *c, const struct mqoe_codel_params *p,
                                          uint32_t t) {
    return t + (uint32_t)(((uint64_t)p->interval * ((uint32_t)c->inv_sqrt << 16)) >> 32);
}

// Takes the next frame to send out of the queue, dropping (into `dropped`) or marking on the way; NULL when
// the queue is empty. `now` in ns; frames carry their arrival in frame->time. The backlog compared with the
// MTU is that of `stats`: in FQ-CoDel the whole discipline's, as in Linux.
struct mqoe_frame *mqoe_codel_dequeue(struct mqoe_codel *c, const struct mqoe_codel_params *p,
                                      struct mqoe_codel_queue queue, uint64_t now,
                                      struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
