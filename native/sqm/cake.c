#include "sqm/cake.h"

#include <errno.h>
#include <inttypes.h>

#include "packet/ecn.h"
#include "sqm/cake_parts.h"

#define HEAP_DEQUEUES    65535u // how long the heap is kept after an overflow
#define MIN_MTU          64u
#define MAX_MTU          65535u
#define MIN_RTT          1000u
#define MAX_RTT          UINT64_C(3600000000000)
#define AUTORATE_MIN_GAP UINT64_C(250000000) // ns between two changes of rate
#define AUTORATE_MAX_GAP UINT64_C(1000000000)

// ---- configuration ----

static int check_modes(const struct mqoe_cake_config *c, struct mqoe_error *e) {
    if (c->tins > MQOE_CAKE_DIFFSERV8)
        return mqoe_fail(e, EINVAL, "cake", "besteffort, precedence, diffserv3, diffserv4 or diffserv8",
                         "tin mode %d", (int)c->tins);
    if (c->isolation > MQOE_CAKE_TRIPLE_ISOLATE)
        return mqoe_fail(e, EINVAL, "cake", "flowblind … triple-isolate (0 … 7)", "isolation %d",
                         (int)c->isolation);
    if (c->ack_filter > MQOE_ACK_FILTER_AGGRESSIVE)
        return mqoe_fail(e, EINVAL, "cake", "off, on or aggressive", "ack filter %d", (int)c->ack_filter);
    return 0;
}

int mqoe_cake_check(const struct mqoe_cake_config *c, struct mqoe_error *e) {
    int error = check_modes(c, e);
    if (error)
        return error;
    if (c->rtt < MIN_RTT || c->rtt > MAX_RTT)
        return mqoe_fail(e, EINVAL, "cake", "1 us … 3600 s", "rtt %" PRIu64 " ns", c->rtt);
    if (c->mtu < MIN_MTU || c->mtu > MAX_MTU)
        return mqoe_fail(e, EINVAL, "cake", "64 … 65,535 bytes; 1514 for Ethernet", "mtu %u", c->mtu);
    if (c->memory_limit && c->memory_limit < MQOE_FRAME_MEMORY)
        return mqoe_fail(e, EINVAL, "cake", "0 for the default, or at least one frame's memory, 2,048 bytes",
                         "memory limit %" PRIu64, c->memory_limit);
    return 0;
}

int mqoe_cake_init(struct mqoe_cake *q, const struct mqoe_cake_config *config, struct mqoe_sqm_pool *pool,
                   struct mqoe_error *e) {
    struct mqoe_cake_store *store = &pool->cake;
    *q = (struct mqoe_cake){
        .config = *config, .tin_count = (uint8_t)mqoe_cake_tin_count(config->tins), .heap = MQOE_NO_RECORD};
    for (uint32_t i = 0; i < MQOE_MAX_TINS; i++)
        q->tins[i] = q->accounts[i] = MQOE_NO_RECORD;
    if (store->tins.count - store->promised < q->tin_count)
        return mqoe_fail(e, ENOMEM, "cake", "give the reactor's pool more tins",
                         "%u tins, %u of them promised", store->tins.count, store->promised);
    store->promised += q->tin_count;
    return 0;
}

bool mqoe_cake_set(struct mqoe_cake *q, const struct mqoe_cake_config *config) {
    if (config->tins != q->config.tins || config->isolation != q->config.isolation)
        return false;
    q->config = *config;
    return true;
}

static void derive_all(struct mqoe_cake_op *op) {
    struct mqoe_cake *q = op->q;
    q->memory_limit = mqoe_cake_memory_limit(&q->config, op->shaper->rate);
    for (uint32_t bits = q->active; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(bits);
        mqoe_cake_derive(mqoe_cake_tin_at(op->store, q->tins[i]), &q->config, i, op->shaper->rate);
    }
}

void mqoe_cake_rate(struct mqoe_cake *q, struct mqoe_sqm_pool *pool, struct mqoe_shaper *shaper,
                    struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    struct mqoe_cake_op op = {q, &pool->cake, pool, shaper, stats, dropped, q->now};
    derive_all(&op);
    mqoe_cake_overflow(&op);
}

// ---- tins ----

