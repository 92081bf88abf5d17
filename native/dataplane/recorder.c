#include "dataplane/recorder.h"

#include <stdio.h>

#include "record/tins.h"

#define STEP_RECORDS  256u    // per call: about 0.2 ms
#define STEP_INTERVAL 500000u // ns between two parts of one set
#define STEP_TINS     128u    // records of tins per call, but always all of a circuit's: about as long
#define HISTORY       3u      // seconds that a segment holds; the reader drains it every second
#define LEAST_TINS    4096u   // records: whatever a change makes of the tins of a small lab

// Records of HISTORY seconds if all tins of all circuits are used, as they are configured now.
static uint64_t tin_records(const struct mqoe_engine *e) {
    uint64_t tins = 0;
    for (uint32_t i = 0; i < e->client_count * 2; i++) {
        struct mqoe_qdisc_stats q;
        mqoe_leaf_qdisc_stats(&e->circuits[i].leaf, &q);
        tins += q.tins;
    }
    return tins * HISTORY > LEAST_TINS ? tins * HISTORY : LEAST_TINS;
}

int mqoe_recorder_open(struct mqoe_recorder *r, const struct mqoe_engine *engine, struct mqoe_error *e) {
    const uint32_t circuits = engine->client_count * 2;
    *r = (struct mqoe_recorder){.client_set.interval = MQOE_RECORD_INTERVAL,
                                .tin_set.interval = MQOE_TIN_INTERVAL,
                                .clients.fd = -1,
                                .reactor.fd = -1,
                                .tins.fd = -1};
    snprintf(r->writer, sizeof r->writer, "dataplane-%u", engine->reactor);
    const uint64_t sets = HISTORY * 10;
    int err = mqoe_segment_create(&r->clients, "dp_client", r->writer, (circuits ? circuits : 1) * sets);
    if (err)
        return mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_client of %u circuits", circuits);
    err = mqoe_segment_create(&r->reactor, "dp_reactor", r->writer, sets);
    if (err)
        return mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_reactor");
    err = mqoe_segment_create(&r->tins, "dp_tin", r->writer, tin_records(engine));
    return err ? mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_tin of %u circuits", circuits) : 0;
}

void mqoe_recorder_close(struct mqoe_recorder *r) {
    if (r->clients.fd >= 0)
        mqoe_segment_close(&r->clients);
    if (r->reactor.fd >= 0)
        mqoe_segment_close(&r->reactor);
    if (r->tins.fd >= 0)
        mqoe_segment_close(&r->tins);
    r->clients.fd = r->reactor.fd = r->tins.fd = -1;
}

static void set_go(struct mqoe_record_set *s, uint32_t circuits, uint64_t t0, uint64_t now) {
    s->due = t0;
    if (now > t0) // told late: the next multiple
        s->due += (now - t0 + s->interval - 1) / s->interval * s->interval;
    s->written = circuits;
}

void mqoe_recorder_go(struct mqoe_recorder *r, const struct mqoe_engine *e, uint64_t t0, uint64_t now) {
    r->running = true;
    r->t0 = t0;
    set_go(&r->client_set, e->client_count * 2, t0, now);
    set_go(&r->tin_set, e->client_count * 2, t0, now);
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
                                         .backlog_bytes = s->backlog_bytes,
                                         .drop_ack = s->drop_ack};
    mqoe_segment_publish(&r->clients);
}

// Returns how many tins have seen traffic: so many records were written.
static uint32_t write_tins(struct mqoe_recorder *r, const struct mqoe_engine *e, uint32_t index,
                           uint64_t now) {
    const struct mqoe_leaf *leaf = &e->circuits[index].leaf;
    struct mqoe_qdisc_stats q;
    uint32_t count = 0;
    if (!leaf->stats.in_packets)
        return 0;
    mqoe_leaf_qdisc_stats(leaf, &q);
    for (uint32_t i = 0; i < q.tins; i++) {
        struct mqoe_tin_stats t;
        if (!mqoe_leaf_tin(leaf, i, &t))
            continue;
        struct mqoe_record_dp_tin *to = mqoe_segment_next(&r->tins);
        mqoe_tin_fill(to, &q, &t);
        to->time = (int64_t)(now - r->t0);
        to->client = e->client_ids[index / 2];
        to->direction = index % 2;
        to->tin = mqoe_tin_shown(leaf->discipline.kind == MQOE_CAKE, q.tins, i);
        to->discipline = leaf->discipline.kind;
        mqoe_segment_publish(&r->tins);
        count++;
    }
    return count;
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
                                          .timer_late_max = e->late_max,
                                          .path_lost = a.on_paths.lost,
                                          .path_overflow = a.on_paths.overflow,
                                          .path_down = a.on_paths.down,
                                          .duplicated = a.duplicated,
                                          .corrupted = a.on_paths.corrupted,
                                          .reordered = a.on_paths.reordered,
                                          .path_marks = a.on_paths.marked};
    mqoe_segment_publish(&r->reactor);
    e->late_max = 0;
}

// Write the next part of a set; true when that was its end.
static bool step_clients(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint32_t most) {
    uint32_t circuits = e->client_count * 2;
    for (uint32_t i = 0; i < most && r->client_set.written < circuits; i++)
        write_circuit(r, e, r->client_set.written++, now);
    return r->client_set.written == circuits;
}

static bool step_tins(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint32_t most) {
    uint32_t circuits = e->client_count * 2, records = 0;
    for (uint32_t i = 0; i < most && records < most && r->tin_set.written < circuits; i++)
        records += write_tins(r, e, r->tin_set.written++, now);
    return r->tin_set.written == circuits;
}

// A set begins.
static void set_begin(struct mqoe_record_set *s, uint64_t now) {
    s->due += ((now - s->due) / s->interval + 1) * s->interval;
    s->written = 0;
    s->step_due = now;
}

static uint64_t run_clients(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu) {
    struct mqoe_record_set *s = &r->client_set;
    bool between = s->written == e->client_count * 2;
    if (between && now >= s->due) {
        write_reactor(r, e, now, cpu);
        set_begin(s, now);
        between = false;
    }
    if (!between && now >= s->step_due) {
        between = step_clients(r, e, now, STEP_RECORDS);
        s->step_due = now + STEP_INTERVAL;
    }
    return between ? s->due : s->step_due;
}

static uint64_t run_tins(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now) {
    struct mqoe_record_set *s = &r->tin_set;
    bool between = s->written == e->client_count * 2;
    if (between && now >= s->due) {
        set_begin(s, now);
        between = false;
    }
    if (!between && now >= s->step_due) {
        between = step_tins(r, e, now, STEP_TINS);
        s->step_due = now + STEP_INTERVAL;
    }
    return between ? s->due : s->step_due;
}

uint64_t mqoe_recorder_run(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu) {
    if (!r->running)
        return MQOE_NEVER;
    uint64_t clients = run_clients(r, e, now, cpu), tins = run_tins(r, e, now);
    return clients < tins ? clients : tins;
}

void mqoe_recorder_finish(struct mqoe_recorder *r, struct mqoe_engine *e, uint64_t now, uint64_t cpu) {
    if (!r->running)
        return;
    write_reactor(r, e, now, cpu);
    r->client_set.written = r->tin_set.written = 0;
    step_clients(r, e, now, UINT32_MAX);
    step_tins(r, e, now, UINT32_MAX);
    r->running = false;
}
