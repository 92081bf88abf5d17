// TCA_STATS2 of one qdisc: what all count, and what each counts in a struct of its own.
#pragma once

#include <jansson.h>
#include <libmnl/libmnl.h>
#include <linux/gen_stats.h>

#include "kernel/counters.h"

// The nest TCA_STATS2 taken apart.
struct mqoe_xstats {
    struct gnet_stats_basic basic;
    struct gnet_stats_queue queue;
    uint64_t packets64;       // 0 = the kernel has it not
    const struct nlattr *app; // what only this kind has; points into the message
};

struct mqoe_xstats mqoe_xstats_split(const struct nlattr *stats2);

// Reads the nest TCA_STATS2 of a qdisc of `kind`. Which of its drops are the AQM's: fq_codel and codel count
// those at a limit apart; dualpi2 counts them as overlimits; cake does not tell its AQM's drops and those of
// a full buffer apart in what it reports, so all are the AQM's, and those of its ACK filter are told besides
// (ack_drops); of FIFOs, and shapers with a FIFO, all are overflow; of any other kind all are the AQM's.
void mqoe_xstats_read(const char *kind, const struct nlattr *stats2, struct mqoe_queue_count *to);

// Adds to `into` what `tc -s qdisc show` shows besides, under tc's names.
void mqoe_xstats_describe(const char *kind, const struct nlattr *stats2, json_t *into);
