// What htb.c (frames), htb_build.c (set-up) and htb_events.c share.
#pragma once

#include "sqm/htb.h"

#define MQOE_HTB_SHIFT       24u // fraction bits of `cost`
#define MQOE_HTB_MAX_QUANTUM (UINT32_C(1) << 20)

// Sets what a class says; the tags stay.
void mqoe_htb_set_class(struct mqoe_htb *tree, uint32_t node, const struct mqoe_htb_class *class);

// Sets `sole` of all nodes, after rates came or went.
void mqoe_htb_find_lenders(struct mqoe_htb *tree);

// Lets `node` wait for `due`, or moves it there; MQOE_NEVER takes it off.
void mqoe_htb_wait(struct mqoe_htb *tree, uint32_t node, uint64_t due);

// When the first node's time comes.
static inline uint64_t mqoe_htb_due(const struct mqoe_htb *tree) {
    return tree->event_count ? tree->events[0].due : MQOE_NEVER;
}
