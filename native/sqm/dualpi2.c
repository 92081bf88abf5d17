#include "sqm/dualpi2.h"

#include <errno.h>
#include <inttypes.h>

#include "packet/ecn.h"

#define MAX_PROBABILITY UINT32_MAX
#define GRANULARITY     6 // bits of fraction that the gains carry
#define MAX_MTU         65535u
#define MAX_TIME        UINT64_C(60000000000)
#define MIN_TUPDATE     UINT64_C(1000)  // ns
#define MAX_GAIN        (65535u * 256u) // 65,535 Hz, as tc

static int check_times(const struct mqoe_dualpi2_config *c, struct mqoe_error *e) {
    if (!c->target || c->target > MAX_TIME)
        return mqoe_fail(e, EINVAL, "dualpi2", "1 ns … 60 s", "target %" PRIu64 " ns", c->target);
    if (c->tupdate < MIN_TUPDATE || c->tupdate > MAX_TIME)
        return mqoe_fail(e, EINVAL, "dualpi2", "1 us … 60 s", "tupdate %" PRIu64 " ns", c->tupdate);
    if (!c->alpha || c->alpha > MAX_GAIN || !c->beta || c->beta > MAX_GAIN)
        return mqoe_fail(e, EINVAL, "dualpi2", "1 … 16,776,960, in 1/256 Hz", "alpha %u, beta %u", c->alpha,
                         c->beta);
    return 0;
}

int mqoe_dualpi2_check(const struct mqoe_dualpi2_config *c, struct mqoe_error *e) {
    int error = check_times(c, e);
    if (error)
        return error;
    if (!c->limit)
        return mqoe_fail(e, EINVAL, "dualpi2", "at least 1 packet", "limit 0");
    if (c->memory_limit < MQOE_FRAME_MEMORY)
        return mqoe_fail(e, EINVAL, "dualpi2", "at least one frame's memory, 2,048 bytes",
                         "memory limit %" PRIu64, c->memory_limit);
    if (!c->mtu || c->mtu > MAX_MTU)
        return mqoe_fail(e, EINVAL, "dualpi2", "1 … 65,535 bytes; 1514 for Ethernet", "mtu %u", c->mtu);
    if (!c->coupling)
        return mqoe_fail(e, EINVAL, "dualpi2", "1 … 255", "coupling 0");
    if (c->classic_protection > 100)
        return mqoe_fail(e, EINVAL, "dualpi2", "0 … 100 per cent", "classic protection %u",
                         c->classic_protection);
    if (c->ecn_mask != MQOE_DUALPI2_NONE && c->ecn_mask != MQOE_DUALPI2_L4S &&
        c->ecn_mask != MQOE_DUALPI2_ANY)
        return mqoe_fail(e, EINVAL, "dualpi2", "0 (none), 1 (l4s) or 3 (any)", "ecn mask %d",
                         (int)c->ecn_mask);
    return 0;
}

// A gain as Linux stores it: probability (of 2^32) per ns, with GRANULARITY bits of fraction, truncated.
static uint32_t scale_gain(uint32_t gain) {
    return (uint32_t)(((uint64_t)gain * MAX_PROBABILITY >> (8 - GRANULARITY)) / 1000000000u);
}

static void configure(struct mqoe_dualpi2 *q, const struct mqoe_dualpi2_config *c) {
    // Each frame costs the same memory, so the memory limit is another packet limit.
    uint64_t frames = c->memory_limit / MQOE_FRAME_MEMORY;
    q->limit = frames < c->limit ? (uint32_t)frames : c->limit;
    q->target = c->target;
    q->tupdate = c->tupdate;
    q->integral = scale_gain(c->alpha);
    q->proportional = scale_gain(c->beta);
    q->step_threshold = c->step_threshold;
    q->step_in_packets = c->step_in_packets;
    q->min_qlen_step = c->min_qlen_step;
    q->coupling = c->coupling;
    q->protection = c->classic_protection;
    q->ecn_mask = (uint8_t)c->ecn_mask;
    q->drop_on_overload = c->drop_on_overload;
    q->drop_early = c->drop_early;
    q->mtu = c->mtu;
}

void mqoe_dualpi2_init(struct mqoe_dualpi2 *q, const struct mqoe_dualpi2_config *c) {
    *q = (struct mqoe_dualpi2){0};
    configure(q, c);
}

// ---- the two queues ----

