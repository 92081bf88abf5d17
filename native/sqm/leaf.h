// One direction of one client: a shaper, a queue discipline on it, and what they did.
//
// Every frame given in comes back exactly once: delivered by mqoe_leaf_dequeue, in a `dropped` list with its
// cause, or from mqoe_leaf_drain. A leaf sets no timer; it says when it wants to be asked again.
//
//     mqoe_leaf_enqueue(leaf, frame, arrival, &dropped);
//     while ((frame = mqoe_leaf_dequeue(leaf, now, &next_at, &dropped)))
//         send(frame);
//     free(dropped); set_timer(next_at);
#pragma once

#include "sqm/discipline.h"
#include "sqm/framing.h"
#include "sqm/shaper.h"

struct mqoe_leaf_config {
    uint64_t rate; // bit/s at the layer that `framing` accounts; 0 = unlimited
    struct mqoe_framing framing;
    struct mqoe_discipline_config discipline;
};

// What every packet touches comes first and together; the discipline, whose state differs in size, last.
struct mqoe_leaf {
    struct mqoe_shaper shaper;
    struct mqoe_framing framing;
    struct mqoe_sqm_pool *pool;
    struct mqoe_queue_stats stats;
    struct mqoe_histogram histogram; // of the current interval; closed before its first delivery
    uint32_t interval_count;         // deliveries in the current interval
    uint64_t interval_max;           // ns, largest sojourn in it
    struct mqoe_discipline discipline;
};

// Bytes of a leaf, from its start, that a packet touches whatever the discipline (fq_codel's whole state is
// within them).
#define MQOE_LEAF_HOT (offsetof(struct mqoe_leaf, discipline.fq_codel) + sizeof(struct mqoe_fq_codel))

// Sojourn times of the packets delivered since the last call; all 0 when there was none.
struct mqoe_sojourn {
    uint64_t count;
    uint64_t p50, p99; // ns, upper bucket edge and never above max
    uint64_t max;      // ns, exact
};

// Can this run? Returns 0, or −EINVAL with *e saying what is wrong and what is allowed.
int mqoe_leaf_check(const struct mqoe_leaf_config *config, struct mqoe_error *e);

// An empty leaf that draws on `pool`, which must outlive it. Checks the config. Returns 0, −EINVAL or
// −ENOMEM.
int mqoe_leaf_init(struct mqoe_leaf *leaf, const struct mqoe_leaf_config *config, struct mqoe_sqm_pool *pool,
                   uint64_t now, struct mqoe_error *e);

// Changes rate, framing and discipline while running. Queued frames stay, in order per flow, with the
// adjusted length and the arrival time they have; those that a smaller limit no longer holds come back in
// `dropped`. Returns 0; −EINVAL or −ENOMEM with *e filled, and nothing changed.
int mqoe_leaf_change(struct mqoe_leaf *leaf, const struct mqoe_leaf_config *config, uint64_t now,
                     struct mqoe_frame_list *dropped, struct mqoe_error *e);

// Takes a described frame that arrived at `arrival` (ns; may lie a little before `now` of the last dequeue: a
// delay line passes on logical times). Sets its time and shaped_len.
void mqoe_leaf_enqueue(struct mqoe_leaf *leaf, struct mqoe_frame *frame, uint64_t arrival,
                       struct mqoe_frame_list *dropped);

// Returns a frame that may be sent at `now`, with frame->time its logical departure (when the shaped link got
// to it, ≤ now), or NULL. *next_at is when to call again: MQOE_NEVER when nothing is held (and the link is
// done with the last frame), a time ≤ now when more may go at once. Call until NULL or until the output is
// full: while it is full the link counts as late, not idle.
struct mqoe_frame *mqoe_leaf_dequeue(struct mqoe_leaf *leaf, uint64_t now, uint64_t *next_at,
                                     struct mqoe_frame_list *dropped);

// Do the steps pay? While all leaves and queues stay in the second-level cache they cost more than they save:
// 9 of 61 ns for fq_codel's 100 clients with 32 flows.
#define MQOE_PREFETCH_LEAVES 1024u
#define MQOE_PREFETCH_FLOWS  4096u
static inline bool mqoe_leaf_prefetch_pays(const struct mqoe_sqm_pool *pool, uint32_t leaves) {
    return leaves >= MQOE_PREFETCH_LEAVES || pool->fresh_flow + pool->cake.flows.used >= MQOE_PREFETCH_FLOWS;
}

