// The whole leaf under a virtual clock: what must hold for every load, discipline, timer and change.
#include <errno.h>

#include "frames.h"
#include "sqm/leaf.h"

static const struct mqoe_framing ethernet = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 84};

static struct mqoe_leaf_config config(enum mqoe_discipline_kind kind, uint64_t rate) {
    struct mqoe_leaf_config c = {.rate = rate, .framing = ethernet, .discipline = {.kind = kind}};
    if (kind == MQOE_PFIFO)
        c.discipline.pfifo.limit = 200;
    if (kind == MQOE_FQ_CODEL)
        c.discipline.fq_codel = (struct mqoe_fq_codel_config){.target = 5 * MS,
                                                              .interval = 100 * MS,
                                                              .ce_threshold = -1,
                                                              .memory_limit = 4 << 20,
                                                              .quantum = 1514,
                                                              .flows = 1024,
                                                              .limit = 300,
                                                              .mtu = 1514,
                                                              .ecn = true};
    return c;
}

struct bed {
    struct frame_store store;
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaf;
    struct mqoe_frame_list dropped;
    struct mqoe_random random;
    uint64_t now, next_at;
    uint64_t in, out, gone; // frames
};

static void open_bed(struct bed *b, const struct mqoe_leaf_config *c, uint64_t seed) {
    struct mqoe_error e;
    *b = (struct bed){.now = 3 * SECOND};
    mqoe_random_seed(&b->random, seed);
    frame_store_open(&b->store, 2000);
    assert_int_equal(
        mqoe_sqm_pool_init(&b->pool,
                           &(struct mqoe_sqm_pool_config){.flows = 2010, .histograms = 4, .seed = seed}, &e),
        0);
    assert_int_equal(mqoe_leaf_init(&b->leaf, c, &b->pool, b->now, &e), 0);
}

static void close_bed(struct bed *b) {
    struct mqoe_frame_list rest = {0};
    mqoe_leaf_drain(&b->leaf, &rest);
    uint32_t held = frame_give_all(&b->store, &rest);
    assert_int_equal(b->in, b->out + b->gone + held);
    uint32_t free_flows = b->pool.flow_count - b->pool.fresh_flow; // never used
    for (uint32_t i = b->pool.free_flow; i != MQOE_NO_FLOW; i = b->pool.flows[i].next)
        free_flows++;
    assert_int_equal(free_flows, b->pool.flow_count); // all came back
    mqoe_sqm_pool_free(&b->pool);
    frame_store_close(&b->store);
}

static void take_dropped(struct bed *b) {
    b->gone += frame_give_all(&b->store, &b->dropped);
}

static void arrive(struct bed *b, uint32_t flow, uint32_t len, uint8_t tos) {
    struct mqoe_frame *f = frame_make(&b->store, flow * 0x9e3779b1u, len, tos);
    assert_non_null(f);
    f->client = flow;
    mqoe_leaf_enqueue(&b->leaf, f, b->now, &b->dropped);
    b->in++;
    take_dropped(b);
}

static struct mqoe_frame *depart(struct bed *b) {
    struct mqoe_frame *f = mqoe_leaf_dequeue(&b->leaf, b->now, &b->next_at, &b->dropped);
    b->out += f != NULL;
    take_dropped(b);
    return f;
}

// What departures must satisfy, fed with each of them.
struct monitor {
    uint64_t last[64];       // serial of each flow
    double cost, latest;     // ns at the rate so far; the highest (departure − cost) so far
    uint64_t last_departure; // logical
};

static void monitor_open(struct monitor *m) {
    *m = (struct monitor){.latest = -1e300};
    memset(m->last, 0xff, sizeof m->last);
}

// Order within the flow; logical departures never ahead of the clock or each other; and the rate: over every
// window from the departure of one frame to that of another, no more than rate × time leaves (all but the
// last frame).
static void monitor_check(struct monitor *m, const struct bed *b, const struct mqoe_frame *f, uint64_t rate) {
    assert_true(m->last[f->client] == UINT64_MAX || m->last[f->client] < f->user);
    m->last[f->client] = f->user;
    assert_true(f->time <= b->now && f->time >= m->last_departure);
    m->last_departure = f->time;
    if (!rate)
        return;
    double ahead = (double)f->time - m->cost;
    assert_true(ahead >= m->latest - 1.5); // ns: rounding
    m->latest = ahead > m->latest ? ahead : m->latest;
    m->cost += (double)f->shaped_len * 8e9 / (double)rate;
}

