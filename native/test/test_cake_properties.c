// What CAKE must do under every load, on a virtual clock: conservation, order, the rate over every window,
// fairness between flows, hosts and tins, low delay for sparse flows, bounded memory.
#include "cake_bed.h"

// ---- every load ----

struct monitor {
    uint64_t last[64], last_departure;
    double cost, latest; // ns at the rate so far; the highest (departure − cost) so far
};

// As in test_leaf.c: order within each flow, logical departures that never go back, and between any two of
// them no more than the rate allows.
static void monitor_check(struct monitor *m, const struct cake_bed *b, const struct mqoe_frame *f,
                          uint64_t rate) {
    assert_true(m->last[f->client] == UINT64_MAX || m->last[f->client] < f->user);
    m->last[f->client] = f->user;
    assert_true(f->time <= b->now && f->time >= m->last_departure);
    m->last_departure = f->time;
    if (!rate)
        return;
    double ahead = (double)f->time - m->cost;
    assert_true(ahead >= m->latest - 1.5);
    m->latest = ahead > m->latest ? ahead : m->latest;
    m->cost += (double)f->shaped_len * 8e9 / (double)rate;
}

static uint8_t tos_of(uint32_t flow) {
    static const uint8_t some[] = {BEST_EFFORT, CS1, AF41, EF, 0, 0x40, 0xe0, BEST_EFFORT | MQOE_ECT_0};
    return some[flow % 8];
}

static void random_arrival(struct cake_bed *b) {
    uint32_t flow = mqoe_random_below(&b->random, 64);
    b->src = flow % 5;
    b->dst = flow % 7;
    cake_arrive(b, flow, 60 + mqoe_random_below(&b->random, 1455), tos_of(flow));
}

static void run_load(struct mqoe_leaf_config c, uint64_t late, uint64_t loops) {
    static struct cake_bed b;
    struct monitor m = {.latest = -1e300};
    memset(m.last, 0xff, sizeof m.last);
    cake_open(&b, &c, 9000, 70);
    uint64_t spacing = c.rate ? UINT64_C(800) * 8 * SECOND / c.rate : 5000, arrival = b.now;
    uint64_t wake = MQOE_NEVER;
    for (uint64_t i = 0; i < loops; i++) {
        b.now = arrival < wake ? arrival : wake;
        if (b.now == arrival) {
            random_arrival(&b);
            arrival += 1 + mqoe_random_below(&b.random, (uint32_t)(spacing * 4 / ((i >> 12) % 4 + 1)));
            uint64_t next = mqoe_leaf_next(&b.leaf);
            wake = wake < next ? wake : next < b.now ? b.now : next;
        }
        if (wake <= b.now) {
            for (struct mqoe_frame *f; (f = cake_depart(&b));)
                monitor_check(&m, &b, f, c.discipline.cake.ingress ? 0 : c.rate);
            // Work conservation: what is held may not go yet.
            assert_true(!b.leaf.stats.backlog_packets || b.next_at != MQOE_NEVER);
            wake = b.next_at;
            if (late && wake != MQOE_NEVER)
                wake += mqoe_random_below(&b.random, (uint32_t)late);
        }
        if (i % 64 == 0)
            cake_check_all(&b);
    }
    assert_true(b.out > loops / 20);
    assert_true(!c.rate || b.gone > 0);
    cake_settle(&b);
    assert_true(b.pool.cake.flows.used == 0 && b.pool.cake.tins.used == 0);
    cake_close(&b);
}

static void holds_for_every_load(void **state) {
    (void)state;
    static const uint64_t rates[] = {0, 320000, 20000000, 1000000000};
    for (uint32_t i = 0; i < 20; i++) {
        struct mqoe_leaf_config c = cake_config(rates[i % 4], i % 5);
        c.framing = (struct mqoe_framing){MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 84};
        c.discipline.cake.isolation = MQOE_CAKE_FLOWS | (i % 4);
        c.discipline.cake.ingress = i >= 15;
        run_load(c, i % 3 * 200000, 20000);
    }
}

