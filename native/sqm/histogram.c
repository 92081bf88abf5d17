#include "sqm/histogram.h"

uint32_t mqoe_histogram_bucket(uint64_t ns) {
    if (ns >> MQOE_HISTOGRAM_MIN_SHIFT == 0)
        return (uint32_t)(ns >> (MQOE_HISTOGRAM_MIN_SHIFT - 4));
    uint32_t power = 63u - (uint32_t)__builtin_clzll(ns);
    if (power >= MQOE_HISTOGRAM_MAX_SHIFT)
        return MQOE_HISTOGRAM_BUCKETS - 1;
    uint32_t within = (uint32_t)(ns >> (power - 4)) & 15;
    return (power - MQOE_HISTOGRAM_MIN_SHIFT + 1) * 16 + within;
}

uint64_t mqoe_histogram_upper(uint32_t bucket) {
    uint32_t octave = bucket / 16, within = bucket % 16;
    if (bucket == MQOE_HISTOGRAM_BUCKETS - 1)
        return UINT64_MAX;
    if (octave == 0)
        return ((uint64_t)(within + 1) << (MQOE_HISTOGRAM_MIN_SHIFT - 4)) - 1;
    uint32_t power = octave - 1 + MQOE_HISTOGRAM_MIN_SHIFT;
    return ((uint64_t)(16 + within + 1) << (power - 4)) - 1;
}

uint64_t mqoe_histogram_quantile(const struct mqoe_histogram *h, uint64_t count, uint32_t per_mille) {
    uint64_t rank = (count * per_mille + 999) / 1000, seen = 0;
    for (uint32_t i = 0; i < MQOE_HISTOGRAM_BUCKETS && count; i++)
        if ((seen += h->buckets[i]) >= rank && seen)
            return mqoe_histogram_upper(i);
    return 0;
}
