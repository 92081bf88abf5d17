#include "sqm/pfifo.h"

#include <errno.h>

int mqoe_pfifo_check(const struct mqoe_pfifo_config *config, struct mqoe_error *e) {
    if (config->limit)
        return 0;
    return mqoe_fail(e, EINVAL, "pfifo", "at least 1 packet", "limit 0");
}

void mqoe_pfifo_init(struct mqoe_pfifo *q, const struct mqoe_pfifo_config *config) {
    *q = (struct mqoe_pfifo){.limit = config->limit, .limit_bytes = UINT32_MAX};
}

int mqoe_bfifo_check(const struct mqoe_bfifo_config *config, struct mqoe_error *e) {
    if (config->limit)
        return 0;
    return mqoe_fail(e, EINVAL, "bfifo", "at least 1 byte; one frame of Ethernet has up to 1514", "limit 0");
}

void mqoe_bfifo_init(struct mqoe_pfifo *q, const struct mqoe_bfifo_config *config) {
    *q = (struct mqoe_pfifo){.limit = UINT32_MAX, .limit_bytes = config->limit};
}

void mqoe_pfifo_enqueue(struct mqoe_pfifo *q, struct mqoe_frame *frame, struct mqoe_queue_stats *stats,
                        struct mqoe_frame_list *dropped) {
    uint64_t bytes = (uint64_t)stats->backlog_bytes + frame->len;
    if (stats->backlog_packets >= q->limit || bytes > q->limit_bytes)
        mqoe_queue_drop(stats, dropped, frame, MQOE_DROP_OVERFLOW);
    else
        mqoe_queue_push(&q->frames, &q->bytes, frame, stats);
}

struct mqoe_frame *mqoe_pfifo_dequeue(struct mqoe_pfifo *q, struct mqoe_queue_stats *stats) {
    return mqoe_queue_pop(&q->frames, &q->bytes, stats);
}
