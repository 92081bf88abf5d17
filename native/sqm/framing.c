#include "sqm/framing.h"

uint32_t mqoe_framing_cells(uint32_t cell, uint32_t length) {
    if (cell == MQOE_CELL_ATM)
        return (length + 47) / 48 * 53; // 48 bytes of payload in a cell of 53
    return length + (length + 63) / 64; // PTM: 64B/65B encoding
}
