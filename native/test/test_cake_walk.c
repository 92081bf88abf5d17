// The order in which CAKE serves its bulk queues, against DRR++ walked turn by turn as Linux does it
// (reference/algorithms.md §1.7). Ours takes many rounds in one step when no queue may send yet; that must
// not show: nobody is served early or late, none is left out, and each gets its share.
#include "cake_bed.h"

#include <math.h>

enum { MOST = 1021 };

// One bulk queue that never runs empty.
struct walker {
    uint32_t host, len;
    int64_t deficit;
};

// The plain walk: queues in a ring, in the order of `ring`.
struct walk {
    struct walker flows[MOST];
    uint32_t ring[MOST], count, at;
    uint32_t load[3]; // bulk queues of each host
    uint32_t quantum;
    struct mqoe_random random;
};

static uint32_t walk_next(struct walk *w) {
    for (;; w->at = (w->at + 1) % w->count) {
        uint32_t flow = w->ring[w->at];
        struct walker *f = &w->flows[flow];
        if (f->deficit > 0) {
            f->deficit -= f->len;
            return flow;
        }
        uint32_t dither = mqoe_random_u32(&w->random) >> 16;
        f->deficit += (w->quantum * (65535 / w->load[f->host]) + dither) >> 16;
    }
}

// A queue for each flow: the hash is the slot.
static void send(struct cake_bed *b, const struct walk *w, uint32_t flow) {
    struct mqoe_frame *f = cake_frame(b, flow, w->flows[flow].len, MQOE_ECT_0);
    f->hash = flow;
    f->src_host = w->flows[flow].host * 0x85ebca6bu;
    cake_enqueue(b, f);
}

// Sends one frame at once, whose flow is returned; it has another one in its queue before.
static uint32_t depart(struct cake_bed *b, const struct walk *w) {
    b->now = b->next_at > b->now ? b->next_at : b->now;
    struct mqoe_frame *f = cake_depart(b);
    assert_non_null(f);
    uint32_t flow = f->client;
    if (flow < w->count)
        send(b, w, flow);
    return flow;
}

// Queues of three hosts, three frames deep, until all of them are bulk. Then the walk takes over their order
// and deficits. If they are to go in step, all have just sent and begin anew.
static void start(struct cake_bed *b, struct walk *w, const uint32_t hosts[3], uint32_t (*len_of)(uint32_t),
                  bool in_step) {
    struct mqoe_leaf_config c = cake_config(UINT64_C(1024 * 4096 * 8), MQOE_CAKE_BESTEFFORT); // quantum 1,024
    c.discipline.cake.isolation = MQOE_CAKE_DUAL_SRCHOST;
    c.discipline.cake.rtt = 3600 * SECOND; // no signals
    c.discipline.cake.memory_limit = UINT64_C(1) << 30;
    cake_open(b, &c, 4 * MOST, MOST + 3);
    *w = (struct walk){.quantum = 1024};
    mqoe_random_seed(&w->random, 77);
    for (uint32_t h = 0; h < 3; h++)
        for (uint32_t i = 0; i < hosts[h]; i++, w->count++)
            w->flows[w->count] = (struct walker){.host = h, .len = len_of(w->count)};
    for (uint32_t i = 0; i < 3 * w->count; i++)
        send(b, w, i % w->count);
    const struct mqoe_cake_tin *t = mqoe_cake_tin_at(&b->pool.cake, b->leaf.discipline.cake.tins[0]);
    while (t->bulk < w->count)
        depart(b, w);
    uint32_t n = 0;
    for (uint32_t i = t->old.head; i != MQOE_NO_RECORD; i = mqoe_cake_flow(&b->pool.cake, i)->next) {
        struct mqoe_cake_flow *f = mqoe_cake_flow(&b->pool.cake, i);
        f->deficit = in_step ? 1 - (int32_t)w->flows[f->slot].len : f->deficit;
        w->ring[n++] = f->slot;
        w->flows[f->slot].deficit = f->deficit;
        w->load[w->flows[f->slot].host]++;
    }
    assert_int_equal(n, w->count);
}

