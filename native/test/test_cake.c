// CAKE's rules one by one: the golden vectors of reference/algorithms.md §1.2, §1.4, §1.6 and §1.10, the
// hash, and what each option does.
#include <errno.h>

#include "cake_bed.h"

// ---- rates ----

static void parameters_follow_the_rate(void **state) {
    (void)state;
    static const struct {
        uint64_t rate, rate_ns;
        uint32_t shift, full, small, target, interval, quantum;
    } golden[] = {
        {64000, 16384000000, 17, 189250000, 8000000, 283875000, 567750000, 300},
        {1000000, 16777216000, 21, 12112000, 512000, 18168000, 113168000, 300},
        {2000000, 0, 0, 6056000, 0, 9084000, 104084000, 300},
        {3000000, 0, 0, 0, 0, 6056000, 101056000, 300},
        {3640000, 0, 0, 0, 0, 5000000, 100000000, 300},
        {10000000, 13421772800, 24, 1211200, 51200, 5000000, 100000000, 305},
        {25000000, 0, 0, 0, 0, 5000000, 100000000, 762},
        {50000000, 0, 0, 0, 0, 5000000, 100000000, 1514},
        {100000000, 10737418240, 27, 121120, 5120, 5000000, 100000000, 1514},
        {1000000000, 8589934592, 30, 12112, 512, 5000000, 100000000, 1514},
        {10000000000, 13743895347, 34, 1211, 51, 5000000, 100000000, 1514},
    };
    struct mqoe_leaf_config c = cake_config(0, MQOE_CAKE_BESTEFFORT);
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct mqoe_cake_tin t = {0};
        mqoe_cake_derive(&t, &c.discipline.cake, 0, golden[i].rate / 8);
        if (golden[i].rate_ns) {
            assert_int_equal(t.rate_ns, golden[i].rate_ns);
            assert_int_equal(t.shift, golden[i].shift);
            assert_int_equal(64 * t.rate_ns >> t.shift, golden[i].small);
            assert_int_equal(t.cobalt.mtu_time, golden[i].full);
        }
        // The rows without rate_ns are known to the microsecond.
        uint64_t unit = golden[i].rate_ns ? 1 : 1000;
        assert_int_equal((t.cobalt.target + unit / 2) / unit, golden[i].target / unit);
        assert_int_equal((t.cobalt.interval + unit / 2) / unit, golden[i].interval / unit);
        assert_int_equal(t.flow_quantum, golden[i].quantum);
        assert_int_equal(t.cobalt.p_inc, 1 << 24);
        assert_int_equal(t.cobalt.p_dec, 1 << 20);
    }
    struct mqoe_cake_tin t = {0};
    mqoe_cake_derive(&t, &c.discipline.cake, 0, 0);
    assert_true(t.rate_ns == 0 && t.flow_quantum == 1514 && t.cobalt.target == 5 * MS);
}

