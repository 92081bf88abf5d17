// The nodes of a shaper tree that wait for a time of their own: a 4-ary min-heap over exact nanoseconds. It
// holds numbers where native/reactor/heap.h holds pointers: sqm knows nothing of reactors, and half the size
// is enough.
#include "sqm/htb_parts.h"

#define ARITY 4u

static inline void place(struct mqoe_htb *tree, uint32_t at, struct mqoe_htb_event event) {
    tree->events[at] = event;
    tree->nodes[event.node].position = at + 1;
}

static void sift_up(struct mqoe_htb *tree, uint32_t at, struct mqoe_htb_event event) {
    while (at > 0) {
        uint32_t parent = (at - 1) / ARITY;
        if (tree->events[parent].due <= event.due)
            break;
        place(tree, at, tree->events[parent]);
        at = parent;
    }
    place(tree, at, event);
}

static uint32_t earliest_child(const struct mqoe_htb *tree, uint32_t first) {
    uint32_t end = first + ARITY < tree->event_count ? first + ARITY : tree->event_count, best = first;
    for (uint32_t i = first + 1; i < end; i++)
        if (tree->events[i].due < tree->events[best].due)
            best = i;
    return best;
}

static void sift_down(struct mqoe_htb *tree, uint32_t at, struct mqoe_htb_event event) {
    for (uint32_t first; (first = at * ARITY + 1) < tree->event_count;) {
        uint32_t child = earliest_child(tree, first);
        if (tree->events[child].due >= event.due)
            break;
        place(tree, at, tree->events[child]);
        at = child;
    }
    place(tree, at, event);
}

static void settle(struct mqoe_htb *tree, uint32_t at, struct mqoe_htb_event event) {
    if (at > 0 && event.due < tree->events[(at - 1) / ARITY].due)
        sift_up(tree, at, event);
    else
        sift_down(tree, at, event);
}

static void take_off(struct mqoe_htb *tree, uint32_t node) {
    uint32_t at = tree->nodes[node].position - 1;
    tree->nodes[node].position = 0;
    struct mqoe_htb_event last = tree->events[--tree->event_count];
    if (at < tree->event_count)
        settle(tree, at, last);
}

void mqoe_htb_wait(struct mqoe_htb *tree, uint32_t node, uint64_t due) {
    uint32_t position = tree->nodes[node].position;
    if (due != MQOE_NEVER)
        settle(tree, position ? position - 1 : tree->event_count++, (struct mqoe_htb_event){due, node});
    else if (position)
        take_off(tree, node);
}
