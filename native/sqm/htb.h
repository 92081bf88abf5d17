// The shaper tree: hierarchical token buckets with HTB's meaning (reference/algorithms.md §4), kept as time
// tags instead of buckets, as a discrete-event machine.
//
// A node may send when its ceil allows (CANT_SEND otherwise). Within its rate it sends without asking
// (CAN_SEND); above it (MAY_BORROW) it asks its parent, which lends when it is within its own rate, or asks
// on. Who can send is found from lists, never by looking through the leaves: each inner node keeps, per
// lending level and priority, the children below which somebody could go now. Lower levels go first
// (guarantees, then what the nearest parent can lend, …), then lower priorities; those that compete take
// turns in proportion to their quantum (htb_ring.h).
//
// What differs from sch_htb, and why:
// - Time is logical. mqoe_htb_dequeue takes events in the order of their times up to `now`, so that a late
//   wake-up sends exactly what a punctual one would have, with the same departure times.
// - Every ceil on the way up holds for every frame. sch_htb looks at the ceils above only when a leaf
//   borrows.
// - A rest earns no credit beyond `burst`. Being kept waiting by others while frames are queued earns a leaf
// up
//   to two frames and a node between four, at its ceil: over any window a leaf sends its ceil and three
//   frames at most, a node between five (five frames are 0.6 ms at 100 Mbit/s). Without it whoever shares a
//   link would not reach its ceil. With it a leaf whose ceil is within some per cent of its fair part can
//   still stay up to 10 % below (one tree in sixty had such a leaf). The root waits for nobody: over any
//   window it sends its ceil and one frame (and burst) at most, as does a leaf whose link is free.
// - Where nodes at several levels lend, a site that is hardly above its own rate gets less from above than
// the
//   fluid model says (sites 1.3 %, leaves up to 6 % in the worst trees found): its cost above is an estimate.
//   Where only the root lends there is no estimate.
// - No default class and no direct queue: what is not attached cannot be sent past the tree.
//
// Memory: 96 bytes a node, and per leaf 48 of turns and 16 of its timer: 160 bytes a leaf. An inner node has
// up to 4.4 KB more for its lists, of which only the part of the levels and priorities in use is touched. Per
// frame: O(depth) list operations, and as many in a heap of the nodes that wait for their time.
#pragma once

#include "sqm/htb_ring.h"
#include "sqm/leaf.h"

#define MQOE_HTB_LEVELS  8u // leaf to root, as sch_htb
#define MQOE_HTB_NOBODY  UINT32_MAX
#define MQOE_HTB_QUANTUM 1000u // bytes, the least that a turn may be (as sch_htb)

// What tc calls a class.
struct mqoe_htb_class {
    uint64_t rate, ceil; // bit/s of shaped_len: guaranteed (0 = nothing is), and at most
    uint32_t quantum;    // bytes of a leaf's turn among those who borrow; 0 = one full frame
    uint32_t burst;      // bytes that may go at once after a rest; 0 (or less than a frame) = one frame
    uint8_t priority;    // 0 … 7, of a leaf; lower goes first
};

// A node of the tree to build. The first is the root; parents stand before their children.
struct mqoe_htb_plan {
    struct mqoe_htb_class class;
    uint32_t parent;        // index; MQOE_HTB_NOBODY for the root
    struct mqoe_leaf *leaf; // NULL for an inner node; must outlive the tree
};

enum mqoe_htb_mode { MQOE_HTB_CANT_SEND, MQOE_HTB_MAY_BORROW, MQOE_HTB_CAN_SEND };

struct mqoe_htb_rate {
    uint64_t tag;       // ns: when what was sent is paid for; MQOE_NEVER when nothing may be sent
    uint64_t cost;      // ns per byte << 24; 0 = no rate
    uint32_t fraction;  // of the nanosecond not charged yet, << 24
    uint32_t allowance; // bytes of credit that a rest leaves
};

struct mqoe_htb_node {
    struct mqoe_htb_rate rate, ceil;
    union {
        struct mqoe_leaf *leaf;
        uint64_t funded; // inner: lists with children that somebody below lends to, bit 8 × level + priority
    };
    uint64_t offered; // what the parent has in its lists of this node: funded …
    uint32_t parent, turns, rings;
    uint32_t position; // in the heap of events + 1; 0 = waits for nothing
    uint32_t quantum;  // of a leaf
    uint32_t busy;     // leaf: has frames; inner: children that are busy
    uint8_t level, priority;
    uint8_t borrowing;       // inner: priorities of children that ask for a loan
    uint8_t offered_borrows; // … and asking
    bool sole;               // inner, not the root: only the root has a rate from here up
};

struct mqoe_htb_event {
    uint64_t due; // ns
    uint32_t node;
};

struct mqoe_htb {
    struct mqoe_htb_node *nodes;
    struct mqoe_htb_turn *turns; // [0] is nobody's
    struct mqoe_htb_ring *rings;
    struct mqoe_htb_event *events; // 4-ary heap
    uint32_t count, event_count;
    uint32_t max_frame; // bytes
    uint64_t clock;     // logical, ns: never goes back
};

// Can this class be that of a node (`root`: of the root)? Returns 0, or −EINVAL with *e.
int mqoe_htb_check(const struct mqoe_htb_class *class, bool root, struct mqoe_error *e);

// Builds a tree of `count` nodes; all leaves are idle. `max_frame` is the usual full frame in bytes of
// shaped_len. Returns 0, −EINVAL (a class, the order, the depth: the node's number is in *e) or −ENOMEM.
int mqoe_htb_init(struct mqoe_htb *tree, const struct mqoe_htb_plan *plans, uint32_t count,
                  uint32_t max_frame, uint64_t now, struct mqoe_error *e);
void mqoe_htb_free(struct mqoe_htb *tree); // the leaves are not the tree's

// To be called after frames went into the leaf at `node`, or it was changed: takes note of what it holds and
// when its own shaper is free. Frames that may go before `arrival` (ns) must have been taken out before,
// or those that come now take their turn: while (mqoe_htb_next(tree) < arrival) mqoe_htb_dequeue(tree,
// arrival, …).
void mqoe_htb_activate(struct mqoe_htb *tree, uint32_t node, uint64_t arrival);

// Returns the next frame that may go at or before `now`, with frame->time its logical departure (ns), and its
// leaf's number in *node when `node` is not NULL; or NULL, when mqoe_htb_next says when to ask again. What
// the leaf's AQM discards comes back in `dropped`.
struct mqoe_frame *mqoe_htb_dequeue(struct mqoe_htb *tree, uint64_t now, uint32_t *node,
                                    struct mqoe_frame_list *dropped);

// When something may be sent next (ns; in the past when something may go at once), MQOE_NEVER when nothing is
// held. Now and then it is early: a node's time comes and it turns out that nobody can use it.
uint64_t mqoe_htb_next(const struct mqoe_htb *tree);

// Changes the class of a node while frames are queued. What it owes in bytes stays. Returns 0, or −EINVAL
// with nothing changed.
int mqoe_htb_change(struct mqoe_htb *tree, uint32_t node, const struct mqoe_htb_class *class, uint64_t now,
                    struct mqoe_error *e);

// The mode of a node at the tree's clock.
enum mqoe_htb_mode mqoe_htb_mode(const struct mqoe_htb *tree, uint32_t node);
