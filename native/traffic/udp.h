// Receiving UDP in batches with kernel timestamps, and sending one packet with a traffic class of its own.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "traffic/plan.h"

#define TRAFFIC_BATCH 16

struct traffic_packet {
    uint8_t *data;
    size_t length;
    int64_t received; // CLOCK_REALTIME ns
    bool user_time;   // `received` is not the kernel's
    struct sockaddr_storage from;
    socklen_t from_length;
};

// Buffers of one reactor for one batch.
struct traffic_batch {
    struct traffic_packet packets[TRAFFIC_BATCH];
    struct mmsghdr headers[TRAFFIC_BATCH];
    struct iovec vectors[TRAFFIC_BATCH];
    char control[TRAFFIC_BATCH][64];
    uint8_t *buffer;
    size_t size; // of one packet
};

// Room for packets of up to `size` bytes; a longer one arrives with a wrong length. 0 or −ENOMEM.
int traffic_batch_create(struct traffic_batch *b, size_t size);
void traffic_batch_free(struct traffic_batch *b);

// Receives what is there, at most a batch, without waiting. Returns the number of packets (0: nothing, or an
// error that an ICMP message left on the socket and that is now cleared).
int traffic_receive(struct traffic_batch *b, int fd);

// Sends to `packet->from` with this DSCP and ECN. Returns 0 or −errno.
int traffic_reply(int fd, const struct traffic_packet *packet, enum traffic_family family, int dscp, int ecn);
