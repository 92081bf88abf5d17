#include "dataplane/recorder.h"

#include <stdio.h>

#define STEP_RECORDS  256u    // per call: about 0.2 ms
#define STEP_INTERVAL 500000u // ns between two parts of one set
#define HISTORY       3u      // seconds that a segment holds; the reader drains it every second

int mqoe_recorder_open(struct mqoe_recorder *r, uint32_t reactor, uint32_t circuits, struct mqoe_error *e) {
    *r = (struct mqoe_recorder){.due = MQOE_NEVER, .clients.fd = -1, .reactor.fd = -1};
    snprintf(r->writer, sizeof r->writer, "dataplane-%u", reactor);
    const uint64_t sets = HISTORY * 10;
    int err = mqoe_segment_create(&r->clients, "dp_client", r->writer, (circuits ? circuits : 1) * sets);
    if (err)
        return mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_client of %u circuits", circuits);
    err = mqoe_segment_create(&r->reactor, "dp_reactor", r->writer, sets);
    if (err)
        return mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_reactor");
    return 0;
}

void mqoe_recorder_close(struct mqoe_recorder *r) {
    if (r->clients.fd >= 0)
        mqoe_segment_close(&r->clients);
    if (r->reactor.fd >= 0)
        mqoe_segment_close(&r->reactor);
    r->clients.fd = r->reactor.fd = -1;
}

void mqoe_recorder_go(struct mqoe_recorder *r, const struct mqoe_engine *e, uint64_t t0, uint64_t now) {
    r->running = true;
    r->t0 = t0;
    r->due = t0;
    if (now > t0) // told late: the next multiple
        r->due += (now - t0 + MQOE_RECORD_INTERVAL - 1) / MQOE_RECORD_INTERVAL * MQOE_RECORD_INTERVAL;
    r->written = e->client_count * 2;
}

static void write_circuit(struct mqoe_recorder *r, struct mqoe_engine *e, uint32_t index, uint64_t now) {
    struct mqoe_leaf *leaf = &e->circuits[index].leaf;
    const struct mqoe_queue_stats *s = &leaf->stats;
    struct mqoe_sojourn sojourn;
    mqoe_leaf_interval(leaf, &sojourn);
    struct mqoe_record_dp_client *to = mqoe_segment_next(&r->clients);
    *to = (struct mqoe_record_dp_client){.time = (int64_t)(now - r->t0),
                                         .client = e->client_ids[index / 2],
                                         .direction = index % 2,
                                         .in_packets = s->in_packets,
                                         .in_bytes = s->in_bytes,
                                         .out_packets = s->out_packets,
                                         .out_bytes = s->out_bytes,
                                         .out_shaped_bytes = s->out_shaped_bytes,
                                         .drop_aqm = s->drop_aqm,
                                         .drop_overflow = s->drop_overflow,
                                         .marks = s->marks,
                                         .sojourn_sum = s->sojourn_sum,
                                         .sojourn_max = sojourn.max,
                                         .sojourn_p50 = sojourn.p50,
                                         .sojourn_p99 = sojourn.p99,
                                         .backlog_packets = s->backlog_packets,
                                         .backlog_bytes = s->backlog_bytes};
    mqoe_segment_publish(&r->clients);
}

static void write_reactor(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu) {
    struct mqoe_accounting a;
    mqoe_engine_account(e, &a);
    const struct mqoe_port_kernel *ka = &a.kernel[MQOE_ACCESS], *kc = &a.kernel[MQOE_CORE];
    struct mqoe_record_dp_reactor *to = mqoe_segment_next(&r->reactor);
    *to = (struct mqoe_record_dp_reactor){.time = (int64_t)(now - r->t0),
                                          .reactor = e->reactor,
                                          .held = a.leaf + a.line + a.in_transmit,
                                          .rx_access = a.received[MQOE_ACCESS],
                                          .rx_core = a.received[MQOE_CORE],
                                          .tx_access = a.sent[MQOE_ACCESS],
                                          .tx_core = a.sent[MQOE_CORE],
                                          .drop_aqm = a.aqm,
                                          .drop_overflow = a.overflow,
                                          .drop_path = a.path,
                                          .drop_rig = a.rig,
                                          .drop_unclassified = a.unclassified,
                                          .xsk_rx_dropped = ka->rx_dropped + kc->rx_dropped,
                                          .xsk_rx_invalid = ka->rx_invalid + kc->rx_invalid,
                                          .xsk_fill_empty = ka->fill_empty + kc->fill_empty,
                                          .xsk_tx_invalid = ka->tx_invalid + kc->tx_invalid,
                                          .free_frames = e->umem->in_place[MQOE_FREE],
                                          .wakeups = r->wakeups,
                                          .kicks = e->ports[MQOE_ACCESS]->kicks + e->ports[MQOE_CORE]->kicks,
                                          .cpu = cpu,
                                          .timer_late_max = e->late_max};
    mqoe_segment_publish(&r->reactor);
    e->late_max = 0;
}

// Writes the next part of the set; true when that was its end.
static bool write_step(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint32_t most) {
    uint32_t circuits = e->client_count * 2;
    for (uint32_t i = 0; i < most && r->written < circuits; i++)
        write_circuit(r, e, r->written++, now);
    return r->written == circuits;
}

uint64_t mqoe_recorder_run(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu) {
    if (!r->running)
        return MQOE_NEVER;
    bool between = r->written == e->client_count * 2;
    if (between && now >= r->due) {
        write_reactor(r, e, now, cpu);
        r->due += ((now - r->due) / MQOE_RECORD_INTERVAL + 1) * MQOE_RECORD_INTERVAL;
        r->written = 0;
        r->step_due = now;
        between = false;
    }
    if (!between && now >= r->step_due) {
        between = write_step(r, e, now, STEP_RECORDS);
        r->step_due = now + STEP_INTERVAL;
    }
    return between ? r->due : r->step_due;
}

void mqoe_recorder_finish(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu) {
    if (!r->running)
        return;
    write_reactor(r, e, now, cpu);
    r->written = 0;
    write_step(r, e, now, UINT32_MAX);
    r->running = false;
}
