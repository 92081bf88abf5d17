// Plain CoDel, one queue under COBALT, and FIFOs limited in packets and in bytes: what each adds to its law.
#include <errno.h>

#include "frames.h"
#include "sqm/cobalt_fifo.h"
#include "sqm/codel_fifo.h"
#include "sqm/leaf.h"
#include "sqm/pfifo.h"

struct bed {
    struct frame_store store;
    struct mqoe_queue_stats stats;
    struct mqoe_frame_list dropped;
    struct mqoe_random random;
    struct mqoe_shaper shaper;
    union {
        struct mqoe_codel_fifo codel;
        struct mqoe_cobalt_fifo cobalt;
        struct mqoe_pfifo fifo;
    };
};

static void open_bed(struct bed *b, uint32_t frames) {
    *b = (struct bed){0};
    frame_store_open(&b->store, frames);
    mqoe_random_seed(&b->random, 1);
    mqoe_shaper_init(&b->shaper, 0, 0);
}

static void close_bed(struct bed *b) {
    frame_store_close(&b->store);
}

static struct mqoe_frame *make(struct bed *b, uint64_t now, uint32_t len, uint8_t ecn) {
    struct mqoe_frame *f = frame_make(&b->store, 0, len, ecn);
    assert_non_null(f);
    f->time = now;
    return f;
}

// ---- codel ----

static struct mqoe_codel_config codel_defaults(void) {
    return (struct mqoe_codel_config){
        .target = 5 * MS, .interval = 100 * MS, .ce_threshold = -1, .limit = 1000, .mtu = 1514};
}

static void open_codel(struct bed *b, const struct mqoe_codel_config *c) {
    struct mqoe_error e;
    open_bed(b, 4096);
    assert_int_equal(mqoe_codel_fifo_check(c, &e), 0);
    mqoe_codel_fifo_init(&b->codel, c);
}

static void codel_put(struct bed *b, uint64_t now, uint8_t ecn) {
    mqoe_codel_fifo_enqueue(&b->codel, make(b, now, 1514, ecn), &b->stats, &b->dropped);
}

static struct mqoe_frame *codel_take(struct bed *b, uint64_t now) {
    return mqoe_codel_fifo_dequeue(&b->codel, now, &b->stats, &b->dropped);
}

// Linux's golden sequence (reference/algorithms.md §2), through the whole discipline, 1 ms a packet.
static void codel_keeps_the_golden_sequence(void **state) {
    (void)state;
    static const uint32_t golden[] = {101, 201, 251, 308, 357, 401, 441, 479, 514, 547};
    struct mqoe_codel_config c = codel_defaults();
    c.ecn = true;
    struct bed b;
    open_codel(&b, &c);
    for (uint64_t k = 0; k < 50; k++)
        codel_put(&b, k * MS, MQOE_ECT_0);
    uint32_t seen = 0;
    for (uint32_t k = 0; seen < 10; k++) {
        uint64_t marks = b.stats.marks;
        codel_put(&b, (50 + k) * MS, MQOE_ECT_0);
        frame_give(&b.store, codel_take(&b, (50 + k) * MS));
        if (b.stats.marks != marks)
            assert_int_equal(k, golden[seen++]);
    }
    close_bed(&b);
}

static void codel_drops_without_ecn_whatever_the_packet(void **state) {
    (void)state;
    struct mqoe_codel_config c = codel_defaults();
    struct bed b;
    open_codel(&b, &c);
    for (int i = 0; i < 10; i++)
        codel_put(&b, 0, MQOE_ECT_0);
    codel_take(&b, 10 * MS);
    codel_take(&b, 120 * MS);
    assert_int_equal(b.stats.drop_aqm, 1);
    assert_int_equal(b.stats.marks, 0);
    close_bed(&b);
}

static void a_full_codel_refuses_the_newcomer(void **state) {
    (void)state;
    struct mqoe_codel_config c = codel_defaults();
    c.limit = 3;
    struct bed b;
    open_codel(&b, &c);
    for (int i = 0; i < 5; i++)
        codel_put(&b, 0, 0);
    assert_int_equal(b.stats.drop_overflow, 2);
    assert_int_equal(b.dropped.head->user, 3);
    c.limit = 1;
    mqoe_codel_fifo_set(&b.codel, &c, &b.stats, &b.dropped);
    assert_int_equal(b.dropped.tail->user, 1); // from the head
    assert_int_equal(codel_take(&b, 0)->user, 2);
    assert_int_equal(b.stats.drop_overflow, 4);
    close_bed(&b);
}

