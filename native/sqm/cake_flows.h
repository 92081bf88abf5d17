// CAKE's set-associative hash of flows and hosts (reference/algorithms.md §1.5, §1.6).
#pragma once

#include "sqm/cake.h"

// Which queue of the tin takes a frame with these keyed hashes. A new one is in no list (MQOE_CAKE_NONE).
// `isolation` says which hosts are told apart. Counts what kind of hit it was. When no record is left the
// oldest decaying queue of the tin gives up its own; after that everybody without a queue shares the tin's
// reserve until that is empty: a later frame must not overtake through a queue of its own. That is counted in
// *exhausted.
uint32_t mqoe_cake_flow_of(struct mqoe_cake_store *store, uint32_t tin, enum mqoe_cake_isolation isolation,
                           const struct mqoe_frame *frame, uint64_t *exhausted);

// Makes the tin's reserve queue an empty one.
void mqoe_cake_reserve_init(struct mqoe_cake_store *store, uint32_t tin);

// Takes an empty queue, which is in no list, out of the index and returns its record. The reserve rests.
void mqoe_cake_flow_release(struct mqoe_cake_store *store, uint32_t flow);

// The queue is bulk now, or no more: its hosts have one more bulk flow (`by` = 1) or one less (−1).
void mqoe_cake_hosts_add(const struct mqoe_cake_store *store, const struct mqoe_cake_flow *flow, int by);

// The part of a quantum that the queue gets, of 65,536: what the busier of its hosts has for each bulk flow.
static inline uint32_t mqoe_cake_host_share(const struct mqoe_cake_store *store,
                                            const struct mqoe_cake_flow *flow) {
    uint32_t src = store->losses[(uint32_t)(flow->host[MQOE_CAKE_SRC] + 1)], // no record: 0
        dst = store->losses[(uint32_t)(flow->host[MQOE_CAKE_DST] + 1)];
    return MQOE_CAKE_WHOLE_SHARE - (src > dst ? src : dst);
}

// ---- a tin's lists ----

static inline void mqoe_cake_append(const struct mqoe_cake_store *store, struct mqoe_cake_list *list,
                                    uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    f->next = MQOE_NO_RECORD;
    f->prev = list->tail;
    *(f->prev == MQOE_NO_RECORD ? &list->head : &mqoe_cake_flow(store, f->prev)->next) = flow;
    list->tail = flow;
}

static inline void mqoe_cake_unlink(const struct mqoe_cake_store *store, struct mqoe_cake_list *list,
                                    uint32_t flow) {
    const struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    *(f->prev == MQOE_NO_RECORD ? &list->head : &mqoe_cake_flow(store, f->prev)->next) = f->next;
    *(f->next == MQOE_NO_RECORD ? &list->tail : &mqoe_cake_flow(store, f->next)->prev) = f->prev;
}
