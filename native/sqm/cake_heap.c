#include "sqm/cake_heap.h"

#define NONE MQOE_NO_RECORD

// Two heaps become one: the lighter root is the heavier one's first child.
static uint32_t meld(const struct mqoe_cake_store *store, uint32_t a, uint32_t b) {
    if (a == NONE || b == NONE)
        return a == NONE ? b : a;
    if (mqoe_cake_flow(store, a)->bytes < mqoe_cake_flow(store, b)->bytes) {
        uint32_t heavier = b;
        b = a;
        a = heavier;
    }
    struct mqoe_cake_flow *parent = mqoe_cake_flow(store, a), *child = mqoe_cake_flow(store, b);
    child->heap_prev = a;
    child->heap_next = parent->heap_child;
    if (parent->heap_child != NONE)
        mqoe_cake_flow(store, parent->heap_child)->heap_prev = b;
    parent->heap_child = b;
    return a;
}

// Takes the first of a list of siblings off it, as a root.
static uint32_t first_of(const struct mqoe_cake_store *store, uint32_t *list) {
    uint32_t flow = *list;
    if (flow == NONE)
        return flow;
    struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    *list = f->heap_next;
    f->heap_next = f->heap_prev = NONE;
    return flow;
}

// The children of a root that is gone become one heap, in two passes: in pairs from the left, then all into
// one from the right.
static uint32_t merge_pairs(const struct mqoe_cake_store *store, uint32_t list) {
    uint32_t pairs = NONE, root = NONE;
    while (list != NONE) {
        uint32_t a = first_of(store, &list);
        uint32_t pair = meld(store, a, first_of(store, &list));
        mqoe_cake_flow(store, pair)->heap_next = pairs;
        pairs = pair;
    }
    while (pairs != NONE)
        root = meld(store, root, first_of(store, &pairs));
    return root;
}

// Cuts a flow that is not the root off, with what is below it.
static void cut(const struct mqoe_cake_store *store, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow), *prev = mqoe_cake_flow(store, f->heap_prev);
    if (prev->heap_child == flow)
        prev->heap_child = f->heap_next;
    else
        prev->heap_next = f->heap_next;
    if (f->heap_next != NONE)
        mqoe_cake_flow(store, f->heap_next)->heap_prev = f->heap_prev;
    f->heap_next = f->heap_prev = NONE;
}

uint32_t mqoe_cake_heap_insert(const struct mqoe_cake_store *store, uint32_t root, uint32_t flow) {
    struct mqoe_cake_flow *f = mqoe_cake_flow(store, flow);
    f->heap_child = f->heap_next = f->heap_prev = NONE;
    return meld(store, root, flow);
}

uint32_t mqoe_cake_heap_raise(const struct mqoe_cake_store *store, uint32_t root, uint32_t flow) {
    if (flow == root)
        return root;
    cut(store, flow);
    return meld(store, root, flow);
}

uint32_t mqoe_cake_heap_remove(const struct mqoe_cake_store *store, uint32_t root, uint32_t flow) {
    uint32_t children = mqoe_cake_flow(store, flow)->heap_child;
    if (flow == root)
        return merge_pairs(store, children);
    cut(store, flow);
    return meld(store, root, merge_pairs(store, children));
}