static void tins_have_their_shares(void **state) {
    (void)state;
    static const uint64_t four[] = {1250000, 78125, 625000, 312500}, three[] = {1250000, 78125, 312500},
                          eight[] = {1250000, 1093750, 957031, 837402, 732726, 641135, 560993, 490868};
    static const uint16_t quanta[] = {256, 224, 196, 171, 149, 130, 113, 98};
    for (uint32_t i = 0; i < 8; i++) {
        struct mqoe_leaf_config c = cake_config(0, MQOE_CAKE_DIFFSERV8);
        struct mqoe_cake_tin t = {0};
        mqoe_cake_derive(&t, &c.discipline.cake, i, 1250000);
        assert_int_equal(t.rate, eight[i]);
        assert_int_equal(mqoe_cake_tin_quantum(MQOE_CAKE_DIFFSERV8, i), quanta[i]);
        assert_int_equal(mqoe_cake_tin_quantum(MQOE_CAKE_PRECEDENCE, i), quanta[i]);
        c.discipline.cake.tins = MQOE_CAKE_DIFFSERV4;
        mqoe_cake_derive(&t, &c.discipline.cake, i % 4, 1250000);
        assert_int_equal(t.rate, four[i % 4]);
        c.discipline.cake.tins = MQOE_CAKE_DIFFSERV3;
        mqoe_cake_derive(&t, &c.discipline.cake, i % 3, 1250000);
        assert_int_equal(t.rate, three[i % 3]);
    }
    struct mqoe_leaf_config c = cake_config(0, MQOE_CAKE_DIFFSERV4);
    struct mqoe_cake_tin bulk = {0}; // 625 kbit/s of 10 Mbit/s: its queues get its own times and quantum
    mqoe_cake_derive(&bulk, &c.discipline.cake, 1, 1250000);
    assert_int_equal(bulk.flow_quantum, 300);
    assert_int_equal(bulk.cobalt.target, 29068800); // 1.5 × 1514 B at 625 kbit/s
    static const uint32_t counts[] = {1, 8, 3, 4, 8};
    for (uint32_t mode = 0; mode < 5; mode++)
        assert_int_equal(mqoe_cake_tin_count(mode), counts[mode]);
    assert_int_equal(mqoe_cake_tin_quantum(MQOE_CAKE_BESTEFFORT, 0), 65535);
}

static bool among(uint32_t dscp, const uint8_t *list) {
    for (; *list != 255; list++)
        if (*list == dscp)
            return true;
    return false;
}

static void all_dscps_have_their_tin(void **state) {
    (void)state;
    static const uint8_t bulk[] = {1, 8, 255}, voice3[] = {4, 44, 46, 48, 56, 255},
                         video4[] = {4, 16, 18, 20, 22, 24, 26, 28, 30, 34, 36, 38, 255},
                         voice4[] = {32, 40, 44, 46, 48, 56, 255};
    static const char *const eight = "2012422212121212524242423232323262323232622262627222222272222222";
    for (uint32_t dscp = 0; dscp < 64; dscp++) {
        assert_int_equal(mqoe_cake_tin_of_dscp(MQOE_CAKE_BESTEFFORT, dscp), 0);
        assert_int_equal(mqoe_cake_tin_of_dscp(MQOE_CAKE_PRECEDENCE, dscp), dscp / 8);
        assert_int_equal(mqoe_cake_tin_of_dscp(MQOE_CAKE_DIFFSERV8, dscp), eight[dscp] - '0');
        assert_int_equal(mqoe_cake_tin_of_dscp(MQOE_CAKE_DIFFSERV3, dscp), among(dscp, bulk)     ? 1
                                                                           : among(dscp, voice3) ? 2
                                                                                                 : 0);
        assert_int_equal(mqoe_cake_tin_of_dscp(MQOE_CAKE_DIFFSERV4, dscp), among(dscp, bulk)     ? 1
                                                                           : among(dscp, video4) ? 2
                                                                           : among(dscp, voice4) ? 3
                                                                                                 : 0);
    }
}

static void arp_is_network_control(void **state) {
    (void)state;
    uint8_t data[60] = {[12] = 8, [13] = 6};
    struct mqoe_frame f = {.data = data, .len = 60, .l3_offset = 14};
    assert_int_equal(mqoe_cake_classify(MQOE_CAKE_DIFFSERV4, &f), 3);
    assert_int_equal(mqoe_cake_classify(MQOE_CAKE_PRECEDENCE, &f), 7);
    data[13] = 7;
    assert_int_equal(mqoe_cake_classify(MQOE_CAKE_DIFFSERV4, &f), 0);
    f.l3_offset = 0;
    assert_int_equal(mqoe_cake_classify(MQOE_CAKE_DIFFSERV8, &f), 2);
}

