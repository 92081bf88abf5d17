// Records of one size, given out when they are needed and taken back when they are not. The address space of
// all of them is reserved at once, but a page costs memory only from its first use on, and what was returned
// last is given out first: a slab that is little used is little memory.
#pragma once

#include <stdint.h>

#include "record/error.h"

#define MQOE_NO_RECORD UINT32_MAX

struct mqoe_slab {
    uint8_t *base;
    uint32_t size;         // bytes of a record, at least 4
    uint32_t count, extra; // records; and those beyond them that are never given out
    uint32_t fresh;        // records from here on have never been used
    uint32_t free;         // head of the list of those returned, linked through their first four bytes
    uint32_t used, most;   // records in use now, and the most there ever were
};

// Room for `count` records, and beyond them for `extra` that are never given out: the owner addresses those
// itself. Everything is zero before its first use. Returns 0, or −ENOMEM with *e filled.
int mqoe_slab_init(struct mqoe_slab *slab, uint32_t size, uint32_t count, uint32_t extra,
                   struct mqoe_error *e);
void mqoe_slab_free(struct mqoe_slab *slab);

// Touches the first `records` records and `extra` of the others, so that their first use is no page fault.
void mqoe_slab_ready(struct mqoe_slab *slab, uint32_t records, uint32_t extra);

static inline void *mqoe_slab_at(const struct mqoe_slab *slab, uint32_t record) {
    return slab->base + (uint64_t)record * slab->size;
}

// A record with whatever its last user left in it, or MQOE_NO_RECORD.
static inline uint32_t mqoe_slab_take(struct mqoe_slab *slab) {
    uint32_t record = slab->free;
    if (record != MQOE_NO_RECORD)
        slab->free = *(const uint32_t *)mqoe_slab_at(slab, record);
    else if (slab->fresh < slab->count)
        record = slab->fresh++;
    else
        return MQOE_NO_RECORD;
    if (++slab->used > slab->most)
        slab->most = slab->used;
    return record;
}

static inline void mqoe_slab_release(struct mqoe_slab *slab, uint32_t record) {
    *(uint32_t *)mqoe_slab_at(slab, record) = slab->free;
    slab->free = record;
    slab->used--;
}
