// COBALT: both golden sequences, the table and Newton steps, and each rule of BLUE alone.
#include "frames.h"
#include "sqm/cobalt.h"

// Of CAKE at 100 Mbit/s: 5 ms, 100 ms, 1,514 bytes in 121.12 us.
static const struct mqoe_cobalt_params linux_start = {.target = 5 * MS,
                                                      .interval = 100 * MS,
                                                      .mtu_time = 121120,
                                                      .p_inc = MQOE_BLUE_INCREMENT,
                                                      .p_dec = MQOE_BLUE_DECREMENT};

struct bed {
    struct frame_store store;
    struct mqoe_frame *frame;
    struct mqoe_cobalt cobalt;
    struct mqoe_cobalt_params params;
    struct mqoe_random random;
};

static void open_bed(struct bed *b, bool corrected) {
    *b = (struct bed){.params = linux_start};
    b->params.corrected_start = corrected;
    frame_store_open(&b->store, 1);
    b->frame = frame_make(&b->store, 0, 1514, MQOE_NOT_ECT);
    mqoe_cobalt_init(&b->cobalt, &b->params);
    mqoe_random_seed(&b->random, 1);
}

static enum mqoe_cobalt_verdict judge(struct bed *b, uint64_t now, uint64_t sojourn) {
    b->frame->time = now - sojourn;
    return mqoe_cobalt_judge(&b->cobalt, &b->params, b->frame, now, 0, &b->random);
}

// A below-target packet each ms for 200 ms, ending 1 ms before `start`.
static void prelude(struct bed *b, uint64_t start) {
    for (uint64_t k = 200; k > 0; k--)
        assert_int_equal(judge(b, start - k * MS, 1 * MS), MQOE_COBALT_PASS);
}

// One packet a ms, 50 ms old each: the times (ms after the first) of the first `count` drops.
static void signals(struct bed *b, uint64_t start, uint32_t *times, uint32_t count) {
    for (uint32_t k = 0, seen = 0; seen < count; k++) {
        assert_true(k < 2000);
        if (judge(b, start + k * MS, 50 * MS) == MQOE_COBALT_DROP)
            times[seen++] = k;
    }
}

static void assert_times(const uint32_t *got, const uint32_t *golden, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(got[i], golden[i]);
}

static const uint32_t golden_linux[] = {1,   71,  129, 179, 224, 264, 302, 338,
                                        371, 403, 433, 462, 489, 516, 542};
static const uint32_t golden_corrected[] = {100, 171, 229, 279, 324, 364, 402, 438, 471, 503, 533, 562, 589};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void golden_linux_start(void **state) {
    (void)state;
    struct bed b;
    uint32_t times[COUNT(golden_linux)];
    open_bed(&b, false);
    signals(&b, 10 * SECOND, times, COUNT(times));
    assert_times(times, golden_linux, COUNT(times));
    frame_store_close(&b.store);
}

// Linux's zeroed state alone is enough for it: the prelude takes away the stale drop_next, not the zero.
static void golden_linux_start_after_a_prelude(void **state) {
    (void)state;
    struct bed b;
    uint32_t times[COUNT(golden_linux)];
    open_bed(&b, false);
    prelude(&b, 10 * SECOND);
    signals(&b, 10 * SECOND, times, COUNT(times));
    assert_times(times, golden_linux, COUNT(times));
    frame_store_close(&b.store);
}

// So is the stale drop_next alone.
static void golden_linux_start_with_a_true_root(void **state) {
    (void)state;
    struct bed b;
    uint32_t times[COUNT(golden_linux)];
    open_bed(&b, false);
    b.cobalt.inv_sqrt = UINT32_MAX;
    signals(&b, 10 * SECOND, times, COUNT(times));
    assert_times(times, golden_linux, COUNT(times));
    frame_store_close(&b.store);
}

static void golden_corrected_start(void **state) {
    (void)state;
    for (int with_prelude = 0; with_prelude < 2; with_prelude++) {
        struct bed b;
        uint32_t times[COUNT(golden_corrected)];
        open_bed(&b, true);
        if (with_prelude)
            prelude(&b, 10 * SECOND);
        signals(&b, 10 * SECOND, times, COUNT(times));
        assert_times(times, golden_corrected, COUNT(times));
        frame_store_close(&b.store);
    }
}

// After 1.5 s of too much the count is 76; below target it falls one by one, at the times when it would have
// signalled.
static void golden_decay(void **state) {
    (void)state;
    static const struct {
        uint32_t count, ms;
    } golden[] = {{75, 1503}, {74, 1515}, {73, 1527}, {2, 2924}, {1, 2995}, {0, 3095}};
    struct bed b;
    open_bed(&b, false);
    uint32_t k = 0, next = 0;
    for (; k < 1500; k++)
        judge(&b, 10 * SECOND + k * MS, 50 * MS);
    assert_int_equal(b.cobalt.count, 76);
    for (; k < 3200; k++) {
        uint32_t before = b.cobalt.count;
        assert_int_equal(judge(&b, 10 * SECOND + k * MS, 1 * MS), MQOE_COBALT_PASS);
        if (next < COUNT(golden) && b.cobalt.count == golden[next].count && before != b.cobalt.count)
            assert_int_equal(k, golden[next++].ms);
    }
    assert_int_equal(next, COUNT(golden));
    assert_false(b.cobalt.dropping);
    frame_store_close(&b.store);
}

