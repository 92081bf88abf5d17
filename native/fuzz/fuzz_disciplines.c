// fuzz-sources: sqm/leaf.c sqm/discipline.c sqm/fq_codel.c sqm/codel.c sqm/pfifo.c sqm/pool.c
// fuzz-sources: sqm/cake.c sqm/cake_dequeue.c sqm/cake_flows.c sqm/cake_heap.c sqm/cake_store.c
// fuzz-sources: sqm/cake_tins.c sqm/slab.c sqm/cobalt.c sqm/ack_filter.c sqm/cobalt_fifo.c sqm/codel_fifo.c
// fuzz-sources: sqm/dualpi2.c sqm/histogram.c sqm/shaper.c sqm/framing.c packet/ecn.c packet/checksum.c
// fuzz-sources: record/error.c
//
// The disciplines without flows (pfifo, bfifo, codel, cobalt, dualpi2) under random operations and live
// changes, also from one to another: every frame comes back exactly once, each queue keeps its order, an open
// gate with frames behind it delivers one, limits hold, and what is summed adds up.
#include <stdlib.h>

#include "fuzz/input.h"
#include "sqm/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { FRAMES = 64 };

struct world {
    struct fuzz_input in;
    struct mqoe_frame frames[FRAMES];
    uint8_t bytes[FRAMES][40];
    struct mqoe_frame_list spare, dropped;
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaf;
    uint64_t last[4]; // serial number delivered last, by ECN field on arrival
    uint64_t serial, changed, now;
    uint32_t held;
};

// ---- any config ----

static struct mqoe_codel_config any_codel(struct world *w) {
    return (struct mqoe_codel_config){.target = fuzz_number(&w->in, 3),
                                      .interval = fuzz_number(&w->in, 4),
                                      .ce_threshold = (int64_t)fuzz_number(&w->in, 3) - 1,
                                      .limit = fuzz_byte(&w->in),
                                      .mtu = (uint32_t)fuzz_number(&w->in, 2),
                                      .ecn = fuzz_byte(&w->in) & 1};
}

static struct mqoe_cobalt_config any_cobalt(struct world *w) {
    uint8_t flags = fuzz_byte(&w->in);
    return (struct mqoe_cobalt_config){.target = fuzz_number(&w->in, 3),
                                       .interval = fuzz_number(&w->in, 5),
                                       .limit = fuzz_byte(&w->in),
                                       .mtu = (uint32_t)fuzz_number(&w->in, 2),
                                       .ecn = flags & 1,
                                       .corrected_start = flags & 2};
}

static struct mqoe_dualpi2_config any_dualpi2(struct world *w) {
    static const enum mqoe_dualpi2_ecn masks[] = {MQOE_DUALPI2_L4S, MQOE_DUALPI2_ANY, MQOE_DUALPI2_NONE,
                                                  MQOE_DUALPI2_L4S};
    uint8_t flags = fuzz_byte(&w->in);
    return (struct mqoe_dualpi2_config){.limit = fuzz_byte(&w->in),
                                        .memory_limit = fuzz_number(&w->in, 1) * 1024,
                                        .target = fuzz_number(&w->in, 3),
                                        .tupdate = fuzz_number(&w->in, 3),
                                        .alpha = (uint32_t)fuzz_number(&w->in, 2),
                                        .beta = (uint32_t)fuzz_number(&w->in, 3),
                                        .step_threshold = fuzz_number(&w->in, 3),
                                        .step_in_packets = flags & 1,
                                        .min_qlen_step = fuzz_byte(&w->in) % 8,
                                        .coupling = fuzz_byte(&w->in) % 8,
                                        .classic_protection = fuzz_byte(&w->in) % 128,
                                        .ecn_mask = masks[flags >> 1 & 3],
                                        .drop_on_overload = flags & 8,
                                        .drop_early = flags & 16,
                                        .mtu = (uint32_t)fuzz_number(&w->in, 2)};
}

static struct mqoe_leaf_config any_config(struct world *w) {
    static const uint64_t rates[] = {0, 64000, 1000000, 20000000, 1000000000, 400000000000};
    static const enum mqoe_discipline_kind kinds[] = {MQOE_PFIFO, MQOE_CODEL, MQOE_COBALT, MQOE_BFIFO,
                                                      MQOE_DUALPI2};
    struct mqoe_leaf_config c = {.rate = rates[fuzz_byte(&w->in) % 6]};
    c.discipline.kind = kinds[fuzz_byte(&w->in) % 5];
    switch (c.discipline.kind) {
    case MQOE_PFIFO:
        c.discipline.pfifo.limit = fuzz_byte(&w->in);
        break;
    case MQOE_CODEL:
        c.discipline.codel = any_codel(w);
        break;
    case MQOE_COBALT:
        c.discipline.cobalt = any_cobalt(w);
        break;
    case MQOE_BFIFO:
        c.discipline.bfifo.limit = (uint32_t)fuzz_number(&w->in, 2);
        break;
    default:
        c.discipline.dualpi2 = any_dualpi2(w);
    }
    return c;
}

// ---- operations ----

static void give_back(struct world *w, struct mqoe_frame *f) {
    CHECK(f->stage == 1); // it was in the leaf, and is handed over for the first time
    f->stage = 0;
    w->held--;
    mqoe_frame_list_push(&w->spare, f);
}

static void take_dropped(struct world *w) {
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&w->dropped)); give_back(w, f))
        CHECK(f->cause == MQOE_DROP_AQM || f->cause == MQOE_DROP_OVERFLOW);
}

