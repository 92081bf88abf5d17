// What the leaves of one reactor share: flow records and histograms, given out when traffic needs them, so
// that tens of thousands of clients cost what the busy ones use.
//
// Memory of one fq_codel leaf: idle 504 bytes (struct mqoe_leaf 424; its reserve flow 64 and that flow's
// share of the index, at most 16); with 32 flows and a histogram in use 32 · 80 + 1,728 more, 4.6 KB.
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
    uint32_t idle_head, idle_tail; // flows without frames that still remember their CoDel state, oldest first
    uint32_t next_owner;
    uint32_t salt;
    struct mqoe_cake_store cake;
    struct mqoe_random random; // for whatever discipline needs chance
    struct mqoe_histogram *histograms, *free_histogram;
    uint64_t flows_exhausted;      // packets that had to share their instance's reserve queue
    uint64_t histograms_exhausted; // leaf intervals whose percentiles are their maximum
};

// Allocates all of it. Returns 0 or −ENOMEM, −EINVAL with *e filled.
int mqoe_sqm_pool_init(struct mqoe_sqm_pool *pool, const struct mqoe_sqm_pool_config *config,
                       struct mqoe_error *e);
void mqoe_sqm_pool_free(struct mqoe_sqm_pool *pool);

// ---- for disciplines ----

// A new owner of flows; each instance of a discipline has one.
uint32_t mqoe_pool_owner(struct mqoe_sqm_pool *pool);

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

// A histogram, all zero; NULL (and counted) when none is left.
struct mqoe_histogram *mqoe_pool_histogram(struct mqoe_sqm_pool *pool);
void mqoe_pool_histogram_release(struct mqoe_sqm_pool *pool, struct mqoe_histogram *histogram);
