#include "sqm/pool.h"

#include <errno.h>
#include <string.h>

#include "packet/pages.h"
#include "packet/random.h"

// A reserve flow's bucket: none, it is in no hash chain.
#define NO_BUCKET 0xffffffu

// What a busy leaf is taken to need: mqoe_sqm_pool_ready.
#define LIKELY_FLOWS  32u
#define LIKELY_TINS   2u
#define LIKELY_GROUPS 2u

static uint32_t index_size(uint32_t flows) {
    uint32_t size = 16;
    while (size < 2 * flows)
        size *= 2;
    return size;
}

int mqoe_sqm_pool_init(struct mqoe_sqm_pool *pool, const struct mqoe_sqm_pool_config *config,
                       struct mqoe_error *e) {
    *pool = (struct mqoe_sqm_pool){.flow_count = config->flows,
                                   .free_flow = MQOE_NO_FLOW,
                                   .idle_head = MQOE_NO_FLOW,
                                   .idle_tail = MQOE_NO_FLOW};
    if (!config->flows || config->flows > 1u << 28)
        return mqoe_fail(e, EINVAL, "sqm pool", "1 … 268,435,456 flow records", "%u flows", config->flows);
    uint32_t slots = index_size(config->flows);
    uint64_t seed = config->seed;
    pool->index_mask = slots - 1;
    pool->salt = (uint32_t)mqoe_splitmix64(&seed);
    pool->flows = mqoe_pages_reserve(config->flows * sizeof *pool->flows);
    pool->index = mqoe_pages_alloc(slots * sizeof *pool->index);
    int err = mqoe_histogram_store_init(&pool->histograms, config->histograms);
    if (!pool->flows || !pool->index || err) {
        mqoe_sqm_pool_free(pool);
        return mqoe_fail(e, ENOMEM, "mmap", "fewer clients per reactor, or more memory",
                         "%u flow records, %u histograms", config->flows, config->histograms);
    }
    memset(pool->index, 0xff, slots * sizeof *pool->index);
    mqoe_random_seed(&pool->random, seed);
    uint32_t tins = config->cake_tins ? config->cake_tins : 8 * config->flows;
    err = mqoe_cake_store_init(&pool->cake, config->flows, tins, pool->salt, e);
    if (err)
        mqoe_sqm_pool_free(pool);
    return err;
}

void mqoe_sqm_pool_ready(struct mqoe_sqm_pool *pool, uint32_t leaves, bool fq_codel, bool cake) {
    uint64_t likely = (uint64_t)leaves * LIKELY_FLOWS;
    uint32_t flows = likely < pool->flow_count ? (uint32_t)likely : pool->flow_count;
    mqoe_histogram_store_ready(&pool->histograms, leaves * LIKELY_GROUPS);
    if (fq_codel)
        mqoe_pages_ready(pool->flows, pool->flow_count * sizeof *pool->flows, 0, flows * sizeof *pool->flows);
    if (cake)
        mqoe_cake_store_ready(&pool->cake, flows, leaves * LIKELY_TINS);
}

void mqoe_sqm_pool_free(struct mqoe_sqm_pool *pool) {
    mqoe_cake_store_free(&pool->cake);
    mqoe_pages_free(pool->flows, pool->flow_count * sizeof *pool->flows);
    mqoe_pages_free(pool->index, ((size_t)pool->index_mask + 1) * sizeof *pool->index);
    mqoe_histogram_store_free(&pool->histograms);
    *pool = (struct mqoe_sqm_pool){.free_flow = MQOE_NO_FLOW, .idle_head = MQOE_NO_FLOW};
}

uint32_t mqoe_pool_owner(struct mqoe_sqm_pool *pool) {
    return pool->next_owner++;
}

