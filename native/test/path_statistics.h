// What the statistical tests of a path line share: 200,000 frames one by one on a virtual clock, what became
// of each, and figures of that.
//
// Bounds are those within which 99 % of all seeds fall, widened only where frames depend on each other; the
// seeds are fixed, so a test passes always or never.
#pragma once

#include <math.h>

#include "path_bed.h"

enum { FRAMES = 200000 };
#define Z99 2.5758

static struct mqoe_path_config config;
static bool hit[FRAMES]; // of frame i
static double value[FRAMES];

static inline int setup(void **state) {
    (void)state;
    config = path_plain();
    return 0;
}

static inline void open_one(struct path_bed *b, uint64_t seed) {
    path_bed_open(b, &config, seed, 4);
}

// Sends FRAMES frames one by one, far apart; hit[i]: lost.
static inline void send_all(uint64_t seed) {
    struct path_bed b;
    open_one(&b, seed);
    for (uint64_t i = 0; i < FRAMES; i++) {
        path_arrive(&b, i * SECOND, 60, 0);
        hit[i] = b.dropped.head != NULL;
        path_give_dropped(&b);
        uint64_t left = path_leave_time(&b);
        assert_true((left == MQOE_NEVER) == hit[i]);
        value[i] = hit[i] ? 0 : (double)(left - i * SECOND);
    }
    assert_int_equal(b.line.counters.in, FRAMES);
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

static inline double share_hit(void) {
    uint32_t count = 0;
    for (int i = 0; i < FRAMES; i++)
        count += hit[i];
    return (double)count / FRAMES;
}

// Within the binomial 99 % bounds, `inflated` by what frames depend on each other: the variance of a mean
// with autocorrelation r^k is (1 + r) / (1 − r) times that of independent ones.
static inline void assert_share(double expected, double r) {
    double found = share_hit();
    double bound = Z99 * sqrt(expected * (1 - expected) / FRAMES * (1 + r) / (1 - r));
    if (fabs(found - expected) > bound)
        fail_msg("share %.6f, expected %.6f ± %.6f", found, expected, bound);
}

static inline double mean_of(const double *x) {
    double sum = 0;
    for (int i = 0; i < FRAMES; i++)
        sum += x[i];
    return sum / FRAMES;
}

static inline double deviation_of(const double *x) {
    double mean = mean_of(x), sum = 0;
    for (int i = 0; i < FRAMES; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / FRAMES);
}

static inline double autocorrelation_of(const double *x, int lag) {
    double mean = mean_of(x), deviation = deviation_of(x), sum = 0;
    for (int i = lag; i < FRAMES; i++)
        sum += (x[i] - mean) * (x[i - lag] - mean);
    return sum / (FRAMES - lag) / deviation / deviation;
}

static inline int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void assert_near(double found, double expected, double bound) {
    if (fabs(found - expected) > bound)
        fail_msg("found %.9g, expected %.9g ± %.3g", found, expected, bound);
}
