// The parts of `mqoe-native bench`. Each returns its results as JSON (a new reference), or NULL with *e
// filled, and prints a readable table to `table`.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record/clock.h"
#include "record/error.h"

struct mqoe_bench {
    bool quick; // a smoke test of the bench itself: short rounds, few clients
    FILE *table;
    uint32_t clients, flows, frame; // of the part sqm: only this cell of its table; 0 = all
};

// Nanoseconds per packet of the queue disciplines alone: enqueue and dequeue.
json_t *mqoe_bench_sqm(const struct mqoe_bench *b, struct mqoe_error *e);
// Nanoseconds per packet of the whole loop on memory ports: parse, classify, queue, timers.
json_t *mqoe_bench_loop(const struct mqoe_bench *b, struct mqoe_error *e);
// Nanoseconds per packet of a shaper tree of 10, 1,000 and 10,000 leaves.
json_t *mqoe_bench_tree(const struct mqoe_bench *b, struct mqoe_error *e);
// Bytes that a client costs, unused, busy and idle again, by discipline.
json_t *mqoe_bench_memory(const struct mqoe_bench *b, struct mqoe_error *e);
// Frames per second through AF_XDP on two veth trunks, with fq_codel and as a bare forwarder, interleaved.
json_t *mqoe_bench_forward(const struct mqoe_bench *b, struct mqoe_error *e);
// Rate, gaps and bursts of what leaves the shaper: on a virtual clock and live, 1 Mbit/s … 1 Gbit/s.
json_t *mqoe_bench_gaps(const struct mqoe_bench *b, struct mqoe_error *e);
// Milliseconds per client to build and to tear down a lab, against a bare namespace with a veth pair.
json_t *mqoe_bench_lab(const struct mqoe_bench *b, struct mqoe_error *e);

// Median of `count` values; sorts them.
double mqoe_bench_median(double *values, unsigned count);
