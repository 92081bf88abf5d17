// What mqoe's own packets carry. Big-endian on the wire. Every packet names its run by a 64-bit key made from
// the seed, so that a stray or forged packet is told from ours. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- TCP: the client's first bytes, by which the server's end knows its flow; not part of goodput ----
//
//  0 magic "mqTF" · 4 version (1) · 5 direction (0 down, 1 up) · 6 zero (2) · 8 key (8) · 16 flow index (4)

#define TRAFFIC_FLOW_HEADER 20u

struct traffic_flow_header {
    uint64_t key;
    uint32_t flow; // index into the plan's flows
    uint8_t direction;
};

void traffic_flow_header_encode(uint8_t out[TRAFFIC_FLOW_HEADER], const struct traffic_flow_header *h);

// False when this is not such a header (magic, version, direction, zero bytes); *h is then unspecified.
bool traffic_flow_header_decode(const uint8_t in[TRAFFIC_FLOW_HEADER], struct traffic_flow_header *h);

// ---- UDP probe: request and echo ----
//
//  0 magic "mqPR" · 4 version·16 + flags · 5 reactor · 6 UDP payload length (2) · 8 key (8) · 16 probe index
//  (4) 20 sequence number (4) · 24 t1 (8) · 32 t2 (8) · 40 t3 (8) · 48 padding

#define TRAFFIC_PROBE_HEADER  48u
#define TRAFFIC_PROBE_REACTOR 5u // offset of the byte by which the kernel picks the echo socket of a reactor

enum {
    TRAFFIC_PROBE_ECHO = 1,    // travels server → client
    TRAFFIC_PROBE_T2_USER = 2, // t2 is a user-space time
};

struct traffic_probe_header {
    uint64_t key;
    uint32_t probe; // index into the plan's probes
    uint32_t seq;
    int64_t t1, t2, t3; // ns since t0, on CLOCK_REALTIME
    uint16_t size;      // of the whole UDP payload
    uint8_t reactor;
    uint8_t flags;
};

// ---- UDP stream: one way, and as small as a packet of 40 bytes allows ----
//
//  0 tag: stream index + lower half of the key, modulo 2^32 (4) · 4 lower half of the sequence number (4) ·
//  8 send time, µs since t0 modulo 2^32 (4) · 12 padding
//
// No room for a magic or the whole key: a stranger's packet passes as ours with a probability of streams /
// 2^32, and then has to name a packet that is under way.

#define TRAFFIC_STREAM_HEADER 12u

struct traffic_stream_header {
    uint32_t tag, seq, sent;
};

static inline uint32_t traffic_stream_tag(uint64_t key, uint32_t stream) {
    return stream + (uint32_t)key;
}

// The index that a tag stands for; for a stranger's any number.
static inline uint32_t traffic_stream_index(uint64_t key, uint32_t tag) {
    return tag - (uint32_t)key;
}

void traffic_stream_encode(uint8_t out[TRAFFIC_STREAM_HEADER], const struct traffic_stream_header *h);
void traffic_stream_decode(const uint8_t in[TRAFFIC_STREAM_HEADER], struct traffic_stream_header *h);

void traffic_probe_encode(uint8_t out[TRAFFIC_PROBE_HEADER], const struct traffic_probe_header *h);

// `length` is that of the received UDP payload. False when it is no probe packet: too short, wrong magic,
// version or flags, or a length that differs from the one it was sent with (truncated on the way).
bool traffic_probe_decode(const uint8_t *in, size_t length, struct traffic_probe_header *h);
