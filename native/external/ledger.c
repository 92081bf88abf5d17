#include "external/ledger.h"

#include <stdbool.h>
#include <string.h>

// What the interface itself lost never came to the command or was taken off its hands; the harness reads the
// interfaces' own counters and names the place, so here such a frame was never in. Otherwise it would count
// twice.
static uint64_t lost(const struct mqoe_ledger *l) {
    return l->last[0].lost - l->base[0].lost + l->last[1].lost - l->base[1].lost;
}

uint64_t mqoe_ledger_received(const struct mqoe_ledger *l, int side) {
    return l->last[side].received - l->base[side].received;
}

uint64_t mqoe_ledger_sent(const struct mqoe_ledger *l, int side) {
    uint64_t sent = l->last[side].sent - l->base[side].sent, own = l->last[side].own - l->base[side].own;
    return sent > own ? sent - own : 0;
}

static uint64_t total_in(const struct mqoe_ledger *l) {
    uint64_t received = mqoe_ledger_received(l, 0) + mqoe_ledger_received(l, 1);
    return received > lost(l) ? received - lost(l) : 0;
}

static uint64_t total_out(const struct mqoe_ledger *l) {
    return mqoe_ledger_sent(l, 0) + mqoe_ledger_sent(l, 1);
}

// Frames that the command made itself would turn this negative.
static uint64_t missing(const struct mqoe_ledger *l) {
    uint64_t in = total_in(l), out = total_out(l);
    return in > out ? in - out : 0;
}

void mqoe_ledger_begin(struct mqoe_ledger *l, const struct mqoe_link_counters counters[2], int64_t now) {
    *l = (struct mqoe_ledger){.moved = now};
    memcpy(l->base, counters, sizeof l->base);
    memcpy(l->last, counters, sizeof l->last);
}

void mqoe_ledger_update(struct mqoe_ledger *l, const struct mqoe_link_counters counters[2], int64_t now) {
    bool undecided = missing(l) > l->dropped;
    memcpy(l->last, counters, sizeof l->last);
    // The wait begins with the first frame that is missing, not with the silence before it.
    if (!undecided || total_out(l) != l->out)
        l->moved = now;
    l->out = total_out(l);
    // Fewer are missing than were thought lost: it had held them for longer than we waited.
    if (missing(l) < l->dropped || now - l->moved >= MQOE_LEDGER_QUIET)
        l->dropped = missing(l);
}

void mqoe_ledger_close(struct mqoe_ledger *l) {
    l->dropped = missing(l);
}

struct mqoe_ledger_sums mqoe_ledger_sum(const struct mqoe_ledger *l) {
    return (struct mqoe_ledger_sums){
        .in = total_in(l), .out = total_out(l), .dropped = l->dropped, .held = missing(l) - l->dropped};
}
