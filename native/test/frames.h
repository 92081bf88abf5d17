// Frames for the tests of packet, sqm and path: a small UMEM of Ethernet frames, made and taken back in any
// order.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/checksum.h"
#include "packet/ecn.h"
#include "packet/hash.h"
#include "packet/random.h"

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct frame_store {
    struct mqoe_frame *frames;
    uint8_t *bytes;
    uint32_t count, used;
    struct mqoe_frame_list spare;
};

static inline void frame_store_open(struct frame_store *s, uint32_t count) {
    *s = (struct frame_store){.count = count};
    s->frames = aligned_alloc(64, count * sizeof *s->frames);
    s->bytes = calloc(count, 64);
    assert_non_null(s->frames);
    assert_non_null(s->bytes);
    memset(s->frames, 0, count * sizeof *s->frames);
    for (uint32_t i = 0; i < count; i++) {
        s->frames[i].data = s->bytes + i * 64;
        mqoe_frame_list_push(&s->spare, &s->frames[i]);
    }
}

static inline void frame_store_close(struct frame_store *s) {
    free(s->frames);
    free(s->bytes);
}

// An IPv4/UDP header with a valid checksum; only the headers exist, whatever `len` says.
static inline void write_ipv4(uint8_t *data, uint32_t len, uint8_t tos) {
    static const uint8_t head[34] = {2, 0, 0, 0, 0, 1,  2,  0, 0, 0,  0, 2, 8, 0,  0x45, 0, 0,
                                     0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0,    0, 2};
    memcpy(data, head, sizeof head);
    data[15] = tos;
    data[16] = (uint8_t)((len - 14) >> 8);
    data[17] = (uint8_t)(len - 14);
    uint16_t sum = mqoe_checksum(data + 14, 20);
    data[24] = (uint8_t)(sum >> 8);
    data[25] = (uint8_t)sum;
}

// A described frame of `flow` (its hash), with a serial number in `user`; NULL when all are in use.
static inline struct mqoe_frame *frame_make(struct frame_store *s, uint32_t flow, uint32_t len, uint8_t tos) {
    struct mqoe_frame *f = mqoe_frame_list_pop(&s->spare);
    if (!f)
        return NULL;
    *f = (struct mqoe_frame){
        .data = f->data, .len = len, .hash = flow, .l3_offset = 14, .family = 4, .tos = tos};
    f->user = s->used++;
    write_ipv4(f->data, len, tos);
    return f;
}

static inline void frame_give(struct frame_store *s, struct mqoe_frame *f) {
    mqoe_frame_list_push(&s->spare, f);
}

// Takes back a whole list; returns how many there were.
static inline uint32_t frame_give_all(struct frame_store *s, struct mqoe_frame_list *list) {
    uint32_t count = 0;
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(list)); count++)
        frame_give(s, f);
    return count;
}
