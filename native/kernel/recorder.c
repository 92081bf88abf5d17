#include "kernel/recorder.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/tins.h"
#include "record/clock.h"
#include "record/tins.h"

#define HISTORY         3u // seconds that a segment holds; the reader drains it every second
#define ETHERNET_HEADER 14u
#define LEAST_TINS      4096u // records: whatever a change makes of the tins of a small lab

static uint64_t tin_records(uint32_t queues, uint32_t tins) {
    uint64_t records = (uint64_t)queues * tins * HISTORY;
    return records > LEAST_TINS ? records : LEAST_TINS;
}

int mqoe_kernel_recorder_open(struct mqoe_kernel_recorder *r, uint32_t queues, uint32_t tins,
                              struct mqoe_error *e) {
    *r = (struct mqoe_kernel_recorder){.clients.fd = -1, .reactor.fd = -1, .tins.fd = -1};
    const uint64_t sets = HISTORY * 10;
    r->bills = calloc(queues ? queues : 1, sizeof *r->bills);
    if (!r->bills)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "bills of %u queues", queues);
    int err = mqoe_segment_create(&r->clients, "dp_client", MQOE_KERNEL_WRITER, (queues ? queues : 1) * sets);
    if (err)
        return mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_client of %u queues", queues);
    err = mqoe_segment_create(&r->reactor, "dp_reactor", MQOE_KERNEL_WRITER, sets);
    if (err)
        return mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_reactor");
    err = mqoe_segment_create(&r->tins, "dp_tin", MQOE_KERNEL_WRITER, tin_records(queues, tins));
    return err ? mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_tin of %u queues", queues) : 0;
}

void mqoe_kernel_recorder_close(struct mqoe_kernel_recorder *r) {
    if (r->clients.fd >= 0)
        mqoe_segment_close(&r->clients);
    if (r->reactor.fd >= 0)
        mqoe_segment_close(&r->reactor);
    if (r->tins.fd >= 0)
        mqoe_segment_close(&r->tins);
    r->clients.fd = r->reactor.fd = r->tins.fd = -1;
    free(r->bills);
    r->bills = NULL;
}

void mqoe_kernel_recorder_go(struct mqoe_kernel_recorder *r, uint64_t t0, uint64_t now) {
    r->running = true;
    r->t0 = t0;
    r->due = mqoe_clock_due(t0, now, MQOE_KERNEL_INTERVAL);
    r->tins_due = mqoe_clock_due(t0, now, MQOE_KERNEL_TINS);
}

// ---- what nobody counts ----

uint64_t mqoe_kernel_shaped_bytes(const struct mqoe_framing *framing, uint64_t packets, uint64_t bytes) {
    if (!packets)
        return 0;
    if (framing->cell != MQOE_CELL_NONE)
        return packets *
               mqoe_framing_adjust(framing, (uint32_t)((bytes + packets / 2) / packets), ETHERNET_HEADER);
    int64_t each = framing->overhead - (framing->base == MQOE_FRAMING_IP ? (int64_t)ETHERNET_HEADER : 0);
    int64_t cost = (int64_t)bytes + (int64_t)packets * each, least = (int64_t)packets * framing->mpu;
    return (uint64_t)(cost > least ? cost : least);
}

// Bytes of `drops` packets that are as long as the mean of others.
static uint64_t estimate(uint64_t drops, uint64_t packets, uint64_t bytes, const struct mqoe_queue_count *q) {
    if (packets)
        return drops * bytes / packets;
    if (q->out_packets)
        return drops * (q->out_bytes / q->out_packets);
    return q->backlog_packets ? drops * q->backlog_bytes / q->backlog_packets : 0;
}

void mqoe_kernel_bill_settle(struct mqoe_kernel_bill *b, const struct mqoe_framing *framing,
                             const struct mqoe_queue_count *q) {
    uint64_t packets = q->out_packets - b->packets, bytes = q->out_bytes - b->bytes;
    uint64_t drops = q->aqm + q->overflow;
    b->shaped_bytes += mqoe_kernel_shaped_bytes(framing, packets, bytes);
    b->dropped_bytes += estimate(drops - b->drops, packets, bytes, q);
    b->packets = q->out_packets;
    b->bytes = q->out_bytes;
    b->drops = drops;
    // A long packet that waited and was dropped is estimated shorter: what came in does not get less by it.
    uint64_t in = q->out_bytes + b->dropped_bytes + q->backlog_bytes;
    b->in_bytes = in > b->in_bytes ? in : b->in_bytes;
}

static void settle(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader, uint32_t index) {
    const struct mqoe_kernel_client *client = &reader->tree->config->clients[index / 2];
    mqoe_kernel_bill_settle(&r->bills[index], &client->shaper[index % 2].framing, &reader->now.queues[index]);
}

