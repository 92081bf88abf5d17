// The newest packets of a capture, as blocks of a pcapng file: a bounded queue of bytes from which the oldest
// blocks fall out. Nothing is allocated after init.
#pragma once

#include <stdint.h>

struct mqoe_capture_ring {
    uint8_t *bytes;
    uint64_t size;       // a multiple of 4
    uint64_t head, tail; // bytes written since ever, and where the oldest block begins
    uint64_t pushed, fallen;
};

// Holds at most `limit` bytes, rounded down to whole words; at least one block fits. Returns 0 or −ENOMEM.
int mqoe_capture_ring_init(struct mqoe_capture_ring *r, uint64_t limit);
void mqoe_capture_ring_free(struct mqoe_capture_ring *r);

// Appends a block, whose length is a multiple of 4, at most MQOE_BLOCK_MAX, and stands in its second word.
void mqoe_capture_ring_push(struct mqoe_capture_ring *r, const uint8_t *block, uint32_t length);

// Reads the block that begins at *at, which starts as `tail`, into `block` (MQOE_BLOCK_MAX bytes), and moves
// on. Returns its length; 0 at the end.
uint32_t mqoe_capture_ring_read(const struct mqoe_capture_ring *r, uint64_t *at, uint8_t *block);
