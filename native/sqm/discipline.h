// The queue disciplines behind one small interface. A tagged union and a switch rather than function
// pointers: the branch is predicted, the call can be inlined, and the state stands in the leaf without
// another cache miss.
//
// To add a discipline: its config and state into the two unions, one case in each function of discipline.c.
#pragma once

#include "sqm/cake.h"
#include "sqm/cobalt_fifo.h"
#include "sqm/codel_fifo.h"
#include "sqm/dualpi2.h"
#include "sqm/fq_codel.h"
#include "sqm/pfifo.h"
#include "sqm/shaper.h"
#include "sqm/tin_stats.h"

// The numbers are those of the records (dp_tin.discipline in native/record/records.def).
enum mqoe_discipline_kind {
    MQOE_NONE,
    MQOE_PFIFO,
    MQOE_FQ_CODEL,
    MQOE_CAKE,
    MQOE_CODEL,
    MQOE_COBALT,
    MQOE_BFIFO,
    MQOE_DUALPI2,
};

struct mqoe_discipline_config {
    enum mqoe_discipline_kind kind;
    union {
        struct mqoe_pfifo_config pfifo;
        struct mqoe_fq_codel_config fq_codel;
        struct mqoe_cake_config cake;
        struct mqoe_codel_config codel;
        struct mqoe_cobalt_config cobalt;
        struct mqoe_bfifo_config bfifo;
        struct mqoe_dualpi2_config dualpi2;
    };
};

struct mqoe_discipline {
    enum mqoe_discipline_kind kind;
    union {
        struct mqoe_pfifo pfifo; // also bfifo, and `none`, without a limit
        struct mqoe_fq_codel fq_codel;
        struct mqoe_cake cake;
        struct mqoe_codel_fifo codel;
        struct mqoe_cobalt_fifo cobalt;
        struct mqoe_dualpi2 dualpi2;
    };
};

// Is the config one that can run? Returns 0, or −EINVAL with *e saying what is wrong and what is allowed.
int mqoe_discipline_check(const struct mqoe_discipline_config *config, struct mqoe_error *e);

// Starts an empty queue with a checked config. Returns 0, or −ENOMEM when the pool has no room for another
// instance.
int mqoe_discipline_init(struct mqoe_discipline *d, const struct mqoe_discipline_config *config,
                         struct mqoe_sqm_pool *pool, struct mqoe_error *e);

// True when the new config was taken over with the queue as it stands; false when it needs another queue (a
// different discipline or number of flows), and nothing changed. A smaller limit drops at once;
// pfifo and bfifo, as in Linux, only refuse newcomers until they have drained.
bool mqoe_discipline_set(struct mqoe_discipline *d, const struct mqoe_discipline_config *config,
                         struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                         struct mqoe_frame_list *dropped);

// The shaper has another rate, or the discipline was started or set: CAKE's parameters follow the rate. What
// is above its memory limit comes back in `dropped`.
void mqoe_discipline_rate(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool, struct mqoe_shaper *shaper,
                          struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);

// Takes a frame whose `time` is its arrival. Frames over a limit come back in `dropped`: this one or older
// ones. `shaper` is the leaf's; only CAKE charges it itself, for drops in ingress mode, and sets its rate
// (autorate-ingress).
static inline void mqoe_discipline_enqueue(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool,
                                           struct mqoe_shaper *shaper, struct mqoe_frame *frame,
                                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    switch (d->kind) {
    case MQOE_CAKE:
        mqoe_cake_enqueue(&d->cake, pool, shaper, frame, stats, dropped);
        break;
    case MQOE_FQ_CODEL:
        mqoe_fq_codel_enqueue(&d->fq_codel, pool, frame, stats, dropped);
        break;
    case MQOE_CODEL:
        mqoe_codel_fifo_enqueue(&d->codel, frame, stats, dropped);
        break;
    case MQOE_COBALT:
        mqoe_cobalt_fifo_enqueue(&d->cobalt, frame, stats, dropped);
        break;
    case MQOE_DUALPI2:
        mqoe_dualpi2_enqueue(&d->dualpi2, frame, &pool->random, stats, dropped);
        break;
    default:
        mqoe_pfifo_enqueue(&d->pfifo, frame, stats, dropped);
    }
}

// The next frame to send at `now`, or NULL when (now) empty. Frames that the AQM discards come back in
// `dropped`.
static inline struct mqoe_frame *
mqoe_discipline_dequeue(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool, struct mqoe_shaper *shaper,
                        uint64_t now, struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    switch (d->kind) {
    case MQOE_CAKE:
        return mqoe_cake_dequeue(&d->cake, pool, shaper, now, stats, dropped);
    case MQOE_FQ_CODEL:
        return mqoe_fq_codel_dequeue(&d->fq_codel, pool, now, stats, dropped);
    case MQOE_CODEL:
        return mqoe_codel_fifo_dequeue(&d->codel, now, stats, dropped);
    case MQOE_COBALT:
        return mqoe_cobalt_fifo_dequeue(&d->cobalt, shaper, now, &pool->random, stats, dropped);
    case MQOE_DUALPI2:
        return mqoe_dualpi2_dequeue(&d->dualpi2, now, &pool->random, stats, dropped);
    default:
        return mqoe_pfifo_dequeue(&d->pfifo, stats);
    }
}