static void codel_marks_above_its_ce_threshold(void **state) {
    (void)state;
    struct mqoe_codel_config c = codel_defaults();
    c.ce_threshold = 2 * MS;
    struct bed b;
    open_codel(&b, &c);
    codel_put(&b, 0, MQOE_ECT_0);
    codel_put(&b, 0, MQOE_ECT_0);
    assert_int_equal(codel_take(&b, 1 * MS)->tos, MQOE_ECT_0);
    assert_int_equal(codel_take(&b, 3 * MS)->tos, MQOE_CE);
    close_bed(&b);
}

// Into the dropping state with a count, then a rest, then over target again: the count resumes after a short
// rest and not after one that CoDel's clock of 32 bits cannot tell from a short one (73 minutes and a
// second).
static uint32_t count_after_rest(uint64_t gap) {
    struct mqoe_codel_config c = codel_defaults();
    c.ecn = true;
    struct bed b;
    open_codel(&b, &c);
    uint64_t now = SECOND;
    for (int i = 0; i < 1000; i++, now += MS) {
        codel_put(&b, now - 50 * MS, MQOE_ECT_0);
        codel_put(&b, now - 50 * MS, MQOE_ECT_0);
        frame_give(&b.store, codel_take(&b, now));
        if (b.stats.backlog_packets > 100)
            frame_give(&b.store, codel_take(&b, now));
    }
    for (struct mqoe_frame *f; (f = codel_take(&b, now));)
        frame_give(&b.store, f);
    frame_give_all(&b.store, &b.dropped);
    assert_true(b.codel.codel.count > 10);
    now += gap;
    for (int i = 0; i < 200 && !b.codel.codel.dropping; i++, now += MS) {
        codel_put(&b, now, MQOE_ECT_0);
        codel_put(&b, now, MQOE_ECT_0);
        if (i > 20)
            frame_give(&b.store, codel_take(&b, now));
    }
    assert_true(b.codel.codel.dropping);
    uint32_t count = b.codel.codel.count;
    close_bed(&b);
    return count;
}

static void codel_forgets_after_16_intervals_however_long(void **state) {
    (void)state;
    assert_true(count_after_rest(100 * MS) > 10);
    assert_int_equal(count_after_rest(2 * SECOND), 1);
    assert_int_equal(count_after_rest(1024 * (UINT64_C(1) << 32) + 100 * MS), 1);
}

// ---- cobalt ----

static struct mqoe_cobalt_config cobalt_defaults(void) {
    return (struct mqoe_cobalt_config){
        .target = 5 * MS, .interval = 100 * MS, .limit = 1000, .mtu = 1514, .ecn = true};
}

static void open_cobalt(struct bed *b, const struct mqoe_cobalt_config *c) {
    struct mqoe_error e;
    open_bed(b, 4096);
    assert_int_equal(mqoe_cobalt_fifo_check(c, &e), 0);
    mqoe_cobalt_fifo_init(&b->cobalt, c);
}

static void cobalt_put(struct bed *b, uint64_t now, uint8_t ecn) {
    mqoe_cobalt_fifo_enqueue(&b->cobalt, make(b, now, 1514, ecn), &b->stats, &b->dropped);
}

static struct mqoe_frame *cobalt_take(struct bed *b, uint64_t now) {
    return mqoe_cobalt_fifo_dequeue(&b->cobalt, &b->shaper, now, &b->random, &b->stats, &b->dropped);
}

