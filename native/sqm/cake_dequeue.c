// Which tin, which queue, which frame: CAKE's dequeue (reference/algorithms.md §1.4, §1.7).
#include "sqm/cake_parts.h"

// Queues of a tin that one call looks at when there is nothing to send: what is due waits no longer for them.
#define REST_QUOTA 64u
// Never looked at more often than this, however short the interval, ns.
#define LEAST_REST UINT64_C(1000000)

static inline uint32_t waiting(const struct mqoe_cake_tin *t) {
    return (uint32_t)t->sparse + t->bulk;
}

static struct mqoe_cake_tin *tin_at(const struct mqoe_cake_op *op, uint32_t number) {
    return mqoe_cake_tin_at(op->store, op->q->tins[number]);
}

// With a rate: the highest tin that is on time or behind, else the one that is due first.
static uint32_t choose_by_clock(const struct mqoe_cake_op *op) {
    uint32_t best = 0;
    int64_t least = INT64_MAX;
    for (uint32_t bits = op->q->active; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(bits);
        const struct mqoe_cake_tin *t = tin_at(op, i);
        int64_t ahead = (int64_t)(mqoe_cake_account(op->store, t->account)->next - op->now);
        if (waiting(t) && (ahead <= 0 || ahead <= least)) {
            least = ahead;
            best = i;
        }
    }
    return best;
}

// Without one: deficit round robin by the tins' quanta. There is a frame somewhere, so this ends.
static uint32_t choose_by_turn(const struct mqoe_cake_op *op) {
    struct mqoe_cake *q = op->q;
    uint32_t ready = 0, current = q->current; // bits; a tin
    for (uint32_t bits = q->active; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(bits);
        ready |= (waiting(tin_at(op, i)) != 0) << i;
    }
    while (q->tin_deficit[current] < 0 || !(ready >> current & 1)) {
        if (q->tin_deficit[current] <= 0)
            q->tin_deficit[current] += mqoe_cake_tin_quantum(q->config.tins, current);
        current = current + 1 == q->tin_count ? 0 : current + 1;
    }
    q->current = (uint8_t)current;
    return current;
}

// A flow's turn in 65,536ths of a byte.
static uint32_t turn_share(const struct mqoe_cake_op *op, const struct mqoe_cake_tin *t,
                           const struct mqoe_cake_flow *f) {
    return t->flow_quantum * mqoe_cake_host_share(op->store, f);
}

static struct mqoe_cake_list *list_of(struct mqoe_cake_tin *t, const struct mqoe_cake_flow *f) {
    return f->state == MQOE_CAKE_SPARSE ? &t->fresh : f->state == MQOE_CAKE_DECAYING ? &t->decaying : &t->old;
}

static void become_bulk(const struct mqoe_cake_op *op, struct mqoe_cake_tin *t, struct mqoe_cake_flow *f) {
    f->state = MQOE_CAKE_BULK;
    t->sparse--;
    t->bulk++;
    mqoe_cake_hosts_add(op->store, f, 1);
}

// A new queue's turn is over: to the end of the old ones, with a new quantum. If it has frames left it is not
// sparse; if not it waits there, so that it cannot come back as new before the others had their turn.
static void end_first_turn(const struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    mqoe_cake_unlink(op->store, &t->fresh, flow);
    if (f->frames.head)
        become_bulk(op, t, f);
    else
        f->state = MQOE_CAKE_SPARSE_WAIT;
    f->deficit += mqoe_cake_quantum(op, t, f);
    mqoe_cake_append(op->store, &t->old, flow);
}

// How many rounds of the old queues can pass before one of them may send, given the most that a turn adds.
static uint32_t idle_rounds(const struct mqoe_cake_op *op, const struct mqoe_cake_tin *t) {
    uint32_t rounds = UINT32_MAX;
    for (uint32_t i = t->old.head; i != MQOE_NO_RECORD && rounds > 1;) {
        const struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, i);
        if (f->deficit > 0) // it may already
            return 0;
        uint32_t most = turn_share(op, t, f) / 65536 + 1, own = (uint32_t)-f->deficit / most;
        rounds = own < rounds ? own : rounds;
        i = f->next;
    }
    return rounds;
}

// A whole round of old queues has just passed without a frame: with many flows of one host a turn is far less
// than a frame, and Linux walks round and round until somebody has saved up enough. The same in one step:
// each gets what it would get on average in all of those rounds, and the order stays. So a frame costs a few
// visits, however small the turns are.
static void skip_rounds(const struct mqoe_cake_op *op, const struct mqoe_cake_tin *t) {
    uint64_t rounds = idle_rounds(op, t);
    if (rounds < 2)
        return;
    for (uint32_t i = t->old.head; i != MQOE_NO_RECORD;) {
        struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, i);
        uint32_t dither = mqoe_random_u32(&op->pool->random) >> 16;
        f->deficit += (int32_t)((rounds * turn_share(op, t, f) + dither) >> 16);
        i = f->next;
    }
}

