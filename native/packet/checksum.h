// The internet checksum: whole, and updated incrementally.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The checksum (RFC 1071) of `len` bytes, as the two bytes at `data` + checksum offset would read in host
// order: 0 for a header that carries a correct one.
uint16_t mqoe_checksum(const uint8_t *data, size_t len);

// The checksum field after one 16-bit word that it covers went from `before` to `after` (RFC 1624 §3,
// equation 3). All three in the same byte order.
static inline uint16_t mqoe_checksum_update(uint16_t checksum, uint16_t before, uint16_t after) {
    uint32_t sum = (uint16_t)~checksum + (uint32_t)(uint16_t)~before + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    return (uint16_t)~sum;
}
