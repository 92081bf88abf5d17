// fuzz-sources: sqm/leaf.c sqm/discipline.c sqm/fq_codel.c sqm/codel.c sqm/pfifo.c sqm/pool.c
// fuzz-sources: sqm/cake.c sqm/cake_dequeue.c sqm/cake_flows.c sqm/cake_heap.c sqm/cake_store.c
// fuzz-sources: sqm/cake_tins.c sqm/slab.c sqm/cobalt.c sqm/ack_filter.c sqm/cobalt_fifo.c sqm/codel_fifo.c
// fuzz-sources: sqm/dualpi2.c
// fuzz-sources: sqm/histogram.c sqm/shaper.c sqm/framing.c packet/ecn.c packet/checksum.c record/error.c
//
// Random operations on two leaves that share a pool too small for them: every frame comes back exactly once,
// flows keep their order, departures their time, limits and accounts hold, and the pool is whole afterwards.
#include <stdlib.h>
#include <string.h>

#include "fuzz/input.h"
#include "sqm/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { FRAMES = 96, FLOWS = 16, LEAVES = 2 };

struct world {
    struct fuzz_input in;
    struct mqoe_frame frames[FRAMES];
    uint8_t bytes[FRAMES][40];
    struct mqoe_frame_list spare, dropped;
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaves[LEAVES];
    uint64_t last[LEAVES][FLOWS], departed[LEAVES];
    uint32_t held[LEAVES];
    uint64_t serial, now;
};

static struct mqoe_leaf_config any_config(struct world *w) {
    static const uint64_t rates[] = {0, 512, 64000, 1000000, 20000000, 1000000000, 400000000000};
    struct mqoe_leaf_config c = {.rate = rates[fuzz_byte(&w->in) % 7]};
    c.framing =
        (struct mqoe_framing){fuzz_byte(&w->in) % 3, fuzz_byte(&w->in) % 3,
                              (int16_t)((int)fuzz_number(&w->in, 1) - 70), (uint16_t)(2 * fuzz_byte(&w->in))};
    c.discipline.kind = fuzz_byte(&w->in) % 4;
    if (c.discipline.kind == MQOE_PFIFO)
        c.discipline.pfifo.limit = fuzz_byte(&w->in);
    else if (c.discipline.kind == MQOE_FQ_CODEL)
        c.discipline.fq_codel = (struct mqoe_fq_codel_config){
            .target = fuzz_number(&w->in, 3),
            .interval = fuzz_number(&w->in, 4),
            .ce_threshold = (int64_t)fuzz_number(&w->in, 3) - 1,
            .memory_limit = fuzz_number(&w->in, 1) * 1024,
            .quantum = (uint32_t)fuzz_number(&w->in, 2),
            .flows = fuzz_byte(&w->in),
            .limit = fuzz_byte(&w->in),
            .mtu = (uint32_t)fuzz_number(&w->in, 2),
            .drop_batch = fuzz_byte(&w->in),
            .ecn = fuzz_byte(&w->in) & 1,
        };
    return c;
}

static void give_back(struct world *w, struct mqoe_frame *f) {
    CHECK(f->stage == 1); // it was in a leaf, and is handed over for the first time
    f->stage = 0;
    w->held[f->client]--;
    mqoe_frame_list_push(&w->spare, f);
}

static void take_dropped(struct world *w) {
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&w->dropped)); give_back(w, f))
        CHECK(f->cause == MQOE_DROP_AQM || f->cause == MQOE_DROP_OVERFLOW);
}

static void enqueue(struct world *w, uint32_t leaf) {
    struct mqoe_frame *f = mqoe_frame_list_pop(&w->spare);
    if (!f)
        return;
    uint8_t what = fuzz_byte(&w->in);
    uint32_t len = 14 + (uint32_t)fuzz_number(&w->in, 2) % 2035;
    uint64_t back = fuzz_byte(&w->in) & 1 ? 0 : fuzz_number(&w->in, 2);
    *f = (struct mqoe_frame){
        .data = f->data, .len = len, .hash = (what % FLOWS) * 0x10000001u, .client = leaf, .stage = 1};
    f->user = w->serial++ << 8 | what % FLOWS;
    f->family = what & 0x80 ? 4 : what & 0x40 ? 6 : 0;
    f->tos = what >> 4 & 3;
    w->held[leaf]++;
    mqoe_leaf_enqueue(&w->leaves[leaf], f, w->now - back, &w->dropped);
}

