// What classify.bpf.c shares with the program that loads it.
#pragma once

// Mark of a packet = MQOE_GUARD_MAGIC in the upper half, the minor number of its class (MQOE_GUARD_MINOR +
// client, see kernel/config.h) in the lower. A mark of 0 would not do to tell what is not ours: MLD and IGMP
// reports leave a buffer size in the field.
#define MQOE_GUARD_MAGIC 0x6d71u
#define MQOE_GUARD_MINOR 0x10u

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