struct load {
    struct bed bed;
    struct monitor monitor;
    uint64_t rate, spacing, arrival, wake;
};

static void next_arrival(struct load *l, uint32_t intensity) {
    struct bed *b = &l->bed;
    arrive(b, mqoe_random_below(&b->random, 64), 60 + mqoe_random_below(&b->random, 1455),
           mqoe_random_below(&b->random, 2) ? 2 : 0);
    l->arrival += 1 + mqoe_random_below(&b->random, (uint32_t)(l->spacing * 4 / (intensity + 1)));
    if (l->wake == MQOE_NEVER && mqoe_leaf_next(&b->leaf) != MQOE_NEVER)
        l->wake = mqoe_leaf_next(&b->leaf) < b->now ? b->now : mqoe_leaf_next(&b->leaf);
}

// Takes all that may go; then work conservation: nothing is held, or it is not allowed yet.
static void serve(struct load *l, uint64_t late) {
    struct bed *b = &l->bed;
    for (struct mqoe_frame *f; (f = depart(b)); frame_give(&b->store, f))
        monitor_check(&l->monitor, b, f, l->rate);
    assert_true(b->next_at > b->now); // at the latest for the end of its round
    assert_true(b->leaf.stats.backlog_packets == 0 || b->next_at != MQOE_NEVER);
    l->wake = b->next_at;
    if (late && l->wake != MQOE_NEVER)
        l->wake += mqoe_random_below(&b->random, (uint32_t)late);
}

// Random load, from half of what fits to twice as much; `late` is how late a timer may be.
static void run_load(enum mqoe_discipline_kind kind, uint64_t rate, uint64_t late, uint64_t seed) {
    static struct load l;
    struct mqoe_leaf_config c = config(kind, rate);
    const struct mqoe_queue_stats *s = &l.bed.leaf.stats;
    open_bed(&l.bed, &c, seed);
    monitor_open(&l.monitor);
    l.rate = rate;
    l.spacing = rate ? UINT64_C(800) * 8 * SECOND / rate : 5000;
    l.arrival = l.bed.now;
    l.wake = MQOE_NEVER;
    for (uint32_t i = 0; i < 60000; i++) {
        l.bed.now = l.arrival < l.wake ? l.arrival : l.wake;
        if (l.bed.now == l.arrival)
            next_arrival(&l, (i >> 12) % 4);
        if (l.wake <= l.bed.now)
            serve(&l, late);
        assert_int_equal(s->in_packets, s->out_packets + s->drop_aqm + s->drop_overflow + s->backlog_packets);
        assert_int_equal(l.bed.in, l.bed.out + l.bed.gone + s->backlog_packets);
    }
    assert_true(l.bed.out > 5000);
    assert_true(!rate || s->drop_aqm + s->drop_overflow > 0);
    close_bed(&l.bed);
}

static void holds_for_every_load(void **state) {
    (void)state;
    static const uint64_t rates[] = {64000, 1000000, 20000000, 999999992, 0};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (uint64_t late = 0; late <= 400000; late += 200000) {
            run_load(MQOE_PFIFO, rates[i], late, i);
            run_load(MQOE_FQ_CODEL, rates[i], late, i + 100);
        }
    run_load(MQOE_NONE, 0, 0, 1);
}

// Saturated for two seconds with timers up to 1 ms late: the shaped bytes are those of the rate.
static void the_rate_is_met(void **state) {
    (void)state;
    static const uint64_t rates[] = {1000000, 10000000, 100000000, 1000000000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct mqoe_leaf_config c = config(MQOE_PFIFO, rates[i]);
        struct bed b;
        open_bed(&b, &c, i);
        uint64_t start = b.now;
        while (b.now - start < 2 * SECOND) {
            for (struct mqoe_frame *f; (f = depart(&b)); frame_give(&b.store, f))
                ;
            while (b.leaf.stats.backlog_packets < 150) // 1.8 ms at the highest rate: the link never runs dry
                arrive(&b, 1, 1514, 0);
            b.now = mqoe_leaf_next(&b.leaf) + mqoe_random_below(&b.random, MS);
        }
        double fits = (double)rates[i] / 8 * ((double)b.leaf.shaper.next - (double)start) / 1e9;
        double got = (double)b.leaf.stats.out_shaped_bytes;
        assert_true(got <= fits * (1 + 1e-9) + 1 && got >= fits * (1 - 1e-6) - 1);
        assert_int_equal(b.leaf.stats.out_shaped_bytes, b.leaf.stats.out_packets * 1538);
        assert_int_equal(b.leaf.stats.out_bytes, b.leaf.stats.out_packets * 1514);
        close_bed(&b);
    }
}

