// What classify.bpf.c shares with the program that loads it.
#pragma once

// Mark of a packet = MQOE_GUARD_MARK + client: the minor number of its class (kernel/config.h). 0 = not ours.
#define MQOE_GUARD_MARK 0x10

// Indexes of the per-CPU counters.
enum {
    GUARD_UNCLASSIFIED, // entered, but is not between a client and a server, or cannot be forwarded: dropped
    GUARD_OWN,          // made by this namespace's own stack (MLD, ICMP errors): swallowed, never sent
    GUARD_COUNTERS,
};

// Per client and direction (index: client × 2 + direction, 0 = down), where no qdisc counts.
struct guard_passed {
    unsigned long long packets, bytes; // bytes: whole frames
};