static void memory_limits(void **state) {
    (void)state;
    struct mqoe_cake_config c = cake_config(0, MQOE_CAKE_BESTEFFORT).discipline.cake;
    assert_int_equal(mqoe_cake_memory_limit(&c, 0), 15503360);
    assert_int_equal(mqoe_cake_memory_limit(&c, 1250000), 4 << 20);
    assert_int_equal(mqoe_cake_memory_limit(&c, 10400000), 4 << 20);
    assert_int_equal(mqoe_cake_memory_limit(&c, 12500000), 5000000);
    assert_int_equal(mqoe_cake_memory_limit(&c, 38700000), 15480000);
    assert_int_equal(mqoe_cake_memory_limit(&c, 125000000), 15503360);
    c.memory_limit = 1000000;
    assert_int_equal(mqoe_cake_memory_limit(&c, 125000000), 1000000);
    c.memory_limit = 64 << 20; // a configured limit may be above ten thousand packets
    assert_int_equal(mqoe_cake_memory_limit(&c, 125000000), 64 << 20);
}

// ---- hosts' quanta ----

static void quanta_are_dithered(void **state) {
    (void)state;
    static const struct {
        uint32_t quantum, load;
        int32_t low, high;
    } golden[] = {{1514, 1, 1513, 1514}, {1514, 2, 756, 757}, {1514, 3, 504, 505}, {1514, 4, 378, 379},
                  {1514, 8, 189, 190},   {1514, 16, 94, 95},  {1514, 100, 15, 16}, {1514, 1024, 1, 2},
                  {300, 100, 2, 3},      {300, 1024, 0, 1}};
    struct mqoe_leaf_config c = cake_config(0, MQOE_CAKE_BESTEFFORT);
    struct cake_bed b;
    cake_open(&b, &c, 4, 8);
    b.src = 1;
    cake_arrive(&b, 1, 100, 0);
    struct mqoe_cake_store *s = &b.pool.cake;
    struct mqoe_cake_tin *t = mqoe_cake_tin_at(s, b.leaf.discipline.cake.tins[0]);
    struct mqoe_cake_flow *f = mqoe_cake_flow(s, t->fresh.head);
    struct mqoe_cake_op op = {.store = s, .pool = &b.pool};
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        int64_t sum = 0, lows = 0, draws = 200000;
        t->flow_quantum = (uint16_t)golden[i].quantum;
        struct mqoe_cake_flow side = *f; // the busier side counts
        side.host[(i + 1) % 2] = MQOE_NO_RECORD;
        mqoe_cake_hosts_add(s, &side, (int)golden[i].load);
        for (int64_t k = 0; k < draws; k++) {
            int32_t q = mqoe_cake_quantum(&op, t, f);
            assert_in_range(q, golden[i].low, golden[i].high);
            lows += q == golden[i].low;
            sum += q;
        }
        assert_true(lows > 0 && lows < draws); // both occur
        double exact = (double)golden[i].quantum * (65535 / golden[i].load) / 65536;
        assert_true((double)sum / (double)draws > exact - 0.01 && (double)sum / (double)draws < exact + 0.01);
        mqoe_cake_hosts_add(s, &side, -(int)golden[i].load);
    }
    t->flow_quantum = 1514;
    cake_close(&b);
}

// ---- the hash ----

static void arrive_with_hash(struct cake_bed *b, uint32_t hash) {
    struct mqoe_frame *f = cake_frame(b, 0, 100, 0);
    f->hash = hash;
    cake_enqueue(b, f);
}

static void expect_ways(const struct cake_bed *b, uint64_t directs, uint64_t hits, uint64_t misses,
                        uint64_t collisions) {
    const struct mqoe_cake_account *a = mqoe_cake_account(&b->pool.cake, b->leaf.discipline.cake.accounts[0]);
    assert_int_equal(a->way_directs, directs);
    assert_int_equal(a->way_hits, hits);
    assert_int_equal(a->way_misses, misses);
    assert_int_equal(a->way_collisions, collisions);
}

