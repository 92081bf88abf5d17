// A log-linear histogram of sojourn times: 16 buckets per power of two, so a quantile is at most 1/16 too
// high.
#pragma once

#include <stdint.h>

#define MQOE_HISTOGRAM_MIN_SHIFT 10 // below 1,024 ns everything is one power of two
#define MQOE_HISTOGRAM_MAX_SHIFT 36 // from 68.7 s on everything is the last bucket
#define MQOE_HISTOGRAM_BUCKETS   ((MQOE_HISTOGRAM_MAX_SHIFT - MQOE_HISTOGRAM_MIN_SHIFT + 1) * 16)

struct mqoe_histogram {
    union {
        uint32_t buckets[MQOE_HISTOGRAM_BUCKETS];
        struct mqoe_histogram *next_free; // while in the pool
    };
};

// The bucket of `ns`, and the largest value of a bucket.
uint32_t mqoe_histogram_bucket(uint64_t ns);
uint64_t mqoe_histogram_upper(uint32_t bucket);

// Nearest rank: the upper edge of the bucket that holds sample ⌈q · count⌉ (q in per mille); 0 when count is
// 0.
uint64_t mqoe_histogram_quantile(const struct mqoe_histogram *h, uint64_t count, uint32_t per_mille);
