#include "sqm/histogram.h"

#include <errno.h>

#include "packet/pages.h"

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

static const struct mqoe_octave nothing;

// The counts of one power of two, all zero when it was not seen.
static const struct mqoe_octave *octave_of(const struct mqoe_histogram_store *store,
                                           const struct mqoe_histogram *h, uint32_t octave) {
    for (uint32_t i = h->head; i; i = store->links[i - 1].next)
        if (store->links[i - 1].octave == octave)
            return &store->octaves[i - 1];
    return &nothing;
}

uint64_t mqoe_histogram_quantile(const struct mqoe_histogram_store *store, const struct mqoe_histogram *h,
                                 uint64_t count, uint32_t per_mille) {
    uint64_t rank = (count * per_mille + 999) / 1000, seen = 0;
    for (uint32_t octave = 0; octave < MQOE_HISTOGRAM_OCTAVES && count; octave++) {
        const struct mqoe_octave *line = octave_of(store, h, octave);
        for (uint32_t i = 0; i < 16; i++)
            if ((seen += line->counts[i]) >= rank && seen)
                return mqoe_histogram_upper(octave * 16 + i);
    }
    return 0;
}

// ---- the store ----

static size_t octave_count(uint32_t limit) {
    return (size_t)limit * MQOE_HISTOGRAM_OCTAVES;
}

int mqoe_histogram_store_init(struct mqoe_histogram_store *store, uint32_t limit) {
    *store = (struct mqoe_histogram_store){.limit = limit};
    store->octaves = mqoe_pages_alloc(octave_count(limit) * sizeof *store->octaves);
    store->links = mqoe_pages_alloc(octave_count(limit) * sizeof *store->links);
    if (store->octaves && store->links)
        return 0;
    mqoe_histogram_store_free(store);
    return -ENOMEM;
}

void mqoe_histogram_store_free(struct mqoe_histogram_store *store) {
    mqoe_pages_free(store->octaves, octave_count(store->limit) * sizeof *store->octaves);
    mqoe_pages_free(store->links, octave_count(store->limit) * sizeof *store->links);
    *store = (struct mqoe_histogram_store){0};
}

bool mqoe_histogram_open(struct mqoe_histogram_store *store, struct mqoe_histogram *h) {
    *h = (struct mqoe_histogram){.open = store->open < store->limit};
    store->open += h->open;
    return h->open;
}

void mqoe_histogram_close(struct mqoe_histogram_store *store, struct mqoe_histogram *h) {
    for (uint32_t i = h->head, next; i; i = next) {
        next = store->links[i - 1].next;
        store->links[i - 1].next = store->free;
        store->free = i;
    }
    store->open -= h->open;
    *h = (struct mqoe_histogram){0};
}

void mqoe_histogram_turn(struct mqoe_histogram_store *store, struct mqoe_histogram *h, uint32_t octave) {
    uint32_t i = h->head;
    while (i && store->links[i - 1].octave != octave)
        i = store->links[i - 1].next;
    if (!i) { // there is one left: each open histogram has at most as many as there are powers of two
        i = store->free ? store->free : ++store->fresh;
        if (i == store->free)
            store->free = store->links[i - 1].next;
        store->octaves[i - 1] = nothing;
        store->links[i - 1] = (struct mqoe_octave_link){.next = h->head, .octave = octave};
        h->head = i;
    }
    h->last = i;
    h->last_octave = (uint8_t)octave;
}
