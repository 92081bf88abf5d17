#include "path/link.h"

#define BITS_NS 8000000000u // bits of a byte × ns of a second
#define MS      UINT64_C(1000000)

// Of Mahimahi: what one opportunity carries, and by how much a frame is longer than the packet that Mahimahi
// counts (the IP packet behind the 4 bytes of a TUN device, instead of 14 of Ethernet).
#define OPPORTUNITY_BYTES 1504u
#define ETHERNET_EXCESS   10u

#define NO_OPPORTUNITY    UINT64_MAX // so that the one after it is the first

uint64_t mqoe_path_link_bytes(const struct mqoe_path_link *link, uint32_t len) {
    int64_t bytes = (int64_t)len + link->packet_overhead;
    if (bytes < 0)
        bytes = 0;
    if (!link->cell_size)
        return (uint64_t)bytes;
    int64_t cells = (bytes + link->cell_size - 1) / link->cell_size;
    return (uint64_t)(cells * ((int64_t)link->cell_size + link->cell_overhead));
}

static uint64_t transmit_at_rate(struct mqoe_path_server *s, uint64_t due, uint64_t bytes) {
    uint64_t start = due;
    if (start > s->free_at)
        s->fraction = 0; // the link was idle: the frame starts at a whole nanosecond
    else
        start = s->free_at;
    if (!s->rate)
        return start;
    if (bytes < UINT32_MAX / 2) {
        uint64_t busy = bytes * BITS_NS + s->fraction; // no overflow below 2^31 bytes
        s->fraction = busy % s->rate;
        return start + busy / s->rate;
    }
    unsigned __int128 busy = (unsigned __int128)bytes * BITS_NS + s->fraction; // absurd cells
    s->fraction = (uint64_t)(busy % s->rate);
    return start + (uint64_t)(busy / s->rate);
}

static uint64_t opportunity_at(const struct mqoe_path_trace *t, uint64_t origin, uint64_t number) {
    uint64_t period = t->opportunities[t->opportunity_count - 1];
    return origin +
           (number / t->opportunity_count * period + t->opportunities[number % t->opportunity_count]) * MS;
}

// The first opportunity after `time`: one at the very moment is over, as in Mahimahi.
static uint64_t opportunity_after(const struct mqoe_path_trace *t, uint64_t origin, uint64_t time) {
    uint64_t period = t->opportunities[t->opportunity_count - 1] * MS;
    if (time < origin)
        return 0;
    uint64_t cycle = (time - origin) / period, rest = (time - origin) % period;
    uint32_t low = 0, high = t->opportunity_count - 1; // the last one is at `period`
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->opportunities[middle] * MS > rest)
            high = middle;
        else
            low = middle + 1;
    }
    return cycle * t->opportunity_count + low;
}

static void take_opportunity(struct mqoe_path_server *s, const struct mqoe_path_trace *t, uint64_t origin,
                             uint64_t number) {
    s->opportunity = number;
    s->opportunity_at = opportunity_at(t, origin, number);
    s->opportunity_left = OPPORTUNITY_BYTES;
}

static uint64_t transmit_by_trace(struct mqoe_path_server *s, const struct mqoe_path_trace *t,
                                  uint64_t origin, uint64_t due, uint32_t len) {
    uint64_t left = len > ETHERNET_EXCESS ? len - ETHERNET_EXCESS : 1;
    bool fresh = s->opportunity == NO_OPPORTUNITY;
    if (fresh || s->opportunity_at <= due) { // what is left of that one is wasted
        uint64_t from = fresh && s->free_at > due ? s->free_at : due;
        take_opportunity(s, t, origin, opportunity_after(t, origin, from));
    }
    while (left > s->opportunity_left) {
        left -= s->opportunity_left;
        take_opportunity(s, t, origin, s->opportunity + 1);
    }
    s->opportunity_left -= left;
    return s->opportunity_at;
}

void mqoe_path_server_reset_trace(struct mqoe_path_server *s) {
    s->opportunity = NO_OPPORTUNITY;
}

void mqoe_path_transmit(struct mqoe_path_server *s, const struct mqoe_path_config *config, uint64_t origin,
                        uint64_t due, uint32_t len) {
    if (config->trace.kind == MQOE_PATH_TRACE_MAHIMAHI)
        s->free_at = transmit_by_trace(s, &config->trace, origin, due, len);
    else
        s->free_at = transmit_at_rate(s, due, mqoe_path_link_bytes(&config->link, len));
}

void mqoe_path_server_set_rate(struct mqoe_path_server *s, uint64_t rate, uint64_t now) {
    if (rate == s->rate)
        return;
    unsigned __int128 left = 0; // in units of 1/rate ns, as `fraction`
    if (s->free_at > now && s->rate) {
        left = (unsigned __int128)(s->free_at - now) * s->rate + s->fraction;
        s->free_at = now + (rate ? (uint64_t)(left / rate) : 0);
    }
    s->fraction = rate ? (uint64_t)(left % rate) : 0;
    s->rate = rate;
}

static void next_slot(struct mqoe_path_server *s, const struct mqoe_path_slot *slot, uint64_t from) {
    uint64_t delay;
    if (slot->distributed) {
        delay = mqoe_path_spreader_next(&s->slot, &slot->spread, slot->spread.mean);
    } else {
        unsigned __int128 choices = (unsigned __int128)(slot->max_delay - slot->min_delay) + 1;
        delay = slot->min_delay + (uint64_t)(choices * mqoe_random_u64(&s->slot.random) >> 64);
    }
    s->slot_at = from + delay;
    s->slot_packets = slot->packets ? slot->packets : UINT64_MAX;
    s->slot_bytes = slot->bytes ? slot->bytes : UINT64_MAX;
}

uint64_t mqoe_path_slot_leave(struct mqoe_path_server *s, const struct mqoe_path_slot *slot, uint64_t at,
                              uint32_t len) {
    if (at > s->slot_at)
        next_slot(s, slot, at);
    else if (!s->slot_packets) // the first one of all
        next_slot(s, slot, s->slot_at);
    uint64_t leaves = s->slot_at;
    s->slot_packets--;
    s->slot_bytes -= len < s->slot_bytes ? len : s->slot_bytes;
    if (!s->slot_packets || !s->slot_bytes)
        next_slot(s, slot, s->slot_at);
    return leaves;
}
