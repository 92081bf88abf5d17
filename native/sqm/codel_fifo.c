#include "sqm/codel_fifo.h"

#include <errno.h>
#include <inttypes.h>

int mqoe_codel_check_times(const char *name, uint64_t target, uint64_t interval, int64_t ce_threshold,
                           struct mqoe_error *e) {
    if (target < 1024 || target > interval || interval > MQOE_CODEL_MAX_INTERVAL)
        return mqoe_fail(e, EINVAL, name, "1.024 us <= target <= interval <= 100 s",
                         "target %" PRIu64 " ns, interval %" PRIu64 " ns", target, interval);
    if (ce_threshold < -1 || ce_threshold > (int64_t)MQOE_CODEL_MAX_INTERVAL)
        return mqoe_fail(e, EINVAL, name, "0 … 100 s, or -1 for none", "ce_threshold %" PRId64 " ns",
                         ce_threshold);
    return 0;
}

int mqoe_codel_fifo_check(const struct mqoe_codel_config *c, struct mqoe_error *e) {
    int error = mqoe_codel_check_times("codel", c->target, c->interval, c->ce_threshold, e);
    if (error)
        return error;
    if (!c->limit)
        return mqoe_fail(e, EINVAL, "codel", "at least 1 packet", "limit 0");
    return 0;
}

static void configure(struct mqoe_codel_fifo *q, const struct mqoe_codel_config *c) {
    q->params = (struct mqoe_codel_params){
        .target = mqoe_codel_ticks(c->target),
        .interval = mqoe_codel_ticks(c->interval),
        .ce_threshold = c->ce_threshold < 0 ? UINT32_MAX : mqoe_codel_ticks((uint64_t)c->ce_threshold),
        .mtu = c->mtu,
        .ecn = c->ecn,
    };
    q->limit = c->limit;
}

void mqoe_codel_fifo_init(struct mqoe_codel_fifo *q, const struct mqoe_codel_config *c) {
    *q = (struct mqoe_codel_fifo){0}; // CoDel begins with zeros: with no count, drop_next says nothing
    configure(q, c);
}

void mqoe_codel_fifo_set(struct mqoe_codel_fifo *q, const struct mqoe_codel_config *c,
                         struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    configure(q, c);
    while (stats->backlog_packets > q->limit)
        mqoe_queue_drop(stats, dropped, mqoe_queue_pop(&q->frames, &q->bytes, stats), MQOE_DROP_OVERFLOW);
}

// CoDel's clock wraps after 73 minutes, so a long rest might look like a short one. drop_next is at most an
// interval after the last dequeue, and 16 later nothing of the state counts.
static void forget_after_rest(struct mqoe_codel_fifo *q, uint64_t now) {
    if (now > q->last && (now - q->last) >> 10 > 17 * (uint64_t)q->params.interval)
        q->codel = (struct mqoe_codel){0};
}

void mqoe_codel_fifo_enqueue(struct mqoe_codel_fifo *q, struct mqoe_frame *frame,
                             struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    if (stats->backlog_packets >= q->limit) {
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_OVERFLOW);
        return;
    }
    if (!q->frames.head)
        forget_after_rest(q, frame->time);
    mqoe_queue_push(&q->frames, &q->bytes, frame, stats);
}

struct mqoe_frame *mqoe_codel_fifo_dequeue(struct mqoe_codel_fifo *q, uint64_t now,
                                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    q->last = now;
    return mqoe_codel_dequeue(&q->codel, &q->params, (struct mqoe_codel_queue){&q->frames, &q->bytes}, now,
                              stats, dropped);
}
