#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "sqm/htb_parts.h"

#define MIN_RATE   UINT64_C(512)           // bit/s: below it the time of a frame leaves 64 bits
#define MAX_RATE   UINT64_C(1000000000000) // bit/s
#define MAX_BURST  (UINT32_C(1) << 24)     // bytes
#define MAX_FRAME  65535u                  // bytes, in products with `cost`
#define PRIORITIES 8u

int mqoe_htb_check(const struct mqoe_htb_class *class, bool root, struct mqoe_error *e) {
    if (class->ceil < MIN_RATE || class->ceil > MAX_RATE)
        return mqoe_fail(e, EINVAL, "node", "512 bit/s … 1 Tbit/s", "ceil %" PRIu64 " bit/s", class->ceil);
    if (class->rate > class->ceil || (class->rate && class->rate < MIN_RATE))
        return mqoe_fail(e, EINVAL, "node", "512 bit/s … its ceil, or 0 for no guarantee",
                         "rate %" PRIu64 " bit/s with ceil %" PRIu64, class->rate, class->ceil);
    if (root && class->rate != class->ceil)
        return mqoe_fail(e, EINVAL, "node", "a root has nobody to borrow from: set its rate to its ceil",
                         "rate %" PRIu64 " bit/s with ceil %" PRIu64, class->rate, class->ceil);
    if (class->quantum && (class->quantum < MQOE_HTB_QUANTUM || class->quantum > MQOE_HTB_MAX_QUANTUM))
        return mqoe_fail(e, EINVAL, "node", "1000 … 1048576 bytes, or 0 for one full frame",
                         "quantum %" PRIu32, class->quantum);
    if (class->burst > MAX_BURST)
        return mqoe_fail(e, EINVAL, "node", "at most 16777216 bytes; 0 for one full frame", "burst %" PRIu32,
                         class->burst);
    if (class->priority >= PRIORITIES)
        return mqoe_fail(e, EINVAL, "node", "0 … 7", "priority %u", class->priority);
    return 0;
}

// ns per byte << 24, rounded up: never faster than asked, and at 1 Tbit/s at most 8 parts in a million
// slower.
static uint64_t cost_of(uint64_t bits) {
    return bits ? (uint64_t)((((__uint128_t)8000000000u << MQOE_HTB_SHIFT) + bits - 1) / bits) : 0;
}

void mqoe_htb_set_class(struct mqoe_htb *tree, uint32_t node, const struct mqoe_htb_class *class) {
    struct mqoe_htb_node *n = &tree->nodes[node];
    uint32_t allowance = class->burst > tree->max_frame ? class->burst - tree->max_frame : 0;
    n->rate.cost = cost_of(class->rate);
    n->ceil.cost = cost_of(class->ceil);
    n->rate.fraction = n->ceil.fraction = 0;
    n->rate.allowance = n->ceil.allowance = allowance;
    n->priority = class->priority;
    n->quantum = class->quantum ? class->quantum : tree->max_frame;
    if (n->quantum < MQOE_HTB_QUANTUM)
        n->quantum = MQOE_HTB_QUANTUM;
}

static int refuse(struct mqoe_error *e, uint32_t node, const char *allowed, const char *found) {
    return mqoe_fail(e, EINVAL, "shaper tree", allowed, "node %" PRIu32 " %s", node, found);
}

static int check_plan(const struct mqoe_htb_plan *plans, uint32_t i, struct mqoe_error *e) {
    struct mqoe_error inner;
    bool root = plans[i].parent == MQOE_HTB_NOBODY;
    if (root != (i == 0))
        return refuse(e, i, "the first node is the root, and the only one", "is misplaced");
    if (root && plans[i].leaf)
        return refuse(e, i, "an inner node", "is the root and a leaf");
    if (!root && (plans[i].parent >= i || plans[plans[i].parent].leaf))
        return refuse(e, i, "an inner node before it", "has a wrong parent");
    if (mqoe_htb_check(&plans[i].class, root, &inner))
        return mqoe_fail(e, EINVAL, "shaper tree", inner.hint, "node %" PRIu32 ": %s", i, inner.object);
    return 0;
}