// The shaped bytes of two saturated seconds, with timers up to 1 ms late, are those of the rate.
static void the_rate_is_met(void **state) {
    (void)state;
    static const uint64_t rates[] = {1000000, 10000000, 100000000, 1000000000};
    for (uint32_t i = 0; i < 4; i++) {
        struct mqoe_leaf_config c = cake_config(rates[i], MQOE_CAKE_DIFFSERV4);
        struct cake_bed b;
        cake_open(&b, &c, 400, 40);
        uint64_t start = b.now;
        while (b.now - start < 2 * SECOND) {
            while (cake_depart(&b))
                ;
            while (b.leaf.stats.backlog_packets < 150) {
                uint32_t flow = mqoe_random_below(&b.random, 16);
                cake_arrive(&b, flow, 1514, tos_of(flow));
            }
            b.now = mqoe_leaf_next(&b.leaf) + mqoe_random_below(&b.random, MS);
        }
        double fits = (double)rates[i] / 8 * ((double)b.leaf.shaper.next - (double)start) / 1e9;
        double got = (double)b.leaf.stats.out_shaped_bytes;
        // Below it only by what lateness costs when a newcomer overtakes (see mqoe_shaper_wake).
        assert_true(got <= fits * (1 + 1e-9) + 1 && got >= fits * 0.999 - 1514);
        cake_close(&b);
    }
}

static void idleness_earns_no_burst(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_DIFFSERV4);
    struct cake_bed b;
    cake_open(&b, &c, 16, 16);
    for (uint32_t round = 0; round < 10; round++) {
        b.now += SECOND;
        for (uint32_t i = 0; i < 5; i++)
            cake_arrive(&b, i, 1514, tos_of(i));
        for (int k = 0; k < 5; k++) {
            uint64_t due = b.now;
            struct mqoe_frame *f = cake_depart(&b);
            assert_true(f && f->time == due);
            assert_null(cake_depart(&b)); // one, not two
            assert_true(k == 4 || b.next_at == due + 1211200);
            b.now = k < 4 ? b.next_at : b.now;
        }
    }
    cake_close(&b);
}

static void a_late_timer_is_caught_up(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_BESTEFFORT);
    struct cake_bed b;
    cake_open(&b, &c, 32, 16);
    uint64_t start = b.now;
    for (uint32_t i = 0; i < 20; i++)
        cake_arrive(&b, i % 8, 1514, MQOE_ECT_0);
    b.now += 5 * 1211200;
    for (uint64_t k = 0; k < 6; k++)
        assert_true(cake_depart(&b)->time == start + k * 1211200);
    assert_null(cake_depart(&b));
    assert_true(b.next_at == start + 6 * 1211200);
    cake_close(&b);
}

// ---- fairness ----

// Saturates the leaf for `time` with `flows` always two frames deep; out[flow] are the delivered bytes.
static void saturate(struct cake_bed *b, uint32_t flows, const uint32_t src[], const uint32_t dst[],
                     const uint8_t tos[], uint64_t time, uint64_t out[]) {
    uint64_t end = b->now + time;
    uint32_t held[64] = {0};
    memset(out, 0, flows * sizeof *out);
    while (b->now < end) {
        for (uint32_t i = 0; i < flows; i++)
            for (; held[i] < 2; held[i]++) {
                b->src = src[i];
                b->dst = dst[i];
                cake_arrive(b, i, 1514, tos ? tos[i] | MQOE_ECT_0 : MQOE_ECT_0);
            }
        struct mqoe_frame *f = cake_depart(b);
        if (f) {
            out[f->client] += f->len;
            held[f->client]--;
        }
        b->now = f || b->next_at < b->now ? b->now : b->next_at;
    }
    assert_int_equal(b->gone, 0); // all are ECT
}

static void share_is(uint64_t part, uint64_t whole, double expect) {
    double share = (double)part / (double)whole;
    if (share < expect * 0.97 || share > expect * 1.03)
        fail_msg("share %.4f, not %.4f", share, expect);
}

