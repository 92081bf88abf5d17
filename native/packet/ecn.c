#include "packet/ecn.h"

#include "packet/checksum.h"

// Writes the whole DS field. The frame was parsed, so its IP header is within its length.
static void write_tos(struct mqoe_frame *frame, uint8_t tos) {
    uint8_t *ip = frame->data + frame->l3_offset;
    if (frame->family == 4) {
        uint16_t before = (uint16_t)(ip[0] << 8 | ip[1]), after = (uint16_t)(ip[0] << 8 | tos);
        uint16_t checksum = mqoe_checksum_update((uint16_t)(ip[10] << 8 | ip[11]), before, after);
        ip[1] = tos;
        ip[10] = (uint8_t)(checksum >> 8);
        ip[11] = (uint8_t)checksum;
    } else {
        ip[0] = (uint8_t)((ip[0] & 0xf0) | tos >> 4);
        ip[1] = (uint8_t)((ip[1] & 0x0f) | tos << 4);
    }
    frame->tos = tos;
}

bool mqoe_frame_mark_ce(struct mqoe_frame *frame) {
    if (!frame->family || (frame->tos & 3) == MQOE_NOT_ECT)
        return false;
    if ((frame->tos & 3) != MQOE_CE)
        write_tos(frame, frame->tos | MQOE_CE);
    return true;
}

bool mqoe_frame_set_dscp(struct mqoe_frame *frame, uint8_t dscp) {
    if (!frame->family)
        return false;
    write_tos(frame, (uint8_t)(dscp << 2 | (frame->tos & 3)));
    return true;
}
