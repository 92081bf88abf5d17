// How frames leave our shaper: the two halves of the bench's part "gaps".
#pragma once

#include "bench/bench.h"
#include "bench/departures.h"
#include "sqm/leaf.h"

// What is set: a plan that accounts Ethernet on the wire, as most do.
#define MQOE_GAPS_FRAMING                                                                                    \
    (struct mqoe_framing) {                                                                                  \
        .base = MQOE_FRAMING_IP, .overhead = 38, .mpu = 84                                                   \
    }
#define MQOE_GAPS_FRAME 1514u // bytes, layer 2
#define MQOE_GAPS_FLOWS 4u

struct mqoe_gaps_row {
    uint64_t rate; // bit/s
    const char *discipline;
};

// ns that one frame takes at `rate`, with the framing.
double mqoe_gaps_frame_ns(uint64_t rate);
// Frames per second that keep the queue from running empty.
double mqoe_gaps_offered(uint64_t rate);

// On the memory port: `seconds` of virtual time. Returns 0, or −errno with *e filled.
int mqoe_gaps_memory(const struct mqoe_gaps_row *row, double seconds, struct mqoe_departures *out,
                     struct mqoe_error *e);

// Through AF_XDP and veth, stamped by the receiving kernel.
struct mqoe_gaps_live;
struct mqoe_gaps_lateness {
    uint64_t timer;      // ns, the latest that the reactor served a timer
    double cpu;          // of one CPU, the reactor's thread
    double wakeups;      // per second
    double idle;         // share of the looks at the queue that found the link with nothing to do
    const char *invalid; // why the figures say nothing of the shaper; NULL: they do
};
int mqoe_gaps_live_open(struct mqoe_gaps_live **live, struct mqoe_error *e);
int mqoe_gaps_live_run(struct mqoe_gaps_live *live, const struct mqoe_gaps_row *row, double seconds,
                       struct mqoe_departures *out, struct mqoe_gaps_lateness *lateness,
                       struct mqoe_error *e);
void mqoe_gaps_live_close(struct mqoe_gaps_live *live); // NULL: nothing
