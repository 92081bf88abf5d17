#include "sqm/cake_flows.h"

#include "sqm/cake_tins.h"

#define WAYS        MQOE_CAKE_WAYS
#define WHOLE_SHARE MQOE_CAKE_WHOLE_SHARE

// An index entry of a set, or of a set of hosts of one side.
static inline uint32_t entry_of(const struct mqoe_cake_store *store, uint32_t tin, uint32_t set) {
    uint64_t h = (tin ^ store->salt) * UINT64_C(0x9e3779b97f4a7c15) + set * UINT64_C(0xc2b2ae3d27d4eb4f);
    h ^= h >> 29;
    return (uint32_t)((h * UINT64_C(0xd6e8feb86659fd93)) >> 32) & store->index_mask;
}

// The first free way of a set in the order of search: from `inner` on, and round. `free` must not be 0.
static inline uint32_t first_way(uint32_t free, uint32_t inner) {
    uint32_t turned = (free >> inner | free << (WAYS - inner)) & 0xff;
    return (inner + (uint32_t)__builtin_ctz(turned)) % WAYS;
}

// ---- hosts ----

static uint32_t host_set(uint32_t slot, uint32_t side) {
    return slot / WAYS * 2 + side;
}

static uint32_t new_host(struct mqoe_cake_store *store, const struct mqoe_cake_host *host) {
    uint32_t record = mqoe_slab_take(&store->hosts); // cannot fail: two for each flow
    uint32_t *entry = &store->host_index[entry_of(store, host->tin, host_set(host->slot, host->side))];
    struct mqoe_cake_host *h = mqoe_cake_host(store, record);
    *h = *host;
    h->chain = *entry;
    *entry = record + 1;
    store->losses[record + 1] = 0;
    return record;
}

// The record of a host's slot: that with its tag, else the first slot without bulk flows, else its own, which
// it takes over. A slot without a record has no bulk flows.
static uint32_t host_of(struct mqoe_cake_store *store, uint32_t tin, uint32_t side, uint32_t hash) {
    uint32_t slot = hash % MQOE_CAKE_SLOTS, inner = slot % WAYS, free = 0xff, at[WAYS];
    for (uint32_t k = 0; k < WAYS; k++)
        at[k] = MQOE_NO_RECORD;
    uint32_t entry = store->host_index[entry_of(store, tin, host_set(slot, side))];
    while (entry) {
        const struct mqoe_cake_host *h = mqoe_cake_host(store, entry - 1);
        if (h->tin == tin && h->side == side && h->slot / WAYS == slot / WAYS) {
            if (h->tag == hash)
                return entry - 1;
            at[h->slot % WAYS] = entry - 1;
            free &= h->bulk ? ~(1u << h->slot % WAYS) : ~0u;
        }
        entry = h->chain;
    }
    uint32_t way = free ? first_way(free, inner) : inner;
    if (at[way] == MQOE_NO_RECORD)
        return new_host(store, &(struct mqoe_cake_host){.tin = tin,
                                                        .tag = hash,
                                                        .slot = (uint16_t)(slot - inner + way),
                                                        .side = (uint8_t)side});
    mqoe_cake_host(store, at[way])->tag = hash;
    return at[way];
}

static void unindex_host(struct mqoe_cake_store *store, uint32_t host) {
    const struct mqoe_cake_host *h = mqoe_cake_host(store, host);
    uint32_t *link = &store->host_index[entry_of(store, h->tin, host_set(h->slot, h->side))];
    while (*link != host + 1)
        link = &mqoe_cake_host(store, *link - 1)->chain;
    *link = h->chain;
}

void mqoe_cake_hosts_add(const struct mqoe_cake_store *store, const struct mqoe_cake_flow *flow, int by) {
    for (int side = MQOE_CAKE_SRC; side <= MQOE_CAKE_DST; side++) {
        if (flow->host[side] == MQOE_NO_RECORD)
            continue;
        struct mqoe_cake_host *h = mqoe_cake_host(store, flow->host[side]);
        h->bulk += (uint16_t)by;
        uint32_t share = WHOLE_SHARE / (h->bulk ? h->bulk : 1u);
        store->losses[flow->host[side] + 1] = (uint16_t)(WHOLE_SHARE - share);
    }
}

