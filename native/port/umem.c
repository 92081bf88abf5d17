#include "port/umem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "packet/pages.h"

static const char *const place_name[MQOE_PLACES] = {"free stack", "fill ring",  "hand",
                                                    "leaf",       "delay line", "transmit ring"};

void mqoe_umem_violation(const struct mqoe_umem *p, uint32_t chunk, enum mqoe_place from,
                         enum mqoe_place to) {
    const char *found = chunk < p->count ? place_name[p->place[chunk]] : "no place (beyond the UMEM)";
    fprintf(stderr,
            "mqoe-native: frame %u of %u was to go from %s to %s, but it is in: %s. This is a bug of mqoe.\n",
            chunk, p->count, place_name[from], place_name[to], found);
    abort();
}

static int allocate_tables(struct mqoe_umem *p, struct mqoe_error *e) {
    p->frames = mqoe_pages_alloc(p->count * sizeof *p->frames); // a descriptor is one cache line: aligned
    p->place = calloc(p->count, sizeof *p->place);
    p->stack = calloc(p->count, sizeof *p->stack);
    if (p->frames && p->place && p->stack)
        return 0;
    return mqoe_fail(e, ENOMEM, "mmap", "give the machine more memory, or the plans smaller queue limits",
                     "descriptors of %u frames", p->count);
}

int mqoe_umem_init(struct mqoe_umem *p, uint32_t count, uint32_t frame_size, struct mqoe_error *e) {
    *p = (struct mqoe_umem){.count = count, .frame_size = frame_size};
    p->area_bytes = (uint64_t)count * frame_size;
    p->area = mqoe_pages_alloc(p->area_bytes);
    if (!p->area)
        return mqoe_fail(e, ENOMEM, "mmap", "give the machine more memory, or the plans smaller queue limits",
                         "UMEM of %u frames, %lu MiB", count, (unsigned long)(p->area_bytes >> 20));
    // Touched now: a page fault in the loop would be a late packet.
    for (uint64_t at = 0; at < p->area_bytes; at += MQOE_SMALL_PAGE)
        p->area[at] = 0;
    int err = allocate_tables(p, e);
    if (err) {
        mqoe_umem_free(p);
        return err;
    }
    for (uint32_t i = 0; i < count; i++)
        p->stack[i] = count - 1 - i; // chunk 0 is used first
    p->in_place[MQOE_FREE] = count;
    return 0;
}

void mqoe_umem_free(struct mqoe_umem *p) {
    mqoe_pages_free(p->area, p->area_bytes);
    mqoe_pages_free(p->frames, p->count * sizeof *p->frames);
    free(p->place);
    free(p->stack);
    *p = (struct mqoe_umem){0};
}
