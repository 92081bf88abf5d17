// What leaves the shaper, frame by frame on a virtual clock with wake-ups that come late by random amounts:
// over every window no more than the rate, one frame, and what the lateness allows; and in the long run all
// of the rate. With the analysis that the bench's gap histograms are made by.
#include "bench/departures.h"
#include "frames.h"
#include "sqm/leaf.h"

#define FLOWS 40u
#define MBIT  UINT64_C(1000000)

static const uint64_t rates[] = {1 * MBIT,   5 * MBIT,   20 * MBIT,  50 * MBIT,
                                 100 * MBIT, 500 * MBIT, 1000 * MBIT};
static const struct mqoe_framing framings[] = {
    {MQOE_FRAMING_FRAME, MQOE_CELL_NONE, 0, 0}, // raw
    {MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 84},  // Ethernet on the wire
    {MQOE_FRAMING_IP, MQOE_CELL_ATM, 40, 0},    // PPPoE over ATM
    {MQOE_FRAMING_IP, MQOE_CELL_PTM, 30, 0},    // PPPoE over PTM
};

static struct mqoe_discipline_config discipline(enum mqoe_discipline_kind kind) {
    struct mqoe_discipline_config d = {.kind = kind};
    if (kind == MQOE_PFIFO)
        d.pfifo.limit = 4000;
    else if (kind == MQOE_FQ_CODEL)
        d.fq_codel = (struct mqoe_fq_codel_config){.target = 5 * MS,
                                                   .interval = 100 * MS,
                                                   .ce_threshold = -1,
                                                   .memory_limit = 32 << 20,
                                                   .quantum = 1514,
                                                   .flows = 1024,
                                                   .limit = 10240,
                                                   .mtu = 1514};
    else
        d.cake = (struct mqoe_cake_config){
            .tins = MQOE_CAKE_DIFFSERV4, .isolation = MQOE_CAKE_TRIPLE_ISOLATE, .rtt = 100 * MS, .mtu = 1514};
    return d;
}

// The bytes of every departure are turned into the time that they take at the rate.
struct monitor {
    double rate, cost;    // bytes/ns; ns on the link of all before
    double least, excess; // ns: the least (cost − time) so far; how far a window ever ran ahead
    uint64_t frames, dropped;
    double last; // ns on the link of the last departure
};

struct bed {
    struct frame_store store;
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaf;
    struct mqoe_random random;
    struct monitor monitor;
    uint64_t start, now;
    uint32_t backlog; // packets that are kept in the queue
};

static void open_bed(struct bed *b, const struct mqoe_leaf_config *c, uint64_t late, uint64_t seed) {
    struct mqoe_error e;
    const struct mqoe_sqm_pool_config sizes = {.flows = 2 * FLOWS, .histograms = 2, .seed = seed};
    *b = (struct bed){.start = 3 * SECOND, .now = 3 * SECOND};
    b->monitor = (struct monitor){.rate = (double)c->rate / 8e9, .least = 1e300};
    // What leaves within the lateness, three times, of frames that cost 600 bytes or more on average.
    b->backlog = 50 + (uint32_t)(3 * b->monitor.rate * (double)late / 600);
    mqoe_random_seed(&b->random, seed);
    frame_store_open(&b->store, b->backlog + 1);
    assert_int_equal(mqoe_sqm_pool_init(&b->pool, &sizes, &e), 0);
    assert_int_equal(mqoe_leaf_init(&b->leaf, c, &b->pool, b->now, &e), 0);
}

static void close_bed(struct bed *b) {
    struct mqoe_frame_list rest = {0};
    mqoe_leaf_drain(&b->leaf, &rest);
    frame_give_all(&b->store, &rest);
    mqoe_sqm_pool_free(&b->pool);
    frame_store_close(&b->store);
}

// A random mix of sizes, flows, hosts and tins, until enough is queued.
static void fill(struct bed *b) {
    static const uint8_t tos[] = {0, 8 << 2, 34 << 2, 46 << 2};
    struct mqoe_frame_list dropped = {0};
    while (b->leaf.stats.backlog_packets < b->backlog) {
        uint32_t flow = mqoe_random_below(&b->random, FLOWS);
        uint32_t len = mqoe_random_below(&b->random, 2) ? 1514 : 60 + mqoe_random_below(&b->random, 1455);
        struct mqoe_frame *f = frame_make(&b->store, flow * 0x9e3779b1u, len, tos[flow % 4]);
        assert_non_null(f);
        f->src_host = flow % 5 * 0x85ebca6bu;
        f->dst_host = flow % 7 * 0xc2b2ae35u;
        mqoe_leaf_enqueue(&b->leaf, f, b->now, &dropped);
        b->monitor.dropped += frame_give_all(&b->store, &dropped);
    }
}

// Any two departures i < j at their real times: the frames i … j − 1 have taken their time on the link, but
// for the lateness of i.
static void count_departure(struct monitor *m, uint64_t now, uint32_t bytes) {
    double ahead = m->cost - (double)now;
    if (ahead - m->least > m->excess)
        m->excess = ahead - m->least;
    m->least = ahead < m->least ? ahead : m->least;
    m->last = bytes / m->rate;
    m->cost += m->last;
    m->frames++;
}

