// CoDel: Linux's golden sequence, and each rule of the control law alone.
#include "frames.h"
#include "sqm/codel.h"

struct bed {
    struct frame_store store;
    struct mqoe_codel codel;
    struct mqoe_codel_params params;
    struct mqoe_queue_stats stats;
    struct mqoe_frame_list frames, dropped;
    uint32_t bytes;
};

static void open_bed(struct bed *b, bool ecn) {
    *b = (struct bed){.params = {.target = mqoe_codel_ticks(5 * MS),
                                 .interval = mqoe_codel_ticks(100 * MS),
                                 .ce_threshold = UINT32_MAX,
                                 .mtu = 1514,
                                 .ecn = ecn}};
    frame_store_open(&b->store, 4096);
    mqoe_codel_init(&b->codel, &b->params, 0);
}

static void arrive(struct bed *b, uint64_t at, uint32_t len, uint8_t tos) {
    struct mqoe_frame *f = frame_make(&b->store, 0, len, tos);
    assert_non_null(f);
    f->time = at;
    mqoe_queue_push(&b->frames, &b->bytes, f, &b->stats);
}

static struct mqoe_frame *depart(struct bed *b, uint64_t now) {
    struct mqoe_codel_queue q = {&b->frames, &b->bytes};
    return mqoe_codel_dequeue(&b->codel, &b->params, q, now, &b->stats, &b->dropped);
}

static void close_bed(struct bed *b) {
    frame_store_close(&b->store);
}

// One packet a ms, each 50 ms old when it leaves: the times (ms) of the first `count` marks.
static void constant_sojourn(struct bed *b, uint32_t *times, uint32_t count) {
    const uint64_t start = 50 * MS; // of virtual time; the first packet leaves at start + 0 ms
    for (uint64_t k = 0; k < 50; k++)
        arrive(b, start + k * MS - 50 * MS, 1514, 2);
    for (uint32_t k = 0, seen = 0; seen < count; k++) {
        uint64_t now = start + k * MS;
        uint64_t before = b->stats.marks;
        arrive(b, now, 1514, 2);
        struct mqoe_frame *f = depart(b, now);
        assert_non_null(f);
        frame_give(&b->store, f);
        if (b->stats.marks != before)
            times[seen++] = k;
        assert_true(k < 2000);
    }
}

static void golden_linux_sequence(void **state) {
    (void)state;
    static const uint32_t golden[] = {101, 201, 251, 308, 357, 401, 441, 479, 514, 547};
    struct bed b;
    uint32_t times[10];
    open_bed(&b, true);
    constant_sojourn(&b, times, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(times[i], golden[i]);
    assert_int_equal(b.stats.drop_aqm, 0);
    close_bed(&b);
}

// The Newton steps by themselves, against 1/√n in floating point: one step per count keeps close from count 3
// on.
static void newton_approaches_the_inverse_square_root(void **state) {
    (void)state;
    struct mqoe_codel c = {.count = 1, .inv_sqrt = UINT16_MAX};
    for (c.count = 2; c.count <= 1000; c.count++) {
        mqoe_codel_newton(&c);
        double got = c.inv_sqrt / 65536.0;
        double square = got * got * c.count; // 1 when exact
        if (c.count == 2)
            assert_true(square > 0.49 && square < 0.51); // the poor first step: 201 → 251 instead of 272
        if (c.count >= 8)
            assert_true(square > 0.97 && square < 1.001);
    }
}

static void without_ecn_it_drops_from_the_head(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, true);
    for (int i = 0; i < 100; i++)
        arrive(&b, 0, 1514, 0);           // Not-ECT
    assert_non_null(depart(&b, 10 * MS)); // first_above = 110 ms
    assert_non_null(depart(&b, 109 * MS));
    assert_int_equal(b.stats.drop_aqm, 0);
    struct mqoe_frame *f = depart(&b, 111 * MS);
    assert_int_equal(b.stats.drop_aqm, 1);
    assert_int_equal(f->user, 3); // 0 and 1 left, 2 was dropped
    assert_int_equal(b.dropped.head->user, 2);
    assert_int_equal(b.dropped.head->cause, MQOE_DROP_AQM);
    close_bed(&b);
}

static void starts_strictly_after_first_above(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, true);
    for (int i = 0; i < 100; i++)
        arrive(&b, 0, 1514, 2);
    depart(&b, 1024 * 10000);                                 // tick 10,000
    depart(&b, 1024 * (10000 + (uint64_t)b.params.interval)); // not yet
    assert_int_equal(b.stats.marks, 0);
    depart(&b, 1024 * (10001 + (uint64_t)b.params.interval));
    assert_int_equal(b.stats.marks, 1);
    close_bed(&b);
}

static void a_backlog_of_one_mtu_is_left_alone(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    arrive(&b, 0, 1514, 0);
    for (uint64_t k = 1; k < 2000; k++) { // always one packet behind the one that leaves, all very late
        arrive(&b, 0, 1514, 0);
        assert_non_null(depart(&b, k * MS + SECOND));
        assert_int_equal(b.stats.drop_aqm, 0);
        assert_int_equal(b.codel.first_above, 0);
    }
    close_bed(&b);
}

