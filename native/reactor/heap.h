// Timers: a four-ary min-heap over absolute times. Chosen over a hierarchical wheel because a shaper needs
// the exact nanosecond and the exact next due time to sleep on (a wheel has a tick, and finding its next
// entry is a search); 40,000 armed timers are eight levels deep, and a slot keeps the key beside the pointer,
// so that sifting touches only the slots. No allocation after creation; the capacity is the number of timers
// that exist.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packet/frame.h" // MQOE_NEVER

// Embedded in what it wakes (container_of). Zero-initialised = not armed.
struct mqoe_timer {
    uint32_t position; // slot + 1 while armed, 0 otherwise
    uint32_t kind;     // the owner's own tag
};

struct mqoe_heap_slot {
    uint64_t due;
    struct mqoe_timer *timer;
};

struct mqoe_heap {
    struct mqoe_heap_slot *slots;
    uint32_t size, capacity;
};

// Room for `capacity` timers. Returns 0 or −ENOMEM.
int mqoe_heap_init(struct mqoe_heap *h, uint32_t capacity);
void mqoe_heap_free(struct mqoe_heap *h);

// Arms `t` for `due` (ns), or moves it there when it is armed already. MQOE_NEVER disarms it.
void mqoe_heap_arm(struct mqoe_heap *h, struct mqoe_timer *t, uint64_t due);
void mqoe_heap_disarm(struct mqoe_heap *h, struct mqoe_timer *t);

static inline bool mqoe_timer_armed(const struct mqoe_timer *t) {
    return t->position != 0;
}

// When `t` is due, MQOE_NEVER when it is not armed.
static inline uint64_t mqoe_timer_due(const struct mqoe_heap *h, const struct mqoe_timer *t) {
    return t->position ? h->slots[t->position - 1].due : MQOE_NEVER;
}

// When the earliest timer is due, MQOE_NEVER when none is armed.
static inline uint64_t mqoe_heap_next(const struct mqoe_heap *h) {
    return h->size ? h->slots[0].due : MQOE_NEVER;
}

// Takes off the earliest timer if it is due at `now`; NULL otherwise. *due receives its time.
struct mqoe_timer *mqoe_heap_pop(struct mqoe_heap *h, uint64_t now, uint64_t *due);
