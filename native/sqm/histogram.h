// Log-linear histograms of sojourn times: 16 buckets per power of two, so a quantile is at most 1/16 too
// high.
//
// Tens of thousands of leaves count at the same time, each within few powers of two. So a histogram has
// memory only for the groups of them that it has seen, of a store that all leaves of a reactor share.
// Counting touches one cache line, and no branch depends on how sojourns alternate: a sparse flow's and a
// bulk flow's do with each packet.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define MQOE_HISTOGRAM_MIN_SHIFT 10 // below 1,024 ns everything is one power of two
#define MQOE_HISTOGRAM_MAX_SHIFT 36 // from 68.7 s on everything is the last bucket
#define MQOE_HISTOGRAM_OCTAVES   (MQOE_HISTOGRAM_MAX_SHIFT - MQOE_HISTOGRAM_MIN_SHIFT + 1)
#define MQOE_HISTOGRAM_BUCKETS   (MQOE_HISTOGRAM_OCTAVES * 16)

// Powers of two that get their memory together.
#define MQOE_HISTOGRAM_GROUP  6u
#define MQOE_HISTOGRAM_GROUPS 5u

// All zero is closed.
struct mqoe_histogram {
    uint32_t groups[MQOE_HISTOGRAM_GROUPS]; // of the store, number + 1; MQOE_NO_GROUP: nothing counted there
};

#define MQOE_NO_GROUP UINT32_MAX

static inline bool mqoe_histogram_is_open(const struct mqoe_histogram *h) {
    return h->groups[0] != 0;
}

// The counts of some powers of two, a cache line each.
struct mqoe_octaves {
    uint32_t counts[MQOE_HISTOGRAM_GROUP * 16];
} __attribute__((aligned(64)));

static_assert(MQOE_HISTOGRAM_OCTAVES <= MQOE_HISTOGRAM_GROUP * MQOE_HISTOGRAM_GROUPS, "all have a place");

struct mqoe_histogram_store {
    struct mqoe_octaves *groups;
    uint32_t limit, open; // histograms that may be open, and that are
    uint32_t fresh,
        free; // groups never used begin here; number + 1 of the one returned last, linked by counts[0]
};

// Memory of a histogram that has seen every power of two; mostly it is one or two groups.
#define MQOE_HISTOGRAM_MEMORY (MQOE_HISTOGRAM_GROUPS * sizeof(struct mqoe_octaves))

// Room for `limit` open histograms. Returns 0 or −ENOMEM.
int mqoe_histogram_store_init(struct mqoe_histogram_store *store, uint32_t limit);
void mqoe_histogram_store_free(struct mqoe_histogram_store *store);
// Touches `groups` groups, so that their first use is no page fault.
void mqoe_histogram_store_ready(struct mqoe_histogram_store *store, uint32_t groups);

// Opens an empty one; false when as many as may be are open.
bool mqoe_histogram_open(struct mqoe_histogram_store *store, struct mqoe_histogram *h);
void mqoe_histogram_close(struct mqoe_histogram_store *store, struct mqoe_histogram *h);

// A group without counts; its number + 1.
uint32_t mqoe_histogram_add(struct mqoe_histogram_store *store);

// The bucket of `ns`, and the largest value of a bucket.
static inline uint32_t mqoe_histogram_bucket(uint64_t ns) {
    if (ns >> MQOE_HISTOGRAM_MIN_SHIFT == 0)
        return (uint32_t)(ns >> (MQOE_HISTOGRAM_MIN_SHIFT - 4));
    uint32_t power = 63u - (uint32_t)__builtin_clzll(ns);
    if (power >= MQOE_HISTOGRAM_MAX_SHIFT)
        return MQOE_HISTOGRAM_BUCKETS - 1;
    uint32_t within = (uint32_t)(ns >> (power - 4)) & 15;
    return (power - MQOE_HISTOGRAM_MIN_SHIFT + 1) * 16 + within;
}

uint64_t mqoe_histogram_upper(uint32_t bucket);

// Counts `ns` in an open histogram.
static inline void mqoe_histogram_count(struct mqoe_histogram_store *store, struct mqoe_histogram *h,
                                        uint64_t ns) {
    uint32_t bucket = mqoe_histogram_bucket(ns);
    uint32_t *group = &h->groups[bucket / (16 * MQOE_HISTOGRAM_GROUP)];
    if (*group == MQOE_NO_GROUP)
        *group = mqoe_histogram_add(store);
    store->groups[*group - 1].counts[bucket % (16 * MQOE_HISTOGRAM_GROUP)]++;
}

// Fetches the line that `ns` would be counted in.
static inline void mqoe_histogram_prefetch(const struct mqoe_histogram_store *store,
                                           const struct mqoe_histogram *h, uint64_t ns) {
    uint32_t bucket = mqoe_histogram_bucket(ns), group = h->groups[bucket / (16 * MQOE_HISTOGRAM_GROUP)];
    if (mqoe_histogram_is_open(h) && group != MQOE_NO_GROUP)
        __builtin_prefetch(&store->groups[group - 1].counts[bucket % (16 * MQOE_HISTOGRAM_GROUP)], 1);
}

// Nearest rank: the upper edge of the bucket that holds sample ⌈q · count⌉ (q in per mille); 0 when count is
// 0.
uint64_t mqoe_histogram_quantile(const struct mqoe_histogram_store *store, const struct mqoe_histogram *h,
                                 uint64_t count, uint32_t per_mille);
