// Plain CoDel (RFC 8289; sch_codel): one queue with a packet limit under the control law of codel.h.
#pragma once

#include "record/error.h"
#include "sqm/codel.h"

struct mqoe_codel_config {
    uint64_t target, interval; // ns
    int64_t ce_threshold;      // ns of sojourn above which ECT packets are marked; −1 = off
    uint32_t limit;            // packets, ≥ 1
    uint32_t mtu;              // largest frame, bytes (layer 2): a backlog of one is left alone
    bool ecn;
};

struct mqoe_codel_fifo {
    struct mqoe_frame_list frames;
    struct mqoe_codel_params params;
    struct mqoe_codel codel;
    uint32_t bytes, limit;
    uint64_t last; // ns, of the last dequeue
};

// The times that every CoDel takes, by the discipline's `name`. Returns 0, or −EINVAL with *e filled.
int mqoe_codel_check_times(const char *name, uint64_t target, uint64_t interval, int64_t ce_threshold,
                           struct mqoe_error *e);
int mqoe_codel_fifo_check(const struct mqoe_codel_config *config, struct mqoe_error *e);
void mqoe_codel_fifo_init(struct mqoe_codel_fifo *q, const struct mqoe_codel_config *config);
// Takes over all settings; what a smaller limit no longer holds is dropped from the head, as in Linux.
void mqoe_codel_fifo_set(struct mqoe_codel_fifo *q, const struct mqoe_codel_config *config,
                         struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
// A full queue refuses the newcomer.
void mqoe_codel_fifo_enqueue(struct mqoe_codel_fifo *q, struct mqoe_frame *frame,
                             struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
struct mqoe_frame *mqoe_codel_fifo_dequeue(struct mqoe_codel_fifo *q, uint64_t now,
                                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