// Height above the deepest leaf, as in sch_htb: leaves are 0 wherever they are, the root is highest.
static int set_levels(struct mqoe_htb *tree, const struct mqoe_htb_plan *plans, struct mqoe_error *e) {
    uint32_t height = 1;
    for (uint32_t i = 0; i < tree->count; i++) { // depth first, kept in `busy`
        uint32_t depth = i ? tree->nodes[plans[i].parent].busy + 1 : 0;
        uint32_t needed = plans[i].leaf ? depth : depth + 1;
        tree->nodes[i].busy = depth;
        height = needed > height ? needed : height;
        if (height >= MQOE_HTB_LEVELS)
            return refuse(e, i, "8 levels, leaves included", "is too deep");
    }
    for (uint32_t i = 0; i < tree->count; i++) {
        tree->nodes[i].level = (uint8_t)(plans[i].leaf ? 0 : height - tree->nodes[i].busy);
        tree->nodes[i].busy = 0;
    }
    return 0;
}

// How many turns a node takes part with, and how many rings it has.
static uint32_t turns_of(const struct mqoe_htb_node *n) {
    return n->level ? (n->level + 2u) * PRIORITIES : 2;
}

static uint32_t rings_of(const struct mqoe_htb_node *n) {
    return n->level ? (n->level + 1u) * PRIORITIES : 0;
}

void mqoe_htb_find_lenders(struct mqoe_htb *tree) {
    for (uint32_t i = 1; i < tree->count; i++) {
        struct mqoe_htb_node *n = &tree->nodes[i];
        n->sole = n->level && !n->rate.cost && (n->parent == 0 || tree->nodes[n->parent].sole);
        for (uint32_t k = 0; n->sole && k < PRIORITIES; k++) { // from here on it moves as they do
            struct mqoe_htb_ring *r = &tree->rings[n->rings + n->level * PRIORITIES + k];
            if (r->first)
                r->front = tree->turns[r->first].start;
        }
    }
}

static int allocate_lists(struct mqoe_htb *tree) {
    uint32_t turns = 1, rings = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        struct mqoe_htb_node *n = &tree->nodes[i];
        n->turns = turns;
        n->rings = rings;
        turns += turns_of(n);
        rings += rings_of(n);
    }
    tree->turns = calloc(turns, sizeof *tree->turns);
    tree->rings = calloc(rings, sizeof *tree->rings);
    tree->events = calloc(tree->count, sizeof *tree->events);
    if (!tree->turns || !tree->rings || !tree->events)
        return -ENOMEM;
    for (uint32_t i = 0; i < tree->count; i++)
        for (uint32_t k = 0; k < turns_of(&tree->nodes[i]); k++)
            tree->turns[tree->nodes[i].turns + k].node = i;
    mqoe_htb_find_lenders(tree);
    return 0;
}

int mqoe_htb_init(struct mqoe_htb *tree, const struct mqoe_htb_plan *plans, uint32_t count,
                  uint32_t max_frame, uint64_t now, struct mqoe_error *e) {
    *tree = (struct mqoe_htb){.count = count, .max_frame = max_frame, .clock = now};
    if (!count || max_frame > MAX_FRAME)
        return mqoe_fail(e, EINVAL, "shaper tree", "a root, and frames of 65535 bytes at most",
                         "%" PRIu32 " nodes, frames of %" PRIu32 " bytes", count, max_frame);
    for (uint32_t i = 0; i < count; i++)
        if (check_plan(plans, i, e))
            return -EINVAL;
    tree->nodes = aligned_alloc(32, count * sizeof *tree->nodes);
    if (!tree->nodes)
        return mqoe_fail(e, ENOMEM, "aligned_alloc", NULL, "a shaper tree of %" PRIu32 " nodes", count);
    for (uint32_t i = 0; i < count; i++) {
        struct mqoe_htb_node *n = &tree->nodes[i];
        *n = (struct mqoe_htb_node){.parent = plans[i].parent, .rate.tag = now, .ceil.tag = now};
        mqoe_htb_set_class(tree, i, &plans[i].class);
        n->leaf = plans[i].leaf; // an inner node's lists are empty: NULL
    }
    int err = set_levels(tree, plans, e);
    if (!err && allocate_lists(tree))
        err = mqoe_fail(e, ENOMEM, "calloc", NULL, "a shaper tree of %" PRIu32 " nodes", count);
    if (err)
        mqoe_htb_free(tree);
    return err;
}

void mqoe_htb_free(struct mqoe_htb *tree) {
    free(tree->nodes);
    free(tree->turns);
    free(tree->rings);
    free(tree->events);
    *tree = (struct mqoe_htb){0};
}