static void leave_hosts(struct mqoe_cake_store *store, struct mqoe_cake_flow *flow) {
    if (flow->state == MQOE_CAKE_BULK)
        mqoe_cake_hosts_add(store, flow, -1);
    for (int side = MQOE_CAKE_SRC; side <= MQOE_CAKE_DST; side++) {
        uint32_t host = flow->host[side];
        flow->host[side] = MQOE_NO_RECORD;
        if (host == MQOE_NO_RECORD || --mqoe_cake_host(store, host)->refs)
            continue;
        unindex_host(store, host);
        mqoe_slab_release(&store->hosts, host);
    }
}

// A side counts only where flows do too: the modes `dual` and `triple`.
static void join_hosts(struct mqoe_cake_store *store, struct mqoe_cake_flow *flow,
                       enum mqoe_cake_isolation isolation, const struct mqoe_frame *frame) {
    const uint32_t hash[2] = {frame->src_host, frame->dst_host};
    for (uint32_t side = MQOE_CAKE_SRC; side <= MQOE_CAKE_DST; side++) {
        uint32_t bits = MQOE_CAKE_FLOWS | (side == MQOE_CAKE_SRC ? MQOE_CAKE_SRCHOST : MQOE_CAKE_DSTHOST);
        if ((isolation & bits) != bits)
            continue;
        flow->host[side] = host_of(store, flow->tin, side, hash[side]);
        mqoe_cake_host(store, flow->host[side])->refs++;
    }
    if (flow->state == MQOE_CAKE_BULK)
        mqoe_cake_hosts_add(store, flow, 1);
}

// ---- flows ----

static uint32_t key_of(enum mqoe_cake_isolation isolation, const struct mqoe_frame *frame) {
    if (isolation & MQOE_CAKE_FLOWS)
        return frame->hash;
    return (isolation & MQOE_CAKE_SRCHOST ? frame->src_host : 0) ^
           (isolation & MQOE_CAKE_DSTHOST ? frame->dst_host : 0);
}

static void unindex(struct mqoe_cake_store *store, uint32_t flow) {
    const struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    uint32_t *link = &store->flow_index[entry_of(store, f->tin, f->slot / WAYS)];
    while (*link != flow + 1)
        link = &mqoe_cake_flow(store, *link - 1)->chain;
    *link = f->chain;
}

static void clear(struct mqoe_cake_store *store, uint32_t flow, uint32_t tin) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    *f = (struct mqoe_cake_flow){.tin = tin, .host = {MQOE_NO_RECORD, MQOE_NO_RECORD}};
    mqoe_cobalt_init(&f->cobalt, &mqoe_cake_tin_at(store, tin)->cobalt);
}

void mqoe_cake_reserve_init(struct mqoe_cake_store *store, uint32_t tin) {
    clear(store, mqoe_cake_reserve(store, tin), tin);
}

// The queue goes back: its slot keeps whether it was signalled. The corrected start makes no difference
// there.
static void keep_signalled(struct mqoe_cake_store *store, const struct mqoe_cake_flow *f) {
    const struct mqoe_cake_tin *t = mqoe_cake_tin_at(store, f->tin);
    struct mqoe_cake_account *a = mqoe_cake_account(store, t->account);
    if (!f->cobalt.inv_sqrt || t->cobalt.corrected_start)
        return;
    if (a->signalled == MQOE_NO_RECORD) {
        a->signalled = mqoe_slab_take(&store->signalled); // one for each account
        *mqoe_cake_signalled(store, a->signalled) = (struct mqoe_cake_signalled){0};
    }
    mqoe_cake_signalled(store, a->signalled)->slots[f->slot / 64] |= UINT64_C(1) << f->slot % 64;
}

// As keep_signalled left it: Linux's value after the count has fallen back to 0.
static void recall_signalled(const struct mqoe_cake_store *store, struct mqoe_cake_flow *f) {
    uint32_t record = mqoe_cake_account(store, mqoe_cake_tin_at(store, f->tin)->account)->signalled;
    if (record != MQOE_NO_RECORD &&
        mqoe_cake_signalled(store, record)->slots[f->slot / 64] >> f->slot % 64 & 1)
        f->cobalt.inv_sqrt = UINT32_MAX;
}

