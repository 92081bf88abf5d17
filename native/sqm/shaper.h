// The deficit-mode shaper of CAKE (reference/algorithms.md §1.2, §1.3): no bucket, no burst, a virtual clock.
//
// `next` is when the link is free again; it advances by each frame's time from its own old value, so a late
// timer is caught up exactly, and no frame starts before it arrived, so idleness earns no credit. `failsafe`
// advances half as fast again but only for delivered frames: where drops are charged too (ingress mode) it
// guarantees two thirds of the rate to what is delivered.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mqoe_shaper {
    uint64_t next, failsafe; // ns
    uint64_t rate;           // bytes/s; 0 = unlimited
    uint64_t rate_ns;        // ns per byte << shift, 34 significant bits at most
    uint64_t fraction;       // of the nanosecond not charged yet, << shift: the long-run rate is exact
    uint8_t shift;
};

// Sets the rate in bit/s (0 = unlimited) and starts both clocks at `now`.
void mqoe_shaper_init(struct mqoe_shaper *shaper, uint64_t rate_bits, uint64_t now);

// Changes the rate. What the link still owes, or is behind, in bytes stays the same and takes its new time.
void mqoe_shaper_set_rate(struct mqoe_shaper *shaper, uint64_t rate_bits, uint64_t now);

// The conversion of a rate (bytes/s) into time: ns per byte << shift, with 34 significant bits. Raises *rate
// to the smallest that fits, 64 bytes/s.
void mqoe_shaper_convert(uint64_t *rate, uint64_t *rate_ns, uint8_t *shift);

// Time on the link of `bytes` (adjusted), ns, rounded down; 0 when unlimited.
static inline uint64_t mqoe_shaper_duration(const struct mqoe_shaper *shaper, uint32_t bytes) {
    return (bytes * shaper->rate_ns) >> shaper->shift;
}

// When the next frame may go: a value ≤ now means at once.
static inline uint64_t mqoe_shaper_gate(const struct mqoe_shaper *shaper) {
    if (!shaper->rate)
        return 0;
    return shaper->next < shaper->failsafe ? shaper->next : shaper->failsafe;
}

// The link had nothing to do before `since`. A leaf says so of each frame that it delivers, with its arrival:
// that covers the frame that met an empty queue, and also the one whose elders were all dropped.
static inline void mqoe_shaper_wake(struct mqoe_shaper *shaper, uint64_t since) {
    if (shaper->next < since)
        shaper->next = shaper->failsafe = since;
}

// Charges `bytes` (adjusted) that were sent, or dropped where drops cost rate too.
static inline void mqoe_shaper_charge(struct mqoe_shaper *shaper, uint32_t bytes, bool drop) {
    if (!shaper->rate)
        return;
    uint64_t time = bytes * shaper->rate_ns + shaper->fraction;
    uint64_t duration = time >> shaper->shift;
    shaper->fraction = time & ((UINT64_C(1) << shaper->shift) - 1);
    shaper->next += duration;
    if (!drop)
        shaper->failsafe += duration + duration / 2;
}
