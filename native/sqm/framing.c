#include "sqm/framing.h"

uint32_t mqoe_framing_adjust(const struct mqoe_framing *framing, uint32_t frame_len, uint32_t l3_offset) {
    int64_t length = frame_len;
    if (framing->base == MQOE_FRAMING_IP && l3_offset < frame_len)
        length -= l3_offset;
    length += framing->overhead;
    if (length < framing->mpu)
        length = framing->mpu; // mpu ≥ 0: a negative overhead cannot make a frame earn rate
    if (framing->cell == MQOE_CELL_ATM)
        length = (length + 47) / 48 * 53; // 48 bytes of payload in a cell of 53
    else if (framing->cell == MQOE_CELL_PTM)
        length += (length + 63) / 64; // 64B/65B encoding
    return (uint32_t)length;
}
