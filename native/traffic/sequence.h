// The packets of one stream by sequence number: which have arrived, and what an arrival is – in order,
// reordered (RFC 4737 §3.3), a duplicate (RFC 5560), or later than one waits for (RFC 7680's Tmax). Pure.
//
//   0 … decided … highest arrived … next
//
// Below `decided` all is said: arrived, or given up as lost. Between there and `next` a bit per packet tells
// whether it has arrived.
#pragma once

#include <stdint.h>

enum traffic_arrival {
    TRAFFIC_IN_ORDER,
    TRAFFIC_REORDERED, // a later one has arrived before
    TRAFFIC_DUPLICATE, // it has arrived before itself
    TRAFFIC_LATE,      // after it was given up (or a duplicate of one so old)
    TRAFFIC_UNSENT,    // no such packet was sent
};

struct traffic_sequence {
    uint64_t *bits;    // of sequence number modulo (mask + 1)
    uint64_t mask;     // a power of two − 1
    uint64_t next;     // number of the next packet to be sent
    uint64_t expected; // RFC 4737's NextExp: 1 + the largest number that has arrived
    uint64_t decided;  // everything below it is decided
};

// Room for `window` packets that are not decided yet. Returns 0 or −ENOMEM; close is right in both cases.
int traffic_sequence_open(struct traffic_sequence *s, uint64_t window);
void traffic_sequence_close(struct traffic_sequence *s);

// Packets that may still be sent before older ones must be decided.
uint64_t traffic_sequence_room(const struct traffic_sequence *s);

// `count` packets, numbered from `next`, were sent; at most as many as there is room for.
void traffic_sequence_sent(struct traffic_sequence *s, uint64_t count);

// The number whose lower 32 bits a packet carries.
uint64_t traffic_sequence_expand(const struct traffic_sequence *s, uint32_t low);

// A packet arrived; says what it is and remembers it.
enum traffic_arrival traffic_sequence_arrive(struct traffic_sequence *s, uint64_t number);

// How many of [first, end), all of them sent and undecided, have not arrived.
uint64_t traffic_sequence_missing(const struct traffic_sequence *s, uint64_t first, uint64_t end);

// Nothing below `end` (≤ next) is waited for any more.
void traffic_sequence_decide(struct traffic_sequence *s, uint64_t end);