// The first step before either: the leaf itself.
static inline void mqoe_leaf_prefetch(const struct mqoe_leaf *leaf) {
    for (size_t at = 0; at < MQOE_LEAF_HOT; at += 64)
        __builtin_prefetch((const char *)leaf + at, 1);
}

// What mqoe_discipline_prefetch_* do, for the leaf's discipline: the leaf itself must be in the cache.
static inline void mqoe_leaf_prefetch_slot(const struct mqoe_leaf *leaf, const struct mqoe_frame *frame) {
    mqoe_discipline_prefetch_slot(&leaf->discipline, leaf->pool, frame);
}
static inline void mqoe_leaf_prefetch_flow(const struct mqoe_leaf *leaf, const struct mqoe_frame *frame) {
    mqoe_discipline_prefetch_flow(&leaf->discipline, leaf->pool, frame);
}
static inline void mqoe_leaf_prefetch_tail(const struct mqoe_leaf *leaf, const struct mqoe_frame *frame) {
    mqoe_discipline_prefetch_tail(&leaf->discipline, leaf->pool, frame);
}
static inline void mqoe_leaf_prefetch_head(const struct mqoe_leaf *leaf) {
    mqoe_discipline_prefetch_head(&leaf->discipline, leaf->pool);
    // Half of what is spread evenly lies within the largest one's power of two.
    mqoe_histogram_prefetch(&leaf->pool->histograms, &leaf->histogram, leaf->interval_max);
}
static inline void mqoe_leaf_prefetch_first(const struct mqoe_leaf *leaf) {
    mqoe_discipline_prefetch_first(&leaf->discipline, leaf->pool);
}
static inline void mqoe_leaf_prefetch_frame(const struct mqoe_leaf *leaf) {
    mqoe_discipline_prefetch_frame(&leaf->discipline, leaf->pool);
}

// When to call mqoe_leaf_dequeue next, as it would report it; for use after an enqueue. A queue that has run
// empty is asked once more when its last frame has left the link: until then a flow has had its turn and is
// no new one when it sends again; CAKE's queues that have run empty are looked at from time to time until
// their AQM has forgotten. An enqueue may move this time forward: compare, even while a timer is armed.
static inline uint64_t mqoe_leaf_next(const struct mqoe_leaf *leaf) {
    uint64_t linger_at;
    if (leaf->discipline.kind == MQOE_CAKE && !leaf->stats.backlog_packets)
        return mqoe_cake_lingers(&leaf->discipline.cake, &linger_at) ? linger_at : MQOE_NEVER;
    bool waits = leaf->stats.backlog_packets || mqoe_discipline_lingers(&leaf->discipline);
    return waits ? mqoe_shaper_gate(&leaf->shaper) : MQOE_NEVER;
}

// Can an enqueue move that time forward while frames are held? Only where it may raise the rate.
static inline bool mqoe_leaf_hurries(const struct mqoe_leaf *leaf) {
    return leaf->discipline.kind == MQOE_CAKE && leaf->discipline.cake.config.autorate_ingress;
}

// What the discipline reports of itself, and of its tin number `tin` (0 … MQOE_MAX_TINS − 1). The latter is
// false, and nothing written, for a tin that has never seen a frame. Disciplines without tins have one, 0.
void mqoe_leaf_qdisc_stats(const struct mqoe_leaf *leaf, struct mqoe_qdisc_stats *out);
bool mqoe_leaf_tin(const struct mqoe_leaf *leaf, uint32_t tin, struct mqoe_tin_stats *out);

// Ends the current interval: reports it, and gives its histogram back to the pool.
void mqoe_leaf_interval(struct mqoe_leaf *leaf, struct mqoe_sojourn *sojourn);

// Hands over everything that is held (for teardown) and returns what the leaf has of the pool. Only
// mqoe_leaf_init may follow; `stats` can still be read.
void mqoe_leaf_drain(struct mqoe_leaf *leaf, struct mqoe_frame_list *frames);
