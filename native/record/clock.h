// The kernel's clocks in ns.
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t mqoe_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