static struct mqoe_cake_tin *open_tin(struct mqoe_cake_op *op, uint32_t number) {
    struct mqoe_cake *q = op->q;
    static const struct mqoe_cake_list empty = {MQOE_NO_RECORD, MQOE_NO_RECORD};
    if (q->accounts[number] == MQOE_NO_RECORD) {
        q->accounts[number] = mqoe_slab_take(&op->store->accounts); // promised
        *mqoe_cake_account(op->store, q->accounts[number]) =
            (struct mqoe_cake_account){.signalled = MQOE_NO_RECORD};
    }
    uint32_t tin = q->tins[number] = mqoe_slab_take(&op->store->tins);
    struct mqoe_cake_tin *t = mqoe_cake_tin_at(op->store, tin);
    *t = (struct mqoe_cake_tin){.fresh = empty,
                                .old = empty,
                                .decaying = empty,
                                .number = (uint8_t)number,
                                .account = q->accounts[number]};
    mqoe_cake_derive(t, &q->config, number, op->shaper->rate);
    mqoe_cake_reserve_init(op->store, tin);
    q->active |= (uint8_t)(1u << number);
    return t;
}

void mqoe_cake_close_tin(struct mqoe_cake_op *op, uint32_t number) {
    mqoe_slab_release(&op->store->tins, op->q->tins[number]);
    op->q->tins[number] = MQOE_NO_RECORD;
    op->q->active &= (uint8_t) ~(1u << number);
}

// ---- frames in and out of queues ----

static void charge_drop(struct mqoe_cake_op *op, const struct mqoe_cake_tin *t,
                        const struct mqoe_frame *frame) {
    if (!op->q->config.ingress)
        return;
    mqoe_cake_charge(op, t, frame);
    mqoe_shaper_charge(op->shaper, frame->shaped_len, true);
}

void mqoe_cake_discard(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, struct mqoe_frame *frame,
                       enum mqoe_drop_cause cause) {
    mqoe_cake_account(op->store, t->account)->drops++;
    charge_drop(op, t, frame);
    mqoe_queue_drop(op->stats, op->dropped, frame, cause);
}

// ---- memory limit ----

static void gather(struct mqoe_cake_op *op, const struct mqoe_cake_list *list) {
    for (uint32_t i = list->head; i != MQOE_NO_RECORD; i = mqoe_cake_flow(op->store, i)->next)
        if (mqoe_cake_flow(op->store, i)->bytes)
            op->q->heap = mqoe_cake_heap_insert(op->store, op->q->heap, i);
}

// The heap of all queues with frames; kept from the first overflow until none has happened for a while.
static void build_heap(struct mqoe_cake_op *op) {
    struct mqoe_cake *q = op->q;
    if (!q->heap_dequeues) {
        q->heap = MQOE_NO_RECORD;
        for (uint32_t bits = q->active; bits; bits &= bits - 1) {
            const struct mqoe_cake_tin *t =
                mqoe_cake_tin_at(op->store, q->tins[(uint32_t)__builtin_ctz(bits)]);
            gather(op, &t->fresh);
            gather(op, &t->old);
        }
    }
    q->heap_dequeues = HEAP_DEQUEUES;
}

void mqoe_cake_overflow(struct mqoe_cake_op *op) {
    while ((uint64_t)op->stats->backlog_packets * MQOE_FRAME_MEMORY > op->q->memory_limit) {
        build_heap(op);
        uint32_t flow = op->q->heap;
        struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
        struct mqoe_cake_tin *t = mqoe_cake_tin_at(op->store, f->tin);
        t->unresponsive += mqoe_cobalt_queue_full(&f->cobalt, &t->cobalt, op->now);
        mqoe_cake_discard(op, t, mqoe_cake_pop(op, t, flow), MQOE_DROP_OVERFLOW);
    }
}

// ---- enqueue ----

// autorate-ingress: what arrives back to back is the link's rate; fifteen sixteenths of it are used. Gaps
// longer than usual end a window, so that bursts (of a wireless link) do not count as rate.
static void estimate_rate(struct mqoe_cake_op *op, uint32_t bytes) {
    struct mqoe_cake_autorate *a = &op->q->autorate;
    if (!a->last_packet) {
        *a = (struct mqoe_cake_autorate){
            .last_packet = op->now, .window_begin = op->now, .peak = op->shaper->rate};
        a->last_change = op->now;
    }
    uint64_t gap = op->now - a->last_packet < AUTORATE_MAX_GAP ? op->now - a->last_packet : AUTORATE_MAX_GAP;
    a->interval = mqoe_cake_average(a->interval, gap, gap > a->interval ? 2 : 8);
    a->last_packet = op->now;
    a->window_bytes += bytes;
    if (gap <= a->interval || op->now == a->window_begin)
        return;
    uint64_t rate =
        (uint64_t)((__uint128_t)a->window_bytes * UINT64_C(1000000000) / (op->now - a->window_begin));
    a->peak = mqoe_cake_average(a->peak, rate, rate > a->peak ? 2 : 8);
    a->window_bytes = 0;
    a->window_begin = op->now;
    if (op->now <= a->last_change + AUTORATE_MIN_GAP)
        return;
    a->last_change = op->now;
    uint64_t used = a->peak * 15 / 16;
    mqoe_shaper_set_rate(op->shaper, used < 64 ? 512 : used * 8, op->now);
    derive_all(op);
}

