// When packets of a stream are due and how large they are: constant rates to the nanosecond, patterns that
// repeat, Poisson gaps and mixes by their statistics.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "traffic/pace.h"

#define MS          INT64_C(1000000)
#define S           INT64_C(1000000000)
#define COUNT(list) (sizeof(list) / sizeof *(list))

// Walks a stream to its end, checks its times against `due` as far as that goes, and returns how many there
// are.
static uint64_t walk(const struct traffic_pace_plan *plan, const int64_t *due, size_t known) {
    struct traffic_pace p;
    uint64_t n = 0;
    for (traffic_pace_open(&p, plan); !traffic_pace_over(&p); traffic_pace_next(&p), n++)
        if (n < known)
            assert_int_equal(p.due, due[n]);
    traffic_pace_next(&p); // nothing comes after the end
    assert_true(traffic_pace_over(&p));
    assert_true(n >= known && n <= traffic_pace_most(plan, INT64_MAX));
    return n;
}

static void a_constant_rate_is_a_grid(void **state) {
    (void)state;
    static const struct traffic_piece piece = {0, 33333};
    static const int64_t due[] = {5, 33338, 66671};
    struct traffic_pace_plan plan = {
        .start = 5, .stop = 99999, .period = 99994, .pieces = &piece, .piece_count = 1};
    assert_int_equal(walk(&plan, due, 3), 3); // the next one would be at 100004
    plan.stop = 100005;
    plan.period = 100000;
    assert_int_equal(walk(&plan, due, 3), 4);
    plan.stop = 6;
    plan.period = 1;
    assert_int_equal(walk(&plan, due, 1), 1);
}

// 2 ms on, 3 ms off; every burst begins on its time, whatever was left of the last gap.
static void bursts_repeat(void **state) {
    (void)state;
    static const struct traffic_piece pieces[] = {{0, 600000}, {2 * MS, 0}};
    static const int64_t due[] = {MS,      1600000, 2200000, 2800000, 6 * MS,
                                  6600000, 7200000, 7800000, 11 * MS, 11600000};
    const struct traffic_pace_plan plan = {
        .start = MS, .stop = MS + S, .period = 5 * MS, .pieces = pieces, .piece_count = 2};
    assert_int_equal(walk(&plan, due, COUNT(due)), 4 * 200);
}

static void a_pattern_may_begin_and_end_in_silence(void **state) {
    (void)state;
    static const struct traffic_piece pieces[] = {
        {0, 0}, {10, 0}, {5 * MS, 2 * MS}, {8 * MS, MS}, {9 * MS, 0}};
    static const int64_t due[] = {5 * MS, 7 * MS, 8 * MS, 15 * MS, 17 * MS, 18 * MS, 25 * MS};
    struct traffic_pace_plan plan = {
        .start = 0, .stop = 26 * MS, .period = 10 * MS, .pieces = pieces, .piece_count = 5};
    assert_int_equal(walk(&plan, due, COUNT(due)), 7);
    plan.stop = 5 * MS; // over before it begins
    assert_int_equal(walk(&plan, due, 0), 0);
}

// 10,000 gaps of a mean of 1 ms: their mean and standard deviation are 1 ms (within five sigma), and
// 1/e of them are longer than the mean.
static void poisson_gaps_are_exponential(void **state) {
    (void)state;
    static const struct traffic_piece piece = {0, MS};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const struct traffic_pace_plan plan = {.start = 0,
                                               .stop = 1000 * S,
                                               .period = 1000 * S,
                                               .pieces = &piece,
                                               .piece_count = 1,
                                               .poisson = true,
                                               .seed = seed};
        struct traffic_pace p;
        double sum = 0, squares = 0;
        int longer = 0, n = 10000;
        int64_t before = 0;
        traffic_pace_open(&p, &plan);
        for (int i = 0; i < n; i++, traffic_pace_next(&p)) {
            double gap = (double)(p.due - before) / 1e6;
            sum += gap;
            squares += gap * gap;
            longer += gap > 1;
            before = p.due;
        }
        double mean = sum / n, deviation = sqrt(squares / n - mean * mean);
        assert_true(fabs(mean - 1) < 0.05);
        assert_true(fabs(deviation - 1) < 0.07);
        assert_true(abs(longer - 3679) < 5 * 48);
    }
}

// At a rate that varies the number of each piece is Poisson with that piece's mean, and silence is silent.
static void poisson_keeps_the_rate_of_each_piece(void **state) {
    (void)state;
    static const struct traffic_piece pieces[] = {{0, MS}, {S, 0}, {2 * S, 10 * MS}, {3 * S, MS / 10}};
    const struct traffic_pace_plan plan = {.start = 7,
                                           .stop = 7 + 40 * S,
                                           .period = 4 * S,
                                           .pieces = pieces,
                                           .piece_count = 4,
                                           .poisson = true,
                                           .seed = 99};
    static const double expected[] = {10000, 0, 1000, 100000};
    struct traffic_pace p, again;
    double count[4] = {0};
    traffic_pace_open(&again, &plan);
    for (traffic_pace_open(&p, &plan); !traffic_pace_over(&p); traffic_pace_next(&p)) {
        assert_int_equal(p.due, again.due); // the same seed, the same stream
        traffic_pace_next(&again);
        count[(p.due - 7) / S % 4]++;
    }
    for (int i = 0; i < 4; i++)
        assert_true(fabs(count[i] - expected[i]) <= 5 * sqrt(expected[i]));
    assert_true(count[0] + count[2] + count[3] <= (double)traffic_pace_most(&plan, INT64_MAX));
}

// 7:4:1, within five sigma of 12,000 draws; the same for the same seed, others for another.
static void sizes_are_drawn_by_weight(void **state) {
    (void)state;
    static const struct traffic_share mix[] = {{12, 7}, {548, 11}, {1472, 12}};
    uint32_t count[3] = {0}, same = 0;
    for (uint64_t i = 0; i < 12000; i++) {
        uint32_t size = traffic_pace_size(mix, 3, 5, i);
        assert_int_equal(size, traffic_pace_size(mix, 3, 5, i));
        same += size == traffic_pace_size(mix, 3, 6, i);
        count[size == 12 ? 0 : size == 548 ? 1 : 2]++;
    }
    assert_true(fabs(count[0] - 7000.0) < 5 * 54 && fabs(count[1] - 4000.0) < 5 * 52);
    assert_true(fabs(count[2] - 1000.0) < 5 * 31);
    assert_true(same < 7000);
    assert_int_equal(traffic_pace_size(mix, 1, 5, 3), 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_rate_is_a_grid),
        cmocka_unit_test(bursts_repeat),
        cmocka_unit_test(a_pattern_may_begin_and_end_in_silence),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(poisson_keeps_the_rate_of_each_piece),
        cmocka_unit_test(sizes_are_drawn_by_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