// Each signal raises the count by one and takes a step of the root: the table to 15, Newton from 16.
static void golden_roots(void **state) {
    (void)state;
    static const uint32_t golden[] = {4294967295, 3037000500, 2479700525, 2147483647, 1920767767,
                                      1753413056, 1623345051, 1518500250, 1431655765, 1358187914,
                                      1294981364, 1239850263, 1191209601, 1147878294, 1108955788,
                                      1071990595, 1040347021, 1011159980, 984308765,  959482442,
                                      936440562,  914979438,  894926556,  876134612,  858476970};
    struct bed b;
    open_bed(&b, true);
    uint64_t now = 10 * SECOND;
    judge(&b, now, 50 * MS);
    assert_int_equal(b.cobalt.count, 1);
    assert_int_equal(b.cobalt.inv_sqrt, golden[0]);
    while (b.cobalt.count < 25) {
        uint32_t before = b.cobalt.count;
        now = b.cobalt.drop_next;
        assert_int_equal(judge(&b, now, 50 * MS), MQOE_COBALT_DROP);
        assert_int_equal(b.cobalt.count, before + 1);
        assert_int_equal(b.cobalt.inv_sqrt, golden[before]);
    }
    frame_store_close(&b.store);
}

static void an_ecn_capable_packet_is_marked_instead(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    frame_give(&b.store, b.frame);
    b.frame = frame_make(&b.store, 0, 1514, MQOE_ECT_0);
    assert_int_equal(judge(&b, 10 * SECOND, 50 * MS), MQOE_COBALT_PASS);
    assert_int_equal(b.frame->tos & 3, MQOE_ECT_0);
    assert_int_equal(judge(&b, 10 * SECOND + MS, 50 * MS), MQOE_COBALT_MARK);
    assert_int_equal(b.frame->tos & 3, MQOE_CE);
    assert_int_equal(mqoe_checksum(b.frame->data + 14, 20), 0); // still valid
    frame_store_close(&b.store);
}

// Sojourn must exceed the target, four packets' time, and in ingress mode two for each bulk flow.
static void what_counts_as_over_target(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    uint64_t now = 10 * SECOND;
    judge(&b, now, 5 * MS);
    assert_false(b.cobalt.dropping);
    judge(&b, now, 5 * MS + 1);
    assert_true(b.cobalt.dropping);
    b.params.mtu_time = 2 * MS;
    judge(&b, now, 8 * MS);
    assert_false(b.cobalt.dropping);
    judge(&b, now, 8 * MS + 1);
    assert_true(b.cobalt.dropping);
    b.frame->time = now - 20 * MS; // five bulk flows: 20 ms
    mqoe_cobalt_judge(&b.cobalt, &b.params, b.frame, now, 5, &b.random);
    assert_false(b.cobalt.dropping);
    b.frame->time--;
    mqoe_cobalt_judge(&b.cobalt, &b.params, b.frame, now, 5, &b.random);
    assert_true(b.cobalt.dropping);
    frame_store_close(&b.store);
}

// A frame whose logical arrival is its departure waited 0.
static void a_packet_without_wait_is_never_signalled(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    b.params.mtu_time = 0; // unlimited
    b.params.target = 0;
    for (uint64_t k = 0; k < 1000; k++)
        assert_int_equal(judge(&b, 10 * SECOND + k * MS, 0), MQOE_COBALT_PASS);
    frame_store_close(&b.store);
}

static void blue_rises_once_per_target_and_saturates(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    uint64_t now = 10 * SECOND;
    assert_true(mqoe_cobalt_queue_full(&b.cobalt, &b.params, now)); // became unresponsive
    assert_int_equal(b.cobalt.p_drop, MQOE_BLUE_INCREMENT);
    assert_true(b.cobalt.dropping);
    assert_int_equal(b.cobalt.count, 1);
    assert_int_equal(b.cobalt.drop_next, now);
    assert_false(mqoe_cobalt_queue_full(&b.cobalt, &b.params, now + 5 * MS)); // not yet more than a target
    assert_int_equal(b.cobalt.p_drop, MQOE_BLUE_INCREMENT);
    for (uint64_t i = 1; i <= 300; i++)
        assert_false(mqoe_cobalt_queue_full(&b.cobalt, &b.params, now + i * (5 * MS + 1)));
    assert_int_equal(b.cobalt.p_drop, UINT32_MAX);
    frame_store_close(&b.store);
}