// Idle time earns no credit: neither the tin's clock nor the link's lies in the past when there was nothing
// to send.
static struct mqoe_cake_tin *wake_tin(struct mqoe_cake_op *op, uint32_t number, uint64_t arrival) {
    struct mqoe_cake *q = op->q;
    struct mqoe_cake_tin *t = q->tins[number] == MQOE_NO_RECORD
                                  ? open_tin(op, number)
                                  : mqoe_cake_tin_at(op->store, q->tins[number]);
    struct mqoe_cake_account *a = mqoe_cake_account(op->store, t->account);
    if (!t->backlog_packets && a->next < op->now)
        a->next = op->now;
    if (!op->stats->backlog_packets)
        mqoe_shaper_wake(op->shaper, arrival);
    return t;
}

// Takes an ACK out that the frame just appended makes redundant. Returns its bytes, 0 when there is none.
static uint32_t filter_acks(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    if (op->q->config.ack_filter == MQOE_ACK_FILTER_OFF || f->frames.head == f->frames.tail)
        return 0;
    struct mqoe_frame *ack = mqoe_ack_filter(&f->frames, op->q->config.ack_filter);
    if (!ack)
        return 0;
    uint32_t bytes = ack->len, before = f->bytes;
    f->bytes -= bytes;
    t->backlog_packets--;
    t->backlog_bytes -= bytes;
    op->stats->backlog_packets--;
    op->stats->backlog_bytes -= bytes;
    mqoe_cake_resized(op, flow, before);
    mqoe_cake_account(op->store, t->account)->ack_drops++;
    op->stats->drop_ack++;
    charge_drop(op, t, ack);
    mqoe_queue_drop(op->stats, op->dropped, ack, MQOE_DROP_AQM);
    return bytes;
}

// A queue that got a frame: a new one is sparse and goes before the old ones; one that waited for the end of
// its turn is bulk.
static void activate(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    if (f->state == MQOE_CAKE_SPARSE_WAIT) {
        f->state = MQOE_CAKE_BULK;
        t->sparse--;
        t->bulk++;
        mqoe_cake_hosts_add(op->store, f, 1);
    }
    if (f->state != MQOE_CAKE_NONE && f->state != MQOE_CAKE_DECAYING)
        return;
    if (f->state == MQOE_CAKE_DECAYING) {
        t->decays--;
        mqoe_cake_unlink(op->store, &t->decaying, flow);
    }
    f->state = MQOE_CAKE_SPARSE;
    t->sparse++;
    f->deficit = mqoe_cake_quantum(op, t, f);
    mqoe_cake_append(op->store, &t->fresh, flow);
}

static void append(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, uint32_t flow,
                   struct mqoe_frame *frame) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(op->store, flow);
    uint32_t before = f->bytes;
    mqoe_queue_push(&f->frames, &f->bytes, frame, op->stats);
    t->backlog_packets++;
    t->backlog_bytes += frame->len;
    mqoe_cake_resized(op, flow, before);
}

void mqoe_cake_enqueue(struct mqoe_cake *q, struct mqoe_sqm_pool *pool, struct mqoe_shaper *shaper,
                       struct mqoe_frame *frame, struct mqoe_queue_stats *stats,
                       struct mqoe_frame_list *dropped) {
    q->now = frame->time > q->now ? frame->time : q->now;
    struct mqoe_cake_op op = {q, &pool->cake, pool, shaper, stats, dropped, q->now};
    uint32_t len = frame->len;
    if (len > q->config.mtu + MQOE_CAKE_SLACK) {
        stats->drop_oversize++;
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_OVERFLOW);
        return;
    }
    struct mqoe_cake_tin *t = wake_tin(&op, mqoe_cake_classify(q->config.tins, frame), frame->time);
    struct mqoe_cake_account *a = mqoe_cake_account(op.store, t->account);
    a->max_len = len > a->max_len ? len : a->max_len;
    if (q->config.wash && frame->tos >> 2)
        mqoe_frame_set_dscp(frame, 0);
    uint32_t flow =
        mqoe_cake_flow_of(op.store, q->tins[t->number], q->config.isolation, frame, &pool->flows_exhausted);
    append(&op, t, flow, frame);
    len -= filter_acks(&op, t, flow);
    if (q->config.autorate_ingress)
        estimate_rate(&op, len);
    activate(&op, t, flow);
    mqoe_cake_overflow(&op);
}

// ---- dequeue ----