static uint32_t various(uint32_t flow) {
    return 60 + flow * 37 % 1455;
}

// With these many queues become due together, and no other for many rounds.
static uint32_t full(uint32_t flow) {
    (void)flow;
    return 1514;
}

// Hosts with so many queues that 1,024 · (65535 / count) is a multiple of 65,536: no turn is rounded, and
// chance has no part in it. The same order, frame by frame.
static void same_order(const uint32_t hosts[3], uint32_t (*len_of)(uint32_t), bool in_step) {
    static struct cake_bed b;
    static struct walk w;
    start(&b, &w, hosts, len_of, in_step);
    for (uint32_t i = 0; i < 20000; i++) {
        if (i % 97 == 5) { // a sparse flow goes first, and moves nobody
            struct mqoe_frame *f = cake_frame(&b, MOST, 100, MQOE_ECT_0);
            f->hash = MOST + 1;
            f->src_host = 12345;
            cake_enqueue(&b, f);
            assert_int_equal(depart(&b, &w), MOST);
        }
        uint32_t expect = walk_next(&w), got = depart(&b, &w);
        if (got != expect)
            fail_msg("frame %u is of flow %u, not %u", i, got, expect);
    }
    assert_int_equal(b.gone, 0);
    cake_close(&b);
}

static void the_order_is_that_of_the_walk(void **state) {
    (void)state;
    static const uint32_t hosts[][3] = {{511, 509, 0}, {341, 146, 93}, {511, 93, 0}}; // 2 bytes; 3, 7 and 11
    for (int i = 0; i < 3; i++) {
        same_order(hosts[i], various, false);
        same_order(hosts[i], full, false);
        same_order(hosts[i], full, true);
    }
}

// Three hosts with very different numbers of queues, whose turns are rounded by chance: after any number of
// frames each queue is within two frames and a few turns of the walk, and what the rounding may come to.
static void same_shares(const uint32_t hosts[3], uint32_t (*len_of)(uint32_t), bool in_step) {
    static struct cake_bed b;
    static struct walk w;
    uint64_t ours[MOST] = {0}, walked[MOST] = {0}, host_bytes[3] = {0}, sum = 0;
    start(&b, &w, hosts, len_of, in_step);
    for (uint32_t i = 1; i <= 200000; i++) {
        uint32_t expect = walk_next(&w), got = depart(&b, &w);
        walked[expect] += w.flows[expect].len;
        ours[got] += w.flows[got].len;
        host_bytes[w.flows[got].host] += w.flows[got].len;
        sum += w.flows[got].len;
        if (i > 3000 && i % 1000)
            continue;
        for (uint32_t k = 0; k < w.count; k++) {
            double turn = (double)w.quantum / w.load[w.flows[k].host], rounds = (double)walked[k] / turn,
                   apart = (double)ours[k] - (double)walked[k],
                   most = 2 * w.flows[k].len + 4 * turn + 4 * sqrt(rounds);
            if (apart > most || apart < -most)
                fail_msg("flow %u has %lu bytes after %u frames, not %lu", k, ours[k], i, walked[k]);
        }
    }
    for (int h = 0; h < 3; h++) // and hosts share equally
        assert_true((double)host_bytes[h] > (double)sum / 3 * 0.97 &&
                    (double)host_bytes[h] < (double)sum / 3 * 1.03);
    cake_close(&b);
}

static void shares_are_those_of_the_walk(void **state) {
    (void)state;
    static const uint32_t many[] = {700, 53, 1}, some[] = {64, 8, 1}, pair[] = {2, 300, 1};
    same_shares(many, various, false);
    same_shares(some, full, false);
    same_shares(pair, full, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_that_of_the_walk),
        cmocka_unit_test(shares_are_those_of_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
