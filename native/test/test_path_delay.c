// Delays of a path line that vary: each distribution has its mean, deviation and quantiles, with and without
// correlation.
#include "path_statistics.h"

#define MEAN  (100.0 * MS)
#define SIGMA (10.0 * MS)

static void send_delayed(enum mqoe_path_distribution distribution, double correlation) {
    config = path_plain();
    config.keep_order = false;
    config.delay = (struct mqoe_path_spread){
        .mean = 100 * MS, .jitter = 10 * MS, .correlation = correlation, .distribution = distribution};
    send_all(11 + distribution);
}

// Quantile `p` is where the distribution function says: `expected` in deviations from the mean. The bound is
// that of the share below it, which is binomial whatever the distribution.
static void assert_quantile(double p, double expected) {
    double at = MEAN + expected * SIGMA, bound = Z99 * sqrt(p * (1 - p) / FRAMES);
    uint32_t below = 0;
    for (int i = 0; i < FRAMES; i++)
        below += value[i] <= at;
    assert_near((double)below / FRAMES, p, bound + 1.0 / 16384);
}

static void uniform_is_flat_between_its_ends(void **state) {
    (void)state;
    send_delayed(MQOE_PATH_UNIFORM, 0);
    assert_near(mean_of(value), MEAN, Z99 * SIGMA / sqrt(3.0 * FRAMES));
    assert_near(deviation_of(value), SIGMA / sqrt(3), SIGMA * 0.003);
    for (int i = 1; i < 20; i++)
        assert_quantile(i / 20.0, i / 10.0 - 1);
    qsort(value, FRAMES, sizeof *value, ascending);
    assert_true(value[0] >= MEAN - SIGMA && value[0] < MEAN - SIGMA * 0.9998);
    assert_true(value[FRAMES - 1] <= MEAN + SIGMA && value[FRAMES - 1] > MEAN + SIGMA * 0.9998);
}

static void normal_has_its_quantiles(void **state) {
    (void)state;
    static const double quantiles[][2] = {{0.001, -3.090232}, {0.01, -2.326348}, {0.05, -1.644854},
                                          {0.25, -0.674490},  {0.5, 0},          {0.75, 0.674490},
                                          {0.9, 1.281552},    {0.99, 2.326348},  {0.999, 3.090232}};
    send_delayed(MQOE_PATH_NORMAL, 0);
    assert_near(mean_of(value), MEAN, Z99 * SIGMA / sqrt(FRAMES));
    assert_near(deviation_of(value), SIGMA, Z99 * SIGMA / sqrt(2.0 * FRAMES));
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        assert_quantile(quantiles[i][0], quantiles[i][1]);
}

// The table's tail ends at a 32,768th, which costs the pure distribution 4 % of its deviation; our table is
// scaled so that the deviation is what was asked for. c is that scale.
static void pareto_has_shape_three(void **state) {
    (void)state;
    double sum = 0, square = 0;
    for (int i = 0; i < 16384; i++) {
        double x = pow(1 - (i + 0.5) / 16384, -1.0 / 3);
        sum += x / 16384;
        square += x * x / 16384;
    }
    double c = sqrt(square - sum * sum);
    assert_near(sum, 1.5, 0.001);
    assert_near(c, sqrt(0.75), 0.04);
    send_delayed(MQOE_PATH_PARETO, 0);
    assert_near(mean_of(value), MEAN, Z99 * SIGMA / sqrt(FRAMES));
    assert_near(deviation_of(value), SIGMA, SIGMA * 0.03); // fourth moments are large
    for (int i = 1; i < 100; i++)
        assert_quantile(i / 100.0, (pow(1 - i / 100.0, -1.0 / 3) - sum) / c);
    assert_quantile(0.999, (10 - sum) / c);
}

