#include "traffic/tally.h"

#include <errno.h>
#include <stdlib.h>

#define MARGIN 4 // bins: the one being filled, and those that the next look is late for

uint64_t traffic_tally_waiting(int64_t width) {
    return (uint64_t)(TRAFFIC_GIVE_UP / width) + MARGIN;
}

int64_t traffic_tally_horizon(int64_t width) {
    return TRAFFIC_GIVE_UP + MARGIN * width;
}

int traffic_tally_open(struct traffic_tally *t, const struct traffic_pair *pair, int64_t width,
                       uint64_t window) {
    *t = (struct traffic_tally){
        .stream = (uint32_t)pair->id, .width = width, .sent_size = (uint32_t)traffic_tally_waiting(width)};
    t->sent = calloc(t->sent_size, sizeof *t->sent);
    if (!t->sent || traffic_sequence_open(&t->window, window))
        return -ENOMEM;
    t->arrived.end = t->sent[0].end = (pair->start / width + 1) * width;
    return 0;
}

void traffic_tally_close(struct traffic_tally *t) {
    traffic_sequence_close(&t->window);
    free(t->sent);
    t->sent = NULL;
}

// ---- records ----

static void record_arrived(struct traffic_tally *t) {
    const struct traffic_arrived_bin *b = &t->arrived;
    struct mqoe_record_udp_bin *r = mqoe_segment_next(t->arrived_records);
    *r = (struct mqoe_record_udp_bin){
        .time = b->end,
        .stream = t->stream,
        .packets = b->packets,
        .bytes = b->bytes,
        .reordered = b->reordered,
        .late = b->late,
        .duplicates = b->duplicates,
        .overruns = t->overruns,
    };
    mqoe_segment_publish(t->arrived_records);
}

static void record_sent(struct traffic_tally *t, const struct traffic_sent_bin *b, uint64_t lost,
                        uint64_t pending) {
    uint64_t packets = b->last - b->first;
    struct mqoe_record_udp_sent *r = mqoe_segment_next(t->sent_records);
    *r = (struct mqoe_record_udp_sent){
        .time = b->end,
        .stream = t->stream,
        .packets = (uint32_t)packets,
        .bytes = b->bytes,
        .refused = b->refused,
        .skipped = b->skipped,
        .lost = (uint32_t)lost,
        .pending = (uint32_t)pending,
        .late_max = (uint64_t)b->late_max,
    };
    mqoe_segment_publish(t->sent_records);
}

// ---- bins ----

static void advance_arrived(struct traffic_tally *t, int64_t now) {
    while (t->arrived.end <= now) {
        record_arrived(t);
        t->arrived = (struct traffic_arrived_bin){.end = t->arrived.end + t->width};
    }
}

static struct traffic_sent_bin *sent_bin(struct traffic_tally *t, uint64_t number) {
    return &t->sent[number % t->sent_size];
}

// Writes finished bins whose packets have all arrived, or that were over at `given_up`, oldest first.
static void decide(struct traffic_tally *t, int64_t given_up) {
    for (; t->oldest < t->newest; t->oldest++) {
        const struct traffic_sent_bin *b = sent_bin(t, t->oldest);
        uint64_t missing = traffic_sequence_missing(&t->window, b->first, b->last);
        if (missing && b->end > given_up)
            return;
        record_sent(t, b, missing, 0);
        traffic_sequence_decide(&t->window, b->last);
    }
}

// What is given up is so before the ring is full: a bin waits for no longer than the waiting time.
static void advance_sent(struct traffic_tally *t, int64_t now) {
    while (sent_bin(t, t->newest)->end <= now) {
        struct traffic_sent_bin *b = sent_bin(t, t->newest++);
        b->last = t->window.next;
        decide(t, b->end - TRAFFIC_GIVE_UP);
        *sent_bin(t, t->newest) = (struct traffic_sent_bin){.end = b->end + t->width, .first = b->last};
    }
}

void traffic_tally_advance(struct traffic_tally *t, int64_t now) {
    advance_arrived(t, now);
    advance_sent(t, now);
    decide(t, now - TRAFFIC_GIVE_UP);
}

struct traffic_sent_bin *traffic_tally_sending(struct traffic_tally *t, int64_t now) {
    advance_sent(t, now);
    return sent_bin(t, t->newest);
}

void traffic_tally_sent(struct traffic_tally *t, uint64_t packets, uint64_t bytes, int64_t now) {
    traffic_tally_sending(t, now)->bytes += bytes;
    traffic_sequence_sent(&t->window, packets);
}

bool traffic_tally_arrive(struct traffic_tally *t, uint64_t number, uint32_t bytes, int64_t now) {
    advance_arrived(t, now);
    struct traffic_arrived_bin *b = &t->arrived;
    switch (traffic_sequence_arrive(&t->window, number)) {
    case TRAFFIC_UNSENT:
        return false;
    case TRAFFIC_DUPLICATE:
        b->duplicates++;
        return true;
    case TRAFFIC_LATE:
        b->late++;
        break;
    case TRAFFIC_REORDERED:
        b->reordered++;
        break;
    case TRAFFIC_IN_ORDER:
        break;
    }
    b->packets++;
    b->bytes += bytes;
    return true;
}

void traffic_tally_end(struct traffic_tally *t, int64_t now) {
    traffic_tally_advance(t, now);
    if (t->arrived.end - t->width < now) {
        record_arrived(t);
        sent_bin(t, t->newest++)->last = t->window.next;
    }
    decide(t, INT64_MAX);
}

void traffic_tally_break_off(struct traffic_tally *t, int64_t now) {
    traffic_tally_advance(t, now);
    for (; t->oldest < t->newest; t->oldest++) {
        const struct traffic_sent_bin *b = sent_bin(t, t->oldest);
        record_sent(t, b, 0, traffic_sequence_missing(&t->window, b->first, b->last));
    }
}