static uint32_t slot_of(const struct cake_bed *b, uint32_t tag) {
    const struct mqoe_cake_store *s = &b->pool.cake;
    for (uint32_t i = 0; i < s->flows.fresh; i++)
        if (mqoe_cake_flow(s, i)->tag == tag)
            return mqoe_cake_flow(s, i)->slot;
    return UINT32_MAX;
}

// Nine flows for one set, all of which want way 6: 6, 7, 0, 1 … 5, and the ninth shares with the first.
static void ways_are_searched_as_in_linux(void **state) {
    (void)state;
    static const uint32_t order[] = {6, 7, 0, 1, 2, 3, 4, 5};
    struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_BESTEFFORT);
    struct cake_bed b;
    cake_open(&b, &c, 64, 32);
    for (uint32_t i = 0; i < 8; i++) {
        arrive_with_hash(&b, 40 + 6 + i * 1024);
        assert_int_equal(slot_of(&b, 40 + 6 + i * 1024), 40 + order[i]);
    }
    expect_ways(&b, 0, 0, 8, 0);
    arrive_with_hash(&b, 40 + 6); // in its own slot
    expect_ways(&b, 1, 0, 8, 0);
    arrive_with_hash(&b, 40 + 6 + 3 * 1024); // in another way
    expect_ways(&b, 1, 1, 8, 0);
    arrive_with_hash(&b, 40 + 6 + 8 * 1024); // the set is full: it takes slot 46 over
    expect_ways(&b, 1, 1, 8, 1);
    assert_int_equal(slot_of(&b, 40 + 6), UINT32_MAX);
    assert_int_equal(slot_of(&b, 40 + 6 + 8 * 1024), 46);
    arrive_with_hash(&b, 48 + 6); // the next set is empty
    expect_ways(&b, 1, 1, 9, 1);
    struct mqoe_tin_stats t;
    assert_true(mqoe_leaf_tin(&b.leaf, 0, &t));
    assert_true(t.way_hits == 1 && t.way_misses == 9 && t.way_collisions == 1);
    cake_close(&b);
}

// Which of flows (by hash), sources and destinations get queues of their own, by mode.
static void each_mode_has_its_queues(void **state) {
    (void)state;
    static const uint32_t queues[] = {
        [MQOE_CAKE_FLOWBLIND] = 1,     [MQOE_CAKE_SRCHOST] = 2,        [MQOE_CAKE_DSTHOST] = 3,
        [MQOE_CAKE_HOSTS] = 6,         [MQOE_CAKE_FLOWS] = 24,         [MQOE_CAKE_DUAL_SRCHOST] = 24,
        [MQOE_CAKE_DUAL_DSTHOST] = 24, [MQOE_CAKE_TRIPLE_ISOLATE] = 24};
    static const uint32_t hosts[] = {0, 0, 0, 0, 0, 2, 3, 5};
    for (uint32_t mode = 0; mode < 8; mode++) {
        struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_BESTEFFORT);
        struct cake_bed b;
        c.discipline.cake.isolation = mode;
        cake_open(&b, &c, 64, 32);
        for (uint32_t i = 0; i < 24; i++) {
            b.src = 1 + i % 2;
            b.dst = 1 + i % 3;
            cake_arrive(&b, i, 100, 0);
        }
        assert_int_equal(b.pool.cake.flows.used, queues[mode]);
        assert_int_equal(b.pool.cake.hosts.used, hosts[mode]);
        cake_close(&b);
    }
}

// ---- options ----