// Everybody before `flow` goes behind the tail of the old queues, in the order that they have.
static void rotate(const struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow) {
    if (flow == t->old.head)
        return;
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    mqoe_cake_flow(op->store, t->old.tail)->next = t->old.head;
    mqoe_cake_flow(op->store, t->old.head)->prev = t->old.tail;
    mqoe_cake_flow(op->store, f->prev)->next = MQOE_NO_RECORD;
    t->old.tail = f->prev;
    t->old.head = flow;
    f->prev = MQOE_NO_RECORD;
}

// Old queues end their turns, each with a new quantum, until one is at the head that may send. With many
// flows of one host turns are a few bytes, and this is where the time goes: so the list is turned only once,
// and one random number does for the rounding of four turns (as mqoe_cake_quantum).
static void end_turns(const struct mqoe_cake_op *op, struct mqoe_cake_tin *t) {
    uint64_t dither = 0;
    for (;;) {
        uint32_t turns = 0, flow = t->old.head;
        for (; flow != MQOE_NO_RECORD; turns++) {
            struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
            if (f->deficit > 0) {
                rotate(op, t, flow);
                return;
            }
            dither = turns % 4 ? dither >> 16 : mqoe_random_u64(&op->pool->random);
            f->deficit += (int32_t)((turn_share(op, t, f) + (dither & 0xffff)) >> 16);
            flow = f->next;
        }
        if (mqoe_cake_flow(op->store, t->old.head)->deficit <= 0)
            skip_rounds(op, t);
    }
}

static void leave_state(const struct mqoe_cake_op *op, struct mqoe_cake_tin *t, struct mqoe_cake_flow *f) {
    if (f->state == MQOE_CAKE_BULK) {
        t->bulk--;
        mqoe_cake_hosts_add(op->store, f, -1);
    } else if (f->state == MQOE_CAKE_DECAYING) {
        t->decays--;
    } else {
        t->sparse--;
    }
}

// An empty queue decays while COBALT remembers anything, then its record goes back, and the tin's with its
// last one. Returns false when the tin is gone.
static bool retire(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    mqoe_cake_unlink(op->store, list_of(t, f), flow);
    leave_state(op, t, f);
    if (mqoe_cobalt_remembers(&f->cobalt, op->now)) {
        f->state = MQOE_CAKE_DECAYING;
        f->deficit = 1; // has no turn to wait for, even if it rests in the middle of one
        t->decays++;
        mqoe_cake_append(op->store, &t->decaying, flow);
        return true;
    }
    f->state = MQOE_CAKE_NONE;
    mqoe_cake_flow_release(op->store, flow);
    if (waiting(t) || t->decays)
        return true;
    mqoe_cake_close_tin(op, t->number);
    return false;
}

static void found_empty(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow) {
    t->unresponsive -= mqoe_cobalt_queue_empty(&mqoe_cake_flow(op->store, flow)->cobalt, &t->cobalt, op->now);
    retire(op, t, flow);
}

// One decaying queue may be first in each dequeue, so that decay goes on under load without holding it up.
static uint32_t next_flow(const struct mqoe_cake_tin *t, bool *first) {
    bool decaying = *first && t->decaying.head != MQOE_NO_RECORD;
    *first = false;
    if (decaying)
        return t->decaying.head;
    if (t->fresh.head != MQOE_NO_RECORD)
        return t->fresh.head;
    return t->old.head != MQOE_NO_RECORD ? t->old.head : t->decaying.head;
}

static void record_delay(struct mqoe_cake_account *a, uint64_t delay) {
    a->delay_average = mqoe_cake_average(a->delay_average, delay, 8);
    a->delay_peak = mqoe_cake_average(a->delay_peak, delay, delay > a->delay_peak ? 2 : 8);
    a->delay_base = mqoe_cake_average(a->delay_base, delay, delay < a->delay_base ? 2 : 8);
}

static struct mqoe_frame *deliver(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, struct mqoe_cake_flow *f,
                                  struct mqoe_frame *frame) {
    struct mqoe_cake_account *a = mqoe_cake_account(op->store, t->account);
    a->out_packets++;
    a->out_bytes += frame->len;
    record_delay(a, op->now > frame->time ? op->now - frame->time : 0);
    mqoe_cake_charge(op, t, frame);
    f->deficit -= (int32_t)frame->shaped_len;
    mqoe_cake_tin_pays(op, t, frame->shaped_len);
    return frame;
}

enum take { TAKE_FRAME, TAKE_EMPTY, TAKE_AGAIN };

