#include "sqm/discipline.h"

#include <errno.h>

int mqoe_discipline_check(const struct mqoe_discipline_config *config, struct mqoe_error *e) {
    switch (config->kind) {
    case MQOE_NONE:
        return 0;
    case MQOE_PFIFO:
        return mqoe_pfifo_check(&config->pfifo, e);
    case MQOE_FQ_CODEL:
        return mqoe_fq_codel_check(&config->fq_codel, e);
    default:
        break;
    }
    return mqoe_fail(e, EINVAL, "discipline", "fq_codel, pfifo or none", "discipline number %d",
                     (int)config->kind);
}

// What `none` is to pfifo: frames pass at once, so nothing is ever there to be limited.
static struct mqoe_pfifo_config fifo_config(const struct mqoe_discipline_config *config) {
    return config->kind == MQOE_NONE ? (struct mqoe_pfifo_config){.limit = UINT32_MAX} : config->pfifo;
}

int mqoe_discipline_init(struct mqoe_discipline *d, const struct mqoe_discipline_config *config,
                         struct mqoe_sqm_pool *pool, struct mqoe_error *e) {
    d->kind = config->kind;
    if (d->kind == MQOE_FQ_CODEL)
        return mqoe_fq_codel_init(&d->fq_codel, &config->fq_codel, pool, e);
    struct mqoe_pfifo_config fifo = fifo_config(config);
    mqoe_pfifo_init(&d->pfifo, &fifo);
    return 0;
}

bool mqoe_discipline_set(struct mqoe_discipline *d, const struct mqoe_discipline_config *config,
                         struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                         struct mqoe_frame_list *dropped) {
    if (d->kind != config->kind)
        return false;
    if (d->kind == MQOE_FQ_CODEL) {
        if (d->fq_codel.buckets != config->fq_codel.flows)
            return false;
        mqoe_fq_codel_set(&d->fq_codel, &config->fq_codel, pool, stats, dropped);
    } else {
        d->pfifo.limit = fifo_config(config).limit;
    }
    return true;
}

void mqoe_discipline_enqueue(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool,
                             struct mqoe_shaper *shaper, struct mqoe_frame *frame,
                             struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    (void)shaper;
    if (d->kind == MQOE_FQ_CODEL)
        mqoe_fq_codel_enqueue(&d->fq_codel, pool, frame, stats, dropped);
    else
        mqoe_pfifo_enqueue(&d->pfifo, frame, stats, dropped);
}

struct mqoe_frame *mqoe_discipline_dequeue(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool,
                                           struct mqoe_shaper *shaper, uint64_t now,
                                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    (void)shaper;
    if (d->kind == MQOE_FQ_CODEL)
        return mqoe_fq_codel_dequeue(&d->fq_codel, pool, now, stats, dropped);
    return mqoe_pfifo_dequeue(&d->pfifo, stats);
}

void mqoe_discipline_drain(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool,
                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *frames) {
    if (d->kind == MQOE_FQ_CODEL)
        mqoe_fq_codel_drain(&d->fq_codel, pool, stats, frames);
    else
        for (struct mqoe_frame *frame; (frame = mqoe_pfifo_dequeue(&d->pfifo, stats));)
            mqoe_frame_list_push(frames, frame);
}

// ---- statistics ----

static void fifo_stats(uint32_t limit, struct mqoe_qdisc_stats *out) {
    out->memory_limit = limit == UINT32_MAX ? 0 : (uint64_t)limit * MQOE_FRAME_MEMORY;
}

void mqoe_discipline_stats(const struct mqoe_discipline *d, const struct mqoe_shaper *shaper,
                           const struct mqoe_queue_stats *stats, struct mqoe_qdisc_stats *out) {
    *out = (struct mqoe_qdisc_stats){
        .memory_used = (uint64_t)stats->backlog_packets * MQOE_FRAME_MEMORY,
        .capacity_estimate = shaper->rate * 8,
        .drop_overlimit = stats->drop_overflow,
        .tins = 1,
    };
    if (d->kind == MQOE_FQ_CODEL)
        fifo_stats(d->fq_codel.limit, out);
    else if (d->kind == MQOE_PFIFO || d->kind == MQOE_NONE)
        fifo_stats(d->pfifo.limit, out);
}

// What one queue for everything counts is what the whole discipline counts.
static void single_tin(const struct mqoe_shaper *shaper, const struct mqoe_queue_stats *stats,
                       struct mqoe_tin_stats *out) {
    *out = (struct mqoe_tin_stats){
        .threshold = shaper->rate * 8,
        .out_packets = stats->out_packets,
        .out_bytes = stats->out_bytes,
        .drops = stats->drop_aqm + stats->drop_overflow - stats->drop_ack,
        .marks = stats->marks,
        .ack_drops = stats->drop_ack,
        .backlog_packets = stats->backlog_packets,
        .backlog_bytes = stats->backlog_bytes,
        .max_len = stats->max_len,
    };
}

bool mqoe_discipline_tin(const struct mqoe_discipline *d, const struct mqoe_sqm_pool *pool,
                         const struct mqoe_shaper *shaper, const struct mqoe_queue_stats *stats, uint32_t tin,
                         struct mqoe_tin_stats *out) {
    if (tin > 0 || !stats->in_packets)
        return false;
    single_tin(shaper, stats, out);
    if (d->kind == MQOE_FQ_CODEL)
        mqoe_fq_codel_stats(&d->fq_codel, pool, out);
    return true;
}
