#include "path/store.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 16u

static inline bool before(const struct mqoe_path_overtaker *a, const struct mqoe_path_overtaker *b) {
    return a->due < b->due || (a->due == b->due && a->serial < b->serial);
}

static int grow(struct mqoe_path_store *store) {
    uint32_t capacity = store->capacity ? store->capacity * 2 : FIRST_CAPACITY;
    void *heap = realloc(store->heap, (size_t)capacity * sizeof *store->heap);
    if (!heap)
        return -ENOMEM;
    store->heap = heap;
    store->capacity = capacity;
    return 0;
}

static void heap_insert(struct mqoe_path_store *store, struct mqoe_path_overtaker new) {
    uint32_t at = store->size++;
    for (uint32_t parent; at && before(&new, &store->heap[parent = (at - 1) / 2]); at = parent)
        store->heap[at] = store->heap[parent];
    store->heap[at] = new;
}

static struct mqoe_frame *heap_pop(struct mqoe_path_store *store) {
    struct mqoe_path_overtaker *heap = store->heap, last = heap[--store->size];
    struct mqoe_frame *first = heap[0].frame;
    uint32_t at = 0, child;
    while ((child = 2 * at + 1) < store->size) {
        if (child + 1 < store->size && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last; // itself, where it was the only one
    return first;
}

int mqoe_path_store_push(struct mqoe_path_store *store, struct mqoe_frame *frame) {
    bool overtakes = store->fifo.head && frame->time < store->fifo.tail->time;
    if (overtakes && (store->size < store->capacity || grow(store) == 0)) {
        heap_insert(store, (struct mqoe_path_overtaker){frame->time, store->serial++, frame});
        return 1;
    }
    if (overtakes)
        frame->time = store->fifo.tail->time;
    mqoe_frame_list_push(&store->fifo, frame);
    return overtakes ? -ENOMEM : 0;
}

// The FIFO's frame goes first when both are due together: the one in the heap came later (it was before the
// FIFO's last one then, and the FIFO's times do not decrease). So the FIFO's last frame goes after the
// heap's.
struct mqoe_frame *mqoe_path_store_pop(struct mqoe_path_store *store) {
    if (store->size && store->heap[0].due < store->fifo.head->time)
        return heap_pop(store);
    return mqoe_frame_list_pop(&store->fifo);
}

void mqoe_path_store_free(struct mqoe_path_store *store) {
    free(store->heap);
    *store = (struct mqoe_path_store){0};
}