// Host A has eight flows, host B one: to one destination, then to one each.
static void hosts_share_as_the_mode_says(void **state) {
    (void)state;
    static const struct {
        enum mqoe_cake_isolation mode;
        double one, two; // B's share
    } expect[] = {{MQOE_CAKE_SRCHOST, .5, .5},          {MQOE_CAKE_HOSTS, .5, .5},
                  {MQOE_CAKE_FLOWS, 1. / 9, 1. / 9},    {MQOE_CAKE_DUAL_SRCHOST, .5, .5},
                  {MQOE_CAKE_DUAL_DSTHOST, 1. / 9, .5}, {MQOE_CAKE_TRIPLE_ISOLATE, 1. / 9, .5}};
    static const uint32_t src[9] = {1, 1, 1, 1, 1, 1, 1, 1, 2}, one[9] = {9, 9, 9, 9, 9, 9, 9, 9, 9},
                          two[9] = {8, 8, 8, 8, 8, 8, 8, 8, 9};
    for (uint32_t i = 0; i < 12; i++) {
        struct mqoe_leaf_config c = cake_config(20 * MBIT, MQOE_CAKE_BESTEFFORT);
        struct cake_bed b;
        uint64_t out[9], sum = 0;
        c.discipline.cake.isolation = expect[i / 2].mode;
        cake_open(&b, &c, 64, 32);
        saturate(&b, 9, src, i % 2 ? two : one, NULL, 20 * SECOND, out);
        for (int k = 0; k < 9; k++)
            sum += out[k];
        share_is(out[8], sum, i % 2 ? expect[i / 2].two : expect[i / 2].one);
        if (expect[i / 2].mode & MQOE_CAKE_FLOWS)
            for (int k = 0; k < 8; k++) // and A's flows share A's part
                share_is(out[k], sum - out[8], 1. / 8);
        cake_settle(&b);
        assert_int_equal(b.pool.cake.hosts.used, 0); // counts and all
        cake_close(&b);
    }
}

static void nobody_starves(void **state) {
    (void)state;
    static uint32_t src[64], dst[64];
    struct mqoe_leaf_config c = cake_config(20 * MBIT, MQOE_CAKE_BESTEFFORT);
    struct cake_bed b;
    uint64_t out[64];
    c.discipline.cake.isolation = MQOE_CAKE_FLOWS;
    cake_open(&b, &c, 200, 80);
    saturate(&b, 64, src, dst, NULL, 20 * SECOND, out);
    for (int i = 0; i < 64; i++)
        share_is(out[i], (uint64_t)20 * 2500000, 1. / 64);
    cake_close(&b);
}

// All four saturated: each has its threshold, and best effort what is left. Alone, each has the line.
static void tins_have_their_thresholds(void **state) {
    (void)state;
    static const uint32_t same[8] = {0};
    static const uint8_t tos[] = {BEST_EFFORT, CS1, AF41, EF};
    static const double shares[] = {3. / 16, 1. / 16, 1. / 2, 1. / 4};
    struct mqoe_leaf_config c = cake_config(20 * MBIT, MQOE_CAKE_DIFFSERV4);
    uint64_t out[4];
    struct cake_bed b;
    cake_open(&b, &c, 64, 32);
    saturate(&b, 4, same, same, tos, 20 * SECOND, out);
    for (int i = 0; i < 4; i++)
        share_is(out[i], 20 * 2500000, shares[i]);
    cake_settle(&b);
    saturate(&b, 1, same, same, &tos[1], 5 * SECOND, out); // no cap
    share_is(out[0], 5 * 2500000, 1);
    cake_settle(&b);
    static const uint8_t pair[] = {BEST_EFFORT, CS1};
    saturate(&b, 2, same, same, pair, 20 * SECOND, out);
    share_is(out[1], 20 * 2500000, 1. / 16);
    cake_close(&b);
}

// Without a rate the tins take turns by their quanta.
static void tins_take_turns_without_a_rate(void **state) {
    (void)state;
    static const uint8_t tos[] = {BEST_EFFORT, CS1, AF41, EF};
    static const uint32_t quanta[] = {1024, 64, 512, 256};
    struct mqoe_leaf_config c = cake_config(0, MQOE_CAKE_DIFFSERV4);
    uint64_t out[4] = {0}, sum = 0;
    struct cake_bed b;
    cake_open(&b, &c, 64, 32);
    for (uint32_t i = 0; i < 12; i++)
        cake_arrive(&b, i % 4, 1514, tos[i % 4] | MQOE_ECT_0);
    for (uint32_t i = 0; i < 40000; i++) {
        const struct mqoe_frame *f = cake_depart(&b);
        uint32_t flow = f->client;
        out[flow] += f->len;
        sum += f->len;
        cake_arrive(&b, flow, 1514, tos[flow] | MQOE_ECT_0);
    }
    for (int i = 0; i < 4; i++)
        share_is(out[i], sum, quanta[i] / 1856.);
    cake_close(&b);
}

// ---- delay ----

