// What a frame costs the link behind the plan: tc's overhead, mpu, ATM and PTM (reference/algorithms.md
// §1.9).
#pragma once

#include <stdint.h>

enum mqoe_framing_base {
    MQOE_FRAMING_FRAME, // the layer-2 length as it is; overhead is added to it
    MQOE_FRAMING_IP,    // network-layer length, then overhead
};

enum mqoe_framing_cell { MQOE_CELL_NONE, MQOE_CELL_ATM, MQOE_CELL_PTM };

struct mqoe_framing {
    uint8_t base;     // enum mqoe_framing_base
    uint8_t cell;     // enum mqoe_framing_cell
    int16_t overhead; // bytes, −64 … 256
    uint16_t mpu;     // bytes, 0 … 256: the smallest cost
};

// Bytes that `length` bytes occupy in the cells of the link.
uint32_t mqoe_framing_cells(uint32_t cell, uint32_t length);

// Bytes that a frame of `frame_len` bytes, whose network header is at `l3_offset`, occupies on the link.
static inline uint32_t mqoe_framing_adjust(const struct mqoe_framing *framing, uint32_t frame_len,
                                           uint32_t l3_offset) {
    int64_t length = frame_len;
    if (framing->base == MQOE_FRAMING_IP && l3_offset < frame_len)
        length -= l3_offset;
    length += framing->overhead;
    if (length < framing->mpu)
        length = framing->mpu; // mpu ≥ 0: a negative overhead cannot make a frame earn rate
    if (framing->cell != MQOE_CELL_NONE)
        return mqoe_framing_cells(framing->cell, (uint32_t)length);
    return (uint32_t)length;
}
