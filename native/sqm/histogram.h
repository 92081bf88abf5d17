// Log-linear histograms of sojourn times: 16 buckets per power of two, so a quantile is at most 1/16 too
// high.
//
// Tens of thousands of leaves count at the same time, each within few powers of two. So a histogram has
// memory only for those that it has seen: an octave is one cache line of a store that all leaves of a reactor
// share, and counting touches that line and the one that says where it is.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define MQOE_HISTOGRAM_MIN_SHIFT 10 // below 1,024 ns everything is one power of two
#define MQOE_HISTOGRAM_MAX_SHIFT 36 // from 68.7 s on everything is the last bucket
#define MQOE_HISTOGRAM_OCTAVES   (MQOE_HISTOGRAM_MAX_SHIFT - MQOE_HISTOGRAM_MIN_SHIFT + 1)
#define MQOE_HISTOGRAM_BUCKETS   (MQOE_HISTOGRAM_OCTAVES * 16)

// All zero is closed.
struct mqoe_histogram {
    uint32_t directory; // of the store, number + 1
    uint32_t last;      // octave of the store that was counted in last, number + 1; 0 = none
    bool open;
};

struct mqoe_octave {
    uint32_t counts[16];
} __attribute__((aligned(64)));

// Which octaves a histogram has, by power of two; number + 1, 0 = none. Up to 33 ms it is one line.
struct mqoe_octave_directory {
    uint32_t octaves[32];
} __attribute__((aligned(64)));

static_assert(MQOE_HISTOGRAM_OCTAVES <= 32, "a directory has room for every power of two");

struct mqoe_histogram_store {
    struct mqoe_octave *octaves;
    struct mqoe_octave_directory *directories;
    uint32_t limit, open;          // histograms that may be open, and that are
    uint32_t fresh, free;          // octaves never used begin here; number + 1 of the one returned last
    uint32_t fresh_dirs, free_dir; // directories likewise; both kinds are linked through their first field
};

// Memory of a histogram that has seen every power of two; one that has seen fewer has fewer octaves.
#define MQOE_HISTOGRAM_MEMORY                                                                                \
    (MQOE_HISTOGRAM_OCTAVES * sizeof(struct mqoe_octave) + sizeof(struct mqoe_octave_directory))

// Room for `limit` open histograms. Returns 0 or −ENOMEM.
int mqoe_histogram_store_init(struct mqoe_histogram_store *store, uint32_t limit);
void mqoe_histogram_store_free(struct mqoe_histogram_store *store);

// Opens an empty one; false when as many as may be are open.
bool mqoe_histogram_open(struct mqoe_histogram_store *store, struct mqoe_histogram *h);
void mqoe_histogram_close(struct mqoe_histogram_store *store, struct mqoe_histogram *h);

// An octave without counts; its number + 1.
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
    uint32_t *octave = &store->directories[h->directory - 1].octaves[bucket / 16];
    if (!*octave)
        *octave = mqoe_histogram_add(store);
    h->last = *octave;
    store->octaves[h->last - 1].counts[bucket % 16]++;
}

// Fetches the lines that the next value is likely to be counted in.
static inline void mqoe_histogram_prefetch(const struct mqoe_histogram_store *store,
                                           const struct mqoe_histogram *h) {
    if (!h->last)
        return;
    __builtin_prefetch(&store->directories[h->directory - 1]);
    __builtin_prefetch(&store->octaves[h->last - 1], 1);
}

// Nearest rank: the upper edge of the bucket that holds sample ⌈q · count⌉ (q in per mille); 0 when count is
// 0.
uint64_t mqoe_histogram_quantile(const struct mqoe_histogram_store *store, const struct mqoe_histogram *h,
                                 uint64_t count, uint32_t per_mille);
