// fuzz-sources: sqm/htb.c sqm/htb_build.c sqm/htb_events.c sqm/htb_ring.c
// fuzz-sources: sqm/leaf.c sqm/discipline.c sqm/fq_codel.c sqm/codel.c sqm/pfifo.c sqm/pool.c
// fuzz-sources: sqm/cake.c sqm/cake_dequeue.c sqm/cake_flows.c sqm/cake_heap.c sqm/cake_store.c
// fuzz-sources: sqm/cake_tins.c sqm/slab.c sqm/cobalt.c sqm/ack_filter.c sqm/cobalt_fifo.c sqm/codel_fifo.c
// fuzz-sources: sqm/dualpi2.c
// fuzz-sources: sqm/histogram.c sqm/shaper.c sqm/framing.c packet/ecn.c packet/checksum.c record/error.c
//
// Random operations on a random shaper tree: every frame comes back exactly once, at a time that never goes
// back and is never after now; no node exceeds its ceil by more than its burst and what waiting earns; a tree
// that holds frames always has a next time; and what the tree keeps of its nodes agrees with itself.
#include <stdlib.h>
#include <string.h>

#include "fuzz/input.h"
#include "sqm/htb.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { FRAMES = 128, NODES = 24, MAX_FRAME = 1514 };

struct world {
    struct fuzz_input in;
    struct mqoe_frame frames[FRAMES];
    uint8_t bytes[FRAMES][40];
    struct mqoe_frame_list spare, dropped;
    struct mqoe_sqm_pool pool;
    struct mqoe_htb_plan plans[NODES];
    struct mqoe_leaf leaves[NODES];
    double level[NODES];  // bytes above its ceil so far: a leaky bucket
    uint64_t seen[NODES]; // when `level` was right
    struct mqoe_htb tree;
    uint32_t count, held;
    uint64_t now, departed;
};

static uint64_t any_rate(struct world *w) {
    static const uint64_t rates[] = {512, 64000, 1000000, 20000000, 1000000000, 1000000000000};
    return rates[fuzz_byte(&w->in) % 6] + fuzz_number(&w->in, 2) % 512;
}

static struct mqoe_htb_class any_class(struct world *w, bool root) {
    struct mqoe_htb_class c = {.ceil = any_rate(w)};
    if (c.ceil > 1000000000000)
        c.ceil = 1000000000000;
    uint8_t what = fuzz_byte(&w->in);
    c.rate = root || what & 1 ? c.ceil : what & 2 ? c.ceil / 3 : 0;
    if (c.rate < 512)
        c.rate = root ? c.ceil : 0;
    c.priority = what >> 5;
    c.quantum = what & 4 ? 1000 + fuzz_byte(&w->in) * 100 : 0;
    c.burst = what & 8 ? (uint32_t)fuzz_number(&w->in, 2) : 0;
    return c;
}

static struct mqoe_leaf_config any_leaf(struct world *w) {
    struct mqoe_leaf_config c = {.rate = fuzz_byte(&w->in) & 1 ? any_rate(w) % 400000000000 : 0};
    if (c.rate && c.rate < 512)
        c.rate = 512;
    c.discipline.kind = MQOE_PFIFO;
    c.discipline.pfifo.limit = 1 + fuzz_byte(&w->in);
    if (fuzz_byte(&w->in) & 1) {
        c.discipline.kind = MQOE_FQ_CODEL;
        c.discipline.fq_codel = (struct mqoe_fq_codel_config){.target = 5000000,
                                                              .interval = 20000000,
                                                              .ce_threshold = -1,
                                                              .memory_limit = 1 << 18,
                                                              .quantum = 300,
                                                              .flows = 16,
                                                              .limit = 64,
                                                              .mtu = MAX_FRAME,
                                                              .drop_batch = 4};
    }
    return c;
}

static void take_dropped(struct world *w) {
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&w->dropped)); w->held--) {
        CHECK(f->stage == 1);
        f->stage = 0;
        mqoe_frame_list_push(&w->spare, f);
    }
}