static void blue_falls_while_empty_and_ends(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    uint64_t now = 10 * SECOND;
    mqoe_cobalt_queue_full(&b.cobalt, &b.params, now);
    assert_false(mqoe_cobalt_queue_empty(&b.cobalt, &b.params, now + 5 * MS));
    assert_int_equal(b.cobalt.p_drop, MQOE_BLUE_INCREMENT);
    assert_false(b.cobalt.dropping);
    for (int i = 1; i < 16; i++) { // 2^24 / 2^20
        now += 5 * MS + 1;
        assert_false(mqoe_cobalt_queue_empty(&b.cobalt, &b.params, now));
        assert_int_equal(b.cobalt.p_drop, MQOE_BLUE_INCREMENT - i * MQOE_BLUE_DECREMENT);
    }
    assert_true(mqoe_cobalt_queue_empty(&b.cobalt, &b.params, now + 5 * MS + 1)); // responds again
    assert_int_equal(b.cobalt.p_drop, 0);
    frame_store_close(&b.store);
}

static void an_empty_queue_counts_down_once_a_visit(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    b.cobalt.count = 3;
    b.cobalt.inv_sqrt = 2479700525;
    b.cobalt.drop_next = 10 * SECOND;
    mqoe_cobalt_queue_empty(&b.cobalt, &b.params, 10 * SECOND - 1); // not due
    assert_int_equal(b.cobalt.count, 3);
    mqoe_cobalt_queue_empty(&b.cobalt, &b.params, 20 * SECOND);
    assert_int_equal(b.cobalt.count, 2);
    assert_int_equal(b.cobalt.drop_next, 10 * SECOND + ((100 * MS * 3037000500u) >> 32));
    assert_true(mqoe_cobalt_remembers(&b.cobalt, 30 * SECOND));
    mqoe_cobalt_queue_empty(&b.cobalt, &b.params, 20 * SECOND);
    mqoe_cobalt_queue_empty(&b.cobalt, &b.params, 20 * SECOND);
    assert_int_equal(b.cobalt.count, 0);
    assert_true(mqoe_cobalt_remembers(&b.cobalt, b.cobalt.drop_next - 1));
    assert_false(mqoe_cobalt_remembers(&b.cobalt, b.cobalt.drop_next));
    frame_store_close(&b.store);
}

// At p = 1/4, whatever ECN says; the drops of a seed are always the same ones.
static void blue_drops_at_its_probability(void **state) {
    (void)state;
    uint32_t drops[2] = {0};
    for (int run = 0; run < 2; run++) {
        struct bed b;
        open_bed(&b, false);
        frame_give(&b.store, b.frame);
        b.frame = frame_make(&b.store, 0, 1514, MQOE_ECT_0);
        b.cobalt.p_drop = UINT32_C(1) << 30;
        for (uint64_t k = 0; k < 100000; k++)
            drops[run] += judge(&b, 10 * SECOND + k * MS, 1 * MS) == MQOE_COBALT_DROP;
        assert_int_equal(b.frame->tos & 3, MQOE_ECT_0);
        frame_store_close(&b.store);
    }
    assert_in_range(drops[0], 25000 - 600, 25000 + 600); // 4.4 σ
    assert_int_equal(drops[0], drops[1]);
}

// However long a flow is over target, its count stays a number and its signals come closer.
static void the_count_saturates(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, false);
    b.cobalt.count = UINT32_MAX;
    b.cobalt.inv_sqrt = 65536; // 2^32 / √2^32
    b.cobalt.dropping = true;
    b.cobalt.drop_next = 10 * SECOND;
    assert_int_equal(judge(&b, 10 * SECOND, 50 * MS), MQOE_COBALT_DROP);
    assert_int_equal(b.cobalt.count, UINT32_MAX);
    assert_int_equal(b.cobalt.drop_next, 10 * SECOND + ((100 * MS * b.cobalt.inv_sqrt) >> 32));
    frame_store_close(&b.store);
}

// The interplanetary preset: an interval of 1,000 s, more than 32 bits of ns.
static void a_long_interval_does_not_wrap(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, true);
    b.params.interval = 1000 * SECOND;
    judge(&b, 10 * SECOND, 50 * MS);
    assert_in_range(b.cobalt.drop_next, 1010 * SECOND - 1000, 1010 * SECOND);
    frame_store_close(&b.store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_linux_start),
        cmocka_unit_test(golden_linux_start_after_a_prelude),
        cmocka_unit_test(golden_linux_start_with_a_true_root),
        cmocka_unit_test(golden_corrected_start),
        cmocka_unit_test(golden_decay),
        cmocka_unit_test(golden_roots),
        cmocka_unit_test(an_ecn_capable_packet_is_marked_instead),
        cmocka_unit_test(what_counts_as_over_target),
        cmocka_unit_test(a_packet_without_wait_is_never_signalled),
        cmocka_unit_test(blue_rises_once_per_target_and_saturates),
        cmocka_unit_test(blue_falls_while_empty_and_ends),
        cmocka_unit_test(an_empty_queue_counts_down_once_a_visit),
        cmocka_unit_test(blue_drops_at_its_probability),
        cmocka_unit_test(the_count_saturates),
        cmocka_unit_test(a_long_interval_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
