#include "sqm/histogram.h"

#include <errno.h>

#include "packet/pages.h"

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
    uint32_t i = h->open ? store->directories[h->directory - 1].octaves[octave] : 0;
    return i ? &store->octaves[i - 1] : &nothing;
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

static size_t octave_bytes(uint32_t limit) {
    return (size_t)limit * MQOE_HISTOGRAM_OCTAVES * sizeof(struct mqoe_octave);
}

static size_t directory_bytes(uint32_t limit) {
    return (size_t)limit * sizeof(struct mqoe_octave_directory);
}

int mqoe_histogram_store_init(struct mqoe_histogram_store *store, uint32_t limit) {
    *store = (struct mqoe_histogram_store){.limit = limit};
    store->octaves = mqoe_pages_alloc(octave_bytes(limit));
    store->directories = mqoe_pages_alloc(directory_bytes(limit));
    if (store->octaves && store->directories)
        return 0;
    mqoe_histogram_store_free(store);
    return -ENOMEM;
}

void mqoe_histogram_store_free(struct mqoe_histogram_store *store) {
    mqoe_pages_free(store->octaves, octave_bytes(store->limit));
    mqoe_pages_free(store->directories, directory_bytes(store->limit));
    *store = (struct mqoe_histogram_store){0};
}

bool mqoe_histogram_open(struct mqoe_histogram_store *store, struct mqoe_histogram *h) {
    *h = (struct mqoe_histogram){.open = store->open < store->limit};
    if (!h->open)
        return false;
    store->open++;
    h->directory = store->free_dir ? store->free_dir : ++store->fresh_dirs;
    struct mqoe_octave_directory *d = &store->directories[h->directory - 1];
    if (h->directory == store->free_dir)
        store->free_dir = d->octaves[0];
    *d = (struct mqoe_octave_directory){0};
    return true;
}

void mqoe_histogram_close(struct mqoe_histogram_store *store, struct mqoe_histogram *h) {
    if (!h->open)
        return;
    struct mqoe_octave_directory *d = &store->directories[h->directory - 1];
    for (uint32_t octave = 0; octave < MQOE_HISTOGRAM_OCTAVES; octave++) {
        if (!d->octaves[octave])
            continue;
        store->octaves[d->octaves[octave] - 1].counts[0] = store->free;
        store->free = d->octaves[octave];
    }
    d->octaves[0] = store->free_dir;
    store->free_dir = h->directory;
    store->open--;
    *h = (struct mqoe_histogram){0};
}

// There is one left: each open histogram has at most as many as there are powers of two.
uint32_t mqoe_histogram_add(struct mqoe_histogram_store *store) {
    uint32_t i = store->free ? store->free : ++store->fresh;
    if (i == store->free)
        store->free = store->octaves[i - 1].counts[0];
    store->octaves[i - 1] = nothing;
    return i;
}