// A frame passes a node: no more than its ceil, its burst and what waiting earns.
static void pass(struct world *w, uint32_t node, uint64_t time, uint32_t bytes) {
    const struct mqoe_htb_class *c = &w->plans[node].class;
    uint32_t frames = node == 0 ? 1 : w->plans[node].leaf ? 3 : 5;
    // Departures are whole nanoseconds: at 1 Tbit/s that is 125 bytes.
    double most = (double)c->burst + frames * (double)MAX_FRAME + (double)c->ceil / 8e9 + 2;
    double drained = w->level[node] - (double)(time - w->seen[node]) * (double)c->ceil / 8e9;
    w->level[node] = (drained > 0 ? drained : 0) + bytes;
    w->seen[node] = time;
    CHECK(w->level[node] <= most * 1.0001);
}

static struct mqoe_frame *dequeue(struct world *w, uint64_t until) {
    uint32_t node = MQOE_HTB_NOBODY;
    struct mqoe_frame *f = mqoe_htb_dequeue(&w->tree, until, &node, &w->dropped);
    take_dropped(w);
    if (!f) {
        CHECK(mqoe_htb_next(&w->tree) > until);
        return NULL;
    }
    CHECK(f->stage == 1 && f->client == node && f->time <= until && f->time >= w->departed);
    w->departed = f->time;
    for (uint32_t n = node; n != MQOE_HTB_NOBODY; n = w->plans[n].parent)
        pass(w, n, f->time, f->shaped_len);
    f->stage = 0;
    w->held--;
    mqoe_frame_list_push(&w->spare, f);
    return f;
}

static void catch_up(struct world *w) {
    while (mqoe_htb_next(&w->tree) < w->now && dequeue(w, w->now))
        ;
}

static uint32_t any_leaf_node(struct world *w) {
    for (uint32_t i = fuzz_byte(&w->in) % w->count;; i = (i + 1) % w->count)
        if (w->plans[i].leaf)
            return i;
}

static void enqueue(struct world *w) {
    struct mqoe_frame *f = mqoe_frame_list_pop(&w->spare);
    if (!f)
        return;
    uint32_t node = any_leaf_node(w);
    catch_up(w);
    *f = (struct mqoe_frame){.data = f->data, .client = node, .stage = 1, .hash = fuzz_byte(&w->in)};
    f->len = 60 + (uint32_t)fuzz_number(&w->in, 2) % (MAX_FRAME - 59);
    w->held++;
    mqoe_leaf_enqueue(&w->leaves[node], f, w->now, &w->dropped);
    take_dropped(w);
    mqoe_htb_activate(&w->tree, node, w->now);
}

static void change_class(struct world *w) {
    uint32_t node = fuzz_byte(&w->in) % w->count;
    struct mqoe_htb_class c = any_class(w, node == 0);
    struct mqoe_error e;
    catch_up(w);
    CHECK(mqoe_htb_change(&w->tree, node, &c, w->now, &e) == 0);
    w->plans[node].class = c;
    w->level[node] = 0; // from here on it is held to the new one
    w->seen[node] = w->now > w->departed ? w->now : w->departed;
}

static void change_leaf(struct world *w) {
    uint32_t node = any_leaf_node(w);
    struct mqoe_leaf_config c = any_leaf(w);
    struct mqoe_error e;
    catch_up(w);
    (void)mqoe_leaf_change(&w->leaves[node], &c, w->now, &w->dropped, &e);
    take_dropped(w);
    mqoe_htb_activate(&w->tree, node, w->now);
}