static void washing_clears_the_dscp_after_its_use(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_DIFFSERV4);
    struct mqoe_tin_stats voice;
    struct cake_bed b;
    c.discipline.cake.wash = true;
    cake_open(&b, &c, 8, 8);
    cake_arrive(&b, 1, 100, EF | MQOE_ECT_0);
    const struct mqoe_frame *f = cake_depart(&b);
    assert_int_equal(f->tos, MQOE_ECT_0);
    assert_int_equal(f->data[15], MQOE_ECT_0);
    assert_int_equal(mqoe_checksum(f->data + 14, 20), 0);
    assert_true(mqoe_leaf_tin(&b.leaf, 3, &voice) && voice.out_packets == 1);
    assert_false(mqoe_leaf_tin(&b.leaf, 0, &voice));
    assert_false(mqoe_leaf_tin(&b.leaf, 7, &voice));
    cake_close(&b);
}

static void oversize_is_refused_and_seen(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(10 * MBIT, MQOE_CAKE_DIFFSERV4);
    struct mqoe_qdisc_stats q;
    struct cake_bed b;
    cake_open(&b, &c, 8, 8);
    cake_arrive(&b, 1, 1522, 0); // two VLAN tags
    cake_arrive(&b, 1, 1523, 0);
    assert_int_equal(b.gone, 1);
    assert_int_equal(b.leaf.stats.drop_oversize, 1);
    assert_int_equal(b.leaf.stats.drop_overflow, 1);
    mqoe_leaf_qdisc_stats(&b.leaf, &q);
    assert_int_equal(q.drop_overlimit, 0); // it was no lack of room
    cake_close(&b);
}

static void arrive_ack(struct cake_bed *b, uint32_t ack) {
    struct mqoe_frame *f = cake_frame(b, 1, 54, 0);
    f->data[23] = 6;
    memset(f->data + 34, 0, 20);
    f->data[35] = f->data[37] = 80;
    memcpy(f->data + 42, &(uint32_t){__builtin_bswap32(ack)}, 4);
    f->data[46] = 0x50;
    f->data[47] = 0x10;
    cake_enqueue(b, f);
}

// Ten ACKs of one flow: the first is gone by then; at most one is dropped for each that arrives.
static void redundant_acks_go(void **state) {
    (void)state;
    for (int ingress = 0; ingress < 2; ingress++) {
        struct mqoe_leaf_config c = cake_config(MBIT, MQOE_CAKE_BESTEFFORT);
        struct mqoe_tin_stats t;
        struct cake_bed b;
        c.discipline.cake.ack_filter = MQOE_ACK_FILTER_AGGRESSIVE;
        c.discipline.cake.ingress = ingress;
        cake_open(&b, &c, 32, 8);
        uint64_t start = b.leaf.shaper.next;
        for (uint32_t i = 0; i < 10; i++)
            arrive_ack(&b, i * 1000);
        assert_int_equal(b.leaf.stats.drop_ack, 9);
        assert_int_equal(b.leaf.stats.drop_aqm, 9);
        assert_int_equal(b.leaf.stats.backlog_packets, 1);
        assert_int_equal(b.leaf.stats.backlog_bytes, 54);
        assert_true(mqoe_leaf_tin(&b.leaf, 0, &t));
        assert_true(t.ack_drops == 9 && t.drops == 0 && t.backlog_packets == 1);
        assert_int_equal(b.leaf.shaper.next - start, ingress ? UINT64_C(9) * 54 * 8000 : 0);
        cake_check_all(&b);
        cake_settle(&b);
        cake_close(&b);
    }
}

static void autorate_finds_the_rate(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(50 * MBIT, MQOE_CAKE_BESTEFFORT);
    struct mqoe_qdisc_stats q;
    struct cake_bed b;
    c.discipline.cake.autorate_ingress = true;
    cake_open(&b, &c, 2200, 8);       // more than the memory limit
    for (int i = 0; i < 40000; i++) { // 20 Mbit/s, in pairs as a link would give them
        b.now += i % 2 ? 605600 - 100000 : 605600 + 100000;
        cake_arrive(&b, 1, 1514, MQOE_ECT_0);
        while (cake_depart(&b))
            ;
    }
    double rate = (double)b.leaf.shaper.rate * 8, expect = 20e6 * 15 / 16;
    assert_true(rate > expect * 0.97 && rate < expect * 1.03);
    mqoe_leaf_qdisc_stats(&b.leaf, &q);
    assert_true(q.capacity_estimate > 19400000 && q.capacity_estimate < 20600000);
    cake_close(&b);
}