static void dequeue(struct world *w, uint32_t leaf) {
    uint64_t next_at = 1;
    struct mqoe_frame *f = mqoe_leaf_dequeue(&w->leaves[leaf], w->now, &next_at, &w->dropped);
    CHECK(next_at == mqoe_leaf_next(&w->leaves[leaf]));
    CHECK(f || next_at > w->now); // nothing now: so it says when, or never
    if (!f)
        return;
    CHECK(f->client == leaf && f->time <= w->now);
    uint64_t *last = &w->last[leaf][f->user & 0xff];
    CHECK(*last <= f->user);
    *last = f->user;
    give_back(w, f);
}

static void change(struct world *w, uint32_t leaf) {
    struct mqoe_leaf_config c = any_config(w);
    struct mqoe_error e;
    struct mqoe_queue_stats before = w->leaves[leaf].stats;
    if (mqoe_leaf_change(&w->leaves[leaf], &c, w->now, &w->dropped, &e))
        CHECK(e.errnum && e.object[0] && e.hint[0] &&
              !memcmp(&before, &w->leaves[leaf].stats, sizeof before));
}

static void interval(struct world *w, uint32_t leaf) {
    struct mqoe_sojourn s;
    mqoe_leaf_interval(&w->leaves[leaf], &s);
    CHECK(s.p50 <= s.p99 && s.p99 <= s.max && (s.count || !s.max));
}

static void check_leaf(const struct world *w, uint32_t leaf) {
    const struct mqoe_queue_stats *s = &w->leaves[leaf].stats;
    CHECK(s->backlog_packets == w->held[leaf]);
    CHECK(s->in_packets == s->out_packets + s->drop_aqm + s->drop_overflow + s->backlog_packets);
    CHECK((s->backlog_packets == 0) == (s->backlog_bytes == 0));
    if (w->leaves[leaf].discipline.kind == MQOE_FQ_CODEL)
        CHECK(s->backlog_packets <= w->leaves[leaf].discipline.fq_codel.limit);
}

static void step(struct world *w) {
    uint8_t op = fuzz_byte(&w->in);
    uint32_t leaf = op >> 7;
    switch (op & 15) {
    case 0 ... 6:
        enqueue(w, leaf);
        break;
    case 7 ... 11:
        dequeue(w, leaf);
        break;
    case 12:
        w->now += fuzz_number(&w->in, 2);
        break;
    case 13:
        w->now += fuzz_number(&w->in, 4);
        break;
    case 14:
        change(w, leaf);
        break;
    default:
        interval(w, leaf);
    }
    take_dropped(w);
    check_leaf(w, 0);
    check_leaf(w, 1);
}

static bool open_world(struct world *w, const uint8_t *input, size_t size) {
    struct mqoe_error e;
    *w = (struct world){.in = {input, input + size}};
    w->now = fuzz_number(&w->in, 6) + (1 << 16);
    for (int i = 0; i < FRAMES; i++) {
        w->frames[i].data = w->bytes[i];
        mqoe_frame_list_push(&w->spare, &w->frames[i]);
    }
    struct mqoe_sqm_pool_config pool = {
        .flows = 6 + fuzz_byte(&w->in) % 32, .histograms = fuzz_byte(&w->in) % 3, .seed = 1};
    CHECK(mqoe_sqm_pool_init(&w->pool, &pool, &e) == 0);
    struct mqoe_leaf_config c = any_config(w);
    int opened = 0;
    while (opened < LEAVES && !mqoe_leaf_init(&w->leaves[opened], &c, &w->pool, w->now, &e))
        opened++;
    if (opened == 0)
        mqoe_sqm_pool_free(&w->pool);
    return opened != 0;
}

static void close_world(struct world *w) {
    uint32_t free_flows = 0;
    for (uint32_t leaf = 0; leaf < LEAVES; leaf++) {
        struct mqoe_frame_list rest = {0};
        mqoe_leaf_drain(&w->leaves[leaf], &rest);
        for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&rest));)
            give_back(w, f);
        CHECK(w->held[leaf] == 0 && w->leaves[leaf].stats.backlog_bytes == 0);
    }
    free_flows += w->pool.flow_count - w->pool.fresh_flow; // never used
    for (uint32_t i = w->pool.free_flow; i != MQOE_NO_FLOW; i = w->pool.flows[i].next)
        free_flows++;
    CHECK(free_flows == w->pool.flow_count);
    for (uint32_t i = 0; i <= w->pool.index_mask; i++)
        CHECK(w->pool.index[i] == MQOE_NO_FLOW);
    mqoe_sqm_pool_free(&w->pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct world w;
    if (!open_world(&w, input, size))
        return 0;
    while (w.in.at < w.in.end)
        step(&w);
    close_world(&w);
    return 0;
}