// One packet a ms that waited 50 ms: the first signals, which are drops or marks.
static void first_signals(bool ecn, bool corrected, const uint32_t *golden, uint32_t count) {
    struct mqoe_cobalt_config c = cobalt_defaults();
    c.ecn = ecn;
    c.corrected_start = corrected;
    struct bed b;
    open_cobalt(&b, &c);
    for (uint64_t k = 0; k < 50; k++)
        cobalt_put(&b, SECOND + k * MS, MQOE_ECT_0);
    for (uint32_t k = 0, seen = 0; seen < count; k++) {
        uint64_t now = SECOND + (50 + k) * MS, before = b.stats.marks + b.stats.drop_aqm;
        cobalt_put(&b, now, MQOE_ECT_0);
        cobalt_put(&b, now - 50 * MS, MQOE_ECT_0); // a drop takes another frame out at once
        frame_give(&b.store, cobalt_take(&b, now));
        frame_give_all(&b.store, &b.dropped);
        if (b.stats.marks + b.stats.drop_aqm != before)
            assert_int_equal(k, golden[seen++]);
    }
    assert_int_equal(ecn ? b.stats.drop_aqm : b.stats.marks, 0);
    close_bed(&b);
}

static void cobalt_starts_as_configured(void **state) {
    (void)state;
    static const uint32_t as_linux[] = {1, 71, 129, 179, 224}, corrected[] = {100, 171, 229, 279, 324};
    first_signals(true, false, as_linux, 5);
    first_signals(true, true, corrected, 5);
    first_signals(false, false, as_linux, 5);
}

static void the_last_packet_is_never_dropped(void **state) {
    (void)state;
    struct mqoe_cobalt_config c = cobalt_defaults();
    struct bed b;
    open_cobalt(&b, &c);
    cobalt_put(&b, SECOND, 0);
    cobalt_put(&b, SECOND, 0);
    b.cobalt.cobalt.p_drop = UINT32_MAX; // BLUE wants everything
    struct mqoe_frame *f = cobalt_take(&b, SECOND);
    assert_int_equal(f->user, 1);
    assert_int_equal(b.stats.drop_aqm, 1);
    assert_null(cobalt_take(&b, SECOND));
    close_bed(&b);
}

static void a_full_cobalt_drops_its_head_and_tells_blue(void **state) {
    (void)state;
    struct mqoe_cobalt_config c = cobalt_defaults();
    c.limit = 3;
    struct bed b;
    open_cobalt(&b, &c);
    for (int i = 0; i < 4; i++)
        cobalt_put(&b, SECOND, 0);
    assert_int_equal(b.dropped.head->user, 0);
    assert_int_equal(b.dropped.head->cause, MQOE_DROP_OVERFLOW);
    assert_int_equal(b.stats.backlog_packets, 3);
    assert_int_equal(b.cobalt.cobalt.p_drop, MQOE_BLUE_INCREMENT);
    assert_true(b.cobalt.unresponsive);
    c.limit = 1;
    mqoe_cobalt_fifo_set(&b.cobalt, &c, &b.stats, &b.dropped);
    assert_int_equal(b.stats.backlog_packets, 1);
    assert_int_equal(b.cobalt.cobalt.p_drop, MQOE_BLUE_INCREMENT);
    close_bed(&b);
}

// BLUE falls by a step for each target (5 ms) that the queue is empty, and only then.
static void blue_falls_while_the_queue_rests(void **state) {
    (void)state;
    struct mqoe_cobalt_config c = cobalt_defaults();
    struct bed b;
    open_cobalt(&b, &c);
    const uint32_t step = MQOE_BLUE_DECREMENT;
    const uint64_t period = 5 * MS + 1, start = SECOND;
    cobalt_put(&b, start, 0);
    b.cobalt.cobalt.p_drop = 10 * step + 5;
    b.cobalt.cobalt.blue_timer = start;
    b.cobalt.unresponsive = true;
    uint64_t empty = start + 40 * MS; // the timer has long run out: one step at once
    assert_non_null(cobalt_take(&b, empty));
    cobalt_put(&b, empty + 3 * period - 1, 0); // at 0, 1 and 2 periods
    assert_int_equal(b.cobalt.cobalt.p_drop, 7 * step + 5);
    assert_non_null(cobalt_take(&b, empty + 3 * period - 1));
    assert_true(b.cobalt.unresponsive);
    cobalt_put(&b, empty + 1000 * SECOND, 0);
    assert_int_equal(b.cobalt.cobalt.p_drop, 0);
    assert_false(b.cobalt.unresponsive);
    close_bed(&b);
}

