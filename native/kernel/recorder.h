// The kernel dataplane's 10 Hz records: dp_client and dp_reactor, as writer "dataplane-0".
#pragma once

#include "kernel/counters.h"
#include "record/segment.h"

#define MQOE_KERNEL_WRITER   "dataplane-0"
#define MQOE_KERNEL_INTERVAL UINT64_C(100000000) // ns

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
    struct mqoe_segment clients, reactor;
    struct mqoe_kernel_bill *bills; // as mqoe_kernel_counters.queues; NULL before it was opened
    bool running;                   // `go` was said
    uint64_t t0, due;               // CLOCK_MONOTONIC ns; `time` in every record is relative to t0
    uint64_t wakeups;               // of the process
};

// Creates both segments. Returns 0 or −errno with *e filled.
int mqoe_kernel_recorder_open(struct mqoe_kernel_recorder *r, uint32_t queues, struct mqoe_error *e);
void mqoe_kernel_recorder_close(struct mqoe_kernel_recorder *r);

// Starts the records; the first set is due at t0, or at its next multiple when that has passed.
void mqoe_kernel_recorder_go(struct mqoe_kernel_recorder *r, uint64_t t0, uint64_t now);

// Writes a set from reader->now, as of `now`, and sets when the next one is due: what could not be written in
// time is left out, not made up for.
void mqoe_kernel_recorder_write(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader,
                                uint64_t now, uint64_t cpu);

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
