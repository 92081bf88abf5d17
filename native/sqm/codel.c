#include "sqm/codel.h"

void mqoe_codel_newton(struct mqoe_codel *c) {
    uint32_t x = (uint32_t)c->inv_sqrt << 16;
    uint32_t square = (uint32_t)(((uint64_t)x * x) >> 32);
    uint64_t v = (UINT64_C(3) << 32) - (uint64_t)c->count * square;
    v >>= 2; // so that the product fits 64 bits
    c->inv_sqrt = (uint16_t)(((v * x) >> 31) >> 16);
}

// Ticks that the frame waited, as CoDel's clock counts them.
static uint32_t sojourn(const struct mqoe_frame *frame, uint32_t now) {
    return now - mqoe_codel_ticks(frame->time);
}

// Has the queue been above target for a whole interval? `frame`, just taken out, is the evidence.
static bool should_signal(struct mqoe_codel *c, const struct mqoe_codel_params *p,
                          const struct mqoe_frame *frame, uint32_t now,
                          const struct mqoe_queue_stats *stats) {
    if (!frame || mqoe_codel_before(sojourn(frame, now), p->target) || stats->backlog_bytes <= p->mtu) {
        c->first_above = 0;
        return false;
    }
    if (c->first_above == 0) {
        c->first_above = now + p->interval;
        return false;
    }
    return mqoe_codel_before(c->first_above, now);
}

// Signals by a mark when that is possible.
static bool mark(const struct mqoe_codel_params *p, struct mqoe_frame *frame,
                 struct mqoe_queue_stats *stats) {
    if (!p->ecn || !mqoe_frame_mark_ce(frame))
        return false;
    stats->marks++;
    return true;
}

// A frame that carries CE already, from here or from before, is not counted again.
static void mark_above_threshold(struct mqoe_frame *frame, struct mqoe_queue_stats *stats) {
    if ((frame->tos & 3) != MQOE_CE && mqoe_frame_mark_ce(frame))
        stats->marks++;
}

// In the dropping state: signals at drop_next, closer and closer, until the queue falls below target.
static struct mqoe_frame *keep_dropping(struct mqoe_codel *c, const struct mqoe_codel_params *p,
                                        struct mqoe_codel_queue queue, struct mqoe_frame *frame, uint32_t now,
                                        struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    while (c->dropping && !mqoe_codel_before(now, c->drop_next)) {
        c->count++;
        mqoe_codel_newton(c);
        if (mark(p, frame, stats)) {
            c->drop_next = mqoe_codel_control(c, p, c->drop_next);
            return frame;
        }
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_AQM);
        frame = mqoe_queue_pop(queue.frames, queue.bytes, stats);
        if (should_signal(c, p, frame, now, stats))
            c->drop_next = mqoe_codel_control(c, p, c->drop_next);
        else
            c->dropping = false;
    }
    return frame;
}

// Enters the dropping state with a first signal. Soon after the last time it resumes where that left off.
static struct mqoe_frame *start_dropping(struct mqoe_codel *c, const struct mqoe_codel_params *p,
                                         struct mqoe_codel_queue queue, struct mqoe_frame *frame,
                                         uint32_t now, struct mqoe_queue_stats *stats,
                                         struct mqoe_frame_list *dropped) {
    if (!mark(p, frame, stats)) {
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_AQM);
        frame = mqoe_queue_pop(queue.frames, queue.bytes, stats);
        should_signal(c, p, frame, now, stats); // for what it does to first_above
    }
    c->dropping = true;
    uint32_t delta = c->count - c->last_count;
    if (delta > 1 && !mqoe_codel_stale(c, p, now)) {
        c->count = delta;
        mqoe_codel_newton(c); // from the value of before: close enough, it approaches with each step
    } else {
        c->count = 1;
        c->inv_sqrt = UINT16_MAX;
    }
    c->last_count = c->count;
    c->drop_next = mqoe_codel_control(c, p, now);
    return frame;
}

struct mqoe_frame *mqoe_codel_dequeue(struct mqoe_codel *c, const struct mqoe_codel_params *p,
                                      struct mqoe_codel_queue queue, uint64_t now_ns,
                                      struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    uint32_t now = mqoe_codel_ticks(now_ns);
    struct mqoe_frame *frame = mqoe_queue_pop(queue.frames, queue.bytes, stats);
    bool signal = should_signal(c, p, frame, now, stats);
    if (!frame || (c->dropping && !signal))
        c->dropping = false;
    else if (c->dropping)
        frame = keep_dropping(c, p, queue, frame, now, stats, dropped);
    else if (signal)
        frame = start_dropping(c, p, queue, frame, now, stats, dropped);
    if (frame && p->ce_threshold != UINT32_MAX && mqoe_codel_before(p->ce_threshold, sojourn(frame, now)))
        mark_above_threshold(frame, stats);
    return frame;
}
