// The blocks of a pcapng file (draft-ietf-opsawg-pcapng), as bytes. Pure: each function fills `out`, which
// holds MQOE_BLOCK_MAX bytes, and returns how many; always a multiple of 4. Texts that are too long are cut.
//
// Numbers are in the byte order of this machine, which the section header tells. Times are ns since 1970
// (if_tsresol 9), frames are Ethernet.
#pragma once

#include <stdint.h>

#define MQOE_BLOCK_MAX    4096u
#define MQOE_SNAPLEN_MAX  2048u
#define MQOE_BLOCK_PACKET 6u

enum mqoe_packet_way { MQOE_WAY_UNKNOWN, MQOE_WAY_IN, MQOE_WAY_OUT };

struct mqoe_pcapng_packet {
    uint32_t interface; // in order of the interface blocks
    enum mqoe_packet_way way;
    uint64_t time, id;   // id: the same for one frame wherever it is seen; 0 = none is told
    const uint8_t *data; // `captured` bytes of a frame of `length`
    uint32_t captured, length;
    const char *comment; // NULL: none
};

struct mqoe_pcapng_statistics {
    uint64_t start, end; // ns since 1970
    uint64_t seen;       // frames that were to be captured and reached us
    uint64_t lost;       // frames that the kernel dropped before they did
    uint64_t kept;       // frames in the file
    const char *comment; // NULL: none
};

uint32_t mqoe_pcapng_section(uint8_t *out, const char *application, const char *comment);
uint32_t mqoe_pcapng_interface(uint8_t *out, const char *name, const char *description, uint32_t snaplen);
// At most MQOE_SNAPLEN_MAX bytes of the packet.
uint32_t mqoe_pcapng_packet(uint8_t *out, const struct mqoe_pcapng_packet *packet);
uint32_t mqoe_pcapng_statistics(uint8_t *out, uint32_t interface, const struct mqoe_pcapng_statistics *s);

// Of a packet's block: its interface and time.
uint32_t mqoe_pcapng_packet_interface(const uint8_t *block);
uint64_t mqoe_pcapng_packet_time(const uint8_t *block);
