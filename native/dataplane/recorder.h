// The dataplane's records: ten times a second one per client and direction and one per reactor, every second
// one per tin that has seen traffic, into memfd segments.
#pragma once

#include "dataplane/engine.h"
#include "record/segment.h"

#define MQOE_RECORD_INTERVAL 100000000u  // ns
#define MQOE_TIN_INTERVAL    1000000000u // ns

// Records of all circuits, written in parts.
struct mqoe_record_set {
    uint64_t interval; // ns
    uint64_t due;      // of the next set
    uint32_t written;  // circuits of the current set that are written; all = between two sets
    uint64_t step_due; // of the next part of the current set
};

struct mqoe_recorder {
    struct mqoe_segment clients, reactor, tins;
    struct mqoe_record_set client_set, tin_set;
    char writer[32];  // "dataplane-0"
    bool running;     // `go` was said
    uint64_t t0;      // CLOCK_MONOTONIC ns; `time` in every record is relative to it
    uint64_t wakeups; // of the reactor; the reactor counts them here
};

// Creates the segments, for what the circuits of `engine` (already built) may record. Returns 0 or −errno
// with *e filled.
int mqoe_recorder_open(struct mqoe_recorder *r, const struct mqoe_engine *engine, struct mqoe_error *e);
void mqoe_recorder_close(struct mqoe_recorder *r);

// Starts the records; the first sets are due at t0.
void mqoe_recorder_go(struct mqoe_recorder *r, const struct mqoe_engine *e, uint64_t t0, uint64_t now);

// Writes what is due at `now`, at most a few hundred records per call, so that 20,000 of them never hold up
// the loop for a millisecond. `cpu`: the reactor's CPU time so far, ns. Returns when to call again.
uint64_t mqoe_recorder_run(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu);

// Writes one last whole set of each kind, whatever is due: the recording ends with the same totals as the
// accounting.
void mqoe_recorder_finish(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu);