// At 1 Mbit/s four packets take 48 ms: that is no standing queue.
static void a_slow_link_may_hold_four_packets(void **state) {
    (void)state;
    struct mqoe_cobalt_config c = cobalt_defaults();
    struct bed b;
    open_cobalt(&b, &c);
    mqoe_shaper_init(&b.shaper, 1000000, 0);
    for (int i = 0; i < 4; i++)
        cobalt_put(&b, SECOND, 0);
    assert_non_null(cobalt_take(&b, SECOND + 4 * 12112000)); // 1514 bytes take 12.112 ms
    assert_false(b.cobalt.cobalt.dropping);
    assert_non_null(cobalt_take(&b, SECOND + 4 * 12112000 + 1));
    assert_true(b.cobalt.cobalt.dropping);
    close_bed(&b);
}

// ---- fifos ----

static void bfifo_counts_bytes(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, 8);
    mqoe_bfifo_init(&b.fifo, &(struct mqoe_bfifo_config){.limit = 3000});
    static const uint32_t lengths[] = {1514, 1400, 86, 64, 1}; // 3000 with the third; then no more
    for (int i = 0; i < 5; i++)
        mqoe_pfifo_enqueue(&b.fifo, make(&b, 0, lengths[i], 0), &b.stats, &b.dropped);
    assert_int_equal(b.stats.backlog_bytes, 3000);
    assert_int_equal(b.stats.drop_overflow, 2);
    assert_int_equal(b.dropped.head->user, 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(mqoe_pfifo_dequeue(&b.fifo, &b.stats)->user, i);
    mqoe_pfifo_enqueue(&b.fifo, make(&b, 0, 3001, 0), &b.stats, &b.dropped); // never fits
    assert_int_equal(b.stats.drop_overflow, 3);
    close_bed(&b);
}

static void pfifo_counts_packets(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, 8);
    mqoe_pfifo_init(&b.fifo, &(struct mqoe_pfifo_config){.limit = 2});
    for (int i = 0; i < 4; i++)
        mqoe_pfifo_enqueue(&b.fifo, make(&b, 0, i == 0 ? 60000 : 64, 0), &b.stats, &b.dropped);
    assert_int_equal(b.stats.backlog_packets, 2);
    assert_int_equal(b.stats.drop_overflow, 2);
    close_bed(&b);
}

// ---- all of them, through a leaf ----

static struct mqoe_discipline_config config_of(enum mqoe_discipline_kind kind, uint32_t limit) {
    struct mqoe_discipline_config c = {.kind = kind};
    switch (kind) {
    case MQOE_CODEL:
        c.codel = codel_defaults();
        c.codel.limit = limit;
        break;
    case MQOE_COBALT:
        c.cobalt = cobalt_defaults();
        c.cobalt.limit = limit;
        break;
    case MQOE_DUALPI2:
        c.dualpi2 = (struct mqoe_dualpi2_config){.limit = limit,
                                                 .memory_limit = 1 << 24,
                                                 .target = 15 * MS,
                                                 .tupdate = 16 * MS,
                                                 .alpha = 41,
                                                 .beta = 819,
                                                 .step_threshold = 1 * MS,
                                                 .coupling = 2,
                                                 .classic_protection = 10,
                                                 .ecn_mask = MQOE_DUALPI2_L4S,
                                                 .mtu = 1514};
        break;
    case MQOE_BFIFO:
        c.bfifo.limit = limit * 1514;
        break;
    default:
        c.pfifo.limit = limit;
    }
    return c;
}

static const enum mqoe_discipline_kind kinds[] = {MQOE_PFIFO, MQOE_BFIFO, MQOE_CODEL, MQOE_COBALT,
                                                  MQOE_DUALPI2};

struct leaf_bed {
    struct frame_store store;
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaf;
    struct mqoe_frame_list dropped;
};

static void open_leaf(struct leaf_bed *b, enum mqoe_discipline_kind kind, uint32_t limit) {
    struct mqoe_error e;
    struct mqoe_leaf_config c = {.rate = 10000000, .discipline = config_of(kind, limit)};
    *b = (struct leaf_bed){0};
    frame_store_open(&b->store, 64);
    assert_int_equal(mqoe_sqm_pool_init(&b->pool, &(struct mqoe_sqm_pool_config){8, 2, 1, 8}, &e), 0);
    assert_int_equal(mqoe_leaf_init(&b->leaf, &c, &b->pool, SECOND, &e), 0);
}

