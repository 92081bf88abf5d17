#include "sqm/slab.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

int mqoe_slab_init(struct mqoe_slab *slab, uint32_t size, uint32_t count, uint32_t extra,
                   struct mqoe_error *e) {
    *slab = (struct mqoe_slab){.size = size, .count = count, .free = MQOE_NO_RECORD};
    slab->mapped = ((uint64_t)count + extra) * size;
    if (!slab->mapped)
        slab->mapped = size;
    // Without a reservation of swap: most of it is never touched.
    void *base =
        mmap(NULL, slab->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        *slab = (struct mqoe_slab){.free = MQOE_NO_RECORD};
        return mqoe_fail(e, ENOMEM, "mmap", "fewer clients per reactor, or more memory",
                         "%u records of %u bytes", count, size);
    }
    madvise(base, slab->mapped, MADV_HUGEPAGE); // fewer translations to miss (packet/pages.h)
    slab->base = base;
    return 0;
}

void mqoe_slab_free(struct mqoe_slab *slab) {
    if (slab->base)
        munmap(slab->base, slab->mapped);
    *slab = (struct mqoe_slab){.free = MQOE_NO_RECORD};
}
