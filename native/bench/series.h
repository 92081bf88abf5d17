// What one figure of the bench is made of: the mean cost per packet of many batches. A single packet cannot
// be timed (reading the clock costs more than it), so a percentile here is one of batch means: it shows the
// batches that met cold caches, reclaimed flows or a growing table, not the single slowest packet.
#pragma once

#include <jansson.h>
#include <stdint.h>

#define MQOE_SERIES_BATCH 256u // packets timed together

struct mqoe_series {
    double *values; // ns per packet
    unsigned count, capacity;
};

struct mqoe_summary {
    double p5, median, p99; // ns per packet; 0 without values
};

// Adds the mean of `packets` that took `ns` of CPU time, timed in `parts`: what reading the clock so often
// costs is taken off.
void mqoe_series_add(struct mqoe_series *s, uint64_t ns, unsigned parts, uint64_t packets);
// Sorts the values; nearest rank.
struct mqoe_summary mqoe_series_summary(struct mqoe_series *s);
void mqoe_series_free(struct mqoe_series *s);

// CPU time of this thread, ns: what other processes do meanwhile is not in it, what they do to the caches is.
uint64_t mqoe_series_clock(void);