// The next frame of a queue that COBALT lets pass. The last one may be marked, but is never dropped. In
// ingress mode a drop uses the flow's turn up, so that the queue is chosen anew.
static enum take take(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow,
                      struct mqoe_frame **out) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    bool ingress = op->q->config.ingress;
    struct mqoe_frame *frame;
    while ((frame = mqoe_cake_pop(op, t, flow))) {
        enum mqoe_cobalt_verdict verdict = mqoe_cobalt_judge(&f->cobalt, &t->cobalt, frame, op->now,
                                                             ingress ? t->bulk : 0, &op->pool->random);
        if (verdict != MQOE_COBALT_DROP || !f->frames.head) {
            mqoe_cake_account(op->store, t->account)->marks += f->cobalt.marked;
            op->stats->marks += f->cobalt.marked;
            *out = deliver(op, t, f, frame);
            return TAKE_FRAME;
        }
        uint32_t cost = frame->shaped_len;
        mqoe_cake_discard(op, t, frame, MQOE_DROP_AQM);
        if (ingress) {
            f->deficit -= (int32_t)cost;
            mqoe_cake_tin_pays(op, t, cost);
            return TAKE_AGAIN;
        }
    }
    return TAKE_EMPTY;
}

// Serves a tin until it gives a frame, or until a queue was found empty: then the tin is chosen anew.
static struct mqoe_frame *serve_tin(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, bool *first) {
    for (;;) {
        uint32_t flow = next_flow(t, first);
        if (mqoe_cake_flow(op->store, flow)->deficit <= 0) {
            if (flow == t->fresh.head)
                end_first_turn(op, t, flow);
            else
                end_turns(op, t);
            continue;
        }
        struct mqoe_frame *frame = NULL;
        switch (take(op, t, flow, &frame)) {
        case TAKE_FRAME:
            return frame;
        case TAKE_EMPTY:
            found_empty(op, t, flow);
            return NULL;
        case TAKE_AGAIN:
            break;
        }
    }
}

struct mqoe_frame *mqoe_cake_serve(struct mqoe_cake_op *op) {
    bool first = true;
    while (op->stats->backlog_packets && mqoe_shaper_gate(op->shaper) <= op->now) {
        uint32_t tin = op->shaper->rate ? choose_by_clock(op) : choose_by_turn(op);
        struct mqoe_frame *frame = serve_tin(op, tin_at(op, tin), &first);
        if (frame)
            return frame;
    }
    return NULL;
}

// ---- without frames ----
//
// In Linux nothing at all happens then: its timer is armed, but a dequeue without packets returns at once.
// Here the records go back that hold nothing which could show later; what the others remember stays as it is.

// BLUE's probability does not fall while nobody sends. But when records are scarce those who send need them
// more.
static void keep_blue(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, struct mqoe_cake_flow *f) {
    if (!f->cobalt.p_drop || op->store->flows.used <= op->store->flows.count / 2)
        return;
    f->cobalt.p_drop = 0;
    t->unresponsive--;
}

static bool rest_flow(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    mqoe_cobalt_rest(&f->cobalt, &t->cobalt, op->now);
    keep_blue(op, t, f);
    return retire(op, t, flow);
}

// What becomes of the queues of a tin when time alone goes by.
static void rest_tin(struct mqoe_cake_op *op, uint32_t number) {
    struct mqoe_cake_tin *t = tin_at(op, number);
    uint32_t quota = REST_QUOTA;
    bool open = true;
    for (; open && quota && t->fresh.head != MQOE_NO_RECORD; quota--)
        open = rest_flow(op, t, t->fresh.head);
    for (; open && quota && t->old.head != MQOE_NO_RECORD; quota--)
        open = rest_flow(op, t, t->old.head);
    for (uint32_t left = open ? t->decays : 0; open && left && quota; left--, quota--)
        open = rest_flow(op, t, t->decaying.head);
}

// Is there a queue that will have forgotten in time? Not when all that is left is what BLUE holds.
static bool forgets(const struct mqoe_cake_op *op) {
    for (uint32_t bits = op->q->active; bits; bits &= bits - 1) {
        const struct mqoe_cake_tin *t = tin_at(op, (uint32_t)__builtin_ctz(bits));
        if (waiting(t) || t->decays > t->unresponsive)
            return true;
    }
    return false;
}

void mqoe_cake_rest(struct mqoe_cake_op *op) {
    for (uint32_t bits = op->q->active; bits; bits &= bits - 1)
        rest_tin(op, (uint32_t)__builtin_ctz(bits));
    mqoe_cake_linger(op);
    if (!forgets(op))
        op->q->linger_at = MQOE_NEVER;
}

void mqoe_cake_linger(struct mqoe_cake_op *op) {
    struct mqoe_cake *q = op->q;
    if (!q->active)
        return;
    uint64_t interval = tin_at(op, (uint32_t)__builtin_ctz(q->active))->cobalt.interval;
    q->linger_at = op->now + (interval > LEAST_REST ? interval : LEAST_REST);
}