struct mqoe_frame *mqoe_cake_dequeue(struct mqoe_cake *q, struct mqoe_sqm_pool *pool,
                                     struct mqoe_shaper *shaper, uint64_t now, struct mqoe_queue_stats *stats,
                                     struct mqoe_frame_list *dropped) {
    q->now = now > q->now ? now : q->now;
    struct mqoe_cake_op op = {q, &pool->cake, pool, shaper, stats, dropped, q->now};
    if (q->heap_dequeues)
        q->heap_dequeues--;
    if (!stats->backlog_packets) {
        mqoe_cake_rest(&op);
        return NULL;
    }
    struct mqoe_frame *frame = mqoe_cake_serve(&op);
    if (!stats->backlog_packets)
        mqoe_cake_linger(&op);
    return frame;
}

// ---- teardown ----

static void drain_list(struct mqoe_cake_op *op, struct mqoe_cake_tin *t, struct mqoe_cake_list *list,
                       struct mqoe_frame_list *frames) {
    while (list->head != MQOE_NO_RECORD) {
        uint32_t flow = list->head;
        for (struct mqoe_frame *frame; (frame = mqoe_cake_pop(op, t, flow));)
            mqoe_frame_list_push(frames, frame);
        mqoe_cake_unlink(op->store, list, flow);
        mqoe_cake_flow_release(op->store, flow);
    }
}

static void forget_account(struct mqoe_cake_store *store, uint32_t account) {
    uint32_t signalled = mqoe_cake_account(store, account)->signalled;
    if (signalled != MQOE_NO_RECORD)
        mqoe_slab_release(&store->signalled, signalled);
    mqoe_slab_release(&store->accounts, account);
}

void mqoe_cake_drain(struct mqoe_cake *q, struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                     struct mqoe_frame_list *frames) {
    struct mqoe_cake_op op = {q, &pool->cake, pool, NULL, stats, NULL, q->now};
    q->heap_dequeues = 0;
    for (uint32_t bits = q->active; bits; bits &= bits - 1) {
        uint32_t number = (uint32_t)__builtin_ctz(bits);
        struct mqoe_cake_tin *t = mqoe_cake_tin_at(op.store, q->tins[number]);
        drain_list(&op, t, &t->fresh, frames);
        drain_list(&op, t, &t->old, frames);
        drain_list(&op, t, &t->decaying, frames);
        mqoe_cake_close_tin(&op, number);
    }
    for (uint32_t i = 0; i < q->tin_count; i++)
        if (q->accounts[i] != MQOE_NO_RECORD)
            forget_account(op.store, q->accounts[i]);
    op.store->promised -= q->tin_count;
}

// ---- statistics ----

void mqoe_cake_stats(const struct mqoe_cake *q, const struct mqoe_queue_stats *stats,
                     struct mqoe_qdisc_stats *out) {
    out->memory_limit = q->memory_limit;
    out->tins = q->tin_count;
    out->drop_overlimit = stats->drop_overflow - stats->drop_oversize;
    if (q->config.autorate_ingress)
        out->capacity_estimate = q->autorate.peak * 8;
}

static void active_tin(const struct mqoe_cake_tin *t, struct mqoe_tin_stats *out) {
    out->backlog_packets = t->backlog_packets;
    out->backlog_bytes = t->backlog_bytes;
    out->sparse_flows = t->sparse;
    out->bulk_flows = t->bulk;
    out->decaying_flows = t->decays;
    out->unresponsive_flows = t->unresponsive;
}

bool mqoe_cake_tin_stats(const struct mqoe_cake *q, const struct mqoe_sqm_pool *pool, uint64_t rate,
                         uint32_t tin, struct mqoe_tin_stats *out) {
    if (tin >= q->tin_count || q->accounts[tin] == MQOE_NO_RECORD)
        return false;
    const struct mqoe_cake_account *a = mqoe_cake_account(&pool->cake, q->accounts[tin]);
    struct mqoe_cake_tin derived;
    mqoe_cake_derive(&derived, &q->config, tin, rate);
    *out = (struct mqoe_tin_stats){
        .threshold = rate ? derived.rate * 8 : 0,
        .target = derived.cobalt.target,
        .interval = derived.cobalt.interval,
        .delay_peak = a->delay_peak,
        .delay_average = a->delay_average,
        .delay_base = a->delay_base,
        .out_packets = a->out_packets,
        .out_bytes = a->out_bytes,
        .drops = a->drops,
        .marks = a->marks,
        .ack_drops = a->ack_drops,
        .way_hits = a->way_hits,
        .way_misses = a->way_misses,
        .way_collisions = a->way_collisions,
        .max_len = a->max_len,
        .quantum = derived.flow_quantum,
    };
    if (q->tins[tin] != MQOE_NO_RECORD)
        active_tin(mqoe_cake_tin_at(&pool->cake, q->tins[tin]), out);
    return true;
}
