#include "capture/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/pcapng.h"

int mqoe_capture_ring_init(struct mqoe_capture_ring *r, uint64_t limit) {
    *r = (struct mqoe_capture_ring){.size = (limit < MQOE_BLOCK_MAX ? MQOE_BLOCK_MAX : limit) & ~UINT64_C(3)};
    // Populated: a reactor that captures must not wait for pages, nor find out then that there are none.
    void *bytes =
        mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (bytes == MAP_FAILED)
        return -ENOMEM;
    r->bytes = bytes;
    return 0;
}

void mqoe_capture_ring_free(struct mqoe_capture_ring *r) {
    if (r->bytes)
        munmap(r->bytes, r->size);
    *r = (struct mqoe_capture_ring){0};
}

// How many bytes from `at` on lie in one piece.
static uint64_t piece(const struct mqoe_capture_ring *r, uint64_t at, uint32_t count) {
    uint64_t left = r->size - at % r->size;
    return left < count ? left : count;
}

static void copy_in(struct mqoe_capture_ring *r, uint64_t at, const uint8_t *from, uint32_t count) {
    uint64_t first = piece(r, at, count);
    memcpy(r->bytes + at % r->size, from, first);
    memcpy(r->bytes, from + first, count - first);
}

static void copy_out(const struct mqoe_capture_ring *r, uint64_t at, uint8_t *to, uint32_t count) {
    uint64_t first = piece(r, at, count);
    memcpy(to, r->bytes + at % r->size, first);
    memcpy(to + first, r->bytes, count - first);
}

static uint32_t length_at(const struct mqoe_capture_ring *r, uint64_t at) {
    uint32_t length;
    copy_out(r, at + 4, (uint8_t *)&length, sizeof length);
    return length;
}

void mqoe_capture_ring_push(struct mqoe_capture_ring *r, const uint8_t *block, uint32_t length) {
    while (r->head - r->tail + length > r->size) {
        r->tail += length_at(r, r->tail);
        r->fallen++;
    }
    copy_in(r, r->head, block, length);
    r->head += length;
    r->pushed++;
}

uint32_t mqoe_capture_ring_read(const struct mqoe_capture_ring *r, uint64_t *at, uint8_t *block) {
    if (*at >= r->head)
        return 0;
    uint32_t length = length_at(r, *at);
    copy_out(r, *at, block, length);
    *at += length;
    return length;
}
