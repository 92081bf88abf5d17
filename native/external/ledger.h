// Frame accounting of a dataplane that tells nothing: from what went into it and what came out. Pure: time is
// an argument.
//
// A frame that is missing is held or dropped, and from outside the two look alike. Once nothing has left for
// a while, what is still missing is taken for dropped; until then it counts as held.
#pragma once

#include "external/counters.h"

#define MQOE_LEDGER_QUIET INT64_C(300000000) // ns: a full frame every 300 ms is 40 kbit/s

struct mqoe_ledger {
    struct mqoe_link_counters base[2], last[2]; // by enum mqoe_external_side
    uint64_t dropped;
    uint64_t out;
    int64_t moved; // ns: when `out` last did, or nothing was missing whose fate is open
};

struct mqoe_ledger_sums { // frames
    uint64_t in, out;     // in = out + dropped + held, unless the command makes frames of its own
    uint64_t dropped;     // by the command
    uint64_t held;
};

// Counts from `counters` on.
void mqoe_ledger_begin(struct mqoe_ledger *l, const struct mqoe_link_counters counters[2], int64_t now);

// Takes newer counters in.
void mqoe_ledger_update(struct mqoe_ledger *l, const struct mqoe_link_counters counters[2], int64_t now);

// The command is gone: nothing is held any more.
void mqoe_ledger_close(struct mqoe_ledger *l);

struct mqoe_ledger_sums mqoe_ledger_sum(const struct mqoe_ledger *l);

// Frames received and sent at one side.
uint64_t mqoe_ledger_received(const struct mqoe_ledger *l, int side);
uint64_t mqoe_ledger_sent(const struct mqoe_ledger *l, int side);