// The link ran dry while the timer was late: what arrived meanwhile starts when it arrived, not before.
static void lateness_is_no_credit_for_newcomers(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_PFIFO, 10000000);
    struct bed b;
    open_bed(&b, &c, 1);
    uint64_t start = b.now;
    arrive(&b, 1, 1514, 0); // on the link until 1.23 ms
    b.now = start + 10 * MS;
    arrive(&b, 1, 1514, 0);
    b.now = start + 20 * MS; // nobody woke up before
    assert_true(depart(&b)->time == start);
    assert_true(depart(&b)->time == start + 10 * MS);
    assert_true(b.leaf.shaper.next == start + 10 * MS + 1230400);
    close_bed(&b);
}

static void idleness_earns_no_burst(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_FQ_CODEL, 10000000);
    struct bed b;
    open_bed(&b, &c, 1);
    for (int round = 0; round < 10; round++) {
        b.now += SECOND;
        for (int i = 0; i < 5; i++)
            arrive(&b, 1, 1514, 0);
        for (uint64_t k = 0; k < 5; k++) {
            uint64_t due = b.now;
            struct mqoe_frame *f = depart(&b);
            assert_non_null(f);
            assert_true(f->time == due);
            assert_null(depart(&b)); // one, not two
            frame_give(&b.store, f);
            b.now = k < 4 ? b.next_at : b.now;
        }
    }
    close_bed(&b);
}

// A bulk flow that keeps the line just busy: its next frame arrives while the one before it is on the link.
// It has had its turn, so that a newcomer goes first; when the link has been idle, it is as new as anybody.
static void a_flow_that_runs_empty_is_not_new_at_once(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_FQ_CODEL, 10000000);
    struct bed b;
    open_bed(&b, &c, 1);
    for (int round = 0; round < 2; round++) {
        uint64_t start = b.now += SECOND;
        arrive(&b, 1, 1514, 0);
        frame_give(&b.store, depart(&b));
        assert_null(depart(&b));
        assert_true(b.next_at == start + 1230400); // until the link is done with it
        b.now = round == 0 ? start + MS : b.next_at;
        if (round == 1)
            assert_null(depart(&b)); // the end of the round: nothing is left to do
        assert_true(round == 0 || b.next_at == MQOE_NEVER);
        arrive(&b, 1, 1514, 0);
        arrive(&b, 2, 100, 0);
        b.now = start + 1230400;
        for (uint32_t k = 0; k < 2; k++) {
            struct mqoe_frame *f = depart(&b);
            assert_true(f && f->client == (round == 0 ? 2 - k : 1 + k));
            frame_give(&b.store, f);
            b.now = b.next_at;
        }
        assert_null(depart(&b));
    }
    close_bed(&b);
}

// A second of ping every 10 ms beside a bulk flow that keeps the queue full: never waits for more than a
// frame or two.
static void a_sparse_flow_does_not_wait(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_FQ_CODEL, 10000000);
    struct bed b;
    uint64_t worst = 0, pings = 0;
    open_bed(&b, &c, 1);
    uint64_t start = b.now, ping = b.now;
    while (b.now - start < 5 * SECOND) {
        while (b.leaf.stats.backlog_packets < 100)
            arrive(&b, 1, 1514, 2);
        if (ping <= b.now) {
            arrive(&b, 2, 100, 0);
            ping += 10 * MS;
        }
        struct mqoe_frame *f = depart(&b);
        if (f && f->client == 2) {
            uint64_t waited = b.now - (ping - 10 * MS);
            worst = waited > worst ? waited : worst;
            pings++;
        }
        if (f)
            frame_give(&b.store, f);
        b.now = b.next_at < ping ? b.next_at : ping;
    }
    assert_true(pings >= 499);
    assert_true(worst <= 2 * 1230400); // two full frames
    close_bed(&b);
}

