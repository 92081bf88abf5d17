// Made-up clients and frames, for the bench and for tests that run the dataplane on the memory port.
#pragma once

#include <jansson.h>
#include <stdint.h>

#define MQOE_SYNTHETIC_SERVER 0xC6120001u // 198.18.0.1 (RFC 2544: benchmarking)

// IPv4 address of client i: 10.0.0.1 + i.
static inline uint32_t mqoe_synthetic_client(uint32_t i) {
    return 0x0A000001u + i;
}

struct mqoe_synthetic {
    uint32_t clients, frames;
    uint64_t rate;          // bit/s, both directions; 0 = unlimited
    const char *discipline; // its name, or "cake_flows": CAKE as a plain queue per flow
    uint32_t limit;         // packets, for pfifo
    uint64_t server_delay;  // ns one way, both directions; 0 = no path at the server, but for a rate
    uint64_t server_rate;   // bit/s of the path at the server, each way; 0 = unlimited
    uint64_t client_delay;  // the same at the clients
    const char *netns, *access, *core;
};

// A DataplaneBlueprint document of one reactor, one server and `clients` alike clients.
json_t *mqoe_synthetic_blueprint(const struct mqoe_synthetic *s);
// A PathLineBlueprint of a delay (ns) and a rate (bit/s, 0 = unlimited), and nothing else.
json_t *mqoe_synthetic_line(uint64_t delay, uint64_t rate);
// A ShaperBlueprint with framing `frame`.
json_t *mqoe_synthetic_shaper(uint64_t rate, const char *discipline, uint32_t limit);

// Writes an Ethernet/IPv4/UDP frame of `len` bytes (≥ 42) with a valid IP header and returns len. Ports tell
// flows apart; the payload is left as it is.
uint32_t mqoe_synthetic_frame(uint8_t *to, uint32_t src, uint32_t dst, uint16_t src_port, uint16_t dst_port,
                              uint32_t len);
