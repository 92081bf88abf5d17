// When traffic happens: seeded phases, slots of a probe, alignment of goodput bins.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "traffic/schedule.h"

#define MS INT64_C(1000000)

// The first outputs of SplitMix64 seeded with 1234567, as published with the reference implementation
// (prng.di.unimi.it/splitmix64.c): the finaliser of mix is one step of it.
static void mix_is_chained_splitmix64(void **state) {
    (void)state;
    uint64_t first = UINT64_C(6457827717110365317); // splitmix64(1234567), output 0
    // mix(seed, p, i) = f(f(f(seed) ^ p) ^ i); choose p and i so that each step's input is known
    uint64_t chained = traffic_mix(1234567, first ^ 1234567, first ^ 1234567);
    assert_true(chained == first);
}

static void phases_are_seeded_and_spread(void **state) {
    (void)state;
    uint32_t buckets[10] = {0};
    for (uint64_t id = 0; id < 10000; id++) {
        int64_t phase = traffic_phase(7, 1, id, 10 * MS);
        assert_in_range(phase, 0, 10 * MS - 1);
        assert_true(phase == traffic_phase(7, 1, id, 10 * MS));
        buckets[phase / MS]++;
    }
    for (int i = 0; i < 10; i++) // 1,000 expected; 4.5 standard deviations
        assert_in_range(buckets[i], 865, 1135);
    assert_true(traffic_phase(7, 1, 1, 10 * MS) != traffic_phase(8, 1, 1, 10 * MS));
    assert_true(traffic_phase(7, 1, 1, 10 * MS) != traffic_phase(7, 2, 1, 10 * MS));
}

static void slots_end_before_stop(void **state) {
    (void)state;
    static const struct {
        int64_t first, interval, stop;
        uint32_t total;
    } cases[] = {{0, 10, 100, 10}, {0, 10, 101, 11}, {0, 10, 91, 10},
                 {0, 10, 90, 9},   {3, 10, 100, 10}, {5, 10, 5, 0},
                 {9, 10, 5, 0},    {0, 10, 1, 1},    {0, 1, INT64_MAX / 2, UINT32_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct traffic_slots s = {cases[i].first, cases[i].interval, cases[i].stop, 0};
        assert_int_equal(traffic_slots_total(&s), cases[i].total);
        if (s.first < s.stop && cases[i].total < UINT32_MAX) {
            assert_true(traffic_slot_due(&s, cases[i].total - 1) < s.stop);
            assert_true(traffic_slot_due(&s, cases[i].total) >= s.stop);
        }
    }
}

static void late_slots_are_missed_by_whole_intervals(void **state) {
    (void)state;
    struct traffic_slots s = {100, 10, 200, 2}; // next due at 120
    assert_int_equal(traffic_slots_missed(&s, 0), 0);
    assert_int_equal(traffic_slots_missed(&s, 120), 0);
    assert_int_equal(traffic_slots_missed(&s, 129), 0);
    assert_int_equal(traffic_slots_missed(&s, 130), 1);
    assert_int_equal(traffic_slots_missed(&s, 155), 3); // the next one, due at 150, is 5 late: still sent
    assert_int_equal(traffic_slots_missed(&s, INT64_MAX / 2), 8); // never beyond the last
}

static void a_due_time_far_away_does_not_overflow(void **state) {
    (void)state;
    struct traffic_slots s = {0, INT64_C(10000000), INT64_C(1) << 53, 0};
    assert_true(traffic_slot_due(&s, 4000000000u) == INT64_C(40000000000000000));
}

// ---- bins ----

struct bin {
    int64_t end;
    uint64_t bytes;
    uint32_t reads;
};

struct collected {
    struct bin bins[64];
    size_t count;
};

static void collect(void *context, int64_t end, uint64_t bytes, uint32_t reads) {
    struct collected *c = context;
    assert_true(c->count < 64);
    c->bins[c->count++] = (struct bin){end, bytes, reads};
}

static void assert_bins(const struct collected *c, const struct bin *expected, size_t count) {
    assert_int_equal(c->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(c->bins[i].end, expected[i].end);
        assert_int_equal(c->bins[i].bytes, expected[i].bytes);
        assert_int_equal(c->bins[i].reads, expected[i].reads);
    }
}

static void bins_are_aligned_to_t0_and_never_skip(void **state) {
    (void)state;
    struct collected c = {0};
    struct traffic_bins b;
    traffic_bins_open(&b, 100, 250); // in bin [200, 300)
    traffic_bins_add(&b, 260, 10, collect, &c);
    traffic_bins_add(&b, 299, 5, collect, &c);
    assert_int_equal(c.count, 0);
    traffic_bins_add(&b, 300, 7, collect, &c); // the boundary belongs to the next bin
    traffic_bins_add(&b, 620, 1, collect, &c);
    traffic_bins_close(&b, 700, collect, &c);
    const struct bin expected[] = {{300, 15, 2}, {400, 7, 1}, {500, 0, 0}, {600, 0, 0}, {700, 1, 1}};
    assert_bins(&c, expected, 5);
}

static void closing_on_a_boundary_adds_no_empty_bin(void **state) {
    (void)state;
    struct collected c = {0};
    struct traffic_bins b;
    traffic_bins_open(&b, 100, 0);
    traffic_bins_close(&b, 200, collect, &c);
    const struct bin expected[] = {{100, 0, 0}, {200, 0, 0}};
    assert_bins(&c, expected, 2);
}

static void closing_inside_a_bin_keeps_its_part(void **state) {
    (void)state;
    struct collected c = {0};
    struct traffic_bins b;
    traffic_bins_open(&b, 100, 0);
    traffic_bins_add(&b, 140, 9, collect, &c);
    traffic_bins_close(&b, 150, collect, &c);
    const struct bin expected[] = {{100, 0, 0}, {200, 9, 1}};
    assert_bins(&c, expected, 2);
}

static void advancing_twice_writes_a_bin_once(void **state) {
    (void)state;
    struct collected c = {0};
    struct traffic_bins b;
    traffic_bins_open(&b, 100, 0);
    traffic_bins_add(&b, 50, 1, collect, &c);
    traffic_bins_advance(&b, 130, collect, &c);
    traffic_bins_advance(&b, 130, collect, &c);
    traffic_bins_advance(&b, 120, collect, &c); // time from another source may be a little behind
    const struct bin expected[] = {{100, 1, 1}};
    assert_bins(&c, expected, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mix_is_chained_splitmix64),
        cmocka_unit_test(phases_are_seeded_and_spread),
        cmocka_unit_test(slots_end_before_stop),
        cmocka_unit_test(late_slots_are_missed_by_whole_intervals),
        cmocka_unit_test(a_due_time_far_away_does_not_overflow),
        cmocka_unit_test(bins_are_aligned_to_t0_and_never_skip),
        cmocka_unit_test(closing_on_a_boundary_adds_no_empty_bin),
        cmocka_unit_test(closing_inside_a_bin_keeps_its_part),
        cmocka_unit_test(advancing_twice_writes_a_bin_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
