// When a goodput counts as stable, and how often a line may be probed: vectors by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "traffic/stability.h"

#define MS INT64_C(1000000)

static void assert_near(double value, double expected) {
    if (fabs(value - expected) > 1e-9 * fmax(1, fabs(expected)))
        fail_msg("%.12g, expected %.12g", value, expected);
}

// Averages of 10, 20, 20, 20: 10, 15, 50/3, 17.5, whose standard deviation is 2.909…; then 20 (of four
// twenties), and so on until the averages of the beginning are out of the window.
static void a_goodput_is_stable_when_its_averages_are(void **state) {
    (void)state;
    static const struct {
        double value, average, deviation;
        bool stable;
    } vectors[] = {
        {10, 10, 0, false},
        {20, 15, 2.5, false},
        {20, 50.0 / 3, 2.832788618662658, false},
        {20, 17.5, 2.909216675785196, false},
        {20, 20, 1.804219592191758, false},
        {20, 20, 1.487797589279760, false},
        {20, 20, 1.082531754730548, false},
        {20, 20, 0, true},
    };
    struct traffic_stability s;
    traffic_stability_open(&s, 4);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct traffic_stability_state got = traffic_stability_add(&s, vectors[i].value);
        assert_near(got.average, vectors[i].average);
        assert_near(got.deviation, vectors[i].deviation);
        assert_int_equal(got.stable, vectors[i].stable);
    }
}

// Averages 100, 102, 104 and so on: the deviation of two in sequence is 1, of an average above 20.
static void a_little_change_is_stable_and_a_jump_ends_it(void **state) {
    (void)state;
    struct traffic_stability s;
    traffic_stability_open(&s, 2);
    assert_false(traffic_stability_add(&s, 100).stable);
    assert_true(traffic_stability_add(&s, 104).stable);
    assert_true(traffic_stability_add(&s, 104).stable);
    const struct traffic_stability_state jump = traffic_stability_add(&s, 204); // averages 104, 154
    assert_near(jump.average, 154);
    assert_near(jump.deviation, 25);
    assert_false(jump.stable);
}

// A deviation of exactly 5 % is too much, and a line that carries nothing is never stable.
static void the_bound_is_below_five_per_cent(void **state) {
    (void)state;
    struct traffic_stability s;
    traffic_stability_open(&s, 2);
    traffic_stability_add(&s, 9);
    const struct traffic_stability_state at = traffic_stability_add(&s, 11); // averages 9, 10: 0.5 of 10
    assert_near(at.deviation, 0.5);
    assert_false(at.stable);
    traffic_stability_open(&s, 2);
    traffic_stability_add(&s, 0);
    assert_false(traffic_stability_add(&s, 0).stable);
}

// 460 bytes a probe in the mean, 5 % of the goodput: at 7.36 Mbit/s 100 a second, and not more above.
static void probes_take_five_per_cent_at_most(void **state) {
    (void)state;
    assert_int_equal(traffic_probe_gap(100, 7.36e6), 10 * MS);
    assert_int_equal(traffic_probe_gap(100, 1e9), 10 * MS);
    assert_int_equal(traffic_probe_gap(100, 3.68e6), 20 * MS);
    assert_int_equal(traffic_probe_gap(10, 3.68e6), 100 * MS);
    assert_int_equal(traffic_probe_gap(1000, 73.6e6), MS);
    assert_int_equal(traffic_probe_gap(100, 1000), 1000 * MS);
    assert_int_equal(traffic_probe_gap(100, 0), 1000 * MS);
    assert_int_equal(traffic_probe_gap(1, 1e9), 1000 * MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_goodput_is_stable_when_its_averages_are),
        cmocka_unit_test(a_little_change_is_stable_and_a_jump_ends_it),
        cmocka_unit_test(the_bound_is_below_five_per_cent),
        cmocka_unit_test(probes_take_five_per_cent_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
