#include "reactor/heap.h"

#include <errno.h>
#include <stdlib.h>

#define ARITY 4u

int mqoe_heap_init(struct mqoe_heap *h, uint32_t capacity) {
    h->slots = calloc(capacity ? capacity : 1, sizeof *h->slots);
    h->size = 0;
    h->capacity = capacity;
    return h->slots ? 0 : -ENOMEM;
}

void mqoe_heap_free(struct mqoe_heap *h) {
    free(h->slots);
    *h = (struct mqoe_heap){0};
}

static inline void place(struct mqoe_heap *h, uint32_t at, struct mqoe_heap_slot slot) {
    h->slots[at] = slot;
    slot.timer->position = at + 1;
}

static void sift_up(struct mqoe_heap *h, uint32_t at, struct mqoe_heap_slot slot) {
    while (at > 0) {
        uint32_t parent = (at - 1) / ARITY;
        if (h->slots[parent].due <= slot.due)
            break;
        place(h, at, h->slots[parent]);
        at = parent;
    }
    place(h, at, slot);
}

static uint32_t earliest_child(const struct mqoe_heap *h, uint32_t first) {
    uint32_t end = first + ARITY < h->size ? first + ARITY : h->size, best = first;
    for (uint32_t i = first + 1; i < end; i++)
        if (h->slots[i].due < h->slots[best].due)
            best = i;
    return best;
}

static void sift_down(struct mqoe_heap *h, uint32_t at, struct mqoe_heap_slot slot) {
    for (uint32_t first; (first = at * ARITY + 1) < h->size;) {
        uint32_t child = earliest_child(h, first);
        if (h->slots[child].due >= slot.due)
            break;
        place(h, at, h->slots[child]);
        at = child;
    }
    place(h, at, slot);
}

static void settle(struct mqoe_heap *h, uint32_t at, struct mqoe_heap_slot slot) {
    if (at > 0 && slot.due < h->slots[(at - 1) / ARITY].due)
        sift_up(h, at, slot);
    else
        sift_down(h, at, slot);
}

void mqoe_heap_arm(struct mqoe_heap *h, struct mqoe_timer *t, uint64_t due) {
    if (due == MQOE_NEVER) {
        mqoe_heap_disarm(h, t);
        return;
    }
    if (!t->position && h->size == h->capacity)
        abort(); // more timers than the owner said exist: memory would be overwritten
    uint32_t at = t->position ? t->position - 1 : h->size++;
    settle(h, at, (struct mqoe_heap_slot){due, t});
}

void mqoe_heap_disarm(struct mqoe_heap *h, struct mqoe_timer *t) {
    if (!t->position)
        return;
    uint32_t at = t->position - 1;
    t->position = 0;
    struct mqoe_heap_slot last = h->slots[--h->size];
    if (at < h->size)
        settle(h, at, last);
}

struct mqoe_timer *mqoe_heap_pop(struct mqoe_heap *h, uint64_t now, uint64_t *due) {
    if (!h->size || h->slots[0].due > now)
        return NULL;
    struct mqoe_timer *t = h->slots[0].timer;
    *due = h->slots[0].due;
    mqoe_heap_disarm(h, t);
    return t;
}