uint32_t mqoe_pool_find(const struct mqoe_sqm_pool *pool, uint32_t owner, uint32_t bucket) {
    uint32_t i = pool->index[mqoe_pool_slot(pool, owner, bucket)];
    while (i != MQOE_NO_FLOW && (pool->flows[i].owner != owner || pool->flows[i].bucket != bucket))
        i = pool->flows[i].chain;
    return i;
}

static void unindex(struct mqoe_sqm_pool *pool, uint32_t flow) {
    const struct mqoe_flow *f = &pool->flows[flow];
    uint32_t *link = &pool->index[mqoe_pool_slot(pool, f->owner, f->bucket)];
    while (*link != flow)
        link = &pool->flows[*link].chain;
    *link = f->chain;
}

// The record given back last, then one never used (so that a lightly used pool touches little memory), then
// the oldest idle one: what that remembers is worth less than a queue of its own for a busy flow.
static uint32_t take_free(struct mqoe_sqm_pool *pool) {
    if (pool->free_flow == MQOE_NO_FLOW && pool->fresh_flow < pool->flow_count)
        return pool->fresh_flow++;
    if (pool->free_flow == MQOE_NO_FLOW && pool->idle_head != MQOE_NO_FLOW) {
        uint32_t oldest = pool->idle_head;
        mqoe_pool_unidle(pool, oldest);
        mqoe_pool_release(pool, oldest);
    }
    uint32_t flow = pool->free_flow;
    if (flow != MQOE_NO_FLOW)
        pool->free_flow = pool->flows[flow].next;
    return flow;
}

uint32_t mqoe_pool_take(struct mqoe_sqm_pool *pool, uint32_t owner, uint32_t bucket) {
    uint32_t flow = take_free(pool);
    if (flow == MQOE_NO_FLOW)
        return flow;
    uint32_t *slot = &pool->index[mqoe_pool_slot(pool, owner, bucket)];
    pool->flows[flow] = (struct mqoe_flow){.owner = owner, .bucket = bucket, .chain = *slot};
    *slot = flow;
    return flow;
}

uint32_t mqoe_pool_take_reserve(struct mqoe_sqm_pool *pool, uint32_t owner) {
    uint32_t flow = take_free(pool);
    if (flow != MQOE_NO_FLOW)
        pool->flows[flow] = (struct mqoe_flow){.owner = owner, .bucket = NO_BUCKET, .state = MQOE_FLOW_REST};
    return flow;
}

void mqoe_pool_release(struct mqoe_sqm_pool *pool, uint32_t flow) {
    struct mqoe_flow *f = &pool->flows[flow];
    if (f->bucket != NO_BUCKET)
        unindex(pool, flow);
    f->state = MQOE_FLOW_FREE;
    f->next = pool->free_flow;
    pool->free_flow = flow;
}

void mqoe_pool_idle(struct mqoe_sqm_pool *pool, uint32_t flow) {
    struct mqoe_flow *f = &pool->flows[flow];
    f->state = MQOE_FLOW_IDLE;
    f->next = MQOE_NO_FLOW;
    f->prev = pool->idle_tail;
    *(f->prev == MQOE_NO_FLOW ? &pool->idle_head : &pool->flows[f->prev].next) = flow;
    pool->idle_tail = flow;
}

void mqoe_pool_unidle(struct mqoe_sqm_pool *pool, uint32_t flow) {
    const struct mqoe_flow *f = &pool->flows[flow];
    *(f->prev == MQOE_NO_FLOW ? &pool->idle_head : &pool->flows[f->prev].next) = f->next;
    *(f->next == MQOE_NO_FLOW ? &pool->idle_tail : &pool->flows[f->next].prev) = f->prev;
}

void mqoe_pool_forget(struct mqoe_sqm_pool *pool, uint32_t owner) {
    uint32_t next;
    for (uint32_t i = pool->idle_head; i != MQOE_NO_FLOW; i = next) {
        next = pool->flows[i].next;
        if (pool->flows[i].owner == owner) {
            mqoe_pool_unidle(pool, i);
            mqoe_pool_release(pool, i);
        }
    }
}