// ECT frames that all waited 50 ms, one per millisecond: the first mark comes with the second frame in Linux,
// after an interval by design.
static void both_starts_are_there(void **state) {
    (void)state;
    for (int corrected = 0; corrected < 2; corrected++) {
        struct mqoe_leaf_config c = cake_config(100 * MBIT, MQOE_CAKE_BESTEFFORT);
        struct cake_bed b;
        c.discipline.cake.corrected_start = corrected;
        cake_open(&b, &c, 400, 8);
        uint64_t first = 0;
        for (uint64_t ms = 0; ms < 250; ms++, b.now += MS) {
            cake_arrive(&b, 1, 1514, MQOE_ECT_0);
            if (ms < 50)
                continue;
            assert_non_null(cake_depart(&b));
            if (!first && b.leaf.stats.marks)
                first = ms - 50;
        }
        assert_int_equal(first, corrected ? 100 : 1);
        cake_close(&b);
    }
}

static void what_cannot_run_is_refused(void **state) {
    (void)state;
    struct mqoe_error e;
    struct mqoe_leaf_config bad[8];
    for (int i = 0; i < 8; i++)
        bad[i] = cake_config(MBIT, MQOE_CAKE_DIFFSERV3);
    bad[0].discipline.cake.tins = 5;
    bad[1].discipline.cake.isolation = 8;
    bad[2].discipline.cake.ack_filter = 3;
    bad[3].discipline.cake.rtt = 999;
    bad[4].discipline.cake.rtt = UINT64_C(3600000000001);
    bad[5].discipline.cake.mtu = 63;
    bad[6].discipline.cake.mtu = 65536;
    bad[7].discipline.cake.memory_limit = 2047;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(mqoe_leaf_check(&bad[i], &e), -EINVAL);
        assert_true(e.object[0] && e.hint[0]);
    }
}

// Tins are promised when an instance begins: none can be refused one later.
static void a_pool_without_tins_is_refused(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(MBIT, MQOE_CAKE_DIFFSERV8);
    struct mqoe_leaf a, b, before;
    struct mqoe_frame_list none = {0};
    struct mqoe_sqm_pool pool;
    struct mqoe_error e;
    const struct mqoe_sqm_pool_config sizes = {.flows = 4, .cake_tins = 12};
    assert_int_equal(mqoe_sqm_pool_init(&pool, &sizes, &e), 0);
    assert_int_equal(mqoe_leaf_init(&a, &c, &pool, 0, &e), 0);
    assert_int_equal(mqoe_leaf_init(&b, &c, &pool, 0, &e), -ENOMEM);
    assert_non_null(strstr(e.object, "12 tins, 8 of them promised"));
    c.discipline.cake.isolation = MQOE_CAKE_FLOWS; // another instance, for a moment beside the old one
    before = a;
    assert_int_equal(mqoe_leaf_change(&a, &c, 0, &none, &e), -ENOMEM);
    assert_memory_equal(&a, &before, sizeof a);
    c.discipline.cake.tins = MQOE_CAKE_DIFFSERV4;
    assert_int_equal(mqoe_leaf_change(&a, &c, 0, &none, &e), 0);
    assert_int_equal(pool.cake.promised, 4);
    mqoe_sqm_pool_free(&pool);
}

// ---- what a queue keeps ----