static void check_tree(const struct world *w) {
    const struct mqoe_htb *t = &w->tree;
    uint32_t held = 0, busy[NODES] = {0};
    for (uint32_t i = 0; i < w->count; i++) {
        const struct mqoe_htb_node *n = &t->nodes[i];
        CHECK(!n->position || (n->position <= t->event_count && t->events[n->position - 1].node == i));
        if (w->plans[i].leaf) {
            held += w->leaves[i].stats.backlog_packets;
            CHECK(n->busy == (w->leaves[i].stats.backlog_packets != 0));
        }
        if (i && n->busy)
            busy[n->parent]++;
        // What is queued is offered to the parent, or waits for its time.
        CHECK(!n->level || !(n->funded | n->borrowing) || n->offered || n->offered_borrows || n->position);
        CHECK(n->level || !n->busy || n->offered || n->offered_borrows || n->position);
    }
    for (uint32_t i = 0; i < w->count; i++)
        CHECK(w->plans[i].leaf || t->nodes[i].busy == busy[i]);
    for (uint32_t i = 1; i < t->event_count; i++)
        CHECK(t->events[(i - 1) / 4].due <= t->events[i].due);
    CHECK(held == w->held && (!held || mqoe_htb_next(t) != MQOE_NEVER));
}

static void step(struct world *w) {
    switch (fuzz_byte(&w->in) & 15) {
    case 0 ... 6:
        enqueue(w);
        break;
    case 7 ... 10:
        dequeue(w, w->now);
        break;
    case 11:
        w->now += fuzz_number(&w->in, 2);
        break;
    case 12:
        w->now += fuzz_number(&w->in, 4);
        break;
    case 13:
        change_leaf(w);
        break;
    case 14:
        change_class(w);
        break;
    default:
        catch_up(w);
    }
    check_tree(w);
}

// A root, then nodes under any inner node before them; the last ones are leaves.
static bool open_world(struct world *w, const uint8_t *input, size_t size) {
    struct mqoe_error e;
    *w = (struct world){.in = {input, input + size}};
    for (int i = 0; i < FRAMES; i++) {
        w->frames[i].data = w->bytes[i];
        mqoe_frame_list_push(&w->spare, &w->frames[i]);
    }
    w->now = fuzz_number(&w->in, 5);
    w->count = 2 + fuzz_byte(&w->in) % (NODES - 1);
    const struct mqoe_sqm_pool_config pool = {.flows = FRAMES + 2 * NODES, .histograms = 4, .seed = 1};
    CHECK(mqoe_sqm_pool_init(&w->pool, &pool, &e) == 0);
    uint32_t inner = 1 + fuzz_byte(&w->in) % (w->count - 1);
    for (uint32_t i = 0; i < w->count; i++) {
        uint32_t above = i < inner ? i : inner;
        w->plans[i].parent = i ? fuzz_byte(&w->in) % above : MQOE_HTB_NOBODY;
        w->plans[i].class = any_class(w, i == 0);
        w->seen[i] = w->now;
        if (i < inner)
            continue;
        struct mqoe_leaf_config c = any_leaf(w);
        CHECK(mqoe_leaf_init(&w->leaves[i], &c, &w->pool, w->now, &e) == 0);
        w->plans[i].leaf = &w->leaves[i];
    }
    return mqoe_htb_init(&w->tree, w->plans, w->count, MAX_FRAME, w->now, &e) == 0; // else: too deep
}

static void close_world(struct world *w, bool built) {
    // Nothing is forgotten: with time enough all of it comes out.
    for (uint64_t next; built && (next = mqoe_htb_next(&w->tree)) != MQOE_NEVER;) {
        w->now = next > w->now ? next : w->now;
        while (dequeue(w, w->now))
            ;
    }
    CHECK(!built || w->held == 0);
    mqoe_htb_free(&w->tree);
    for (uint32_t i = 0; i < w->count; i++)
        if (w->plans[i].leaf)
            mqoe_leaf_drain(&w->leaves[i], &w->dropped);
    CHECK(!w->dropped.head);
    mqoe_sqm_pool_free(&w->pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct world w;
    bool built = open_world(&w, input, size);
    while (built && w.in.at < w.in.end)
        step(&w);
    close_world(&w, built);
    return 0;
}
