#include "sqm/fq_codel.h"

#include <errno.h>
#include <inttypes.h>

#define DEFAULT_DROP_BATCH 64u
#define MIN_QUANTUM        256u
#define MAX_QUANTUM        (1u << 20)
#define MAX_FLOWS          65536u

static int check_times(const struct mqoe_fq_codel_config *c, struct mqoe_error *e) {
    uint64_t longest = MQOE_CODEL_MAX_INTERVAL;
    if (c->target < 1024 || c->target > c->interval || c->interval > longest)
        return mqoe_fail(e, EINVAL, "fq_codel", "1.024 us <= target <= interval <= 100 s",
                         "target %" PRIu64 " ns, interval %" PRIu64 " ns", c->target, c->interval);
    if (c->ce_threshold < -1 || c->ce_threshold > (int64_t)longest)
        return mqoe_fail(e, EINVAL, "fq_codel", "0 … 100 s, or -1 for none", "ce_threshold %" PRId64 " ns",
                         c->ce_threshold);
    return 0;
}

int mqoe_fq_codel_check(const struct mqoe_fq_codel_config *c, struct mqoe_error *e) {
    int error = check_times(c, e);
    if (error)
        return error;
    if (c->quantum < MIN_QUANTUM || c->quantum > MAX_QUANTUM)
        return mqoe_fail(e, EINVAL, "fq_codel", "256 … 1,048,576 bytes", "quantum %u", c->quantum);
    if (!c->flows || c->flows > MAX_FLOWS)
        return mqoe_fail(e, EINVAL, "fq_codel", "1 … 65,536", "flows %u", c->flows);
    if (!c->limit)
        return mqoe_fail(e, EINVAL, "fq_codel", "at least 1 packet", "limit 0");
    if (c->memory_limit < MQOE_FRAME_MEMORY)
        return mqoe_fail(e, EINVAL, "fq_codel", "at least one frame's memory, 2,048 bytes",
                         "memory limit %" PRIu64, c->memory_limit);
    return 0;
}

static void configure(struct mqoe_fq_codel *q, const struct mqoe_fq_codel_config *c) {
    uint64_t frames = c->memory_limit / MQOE_FRAME_MEMORY;
    q->codel = (struct mqoe_codel_params){
        .target = mqoe_codel_ticks(c->target),
        .interval = mqoe_codel_ticks(c->interval),
        .ce_threshold = c->ce_threshold < 0 ? UINT32_MAX : mqoe_codel_ticks((uint64_t)c->ce_threshold),
        .mtu = c->mtu,
        .ecn = c->ecn,
    };
    q->quantum = c->quantum;
    // Each frame costs the same memory, so the memory limit is another packet limit.
    q->limit = frames < c->limit ? (uint32_t)frames : c->limit;
    q->drop_batch = c->drop_batch ? c->drop_batch : DEFAULT_DROP_BATCH;
}

int mqoe_fq_codel_init(struct mqoe_fq_codel *q, const struct mqoe_fq_codel_config *c,
                       struct mqoe_sqm_pool *pool, struct mqoe_error *e) {
    *q = (struct mqoe_fq_codel){
        .buckets = c->flows,
        .owner = mqoe_pool_owner(pool),
        .new_flows = {MQOE_NO_FLOW, MQOE_NO_FLOW},
        .old_flows = {MQOE_NO_FLOW, MQOE_NO_FLOW},
    };
    configure(q, c);
    q->reserve = mqoe_pool_take_reserve(pool, q->owner);
    if (q->reserve == MQOE_NO_FLOW)
        return mqoe_fail(e, ENOMEM, "fq_codel", "give the reactor's pool more flow records",
                         "%u flow records, all in use", pool->flow_count);
    return 0;
}

// ---- lists of flows ----

static void append(struct mqoe_sqm_pool *pool, struct mqoe_flow_list *list, uint32_t flow) {
    pool->flows[flow].next = MQOE_NO_FLOW;
    if (list->head == MQOE_NO_FLOW)
        list->head = flow;
    else
        pool->flows[list->tail].next = flow;
    list->tail = flow;
}

static uint32_t remove_head(struct mqoe_sqm_pool *pool, struct mqoe_flow_list *list) {
    uint32_t flow = list->head;
    list->head = pool->flows[flow].next;
    return flow;
}

static void move_to_old(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_flow_list *from) {
    uint32_t flow = remove_head(pool, from);
    pool->flows[flow].state = MQOE_FLOW_OLD;
    append(pool, &q->old_flows, flow);
}

// ---- enqueue ----

// The flow that a frame joins. Once somebody had to share the reserve flow, everybody without a queue does
// until it is empty: a later packet must not overtake through a queue of its own.
static uint32_t flow_of(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, const struct mqoe_frame *frame) {
    uint32_t bucket = mqoe_fq_codel_bucket(q, frame->hash);
    uint32_t flow = mqoe_pool_find(pool, q->owner, bucket);
    if (flow != MQOE_NO_FLOW)
        return flow;
    if (!pool->flows[q->reserve].frames.head) {
        flow = mqoe_pool_take(pool, q->owner, bucket);
        if (flow != MQOE_NO_FLOW)
            return flow;
    }
    pool->flows_exhausted++;
    return q->reserve;
}

static void activate(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, uint32_t flow, uint64_t now) {
    struct mqoe_flow *f = &pool->flows[flow];
    if (f->state == MQOE_FLOW_NEW || f->state == MQOE_FLOW_OLD)
        return;
    if (f->state == MQOE_FLOW_IDLE)
        mqoe_pool_unidle(pool, flow); // with the CoDel state that it was kept for
    else
        mqoe_codel_init(&f->codel, &q->codel, mqoe_codel_ticks(now));
    f->state = MQOE_FLOW_NEW;
    f->deficit = (int32_t)q->quantum;
    append(pool, &q->new_flows, flow);
    q->new_flow_count++;
}

