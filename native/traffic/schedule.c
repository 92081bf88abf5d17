#include "traffic/schedule.h"

static uint64_t finalise(uint64_t z) {
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t traffic_mix(uint64_t seed, uint64_t purpose, uint64_t id) {
    return finalise(finalise(finalise(seed) ^ purpose) ^ id);
}

int64_t traffic_phase(uint64_t seed, uint64_t purpose, uint64_t id, int64_t interval) {
    return (int64_t)(traffic_mix(seed, purpose, id) % (uint64_t)interval);
}

int64_t traffic_slot_due(const struct traffic_slots *s, uint32_t slot) {
    return s->first + (int64_t)slot * s->interval;
}

uint32_t traffic_slots_total(const struct traffic_slots *s) {
    if (s->first >= s->stop)
        return 0;
    int64_t total = (s->stop - s->first + s->interval - 1) / s->interval;
    return total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
}

uint32_t traffic_slots_missed(const struct traffic_slots *s, int64_t now) {
    int64_t late = now - traffic_slot_due(s, s->next);
    if (late < s->interval)
        return 0;
    uint32_t left = traffic_slots_total(s) - s->next;
    int64_t missed = late / s->interval;
    return missed < left ? (uint32_t)missed : left;
}

void traffic_bins_open(struct traffic_bins *b, int64_t width, int64_t start) {
    *b = (struct traffic_bins){.width = width, .index = start / width};
}

void traffic_bins_advance(struct traffic_bins *b, int64_t now, traffic_bin_sink *sink, void *context) {
    while ((b->index + 1) * b->width <= now) {
        sink(context, (b->index + 1) * b->width, b->bytes, b->reads);
        b->index++;
        b->bytes = 0;
        b->reads = 0;
    }
}

void traffic_bins_add(struct traffic_bins *b, int64_t now, uint64_t bytes, traffic_bin_sink *sink,
                      void *context) {
    traffic_bins_advance(b, now, sink, context);
    b->bytes += bytes;
    b->reads++;
}

void traffic_bins_close(struct traffic_bins *b, int64_t end, traffic_bin_sink *sink, void *context) {
    traffic_bins_advance(b, end, sink, context);
    if (b->index * b->width < end)
        sink(context, (b->index + 1) * b->width, b->bytes, b->reads);
}