static void close_leaf(struct leaf_bed *b) {
    struct mqoe_frame_list rest = {0};
    mqoe_leaf_drain(&b->leaf, &rest);
    frame_give_all(&b->store, &rest);
    assert_int_equal(b->leaf.stats.backlog_packets + b->leaf.stats.backlog_bytes, 0);
    mqoe_sqm_pool_free(&b->pool);
    frame_store_close(&b->store);
}

static void leaf_put(struct leaf_bed *b, uint64_t now, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        mqoe_leaf_enqueue(&b->leaf, frame_make(&b->store, i, 1514, MQOE_NOT_ECT), now, &b->dropped);
}

// Takes out what is there, each as soon as the link is free: in order, from number `first` on.
static void expect_in_order(struct leaf_bed *b, uint64_t now, uint64_t first, uint32_t count) {
    uint64_t next_at = now;
    for (uint32_t i = 0; i < count; i++) {
        struct mqoe_frame *f = mqoe_leaf_dequeue(&b->leaf, next_at, &next_at, &b->dropped);
        assert_non_null(f);
        assert_int_equal(f->user, first + i);
    }
    assert_int_equal(b->leaf.stats.backlog_packets, 0);
    assert_null(mqoe_leaf_dequeue(&b->leaf, now + SECOND, &next_at, &b->dropped));
    assert_true(next_at == MQOE_NEVER);
}

static void a_leaf_of_each_limits_and_reports(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct leaf_bed b;
        struct mqoe_qdisc_stats q;
        struct mqoe_tin_stats tin;
        open_leaf(&b, kinds[i], 4);
        assert_false(mqoe_leaf_tin(&b.leaf, 0, &tin)); // never used
        leaf_put(&b, SECOND, 6);
        mqoe_leaf_qdisc_stats(&b.leaf, &q);
        assert_int_equal(q.tins, 1);
        assert_int_equal(q.drop_overlimit, 2);
        assert_int_equal(q.memory_used, 4 * MQOE_FRAME_MEMORY);
        assert_int_equal(q.memory_limit, kinds[i] == MQOE_BFIFO ? 0 : 4 * MQOE_FRAME_MEMORY);
        assert_true(mqoe_leaf_tin(&b.leaf, 0, &tin));
        assert_false(mqoe_leaf_tin(&b.leaf, 1, &tin));
        assert_int_equal(tin.backlog_packets, 4);
        assert_int_equal(tin.drops, 2);
        assert_int_equal(tin.max_len, 1514);
        assert_int_equal(tin.threshold, 10000000);
        assert_int_equal(tin.unresponsive_flows, kinds[i] == MQOE_COBALT);
        bool aqm = kinds[i] != MQOE_PFIFO && kinds[i] != MQOE_BFIFO;
        assert_in_range(tin.target, aqm ? 4 * MS : 0, aqm ? 15 * MS : 0);
        assert_in_range(tin.interval, aqm ? 16 * MS : 0, aqm ? 100 * MS : 0);
        expect_in_order(&b, SECOND, kinds[i] == MQOE_COBALT ? 2 : 0, 4); // cobalt's head paid
        close_leaf(&b);
    }
}

// From each to each, also to itself: frames stay, in order, but for those beyond a smaller limit.
static void a_leaf_changes_from_each_to_each(void **state) {
    (void)state;
    for (size_t from = 0; from < sizeof kinds / sizeof *kinds; from++)
        for (size_t to = 0; to < sizeof kinds / sizeof *kinds; to++) {
            struct leaf_bed b;
            struct mqoe_error e;
            open_leaf(&b, kinds[from], 20);
            leaf_put(&b, SECOND, 10);
            struct mqoe_leaf_config c = {.rate = 20000000, .discipline = config_of(kinds[to], 10)};
            assert_int_equal(mqoe_leaf_change(&b.leaf, &c, SECOND, &b.dropped, &e), 0);
            assert_int_equal(b.leaf.discipline.kind, kinds[to]);
            assert_int_equal(b.leaf.stats.backlog_packets, 10);
            leaf_put(&b, SECOND, 1);
            assert_int_equal(b.leaf.stats.drop_overflow, 1); // the new limit is in force
            expect_in_order(&b, SECOND, kinds[to] == MQOE_COBALT, 10);
            close_leaf(&b);
        }
}