void mqoe_cake_flow_release(struct mqoe_cake_store *store, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    leave_hosts(store, f);
    if (flow >= store->flows.count) {
        mqoe_cake_reserve_init(store, f->tin);
        return;
    }
    keep_signalled(store, f);
    unindex(store, flow);
    mqoe_slab_release(&store->flows, flow);
}

// What the oldest decaying queue remembers is worth less than a queue for a flow that has frames.
static uint32_t take_record(struct mqoe_cake_store *store, uint32_t tin) {
    struct mqoe_cake_tin *t = mqoe_cake_tin_at(store, tin);
    uint32_t oldest = t->decaying.head;
    if (store->flows.used == store->flows.count && oldest < store->flows.count) {
        t->decays--;
        t->unresponsive -= mqoe_cake_flow(store, oldest)->cobalt.p_drop != 0;
        mqoe_cake_unlink(store, &t->decaying, oldest);
        mqoe_cake_flow_release(store, oldest);
    }
    return mqoe_slab_take(&store->flows);
}

static uint32_t new_flow(struct mqoe_cake_store *store, uint32_t tin, uint32_t slot, uint32_t key) {
    uint32_t flow = take_record(store, tin);
    if (flow == MQOE_NO_RECORD)
        return flow;
    clear(store, flow, tin);
    struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    uint32_t *entry = &store->flow_index[entry_of(store, tin, slot / WAYS)];
    f->tag = key;
    f->slot = (uint16_t)slot;
    recall_signalled(store, f);
    f->chain = *entry;
    *entry = flow + 1;
    return flow;
}

// What a search of a set found.
struct found {
    uint32_t match; // the queue with the flow's tag
    uint32_t own;   // the one in the flow's own slot
    uint32_t free;  // ways without a queue, bits
};

static struct found search(const struct mqoe_cake_store *store, uint32_t tin, uint32_t slot, uint32_t key) {
    struct found found = {MQOE_NO_RECORD, MQOE_NO_RECORD, 0xff};
    uint32_t entry = store->flow_index[entry_of(store, tin, slot / WAYS)];
    while (entry) {
        const struct mqoe_cake_flow *f = mqoe_cake_flow(store, entry - 1);
        if (f->tin == tin && f->slot / WAYS == slot / WAYS) {
            if (f->tag == key) {
                found.match = entry - 1;
                return found;
            }
            found.free &= ~(1u << f->slot % WAYS);
            found.own = f->slot == slot ? entry - 1 : found.own;
        }
        entry = f->chain;
    }
    return found;
}

uint32_t mqoe_cake_flow_of(struct mqoe_cake_store *store, uint32_t tin, enum mqoe_cake_isolation isolation,
                           const struct mqoe_frame *frame, uint64_t *exhausted) {
    uint32_t key = key_of(isolation, frame), slot = key % MQOE_CAKE_SLOTS, inner = slot % WAYS;
    struct mqoe_cake_account *a = mqoe_cake_account(store, mqoe_cake_tin_at(store, tin)->account);
    struct found found = search(store, tin, slot, key);
    if (found.match != MQOE_NO_RECORD) {
        *(mqoe_cake_flow(store, found.match)->slot == slot ? &a->way_directs : &a->way_hits) += 1;
        return found.match;
    }
    uint32_t flow = mqoe_cake_reserve(store, tin);
    if (!found.free) { // a flow of another that has this slot takes both
        a->way_collisions++;
        flow = found.own;
        leave_hosts(store, mqoe_cake_flow(store, flow));
        mqoe_cake_flow(store, flow)->tag = key;
    } else {
        if (!mqoe_cake_flow(store, flow)->frames.head)
            flow = new_flow(store, tin, slot - inner + first_way(found.free, inner), key);
        if (flow == MQOE_NO_RECORD || flow >= store->flows.count) {
            ++*exhausted;
            return mqoe_cake_reserve(store, tin);
        }
        a->way_misses++;
    }
    join_hosts(store, mqoe_cake_flow(store, flow), isolation, frame);
    return flow;
}

