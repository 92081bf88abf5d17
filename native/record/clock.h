// The kernel's clocks in ns.
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t mqoe_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// The first multiple of `interval` since t0 that is not over at `now`: what somebody who was told t0 late
// does first.
static inline uint64_t mqoe_clock_due(uint64_t t0, uint64_t now, uint64_t interval) {
    return now <= t0 ? t0 : t0 + (now - t0 + interval - 1) / interval * interval;
}
