// What the parts of CAKE share: an operation on one instance.
#pragma once

#include "sqm/cake.h"
#include "sqm/cake_flows.h"
#include "sqm/cake_heap.h"
#include "sqm/cake_tins.h"

// One call of an instance and everything it works on.
struct mqoe_cake_op {
    struct mqoe_cake *q;
    struct mqoe_cake_store *store;
    struct mqoe_sqm_pool *pool;
    struct mqoe_shaper *shaper;
    struct mqoe_queue_stats *stats;
    struct mqoe_frame_list *dropped;
    uint64_t now;
};

// A moving average with weight 2^−shift for the new value.
static inline uint64_t mqoe_cake_average(uint64_t average, uint64_t value, uint32_t shift) {
    return average - (average >> shift) + (value >> shift);
}

// The queue's bytes were `before`; keeps the heap, if there is one.
static inline void mqoe_cake_resized(struct mqoe_cake_op *op, uint32_t flow, uint32_t before) {
    struct mqoe_cake *q = op->q;
    if (!q->heap_dequeues)
        return;
    uint32_t bytes = mqoe_cake_flow(op->store, flow)->bytes;
    if (before && bytes > before) {
        q->heap = mqoe_cake_heap_raise(op->store, q->heap, flow);
        return;
    }
    if (before)
        q->heap = mqoe_cake_heap_remove(op->store, q->heap, flow);
    if (bytes)
        q->heap = mqoe_cake_heap_insert(op->store, q->heap, flow);
}

// Tins take turns only without a rate; with one, their deficits stay as they are.
static inline void mqoe_cake_tin_pays(struct mqoe_cake_op *op, const struct mqoe_cake_tin *t,
                                      uint32_t bytes) {
    if (!op->shaper->rate)
        op->q->tin_deficit[t->number] -= (int32_t)bytes;
}

// A flow's next turn in bytes: less where its hosts have many bulk flows. Sixteen random bits make the
// rounding right on average.
static inline int32_t mqoe_cake_quantum(const struct mqoe_cake_op *op, const struct mqoe_cake_tin *t,
                                        const struct mqoe_cake_flow *f) {
    uint32_t dither = mqoe_random_u32(&op->pool->random) >> 16;
    return (int32_t)((t->flow_quantum * mqoe_cake_host_share(op->store, f) + dither) >> 16);
}

// Takes frames off the fattest queues until the memory limit is kept.
void mqoe_cake_overflow(struct mqoe_cake_op *op);

// Accounts a frame of `tin` that was taken out of its queue and is not delivered. In ingress mode it costs
// rate nevertheless.
void mqoe_cake_discard(struct mqoe_cake_op *op, struct mqoe_cake_tin *tin, struct mqoe_frame *frame,
                       enum mqoe_drop_cause cause);

// Takes the oldest frame out of a queue; NULL when it is empty.
static inline struct mqoe_frame *mqoe_cake_pop(struct mqoe_cake_op *op, struct mqoe_cake_tin *t,
                                               uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    uint32_t before = f->bytes;
    struct mqoe_frame *frame = mqoe_queue_pop(&f->frames, &f->bytes, op->stats);
    if (!frame)
        return NULL;
    t->backlog_packets--;
    t->backlog_bytes -= frame->len;
    mqoe_cake_resized(op, flow, before);
    return frame;
}

// Advances the tin's clock for a frame that was sent or, in ingress mode, dropped.
static inline void mqoe_cake_charge(struct mqoe_cake_op *op, const struct mqoe_cake_tin *t,
                                    const struct mqoe_frame *frame) {
    struct mqoe_cake_account *a = mqoe_cake_account(op->store, t->account);
    uint64_t duration = frame->shaped_len * t->rate_ns >> t->shift;
    if (a->next < op->now)
        a->next += duration;
    else if (a->next < op->now + duration)
        a->next = op->now + duration;
}

// Removes a tin without queues; its account stays.
void mqoe_cake_close_tin(struct mqoe_cake_op *op, uint32_t tin);

struct mqoe_frame *mqoe_cake_serve(struct mqoe_cake_op *op);

// An instance without frames gives back what it no longer needs, and sets when to look again.
void mqoe_cake_rest(struct mqoe_cake_op *op);

// The last frame is gone: after an interval without another one mqoe_cake_rest has something to do.
void mqoe_cake_linger(struct mqoe_cake_op *op);