static void one_packet_below_target_ends_it(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, true);
    for (int i = 0; i < 100; i++)
        arrive(&b, 0, 1514, 2);
    depart(&b, 10 * MS);
    depart(&b, 111 * MS);
    assert_true(b.codel.dropping);
    b.frames.head->time = 208 * MS;
    depart(&b, 212 * MS); // 4 ms old, although drop_next has passed
    assert_false(b.codel.dropping);
    assert_int_equal(b.codel.first_above, 0);
    assert_int_equal(b.stats.marks, 1);
    close_bed(&b);
}

static void an_empty_queue_forgets_that_it_was_above(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, true);
    for (int i = 0; i < 3; i++)
        arrive(&b, 0, 1514, 2);
    depart(&b, 10 * MS);
    assert_int_not_equal(b.codel.first_above, 0);
    depart(&b, 11 * MS);
    depart(&b, 12 * MS);
    assert_null(depart(&b, 13 * MS));
    assert_int_equal(b.codel.first_above, 0);
    close_bed(&b);
}

// Comes back above target `gap` after drop_next; returns the count with which dropping resumes.
static uint32_t resume_after(uint64_t gap) {
    struct bed b;
    uint32_t times[10];
    open_bed(&b, true);
    constant_sojourn(&b, times, 10);
    uint32_t count = b.codel.count;
    assert_int_equal(count, 10);
    uint64_t now = (uint64_t)b.codel.drop_next * 1024;
    b.frames.head->time = now;
    depart(&b, now);
    assert_false(b.codel.dropping);
    now += gap - 102 * MS; // it takes an interval to conclude
    depart(&b, now);
    depart(&b, now + 101 * MS);
    assert_true(b.codel.dropping);
    count = b.codel.count;
    close_bed(&b);
    return count;
}

static void resumes_soon_after_but_not_later(void **state) {
    (void)state;
    assert_int_equal(resume_after(1500 * MS), 9); // count − lastcount: 10 − 1
    assert_int_equal(resume_after(1650 * MS), 1); // 16 intervals are over
}

static void a_late_visit_drops_what_is_due(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, true);
    for (int i = 0; i < 100; i++)
        arrive(&b, 0, 1514, 0);
    depart(&b, 10 * MS);
    depart(&b, 111 * MS); // drop 1; the next are due at 211, 261, 318, 367, 411 ms …
    depart(&b, 370 * MS);
    assert_int_equal(b.stats.drop_aqm, 5);
    assert_int_equal(b.codel.count, 5);
    close_bed(&b);
}

static void ce_threshold_marks_above_it(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    b.params.ce_threshold = mqoe_codel_ticks(1 * MS);
    arrive(&b, 0, 100, 1);
    arrive(&b, 0, 100, 1);
    arrive(&b, 0, 100, 0);
    arrive(&b, 0, 100, 3);
    assert_int_equal(depart(&b, 900000)->tos, 1);
    assert_int_equal(depart(&b, 1100000)->tos, 3);
    assert_int_equal(depart(&b, 1100000)->tos, 0); // Not-ECT: neither marked nor dropped
    assert_int_equal(depart(&b, 1100000)->tos, 3);
    assert_int_equal(b.stats.marks, 1); // one that arrives with CE is not ours
    assert_int_equal(b.stats.drop_aqm, 0);
    close_bed(&b);
}

// The clock's 32 bits wrap every 73 minutes; nothing may happen then that does not happen otherwise.
static void the_clock_may_wrap(void **state) {
    (void)state;
    static const uint32_t golden[] = {101, 201, 251, 308, 357, 401, 441, 479, 514, 547};
    struct bed b;
    open_bed(&b, true);
    const uint64_t wrap = UINT64_C(1) << 42, start = wrap - 300 * MS + 512;
    mqoe_codel_init(&b.codel, &b.params, mqoe_codel_ticks(start));
    for (uint64_t k = 0; k < 50; k++)
        arrive(&b, start + k * MS - 50 * MS, 1514, 2);
    for (uint64_t k = 0, seen = 0; seen < 10; k++) {
        uint64_t before = b.stats.marks;
        arrive(&b, start + k * MS, 1514, 2);
        frame_give(&b.store, depart(&b, start + k * MS));
        if (b.stats.marks != before) // ticks fall differently: the same to 1 ms
            assert_in_range(k + 1, golden[seen], golden[seen] + 2), seen++;
    }
    close_bed(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_linux_sequence),
        cmocka_unit_test(newton_approaches_the_inverse_square_root),
        cmocka_unit_test(without_ecn_it_drops_from_the_head),
        cmocka_unit_test(starts_strictly_after_first_above),
        cmocka_unit_test(a_backlog_of_one_mtu_is_left_alone),
        cmocka_unit_test(one_packet_below_target_ends_it),
        cmocka_unit_test(an_empty_queue_forgets_that_it_was_above),
        cmocka_unit_test(resumes_soon_after_but_not_later),
        cmocka_unit_test(a_late_visit_drops_what_is_due),
        cmocka_unit_test(ce_threshold_marks_above_it),
        cmocka_unit_test(the_clock_may_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
