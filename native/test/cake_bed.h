// One CAKE leaf on a virtual clock, for its tests.
#pragma once

#include "frames.h"

#define CHECK(condition) assert_true(condition)
#include "cake_check.h"

#define MBIT UINT64_C(1000000)

enum { BEST_EFFORT = 0, CS1 = 8 << 2, AF41 = 34 << 2, EF = 46 << 2 }; // TOS values

struct cake_bed {
    struct frame_store store;
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaf;
    struct mqoe_frame_list dropped;
    struct mqoe_random random;
    uint64_t now, next_at;
    uint64_t in, out, gone; // frames
    uint32_t src, dst;      // hosts of the frames to come
};

static inline struct mqoe_leaf_config cake_config(uint64_t rate, enum mqoe_cake_tins tins) {
    return (struct mqoe_leaf_config){
        .rate = rate,
        .discipline = {
            .kind = MQOE_CAKE,
            .cake = {.tins = tins, .isolation = MQOE_CAKE_TRIPLE_ISOLATE, .rtt = 100 * MS, .mtu = 1514}}};
}

static inline void cake_open(struct cake_bed *b, const struct mqoe_leaf_config *c, uint32_t frames,
                             uint32_t flows) {
    struct mqoe_error e;
    *b = (struct cake_bed){.now = 3 * SECOND};
    mqoe_random_seed(&b->random, flows);
    frame_store_open(&b->store, frames);
    const struct mqoe_sqm_pool_config sizes = {.flows = flows, .histograms = 2, .seed = flows};
    assert_int_equal(mqoe_sqm_pool_init(&b->pool, &sizes, &e), 0);
    assert_int_equal(mqoe_leaf_init(&b->leaf, c, &b->pool, b->now, &e), 0);
}

static inline void cake_check_all(const struct cake_bed *b) {
    struct cake_census all = {0};
    check_cake(&b->leaf, &all);
    assert_int_equal(all.records, b->pool.cake.flows.used);
    const struct mqoe_queue_stats *s = &b->leaf.stats;
    assert_int_equal(s->in_packets, s->out_packets + s->drop_aqm + s->drop_overflow + s->backlog_packets);
    assert_int_equal(b->in, b->out + b->gone + s->backlog_packets);
}

// All of the pool came back.
static inline void cake_close(struct cake_bed *b) {
    struct mqoe_frame_list rest = {0};
    cake_check_all(b);
    mqoe_leaf_drain(&b->leaf, &rest);
    assert_int_equal(b->in, b->out + b->gone + frame_give_all(&b->store, &rest));
    const struct mqoe_cake_store *s = &b->pool.cake;
    assert_true(!s->flows.used && !s->hosts.used && !s->tins.used && !s->accounts.used &&
                !s->signalled.used && !s->promised);
    mqoe_sqm_pool_free(&b->pool);
    frame_store_close(&b->store);
}

static inline void cake_take_dropped(struct cake_bed *b) {
    b->gone += frame_give_all(&b->store, &b->dropped);
}

static inline struct mqoe_frame *cake_frame(struct cake_bed *b, uint32_t flow, uint32_t len, uint8_t tos) {
    struct mqoe_frame *f = frame_make(&b->store, flow * 0x9e3779b1u, len, tos);
    assert_non_null(f);
    f->client = flow;
    f->src_host = b->src * 0x85ebca6bu;
    f->dst_host = b->dst * 0xc2b2ae35u;
    return f;
}

static inline void cake_enqueue(struct cake_bed *b, struct mqoe_frame *f) {
    mqoe_leaf_prefetch_slot(&b->leaf, f); // must cope with whatever state there is
    mqoe_leaf_prefetch_flow(&b->leaf, f);
    mqoe_leaf_prefetch_tail(&b->leaf, f);
    mqoe_leaf_enqueue(&b->leaf, f, b->now, &b->dropped);
    b->in++;
    cake_take_dropped(b);
}

static inline void cake_arrive(struct cake_bed *b, uint32_t flow, uint32_t len, uint8_t tos) {
    cake_enqueue(b, cake_frame(b, flow, len, tos));
}

// The frame stays readable until the next arrival.
static inline struct mqoe_frame *cake_depart(struct cake_bed *b) {
    mqoe_leaf_prefetch_head(&b->leaf);
    mqoe_leaf_prefetch_first(&b->leaf);
    struct mqoe_frame *f = mqoe_leaf_dequeue(&b->leaf, b->now, &b->next_at, &b->dropped);
    cake_take_dropped(b);
    assert_true(f || b->next_at > b->now);
    if (f) {
        b->out++;
        frame_give(&b->store, f);
    }
    return f;
}

// Lets the clock run, without arrivals, until the leaf never wants to be asked again; returns how often it
// was.
static inline uint32_t cake_settle(struct cake_bed *b) {
    uint32_t calls = 0;
    while (mqoe_leaf_next(&b->leaf) != MQOE_NEVER) {
        uint64_t next = mqoe_leaf_next(&b->leaf);
        b->now = next > b->now ? next : b->now;
        cake_depart(b);
        assert_true(++calls < 100000);
    }
    return calls;
}
