#include "sqm/cobalt.h"

#include "packet/ecn.h"

#define TABLE_SIZE 16u

// 1/√count as a Q0.32 for small counts, where one Newton step is not good enough: 2^32/√count rounded down.
// Entry 0 serves an idle queue, whose next interval is a whole one.
static const uint32_t inverse_roots[TABLE_SIZE] = {
    UINT32_MAX, UINT32_MAX, 3037000500, 2479700525, 2147483647, 1920767767, 1753413056, 1623345051,
    1518500250, 1431655765, 1358187914, 1294981364, 1239850263, 1191209601, 1147878294, 1108955788,
};

// count has moved by one: inv_sqrt follows, from the table or by one Newton step x ← x (3 − count x²) / 2.
static void follow_count(struct mqoe_cobalt *c) {
    if (c->count < TABLE_SIZE) {
        c->inv_sqrt = inverse_roots[c->count];
        return;
    }
    uint64_t x = c->inv_sqrt, square = (x * x) >> 32;
    uint64_t v = (UINT64_C(3) << 32) - c->count * square;
    v >>= 2; // so that the product fits 64 bits
    c->inv_sqrt = (uint32_t)((v * x) >> 31);
}

// The signal after one at `t` is due interval/√count later. Intervals above 4.29 s, such as the
// interplanetary preset's, need more than 64 bits on the way.
static uint64_t control(const struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t t) {
    return t + (uint64_t)(((unsigned __int128)p->interval * c->inv_sqrt) >> 32);
}

// How long ago the next signal was due; negative when it lies ahead.
static int64_t overdue(const struct mqoe_cobalt *c, uint64_t now) {
    return (int64_t)(now - c->drop_next);
}

static void count_down(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p) {
    c->count--;
    follow_count(c);
    c->drop_next = control(c, p, c->drop_next);
}

// A few packets are always allowed to wait, however low the rate: four of them in an egress shaper, two for
// each bulk flow in an ingress one, where the queue stands for one that is elsewhere.
static bool over_target(const struct mqoe_cobalt_params *p, uint64_t sojourn, uint32_t bulk_flows) {
    return sojourn > p->target && sojourn > p->mtu_time * bulk_flows * 2 && sojourn > p->mtu_time * 4;
}

void mqoe_cobalt_init(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p) {
    *c = (struct mqoe_cobalt){.inv_sqrt = p->corrected_start ? UINT32_MAX : 0};
}

// Over target, a queue begins to be signalled. Returns how long the next signal is overdue: in Linux as it
// was before this, so that a schedule from long ago is taken for one that is due now.
static int64_t begin(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t now,
                     int64_t schedule) {
    if (!c->dropping) {
        c->dropping = true;
        c->drop_next = control(c, p, now);
        if (p->corrected_start)
            schedule = overdue(c, now);
    }
    if (!c->count)
        c->count = 1;
    return schedule;
}

// A signal is due, and is given: a mark where the sender understands one.
static enum mqoe_cobalt_verdict signal(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p,
                                       struct mqoe_frame *frame) {
    if (c->count < UINT32_MAX)
        c->count++;
    follow_count(c);
    c->drop_next = control(c, p, c->drop_next);
    return !p->no_ecn && mqoe_frame_mark_ce(frame) ? MQOE_COBALT_MARK : MQOE_COBALT_DROP;
}

enum mqoe_cobalt_verdict mqoe_cobalt_judge(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p,
                                           struct mqoe_frame *frame, uint64_t now, uint32_t bulk_flows,
                                           struct mqoe_random *random) {
    enum mqoe_cobalt_verdict verdict = MQOE_COBALT_PASS;
    int64_t schedule = overdue(c, now);
    c->marked = false;
    bool due = c->count && schedule >= 0;
    if (over_target(p, now > frame->time ? now - frame->time : 0, bulk_flows))
        schedule = begin(c, p, now, schedule);
    else
        c->dropping = false;

    if (due && c->dropping) {
        verdict = signal(c, p, frame);
        c->marked = verdict == MQOE_COBALT_MARK;
        schedule = overdue(c, now);
    } else {
        // Below target the count falls back at the pace at which it rose.
        for (; due; due = c->count && schedule >= 0) {
            count_down(c, p);
            schedule = overdue(c, now);
        }
    }
    // BLUE is for flows that do not react to signals, so a mark would not do.
    if (c->p_drop && verdict != MQOE_COBALT_DROP && mqoe_random_u32(random) < c->p_drop)
        verdict = MQOE_COBALT_DROP;
    // While nothing is counted, drop_next says how long the state is worth keeping.
    if (!c->count)
        c->drop_next = now + p->interval;
    else if (schedule > 0 && verdict != MQOE_COBALT_DROP)
        c->drop_next = now;
    return verdict;
}

bool mqoe_cobalt_queue_full(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t now) {
    bool begins = false;
    if (now - c->blue_timer > p->target) {
        begins = !c->p_drop;
        c->p_drop = c->p_drop > UINT32_MAX - p->p_inc ? UINT32_MAX : c->p_drop + p->p_inc;
        c->blue_timer = now;
    }
    c->dropping = true;
    c->drop_next = now;
    if (!c->count)
        c->count = 1;
    return begins;
}

bool mqoe_cobalt_queue_empty(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t now) {
    bool ends = false;
    if (c->p_drop && now - c->blue_timer > p->target) {
        c->p_drop = c->p_drop < p->p_dec ? 0 : c->p_drop - p->p_dec;
        c->blue_timer = now;
        ends = !c->p_drop;
    }
    c->dropping = false;
    if (c->count && overdue(c, now) >= 0)
        count_down(c, p);
    return ends;
}

void mqoe_cobalt_rest(struct mqoe_cobalt *c, const struct mqoe_cobalt_params *p, uint64_t now) {
    c->dropping = false;
    while (c->count && overdue(c, now) >= 0)
        count_down(c, p);
}
