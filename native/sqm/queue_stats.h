// What a queue counts, in the terms of native/record/records.def (dp_client). Cumulative, but for the
// backlog.
#pragma once

#include "packet/frame.h"

struct mqoe_queue_stats {
    uint64_t in_packets, in_bytes;   // offered; bytes are frame bytes
    uint64_t out_packets, out_bytes; // delivered
    uint64_t out_shaped_bytes;       // delivered, as the framing accounts them
    uint64_t drop_aqm, drop_overflow;
    uint64_t drop_ack;      // of drop_aqm: ACKs that a newer one made redundant
    uint64_t drop_oversize; // of drop_overflow: larger than the queue was configured for (CAKE's mtu)
    uint64_t marks;
    uint64_t sojourn_sum; // ns, of delivered packets
    uint32_t backlog_packets, backlog_bytes;
    uint32_t max_len; // bytes, largest frame offered
};

// Puts a frame into one of the queues that `stats` sums up; `bytes` is that queue's backlog.
static inline void mqoe_queue_push(struct mqoe_frame_list *frames, uint32_t *bytes, struct mqoe_frame *frame,
                                   struct mqoe_queue_stats *stats) {
    mqoe_frame_list_push(frames, frame);
    *bytes += frame->len;
    stats->backlog_packets++;
    stats->backlog_bytes += frame->len;
}

// Takes the oldest frame out again; NULL when there is none.
static inline struct mqoe_frame *mqoe_queue_pop(struct mqoe_frame_list *frames, uint32_t *bytes,
                                                struct mqoe_queue_stats *stats) {
    struct mqoe_frame *frame = mqoe_frame_list_pop(frames);
    if (frame) {
        *bytes -= frame->len;
        stats->backlog_packets--;
        stats->backlog_bytes -= frame->len;
    }
    return frame;
}

// Accounts a frame that leaves the queue undelivered and gives it back.
static inline void mqoe_queue_drop(struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped,
                                   struct mqoe_frame *frame, enum mqoe_drop_cause cause) {
    if (cause == MQOE_DROP_AQM)
        stats->drop_aqm++;
    else
        stats->drop_overflow++;
    mqoe_frame_drop(dropped, frame, cause);
}
