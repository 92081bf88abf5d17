#include "sqm/slab.h"

#include <errno.h>

#include "packet/pages.h"

static size_t bytes_of(const struct mqoe_slab *slab) {
    return ((size_t)slab->count + slab->extra) * slab->size;
}

int mqoe_slab_init(struct mqoe_slab *slab, uint32_t size, uint32_t count, uint32_t extra,
                   struct mqoe_error *e) {
    *slab = (struct mqoe_slab){.size = size, .count = count, .extra = extra, .free = MQOE_NO_RECORD};
    slab->base = mqoe_pages_reserve(bytes_of(slab));
    if (slab->base)
        return 0;
    return mqoe_fail(e, ENOMEM, "mmap", "fewer clients per reactor, or more memory", "%u records of %u bytes",
                     count, size);
}

void mqoe_slab_free(struct mqoe_slab *slab) {
    mqoe_pages_free(slab->base, bytes_of(slab));
    *slab = (struct mqoe_slab){.free = MQOE_NO_RECORD};
}

void mqoe_slab_ready(struct mqoe_slab *slab, uint32_t records, uint32_t extra) {
    size_t end = (size_t)slab->count * slab->size;
    records = records < slab->count ? records : slab->count;
    mqoe_pages_ready(slab->base, bytes_of(slab), 0, (size_t)records * slab->size);
    mqoe_pages_ready(slab->base, bytes_of(slab), end, end + (size_t)extra * slab->size);
}
