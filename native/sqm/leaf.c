#include "sqm/leaf.h"

#include <errno.h>
#include <inttypes.h>

#define MIN_RATE UINT64_C(512)          // bit/s: 64 bytes/s, the shaper's smallest
#define MAX_RATE UINT64_C(400000000000) // bit/s

static int check_framing(const struct mqoe_framing *f, struct mqoe_error *e) {
    if (f->overhead < -64 || f->overhead > 256)
        return mqoe_fail(e, EINVAL, "framing", "-64 … 256 bytes", "overhead %d", f->overhead);
    if (f->mpu > 256)
        return mqoe_fail(e, EINVAL, "framing", "0 … 256 bytes", "mpu %u", f->mpu);
    if (f->base > MQOE_FRAMING_IP || f->cell > MQOE_CELL_PTM)
        return mqoe_fail(e, EINVAL, "framing", "base frame or ip; cell none, atm or ptm", "base %u, cell %u",
                         f->base, f->cell);
    return 0;
}

int mqoe_leaf_check(const struct mqoe_leaf_config *config, struct mqoe_error *e) {
    if (config->rate && (config->rate < MIN_RATE || config->rate > MAX_RATE))
        return mqoe_fail(e, EINVAL, "shaper", "512 bit/s … 400 Gbit/s, or 0 for unlimited",
                         "rate %" PRIu64 " bit/s", config->rate);
    if (config->rate && config->discipline.kind == MQOE_NONE)
        return mqoe_fail(e, EINVAL, "shaper", "set the rate to 0, or choose a discipline that queues",
                         "rate %" PRIu64 " bit/s with discipline none", config->rate);
    int error = check_framing(&config->framing, e);
    return error ? error : mqoe_discipline_check(&config->discipline, e);
}

int mqoe_leaf_init(struct mqoe_leaf *leaf, const struct mqoe_leaf_config *config, struct mqoe_sqm_pool *pool,
                   uint64_t now, struct mqoe_error *e) {
    int error = mqoe_leaf_check(config, e);
    if (error)
        return error;
    *leaf = (struct mqoe_leaf){.framing = config->framing, .pool = pool};
    mqoe_shaper_init(&leaf->shaper, config->rate, now);
    error = mqoe_discipline_init(&leaf->discipline, &config->discipline, pool, e);
    if (!error)
        mqoe_discipline_rate(&leaf->discipline, pool, &leaf->shaper, &leaf->stats, NULL); // nothing is held
    return error;
}

// Replaces the discipline and moves the queued frames over; each keeps the arrival time it has.
static int replace_discipline(struct mqoe_leaf *leaf, const struct mqoe_discipline_config *config,
                              struct mqoe_frame_list *dropped, struct mqoe_error *e) {
    struct mqoe_discipline fresh;
    struct mqoe_frame_list frames = {0};
    int error = mqoe_discipline_init(&fresh, config, leaf->pool, e);
    if (error)
        return error;
    mqoe_discipline_drain(&leaf->discipline, leaf->pool, &leaf->stats, &frames);
    leaf->discipline = fresh;
    mqoe_discipline_rate(&leaf->discipline, leaf->pool, &leaf->shaper, &leaf->stats, dropped);
    for (struct mqoe_frame *frame; (frame = mqoe_frame_list_pop(&frames));)
        mqoe_discipline_enqueue(&leaf->discipline, leaf->pool, &leaf->shaper, frame, &leaf->stats, dropped);
    return 0;
}

int mqoe_leaf_change(struct mqoe_leaf *leaf, const struct mqoe_leaf_config *config, uint64_t now,
                     struct mqoe_frame_list *dropped, struct mqoe_error *e) {
    int error = mqoe_leaf_check(config, e);
    if (error)
        return error;
    if (!mqoe_discipline_set(&leaf->discipline, &config->discipline, leaf->pool, &leaf->stats, dropped))
        error = replace_discipline(leaf, &config->discipline, dropped, e);
    if (error)
        return error;
    leaf->framing = config->framing;
    if (!leaf->stats.backlog_packets) // an idle link is not late
        mqoe_shaper_wake(&leaf->shaper, now);
    mqoe_shaper_set_rate(&leaf->shaper, config->rate, now);
    mqoe_discipline_rate(&leaf->discipline, leaf->pool, &leaf->shaper, &leaf->stats, dropped);
    return 0;
}

