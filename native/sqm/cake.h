// CAKE (reference/algorithms.md §1; sch_cake.c): priority tins, an 8-way set-associative flow hash, host
// isolation, DRR++ and COBALT. The rate is the leaf's shaper, which CAKE also charges for drops in ingress
// mode; without a rate the tins share by weighted round robin.
//
// Differences from Linux, all deliberate:
// - Queues, hosts and tins exist only while they are used (cake_store.h).
// - An instance without frames is woken after an interval, to give records back. Linux arms a timer as well,
// but
//   its dequeue does nothing when there is no packet. So what a queue remembers stays as it was: BLUE's
//   probability waits for the next packet, however late (unless the pool is short of records), and the count
//   of signals is what the time since then makes of it, as in Linux when a packet comes that did not wait
//   long. Only a queue that was bulk, or waited for the end of its turn, is a new one again: one quantum at
//   most.
// - autorate-ingress changes the rate every 250 ms at most, as Linux says and means to; but there the time of
//   the last change is never set, so it changes it after every window.
// - A change of tin mode or isolation sorts the queued frames anew; Linux leaves them where they are, and
// drops
//   those of tins that the new mode does not have. With `wash` their DSCP is gone, so they are best effort
//   then.
// - Nothing is split: offloads are off. A frame larger than `mtu` (and two VLAN tags) is refused and counted
//   as drop_oversize, since every time and quantum here is made for frames of at most that size.
// - A class or mark set by a filter has no counterpart: the DSCP alone chooses the tin, the hash the queue.
//
// Memory of a client, both directions, struct mqoe_circuit included: 0.9 KiB that never sent, 1.8 KiB idle
// after it used all of diffserv4's tins, 2.7 KiB with diffserv8's eight; 20 KiB with 32 flows each way,
// every one of them from and to another host, and both histograms in use. test_cake_memory.c holds it to
// that. A tin whose queues were ever signalled keeps 128 bytes more.
#pragma once

#include "packet/random.h"
#include "sqm/ack_filter.h"
#include "sqm/cobalt.h"
#include "sqm/pool.h"
#include "sqm/queue_stats.h"
#include "sqm/shaper.h"
#include "sqm/tin_stats.h"

enum mqoe_cake_tins {
    MQOE_CAKE_BESTEFFORT,
    MQOE_CAKE_PRECEDENCE,
    MQOE_CAKE_DIFFSERV3,
    MQOE_CAKE_DIFFSERV4,
    MQOE_CAKE_DIFFSERV8,
};

// What shares fairly: bits, as in Linux.
enum mqoe_cake_isolation {
    MQOE_CAKE_FLOWBLIND = 0,
    MQOE_CAKE_SRCHOST = 1,
    MQOE_CAKE_DSTHOST = 2,
    MQOE_CAKE_HOSTS = 3,
    MQOE_CAKE_FLOWS = 4,
    MQOE_CAKE_DUAL_SRCHOST = 5,
    MQOE_CAKE_DUAL_DSTHOST = 6,
    MQOE_CAKE_TRIPLE_ISOLATE = 7,
};

struct mqoe_cake_config {
    enum mqoe_cake_tins tins;
    enum mqoe_cake_isolation isolation;
    enum mqoe_ack_filter ack_filter;
    uint64_t rtt;          // ns: COBALT's interval; its target is a twentieth
    uint64_t memory_limit; // bytes; 0 = 4 × the bandwidth-delay product, at least 4 MiB (§1.10)
    uint32_t mtu;          // largest frame, bytes (layer 2)
    bool wash;             // clear the DSCP after classification
    bool ingress;          // drops cost rate too
    bool autorate_ingress; // estimate the rate from what arrives (§1.11); the leaf's rate is where it starts
    bool corrected_start;  // see cobalt.h
};

// Bytes a frame may be longer than the mtu: two VLAN tags.
#define MQOE_CAKE_SLACK 8u

// What autorate-ingress knows of the link; times in ns, rates in bytes/s.
struct mqoe_cake_autorate {
    uint64_t last_packet, interval; // arrival, and the moving average of the gaps
    uint64_t window_begin, window_bytes;
    uint64_t peak, last_change;
};

