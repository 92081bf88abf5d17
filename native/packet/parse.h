// Reads what queueing needs from a frame: where the network header is, who talks to whom, DSCP and ECN.
#pragma once

#include "packet/frame.h"

union mqoe_address {
    uint8_t bytes[16]; // network order; IPv4 in the first four, the rest zero
    uint64_t words[2];
};

struct mqoe_packet {
    uint16_t l3_offset;   // bytes before the network header (Ethernet, VLAN tags, MPLS labels)
    uint16_t ethertype;   // of what is at l3_offset, host order; 0 when it cannot be told
    uint32_t network_len; // bytes from l3_offset to the frame's end: what tc calls the network-layer length
    uint8_t family;       // 4 or 6 when a whole IP header is there, else 0 (and everything below is 0)
    uint8_t proto;        // upper-layer protocol, after IPv6 extension headers
    uint8_t dscp;         // 0 … 63
    uint8_t ecn;          // 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE
    bool fragment;        // of a larger datagram: ports are 0, so all of its fragments hash alike
    uint8_t reserved;
    uint16_t
        src_port; // TCP, UDP, UDP-Lite, SCTP, DCCP; ICMP echo: the identifier in both; else 0. Host order
    uint16_t dst_port;
    union mqoe_address src, dst;
};

// Parses `len` bytes of an Ethernet frame: up to two VLAN tags, MPLS labels, IPv4, IPv6 with its extension
// headers. Tunnels are described by their outer header. Never reads past `len` and never fails: what is
// truncated or unknown is simply left out (family 0, ports 0). Rules: RFC 791, RFC 8200 §4, IEEE 802.1Q, RFC
// 3032, RFC 2474, RFC 3168.
void mqoe_parse(struct mqoe_packet *packet, const uint8_t *data, uint32_t len);

// Copies into the frame what its queues need; `hash` from mqoe_hash_flow. The frame's data and len are left
// alone.
static inline void mqoe_frame_describe(struct mqoe_frame *frame, const struct mqoe_packet *packet,
                                       uint32_t hash) {
    frame->hash = hash;
    frame->l3_offset = packet->l3_offset;
    frame->family = packet->family;
    frame->tos = (uint8_t)(packet->dscp << 2 | packet->ecn);
}
