// What CAKE instances of one reactor draw on: flow queues, tins and hosts, which exist only while they
// matter.
//
// In Linux each tin has 1,024 queues and 1,024 hosts, 853 KB for an instance. Here a queue is a record that
// is found by (tin, slot) through a hash index, and goes back when CAKE's state of it is NONE. Of Linux's
// state of such a queue only two things can show later:
// - Its tag is forgotten, so that a flow that returns counts as a way miss rather than as nothing, and may
// get
//   another way of its set if one before it in the search has become free.
// - Its COBALT has been signalling before or not. In a queue that never did, the first over-target frame
// within
//   an interval of a frame below target gets the next one signalled; in one that did, an interval later
//   (cobalt.h). That is kept, a bit for each of a tin's slots, from the first queue on that has it to tell.
// A host's record lives as long as a queue refers to it, and a tin's as long as it has queues; a tin's
// counters stay.
#pragma once

#include "packet/frame.h"
#include "sqm/cobalt.h"
#include "sqm/slab.h"

#define MQOE_CAKE_SLOTS       1024u // queues of a tin, hosts of each side
#define MQOE_CAKE_WAYS        8u

#define MQOE_CAKE_WHOLE_SHARE 65535u

enum mqoe_cake_state {
    MQOE_CAKE_NONE,        // in no list; only a reserve queue is ever seen so
    MQOE_CAKE_SPARSE,      // in the list of new queues
    MQOE_CAKE_SPARSE_WAIT, // empty, in the list of old ones until its turn is over
    MQOE_CAKE_BULK,        // in the list of old ones
    MQOE_CAKE_DECAYING,    // empty, in a list of its own until COBALT has forgotten
};

enum mqoe_cake_side { MQOE_CAKE_SRC, MQOE_CAKE_DST };

// A flow queue. An enqueue, and a turn that gives no frame, touch its first cache line only.
struct mqoe_cake_flow {
    struct mqoe_frame_list frames;
    uint32_t bytes;      // backlog
    int32_t deficit;     // bytes
    uint32_t next, prev; // in the list of its state
    uint32_t host[2];    // records, by side; MQOE_NO_RECORD where the mode does not tell hosts apart
    uint32_t tin;        // record
    uint32_t tag;        // the whole hash of the flow that has it
    uint32_t chain;      // next record of its index entry
    uint16_t slot;       // 0 … MQOE_CAKE_SLOTS − 1
    uint8_t state;       // enum mqoe_cake_state
    struct mqoe_cobalt cobalt __attribute__((aligned(64)));
    uint32_t heap_child, heap_next, heap_prev; // cake_heap.h, while it has frames and the heap exists
} __attribute__((aligned(64)));

static_assert(sizeof(struct mqoe_cake_flow) == 128, "a flow is two cache lines");
static_assert(offsetof(struct mqoe_cake_flow, cobalt) == 64, "the second is what a frame's leaving needs");

// A host as seen from one side.
struct mqoe_cake_host {
    uint32_t tin, tag, chain;
    uint16_t slot;
    uint8_t side;
    uint16_t bulk; // its bulk flows
    uint16_t refs; // flows that point here
};

struct mqoe_cake_list {
    uint32_t head, tail;
};

// A tin while it has queues.
struct mqoe_cake_tin {
    struct mqoe_cobalt_params cobalt;
    uint64_t rate, rate_ns; // bytes/s; ns per byte << shift
    struct mqoe_cake_list fresh, old, decaying;
    uint32_t backlog_packets, backlog_bytes;
    uint16_t sparse, bulk, decays, unresponsive; // flows; `sparse` includes the waiting ones
    uint16_t flow_quantum;                       // bytes
    uint8_t shift;
    uint8_t number;   // in its instance
    uint32_t account; // record
} __attribute__((aligned(64)));

static_assert(sizeof(struct mqoe_cake_tin) == 128, "a tin is two cache lines");

// What outlives a tin's idleness.
struct mqoe_cake_account {
    uint64_t next;                                  // ns, the tin's clock
    uint64_t delay_peak, delay_average, delay_base; // ns
    uint64_t out_packets, out_bytes;
    uint64_t drops, marks, ack_drops;
    uint64_t way_directs, way_hits, way_misses, way_collisions;
    uint32_t max_len;
    uint32_t signalled; // record; MQOE_NO_RECORD before the first queue that was signalled went back
};

// Slots of a tin whose queue was signalled before it went back, bits.
struct mqoe_cake_signalled {
    uint64_t slots[MQOE_CAKE_SLOTS / 64];
};

struct mqoe_cake_store {
    struct mqoe_slab flows; // beyond its records, one reserve queue for each tin record
    struct mqoe_slab tins, accounts, signalled, hosts;
    // What each bulk flow of a host does not get of its quantum, of 65,536: 65535 − 65535 / max(bulk, 1), at
    // the host's record + 1; at 0 for flows without one. Every turn of every queue reads them, so they stand
    // close together.
    uint16_t *losses;
    uint32_t *flow_index, *host_index; // heads of hash chains, record + 1; 0 = empty
    uint32_t index_mask;
    uint32_t salt;
    uint32_t promised; // tins that instances may still come to need: their records never run out
};

// Room for `flows` queues and `tins` tins. Returns 0 or −ENOMEM with *e filled.
int mqoe_cake_store_init(struct mqoe_cake_store *store, uint32_t flows, uint32_t tins, uint32_t salt,
                         struct mqoe_error *e);
void mqoe_cake_store_free(struct mqoe_cake_store *store);

// Touches what `flows` queues in `tins` tins use, so that their first use is no page fault.
void mqoe_cake_store_ready(struct mqoe_cake_store *store, uint32_t flows, uint32_t tins);

static inline struct mqoe_cake_flow *mqoe_cake_flow(const struct mqoe_cake_store *store, uint32_t flow) {
    return (struct mqoe_cake_flow *)store->flows.base + flow;
}

static inline struct mqoe_cake_tin *mqoe_cake_tin_at(const struct mqoe_cake_store *store, uint32_t tin) {
    return (struct mqoe_cake_tin *)store->tins.base + tin;
}

static inline struct mqoe_cake_account *mqoe_cake_account(const struct mqoe_cake_store *store,
                                                          uint32_t account) {
    return (struct mqoe_cake_account *)store->accounts.base + account;
}

static inline struct mqoe_cake_signalled *mqoe_cake_signalled(const struct mqoe_cake_store *store,
                                                              uint32_t record) {
    return (struct mqoe_cake_signalled *)store->signalled.base + record;
}

static inline struct mqoe_cake_host *mqoe_cake_host(const struct mqoe_cake_store *store, uint32_t host) {
    return (struct mqoe_cake_host *)store->hosts.base + host;
}

// The queue that takes those of a tin for whom no record is left.
static inline uint32_t mqoe_cake_reserve(const struct mqoe_cake_store *store, uint32_t tin) {
    return store->flows.count + tin;
}
