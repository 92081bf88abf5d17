// Indexes of the per-CPU counters of redirect.bpf.c, shared with the program that reads them.
#pragma once

enum {
    COUNT_IN,        // unicast frames that endpoints sent, seen at their ports
    COUNT_TO_TRUNK,  // of these: redirected to a trunk
    COUNT_TO_PORT,   // frames from a trunk redirected to a port
    COUNT_CONTROL,   // ARP, ND, MLD, multicast, broadcast, link-local, not IP: dropped, never forwarded
    COUNT_UNMATCHED, // unicast without a shard or a port: dropped
    COUNT_DELIVERED, // frames that reached an endpoint's stub
    COUNTERS,
};
