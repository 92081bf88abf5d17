// HTB's way of saying how fast: what `tc class add … htb rate R` would send, without its rate tables (no
// kernel since 3.8 looks at them when the link layer is named).
#pragma once

#include <linux/pkt_sched.h>

#include "record/error.h"
#include "sqm/framing.h"

// The kernel's packet scheduler clock, /proc/net/psched.
struct mqoe_psched {
    double ticks_per_us;
    uint32_t hz; // of the timers that shape: 10^9 with high-resolution ones
};

// What is true of every kernel with high-resolution timers; for tests.
#define MQOE_PSCHED_USUAL                                                                                    \
    { .ticks_per_us = 15.625, .hz = 1000000000 }

// Reads the clock of the running kernel. Returns 0 or −errno with *e filled.
int mqoe_psched_read(struct mqoe_psched *p, struct mqoe_error *e);

struct mqoe_htb_class {
    struct tc_htb_opt options;
    uint64_t rate64; // bytes/s where options.rate.rate cannot hold it; else 0
};

// `rate` bit/s, 0 = never limits; ceil is the same. Framing as tc's overhead, mpu and linklayer: HTB counts
// the Ethernet header, so of an overhead over the IP packet 14 bytes are there already. burst and cburst are
// tc's defaults (rate / hz + 1600 bytes), the quantum is the kernel's (r2q 10, 1000 … 200000), named so that
// it does not warn. Returns 0, or −EOPNOTSUPP with *e filled: HTB knows no negative overhead and no PTM; its
// object is `object`.
int mqoe_htb_class(struct mqoe_htb_class *c, uint64_t rate, const struct mqoe_framing *framing,
                   const struct mqoe_psched *psched, const char *object, struct mqoe_error *e);
