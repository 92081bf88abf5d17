// Which queue of an instance is the fattest: a pairing heap (Fredman, Sedgewick, Sleator and Tarjan, 1986)
// whose links are in the queues themselves. Growing costs a constant, shrinking and leaving O(log n)
// amortised, and there is no array to be sized for the worst case. Holds queues with frames only.
//
// All functions return the new root; MQOE_NO_RECORD is an empty heap.
#pragma once

#include "sqm/cake_store.h"

uint32_t mqoe_cake_heap_insert(const struct mqoe_cake_store *store, uint32_t root, uint32_t flow);
// The queue's bytes have grown.
uint32_t mqoe_cake_heap_raise(const struct mqoe_cake_store *store, uint32_t root, uint32_t flow);
uint32_t mqoe_cake_heap_remove(const struct mqoe_cake_store *store, uint32_t root, uint32_t flow);