static void enqueue(struct world *w) {
    struct mqoe_frame *f = mqoe_frame_list_pop(&w->spare);
    if (!f)
        return;
    uint8_t what = fuzz_byte(&w->in);
    uint32_t len = 14 + (uint32_t)fuzz_number(&w->in, 2) % 2035;
    uint64_t back = what & 0x40 ? fuzz_number(&w->in, 2) : 0;
    *f = (struct mqoe_frame){.data = f->data, .len = len, .stage = 1};
    f->family = what & 0x80 ? 4 : 6;
    f->tos = what & 0x3f;
    f->user = ++w->serial << 2 | (what & 3);
    w->held++;
    mqoe_leaf_enqueue(&w->leaf, f, w->now - back, &w->dropped);
}

// Frames that came after the last change leave each queue in order: dualpi2 has one or two, by ECN.
static void check_order(struct world *w, const struct mqoe_frame *f) {
    uint64_t serial = f->user >> 2;
    uint64_t *last = &w->last[w->leaf.discipline.kind == MQOE_DUALPI2 ? f->user & 3 : 0];
    CHECK(serial <= w->changed || serial > *last);
    if (serial > w->changed)
        *last = serial;
}

static void dequeue(struct world *w) {
    uint64_t next_at = 1;
    bool open = mqoe_leaf_next(&w->leaf) <= w->now;
    struct mqoe_frame *f = mqoe_leaf_dequeue(&w->leaf, w->now, &next_at, &w->dropped);
    CHECK(next_at == mqoe_leaf_next(&w->leaf));
    CHECK(!open == !f); // none of these drops the last of its frames
    if (f && w->leaf.discipline.kind == MQOE_DUALPI2)
        CHECK(w->leaf.discipline.dualpi2.next_update > w->now);
    if (!f)
        return;
    CHECK(f->cause == MQOE_DROP_NONE);
    check_order(w, f);
    give_back(w, f);
}

static void change(struct world *w) {
    struct mqoe_leaf_config c = any_config(w);
    struct mqoe_error e;
    if (mqoe_leaf_change(&w->leaf, &c, w->now, &w->dropped, &e))
        CHECK(e.errnum && e.object[0] && e.hint[0]);
    else
        w->changed = w->serial;
    for (int i = 0; i < 4; i++)
        w->last[i] = 0;
}

// ---- what always holds ----

static void check_dualpi2(const struct mqoe_dualpi2 *q, const struct mqoe_queue_stats *s) {
    CHECK(q->classic.packets + q->l4s.packets == s->backlog_packets);
    CHECK(q->classic.bytes + q->l4s.bytes == s->backlog_bytes);
    CHECK(s->backlog_packets <= q->limit);
    CHECK(abs(q->credit) <= 100 * 65536 + 100 * 2048); // the start, and one frame beyond
}

static void check_leaf(const struct world *w) {
    const struct mqoe_queue_stats *s = &w->leaf.stats;
    const struct mqoe_discipline *d = &w->leaf.discipline;
    CHECK(s->backlog_packets == w->held);
    CHECK(s->in_packets == s->out_packets + s->drop_aqm + s->drop_overflow + s->backlog_packets);
    CHECK((s->backlog_packets == 0) == (s->backlog_bytes == 0));
    if (d->kind == MQOE_DUALPI2)
        check_dualpi2(&d->dualpi2, s);
    if (d->kind == MQOE_CODEL)
        CHECK(s->backlog_packets <= d->codel.limit && d->codel.bytes == s->backlog_bytes);
    if (d->kind == MQOE_COBALT)
        CHECK(s->backlog_packets <= d->cobalt.limit && d->cobalt.bytes == s->backlog_bytes &&
              d->cobalt.unresponsive == (d->cobalt.cobalt.p_drop != 0));
}

static void step(struct world *w) {
    uint8_t op = fuzz_byte(&w->in);
    uint64_t before = w->leaf.stats.backlog_bytes;
    switch (op & 15) {
    case 0 ... 6:
        enqueue(w);
        if (w->leaf.discipline.kind == MQOE_BFIFO && w->leaf.stats.backlog_bytes != before)
            CHECK(w->leaf.stats.backlog_bytes <= w->leaf.discipline.pfifo.limit_bytes);
        break;
    case 7 ... 11:
        dequeue(w);
        break;
    case 12:
        w->now += fuzz_number(&w->in, 2);
        break;
    case 13:
        w->now += fuzz_number(&w->in, 4);
        break;
    case 14:
        w->now += fuzz_number(&w->in, 1) << 32; // long rests and stalls, up to 18 minutes each
        break;
    default:
        change(w);
    }
    take_dropped(w);
    check_leaf(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct world w;
    struct mqoe_error e;
    w = (struct world){.in = {input, input + size}};
    w.now = fuzz_number(&w.in, 6) + (1 << 16);
    for (int i = 0; i < FRAMES; i++) {
        w.frames[i].data = w.bytes[i];
        mqoe_frame_list_push(&w.spare, &w.frames[i]);
    }
    CHECK(mqoe_sqm_pool_init(&w.pool, &(struct mqoe_sqm_pool_config){.flows = 2, .seed = 1}, &e) == 0);
    struct mqoe_leaf_config c = any_config(&w);
    if (mqoe_leaf_init(&w.leaf, &c, &w.pool, w.now, &e) == 0) {
        struct mqoe_frame_list rest = {0};
        while (w.in.at < w.in.end)
            step(&w);
        mqoe_leaf_drain(&w.leaf, &rest);
        for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&rest)); give_back(&w, f))
            CHECK(f->cause == MQOE_DROP_NONE);
        CHECK(w.held == 0 && w.leaf.stats.backlog_bytes == 0);
    }
    mqoe_sqm_pool_free(&w.pool);
    return 0;
}
