// One packet socket on one interface of some namespace: a ring shared with the kernel (TPACKET_V3), which
// stamps, cuts and buffers packets there. It hands them over in blocks, so that a busy interface does not
// wake us for every packet.
//
// It sees what passes Linux's own stack in either direction. Frames that XDP redirects, or that leave an
// AF_XDP socket, pass it by (docs/capture.md).
#pragma once

#include "capture/capture.h"

#define MQOE_CAPTURE_RETIRE_MS 50u // a block is handed over that long after its first packet at the latest

struct mqoe_capture_socket {
    int fd; // −1: closed; poll for POLLIN
    uint8_t *ring;
    uint32_t block_size, block_count, next;
    uint64_t lost; // frames for which the ring had no room
};

#define MQOE_CAPTURE_SOCKET_CLOSED                                                                           \
    { .fd = -1 }

// Opens it in the namespace of the calling thread; `snaplen` bytes of each packet reach the ring of about
// `bytes`. Returns 0 or −errno with *e filled.
int mqoe_capture_socket_open(struct mqoe_capture_socket *s, const char *interface, uint32_t snaplen,
                             uint64_t bytes, struct mqoe_error *e);
void mqoe_capture_socket_close(struct mqoe_capture_socket *s);

// Hands over everything that the kernel has finished, oldest first, and updates `lost`.
void mqoe_capture_socket_read(struct mqoe_capture_socket *s,
                              void (*take)(void *context, const struct mqoe_pcapng_packet *packet),
                              void *context);
