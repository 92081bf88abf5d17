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

uint64_t mqoe_histogram_quantile(const struct mqoe_histogram_store *store, const struct mqoe_histogram *h,
                                 uint64_t count, uint32_t per_mille) {
    uint64_t rank = (count * per_mille + 999) / 1000, seen = 0;
    for (uint32_t g = 0; g < MQOE_HISTOGRAM_GROUPS && count && mqoe_histogram_is_open(h); g++) {
        if (h->groups[g] == MQOE_NO_GROUP)
            continue;
        const struct mqoe_octaves *group = &store->groups[h->groups[g] - 1];
        for (uint32_t i = 0; i < MQOE_HISTOGRAM_GROUP * 16; i++)
            if ((seen += group->counts[i]) >= rank && seen)
                return mqoe_histogram_upper(g * MQOE_HISTOGRAM_GROUP * 16 + i);
    }
    return 0;
}

// ---- the store ----

static size_t store_bytes(const struct mqoe_histogram_store *store) {
    return store->limit * MQOE_HISTOGRAM_MEMORY;
}

int mqoe_histogram_store_init(struct mqoe_histogram_store *store, uint32_t limit) {
    *store = (struct mqoe_histogram_store){.limit = limit};
    store->groups = mqoe_pages_reserve(store_bytes(store));
    return store->groups ? 0 : -ENOMEM;
}

void mqoe_histogram_store_free(struct mqoe_histogram_store *store) {
    mqoe_pages_free(store->groups, store_bytes(store));
    *store = (struct mqoe_histogram_store){0};
}

void mqoe_histogram_store_ready(struct mqoe_histogram_store *store, uint32_t groups) {
    mqoe_pages_ready(store->groups, store_bytes(store), 0, groups * sizeof *store->groups);
}

bool mqoe_histogram_open(struct mqoe_histogram_store *store, struct mqoe_histogram *h) {
    if (store->open == store->limit)
        return false;
    store->open++;
    for (uint32_t g = 0; g < MQOE_HISTOGRAM_GROUPS; g++)
        h->groups[g] = MQOE_NO_GROUP;
    return true;
}

void mqoe_histogram_close(struct mqoe_histogram_store *store, struct mqoe_histogram *h) {
    if (!mqoe_histogram_is_open(h))
        return;
    for (uint32_t g = 0; g < MQOE_HISTOGRAM_GROUPS; g++) {
        if (h->groups[g] == MQOE_NO_GROUP)
            continue;
        store->groups[h->groups[g] - 1].counts[0] = store->free;
        store->free = h->groups[g];
    }
    store->open--;
    *h = (struct mqoe_histogram){0};
}

// There is one left: no histogram has more than its share of them.
uint32_t mqoe_histogram_add(struct mqoe_histogram_store *store) {
    uint32_t i = store->free ? store->free : ++store->fresh;
    if (i == store->free)
        store->free = store->groups[i - 1].counts[0];
    store->groups[i - 1] = (struct mqoe_octaves){0};
    return i;
}
