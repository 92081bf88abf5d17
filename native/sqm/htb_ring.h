// Who goes next among the children of one node that compete for the same thing: start-time fair queueing
// (Goyal, Vin and Cheng, SIGCOMM 1996), with a child's quantum as its weight. Time in a ring is counted in
// rounds: in one round everybody who has enough to send sends one quantum.
//
// sch_htb walks its children in order, a quantum each, and goes on to the next subtree when the lists below
// have come round. Two things are lost on the way: a child that its own ceil keeps out for most of the time
// waits for its turn again each time it may send, and falls behind its ceil; and lists that several lenders
// move on come round too early for each of them. Here whoever is behind goes first, and each lender counts
// for itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The place of one child in one ring. Those that wait form a pairing heap by `start`.
struct mqoe_htb_turn {
    uint64_t start;             // rounds << 24: what it has had, in the ring's time
    uint32_t node;              // whose it is
    uint32_t child, next, prev; // turns, 0 = none; prev of a first child is its parent
};

struct mqoe_htb_ring {
    uint64_t time;    // rounds << 24: start of whom it came to last
    uint64_t since;   // of the measurement that runs
    uint32_t first;   // turn with the earliest start, 0 = empty
    uint32_t bytes;   // sent since `since`
    uint32_t average; // bytes of one round × 8
    uint32_t weight;  // quanta of the leaves that wait now
    uint64_t front;   // start of the first that the ring above has heard of (htb.c: follow)
};

// Lets a turn wait in the ring. What it is behind counts up to so many rounds: being kept out is no saving.
void mqoe_htb_ring_add(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn, uint32_t rounds);
void mqoe_htb_ring_remove(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn);

// Counts bytes sent by a turn of the ring that it has come to (r->first), in parts of its quantum; 0 = it is
// moved otherwise.
void mqoe_htb_ring_charge(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn, uint32_t bytes,
                          uint32_t quantum);

// Moves a turn by as much (modulo 2^64), whether it waits in the ring or not.
void mqoe_htb_ring_move(struct mqoe_htb_ring *r, struct mqoe_htb_turn *turns, uint32_t turn, uint64_t by,
                        bool waits);

// A turn that rested is behind by nothing.
static inline void mqoe_htb_ring_wake(const struct mqoe_htb_ring *r, struct mqoe_htb_turn *turn) {
    if (turn->start < r->time)
        turn->start = r->time;
}

// Bytes of one round, as an estimate: the quantum of a whole subtree in the ring above, so that each leaf
// below gets its own. What the last rounds came to; more when many leaves have just woken up; 0 when there
// has been no round to go by.
uint32_t mqoe_htb_ring_quantum(const struct mqoe_htb_ring *r);