// A probe every 10 ms beside `bulk` flows that keep their queues full: in the same tin, or in voice.
static uint64_t worst_wait(enum mqoe_cake_tins tins, uint8_t tos) {
    struct mqoe_leaf_config c = cake_config(10 * MBIT, tins);
    struct cake_bed b;
    uint64_t worst = 0, probes = 0;
    cake_open(&b, &c, 300, 64);
    uint64_t start = b.now, probe = b.now + 7 * MS;
    while (b.now - start < 5 * SECOND) {
        while (b.leaf.stats.backlog_packets < 100)
            cake_arrive(&b, 2 + mqoe_random_below(&b.random, 4), 1514, MQOE_ECT_0);
        if (probe <= b.now) {
            cake_arrive(&b, 1, 100, tos);
            probe += 10 * MS;
        }
        struct mqoe_frame *f = cake_depart(&b);
        if (f && f->client == 1) {
            uint64_t waited = b.now - (probe - 10 * MS);
            worst = waited > worst ? waited : worst;
            probes++;
        }
        b.now = b.next_at < probe ? b.next_at : probe;
    }
    assert_true(probes >= 498);
    cake_close(&b);
    return worst;
}

static void a_sparse_flow_does_not_wait(void **state) {
    (void)state;
    assert_true(worst_wait(MQOE_CAKE_BESTEFFORT, BEST_EFFORT) <= 2 * 1211200);
    assert_true(worst_wait(MQOE_CAKE_DIFFSERV4, EF) <= 2 * 1211200);
}

// Frames that waited for ten seconds, of flows that do not understand marks: all but each last may be
// dropped.
static void the_last_frame_is_never_dropped(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(100 * MBIT, MQOE_CAKE_BESTEFFORT);
    uint64_t last[16], delivered[16] = {0};
    struct cake_bed b;
    cake_open(&b, &c, 1700, 32);
    for (uint32_t round = 0; round < 30; round++) {
        for (uint32_t i = 0; i < 800; i++) {
            struct mqoe_frame *f = cake_frame(&b, i % 16, 1000, 0);
            last[i % 16] = f->user;
            cake_enqueue(&b, f);
        }
        struct mqoe_cake_store *s = &b.pool.cake;
        struct mqoe_cake_tin *t = mqoe_cake_tin_at(s, b.leaf.discipline.cake.tins[0]);
        for (uint32_t i = t->fresh.head; i != MQOE_NO_RECORD; i = mqoe_cake_flow(s, i)->next) {
            t->unresponsive += !mqoe_cake_flow(s, i)->cobalt.p_drop;
            mqoe_cake_flow(s, i)->cobalt.p_drop = UINT32_MAX; // BLUE is certain
        }
        b.now += 10 * SECOND;
        for (struct mqoe_frame *f; b.leaf.stats.backlog_packets; b.now = b.next_at) {
            f = cake_depart(&b);
            if (f)
                delivered[f->client] = f->user;
        }
        for (int i = 0; i < 16; i++)
            assert_true(delivered[i] == last[i]);
    }
    assert_true(b.leaf.stats.drop_aqm > 10000);
    cake_close(&b);
}

// Flows that ignore every signal, at three times the rate. Egress: the line is full. Ingress: what is dropped
// has used it too, but the failsafe clock leaves two thirds. In both nothing leaves faster than the rate,
// while there is something to send. (After an idle time it may in ingress mode, as in Linux: the failsafe
// clock is not brought up to date while the other one lies ahead.)
static void drops_cost_rate_in_ingress_mode(void **state) {
    (void)state;
    for (int ingress = 0; ingress < 2; ingress++) {
        struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_BESTEFFORT);
        struct cake_bed b;
        struct monitor m = {.latest = -1e300};
        memset(m.last, 0xff, sizeof m.last);
        c.discipline.cake.ingress = ingress;
        c.discipline.cake.memory_limit = 200 * MQOE_FRAME_MEMORY;
        cake_open(&b, &c, 400, 32);
        uint64_t arrival = b.now, start, end = b.now + 20 * SECOND, before = 0, wake = MQOE_NEVER;
        start = b.now + 5 * SECOND;
        while (b.now < end) {
            b.now = arrival < wake ? arrival : wake;
            if (b.now < start)
                before = b.leaf.stats.out_bytes;
            if (b.now == arrival) {
                cake_arrive(&b, mqoe_random_below(&b.random, 5), 1514, 0);
                arrival += 403733;
            }
            for (struct mqoe_frame *f; (f = cake_depart(&b));)
                monitor_check(&m, &b, f, c.rate);
            wake = b.next_at;
        }
        double share = (double)(b.leaf.stats.out_bytes - before) / (15. * 1250000);
        if (ingress ? share < .66 || share > .70 : share < .999 || share > 1.001)
            fail_msg("share %.4f, ingress %d", share, ingress);
        cake_close(&b);
    }
}

