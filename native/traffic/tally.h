// What one UDP stream has sent and received, in bins, and the records of it (udp_sent, udp_bin). Loss belongs
// to the bin in which a packet was sent: a bin of sending is written when it is known what has become of its
// packets. Pure but for the segments: `now` is an argument, ns since t0.
#pragma once

#include "record/segment.h"
#include "traffic/plan.h"
#include "traffic/sequence.h"

// ns after which a packet is lost (RFC 7680's Tmax); the end of the run ends the waiting, too.
#define TRAFFIC_GIVE_UP INT64_C(10000000000)

// What was sent in one bin, until it is known what has become of it.
struct traffic_sent_bin {
    int64_t end;
    uint64_t first, last; // sequence numbers, [first, last)
    uint64_t bytes;       // of these
    uint32_t refused, skipped;
    int64_t late_max;
};

struct traffic_arrived_bin {
    int64_t end;
    uint64_t bytes;
    uint32_t packets, reordered, late, duplicates;
};

struct traffic_tally {
    struct mqoe_segment *arrived_records, *sent_records; // its owner's; set before the first packet
    uint32_t overruns; // of the receiving socket, as its owner has last seen them
    uint32_t stream;
    int64_t width; // of a bin
    struct traffic_sequence window;
    struct traffic_arrived_bin arrived;
    struct traffic_sent_bin *sent; // ring: [oldest, newest) wait to be decided, `newest` is being filled
    uint32_t sent_size;
    uint64_t oldest, newest;
};

// Starts with the bin that holds the stream's start; `window`: the most packets that are sent within
// traffic_tally_horizon. Returns 0 or −ENOMEM; close is right in both cases.
int traffic_tally_open(struct traffic_tally *t, const struct traffic_pair *pair, int64_t width,
                       uint64_t window);
void traffic_tally_close(struct traffic_tally *t);

// The most records of sending that can wait, and the longest time for which a packet is undecided.
uint64_t traffic_tally_waiting(int64_t width);
int64_t traffic_tally_horizon(int64_t width);

// Ends the bins that are over at `now`, and writes what is known by then.
void traffic_tally_advance(struct traffic_tally *t, int64_t now);

// The bin of sending at `now`, to count what was refused, left out or late.
struct traffic_sent_bin *traffic_tally_sending(struct traffic_tally *t, int64_t now);

// `packets` were sent at `now`, numbered on, with so many bytes of payload together.
void traffic_tally_sent(struct traffic_tally *t, uint64_t packets, uint64_t bytes, int64_t now);

// Packet `number` of the stream, with so many bytes of payload, arrived. False when no such one was sent.
bool traffic_tally_arrive(struct traffic_tally *t, uint64_t number, uint32_t bytes, int64_t now);

// The end of the run at `now`: writes everything, the bin that is not over too. What has not arrived is lost.
void traffic_tally_end(struct traffic_tally *t, int64_t now);

// An early end at `now`: packets under way are neither arrived nor lost. The bins that are not over are
// dropped, because they would look like a slow moment.
void traffic_tally_break_off(struct traffic_tally *t, int64_t now);