static void paretonormal_lies_between(void **state) {
    (void)state;
    send_delayed(MQOE_PATH_PARETONORMAL, 0);
    assert_near(mean_of(value), MEAN, Z99 * SIGMA / sqrt(FRAMES));
    assert_near(deviation_of(value), SIGMA, SIGMA * 0.03);
    // Its median is (0.25 · 0 + 0.75 · pareto's) over its deviation: both come from numbers of their own.
    double pareto_median = (cbrt(2) - 1.5) / sqrt(0.75), sum = 0;
    qsort(value, FRAMES, sizeof *value, ascending);
    for (int i = 0; i < FRAMES; i++)
        sum += pow((value[i] - MEAN) / SIGMA, 3) / FRAMES;
    assert_true(sum > 2); // skewed to the right, as pareto
    assert_near((value[FRAMES / 2] - MEAN) / SIGMA, 0.75 * pareto_median / 0.955, 0.02);
    // Distances of quantiles know neither mean nor scale: by hand ¼ z(p) + ¾ pareto(p) at 1, 50 and 99 %.
    double low = -2.326348 / 4 + 0.75 * (pow(0.99, -1.0 / 3) - 1.5) / sqrt(0.75);
    double high = 2.326348 / 4 + 0.75 * (pow(0.01, -1.0 / 3) - 1.5) / sqrt(0.75);
    double found = (value[FRAMES / 100 * 99] - value[FRAMES / 2]) / (value[FRAMES / 2] - value[FRAMES / 100]);
    assert_near(found, (high - 0.75 * pareto_median) / (0.75 * pareto_median - low), 0.12);
}

static void a_table_is_drawn_evenly(void **state) {
    (void)state;
    static const int16_t table[] = {8192, -16384, 0, 4095, 32767}; // in any order
    enum { JITTER = 10000003 };                                    // no multiple: rounded to the nearest
    uint32_t count[5] = {0};
    config.delay = (struct mqoe_path_spread){
        .mean = 100 * MS, .jitter = JITTER, .distribution = MQOE_PATH_TABLE, .table = table, .table_size = 5};
    config.keep_order = false;
    send_all(5);
    for (int i = 0; i < FRAMES; i++)
        for (int k = 0; k < 5; k++)
            count[k] += value[i] == MEAN + round((double)table[k] * JITTER / 8192);
    for (int k = 0; k < 5; k++)
        assert_near(count[k] / (double)FRAMES, 0.2, Z99 * sqrt(0.16 / FRAMES));
}

// Neighbours correlate by what was asked for, and the distribution stays what it is. (The autocorrelation
// found of normal numbers has a deviation of about 1 / √FRAMES.)
static void delays_correlate(void **state) {
    (void)state;
    static const double wanted[] = {0.1, 0.5, 0.9};
    for (enum mqoe_path_distribution d = MQOE_PATH_UNIFORM; d <= MQOE_PATH_PARETONORMAL; d++)
        for (int i = 0; i < 3; i++) {
            send_delayed(d, wanted[i]);
            double r = wanted[i], heavy = d >= MQOE_PATH_PARETO ? 8 : 1;
            assert_near(autocorrelation_of(value, 1), r, heavy * 3 / sqrt(FRAMES));
            assert_near(mean_of(value), MEAN, Z99 * SIGMA * sqrt((1 + r) / (1 - r) / FRAMES));
            double sigma = d == MQOE_PATH_UNIFORM ? SIGMA / sqrt(3) : SIGMA;
            assert_near(deviation_of(value), sigma, sigma * 0.01 * heavy);
        }
}

static void a_correlated_table_too(void **state) {
    (void)state;
    int16_t table[1000];
    for (int i = 0; i < 1000; i++)
        table[i] = (int16_t)(i * i / 40 - 8000);
    config.delay = (struct mqoe_path_spread){.mean = 100 * MS,
                                             .jitter = 10 * MS,
                                             .correlation = 0.6,
                                             .distribution = MQOE_PATH_TABLE,
                                             .table = table,
                                             .table_size = 1000};
    config.keep_order = false;
    send_all(6);
    assert_near(autocorrelation_of(value, 1), 0.6, 3 / sqrt(FRAMES));
}

static void what_would_be_before_now_is_now(void **state) {
    (void)state;
    config.delay = (struct mqoe_path_spread){.mean = MS, .jitter = 100 * MS};
    config.keep_order = false;
    send_all(7);
    uint32_t at_once = 0;
    for (int i = 0; i < FRAMES; i++)
        at_once += value[i] == 0;
    assert_near(at_once / (double)FRAMES, 0.495, Z99 * sqrt(0.25 / FRAMES));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(uniform_is_flat_between_its_ends, setup),
        cmocka_unit_test_setup(normal_has_its_quantiles, setup),
        cmocka_unit_test_setup(pareto_has_shape_three, setup),
        cmocka_unit_test_setup(paretonormal_lies_between, setup),
        cmocka_unit_test_setup(a_table_is_drawn_evenly, setup),
        cmocka_unit_test_setup(delays_correlate, setup),
        cmocka_unit_test_setup(a_correlated_table_too, setup),
        cmocka_unit_test_setup(what_would_be_before_now_is_now, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