void mqoe_leaf_enqueue(struct mqoe_leaf *leaf, struct mqoe_frame *frame, uint64_t arrival,
                       struct mqoe_frame_list *dropped) {
    frame->time = arrival;
    frame->shaped_len = mqoe_framing_adjust(&leaf->framing, frame->len, frame->l3_offset);
    leaf->stats.in_packets++;
    leaf->stats.in_bytes += frame->len;
    if (leaf->stats.max_len < frame->len)
        leaf->stats.max_len = frame->len;
    mqoe_discipline_enqueue(&leaf->discipline, leaf->pool, &leaf->shaper, frame, &leaf->stats, dropped);
}

static void record_sojourn(struct mqoe_leaf *leaf, uint64_t sojourn) {
    leaf->stats.sojourn_sum += sojourn;
    if (leaf->interval_max < sojourn)
        leaf->interval_max = sojourn;
    // The first delivery of an interval asks for a histogram; if there is none the whole interval goes
    // without.
    if (leaf->interval_count++ == 0 && !mqoe_histogram_open(&leaf->pool->histograms, &leaf->histogram))
        leaf->pool->histograms_exhausted++;
    if (mqoe_histogram_is_open(&leaf->histogram))
        mqoe_histogram_count(&leaf->pool->histograms, &leaf->histogram, sojourn);
}

static void deliver(struct mqoe_leaf *leaf, struct mqoe_frame *frame, uint64_t now) {
    // When the link got to this frame, however late we are: not before it arrived, even if older ones were
    // dropped only now and left the link nothing to do in the meantime.
    mqoe_shaper_wake(&leaf->shaper, frame->time);
    uint64_t free_at = mqoe_shaper_gate(&leaf->shaper);
    if (free_at > now) // drops of this very call have used the link (CAKE's ingress mode)
        free_at = now;
    record_sojourn(leaf, now > frame->time ? now - frame->time : 0);
    leaf->stats.out_packets++;
    leaf->stats.out_bytes += frame->len;
    leaf->stats.out_shaped_bytes += frame->shaped_len;
    mqoe_shaper_charge(&leaf->shaper, frame->shaped_len, false);
    if (frame->time < free_at)
        frame->time = free_at;
}

struct mqoe_frame *mqoe_leaf_dequeue(struct mqoe_leaf *leaf, uint64_t now, uint64_t *next_at,
                                     struct mqoe_frame_list *dropped) {
    // The gate comes before the AQM, which must see each frame once; and before an empty queue ends its
    // round.
    uint64_t gate = mqoe_leaf_next(leaf);
    if (gate != MQOE_NEVER && gate > now) {
        *next_at = gate;
        return NULL;
    }
    struct mqoe_frame *frame =
        mqoe_discipline_dequeue(&leaf->discipline, leaf->pool, &leaf->shaper, now, &leaf->stats, dropped);
    if (frame)
        deliver(leaf, frame, now);
    *next_at = mqoe_leaf_next(leaf);
    return frame;
}

void mqoe_leaf_qdisc_stats(const struct mqoe_leaf *leaf, struct mqoe_qdisc_stats *out) {
    mqoe_discipline_stats(&leaf->discipline, &leaf->shaper, &leaf->stats, out);
}

bool mqoe_leaf_tin(const struct mqoe_leaf *leaf, uint32_t tin, struct mqoe_tin_stats *out) {
    return mqoe_discipline_tin(&leaf->discipline, leaf->pool, &leaf->shaper, &leaf->stats, tin, out);
}

static uint64_t quantile(const struct mqoe_leaf *leaf, uint32_t per_mille) {
    uint64_t edge =
        mqoe_histogram_quantile(&leaf->pool->histograms, &leaf->histogram, leaf->interval_count, per_mille);
    return edge < leaf->interval_max ? edge : leaf->interval_max;
}

void mqoe_leaf_interval(struct mqoe_leaf *leaf, struct mqoe_sojourn *sojourn) {
    *sojourn = (struct mqoe_sojourn){.count = leaf->interval_count, .max = leaf->interval_max};
    sojourn->p50 = sojourn->p99 = sojourn->max;
    if (mqoe_histogram_is_open(&leaf->histogram)) {
        sojourn->p50 = quantile(leaf, 500);
        sojourn->p99 = quantile(leaf, 990);
        mqoe_histogram_close(&leaf->pool->histograms, &leaf->histogram);
    }
    leaf->interval_count = 0;
    leaf->interval_max = 0;
}

void mqoe_leaf_drain(struct mqoe_leaf *leaf, struct mqoe_frame_list *frames) {
    struct mqoe_sojourn ignored;
    mqoe_discipline_drain(&leaf->discipline, leaf->pool, &leaf->stats, frames);
    mqoe_leaf_interval(leaf, &ignored);
}