// ---- what a packet will need ----

static inline void prefetch_lines(const void *record) { // a tin, an account, a queue: two cache lines each
    __builtin_prefetch(record, 1);
    __builtin_prefetch((const char *)record + 64, 1);
}

// The index entry of the set that a frame is looked for in; NULL while its tin rests.
static const uint32_t *likely_entry(const struct mqoe_cake *q, const struct mqoe_cake_store *store,
                                    const struct mqoe_frame *frame) {
    uint32_t tin = q->tins[mqoe_cake_classify(q->config.tins, frame)];
    if (tin == MQOE_NO_RECORD)
        return NULL;
    uint32_t slot = key_of(q->config.isolation, frame) % MQOE_CAKE_SLOTS;
    return &store->flow_index[entry_of(store, tin, slot / WAYS)];
}

void mqoe_cake_prefetch_slot(const struct mqoe_cake *q, const struct mqoe_cake_store *store,
                             const struct mqoe_frame *frame) {
    const uint32_t *entry = likely_entry(q, store, frame);
    if (!entry)
        return;
    __builtin_prefetch(entry, 1);
    uint32_t number = mqoe_cake_classify(q->config.tins, frame);
    prefetch_lines(mqoe_cake_tin_at(store, q->tins[number]));
    prefetch_lines(mqoe_cake_account(store, q->accounts[number]));
}

void mqoe_cake_prefetch_flow(const struct mqoe_cake *q, const struct mqoe_cake_store *store,
                             const struct mqoe_frame *frame) {
    const uint32_t *entry = likely_entry(q, store, frame);
    if (entry && *entry)
        __builtin_prefetch(mqoe_cake_flow(store, *entry - 1), 1);
}

void mqoe_cake_prefetch_tail(const struct mqoe_cake *q, const struct mqoe_cake_store *store,
                             const struct mqoe_frame *frame) {
    const uint32_t *entry = likely_entry(q, store, frame);
    if (entry && *entry)
        __builtin_prefetch(mqoe_cake_flow(store, *entry - 1)->frames.tail, 1);
}

void mqoe_cake_prefetch_head(const struct mqoe_cake *q, const struct mqoe_cake_store *store) {
    for (uint32_t bits = q->active; bits; bits &= bits - 1) {
        uint32_t number = (uint32_t)__builtin_ctz(bits);
        prefetch_lines(mqoe_cake_tin_at(store, q->tins[number]));
        prefetch_lines(mqoe_cake_account(store, q->accounts[number]));
    }
}

static uint32_t head_of(const struct mqoe_cake_tin *t) {
    return t->fresh.head != MQOE_NO_RECORD ? t->fresh.head : t->old.head;
}

// The queue whose turn it is, and the decaying one that is looked at before it.
void mqoe_cake_prefetch_first(const struct mqoe_cake *q, const struct mqoe_cake_store *store) {
    for (uint32_t bits = q->active; bits; bits &= bits - 1) {
        const struct mqoe_cake_tin *t = mqoe_cake_tin_at(store, q->tins[__builtin_ctz(bits)]);
        uint32_t flow = head_of(t);
        if (flow != MQOE_NO_RECORD)
            prefetch_lines(mqoe_cake_flow(store, flow));
        if (t->decaying.head != MQOE_NO_RECORD)
            prefetch_lines(mqoe_cake_flow(store, t->decaying.head));
    }
}

// Its frame, and the queue that comes after it.
void mqoe_cake_prefetch_frame(const struct mqoe_cake *q, const struct mqoe_cake_store *store) {
    for (uint32_t bits = q->active; bits; bits &= bits - 1) {
        uint32_t flow = head_of(mqoe_cake_tin_at(store, q->tins[__builtin_ctz(bits)]));
        if (flow == MQOE_NO_RECORD)
            continue;
        const struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
        __builtin_prefetch(f->frames.head, 1);
        if (f->next != MQOE_NO_RECORD)
            prefetch_lines(mqoe_cake_flow(store, f->next));
    }
}
