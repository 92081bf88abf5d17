// fuzz-sources: sqm/leaf.c sqm/discipline.c sqm/fq_codel.c sqm/codel.c sqm/pfifo.c sqm/pool.c
// fuzz-sources: sqm/cake.c sqm/cake_dequeue.c sqm/cake_flows.c sqm/cake_heap.c sqm/cake_store.c
// fuzz-sources: sqm/cake_tins.c sqm/slab.c sqm/cobalt.c sqm/ack_filter.c sqm/cobalt_fifo.c sqm/codel_fifo.c
// fuzz-sources: sqm/dualpi2.c sqm/histogram.c sqm/shaper.c sqm/framing.c packet/ecn.c packet/checksum.c
// fuzz-sources: record/error.c
//
// Random operations on two CAKE instances that share a pool too small for them, with every invariant of their
// records checked after each: every frame comes back exactly once, backlogs add up from queues to tins to the
// instance, host counts and the heap are what the queues say, and the pool is whole afterwards.
#include <stdlib.h>
#include <string.h>

#include "fuzz/input.h"
#include "test/cake_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { FRAMES = 96, FLOWS = 16, LEAVES = 2, BYTES = 256 };

struct world {
    struct fuzz_input in;
    struct mqoe_frame frames[FRAMES];
    uint8_t bytes[FRAMES][BYTES];
    struct mqoe_frame_list spare, dropped;
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaves[LEAVES];
    uint64_t last[LEAVES][FLOWS];
    uint32_t held[LEAVES];
    uint64_t serial, now;
    bool ordered; // only flows that fit their sets, and keep their tin: then their order must hold
};

