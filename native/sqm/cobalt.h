// COBALT, the AQM of CAKE: CoDel with a table of exact inverse square roots and BLUE beside it
// (reference/algorithms.md §1.8; sch_cake.c). All times are ns.
//
// A queue that goes over target for the first time is signalled one packet later in Linux, not one interval
// later: its state starts as zeros (inv_sqrt = 0) and drop_next of a resting queue is stale. Whoever predicts
// what CAKE does in the field needs the same, so that is the default; `corrected_start` waits the interval
// that the design intends. Tests hold both to their golden vectors.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packet/frame.h"
#include "packet/random.h"

#define MQOE_BLUE_INCREMENT (1u << 24) // of 2^32: 1/256
#define MQOE_BLUE_DECREMENT (1u << 20) // 1/4096

struct mqoe_cobalt_params {
    uint64_t target, interval; // ns, already scaled to the rate
    uint64_t mtu_time;         // ns of one MTU at the rate; 0 when unlimited
    uint32_t p_inc, p_dec;     // BLUE's steps, of 2^32
    bool no_ecn;               // drop where a mark would do; CAKE always marks
    bool corrected_start;      // see above; false = as Linux
};

struct mqoe_cobalt {
    uint64_t drop_next, blue_timer; // ns
    uint32_t count;
    uint32_t inv_sqrt; // 1/√count, Q0.32
    uint32_t p_drop;   // BLUE's probability, of 2^32
    bool dropping;
    bool marked; // the frame judged last is CE now, even if BLUE then wanted it dropped
};

enum mqoe_cobalt_verdict {
    MQOE_COBALT_PASS,
    MQOE_COBALT_MARK, // the frame is CE now and passes
    MQOE_COBALT_DROP,
};

// State of a queue that was never used.
void mqoe_cobalt_init(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p);

// Judges the frame that was just taken out of the queue; frame->time is its arrival (later than `now`: it did
// not wait). `bulk_flows`: the tin's bulk flows in ingress mode, else 0.
enum mqoe_cobalt_verdict mqoe_cobalt_judge(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p,
                                           struct mqoe_frame *frame, uint64_t now, uint32_t bulk_flows,
                                           struct mqoe_random *random);

// The queue lost a frame for lack of room. True when BLUE begins with it: the flow became unresponsive.
bool mqoe_cobalt_queue_full(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t now);

// The queue was found empty. True when BLUE has just ended: the flow responds again.
bool mqoe_cobalt_queue_empty(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t now);

// Nobody looks at an empty queue for a while. Counts down what was due by `now`, as judging a frame that did
// not wait would begin; BLUE's probability stays.
void mqoe_cobalt_rest(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t now);

// Must an empty queue's state be kept and decay (CAKE's DECAYING)?
static inline bool mqoe_cobalt_remembers(const struct mqoe_cobalt *c, uint64_t now) {
    return c->p_drop || c->count || now < c->drop_next;
}
