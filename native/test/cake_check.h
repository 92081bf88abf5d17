// The invariants of a CAKE instance's records, walked in full: for the unit tests and the fuzzer.
#pragma once

#include <stdlib.h>

#include "sqm/cake_parts.h"
#include "sqm/leaf.h"

#ifndef CHECK
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)
#endif

struct cake_census {
    uint32_t flows, records, hosts; // in use; `records` without reserves; references to hosts
    uint32_t packets, bytes, filled;
    uint32_t bulk, sparse, decaying, unresponsive;
};

static inline void check_flow(const struct mqoe_cake_store *s, uint32_t flow, uint32_t tin,
                              struct cake_census *c) {
    const struct mqoe_cake_flow *f = mqoe_cake_flow(s, flow);
    uint32_t bytes = 0;
    for (const struct mqoe_frame *frame = f->frames.head; frame; frame = frame->next) {
        bytes += frame->len;
        c->packets++;
    }
    CHECK(f->tin == tin && bytes == f->bytes);
    c->bytes += bytes;
    c->filled += bytes != 0;
    c->flows++;
    c->records += flow < s->flows.count;
    c->hosts += (f->host[0] != MQOE_NO_RECORD) + (f->host[1] != MQOE_NO_RECORD);
    c->bulk += f->state == MQOE_CAKE_BULK;
    c->sparse += f->state == MQOE_CAKE_SPARSE || f->state == MQOE_CAKE_SPARSE_WAIT;
    c->decaying += f->state == MQOE_CAKE_DECAYING;
    c->unresponsive += f->cobalt.p_drop != 0;
    CHECK(f->state != MQOE_CAKE_NONE);
    CHECK(!bytes || f->state != MQOE_CAKE_DECAYING);
    CHECK(!bytes || f->state != MQOE_CAKE_SPARSE_WAIT);
}

static inline void check_list(const struct mqoe_cake_store *s, const struct mqoe_cake_list *list,
                              uint32_t tin, uint32_t states, struct cake_census *c) {
    uint32_t prev = MQOE_NO_RECORD;
    for (uint32_t i = list->head; i != MQOE_NO_RECORD; i = mqoe_cake_flow(s, i)->next) {
        CHECK(mqoe_cake_flow(s, i)->prev == prev && states >> mqoe_cake_flow(s, i)->state & 1);
        check_flow(s, i, tin, c);
        prev = i;
    }
    CHECK(list->tail == prev || list->head == MQOE_NO_RECORD);
}

// The bulk flows and references of a host, counted from the flows.
static inline void check_hosts_of(const struct mqoe_cake_store *s, const struct mqoe_cake_tin *t,
                                  uint32_t host) {
    const struct mqoe_cake_list *lists[] = {&t->fresh, &t->old, &t->decaying};
    uint32_t refs = 0, bulk = 0;
    for (int l = 0; l < 3; l++)
        for (uint32_t i = lists[l]->head; i != MQOE_NO_RECORD; i = mqoe_cake_flow(s, i)->next) {
            const struct mqoe_cake_flow *f = mqoe_cake_flow(s, i);
            uint32_t here = (f->host[0] == host) + (f->host[1] == host);
            refs += here;
            bulk += f->state == MQOE_CAKE_BULK ? here : 0;
        }
    CHECK(mqoe_cake_host(s, host)->refs == refs && mqoe_cake_host(s, host)->bulk == bulk && refs);
}

static inline void check_hosts(const struct mqoe_cake_store *s, const struct mqoe_cake_tin *t) {
    const struct mqoe_cake_list *lists[] = {&t->fresh, &t->old, &t->decaying};
    for (int l = 0; l < 3; l++)
        for (uint32_t i = lists[l]->head; i != MQOE_NO_RECORD; i = mqoe_cake_flow(s, i)->next)
            for (int side = 0; side < 2; side++)
                if (mqoe_cake_flow(s, i)->host[side] != MQOE_NO_RECORD)
                    check_hosts_of(s, t, mqoe_cake_flow(s, i)->host[side]);
}

// Heap order and links below `flow`; returns how many there are.
static inline uint32_t check_heap(const struct mqoe_cake_store *s, uint32_t flow) {
    if (flow == MQOE_NO_RECORD)
        return 0;
    uint32_t count = 1, prev = flow;
    const struct mqoe_cake_flow *f = mqoe_cake_flow(s, flow);
    CHECK(f->bytes);
    for (uint32_t i = f->heap_child; i != MQOE_NO_RECORD; i = mqoe_cake_flow(s, i)->heap_next) {
        CHECK(mqoe_cake_flow(s, i)->heap_prev == prev && mqoe_cake_flow(s, i)->bytes <= f->bytes);
        count += check_heap(s, i);
        prev = i;
    }
    return count;
}

static inline void check_tin(const struct mqoe_cake_store *s, const struct mqoe_cake *q, uint32_t number,
                             struct cake_census *all) {
    struct cake_census c = {0};
    uint32_t tin = q->tins[number];
    const struct mqoe_cake_tin *t = mqoe_cake_tin_at(s, tin);
    check_list(s, &t->fresh, tin, 1u << MQOE_CAKE_SPARSE, &c);
    check_list(s, &t->old, tin, 1u << MQOE_CAKE_BULK | 1u << MQOE_CAKE_SPARSE_WAIT, &c);
    check_list(s, &t->decaying, tin, 1u << MQOE_CAKE_DECAYING, &c);
    CHECK(t->number == number && t->account == q->accounts[number]);
    CHECK(c.flows && c.packets == t->backlog_packets && c.bytes == t->backlog_bytes);
    CHECK(c.bulk == t->bulk && c.sparse == t->sparse && c.decaying == t->decays);
    CHECK(c.unresponsive == t->unresponsive);
    check_hosts(s, t);
    all->packets += c.packets;
    all->bytes += c.bytes;
    all->filled += c.filled;
    all->records += c.records;
    all->hosts += c.hosts;
}

// Everything that must hold between two calls. Adds what the instance uses to *all.
static inline void check_cake(const struct mqoe_leaf *leaf, struct cake_census *all) {
    const struct mqoe_cake *q = &leaf->discipline.cake;
    const struct mqoe_cake_store *s = &leaf->pool->cake;
    struct cake_census c = {0};
    for (uint32_t i = 0; i < MQOE_MAX_TINS; i++) {
        CHECK((q->tins[i] != MQOE_NO_RECORD) == (q->active >> i & 1));
        if (q->tins[i] != MQOE_NO_RECORD)
            check_tin(s, q, i, &c);
    }
    CHECK(c.packets == leaf->stats.backlog_packets && c.bytes == leaf->stats.backlog_bytes);
    CHECK((uint64_t)c.packets * MQOE_FRAME_MEMORY <= q->memory_limit);
    if (q->heap_dequeues)
        CHECK(check_heap(s, q->heap) == c.filled);
    all->records += c.records;
    all->hosts += c.hosts;
}