static void push(struct mqoe_dualpi2_queue *to, struct mqoe_frame *frame, struct mqoe_queue_stats *stats) {
    mqoe_queue_push(&to->frames, &to->bytes, frame, stats);
    to->packets++;
}

static struct mqoe_frame *pop(struct mqoe_dualpi2_queue *from, struct mqoe_queue_stats *stats) {
    struct mqoe_frame *frame = mqoe_queue_pop(&from->frames, &from->bytes, stats);
    if (frame)
        from->packets--;
    return frame;
}

static uint64_t age(const struct mqoe_frame *frame, uint64_t now) {
    return frame && now > frame->time ? now - frame->time : 0;
}

void mqoe_dualpi2_set(struct mqoe_dualpi2 *q, const struct mqoe_dualpi2_config *c,
                      struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    configure(q, c);
    while (stats->backlog_packets > q->limit) {
        struct mqoe_frame *frame = pop(q->classic.packets ? &q->classic : &q->l4s, stats);
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_OVERFLOW);
    }
}

void mqoe_dualpi2_drain(struct mqoe_dualpi2 *q, struct mqoe_queue_stats *stats,
                        struct mqoe_frame_list *frames) {
    struct mqoe_frame *frame;
    while ((frame = pop(&q->l4s, stats)) || (frame = pop(&q->classic, stats))) {
        frame->cause = MQOE_DROP_NONE;
        mqoe_frame_list_push(frames, frame);
    }
}

// ---- the PI controller ----

static uint32_t highest(const struct mqoe_dualpi2 *q) {
    return q->drop_on_overload ? MAX_PROBABILITY : MAX_PROBABILITY / q->coupling;
}

uint32_t mqoe_dualpi2_update(const struct mqoe_dualpi2 *q, uint64_t delay, uint64_t last) {
    __int128 integral = ((__int128)delay - q->target) * q->integral;
    __int128 change = integral + ((__int128)delay - last) * q->proportional;
    // Towards 0 in both directions, as Linux divides the magnitude.
    change /= 1 << GRANULARITY;
    __int128 p = q->probability + change;
    if (p < 0)
        return 0;
    return p > highest(q) ? highest(q) : (uint32_t)p;
}

// The updates of a rest, during which the delay is 0: after the first each takes the same off p'.
static void rest(struct mqoe_dualpi2 *q, uint64_t updates) {
    q->probability = mqoe_dualpi2_update(q, 0, q->last_delay);
    q->last_delay = 0;
    unsigned __int128 fall = (unsigned __int128)(q->target * q->integral >> GRANULARITY) * (updates - 1);
    q->probability = fall < q->probability ? q->probability - (uint32_t)fall : 0;
}

// One update, by the age that the older head has when it is due.
static void update(struct mqoe_dualpi2 *q) {
    uint64_t classic = age(q->classic.frames.head, q->next_update);
    uint64_t l4s = age(q->l4s.frames.head, q->next_update);
    uint64_t delay = classic > l4s ? classic : l4s;
    q->probability = mqoe_dualpi2_update(q, delay, q->last_delay);
    q->last_delay = delay;
    q->next_update += q->tupdate;
}

// Makes the updates that were due up to `now`, before anything in the queues changes.
static void catch_up(struct mqoe_dualpi2 *q, uint64_t now) {
    if (!q->next_update)
        q->next_update = now + q->tupdate;
    if (now < q->next_update)
        return;
    if (!q->classic.packets && !q->l4s.packets) {
        uint64_t updates = (now - q->next_update) / q->tupdate + 1;
        rest(q, updates);
        q->next_update += updates * q->tupdate;
        return;
    }
    while (q->next_update <= now) {
        update(q);
        // The heads only age meanwhile, so p' stays at its highest: the last update is enough.
        if (q->next_update < now && q->probability == highest(q) && q->last_delay >= q->target)
            q->next_update += (now - q->next_update) / q->tupdate * q->tupdate;
    }
}

// ---- signals ----

static bool roll(struct mqoe_random *random, uint32_t probability) {
    return mqoe_random_u32(random) <= probability;
}

// With the probability's square: both of two random numbers are small.
static bool roll_squared(struct mqoe_random *random, uint32_t probability) {
    return roll(random, probability) && roll(random, probability);
}

static void mark(struct mqoe_frame *frame, struct mqoe_queue_stats *stats) {
    if (mqoe_frame_mark_ce(frame))
        stats->marks++;
}

