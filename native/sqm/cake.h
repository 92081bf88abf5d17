// CAKE (reference/algorithms.md §1; sch_cake.c): priority tins, an 8-way set-associative flow hash, host
// isolation, DRR++ and COBALT. The rate is the leaf's shaper, which CAKE also charges for drops in ingress
// mode; without a rate the tins share by weighted round robin.
#pragma once

#include "packet/random.h"
#include "sqm/ack_filter.h"
#include "sqm/cobalt.h"
#include "sqm/pool.h"
#include "sqm/queue_stats.h"
#include "sqm/shaper.h"
#include "sqm/tin_stats.h"

enum mqoe_cake_tins {
    MQOE_CAKE_BESTEFFORT,
    MQOE_CAKE_PRECEDENCE,
    MQOE_CAKE_DIFFSERV3,
    MQOE_CAKE_DIFFSERV4,
    MQOE_CAKE_DIFFSERV8,
};

// What shares fairly: bits, as in Linux.
enum mqoe_cake_isolation {
    MQOE_CAKE_FLOWBLIND = 0,
    MQOE_CAKE_SRCHOST = 1,
    MQOE_CAKE_DSTHOST = 2,
    MQOE_CAKE_HOSTS = 3,
    MQOE_CAKE_FLOWS = 4,
    MQOE_CAKE_DUAL_SRCHOST = 5,
    MQOE_CAKE_DUAL_DSTHOST = 6,
    MQOE_CAKE_TRIPLE_ISOLATE = 7,
};

struct mqoe_cake_config {
    enum mqoe_cake_tins tins;
    enum mqoe_cake_isolation isolation;
    enum mqoe_ack_filter ack_filter;
    uint64_t rtt;          // ns: COBALT's interval; its target is a twentieth
    uint64_t memory_limit; // bytes; 0 = 4 × the bandwidth-delay product, at least 4 MiB (§1.10)
    uint32_t mtu;          // largest frame, bytes (layer 2)
    bool wash;             // clear the DSCP after classification
    bool ingress;          // drops cost rate too
    bool autorate_ingress; // estimate the rate from what arrives (§1.11); the leaf's rate is where it starts
    bool corrected_start;  // see cobalt.h
};