static void a_leaf_gives_everything_back(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct leaf_bed b;
        struct mqoe_frame_list rest = {0};
        open_leaf(&b, kinds[i], 20);
        leaf_put(&b, SECOND, 10);
        mqoe_leaf_drain(&b.leaf, &rest);
        uint64_t next = 0;
        for (const struct mqoe_frame *f = rest.head; f; f = f->next)
            assert_int_equal(f->user, next++);
        assert_int_equal(next, 10);
        close_leaf(&b);
    }
}

static void a_leaf_refuses_what_cannot_run(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct mqoe_leaf_config c = {.rate = 10000000, .discipline = config_of(kinds[i], 0)};
        struct mqoe_error e;
        assert_int_equal(mqoe_leaf_check(&c, &e), -EINVAL);
        assert_string_equal(e.object, "limit 0");
    }
    struct mqoe_leaf_config unknown = {.discipline.kind = (enum mqoe_discipline_kind)99};
    struct mqoe_error e;
    assert_int_equal(mqoe_leaf_check(&unknown, &e), -EINVAL);
    assert_string_equal(e.object, "discipline number 99");
}

// ---- configs ----

static void configs_that_cannot_run_are_refused(void **state) {
    (void)state;
    struct mqoe_error e;
    struct mqoe_codel_config codel = codel_defaults();
    codel.limit = 0;
    assert_int_equal(mqoe_codel_fifo_check(&codel, &e), -EINVAL);
    assert_string_equal(e.object, "limit 0");
    codel = codel_defaults();
    codel.target = codel.interval + 1;
    assert_int_equal(mqoe_codel_fifo_check(&codel, &e), -EINVAL);
    codel = codel_defaults();
    codel.ce_threshold = -2;
    assert_int_equal(mqoe_codel_fifo_check(&codel, &e), -EINVAL);
    assert_string_equal(e.object, "ce_threshold -2 ns");
    struct mqoe_cobalt_config cobalt = cobalt_defaults();
    cobalt.limit = 0;
    assert_int_equal(mqoe_cobalt_fifo_check(&cobalt, &e), -EINVAL);
    cobalt = cobalt_defaults();
    cobalt.target = 0;
    assert_int_equal(mqoe_cobalt_fifo_check(&cobalt, &e), -EINVAL);
    cobalt.target = 1;
    cobalt.interval = 1000 * SECOND + 1;
    assert_int_equal(mqoe_cobalt_fifo_check(&cobalt, &e), -EINVAL);
    assert_int_equal(mqoe_bfifo_check(&(struct mqoe_bfifo_config){0}, &e), -EINVAL);
    assert_int_equal(mqoe_pfifo_check(&(struct mqoe_pfifo_config){0}, &e), -EINVAL);
    assert_int_equal(mqoe_bfifo_check(&(struct mqoe_bfifo_config){1}, &e), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codel_keeps_the_golden_sequence),
        cmocka_unit_test(codel_drops_without_ecn_whatever_the_packet),
        cmocka_unit_test(a_full_codel_refuses_the_newcomer),
        cmocka_unit_test(codel_marks_above_its_ce_threshold),
        cmocka_unit_test(codel_forgets_after_16_intervals_however_long),
        cmocka_unit_test(cobalt_starts_as_configured),
        cmocka_unit_test(the_last_packet_is_never_dropped),
        cmocka_unit_test(a_full_cobalt_drops_its_head_and_tells_blue),
        cmocka_unit_test(blue_falls_while_the_queue_rests),
        cmocka_unit_test(a_slow_link_may_hold_four_packets),
        cmocka_unit_test(bfifo_counts_bytes),
        cmocka_unit_test(pfifo_counts_packets),
        cmocka_unit_test(a_leaf_of_each_limits_and_reports),
        cmocka_unit_test(a_leaf_changes_from_each_to_each),
        cmocka_unit_test(a_leaf_gives_everything_back),
        cmocka_unit_test(a_leaf_refuses_what_cannot_run),
        cmocka_unit_test(configs_that_cannot_run_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