// ---- memory ----

static void all_are_unresponsive(const struct cake_bed *b) {
    struct mqoe_tin_stats t;
    for (uint32_t i = 0; i < MQOE_MAX_TINS; i++)
        if (mqoe_leaf_tin(&b->leaf, i, &t))
            assert_true(t.unresponsive_flows == t.decaying_flows && !t.sparse_flows && !t.bulk_flows);
}

// A flood from random sources to random queues: the limit holds, and no queue is lost. What is left of it
// when nobody sends is what BLUE remembers, while half of the records are free.
static void a_flood_stays_within_its_memory(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(20 * MBIT, MQOE_CAKE_DIFFSERV4);
    struct cake_bed b;
    c.discipline.cake.memory_limit = 1000 * MQOE_FRAME_MEMORY;
    cake_open(&b, &c, 1100, 1500);
    for (uint32_t i = 0; i < 300000; i++, b.now += 3000) {
        b.src = (uint32_t)mqoe_random_u64(&b.random);
        b.dst = (uint32_t)mqoe_random_u64(&b.random);
        cake_arrive(&b, (uint32_t)mqoe_random_u64(&b.random), 60 + i % 64, (uint8_t)(i % 4 ? 0 : EF));
        cake_depart(&b);
        if (i % 4096 == 0)
            cake_check_all(&b);
    }
    assert_int_equal(b.leaf.stats.backlog_packets, 1000);
    assert_true(b.leaf.stats.drop_overflow > 100000);
    cake_settle(&b);
    assert_in_range(b.pool.cake.flows.used, 1, b.pool.cake.flows.count / 2);
    all_are_unresponsive(&b);
    b.now += 1000 * SECOND; // it is still there, and falls when traffic comes back
    cake_check_all(&b);
    uint32_t held = b.pool.cake.flows.used;
    for (uint32_t i = 0; i < 100000; i++, b.now += 10 * MS) {
        cake_arrive(&b, i % 7, 200, (uint8_t)(i % 4 ? 0 : EF));
        cake_arrive(&b, i % 7, 200, (uint8_t)(i % 4 ? 0 : EF));
        while (cake_depart(&b))
            b.now = b.next_at > b.now && b.leaf.stats.backlog_packets ? b.next_at : b.now;
    }
    cake_settle(&b);
    assert_true(held > 100 && b.pool.cake.flows.used == 0 && b.pool.cake.hosts.used == 0);
    cake_close(&b);
}

// Sixteen flows and three records: some share, none is lost, none overtakes itself.
static void an_exhausted_pool_shares(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(20 * MBIT, MQOE_CAKE_BESTEFFORT);
    struct monitor m = {.latest = -1e300};
    struct cake_bed b;
    memset(m.last, 0xff, sizeof m.last);
    cake_open(&b, &c, 400, 3);
    for (uint32_t i = 0; i < 40000; i++) {
        b.now += mqoe_random_below(&b.random, 500000);
        uint32_t flow = mqoe_random_below(&b.random, 16);
        if (b.leaf.stats.backlog_packets < 300)
            cake_arrive(&b, flow, 60 + mqoe_random_below(&b.random, 1000), MQOE_ECT_0);
        struct mqoe_frame *f = cake_depart(&b);
        if (f)
            monitor_check(&m, &b, f, 0);
        cake_check_all(&b);
    }
    assert_true(b.pool.flows_exhausted > 1000);
    assert_int_equal(b.gone, 0);
    cake_close(&b);
}

// After the last frame: asked again after an interval, never at once, until nothing is remembered.
static void an_idle_instance_decays_and_falls_silent(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(20 * MBIT, MQOE_CAKE_DIFFSERV4);
    struct cake_bed b;
    cake_open(&b, &c, 400, 64);
    for (uint32_t i = 0; i < 300; i++)
        cake_arrive(&b, i % 20, 1514, tos_of(i % 20));
    while (b.leaf.stats.backlog_packets) {
        cake_depart(&b);
        b.now = b.leaf.stats.backlog_packets ? b.next_at : b.now;
    }
    uint64_t interval = 100 * MS, idle_since = b.now;
    assert_true(b.pool.cake.flows.used > 0);
    assert_true(mqoe_leaf_next(&b.leaf) >= b.now + interval);
    uint32_t calls = cake_settle(&b);
    assert_true(calls <= (b.now - idle_since) / interval + 1);
    assert_true(b.now - idle_since < 10 * SECOND);
    assert_true(b.pool.cake.flows.used == 0 && b.pool.cake.tins.used == 0 && b.pool.cake.hosts.used == 0);
    struct mqoe_tin_stats t; // the counters are still there
    assert_true(mqoe_leaf_tin(&b.leaf, 0, &t) && t.out_packets > 0 && t.backlog_packets == 0);
    uint64_t resumed = b.now;
    cake_arrive(&b, 1, 1514, 0);
    assert_true(mqoe_leaf_next(&b.leaf) <= resumed); // and a newcomer goes at once
    cake_close(&b);
}

