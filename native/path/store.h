// Frames on their way, by the time at which they arrive: a FIFO as long as nobody overtakes, and a heap of
// those that do. A line that keeps the order touches the FIFO only. Frames with equal times keep the order in
// which they came.
#pragma once

#include "packet/frame.h"

struct mqoe_path_overtaker {
    uint64_t due, serial;
    struct mqoe_frame *frame;
};

struct mqoe_path_store {
    struct mqoe_frame_list fifo; // by frame->time; empty only when the heap is, too
    struct mqoe_path_overtaker *heap;
    uint32_t size, capacity; // of the heap, which doubles when it is full; nothing is allocated per frame
    uint64_t serial;
};

// Adds a frame that arrives at frame->time. 1: it overtakes one that is inside; 0: it is the last; −ENOMEM:
// it would overtake, but the heap cannot grow: it is the last, and its time that of the one before.
int mqoe_path_store_push(struct mqoe_path_store *store, struct mqoe_frame *frame);
struct mqoe_frame *mqoe_path_store_pop(struct mqoe_path_store *store);
void mqoe_path_store_free(struct mqoe_path_store *store);

// When the next frame arrives; MQOE_NEVER when there is none.
static inline uint64_t mqoe_path_store_next(const struct mqoe_path_store *store) {
    uint64_t due = store->fifo.head ? store->fifo.head->time : MQOE_NEVER;
    return store->size && store->heap[0].due < due ? store->heap[0].due : due;
}
