#include "sqm/htb.h"

#include <errno.h>

#include "sqm/htb_parts.h"

// Frames of credit that waiting for others earns. Below a busy root a site waits behind what is guaranteed to
// others. With one frame sites near their ceil lose 3 % and leaves 2 %, with these nothing
// (test_htb_fluid.c).
#define LEAF_PATIENCE 2u
#define SITE_PATIENCE 4u
#define RATE_PATIENCE 4u
#define FIRST_ROUND   16u // frames of a subtree's round until one has been measured
#define PRIORITIES    8u
#define MAX_DEBT      UINT64_C(60000000000) // ns, as sch_htb: what its children's guarantees may cost a node

// Who could send below, as its parent sees a node: lent to already (bit 8 × lender's level + priority), or
// asking for a loan (bit: priority).
struct offer {
    uint64_t funded;
    uint8_t borrowing;
};

// ---- time tags ----

static uint64_t time_of(const struct mqoe_htb_rate *r, uint32_t bytes) {
    return (uint64_t)(((__uint128_t)bytes * r->cost) >> MQOE_HTB_SHIFT);
}

// The tag may lie `bytes` before `at`, no more: credit beyond that is forfeited.
static void forfeit(struct mqoe_htb_rate *r, uint64_t at, uint32_t bytes) {
    uint64_t credit = time_of(r, bytes);
    uint64_t earliest = at > credit ? at - credit : 0;
    if (r->tag < earliest)
        r->tag = earliest;
}

