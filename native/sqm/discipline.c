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
    case MQOE_CAKE:
        return mqoe_cake_check(&config->cake, e);
    case MQOE_CODEL:
        return mqoe_codel_fifo_check(&config->codel, e);
    case MQOE_COBALT:
        return mqoe_cobalt_fifo_check(&config->cobalt, e);
    case MQOE_BFIFO:
        return mqoe_bfifo_check(&config->bfifo, e);
    case MQOE_DUALPI2:
        return mqoe_dualpi2_check(&config->dualpi2, e);
    default:
        break;
    }
    return mqoe_fail(e, EINVAL, "discipline", "cake, fq_codel, codel, cobalt, dualpi2, pfifo, bfifo or none",
                     "discipline number %d", (int)config->kind);
}

// What `none` is to pfifo: frames pass at once, so nothing is ever there to be limited.
static struct mqoe_pfifo_config fifo_config(const struct mqoe_discipline_config *config) {
    return config->kind == MQOE_NONE ? (struct mqoe_pfifo_config){.limit = UINT32_MAX} : config->pfifo;
}

int mqoe_discipline_init(struct mqoe_discipline *d, const struct mqoe_discipline_config *config,
                         struct mqoe_sqm_pool *pool, struct mqoe_error *e) {
    d->kind = config->kind;
    struct mqoe_pfifo_config fifo = fifo_config(config);
    switch (d->kind) {
    case MQOE_FQ_CODEL:
        return mqoe_fq_codel_init(&d->fq_codel, &config->fq_codel, pool, e);
    case MQOE_CAKE:
        return mqoe_cake_init(&d->cake, &config->cake, pool, e);
    case MQOE_CODEL:
        mqoe_codel_fifo_init(&d->codel, &config->codel);
        return 0;
    case MQOE_COBALT:
        mqoe_cobalt_fifo_init(&d->cobalt, &config->cobalt);
        return 0;
    case MQOE_BFIFO:
        mqoe_bfifo_init(&d->pfifo, &config->bfifo);
        return 0;
    case MQOE_DUALPI2:
        mqoe_dualpi2_init(&d->dualpi2, &config->dualpi2);
        return 0;
    default:
        mqoe_pfifo_init(&d->pfifo, &fifo);
        return 0;
    }
}

bool mqoe_discipline_set(struct mqoe_discipline *d, const struct mqoe_discipline_config *config,
                         struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                         struct mqoe_frame_list *dropped) {
    if (d->kind != config->kind)
        return false;
    switch (d->kind) {
    case MQOE_FQ_CODEL:
        if (d->fq_codel.buckets != config->fq_codel.flows)
            return false;
        mqoe_fq_codel_set(&d->fq_codel, &config->fq_codel, pool, stats, dropped);
        break;
    case MQOE_CAKE:
        return mqoe_cake_set(&d->cake, &config->cake);
    case MQOE_CODEL:
        mqoe_codel_fifo_set(&d->codel, &config->codel, stats, dropped);
        break;
    case MQOE_COBALT:
        mqoe_cobalt_fifo_set(&d->cobalt, &config->cobalt, stats, dropped);
        break;
    case MQOE_BFIFO:
        d->pfifo.limit_bytes = config->bfifo.limit;
        break;
    case MQOE_DUALPI2:
        mqoe_dualpi2_set(&d->dualpi2, &config->dualpi2, stats, dropped);
        break;
    default:
        d->pfifo.limit = fifo_config(config).limit;
    }
    return true;
}

void mqoe_discipline_rate(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool, struct mqoe_shaper *shaper,
                          struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped) {
    if (d->kind == MQOE_CAKE)
        mqoe_cake_rate(&d->cake, pool, shaper, stats, dropped);
}

// Hands over the frames of a single queue.
static void drain_queue(struct mqoe_frame_list *queue, uint32_t *bytes, struct mqoe_queue_stats *stats,
                        struct mqoe_frame_list *frames) {
    for (struct mqoe_frame *frame; (frame = mqoe_queue_pop(queue, bytes, stats));)
        mqoe_frame_list_push(frames, frame);
}

void mqoe_discipline_drain(struct mqoe_discipline *d, struct mqoe_sqm_pool *pool,
                           struct mqoe_queue_stats *stats, struct mqoe_frame_list *frames) {
    switch (d->kind) {
    case MQOE_CAKE:
        mqoe_cake_drain(&d->cake, pool, stats, frames);
        break;
    case MQOE_FQ_CODEL:
        mqoe_fq_codel_drain(&d->fq_codel, pool, stats, frames);
        break;
    case MQOE_CODEL:
        drain_queue(&d->codel.frames, &d->codel.bytes, stats, frames);
        break;
    case MQOE_COBALT:
        drain_queue(&d->cobalt.frames, &d->cobalt.bytes, stats, frames);
        break;
    case MQOE_DUALPI2:
        mqoe_dualpi2_drain(&d->dualpi2, stats, frames);
        break;
    default:
        drain_queue(&d->pfifo.frames, &d->pfifo.bytes, stats, frames);
    }
}

// ---- statistics ----

// The limit in packets; UINT32_MAX = none (also bfifo, whose bytes are not the memory's).
static uint32_t limit_of(const struct mqoe_discipline *d) {
    switch (d->kind) {
    case MQOE_FQ_CODEL:
        return d->fq_codel.limit;
    case MQOE_CODEL:
        return d->codel.limit;
    case MQOE_COBALT:
        return d->cobalt.limit;
    case MQOE_DUALPI2:
        return d->dualpi2.limit;
    default:
        return d->pfifo.limit;
    }
}

void mqoe_discipline_stats(const struct mqoe_discipline *d, const struct mqoe_shaper *shaper,
                           const struct mqoe_queue_stats *stats, struct mqoe_qdisc_stats *out) {
    *out = (struct mqoe_qdisc_stats){
        .memory_used = (uint64_t)stats->backlog_packets * MQOE_FRAME_MEMORY,
        .capacity_estimate = shaper->rate * 8,
        .drop_overlimit = stats->drop_overflow,
        .tins = 1,
    };
    if (d->kind == MQOE_CAKE) {
        mqoe_cake_stats(&d->cake, stats, out);
        return;
    }
    uint32_t limit = limit_of(d);
    if (limit != UINT32_MAX)
        out->memory_limit = (uint64_t)limit * MQOE_FRAME_MEMORY;
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
    if (d->kind == MQOE_CAKE)
        return mqoe_cake_tin_stats(&d->cake, pool, shaper->rate, tin, out);
    if (tin > 0 || !stats->in_packets)
        return false;
    single_tin(shaper, stats, out);
    switch (d->kind) {
    case MQOE_FQ_CODEL:
        mqoe_fq_codel_stats(&d->fq_codel, pool, out);
        break;
    case MQOE_CODEL:
        out->target = (uint64_t)d->codel.params.target << 10;
        out->interval = (uint64_t)d->codel.params.interval << 10;
        break;
    case MQOE_COBALT:
        out->target = d->cobalt.params.target;
        out->interval = d->cobalt.params.interval;
        out->unresponsive_flows = d->cobalt.unresponsive;
        break;
    case MQOE_DUALPI2:
        out->target = d->dualpi2.target;
        out->interval = d->dualpi2.tupdate;
        break;
    default:
        break;
    }
    return true;
}