// ---- changes ----

static void changes_lose_nothing(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_DIFFSERV4);
    uint64_t last[64] = {0};
    struct cake_bed b;
    struct mqoe_error e;
    cake_open(&b, &c, 3000, 70);
    for (uint32_t i = 0; i < 60000; i++) {
        b.now += mqoe_random_below(&b.random, MS);
        uint32_t what = mqoe_random_below(&b.random, 1000);
        if (what < 5) {
            c = cake_config(what == 0 ? 0 : 1000000 + mqoe_random_below(&b.random, 20000000), i % 5);
            c.discipline.cake.isolation = MQOE_CAKE_FLOWS | (what & 3);
            assert_int_equal(mqoe_leaf_change(&b.leaf, &c, b.now, &b.dropped, &e), 0);
            cake_take_dropped(&b);
        } else if (what < 600) {
            random_arrival(&b);
        } else {
            struct mqoe_frame *f = cake_depart(&b);
            assert_true(!f || last[f->client] <= f->user);
            if (f)
                last[f->client] = f->user;
        }
        if (i % 16 == 0)
            cake_check_all(&b);
    }
    assert_true(b.out > 10000);
    cake_close(&b);
}

// 20 → 5 Mbit/s: queues stay, and the tins' parameters are those of the new rate.
static void a_new_rate_derives_the_tins_again(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(20 * MBIT, MQOE_CAKE_DIFFSERV4);
    struct mqoe_qdisc_stats q;
    struct mqoe_tin_stats t;
    struct mqoe_error e;
    struct cake_bed b;
    cake_open(&b, &c, 100, 20);
    for (uint32_t i = 0; i < 60; i++)
        cake_arrive(&b, i % 8, 1514, CS1 | MQOE_ECT_0);
    assert_true(mqoe_leaf_tin(&b.leaf, 1, &t) && t.threshold == 1250000 && t.target == 14534400);
    uint32_t held = b.leaf.stats.backlog_packets, tin = b.leaf.discipline.cake.tins[1];
    c.rate = 5 * MBIT;
    assert_int_equal(mqoe_leaf_change(&b.leaf, &c, b.now, &b.dropped, &e), 0);
    assert_true(b.leaf.stats.backlog_packets == held && b.leaf.discipline.cake.tins[1] == tin);
    assert_true(mqoe_leaf_tin(&b.leaf, 1, &t) && t.threshold == 312496 && t.bulk_flows + t.sparse_flows == 8);
    uint64_t start = b.now;
    assert_non_null(cake_depart(&b));
    assert_true(b.next_at == start + 2422400);
    c.discipline.cake.memory_limit = 10 * MQOE_FRAME_MEMORY;
    assert_int_equal(mqoe_leaf_change(&b.leaf, &c, b.now, &b.dropped, &e), 0);
    cake_take_dropped(&b);
    mqoe_leaf_qdisc_stats(&b.leaf, &q);
    assert_true(q.memory_used == 10 * MQOE_FRAME_MEMORY && q.memory_limit == q.memory_used);
    cake_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_for_every_load),
        cmocka_unit_test(the_rate_is_met),
        cmocka_unit_test(idleness_earns_no_burst),
        cmocka_unit_test(a_late_timer_is_caught_up),
        cmocka_unit_test(hosts_share_as_the_mode_says),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(tins_have_their_thresholds),
        cmocka_unit_test(tins_take_turns_without_a_rate),
        cmocka_unit_test(a_sparse_flow_does_not_wait),
        cmocka_unit_test(the_last_frame_is_never_dropped),
        cmocka_unit_test(drops_cost_rate_in_ingress_mode),
        cmocka_unit_test(a_flood_stays_within_its_memory),
        cmocka_unit_test(an_exhausted_pool_shares),
        cmocka_unit_test(an_idle_instance_decays_and_falls_silent),
        cmocka_unit_test(changes_lose_nothing),
        cmocka_unit_test(a_new_rate_derives_the_tins_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
