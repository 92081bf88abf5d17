// Plain CoDel, one queue under COBALT, and FIFOs limited in packets and in bytes: what each adds to its law.
#include <errno.h>

#include "frames.h"
#include "sqm/cobalt_fifo.h"
#include "sqm/codel_fifo.h"
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
        cmocka_unit_test(configs_that_cannot_run_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
