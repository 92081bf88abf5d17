// The kernel dataplane's 10 Hz records: dp_client and dp_reactor, and every second dp_tin, as writer
// "dataplane-0".
#pragma once

#include "kernel/counters.h"
#include "record/segment.h"

#define MQOE_KERNEL_WRITER   "dataplane-0"
#define MQOE_KERNEL_INTERVAL UINT64_C(100000000)  // ns
#define MQOE_KERNEL_TINS     UINT64_C(1000000000) // ns, between two sets of dp_tin

// What one queue's packets have cost so far. Qdiscs count packets and bytes, not what a plan's framing makes
// of them, nor how long the dropped ones were: both are added up interval by interval, so that they only
// grow.
struct mqoe_kernel_bill {
    uint64_t packets, bytes, drops; // the qdisc's counters up to which all is billed
    uint64_t shaped_bytes;          // of what left
    uint64_t dropped_bytes;         // estimate
    uint64_t in_bytes;              // estimate
};

struct mqoe_kernel_recorder {
    struct mqoe_segment clients, reactor, tins;
    struct mqoe_kernel_bill *bills; // as mqoe_kernel_counters.queues; NULL before it was opened
    bool running;                   // `go` was said
    uint64_t t0, due;               // CLOCK_MONOTONIC ns; `time` in every record is relative to t0
    uint64_t tins_due;
    int64_t tins_time; // `time` of the set of dp_tin that is being written
    uint64_t wakeups;  // of the process
};

// Creates the segments; `tins`: as many as a queue may have (mqoe_tins_expected). Returns 0 or −errno with *e
// filled.
int mqoe_kernel_recorder_open(struct mqoe_kernel_recorder *r, uint32_t queues, uint32_t tins,
                              struct mqoe_error *e);
void mqoe_kernel_recorder_close(struct mqoe_kernel_recorder *r);

// Starts the records; the first set is due at t0, or at its next multiple when that has passed.
void mqoe_kernel_recorder_go(struct mqoe_kernel_recorder *r, uint64_t t0, uint64_t now);

// Writes a set from reader->now, as of `now`, and sets when the next one is due: what could not be written in
// time is left out, not made up for.
void mqoe_kernel_recorder_write(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader,
                                uint64_t now, uint64_t cpu);

// Reads the counters and, when a set of dp_tin is due or it is the `last` one, writes that: a record for each
// tin that has seen traffic, out of the same dump. Returns 0 or −errno with *e filled.
// mqoe_kernel_recorder_write is to follow.
int mqoe_kernel_recorder_read(struct mqoe_kernel_recorder *r, struct mqoe_kernel_reader *reader, uint64_t now,
                              bool last, struct mqoe_error *e);

// Bills what reader->now has counted with the framing in force: to be called before a plan's framing changes,
// with counters that were read just now. Nothing when the recorder is not open.
void mqoe_kernel_recorder_settle(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader);

// Adds what a queue has counted since the last time. What left costs what `framing` says; what was dropped is
// taken to be as long as the mean of what left meanwhile, or else of all that left, or else of what waits.
void mqoe_kernel_bill_settle(struct mqoe_kernel_bill *b, const struct mqoe_framing *framing,
                             const struct mqoe_queue_count *q);

// Bytes that packets cost the link as the plan accounts them. Exact without cells and mpu, where the cost is
// linear, and for packets of one length; otherwise every packet is taken to be as long as their mean.
uint64_t mqoe_kernel_shaped_bytes(const struct mqoe_framing *framing, uint64_t packets, uint64_t bytes);