// Hands over everything that is held, per-flow order kept, and returns all state to the pool; the discipline
// must be initialised again before its next use. The backlog in `stats` becomes 0.
void mqoe_discipline_drain(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool,
                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *frames);

// Steps that bring into the cache what an enqueue of `frame` will touch beyond the instance itself. Whoever
// has a batch of frames takes all of them through one step before the next, so that the misses overlap. They
// change nothing, and a wrong guess costs nothing but a line.
static inline void mqoe_discipline_prefetch_slot(const struct mqoe_discipline *d,
                                                 const struct mqoe_sqm_pool *pool,
                                                 const struct mqoe_frame *frame) {
    if (d->kind == MQOE_FQ_CODEL)
        mqoe_fq_codel_prefetch_slot(&d->fq_codel, pool, frame->hash);
    else if (d->kind == MQOE_CAKE)
        mqoe_cake_prefetch_slot(&d->cake, &pool->cake, frame);
    else if (d->kind == MQOE_PFIFO)
        __builtin_prefetch(d->pfifo.frames.tail, 1);
}

static inline void mqoe_discipline_prefetch_flow(const struct mqoe_discipline *d,
                                                 const struct mqoe_sqm_pool *pool,
                                                 const struct mqoe_frame *frame) {
    if (d->kind == MQOE_FQ_CODEL)
        mqoe_pool_prefetch_flow(pool, mqoe_fq_codel_likely_flow(&d->fq_codel, pool, frame->hash));
    else if (d->kind == MQOE_CAKE)
        mqoe_cake_prefetch_flow(&d->cake, &pool->cake, frame);
}

static inline void mqoe_discipline_prefetch_tail(const struct mqoe_discipline *d,
                                                 const struct mqoe_sqm_pool *pool,
                                                 const struct mqoe_frame *frame) {
    if (d->kind == MQOE_FQ_CODEL)
        mqoe_pool_prefetch_tail(pool, mqoe_fq_codel_likely_flow(&d->fq_codel, pool, frame->hash));
    else if (d->kind == MQOE_CAKE)
        mqoe_cake_prefetch_tail(&d->cake, &pool->cake, frame);
}

// The same before a dequeue: the flow whose turn it is, then its first frame and the flow after it.
static inline void mqoe_discipline_prefetch_head(const struct mqoe_discipline *d,
                                                 const struct mqoe_sqm_pool *pool) {
    if (d->kind == MQOE_FQ_CODEL) {
        mqoe_pool_prefetch_flow(pool, mqoe_fq_codel_head(&d->fq_codel));
        mqoe_pool_prefetch_flow(pool, d->fq_codel.old_flows.tail); // where a flow goes after its turn
    } else if (d->kind == MQOE_CAKE) {
        mqoe_cake_prefetch_head(&d->cake, &pool->cake);
    } else if (d->kind == MQOE_PFIFO) {
        __builtin_prefetch(d->pfifo.frames.head, 1);
    }
}

static inline void mqoe_discipline_prefetch_first(const struct mqoe_discipline *d,
                                                  const struct mqoe_sqm_pool *pool) {
    if (d->kind == MQOE_CAKE)
        mqoe_cake_prefetch_first(&d->cake, &pool->cake);
    uint32_t flow = d->kind == MQOE_FQ_CODEL ? mqoe_fq_codel_head(&d->fq_codel) : MQOE_NO_FLOW;
    if (flow == MQOE_NO_FLOW)
        return;
    __builtin_prefetch(pool->flows[flow].frames.head, 1);
    mqoe_pool_prefetch_flow(pool, pool->flows[flow].next);
}

// And the frame of CAKE's, whose queues are one step farther away.
static inline void mqoe_discipline_prefetch_frame(const struct mqoe_discipline *d,
                                                  const struct mqoe_sqm_pool *pool) {
    if (d->kind == MQOE_CAKE)
        mqoe_cake_prefetch_frame(&d->cake, &pool->cake);
}

// Does an empty queue still keep flows in its round, for the next call of dequeue to take them off?
static inline bool mqoe_discipline_lingers(const struct mqoe_discipline *d) {
    return d->kind == MQOE_FQ_CODEL &&
           (d->fq_codel.new_flows.head != MQOE_NO_FLOW || d->fq_codel.old_flows.head != MQOE_NO_FLOW);
}

// What the whole instance reports; `stats` and `shaper` are the leaf's.
void mqoe_discipline_stats(const struct mqoe_discipline *d, const struct mqoe_shaper *shaper,
                           const struct mqoe_queue_stats *stats, struct mqoe_qdisc_stats *out);

// What tin number `tin` (of the mode's table; below MQOE_MAX_TINS) reports. False, and nothing written, when
// it has never seen a frame or there is no such tin.
bool mqoe_discipline_tin(const struct mqoe_discipline *d, const struct mqoe_sqm_pool *pool,
                         const struct mqoe_shaper *shaper, const struct mqoe_queue_stats *stats, uint32_t tin,
                         struct mqoe_tin_stats *out);