// A classic packet: true to drop it. In overload marks would no longer help.
static bool signal_classic(const struct mqoe_dualpi2 *q, struct mqoe_frame *frame, bool overload,
                           struct mqoe_random *random, struct mqoe_queue_stats *stats) {
    if (!roll_squared(random, q->probability))
        return false;
    if (overload || (frame->tos & 3) == MQOE_NOT_ECT)
        return true;
    mark(frame, stats);
    return false;
}

static bool signal_l4s(const struct mqoe_dualpi2 *q, struct mqoe_frame *frame, uint64_t coupled,
                       bool overload, struct mqoe_random *random, struct mqoe_queue_stats *stats) {
    if (overload && q->drop_on_overload && roll_squared(random, q->probability))
        return true;
    if (overload || roll(random, (uint32_t)coupled))
        mark(frame, stats);
    return false;
}

// Judges a frame by p', marking it if it must and can: true to drop it. `backlog` is without it.
static bool must_drop(const struct mqoe_dualpi2 *q, struct mqoe_frame *frame, bool l4s,
                      struct mqoe_random *random, struct mqoe_queue_stats *stats) {
    if (stats->backlog_bytes < 2 * (uint64_t)q->mtu)
        return false;
    uint64_t coupled = (uint64_t)q->probability * q->coupling;
    bool overload = coupled > MAX_PROBABILITY;
    return l4s ? signal_l4s(q, frame, coupled, overload, random, stats)
               : signal_classic(q, frame, overload, random, stats);
}

// The L4S queue's own AQM: immediate, as its senders expect. Whether it applies was decided on arrival and
// stands in `cause`, which means nothing else while a frame is queued.
static void step(struct mqoe_dualpi2 *q, struct mqoe_frame *frame, uint64_t now,
                 struct mqoe_queue_stats *stats) {
    bool applies = frame->cause != MQOE_DROP_NONE;
    frame->cause = MQOE_DROP_NONE;
    uint64_t delay = q->step_in_packets ? q->l4s.packets : age(frame, now);
    if (applies && delay > q->step_threshold)
        mark(frame, stats);
}

// ---- in and out ----

// The classic queue's credit where nobody waits: negative, so that L4S goes first.
static void reset_credit(struct mqoe_dualpi2 *q) {
    q->credit = (int32_t)q->mtu * (2 * q->protection - 100);
}

void mqoe_dualpi2_enqueue(struct mqoe_dualpi2 *q, struct mqoe_frame *frame, struct mqoe_random *random,
                          struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    catch_up(q, frame->time);
    if (!q->classic.packets && !q->l4s.packets)
        reset_credit(q);
    if (stats->backlog_packets >= q->limit) {
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_OVERFLOW);
        return;
    }
    bool l4s = frame->tos & q->ecn_mask;
    if (q->drop_early && must_drop(q, frame, l4s, random, stats)) {
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_AQM);
        return;
    }
    bool steps = l4s && q->l4s.packets >= q->min_qlen_step;
    frame->cause = steps ? MQOE_DROP_AQM : MQOE_DROP_NONE;
    push(l4s ? &q->l4s : &q->classic, frame, stats);
}

// Whose turn it is, and what its frame will cost: per byte, and only while the other queue waits too.
static struct mqoe_dualpi2_queue *choose(struct mqoe_dualpi2 *q, int32_t *cost) {
    if (q->l4s.packets && (!q->classic.packets || q->credit <= 0)) {
        *cost = q->classic.packets ? q->protection : 0;
        return &q->l4s;
    }
    *cost = q->l4s.packets ? q->protection - 100 : 0;
    return &q->classic;
}

struct mqoe_frame *mqoe_dualpi2_dequeue(struct mqoe_dualpi2 *q, uint64_t now, struct mqoe_random *random,
                                        struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    catch_up(q, now);
    for (;;) {
        int32_t cost;
        struct mqoe_dualpi2_queue *from = choose(q, &cost);
        struct mqoe_frame *frame = pop(from, stats);
        if (!frame)
            return NULL;
        bool l4s = from == &q->l4s;
        if (!q->drop_early && must_drop(q, frame, l4s, random, stats)) {
            mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_AQM); // and costs its queue nothing
            continue;
        }
        if (l4s)
            step(q, frame, now, stats);
        q->credit += cost * (int32_t)frame->len;
        return frame;
    }
}