static struct mqoe_leaf_config any_config(struct world *w) {
    static const uint64_t rates[] = {0, 512, 64000, 1000000, 20000000, 1000000000, 400000000000};
    static const uint64_t rtts[] = {100000, 1000000, 10000000, 100000000, 1000000000, 1000000000000};
    struct mqoe_leaf_config c = {.rate = rates[fuzz_byte(&w->in) % 7]};
    uint8_t bits = fuzz_byte(&w->in);
    c.framing = (struct mqoe_framing){fuzz_byte(&w->in) % 2, fuzz_byte(&w->in) % 3,
                                      (int16_t)((int)fuzz_number(&w->in, 1) - 64), 64};
    c.discipline.kind = MQOE_CAKE;
    c.discipline.cake = (struct mqoe_cake_config){
        .tins = fuzz_byte(&w->in) % 5,
        .isolation = fuzz_byte(&w->in) % 8,
        .ack_filter = fuzz_byte(&w->in) % 3,
        .rtt = rtts[fuzz_byte(&w->in) % 6],
        .memory_limit = fuzz_byte(&w->in) % 64 * UINT64_C(1024), // 1024 is refused
        .mtu = 1514,
        .wash = (bits & 1) && !w->ordered,
        .ingress = bits >> 1 & 1,
        .autorate_ingress = bits >> 2 & 1,
        .corrected_start = bits >> 3 & 1,
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

// A TCP segment of `flow` with an acknowledgement number that grows: something for the ACK filter.
static void write_tcp(struct world *w, struct mqoe_frame *f, uint32_t flow) {
    static const uint8_t head[54] = {2, 0,  0, 0, 0, 1,  2,  0, 0, 0, 0,  2, 8, 0, 0x45, 0,
                                     0, 40, 0, 0, 0, 0,  64, 6, 0, 0, 10, 0, 0, 1, 10,   0,
                                     0, 2,  0, 0, 0, 80, 0,  0, 0, 1, 0,  0, 0, 0, 0x50, 0x10};
    memcpy(f->data, head, sizeof head);
    f->data[34] = (uint8_t)flow;
    memcpy(f->data + 42, &(uint32_t){__builtin_bswap32((uint32_t)w->serial)}, 4);
    f->data[15] = f->tos;
    f->data[17] = (uint8_t)(f->len - 14);
    f->data[16] = (uint8_t)((f->len - 14) >> 8);
    f->data[47] ^= fuzz_byte(&w->in) & 0x42; // ECE, SYN
}

static void enqueue(struct world *w, uint32_t leaf) {
    struct mqoe_frame *f = mqoe_frame_list_pop(&w->spare);
    if (!f)
        return;
    uint8_t what = fuzz_byte(&w->in), flow = what % FLOWS;
    uint32_t len =
        what & 0x10 ? 54 : 60 + (uint32_t)fuzz_number(&w->in, 2) % 1480; // some above mtu and slack
    uint64_t back = fuzz_byte(&w->in) & 1 ? 0 : fuzz_number(&w->in, 2);
    *f = (struct mqoe_frame){.data = f->data, .len = len, .client = leaf, .stage = 1, .l3_offset = 14};
    f->hash = w->ordered ? flow * 0x10000001u : (uint32_t)fuzz_number(&w->in, 2) << 9 | (what & 1);
    f->src_host = flow % 2 * 1024u;
    f->dst_host = flow % 3 * 0x10001u;
    f->user = w->serial++ << 8 | flow;
    f->family = flow & 4 ? 4 : 0; // so that a flow keeps its tin
    f->tos = (uint8_t)(flow << 4 | (what >> 6 & 3));
    if (f->family)
        write_tcp(w, f, flow);
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
    CHECK(*last <= f->user || !w->ordered);
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

static void read_statistics(struct world *w, uint32_t leaf) {
    struct mqoe_qdisc_stats q;
    struct mqoe_tin_stats t;
    uint64_t out = 0, drops = 0;
    mqoe_leaf_qdisc_stats(&w->leaves[leaf], &q);
    CHECK(q.memory_used <= q.memory_limit);
    for (uint32_t i = 0; i < MQOE_MAX_TINS; i++)
        if (mqoe_leaf_tin(&w->leaves[leaf], i, &t)) {
            CHECK(i < q.tins && t.target && t.interval >= 2 * t.target && t.quantum >= 300);
            out += t.out_packets;
            drops += t.drops + t.ack_drops;
        }
    const struct mqoe_queue_stats *s = &w->leaves[leaf].stats; // another mode begins to count anew
    CHECK(out <= s->out_packets && drops + s->drop_oversize <= s->drop_aqm + s->drop_overflow);
}

static void check_world(const struct world *w) {
    struct cake_census all = {0};
    for (uint32_t leaf = 0; leaf < LEAVES; leaf++) {
        const struct mqoe_queue_stats *s = &w->leaves[leaf].stats;
        CHECK(s->backlog_packets == w->held[leaf]);
        CHECK(s->in_packets == s->out_packets + s->drop_aqm + s->drop_overflow + s->backlog_packets);
        check_cake(&w->leaves[leaf], &all);
    }
    CHECK(all.records == w->pool.cake.flows.used);
    CHECK(w->pool.cake.hosts.used <= all.hosts);
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
        read_statistics(w, leaf);
    }
    take_dropped(w);
    check_world(w);
}

static bool open_world(struct world *w, const uint8_t *input, size_t size) {
    struct mqoe_error e;
    *w = (struct world){.in = {input, input + size}};
    w->now = fuzz_number(&w->in, 6) + (1 << 16);
    w->ordered = fuzz_byte(&w->in) & 1;
    for (int i = 0; i < FRAMES; i++) {
        w->frames[i].data = w->bytes[i];
        mqoe_frame_list_push(&w->spare, &w->frames[i]);
    }
    struct mqoe_sqm_pool_config pool = {
        .flows = 2 + fuzz_byte(&w->in) % 32, .histograms = fuzz_byte(&w->in) % 3, .seed = 1, .cake_tins = 24};
    CHECK(mqoe_sqm_pool_init(&w->pool, &pool, &e) == 0);
    struct mqoe_leaf_config c = any_config(w);
    c.discipline.cake.memory_limit &= ~UINT64_C(1024);
    for (int i = 0; i < LEAVES; i++)
        CHECK(mqoe_leaf_init(&w->leaves[i], &c, &w->pool, w->now, &e) == 0);
    return true;
}

static void close_world(struct world *w) {
    for (uint32_t leaf = 0; leaf < LEAVES; leaf++) {
        struct mqoe_frame_list rest = {0};
        mqoe_leaf_drain(&w->leaves[leaf], &rest);
        for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&rest));)
            give_back(w, f);
        CHECK(w->held[leaf] == 0 && w->leaves[leaf].stats.backlog_bytes == 0);
    }
    const struct mqoe_cake_store *s = &w->pool.cake;
    CHECK(!s->flows.used && !s->tins.used && !s->accounts.used && !s->hosts.used && !s->promised);
    for (uint32_t i = 0; i <= s->index_mask; i++)
        CHECK(!s->flow_index[i] && !s->host_index[i]);
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