// A frame that does not wait, then one of 200 each ms: when, ms later, is the first of them marked?
// Afterwards the queue is forgotten.
static uint64_t first_mark(struct cake_bed *b, uint32_t flow) {
    cake_arrive(b, flow, 1000, MQOE_ECT_0);
    assert_non_null(cake_depart(b));
    uint64_t marks = b->leaf.stats.marks, first = 0, start = b->now += MS;
    for (int i = 0; i < 200; i++)
        cake_arrive(b, flow, 1000, MQOE_ECT_0);
    for (; b->leaf.stats.backlog_packets; b->now += MS) {
        assert_non_null(cake_depart(b));
        if (!first && b->leaf.stats.marks > marks)
            first = (b->now - start) / MS;
    }
    cake_settle(b);
    assert_int_equal(b->pool.cake.flows.used, 0);
    return first;
}

// In Linux a queue that was never signalled is signalled at once (cobalt.h), any other an interval after it
// first was over target. That outlives the queue's record, slot by slot.
static void a_queue_stays_one_that_was_signalled(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(100 * MBIT, MQOE_CAKE_BESTEFFORT);
    struct cake_bed b;
    cake_open(&b, &c, 300, 8);
    assert_int_equal(first_mark(&b, 1), 7);
    assert_int_equal(first_mark(&b, 1), 106);
    assert_int_equal(first_mark(&b, 2), 7);
    assert_int_equal(first_mark(&b, 1), 106);
    assert_int_equal(first_mark(&b, 2), 106);
    assert_int_equal(b.pool.cake.signalled.used, 1);
    cake_close(&b);
    c.discipline.cake.corrected_start = true;
    cake_open(&b, &c, 300, 8);
    assert_int_equal(first_mark(&b, 1), 106);
    assert_int_equal(first_mark(&b, 1), 106);
    assert_int_equal(b.pool.cake.signalled.used, 0);
    cake_close(&b);
}

// BLUE wants every frame dropped, but it is the last of its queue: it goes, and its mark counts.
static void a_mark_on_the_last_frame_counts(void **state) {
    (void)state;
    struct mqoe_leaf_config c = cake_config(100 * MBIT, MQOE_CAKE_BESTEFFORT);
    struct cake_bed b;
    cake_open(&b, &c, 8, 8);
    cake_arrive(&b, 1, 1000, MQOE_ECT_0);
    struct mqoe_cake_tin *t = mqoe_cake_tin_at(&b.pool.cake, b.leaf.discipline.cake.tins[0]);
    struct mqoe_cake_flow *f = mqoe_cake_flow(&b.pool.cake, t->fresh.head);
    f->cobalt = (struct mqoe_cobalt){.p_drop = UINT32_MAX, .count = 1, .drop_next = b.now};
    t->unresponsive++;
    b.now += 200 * MS;
    const struct mqoe_frame *frame = cake_depart(&b);
    struct mqoe_tin_stats tin;
    assert_true(frame && (frame->tos & 3) == MQOE_CE && mqoe_leaf_tin(&b.leaf, 0, &tin));
    assert_true(b.leaf.stats.marks == 1 && tin.marks == 1 && tin.drops == 0);
    cake_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_follow_the_rate),
        cmocka_unit_test(tins_have_their_shares),
        cmocka_unit_test(all_dscps_have_their_tin),
        cmocka_unit_test(arp_is_network_control),
        cmocka_unit_test(memory_limits),
        cmocka_unit_test(quanta_are_dithered),
        cmocka_unit_test(ways_are_searched_as_in_linux),
        cmocka_unit_test(each_mode_has_its_queues),
        cmocka_unit_test(washing_clears_the_dscp_after_its_use),
        cmocka_unit_test(oversize_is_refused_and_seen),
        cmocka_unit_test(redundant_acks_go),
        cmocka_unit_test(autorate_finds_the_rate),
        cmocka_unit_test(both_starts_are_there),
        cmocka_unit_test(what_cannot_run_is_refused),
        cmocka_unit_test(a_pool_without_tins_is_refused),
        cmocka_unit_test(a_queue_stays_one_that_was_signalled),
        cmocka_unit_test(a_mark_on_the_last_frame_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
