// FQ-CoDel (RFC 8290) as Linux does it (reference/algorithms.md §3): flow queues by hash, deficit round robin
// with priority for new flows, CoDel on each, and the fattest queue pays on overflow.
#pragma once

#include "sqm/pool.h"
#include "sqm/queue_stats.h"
#include "sqm/tin_stats.h"

struct mqoe_fq_codel_config {
    uint64_t target, interval; // ns
    int64_t ce_threshold;      // ns of sojourn above which ECT packets are marked; −1 = off
    uint64_t memory_limit;     // bytes; each frame counts MQOE_FRAME_MEMORY
    uint32_t quantum;          // bytes, ≥ 256
    uint32_t flows;            // hash buckets, 1 … 65,536
    uint32_t limit;            // packets, ≥ 1
    uint32_t mtu; // largest frame, bytes (layer 2): CoDel leaves a backlog of one alone. 1514 for Ethernet
    uint32_t drop_batch; // packets dropped at most per overflow; 0 = 64
    bool ecn;
};

struct mqoe_fq_codel {
    struct mqoe_codel_params codel;
    uint32_t quantum, buckets, limit, drop_batch;
    uint32_t owner;   // of this instance's flows in the pool's index
    uint32_t reserve; // the flow that takes everybody when the pool has none left
    struct mqoe_flow_list {
        uint32_t head, tail;
    } new_flows, old_flows;
    uint32_t new_flow_count; // times that a flow became a new one
};

// Which of the instance's hash buckets a flow's hash is in.
static inline uint32_t mqoe_fq_codel_bucket(const struct mqoe_fq_codel *q, uint32_t hash) {
    return (uint32_t)(((uint64_t)hash * q->buckets) >> 32);
}

// Before an enqueue: as mqoe_discipline_prefetch_*.
static inline void mqoe_fq_codel_prefetch_slot(const struct mqoe_fq_codel *q,
                                               const struct mqoe_sqm_pool *pool, uint32_t hash) {
    mqoe_pool_prefetch_slot(pool, q->owner, mqoe_fq_codel_bucket(q, hash));
    mqoe_pool_prefetch_flow(pool, q->new_flows.tail); // a new flow is linked behind it
}

static inline uint32_t mqoe_fq_codel_likely_flow(const struct mqoe_fq_codel *q,
                                                 const struct mqoe_sqm_pool *pool, uint32_t hash) {
    return pool->index[mqoe_pool_slot(pool, q->owner, mqoe_fq_codel_bucket(q, hash))];
}

// The flow whose turn it is, MQOE_NO_FLOW when there is none.
static inline uint32_t mqoe_fq_codel_head(const struct mqoe_fq_codel *q) {
    return q->new_flows.head != MQOE_NO_FLOW ? q->new_flows.head : q->old_flows.head;
}

int mqoe_fq_codel_check(const struct mqoe_fq_codel_config *config, struct mqoe_error *e);
int mqoe_fq_codel_init(struct mqoe_fq_codel *q, const struct mqoe_fq_codel_config *config,
                       struct mqoe_sqm_pool *pool, struct mqoe_error *e);
// Takes over all settings but `flows`; what a smaller limit no longer holds is dropped.
void mqoe_fq_codel_set(struct mqoe_fq_codel *q, const struct mqoe_fq_codel_config *config,
                       struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                       struct mqoe_frame_list *dropped);
void mqoe_fq_codel_enqueue(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_frame *frame,
                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
struct mqoe_frame *mqoe_fq_codel_dequeue(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, uint64_t now,
                                         struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
// Adds what FQ-CoDel has to say of its one tin: targets, quantum, flows (new as sparse, old as bulk). Walks
// the active flows.
void mqoe_fq_codel_stats(const struct mqoe_fq_codel *q, const struct mqoe_sqm_pool *pool,
                         struct mqoe_tin_stats *out);
// Hands over all frames and returns all flows to the pool.
void mqoe_fq_codel_drain(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                         struct mqoe_frame_list *frames);
