// CoDel (RFC 8289) with Linux's integer arithmetic (reference/algorithms.md §2): the control law of one
// queue.
//
// Times are ticks of 1,024 ns in 32 bits, compared so that they may wrap, and the inverse square root has 16
// bits and takes one Newton step per change of count. That is what Linux does, so the same load gives the
// same drops; it also keeps the state at 20 bytes. Against the RFC's pseudocode Linux raises count before the
// drop, not after it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mqoe_codel_params {
    uint32_t target, interval; // ticks
    uint32_t ce_threshold;     // ticks; UINT32_MAX = off
    uint32_t mtu;              // bytes: a backlog of at most this is never signalled
    bool ecn;
};

struct mqoe_codel {
    uint32_t count, last_count;
    uint32_t first_above; // ticks; 0 = below target
    uint32_t drop_next;   // ticks
    uint16_t inv_sqrt;    // 1/√count, the upper 16 bits of a Q0.32
    bool dropping;
};

static inline uint32_t mqoe_codel_ticks(uint64_t ns) {
    return (uint32_t)(ns >> 10);
}