struct mqoe_cake {
    struct mqoe_cake_config config;
    uint64_t memory_limit;            // bytes
    uint64_t now;                     // ns, the latest time it was told: arrivals may lie before a dequeue
    uint64_t linger_at;               // ns, when an instance without frames is to be looked at, or never
    uint32_t tins[MQOE_MAX_TINS];     // records; MQOE_NO_RECORD while a tin has no queues
    uint32_t accounts[MQOE_MAX_TINS]; // records; MQOE_NO_RECORD before a tin's first frame
    int32_t tin_deficit[MQOE_MAX_TINS];
    struct mqoe_cake_autorate autorate;
    uint32_t heap;              // root: the fattest queue
    uint16_t heap_dequeues;     // for so many more the heap is kept; 0: there is none
    uint8_t tin_count, current; // tins of the mode; the one whose turn it is without a rate
    uint8_t active;             // tins that have queues, bits
};

// Before an enqueue and before a dequeue: as mqoe_discipline_prefetch_*.
void mqoe_cake_prefetch_slot(const struct mqoe_cake *q, const struct mqoe_cake_store *store,
                             const struct mqoe_frame *frame);
void mqoe_cake_prefetch_flow(const struct mqoe_cake *q, const struct mqoe_cake_store *store,
                             const struct mqoe_frame *frame);
void mqoe_cake_prefetch_tail(const struct mqoe_cake *q, const struct mqoe_cake_store *store,
                             const struct mqoe_frame *frame);
void mqoe_cake_prefetch_head(const struct mqoe_cake *q, const struct mqoe_cake_store *store);
void mqoe_cake_prefetch_first(const struct mqoe_cake *q, const struct mqoe_cake_store *store);
void mqoe_cake_prefetch_frame(const struct mqoe_cake *q, const struct mqoe_cake_store *store);

int mqoe_cake_check(const struct mqoe_cake_config *config, struct mqoe_error *e);

// An empty instance. Returns 0, or −ENOMEM with *e filled when the pool has no tins left to promise.
// mqoe_cake_rate must follow.
int mqoe_cake_init(struct mqoe_cake *q, const struct mqoe_cake_config *config, struct mqoe_sqm_pool *pool,
                   struct mqoe_error *e);

// Takes the config over if that leaves every frame in its queue: not for another tin mode or isolation. Then
// false is returned, and nothing changed. mqoe_cake_rate must follow.
bool mqoe_cake_set(struct mqoe_cake *q, const struct mqoe_cake_config *config);

// The shaper's rate or the config has changed: derives the tins and the memory limit again, and drops what is
// above it.
void mqoe_cake_rate(struct mqoe_cake *q, struct mqoe_sqm_pool *pool, struct mqoe_shaper *shaper,
                    struct mqoe_queue_stats *stats, struct mqoe_frame_list *dropped);

void mqoe_cake_enqueue(struct mqoe_cake *q, struct mqoe_sqm_pool *pool, struct mqoe_shaper *shaper,
                       struct mqoe_frame *frame, struct mqoe_queue_stats *stats,
                       struct mqoe_frame_list *dropped);

// The next frame; NULL when there is none, or when drops in ingress mode have used the link up: then the
// shaper's gate lies ahead of `now`. The caller charges the shaper for what is delivered.
struct mqoe_frame *mqoe_cake_dequeue(struct mqoe_cake *q, struct mqoe_sqm_pool *pool,
                                     struct mqoe_shaper *shaper, uint64_t now, struct mqoe_queue_stats *stats,
                                     struct mqoe_frame_list *dropped);

void mqoe_cake_drain(struct mqoe_cake *q, struct mqoe_sqm_pool *pool, struct mqoe_queue_stats *stats,
                     struct mqoe_frame_list *frames);

// What an instance without frames keeps: queues whose state still decays. *at receives when to call dequeue.
static inline bool mqoe_cake_lingers(const struct mqoe_cake *q, uint64_t *at) {
    *at = q->linger_at;
    return q->active != 0;
}

// Statistics of the instance and of one tin (false before its first frame); `rate` is the shaper's, bytes/s.
void mqoe_cake_stats(const struct mqoe_cake *q, const struct mqoe_queue_stats *stats,
                     struct mqoe_qdisc_stats *out);
bool mqoe_cake_tin_stats(const struct mqoe_cake *q, const struct mqoe_sqm_pool *pool, uint64_t rate,
                         uint32_t tin, struct mqoe_tin_stats *out);
