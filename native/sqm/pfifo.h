// A first-in first-out queue with tail drop: the contrast to every AQM. pfifo limits it in packets, bfifo in
// bytes.
#pragma once

#include "record/error.h"
#include "sqm/queue_stats.h"

struct mqoe_pfifo_config {
    uint32_t limit; // packets, ≥ 1
};

struct mqoe_bfifo_config {
    uint32_t limit; // bytes of frames, ≥ 1; a frame larger than it never gets in
};

struct mqoe_pfifo {
    struct mqoe_frame_list frames;
    uint32_t bytes, limit;
    uint32_t limit_bytes; // UINT32_MAX = none
};

int mqoe_pfifo_check(const struct mqoe_pfifo_config *config, struct mqoe_error *e);
void mqoe_pfifo_init(struct mqoe_pfifo *q, const struct mqoe_pfifo_config *config);
int mqoe_bfifo_check(const struct mqoe_bfifo_config *config, struct mqoe_error *e);
void mqoe_bfifo_init(struct mqoe_pfifo *q, const struct mqoe_bfifo_config *config);
void mqoe_pfifo_enqueue(struct mqoe_pfifo *q, struct mqoe_frame *frame, struct mqoe_queue_stats *stats,
                        struct mqoe_frame_list *dropped);
struct mqoe_frame *mqoe_pfifo_dequeue(struct mqoe_pfifo *q, struct mqoe_queue_stats *stats);