// The change of rate counts from the moment it is made, in both directions, with the queue kept.
static void the_rate_changes_live(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_PFIFO, 20000000);
    struct mqoe_error e;
    struct bed b;
    open_bed(&b, &c, 1);
    for (int i = 0; i < 200; i++)
        arrive(&b, 1, 1514, 0);
    uint64_t start = b.now;
    for (int i = 0; i < 50; i++, b.now = b.next_at)
        frame_give(&b.store, depart(&b));
    assert_true(b.now - start == UINT64_C(50) * 615200);
    c.rate = 5000000;
    b.now -= 307600; // half of the last frame is still on the wire
    assert_int_equal(mqoe_leaf_change(&b.leaf, &c, b.now, &b.dropped, &e), 0);
    assert_int_equal(b.leaf.stats.backlog_packets, 150);
    assert_null(depart(&b));
    assert_true(b.next_at == b.now + UINT64_C(4) * 307600);
    b.now = start = b.next_at;
    for (int i = 0; i < 150; i++, b.now = b.next_at == MQOE_NEVER ? b.now : b.next_at)
        frame_give(&b.store, depart(&b));
    assert_true(b.now - start == UINT64_C(149) * 2460800);
    assert_int_equal(b.dropped.head != NULL, 0);
    close_bed(&b);
}

static void change_at_random(struct bed *b) {
    static const enum mqoe_discipline_kind kinds[] = {MQOE_PFIFO, MQOE_FQ_CODEL, MQOE_NONE};
    enum mqoe_discipline_kind kind = kinds[mqoe_random_below(&b->random, 3)];
    struct mqoe_leaf_config c =
        config(kind, kind == MQOE_NONE ? 0 : 1000000 + mqoe_random_below(&b->random, 20000000));
    struct mqoe_error e;
    if (kind == MQOE_FQ_CODEL)
        c.discipline.fq_codel.flows = 1u << mqoe_random_below(&b->random, 11);
    assert_int_equal(mqoe_leaf_change(&b->leaf, &c, b->now, &b->dropped, &e), 0);
    take_dropped(b);
}

static void the_discipline_changes_live(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_PFIFO, 10000000);
    struct monitor m;
    struct bed b;
    open_bed(&b, &c, 9);
    monitor_open(&m);
    for (int i = 0; i < 100000; i++) {
        b.now += mqoe_random_below(&b.random, MS);
        uint32_t what = mqoe_random_below(&b.random, 1000);
        if (what < 5) {
            change_at_random(&b);
        } else if (what < 600) {
            arrive(&b, mqoe_random_below(&b.random, 64), 60 + mqoe_random_below(&b.random, 1455), 0);
        } else {
            struct mqoe_frame *f = depart(&b);
            if (!f)
                continue;
            assert_true(m.last[f->client] == UINT64_MAX || m.last[f->client] < f->user);
            m.last[f->client] = f->user;
            frame_give(&b.store, f);
        }
        assert_int_equal(b.in, b.out + b.gone + b.leaf.stats.backlog_packets);
    }
    assert_true(b.out > 10000);
    close_bed(&b);
}

static void a_smaller_limit_drops_at_once(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_FQ_CODEL, 1000000);
    struct mqoe_error e;
    struct bed b;
    open_bed(&b, &c, 1);
    for (uint32_t i = 0; i < 300; i++)
        arrive(&b, i % 64, 1000, 0);
    c.discipline.fq_codel.limit = 10;
    assert_int_equal(mqoe_leaf_change(&b.leaf, &c, b.now, &b.dropped, &e), 0);
    take_dropped(&b);
    assert_true(b.leaf.stats.backlog_packets <= 10 && b.gone >= 290);
    close_bed(&b);
}

