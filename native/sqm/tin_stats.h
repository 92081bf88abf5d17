// What a discipline reports of each of its priority classes, with the names of `tc -s qdisc`. Disciplines
// without tins report one, and zeros for what they do not have.
#pragma once

#include <stdint.h>

#define MQOE_MAX_TINS 8u

struct mqoe_tin_stats {
    uint64_t threshold;                             // bit/s; 0 = none
    uint64_t target, interval;                      // ns, in force
    uint64_t delay_peak, delay_average, delay_base; // ns, moving averages (algorithms.md §1.7)
    uint64_t out_packets, out_bytes;                // delivered; frame bytes
    uint64_t drops, marks, ack_drops;               // cumulative; drops without ack_drops
    uint64_t way_hits, way_misses, way_collisions;  // of the set-associative hash: way_indirect_hits …
    uint32_t backlog_packets, backlog_bytes;
    uint32_t sparse_flows, bulk_flows, decaying_flows, unresponsive_flows; // fq_codel: new, old, 0, 0
    uint32_t max_len;                                                      // bytes, largest frame seen
    uint32_t quantum;                                                      // bytes
    uint64_t new_flow_count; // fq_codel: how often a flow became a new one; cumulative
};

// Of the whole instance.
struct mqoe_qdisc_stats {
    uint64_t memory_used, memory_limit; // bytes; each frame counts MQOE_FRAME_MEMORY
    uint64_t capacity_estimate;         // bit/s of autorate-ingress; else the shaper's rate, 0 = unlimited
    uint64_t drop_overlimit;            // packets dropped for lack of room
    uint32_t tins;                      // how many tins the mode has
};
