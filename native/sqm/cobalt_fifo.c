#include "sqm/cobalt_fifo.h"

#include <errno.h>
#include <inttypes.h>

#define MAX_INTERVAL UINT64_C(1000000000000) // ns: tc's interplanetary preset

int mqoe_cobalt_fifo_check(const struct mqoe_cobalt_config *c, struct mqoe_error *e) {
    if (!c->target || c->target > c->interval || c->interval > MAX_INTERVAL)
        return mqoe_fail(e, EINVAL, "cobalt", "1 ns <= target <= interval <= 1000 s",
                         "target %" PRIu64 " ns, interval %" PRIu64 " ns", c->target, c->interval);
    if (!c->limit)
        return mqoe_fail(e, EINVAL, "cobalt", "at least 1 packet", "limit 0");
    return 0;
}

static void configure(struct mqoe_cobalt_fifo *q, const struct mqoe_cobalt_config *c) {
    q->params = (struct mqoe_cobalt_params){
        .target = c->target,
        .interval = c->interval,
        .p_inc = MQOE_BLUE_INCREMENT,
        .p_dec = MQOE_BLUE_DECREMENT,
        .no_ecn = !c->ecn,
        .corrected_start = c->corrected_start,
    };
    q->limit = c->limit;
    q->mtu = c->mtu;
}

void mqoe_cobalt_fifo_init(struct mqoe_cobalt_fifo *q, const struct mqoe_cobalt_config *c) {
    *q = (struct mqoe_cobalt_fifo){0};
    configure(q, c);
    mqoe_cobalt_init(&q->cobalt, &q->params);
}

// The queue loses its head for lack of room.
static void overflow(struct mqoe_cobalt_fifo *q, uint64_t now, struct mqoe_queue_stats *stats,
                     struct mqoe_frame_list *dropped) {
    mqoe_queue_drop(stats, dropped, mqoe_queue_pop(&q->frames, &q->bytes, stats), MQOE_DROP_OVERFLOW);
    if (mqoe_cobalt_queue_full(&q->cobalt, &q->params, now))
        q->unresponsive = true;
}

void mqoe_cobalt_fifo_set(struct mqoe_cobalt_fifo *q, const struct mqoe_cobalt_config *c,
                          struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    configure(q, c);
    while (stats->backlog_packets > q->limit) // not the sender's doing, so BLUE hears nothing of it
        mqoe_queue_drop(stats, dropped, mqoe_queue_pop(&q->frames, &q->bytes, stats), MQOE_DROP_OVERFLOW);
}

// How many steps CAKE, which visits a decaying queue once per target, would have taken BLUE down while the
// queue was empty, until `now`.
static uint64_t steps_down(const struct mqoe_cobalt_fifo *q, uint64_t now) {
    uint64_t period = q->params.target + 1; // a step needs more than a target since the last
    uint64_t first = q->cobalt.blue_timer + period;
    if (first < q->empty_since)
        first = q->empty_since;
    return now < first ? 0 : 1 + (now - first) / period;
}

// The queue was empty until `now`. It is not visited meanwhile, so what CAKE's visits would have done comes
// here: the last step by COBALT itself, which also forgets that it was dropping.
static void end_rest(struct mqoe_cobalt_fifo *q, uint64_t now) {
    uint64_t steps = steps_down(q, now), needed = q->cobalt.p_drop / q->params.p_dec;
    if (steps > 1 && q->cobalt.p_drop)
        q->cobalt.p_drop -= (uint32_t)(steps - 1 < needed ? steps - 1 : needed) * q->params.p_dec;
    if (mqoe_cobalt_queue_empty(&q->cobalt, &q->params, now) || !q->cobalt.p_drop)
        q->unresponsive = false;
}

void mqoe_cobalt_fifo_enqueue(struct mqoe_cobalt_fifo *q, struct mqoe_frame *frame,
                              struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    if (!q->frames.head)
        end_rest(q, frame->time);
    mqoe_queue_push(&q->frames, &q->bytes, frame, stats);
    if (stats->backlog_packets > q->limit)
        overflow(q, frame->time, stats, dropped);
}

struct mqoe_frame *mqoe_cobalt_fifo_dequeue(struct mqoe_cobalt_fifo *q, const struct mqoe_shaper *shaper,
                                            uint64_t now, struct mqoe_random *random,
                                            struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    q->params.mtu_time = mqoe_shaper_duration(shaper, q->mtu);
    for (struct mqoe_frame *frame; (frame = mqoe_queue_pop(&q->frames, &q->bytes, stats));) {
        enum mqoe_cobalt_verdict verdict = mqoe_cobalt_judge(&q->cobalt, &q->params, frame, now, 0, random);
        // The last frame of a queue always goes, as in CAKE: dropping it would signal nobody who waits.
        if (verdict == MQOE_COBALT_DROP && q->frames.head) {
            mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_AQM);
            continue;
        }
        stats->marks += q->cobalt.marked;
        if (!q->frames.head)
            q->empty_since = now;
        return frame;
    }
    return NULL;
}