static void a_change_that_cannot_be_changes_nothing(void **state) {
    (void)state;
    struct mqoe_leaf_config good = config(MQOE_FQ_CODEL, 1000000), c;
    struct mqoe_error e;
    struct bed b;
    open_bed(&b, &good, 1);
    for (uint32_t i = 0; i < 20; i++)
        arrive(&b, i, 1000, 0);
    struct mqoe_leaf before = b.leaf;
    for (int i = 0; i < 10; i++) {
        c = good;
        c.rate = i == 0 ? 511 : i == 1 ? UINT64_C(400000000001) : 2000000;
        c.framing.overhead = i == 2 ? -65 : 38;
        c.framing.mpu = i == 3 ? 257 : 84;
        c.discipline.kind = i == 4 ? MQOE_NONE : MQOE_FQ_CODEL; // cannot be shaped
        c.discipline.fq_codel.quantum = i == 5 ? 1 : 1514;
        c.framing.base = i == 6 ? 2 : MQOE_FRAMING_IP;
        c.framing.cell = i == 7 ? 3 : MQOE_CELL_NONE;
        if (i >= 8)
            c.discipline =
                (struct mqoe_discipline_config){.kind = i == 8 ? MQOE_PFIFO : 77}; // limit 0; no such thing
        assert_int_equal(mqoe_leaf_change(&b.leaf, &c, b.now + MS, &b.dropped, &e), -EINVAL);
        assert_memory_equal(&b.leaf, &before, sizeof before);
        assert_true(e.hint[0] && e.object[0]);
    }
    close_bed(&b);
}

// Two records, both reserves: a third instance has none, and says what to do.
static void a_pool_too_small_is_refused(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_FQ_CODEL, 1000000);
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaves[3], before;
    struct mqoe_error e;
    struct mqoe_frame_list frames = {0};
    assert_int_equal(
        mqoe_sqm_pool_init(&pool, &(struct mqoe_sqm_pool_config){.histograms = 1, .seed = 1}, &e), -EINVAL);
    assert_int_equal(mqoe_sqm_pool_init(&pool, &(struct mqoe_sqm_pool_config){.flows = 2, .seed = 1}, &e), 0);
    assert_int_equal(mqoe_leaf_init(&leaves[0], &c, &pool, 0, &e), 0);
    assert_int_equal(mqoe_leaf_init(&leaves[1], &c, &pool, 0, &e), 0);
    assert_int_equal(mqoe_leaf_init(&leaves[2], &c, &pool, 0, &e), -ENOMEM);
    assert_non_null(strstr(e.object, "2 flow records"));
    c.discipline.fq_codel.flows = 7; // another instance, for a moment beside the old one
    before = leaves[0];
    assert_int_equal(mqoe_leaf_change(&leaves[0], &c, 0, &frames, &e), -ENOMEM);
    assert_memory_equal(&leaves[0], &before, sizeof before);
    mqoe_leaf_drain(&leaves[1], &frames);
    assert_int_equal(mqoe_leaf_change(&leaves[0], &c, 0, &frames, &e), 0);
    assert_null(frames.head);
    mqoe_sqm_pool_free(&pool);
}

static void pfifo_drops_its_tail(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_PFIFO, 1000000);
    struct bed b;
    open_bed(&b, &c, 1);
    for (uint32_t i = 0; i < 205; i++)
        arrive(&b, i % 64, 1000, 0);
    assert_int_equal(b.leaf.stats.drop_overflow, 5);
    for (uint64_t i = 0; i < 200; i++, b.now += 10 * MS) {
        struct mqoe_frame *f = depart(&b);
        assert_int_equal(f->user, i);
        frame_give(&b.store, f);
    }
    assert_null(depart(&b));
    close_bed(&b);
}

// ---- sojourn ----

