// The frames of one reactor: one mapped area of equal chunks (the UMEM), one descriptor per chunk, and who
// owns it. A chunk is in exactly one place at a time. Every hand-over names the place it comes from and the
// place it goes to, and a wrong one ends the process at once: two owners of one chunk would corrupt traffic
// silently, which is the worst thing a measuring instrument can do. The check is one byte compare per
// hand-over, so it is always on.
#pragma once

#include <stdint.h>

#include "packet/frame.h"
#include "record/error.h"

enum mqoe_place {
    MQOE_FREE, // on the free stack
    MQOE_FILL, // given to a port to receive into
    MQOE_HAND, // being worked on in this round
    MQOE_LEAF, // queued in a shaper leaf
    MQOE_LINE, // on a delay line
    MQOE_SENT, // in a transmit ring, or sent and not yet reported complete
    MQOE_PLACES
};

struct mqoe_umem {
    uint8_t *area; // page aligned, count × frame_size bytes
    uint64_t area_bytes;
    struct mqoe_frame *frames; // frames[i] describes chunk i
    uint8_t *place;            // enum mqoe_place per chunk
    uint32_t *stack; // free chunks; the last one freed is the first one used (its cache lines are warm)
    uint32_t count, frame_size;
    uint32_t in_place[MQOE_PLACES]; // how many chunks are where; in_place[MQOE_FREE] is the stack's height
};

// Maps and populates `count` chunks of `frame_size` bytes (a power of two). Returns 0, or −errno with *e
// filled.
int mqoe_umem_init(struct mqoe_umem *p, uint32_t count, uint32_t frame_size, struct mqoe_error *e);
void mqoe_umem_free(struct mqoe_umem *p);

// Ends the process with a message that names the chunk and both places.
_Noreturn void mqoe_umem_violation(const struct mqoe_umem *p, uint32_t chunk, enum mqoe_place from,
                                   enum mqoe_place to);

static inline uint32_t mqoe_umem_chunk(const struct mqoe_umem *p, const struct mqoe_frame *f) {
    return (uint32_t)(f - p->frames);
}

static inline uint8_t *mqoe_umem_data(const struct mqoe_umem *p, uint32_t chunk) {
    return p->area + (uint64_t)chunk * p->frame_size;
}

static inline void mqoe_umem_move(struct mqoe_umem *p, uint32_t chunk, enum mqoe_place from,
                                  enum mqoe_place to) {
    if (chunk >= p->count || p->place[chunk] != from)
        mqoe_umem_violation(p, chunk, from, to);
    p->place[chunk] = (uint8_t)to;
    p->in_place[from]--;
    p->in_place[to]++;
}

// Takes a free chunk to `to`. The caller checks in_place[MQOE_FREE] first.
static inline uint32_t mqoe_umem_take(struct mqoe_umem *p, enum mqoe_place to) {
    uint32_t chunk = p->stack[p->in_place[MQOE_FREE] - 1];
    mqoe_umem_move(p, chunk, MQOE_FREE, to);
    return chunk;
}

static inline void mqoe_umem_give(struct mqoe_umem *p, uint32_t chunk, enum mqoe_place from) {
    mqoe_umem_move(p, chunk, from, MQOE_FREE);
    p->stack[p->in_place[MQOE_FREE] - 1] = chunk;
}