// All that may leave now leaves; returns when the next one may.
static uint64_t serve(struct bed *b) {
    struct mqoe_frame_list dropped = {0};
    uint64_t next_at;
    for (struct mqoe_frame *f; (f = mqoe_leaf_dequeue(&b->leaf, b->now, &next_at, &dropped));) {
        count_departure(&b->monitor, b->now, f->shaped_len);
        frame_give(&b->store, f);
        b->monitor.dropped += frame_give_all(&b->store, &dropped);
    }
    b->monitor.dropped += frame_give_all(&b->store, &dropped);
    assert_true(b->leaf.stats.backlog_packets > 0); // or the test offers too little
    assert_true(next_at > b->now);
    return next_at;
}

// From the start to any wake-up: all of the rate, and one frame at the most above it.
static void check_rate(const struct bed *b) {
    double elapsed = (double)(b->now - b->start);
    assert_true(b->monitor.cost > elapsed - 1);
    assert_true(b->monitor.cost - b->monitor.last <= elapsed + 1 + elapsed * 1e-9);
}

static void run_case(enum mqoe_discipline_kind kind, uint64_t rate, struct mqoe_framing framing,
                     uint64_t late, uint64_t seed) {
    struct mqoe_leaf_config c = {.rate = rate, .framing = framing, .discipline = discipline(kind)};
    struct bed b;
    uint64_t latest = 0;
    open_bed(&b, &c, late, seed);
    fill(&b);
    while (b.monitor.frames < 8000) {
        uint64_t due = serve(&b), by = late ? mqoe_random_below(&b.random, (uint32_t)late) : 0;
        check_rate(&b);
        fill(&b); // after what was due, as in the engine's round
        latest = by > latest ? by : latest;
        b.now = due + by;
    }
    // 1 ns where times are whole ones, and what a double says of 10 s.
    assert_true(b.monitor.excess <= (double)latest + 1.5);
    // A timer that is late shows: the bound is no idle one.
    assert_true(b.monitor.excess >= 0.5 * (double)latest - b.monitor.last);
    close_bed(&b);
}

static void run_discipline(enum mqoe_discipline_kind kind) {
    static const uint64_t late[] = {0, 50000, 2 * MS};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (size_t j = 0; j < sizeof framings / sizeof *framings; j++)
            for (size_t k = 0; k < sizeof late / sizeof *late; k++)
                run_case(kind, rates[i], framings[j], late[k], i * 100 + j * 10 + k);
}

static void pfifo_sends_one_frame_and_its_lateness_ahead(void **state) {
    (void)state;
    run_discipline(MQOE_PFIFO);
}

static void fq_codel_sends_one_frame_and_its_lateness_ahead(void **state) {
    (void)state;
    run_discipline(MQOE_FQ_CODEL);
}

static void cake_sends_one_frame_and_its_lateness_ahead(void **state) {
    (void)state;
    run_discipline(MQOE_CAKE);
}

// ---- the analysis ----

static struct mqoe_gaps measure(const uint64_t *at, size_t count, double frame_ns) {
    struct mqoe_departures d = {0};
    for (size_t i = 0; i < count; i++)
        assert_true(mqoe_departures_add(&d, at[i]));
    struct mqoe_gaps g = mqoe_gaps_measure(&d, frame_ns);
    mqoe_departures_free(&d);
    return g;
}

static void even_departures_are_no_burst(void **state) {
    (void)state;
    static const uint64_t at[] = {500, 600, 800, 700, 900}; // in any order
    struct mqoe_gaps g = measure(at, 5, 100);
    assert_true(g.rate_error == 0 && g.burst == 1 && g.together == 1 && g.below_half == 0);
    assert_true(g.p1 == 100 && g.median == 100 && g.p99 == 100 && g.max == 100);
    assert_int_equal(g.buckets[4], 4); // 0.99 … 1.01
}

// Due at 0, 100, 200, 300 and so on; the reactor slept from 50 to 310.
static void a_late_wake_up_is_a_burst(void **state) {
    (void)state;
    static const uint64_t at[] = {0, 310, 310, 310, 400, 500};
    struct mqoe_gaps g = measure(at, 6, 100);
    assert_true(g.rate_error == 0);
    assert_int_equal(g.together, 3);
    assert_int_equal(g.below_half, 2);
    assert_true(g.burst > 3.09 && g.burst < 3.11); // 1 + 210 / 100: the first of them was 210 late
    assert_true(g.max == 310);
    assert_int_equal(g.buckets[0], 2);
    assert_int_equal(g.buckets[3], 1); // 0.9 … 0.99
    assert_int_equal(g.buckets[8], 1); // 2 and more
}

static void a_rate_too_high_is_a_growing_burst(void **state) {
    (void)state;
    uint64_t at[1001];
    for (size_t i = 0; i < 1001; i++)
        at[i] = i * 99;
    struct mqoe_gaps g = measure(at, 1001, 100);
    assert_true(g.rate_error > 0.0101 && g.rate_error < 0.0102);
    assert_true(g.burst > 10.9 && g.burst < 11.1);
}

static void one_departure_has_no_gap(void **state) {
    (void)state;
    static const uint64_t at[] = {7};
    struct mqoe_gaps g = measure(at, 1, 100);
    assert_true(g.frames == 1 && g.burst == 0 && g.max == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pfifo_sends_one_frame_and_its_lateness_ahead),
        cmocka_unit_test(fq_codel_sends_one_frame_and_its_lateness_ahead),
        cmocka_unit_test(cake_sends_one_frame_and_its_lateness_ahead),
        cmocka_unit_test(even_departures_are_no_burst),
        cmocka_unit_test(a_late_wake_up_is_a_burst),
        cmocka_unit_test(a_rate_too_high_is_a_growing_burst),
        cmocka_unit_test(one_departure_has_no_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
