// What the leaves of one reactor share: flow records and histograms, given out when traffic needs them, so
// that tens of thousands of clients cost what the busy ones use.
//
// Memory of one fq_codel leaf: idle 512 bytes (struct mqoe_leaf 432; its reserve flow 64 and that flow's
// share of the index, at most 16); with 32 flows and a histogram that has seen every power of two 32 · 80 +
// 1,920 more, 4.9 KB; mostly a histogram is one or two groups of powers of two, 384 bytes each.
// test_fq_codel.c holds it to that.
#pragma once

#include "packet/random.h"
#include "record/error.h"
#include "sqm/cake_store.h"
#include "sqm/flow.h"
#include "sqm/histogram.h"

// How many flow records: one for each leaf's reserve, and one for each queue in use. Queues with frames are
// at most as many as the reactor has frames; those that have just emptied keep theirs until their turn comes
// round. If all are taken, packets share their leaf's reserve queue: slower to tell flows apart, never lost.
struct mqoe_sqm_pool_config {
    uint32_t flows;      // records; frames + leaves is ample
    uint32_t histograms; // leaves that may deliver within one interval with exact percentiles
    uint64_t seed;       // of the index's hash, and of the disciplines' random numbers
    uint32_t cake_tins;  // tins of CAKE instances; 0 = eight for each flow record. Never touched, never paid
};

struct mqoe_sqm_pool {
    struct mqoe_flow *flows;
    uint32_t *index;     // heads of hash chains, (owner, bucket) → flow
    uint32_t index_mask; // entries − 1
    uint32_t flow_count, free_flow;
    uint32_t fresh_flow;           // records from here on were never used
    uint32_t idle_head, idle_tail; // flows without frames that still remember their CoDel state, oldest first
    uint32_t next_owner;
    uint32_t salt;
    struct mqoe_cake_store cake;
    struct mqoe_random random; // for whatever discipline needs chance
    struct mqoe_histogram_store histograms;
    uint64_t flows_exhausted;      // packets that had to share their instance's reserve queue
    uint64_t histograms_exhausted; // leaf intervals whose percentiles are their maximum
};

// Allocates all of it. Returns 0 or −ENOMEM, −EINVAL with *e filled.
int mqoe_sqm_pool_init(struct mqoe_sqm_pool *pool, const struct mqoe_sqm_pool_config *config,
                       struct mqoe_error *e);
void mqoe_sqm_pool_free(struct mqoe_sqm_pool *pool);

// Touches what `leaves` busy leaves are sure to use, so that their first use is no page fault in the loop: 32
// flows, two tins and two groups of a histogram for each, of FQ-CoDel's or CAKE's records or both. More is
// touched when it is needed, 4 KiB at a time.
void mqoe_sqm_pool_ready(struct mqoe_sqm_pool *pool, uint32_t leaves, bool fq_codel, bool cake);

// ---- for disciplines ----

// A new owner of flows; each instance of a discipline has one.
uint32_t mqoe_pool_owner(struct mqoe_sqm_pool *pool);

// Where the index keeps the chain of (owner, bucket).
static inline uint32_t mqoe_pool_slot(const struct mqoe_sqm_pool *pool, uint32_t owner, uint32_t bucket) {
    uint64_t h = (owner ^ pool->salt) * UINT64_C(0x9e3779b97f4a7c15) + bucket * UINT64_C(0xc2b2ae3d27d4eb4f);
    h ^= h >> 29;
    return (uint32_t)((h * UINT64_C(0xd6e8feb86659fd93)) >> 32) & pool->index_mask;
}

// Steps that bring the record of (owner, bucket), if there is one, and its last frame into the cache; other
// work goes between them, because each reads what the one before has fetched.
static inline void mqoe_pool_prefetch_slot(const struct mqoe_sqm_pool *pool, uint32_t owner,
                                           uint32_t bucket) {
    __builtin_prefetch(&pool->index[mqoe_pool_slot(pool, owner, bucket)], 1);
}

static inline void mqoe_pool_prefetch_flow(const struct mqoe_sqm_pool *pool, uint32_t flow) {
    if (flow != MQOE_NO_FLOW)
        __builtin_prefetch(&pool->flows[flow], 1);
}

static inline void mqoe_pool_prefetch_tail(const struct mqoe_sqm_pool *pool, uint32_t flow) {
    if (flow != MQOE_NO_FLOW)
        __builtin_prefetch(pool->flows[flow].frames.tail, 1);
}

// The record of (owner, bucket), or MQOE_NO_FLOW.
uint32_t mqoe_pool_find(const struct mqoe_sqm_pool *pool, uint32_t owner, uint32_t bucket);

// Takes a record for (owner, bucket), which has none, and indexes it; the oldest idle one when no other is
// left. MQOE_NO_FLOW when all are busy. All but its place in the index is zero.
uint32_t mqoe_pool_take(struct mqoe_sqm_pool *pool, uint32_t owner, uint32_t bucket);

// Takes a record that the index does not know (an instance's reserve), or MQOE_NO_FLOW.
uint32_t mqoe_pool_take_reserve(struct mqoe_sqm_pool *pool, uint32_t owner);

// Returns a record: from no list, without frames.
void mqoe_pool_release(struct mqoe_sqm_pool *pool, uint32_t flow);

// Puts an empty flow aside that still remembers something, and takes it back into use.
void mqoe_pool_idle(struct mqoe_sqm_pool *pool, uint32_t flow);
void mqoe_pool_unidle(struct mqoe_sqm_pool *pool, uint32_t flow);

// Returns all idle flows of `owner` (teardown: walks the pool's idle list).
void mqoe_pool_forget(struct mqoe_sqm_pool *pool, uint32_t owner);
