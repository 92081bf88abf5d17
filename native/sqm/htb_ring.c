#include "sqm/htb_ring.h"

#define ROUND         (UINT64_C(1) << 24)
#define LEAST_QUANTUM 256u // bytes, of a subtree that sends small frames now and then
#define MOST_QUANTUM  (UINT32_C(1) << 28)
#define SUDDEN        8u // times the mean: a change, no fluctuation

// ---- pairing heap ----

// Joins two heaps; of equals the first stays in front.
static uint32_t meld(struct mqoe_htb_turn *turns, uint32_t a, uint32_t b) {
    if (!a || !b)
        return a ? a : b;
    if (turns[b].start < turns[a].start) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    turns[b].prev = a;
    turns[b].next = turns[a].child;
    if (turns[a].child)
        turns[turns[a].child].prev = b;
    turns[a].child = b;
    turns[a].prev = turns[a].next = 0;
    return a;
}

// Makes one heap of the children of a heap that is taken apart: two by two, then all of these from the end.
static uint32_t meld_children(struct mqoe_htb_turn *turns, uint32_t first) {
    uint32_t pairs = 0;
    while (first) {
        uint32_t a = first, b = turns[a].next;
        first = b ? turns[b].next : 0;
        a = meld(turns, a, b);
        turns[a].next = pairs;
        pairs = a;
    }
    uint32_t heap = 0;
    while (pairs) {
        uint32_t rest = turns[pairs].next;
        turns[pairs].prev = turns[pairs].next = 0;
        heap = meld(turns, heap, pairs);
        pairs = rest;
    }
    return heap;
}

static void cut(struct mqoe_htb_turn *turns, uint32_t turn) {
    struct mqoe_htb_turn *t = &turns[turn];
    if (turns[t->prev].child == turn)
        turns[t->prev].child = t->next;
    else
        turns[t->prev].next = t->next;
    if (t->next)
        turns[t->next].prev = t->prev;
}

void mqoe_htb_ring_remove(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn) {
    uint32_t orphans = meld_children(turns, turns[turn].child);
    turns[turn].child = 0;
    if (turn == r->first) {
        r->first = orphans;
        return;
    }
    cut(turns, turn);
    r->first = meld(turns, r->first, orphans);
}

// ---- rounds ----

void mqoe_htb_ring_add(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn, uint32_t rounds) {
    struct mqoe_htb_turn *t = &turns[turn];
    uint64_t earliest = r->time > rounds * ROUND ? r->time - rounds * ROUND : 0;
    if (t->start < earliest)
        t->start = earliest;
    t->child = t->next = t->prev = 0;
    r->first = meld(turns, r->first, turn);
}

// A mean over some eight rounds: they differ, because children with a low ceil take part in few of them.
static void measure(struct mqoe_htb_ring *r) {
    uint64_t rounds = r->time - r->since;
    if (rounds < ROUND)
        return;
    uint64_t size = r->bytes * ROUND / rounds;
    uint32_t sample = size < MOST_QUANTUM ? (uint32_t)size : MOST_QUANTUM;
    if (sample / SUDDEN > r->average / 8)
        r->average = sample * 8;
    else
        r->average += sample - r->average / 8;
    r->bytes = 0;
    r->since = r->time;
}

void mqoe_htb_ring_charge(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn, uint32_t bytes,
                          uint32_t quantum) {
    struct mqoe_htb_turn *t = &turns[turn];
    if (r->time < t->start)
        r->time = t->start;
    measure(r);
    if (r->bytes < MOST_QUANTUM)
        r->bytes += bytes;
    if (quantum)
        mqoe_htb_ring_move(r, turns, turn, bytes * ROUND / quantum, true);
}

void mqoe_htb_ring_move(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn, uint64_t by,
                        bool waits) {
    if (waits)
        mqoe_htb_ring_remove(r, turns, turn);
    turns[turn].start += by;
    if (waits)
        r->first = meld(turns, r->first, turn);
}

uint32_t mqoe_htb_ring_quantum(const struct mqoe_htb_ring *r) {
    uint32_t mean = r->average / 8;
    uint32_t quantum = r->weight / SUDDEN > mean ? r->weight : mean;
    if (!quantum)
        return 0;
    quantum = quantum < MOST_QUANTUM ? quantum : MOST_QUANTUM;
    return quantum > LEAST_QUANTUM ? quantum : LEAST_QUANTUM;
}
