// One queue with a packet limit under COBALT, CAKE's AQM, and so what CAKE does to a single flow
// (reference/algorithms.md §1.8). Linux has no qdisc of that name; the out-of-tree sch_cobalt is close.
#pragma once

#include "record/error.h"
#include "sqm/cobalt.h"
#include "sqm/queue_stats.h"
#include "sqm/shaper.h"

struct mqoe_cobalt_config {
    uint64_t target, interval; // ns; four frames' time at the shaper's rate is never too long a wait
    uint32_t limit;            // packets, ≥ 1
    uint32_t mtu;              // largest frame, bytes (layer 2)
    bool ecn;
    bool corrected_start; // see cobalt.h
};

struct mqoe_cobalt_fifo {
    struct mqoe_frame_list frames;
    struct mqoe_cobalt_params params; // mtu_time is set at each dequeue: the shaper's rate may change
    struct mqoe_cobalt cobalt;
    uint64_t empty_since; // ns
    uint32_t bytes, limit, mtu;
    bool unresponsive; // BLUE is at work
};

int mqoe_cobalt_fifo_check(const struct mqoe_cobalt_config *config, struct mqoe_error *e);
void mqoe_cobalt_fifo_init(struct mqoe_cobalt_fifo *q, const struct mqoe_cobalt_config *config);
// Takes over all settings but the start; what a smaller limit no longer holds is dropped from the head.
void mqoe_cobalt_fifo_set(struct mqoe_cobalt_fifo *q, const struct mqoe_cobalt_config *config,
                          struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
// A full queue loses its head and takes the newcomer, as CAKE's fattest queue does.
void mqoe_cobalt_fifo_enqueue(struct mqoe_cobalt_fifo *q, struct mqoe_frame *frame,
                              struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
// `random` is for BLUE.
struct mqoe_frame *mqoe_cobalt_fifo_dequeue(struct mqoe_cobalt_fifo *q, const struct mqoe_shaper *shaper,
                                            uint64_t now, struct mqoe_random *random,
                                            struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