static void charge(struct mqoe_htb_rate *r, uint32_t bytes) {
    uint64_t time = bytes * r->cost + r->fraction;
    r->fraction = time & ((UINT32_C(1) << MQOE_HTB_SHIFT) - 1);
    r->tag += time >> MQOE_HTB_SHIFT;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

// Charges a node for a frame that it sent or lent (`pays`), or that was lent from above it.
static void charge_node(struct mqoe_htb *tree, struct mqoe_htb_node *n, uint32_t bytes, bool pays) {
    uint32_t patience = n->parent == MQOE_HTB_NOBODY ? 0 : n->level ? SITE_PATIENCE : LEAF_PATIENCE;
    forfeit(&n->ceil, tree->clock, larger(n->ceil.allowance, patience * tree->max_frame));
    charge(&n->ceil, bytes);
    if (!pays || !n->rate.cost)
        return;
    forfeit(&n->rate, tree->clock, larger(n->rate.allowance, RATE_PATIENCE * tree->max_frame));
    charge(&n->rate, bytes);
    // Guarantees below may add up to more than a node's own; when they end it shall not atone for hours.
    uint64_t latest = tree->clock + MAX_DEBT + time_of(&n->rate, bytes);
    if (n->rate.tag > latest)
        n->rate.tag = latest;
}

static inline bool within_rate(const struct mqoe_htb *tree, const struct mqoe_htb_node *n) {
    return n->rate.cost && n->rate.tag <= tree->clock;
}

enum mqoe_htb_mode mqoe_htb_mode(const struct mqoe_htb *tree, uint32_t node) {
    const struct mqoe_htb_node *n = &tree->nodes[node];
    if (n->ceil.tag > tree->clock)
        return MQOE_HTB_CANT_SEND;
    return within_rate(tree, n) ? MQOE_HTB_CAN_SEND : MQOE_HTB_MAY_BORROW;
}

// ---- what a node offers ----

static struct offer offer_of_leaf(const struct mqoe_htb *tree, const struct mqoe_htb_node *n, uint64_t *due) {
    uint64_t gate = mqoe_leaf_next(n->leaf);
    if (gate == MQOE_NEVER)
        return (struct offer){0};
    gate = gate > n->ceil.tag ? gate : n->ceil.tag;
    if (gate > tree->clock) {
        *due = gate;
        return (struct offer){0};
    }
    if (within_rate(tree, n))
        return (struct offer){.funded = UINT64_C(1) << n->priority};
    *due = n->rate.cost ? n->rate.tag : MQOE_NEVER;
    return (struct offer){.borrowing = (uint8_t)(1u << n->priority)};
}

static struct offer offer_of_inner(const struct mqoe_htb *tree, const struct mqoe_htb_node *n,
                                   uint64_t *due) {
    if (!n->funded && !n->borrowing)
        return (struct offer){0}; // nobody below could use the time
    if (n->ceil.tag > tree->clock) {
        *due = n->ceil.tag;
        return (struct offer){0};
    }
    if (within_rate(tree, n))
        return (struct offer){.funded = n->funded | (uint64_t)n->borrowing << (n->level * PRIORITIES)};
    if (n->borrowing && n->rate.cost)
        *due = n->rate.tag;
    return (struct offer){n->funded, n->borrowing};
}

// ---- the parent's lists ----

// What bit of an offer goes to which turn of the child and which ring of the parent: first those lent to, by
// level and priority, then those that borrow.
static uint32_t turn_for(const struct mqoe_htb_node *n, uint32_t bit, bool borrows) {
    if (!n->level)
        return n->turns + borrows;
    return n->turns + (borrows ? (n->level + 1u) * PRIORITIES : 0) + bit;
}

static uint32_t ring_for(const struct mqoe_htb_node *parent, uint32_t bit, bool borrows) {
    return parent->rings + (borrows ? parent->level * PRIORITIES : 0) + bit;
}

// A turn that follows the ring below may be behind by a round more than those in it.
static void enlist(struct mqoe_htb *tree, struct mqoe_htb_node *n, uint32_t bit, bool borrows) {
    struct mqoe_htb_node *parent = &tree->nodes[n->parent];
    struct mqoe_htb_ring *ring = &tree->rings[ring_for(parent, bit, borrows)];
    mqoe_htb_ring_add(ring, tree->turns, turn_for(n, bit, borrows), n->sole ? n->level + 1u : 1);
    if (!n->level)
        ring->weight += n->quantum;
    if (borrows)
        parent->borrowing |= (uint8_t)(1u << bit);
    else
        parent->funded |= UINT64_C(1) << bit;
}

static void strike(struct mqoe_htb *tree, struct mqoe_htb_node *n, uint32_t bit, bool borrows) {
    struct mqoe_htb_node *parent = &tree->nodes[n->parent];
    struct mqoe_htb_ring *ring = &tree->rings[ring_for(parent, bit, borrows)];
    mqoe_htb_ring_remove(ring, tree->turns, turn_for(n, bit, borrows));
    if (!n->level)
        ring->weight -= n->quantum;
    if (ring->first)
        return;
    if (borrows)
        parent->borrowing &= (uint8_t) ~(1u << bit);
    else
        parent->funded &= ~(UINT64_C(1) << bit);
}

// Where only the root lends, a node stands in the ring above where the first of its own ring does: its turn
// moves by as much as that one's start, whether the first has been served, has gone or has come. So all
// leaves of a tree are in one order, as if they were in one ring.
static void follow(struct mqoe_htb *tree, uint32_t node, uint32_t priority) {
    while (tree->nodes[node].sole) {
        struct mqoe_htb_node *n = &tree->nodes[node];
        struct mqoe_htb_ring *own = &tree->rings[ring_for(n, priority, true)];
        if (!own->first || tree->turns[own->first].start == own->front)
            return;
        uint64_t moved = tree->turns[own->first].start - own->front; // modulo 2^64: back as well
        uint32_t turn = turn_for(n, priority, true);
        own->front += moved;
        mqoe_htb_ring_move(&tree->rings[ring_for(&tree->nodes[n->parent], priority, true)], tree->turns, turn,
                           moved, n->offered_borrows >> priority & 1);
        node = n->parent;
    }
}

// Brings the parent's lists in line with what the node offers now. True when the parent's own offer may have
// changed by it.
static bool publish(struct mqoe_htb *tree, struct mqoe_htb_node *n, struct offer o) {
    uint64_t funded = n->offered ^ o.funded;
    uint32_t borrowing = (uint32_t)(n->offered_borrows ^ o.borrowing);
    n->offered = o.funded;
    n->offered_borrows = o.borrowing;
    if (n->parent == MQOE_HTB_NOBODY || !(funded | borrowing))
        return false;
    const struct mqoe_htb_node *parent = &tree->nodes[n->parent];
    uint64_t funded_before = parent->funded;
    uint8_t borrowing_before = parent->borrowing;
    uint32_t asks = borrowing;
    for (; funded; funded &= funded - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(funded);
        (o.funded >> bit & 1 ? enlist : strike)(tree, n, bit, false);
    }
    for (; borrowing; borrowing &= borrowing - 1) {
        uint32_t bit = (uint32_t)__builtin_ctz(borrowing);
        (o.borrowing >> bit & 1 ? enlist : strike)(tree, n, bit, true);
    }
    for (; asks; asks &= asks - 1)
        follow(tree, n->parent, (uint32_t)__builtin_ctz(asks));
    return parent->funded != funded_before || parent->borrowing != borrowing_before;
}

// Looks at a node anew at the tree's clock: what it offers, and what time it waits for.
static bool refresh(struct mqoe_htb *tree, uint32_t node) {
    struct mqoe_htb_node *n = &tree->nodes[node];
    uint64_t due = MQOE_NEVER;
    struct offer o = n->level ? offer_of_inner(tree, n, &due) : offer_of_leaf(tree, n, &due);
    mqoe_htb_wait(tree, node, due);
    return publish(tree, n, o);
}

static void settle(struct mqoe_htb *tree, uint32_t node) {
    while (refresh(tree, node))
        node = tree->nodes[node].parent;
}

// ---- busy and idle ----

// What rested until `at` begins with no more than its burst.
static void wake(struct mqoe_htb_node *n, uint64_t at) {
    forfeit(&n->ceil, at, n->ceil.allowance);
    forfeit(&n->rate, at, n->rate.allowance);
}

static void become_busy(struct mqoe_htb *tree, uint32_t node, uint64_t at) {
    const struct mqoe_htb_node *n = &tree->nodes[node], *parent = &tree->nodes[n->parent];
    for (int borrows = 0; borrows < 2; borrows++)
        mqoe_htb_ring_wake(&tree->rings[ring_for(parent, n->priority, borrows)],
                           &tree->turns[n->turns + (uint32_t)borrows]);
    for (; node != MQOE_HTB_NOBODY; node = tree->nodes[node].parent) {
        if (tree->nodes[node].busy++)
            return;
        wake(&tree->nodes[node], at);
    }
}

static void become_idle(struct mqoe_htb *tree, uint32_t node) {
    for (; node != MQOE_HTB_NOBODY; node = tree->nodes[node].parent)
        if (--tree->nodes[node].busy)
            return;
}

static void count_busy(struct mqoe_htb *tree, uint32_t node, uint64_t at) {
    struct mqoe_htb_node *n = &tree->nodes[node];
    bool busy = n->leaf->stats.backlog_packets != 0;
    if (busy && !n->busy)
        become_busy(tree, node, at);
    else if (!busy && n->busy)
        become_idle(tree, node);
}

void mqoe_htb_activate(struct mqoe_htb *tree, uint32_t node, uint64_t arrival) {
    if (tree->clock < arrival) // nothing leaves before it came
        tree->clock = arrival;
    count_busy(tree, node, arrival);
    settle(tree, node);
}

// ---- sending ----

// The way down from the root to the leaf whose turn it is.
struct way {
    uint32_t leaf, lender; // lender: level of who pays
    uint32_t depth, priority;
    struct step {
        uint32_t ring, turn, quantum;
    } steps[MQOE_HTB_LEVELS];
};

// What a turn pays by: a leaf its quantum; a subtree the bytes of a round below, so that a round there costs
// it a round here and each leaf gets its own quantum. Several lenders move that ring below, each at its own
// times, and whoever happened to send the last frame of a round would pay for all of it: so a mean round is
// the measure, as soon as there is one (a guess that is too low keeps a site out for seconds). 0 = a turn
// that follows the ring below.
static uint32_t quantum_of(const struct mqoe_htb *tree, const struct mqoe_htb_node *child, uint32_t bit,
                           bool borrows) {
    if (!child->level)
        return child->quantum;
    // A child that lends itself stands in a list of those lent to; its own children borrow.
    bool below_borrows = borrows || bit / PRIORITIES == child->level;
    if (below_borrows && child->sole)
        return 0;
    uint32_t quantum = mqoe_htb_ring_quantum(
        &tree->rings[ring_for(child, below_borrows ? bit % PRIORITIES : bit, below_borrows)]);
    return quantum ? quantum : tree->max_frame * FIRST_ROUND;
}

// Lower levels pay first, then lower priorities go first: the lowest bit of the root's offer.
static void find_way(struct mqoe_htb *tree, struct way *way) {
    uint32_t bit = (uint32_t)__builtin_ctzll(tree->nodes[0].offered), node = 0;
    bool borrows = false;
    way->lender = bit / PRIORITIES;
    for (way->depth = 0; tree->nodes[node].level; way->depth++) {
        const struct mqoe_htb_node *n = &tree->nodes[node];
        if (n->level == way->lender) {
            borrows = true;
            bit %= PRIORITIES;
        }
        struct step *step = &way->steps[way->depth];
        step->ring = ring_for(n, bit, borrows);
        step->turn = tree->rings[step->ring].first;
        node = tree->turns[step->turn].node;
        step->quantum = quantum_of(tree, &tree->nodes[node], bit, borrows);
    }
    way->leaf = node;
    way->priority = bit % PRIORITIES;
}

static void account(struct mqoe_htb *tree, const struct way *way, uint32_t bytes) {
    for (uint32_t i = 0; i < way->depth; i++)
        mqoe_htb_ring_charge(&tree->rings[way->steps[i].ring], tree->turns, way->steps[i].turn, bytes,
                             way->steps[i].quantum);
    follow(tree, tree->nodes[way->leaf].parent, way->priority);
    for (uint32_t node = way->leaf; node != MQOE_HTB_NOBODY; node = tree->nodes[node].parent)
        charge_node(tree, &tree->nodes[node], bytes, tree->nodes[node].level >= way->lender);
}

static struct mqoe_frame *send_one(struct mqoe_htb *tree, uint32_t *node, struct mqoe_frame_list *dropped) {
    struct way way;
    uint64_t next;
    find_way(tree, &way);
    struct mqoe_frame *frame = mqoe_leaf_dequeue(tree->nodes[way.leaf].leaf, tree->clock, &next, dropped);
    if (frame) {
        frame->time = tree->clock;
        account(tree, &way, frame->shaped_len);
    }
    count_busy(tree, way.leaf, tree->clock);
    if (!frame) { // its AQM dropped what it had, or it only ended its round
        settle(tree, way.leaf);
        return NULL;
    }
    for (uint32_t n = way.leaf; n != MQOE_HTB_NOBODY; n = tree->nodes[n].parent)
        refresh(tree, n);
    if (node)
        *node = way.leaf;
    return frame;
}

// Everything whose time has come at the tree's clock, before anybody is chosen.
static void take_events(struct mqoe_htb *tree) {
    while (mqoe_htb_due(tree) <= tree->clock)
        settle(tree, tree->events[0].node);
}

struct mqoe_frame *mqoe_htb_dequeue(struct mqoe_htb *tree, uint64_t now, uint32_t *node,
                                    struct mqoe_frame_list *dropped) {
    for (;;) {
        take_events(tree);
        while (tree->nodes[0].offered) {
            struct mqoe_frame *frame = send_one(tree, node, dropped);
            if (frame)
                return frame;
        }
        uint64_t next = mqoe_htb_due(tree);
        if (next > now)
            break;
        tree->clock = next;
    }
    if (tree->clock < now)
        tree->clock = now;
    return NULL;
}

uint64_t mqoe_htb_next(const struct mqoe_htb *tree) {
    return tree->nodes[0].offered ? tree->clock : mqoe_htb_due(tree);
}

// ---- live change ----

// A tag moved so that its distance from now, in bytes at the old rate, is the same in bytes at the new one.
static void rescale(struct mqoe_htb_rate *r, uint64_t now, uint64_t old_cost) {
    if (!old_cost || !r->cost) {
        r->tag = now;
        return;
    }
    __int128_t distance = ((__int128_t)r->tag - now) * r->cost / old_cost;
    r->tag = distance < -(__int128_t)now ? 0 : (uint64_t)(now + distance);
}

int mqoe_htb_change(struct mqoe_htb *tree, uint32_t node, const struct mqoe_htb_class *class, uint64_t now,
                    struct mqoe_error *e) {
    int err = mqoe_htb_check(class, node == 0, e);
    if (err)
        return err;
    struct mqoe_htb_node *n = &tree->nodes[node];
    uint64_t rate_cost = n->rate.cost, ceil_cost = n->ceil.cost;
    // Off the lists while quantum and priority change: the lists go by them.
    if (publish(tree, n, (struct offer){0}))
        settle(tree, n->parent);
    if (!n->busy)
        wake(n, now);
    mqoe_htb_set_class(tree, node, class);
    rescale(&n->rate, now, rate_cost);
    rescale(&n->ceil, now, ceil_cost);
    if (!rate_cost != !n->rate.cost)
        mqoe_htb_find_lenders(tree);
    settle(tree, node);
    return 0;
}