void mqoe_kernel_recorder_settle(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader) {
    for (uint32_t i = 0; r->bills && i < reader->now.queue_count; i++)
        settle(r, reader, i);
}

// ---- records ----

// Qdiscs count what leaves. What entered is that, and what was dropped, and what is there.
static void write_queue(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader,
                        uint32_t index, int64_t time) {
    const struct mqoe_queue_count *q = &reader->now.queues[index];
    settle(r, reader, index);
    struct mqoe_record_dp_client *to = mqoe_segment_next(&r->clients);
    *to = (struct mqoe_record_dp_client){.time = time,
                                         .client = index / 2,
                                         .direction = index % 2,
                                         .in_packets =
                                             q->out_packets + q->aqm + q->overflow + q->backlog_packets,
                                         .in_bytes = r->bills[index].in_bytes,
                                         .out_packets = q->out_packets,
                                         .out_bytes = q->out_bytes,
                                         .out_shaped_bytes = r->bills[index].shaped_bytes,
                                         .drop_aqm = q->aqm,
                                         .drop_overflow = q->overflow,
                                         .marks = q->marks,
                                         .backlog_packets = q->backlog_packets,
                                         .backlog_bytes = q->backlog_bytes,
                                         .drop_ack = q->ack_drops};
    mqoe_segment_publish(&r->clients);
}

static void write_tins(void *context, uint32_t queue, const struct mqoe_qdisc_tins *tins) {
    struct mqoe_kernel_recorder *r = context;
    for (uint32_t i = 0; i < tins->count; i++) {
        const struct mqoe_tin_stats *t = &tins->tins[i];
        if (!(t->out_packets || t->drops || t->ack_drops || t->backlog_bytes))
            continue;
        struct mqoe_record_dp_tin *to = mqoe_segment_next(&r->tins);
        mqoe_tin_fill(to, &tins->qdisc, t);
        to->time = r->tins_time;
        to->client = queue / 2;
        to->direction = queue % 2;
        to->tin = (uint16_t)i;
        to->discipline = tins->discipline;
        mqoe_segment_publish(&r->tins);
    }
}

int mqoe_kernel_recorder_read(struct mqoe_kernel_recorder *r, struct mqoe_kernel_reader *reader, uint64_t now,
                              bool last, struct mqoe_error *e) {
    if (!r->running || (now < r->tins_due && !last))
        return mqoe_kernel_read(reader, e);
    r->tins_time = (int64_t)(now - r->t0);
    if (now >= r->tins_due)
        r->tins_due += ((now - r->tins_due) / MQOE_KERNEL_TINS + 1) * MQOE_KERNEL_TINS;
    return mqoe_kernel_read_tins(reader, write_tins, r, e);
}

static void write_reactor(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader,
                          int64_t time, uint64_t cpu) {
    const struct mqoe_kernel_accounting a = mqoe_kernel_account(reader);
    const struct mqoe_link_count *n = reader->now.link, *s = reader->start.link;
    struct mqoe_record_dp_reactor *to = mqoe_segment_next(&r->reactor);
    *to = (struct mqoe_record_dp_reactor){.time = time,
                                          .held = a.held,
                                          .rx_access = n[MQOE_KERNEL_DOWN].rx - s[MQOE_KERNEL_DOWN].rx,
                                          .rx_core = n[MQOE_KERNEL_UP].rx - s[MQOE_KERNEL_UP].rx,
                                          .tx_access = n[MQOE_KERNEL_DOWN].tx - s[MQOE_KERNEL_DOWN].tx,
                                          .tx_core = n[MQOE_KERNEL_UP].tx - s[MQOE_KERNEL_UP].tx,
                                          .drop_aqm = a.aqm,
                                          .drop_overflow = a.overflow,
                                          .drop_rig = a.rig + a.tx_dropped,
                                          .drop_unclassified = a.unclassified,
                                          .wakeups = r->wakeups,
                                          .cpu = cpu};
    mqoe_segment_publish(&r->reactor);
}

void mqoe_kernel_recorder_write(struct mqoe_kernel_recorder *r, const struct mqoe_kernel_reader *reader,
                                uint64_t now, uint64_t cpu) {
    int64_t time = (int64_t)(now - r->t0);
    for (uint32_t i = 0; i < reader->now.queue_count; i++)
        write_queue(r, reader, i, time);
    write_reactor(r, reader, time, cpu);
    if (now >= r->due)
        r->due += ((now - r->due) / MQOE_KERNEL_INTERVAL + 1) * MQOE_KERNEL_INTERVAL;
}
