// DualPI2 (RFC 9332) as Linux's sch_dualpi2 (reference/algorithms.md §5): a low-latency queue for L4S traffic
// beside a classic one. One PI controller of the queues' delay gives a base probability p'; classic packets
// are signalled with p'², L4S ones with k · p', which is what makes a scalable and a classic flow share
// equally. The L4S queue has a step of its own, and a weighted round robin serves it first but leaves the
// classic queue a share.
//
// Linux updates p' by a timer. Here nothing runs by itself: each call first makes the updates that were due
// since the last one. What stood in the queues has not changed in between, so each sees what the timer would
// have seen at its time.
//
// Linux has filters that put packets into either queue whatever their ECN field, and a class LLLL that is
// never signalled. There are none here, so what is in the L4S queue is always ECN-capable.
#pragma once

#include "packet/random.h"
#include "record/error.h"
#include "sqm/queue_stats.h"

enum mqoe_dualpi2_ecn { // bits of the ECN field that mean L4S
    MQOE_DUALPI2_NONE = 0,
    MQOE_DUALPI2_L4S = 1, // ECT(1) and CE
    MQOE_DUALPI2_ANY = 3,
};

struct mqoe_dualpi2_config {
    uint32_t limit;           // packets in both queues, ≥ 1
    uint64_t memory_limit;    // bytes; each frame counts MQOE_FRAME_MEMORY
    uint64_t target, tupdate; // ns: delay aimed at, and how often p' is updated (1 us … 60 s)
    uint32_t alpha, beta;     // gains in 1/256 Hz, ≥ 1: 41 (0.16 Hz) and 819 (3.2 Hz) by default
    uint32_t step_threshold; // ns of sojourn, or packets in the L4S queue, above which its packets are marked
    bool step_in_packets;
    uint32_t min_qlen_step;     // packets that the L4S queue must hold on arrival for the step to apply
    uint8_t coupling;           // k, 1 … 255
    uint8_t classic_protection; // per cent of the link that are the classic queue's at least, 0 … 100
    enum mqoe_dualpi2_ecn ecn_mask;
    bool drop_on_overload; // when k · p' > 1 L4S packets are dropped too; else p' stays below 1/k
    bool drop_early;       // decide on arrival, not on departure
    uint32_t mtu;          // largest frame, bytes (layer 2): a backlog below two is left alone
};

struct mqoe_dualpi2_queue {
    struct mqoe_frame_list frames;
    uint32_t bytes, packets;
};

struct mqoe_dualpi2 {
    struct mqoe_dualpi2_queue classic, l4s;
    uint64_t next_update; // ns; 0 before the first frame
    uint64_t last_delay;  // ns, at the last update
    uint64_t target, tupdate, step_threshold;
    uint32_t probability;            // p', of 2^32
    uint32_t proportional, integral; // β and α, of 2^32 per ns << 6
    int32_t credit;                  // of the classic queue: above 0 it is served
    uint32_t limit, min_qlen_step, mtu;
    uint8_t coupling, protection;
    uint8_t ecn_mask;
    bool step_in_packets, drop_on_overload, drop_early;
};

int mqoe_dualpi2_check(const struct mqoe_dualpi2_config *config, struct mqoe_error *e);
void mqoe_dualpi2_init(struct mqoe_dualpi2 *q, const struct mqoe_dualpi2_config *config);
// Takes over all settings; frames stay in the queue they are in. What a smaller limit no longer holds is
// dropped from the head, of the classic queue first, as in Linux.
void mqoe_dualpi2_set(struct mqoe_dualpi2 *q, const struct mqoe_dualpi2_config *config,
                      struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
// `random` decides on signals.
void mqoe_dualpi2_enqueue(struct mqoe_dualpi2 *q, struct mqoe_frame *frame, struct mqoe_random *random,
                          struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
struct mqoe_frame *mqoe_dualpi2_dequeue(struct mqoe_dualpi2 *q, uint64_t now, struct mqoe_random *random,
                                        struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);
// Hands over all frames.
void mqoe_dualpi2_drain(struct mqoe_dualpi2 *q, struct mqoe_queue_stats *stats,
                        struct mqoe_frame_list *frames);

// The controller by itself: p' after an update that finds a delay of `delay` ns and found `last` before.
uint32_t mqoe_dualpi2_update(const struct mqoe_dualpi2 *q, uint64_t delay, uint64_t last);
