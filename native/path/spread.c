#include "path/spread.h"

#include <math.h>
#include <pthread.h>

// Our own distributions: quantiles of equal probability, mean 0 and standard deviation 1. Their tails end
// where one value in 32,768 lies.
#define ENTRIES 16384
#define SCALE   65536
#define UNIFORM (INT64_C(1) << 31) // half the width of the uniform one
#define ORDERS  16                 // of the Hermite polynomials below

struct spectrum {
    double share[ORDERS + 1]; // of the variance, by order; [0]: what is left
};

struct distribution {
    int32_t value[ENTRIES];
    struct spectrum spectrum;
};

static struct distribution normal, pareto, paretonormal;
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static double normal_share_below(double z) {
    return 0.5 * erfc(-z * M_SQRT1_2);
}

// The standard normal quantile of p ≥ ½ by Newton's method from `z`, which is not above it: from there it
// rises steadily.
static double normal_quantile(double p, double z) {
    for (int i = 0; i < 50; i++) {
        double step = (p - normal_share_below(z)) * sqrt(2 * M_PI) * exp(z * z / 2);
        z += step;
        if (step < 1e-13)
            break;
    }
    return z;
}

static double normal_at(uint32_t i) {
    return (double)normal.value[i] / SCALE;
}

// How the variance of a table that is read at Φ(z) spreads over the orders of the normalised Hermite
// polynomials in z: two such tables whose z correlate by r correlate by Σ share[k] r^k (Mehler 1866).
static void analyse(struct spectrum *s, double (*value)(const void *, uint32_t), const void *table,
                    uint32_t size) {
    double factor[ORDERS + 1] = {0}, square = 0, rest = 1;
    for (uint32_t i = 0; i < size; i++) {
        double x = value(table, i), z = normal_at((uint32_t)(((uint64_t)i * 2 + 1) * ENTRIES / (size * 2)));
        double h = 1, before = 0;
        square += x * x / size;
        for (int k = 0; k <= ORDERS; k++) {
            factor[k] += x * h / size;
            double after = (z * h - sqrt(k) * before) / sqrt(k + 1);
            before = h;
            h = after;
        }
    }
    double variance = square - factor[0] * factor[0];
    for (int k = 1; k <= ORDERS; k++)
        rest -= s->share[k] = variance > 0 ? factor[k] * factor[k] / variance : 0;
    s->share[0] = rest > 0 ? rest : 0;
}

static double own_value(const void *table, uint32_t i) {
    return ((const int32_t *)table)[i];
}

static double callers_value(const void *table, uint32_t i) {
    return ((const int16_t *)table)[i];
}

static void finish(struct distribution *d, const double *quantiles) {
    double mean = 0, variance = 0;
    for (int i = 0; i < ENTRIES; i++)
        mean += quantiles[i] / ENTRIES;
    for (int i = 0; i < ENTRIES; i++)
        variance += (quantiles[i] - mean) * (quantiles[i] - mean) / ENTRIES;
    for (int i = 0; i < ENTRIES; i++)
        d->value[i] = (int32_t)lround((quantiles[i] - mean) / sqrt(variance) * SCALE);
}

static void make_tables(void) {
    static double n[ENTRIES], p[ENTRIES], pn[ENTRIES];
    double z = 0;
    for (int i = ENTRIES / 2; i < ENTRIES; i++) {
        z = n[i] = normal_quantile((i + 0.5) / ENTRIES, z);
        n[ENTRIES - 1 - i] = -z;
    }
    for (int i = 0; i < ENTRIES; i++)
        p[i] = (1 / cbrt(1 - (i + 0.5) / ENTRIES) - 1.5) / sqrt(0.75); // mean 3/2, variance 3/4
    for (int i = 0; i < ENTRIES; i++)
        pn[i] = n[i] / 4 + p[i] * 3 / 4;
    finish(&normal, n);
    finish(&pareto, p);
    finish(&paretonormal, pn);
    struct distribution *all[] = {&normal, &pareto, &paretonormal};
    for (int i = 0; i < 3; i++)
        analyse(&all[i]->spectrum, own_value, all[i]->value, ENTRIES);
}

static const struct distribution *own(enum mqoe_path_distribution d) {
    return d == MQOE_PATH_PARETO ? &pareto : d == MQOE_PATH_PARETONORMAL ? &paretonormal : &normal;
}

static double correlation_of(const struct spectrum *s, double r) {
    double sum = 0, power = r;
    for (int k = 1; k <= ORDERS; k++, power *= r)
        sum += s->share[k] * power;
    return sum + s->share[0] * power;
}

// What the normal numbers must correlate by, that the times do by `wanted`.
static double normal_correlation(const struct spectrum *s, double wanted) {
    double low = 0, high = 1;
    for (int i = 0; i < 50; i++) {
        double middle = (low + high) / 2;
        if (correlation_of(s, middle) < wanted)
            low = middle;
        else
            high = middle;
    }
    return high;
}

void mqoe_path_spreader_set(struct mqoe_path_spreader *s, const struct mqoe_path_spread *spread) {
    struct spectrum callers;
    s->correlation = 0;
    if (!spread->jitter)
        return;
    pthread_once(&tables_made, make_tables);
    if (spread->correlation <= 0)
        return;
    if (spread->distribution == MQOE_PATH_UNIFORM) {
        s->correlation = 2 * sin(M_PI / 6 * spread->correlation); // Pearson 1907
    } else if (spread->distribution == MQOE_PATH_TABLE) {
        analyse(&callers, callers_value, spread->table, spread->table_size);
        s->correlation = normal_correlation(&callers, spread->correlation);
    } else {
        s->correlation = normal_correlation(&own(spread->distribution)->spectrum, spread->correlation);
    }
}

// A number with the correlation, equally distributed over all of 32 bits.
static uint32_t correlated(struct mqoe_path_spreader *s, uint32_t number) {
    double fresh = normal_at((uint32_t)((uint64_t)number * ENTRIES >> 32)), r = s->correlation;
    s->normal = s->started ? r * s->normal + sqrt(1 - r * r) * fresh : fresh;
    s->started = true;
    double share = normal_share_below(s->normal) * 4294967296.0;
    return share < 4294967295.0 ? (uint32_t)share : UINT32_MAX;
}

uint64_t mqoe_path_spreader_next(struct mqoe_path_spreader *s, const struct mqoe_path_spread *spread,
                                 uint64_t mean) {
    if (!spread->jitter)
        return mean;
    uint32_t number = mqoe_random_u32(&s->random);
    if (s->correlation > 0)
        number = correlated(s, number);
    int64_t value, scale = SCALE;
    if (spread->distribution == MQOE_PATH_UNIFORM) {
        value = (int64_t)number - UNIFORM;
        scale = UNIFORM;
    } else if (spread->distribution == MQOE_PATH_TABLE) {
        value = spread->table[(uint64_t)number * spread->table_size >> 32];
        scale = MQOE_PATH_TABLE_SCALE;
    } else {
        value = own(spread->distribution)->value[(uint64_t)number * ENTRIES >> 32];
    }
    // To the nearest ns: jitter has at most 53 bits, value 32, and the quotient fits 64 again.
    __int128 twice = (__int128)value * (int64_t)spread->jitter * 2;
    int64_t away = (int64_t)((twice + (value < 0 ? -scale : scale)) / (scale * 2));
    return away < 0 && (uint64_t)-away > mean ? 0 : mean + (uint64_t)away;
}
