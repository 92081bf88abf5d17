// From what a discipline reports of itself (sqm/tin_stats.h) to what is recorded of it (dp_tin).
#pragma once

#include <stdbool.h>

#include "record/records.h"
#include "sqm/tin_stats.h"

// Where tc shows tin number `tin` of a discipline that has so many: by rising priority. Cake's diffserv3 and
// diffserv4 have best effort as tin 0 and bulk as tin 1, and show bulk first (tin_order of sch_cake.c).
static inline uint16_t mqoe_tin_shown(bool cake, uint32_t tins, uint32_t tin) {
    return (uint16_t)(cake && (tins == 3 || tins == 4) && tin < 2 ? 1 - tin : tin);
}

// Sets every field of a record but time, client, direction, tin and discipline, which are 0 then.
static inline void mqoe_tin_fill(struct mqoe_record_dp_tin *to, const struct mqoe_qdisc_stats *q,
                                 const struct mqoe_tin_stats *t) {
    *to = (struct mqoe_record_dp_tin){.threshold = t->threshold,
                                      .target = t->target,
                                      .interval = t->interval,
                                      .delay_peak = t->delay_peak,
                                      .delay_average = t->delay_average,
                                      .delay_base = t->delay_base,
                                      .out_packets = t->out_packets,
                                      .out_bytes = t->out_bytes,
                                      .drops = t->drops,
                                      .marks = t->marks,
                                      .ack_drops = t->ack_drops,
                                      .way_hits = t->way_hits,
                                      .way_misses = t->way_misses,
                                      .way_collisions = t->way_collisions,
                                      .backlog_packets = t->backlog_packets,
                                      .backlog_bytes = t->backlog_bytes,
                                      .sparse_flows = t->sparse_flows,
                                      .bulk_flows = t->bulk_flows,
                                      .decaying_flows = t->decaying_flows,
                                      .unresponsive_flows = t->unresponsive_flows,
                                      .max_len = t->max_len,
                                      .quantum = t->quantum,
                                      .memory_used = q->memory_used,
                                      .memory_limit = q->memory_limit,
                                      .capacity = q->capacity_estimate,
                                      .drop_overlimit = q->drop_overlimit,
                                      .tins = q->tins,
                                      .new_flow_count = t->new_flow_count};
}