static void buckets_have_a_sixteenth(void **state) {
    (void)state;
    uint32_t last = 0;
    for (uint64_t ns = 1; ns < UINT64_C(200) * SECOND; ns += 1 + ns / 37) {
        uint32_t bucket = mqoe_histogram_bucket(ns);
        uint64_t upper = mqoe_histogram_upper(bucket);
        assert_true(bucket >= last && bucket < MQOE_HISTOGRAM_BUCKETS);
        assert_true(upper >= ns && mqoe_histogram_bucket(upper) == bucket);
        if (ns >= 1024 && ns < UINT64_C(31) << 31) // the last bucket is open
            assert_true((upper - ns) * 16 <= ns);
        if (bucket > 0)
            assert_true(mqoe_histogram_upper(bucket - 1) < ns);
        last = bucket;
    }
    assert_int_equal(mqoe_histogram_bucket(0), 0);
    assert_int_equal(mqoe_histogram_bucket(UINT64_MAX), MQOE_HISTOGRAM_BUCKETS - 1);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void quantiles_agree_with_a_sort(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_PFIFO, 0);
    struct bed b;
    static uint64_t waits[200];
    open_bed(&b, &c, 2);
    for (int round = 0; round < 50; round++) {
        uint32_t count = 1 + mqoe_random_below(&b.random, 200);
        uint64_t sum = b.leaf.stats.sojourn_sum;
        for (uint32_t i = 0; i < count; i++) {
            arrive(&b, 1, 100, 0);
            b.now += mqoe_random_below(&b.random, 1u << mqoe_random_below(&b.random, 22));
        }
        for (uint32_t i = 0; i < count; i++) {
            waits[i] = b.now - b.leaf.discipline.pfifo.frames.head->time;
            frame_give(&b.store, depart(&b));
            sum += waits[i];
        }
        qsort(waits, count, sizeof *waits, by_value);
        struct mqoe_sojourn s;
        mqoe_leaf_interval(&b.leaf, &s);
        uint64_t p50 = waits[(count + 1) / 2 - 1], p99 = waits[(count * 99 + 99) / 100 - 1];
        assert_int_equal(s.count, count);
        assert_int_equal(s.max, waits[count - 1]);
        assert_int_equal(b.leaf.stats.sojourn_sum, sum);
        assert_true(s.p50 >= p50 && s.p50 <= p50 + p50 / 16 + 64);
        assert_true(s.p99 >= p99 && s.p99 <= p99 + p99 / 16 + 64 && s.p99 <= s.max);
        mqoe_leaf_interval(&b.leaf, &s); // the next interval starts empty
        assert_true(s.count == 0 && s.p50 == 0 && s.p99 == 0 && s.max == 0);
    }
    close_bed(&b);
}

static void without_a_histogram_the_maximum_stands_in(void **state) {
    (void)state;
    struct mqoe_leaf_config c = config(MQOE_PFIFO, 0);
    struct mqoe_leaf others[4];
    struct mqoe_sojourn s;
    struct mqoe_error e;
    struct bed b;
    uint64_t next_at;
    open_bed(&b, &c, 2);
    for (int i = 0; i < 4; i++) { // take all four
        assert_int_equal(mqoe_leaf_init(&others[i], &c, &b.pool, b.now, &e), 0);
        struct mqoe_frame *f = frame_make(&b.store, 0, 100, 0);
        mqoe_leaf_enqueue(&others[i], f, b.now, &b.dropped);
        frame_give(&b.store, mqoe_leaf_dequeue(&others[i], b.now, &next_at, &b.dropped));
    }
    arrive(&b, 1, 100, 0);
    b.now += 5 * MS;
    frame_give(&b.store, depart(&b));
    mqoe_leaf_interval(&b.leaf, &s);
    assert_int_equal(s.p50, 5 * MS);
    assert_int_equal(s.p99, 5 * MS);
    assert_int_equal(b.pool.histograms_exhausted, 1);
    mqoe_leaf_interval(&others[0], &s); // one is back
    arrive(&b, 1, 100, 0);
    frame_give(&b.store, depart(&b));
    assert_int_equal(b.pool.histograms_exhausted, 1);
    close_bed(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_for_every_load),
        cmocka_unit_test(the_rate_is_met),
        cmocka_unit_test(lateness_is_no_credit_for_newcomers),
        cmocka_unit_test(idleness_earns_no_burst),
        cmocka_unit_test(a_flow_that_runs_empty_is_not_new_at_once),
        cmocka_unit_test(a_sparse_flow_does_not_wait),
        cmocka_unit_test(the_rate_changes_live),
        cmocka_unit_test(the_discipline_changes_live),
        cmocka_unit_test(a_smaller_limit_drops_at_once),
        cmocka_unit_test(a_change_that_cannot_be_changes_nothing),
        cmocka_unit_test(a_pool_too_small_is_refused),
        cmocka_unit_test(pfifo_drops_its_tail),
        cmocka_unit_test(buckets_have_a_sixteenth),
        cmocka_unit_test(quantiles_agree_with_a_sort),
        cmocka_unit_test(without_a_histogram_the_maximum_stands_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
