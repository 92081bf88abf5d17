#include "packet/checksum.h"

uint16_t mqoe_checksum(const uint8_t *data, size_t len) {
    uint64_t sum = 0;
    for (; len >= 2; data += 2, len -= 2)
        sum += (uint32_t)(data[0] << 8 | data[1]);
    if (len)
        sum += (uint32_t)data[0] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}