static struct mqoe_flow *fattest(const struct mqoe_sqm_pool *pool, const struct mqoe_flow_list *list,
                                 struct mqoe_flow *best) {
    for (uint32_t i = list->head; i != MQOE_NO_FLOW; i = pool->flows[i].next)
        if (!best || pool->flows[i].bytes > best->bytes)
            best = &pool->flows[i];
    return best;
}

// The queue with most bytes loses half of them, at most a batch, from its head; its CoDel is told how many.
// The batch pays for the search, which is linear in the active flows.
static void overflow(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                     struct mqoe_frame_list *dropped) {
    struct mqoe_flow *victim = fattest(pool, &q->new_flows, NULL);
    victim = fattest(pool, &q->old_flows, victim);
    uint32_t before = victim->bytes, count = 0;
    do {
        struct mqoe_frame *frame = mqoe_queue_pop(&victim->frames, &victim->bytes, stats);
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_OVERFLOW);
    } while (++count < q->drop_batch && before - victim->bytes < before / 2);
    victim->codel.count += count;
}

void mqoe_fq_codel_enqueue(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_frame *frame,
                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    uint32_t flow = flow_of(q, pool, frame);
    mqoe_queue_push(&pool->flows[flow].frames, &pool->flows[flow].bytes, frame, stats);
    activate(q, pool, flow, frame->time);
    if (stats->backlog_packets > q->limit)
        overflow(q, pool, stats, dropped);
}

void mqoe_fq_codel_set(struct mqoe_fq_codel *q, const struct mqoe_fq_codel_config *c,
                       struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                       struct mqoe_frame_list *dropped) {
    configure(q, c);
    while (stats->backlog_packets > q->limit)
        overflow(q, pool, stats, dropped);
}

// ---- dequeue ----

// The head flow of `list` has used up its deficit: a new one, and to the end of the round.
static void end_turn(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_flow_list *list) {
    pool->flows[list->head].deficit += (int32_t)q->quantum;
    move_to_old(q, pool, list);
}

// The head flow of `list` is empty. A new one passes through the old list once, so that it cannot come back
// as new again and again and starve the old ones; an old one leaves, and its record goes where it is needed.
static void retire(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_flow_list *list,
                   uint64_t now) {
    if (list == &q->new_flows && q->old_flows.head != MQOE_NO_FLOW) {
        move_to_old(q, pool, list);
        return;
    }
    uint32_t flow = remove_head(pool, list);
    if (flow == q->reserve)
        pool->flows[flow].state = MQOE_FLOW_REST;
    else if (mqoe_codel_stale(&pool->flows[flow].codel, &q->codel, mqoe_codel_ticks(now)))
        mqoe_pool_release(pool, flow);
    else
        mqoe_pool_idle(pool, flow);
}

struct mqoe_frame *mqoe_fq_codel_dequeue(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, uint64_t now,
                                         struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    for (;;) {
        struct mqoe_flow_list *list = q->new_flows.head != MQOE_NO_FLOW ? &q->new_flows : &q->old_flows;
        if (list->head == MQOE_NO_FLOW)
            return NULL;
        struct mqoe_flow *f = &pool->flows[list->head];
        if (f->deficit <= 0) {
            end_turn(q, pool, list);
            continue;
        }
        struct mqoe_codel_queue queue = {&f->frames, &f->bytes};
        struct mqoe_frame *frame = mqoe_codel_dequeue(&f->codel, &q->codel, queue, now, stats, dropped);
        if (frame) {
            f->deficit -= (int32_t)frame->len;
            // A new flow's turn is over. Linux finds that out on the next call, before anything else; by then
            // the flow's record would have left the cache. (An old one's place among those that new flows
            // become meanwhile depends on when it is moved.)
            if (f->deficit <= 0 && list == &q->new_flows)
                end_turn(q, pool, list);
            return frame;
        }
        retire(q, pool, list, now);
    }
}

// ---- statistics ----

static uint32_t length(const struct mqoe_sqm_pool *pool, const struct mqoe_flow_list *list) {
    uint32_t count = 0;
    for (uint32_t i = list->head; i != MQOE_NO_FLOW; i = pool->flows[i].next)
        count++;
    return count;
}

void mqoe_fq_codel_stats(const struct mqoe_fq_codel *q, const struct mqoe_sqm_pool *pool,
                         struct mqoe_tin_stats *out) {
    out->target = (uint64_t)q->codel.target << 10;
    out->interval = (uint64_t)q->codel.interval << 10;
    out->quantum = q->quantum;
    out->sparse_flows = length(pool, &q->new_flows);
    out->bulk_flows = length(pool, &q->old_flows);
    out->new_flow_count = q->new_flow_count;
}

// ---- teardown ----

static void drain_list(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_flow_list *list,
                       struct mqoe_queue_stats *stats, struct mqoe_frame_list *frames) {
    while (list->head != MQOE_NO_FLOW) {
        uint32_t flow = remove_head(pool, list);
        struct mqoe_flow *f = &pool->flows[flow];
        for (struct mqoe_frame *frame; (frame = mqoe_queue_pop(&f->frames, &f->bytes, stats));)
            mqoe_frame_list_push(frames, frame);
        if (flow != q->reserve)
            mqoe_pool_release(pool, flow);
    }
}

void mqoe_fq_codel_drain(struct mqoe_fq_codel *q, struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                         struct mqoe_frame_list *frames) {
    drain_list(q, pool, &q->new_flows, stats, frames);
    drain_list(q, pool, &q->old_flows, stats, frames);
    mqoe_pool_forget(pool, q->owner);
    mqoe_pool_release(pool, q->reserve);
}
