// A shaper tree with real leaves and frames on a virtual clock, for tests.
#pragma once

#include "frames.h"
#include "sqm/htb.h"

#define WORLD_MOST  2048u
#define WORLD_FRAME 1514u

struct world {
    struct mqoe_htb tree;
    struct mqoe_htb_plan plans[WORLD_MOST];
    struct mqoe_leaf leaves[WORLD_MOST]; // by node
    struct mqoe_sqm_pool pool;
    struct frame_store store;
    uint32_t count;
    uint64_t now;
    uint64_t sent[WORLD_MOST]; // shaped bytes, by node, inner ones with what is below
    uint64_t packets[WORLD_MOST];
};

static inline struct mqoe_htb_class class_of(uint64_t rate, uint64_t ceil) {
    return (struct mqoe_htb_class){.rate = rate, .ceil = ceil};
}

static inline void world_open(struct world *w) {
    struct mqoe_error e;
    const struct mqoe_sqm_pool_config sizes = {.flows = 16, .histograms = WORLD_MOST, .seed = 1};
    *w = (struct world){.now = 1000 * SECOND};
    assert_int_equal(mqoe_sqm_pool_init(&w->pool, &sizes, &e), 0);
    frame_store_open(&w->store, 16384);
}

static inline uint32_t world_add(struct world *w, uint32_t parent, struct mqoe_htb_class class) {
    assert_true(w->count < WORLD_MOST);
    w->plans[w->count] = (struct mqoe_htb_plan){.class = class, .parent = parent};
    return w->count++;
}

static inline uint32_t world_leaf_with(struct world *w, uint32_t parent, struct mqoe_htb_class class,
                                       const struct mqoe_leaf_config *config) {
    struct mqoe_error e;
    uint32_t node = world_add(w, parent, class);
    assert_int_equal(mqoe_leaf_init(&w->leaves[node], config, &w->pool, w->now, &e), 0);
    w->plans[node].leaf = &w->leaves[node];
    return node;
}

static inline uint32_t world_leaf(struct world *w, uint32_t parent, struct mqoe_htb_class class) {
    const struct mqoe_leaf_config config = {.discipline.kind = MQOE_PFIFO, .discipline.pfifo.limit = 100000};
    return world_leaf_with(w, parent, class, &config);
}

static inline void world_build(struct world *w) {
    struct mqoe_error e = {0};
    if (mqoe_htb_init(&w->tree, w->plans, w->count, WORLD_FRAME, w->now, &e))
        fail_msg("%s: %s (%s)", e.syscall, e.object, e.hint);
}

static inline void world_close(struct world *w) {
    mqoe_htb_free(&w->tree);
    for (uint32_t i = 0; i < w->count; i++) {
        struct mqoe_frame_list frames = {0};
        if (w->plans[i].leaf)
            mqoe_leaf_drain(&w->leaves[i], &frames);
        frame_give_all(&w->store, &frames);
    }
    frame_store_close(&w->store);
    mqoe_sqm_pool_free(&w->pool);
}

static inline void world_enqueue(struct world *w, uint32_t node, struct mqoe_frame *f, uint64_t arrival) {
    struct mqoe_frame_list dropped = {0};
    f->client = node;
    mqoe_leaf_enqueue(&w->leaves[node], f, arrival, &dropped);
    frame_give_all(&w->store, &dropped);
    mqoe_htb_activate(&w->tree, node, arrival);
}

// `count` frames of `len` bytes arrive at the leaf now.
static inline void world_arrive(struct world *w, uint32_t node, uint32_t count, uint32_t len) {
    for (uint32_t i = 0; i < count; i++) {
        struct mqoe_frame *f = frame_make(&w->store, node, len, 0);
        assert_non_null(f);
        world_enqueue(w, node, f, w->now);
    }
}

// The next departure at or before `until`, or NULL; the clock follows.
static inline struct mqoe_frame *world_next(struct world *w, uint64_t until) {
    struct mqoe_frame_list dropped = {0};
    uint32_t node = MQOE_HTB_NOBODY;
    struct mqoe_frame *f = mqoe_htb_dequeue(&w->tree, until, &node, &dropped);
    frame_give_all(&w->store, &dropped);
    if (!f) {
        w->now = until;
        return NULL;
    }
    assert_true(f->time <= until && f->time >= w->now);
    assert_int_equal(node, f->client);
    w->now = f->time;
    w->packets[node]++;
    for (uint32_t n = node; n != MQOE_HTB_NOBODY; n = w->plans[n].parent)
        w->sent[n] += f->shaped_len;
    return f;
}

// Runs until `until` with every frame that leaves put back at once: who has frames is saturated.
static inline void world_circulate(struct world *w, uint64_t until) {
    for (struct mqoe_frame *f; (f = world_next(w, until));)
        world_enqueue(w, f->client, f, f->time);
}

static inline double world_rate(const struct world *w, uint32_t node, uint64_t time) {
    return (double)w->sent[node] * 8e9 / (double)time;
}
