// Log-linear histograms of sojourn times: 16 buckets per power of two, so a quantile is at most 1/16 too
// high.
//
// Tens of thousands of leaves count at the same time, each within few powers of two. So a histogram has
// memory only for those that it has seen: an octave is one cache line of a store that all leaves of a reactor
// share, and counting touches that line and nothing else.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MQOE_HISTOGRAM_MIN_SHIFT 10 // below 1,024 ns everything is one power of two
#define MQOE_HISTOGRAM_MAX_SHIFT 36 // from 68.7 s on everything is the last bucket
#define MQOE_HISTOGRAM_OCTAVES   (MQOE_HISTOGRAM_MAX_SHIFT - MQOE_HISTOGRAM_MIN_SHIFT + 1)
#define MQOE_HISTOGRAM_BUCKETS   (MQOE_HISTOGRAM_OCTAVES * 16)

// All zero is closed.
struct mqoe_histogram {
    uint32_t head,
        last; // octaves of the store, number + 1: the newest, and the one counted in last; 0 = none
    uint8_t last_octave; // power of two of `last`
    bool open;
};

struct mqoe_octave {
    uint32_t counts[16];
} __attribute__((aligned(64)));

struct mqoe_octave_link {
    uint32_t next; // of the same histogram, or of those that are free; number + 1
    uint32_t octave;
};

struct mqoe_histogram_store {
    struct mqoe_octave *octaves;
    struct mqoe_octave_link *links; // one per octave
    uint32_t limit, open;           // histograms that may be open, and that are
    uint32_t fresh, free;           // octaves never used begin here; number + 1 of the one returned last
};

// Memory of a histogram that has seen every power of two; one that has seen k of them needs k shares of it.
#define MQOE_HISTOGRAM_MEMORY                                                                                \
    (MQOE_HISTOGRAM_OCTAVES * (sizeof(struct mqoe_octave) + sizeof(struct mqoe_octave_link)))

// Room for `limit` open histograms. Returns 0 or −ENOMEM.
int mqoe_histogram_store_init(struct mqoe_histogram_store *store, uint32_t limit);
void mqoe_histogram_store_free(struct mqoe_histogram_store *store);

// Opens an empty one; false when as many as may be are open.
bool mqoe_histogram_open(struct mqoe_histogram_store *store, struct mqoe_histogram *h);
void mqoe_histogram_close(struct mqoe_histogram_store *store, struct mqoe_histogram *h);

// The octave `octave` of an open histogram, which now is `last`; a new one when it was not seen before.
void mqoe_histogram_turn(struct mqoe_histogram_store *store, struct mqoe_histogram *h, uint32_t octave);

// The bucket of `ns`, and the largest value of a bucket.
uint32_t mqoe_histogram_bucket(uint64_t ns);
uint64_t mqoe_histogram_upper(uint32_t bucket);

// Counts `ns` in an open histogram.
static inline void mqoe_histogram_count(struct mqoe_histogram_store *store, struct mqoe_histogram *h,
                                        uint64_t ns) {
    uint32_t bucket = mqoe_histogram_bucket(ns);
    if (!h->last || h->last_octave != bucket / 16)
        mqoe_histogram_turn(store, h, bucket / 16);
    store->octaves[h->last - 1].counts[bucket % 16]++;
}

// Fetches the line that the next value is likely to be counted in.
static inline void mqoe_histogram_prefetch(const struct mqoe_histogram_store *store,
                                           const struct mqoe_histogram *h) {
    if (h->last)
        __builtin_prefetch(&store->octaves[h->last - 1], 1);
}

// Nearest rank: the upper edge of the bucket that holds sample ⌈q · count⌉ (q in per mille); 0 when count is
// 0.
uint64_t mqoe_histogram_quantile(const struct mqoe_histogram_store *store, const struct mqoe_histogram *h,
                                 uint64_t count, uint32_t per_mille);
