// When equal frames left a shaper: their rate, the gaps between them, and how far they ever ran ahead of it.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define MQOE_GAP_BUCKETS 9u

struct mqoe_departures {
    uint64_t *at; // ns
    uint32_t count, capacity;
};

struct mqoe_gaps {
    uint32_t frames;
    double rate_error;           // of the rate that the frame time stands for: 0.001 is 0.1 % too fast
    double p1, median, p99, max; // ns
    double burst;                // frames: the smallest token bucket at that rate that all departures fit
    uint32_t together;           // frames: the longest run with gaps below half a frame time
    uint32_t below_half;         // gaps below half a frame time
    uint32_t buckets[MQOE_GAP_BUCKETS];
};

// Adds a departure; without memory, and below 2^32, it is left out and false returned.
bool mqoe_departures_add(struct mqoe_departures *d, uint64_t at);
void mqoe_departures_clear(struct mqoe_departures *d); // keeps the memory
void mqoe_departures_free(struct mqoe_departures *d);

// Sorts the departures and describes them. `frame_ns` is the time of one frame at the rate. All 0 below two
// departures.
struct mqoe_gaps mqoe_gaps_measure(struct mqoe_departures *d, double frame_ns);

// The figures under the names that build/bench.json has; gaps in frame times.
json_t *mqoe_gaps_json(const struct mqoe_gaps *g, double frame_ns);
