// Linux's own qdisc statistics in the terms of ours (sqm/tin_stats.h), so that both can stand side by side.
#pragma once

#include <libmnl/libmnl.h>

#include "kernel/config.h"
#include "sqm/tin_stats.h"

// dp_tin.discipline of a qdisc that has no counterpart among our disciplines (native/record/records.def).
#define MQOE_TINS_OTHER_KIND 255u

struct mqoe_qdisc_tins {
    uint32_t discipline; // enum mqoe_discipline_kind, or MQOE_TINS_OTHER_KIND
    struct mqoe_qdisc_stats qdisc;
    uint32_t count;
    struct mqoe_tin_stats tins[MQOE_MAX_TINS]; // cake: in tc's order (lowest priority first)
};

// Reads a qdisc of `kind` from the nests TCA_STATS2 and TCA_OPTIONS (NULL = not told) of one message of a
// RTM_GETQDISC dump. Every kind but cake has one tin. `rate`: bit/s of whatever shapes above it; a cake with
// a bandwidth of its own says that instead.
//
// cake counts a tin's packets and bytes as they come in, and tells a tin's backlog in bytes only. Delivered
// is what came in without what was dropped and what waits; where several tins wait or drop, packets waiting
// are divided among them by bytes, and bytes dropped by packets and their tin's mean length. With one tin all
// is exact, and so is the sum.
void mqoe_tins_read(const char *kind, const struct nlattr *stats2, const struct nlattr *options,
                    uint64_t rate, struct mqoe_qdisc_tins *to);

// How many tins the queue with most of them has, as configured at start.
uint32_t mqoe_tins_expected(const struct mqoe_kernel_config *c);
