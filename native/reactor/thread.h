// What the scheduler is asked for so that a sleeping reactor wakes on time, and what it granted.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mqoe_thread_grant {
    int core;           // pinned to; −1 = not pinned
    const char *policy; // "rr" or "other"
    int priority;       // real-time priority (rr) or nice value (other)
    uint32_t slack_ns;  // timer slack in force
    char note[160];     // what was refused, and what it costs; empty when nothing was
};

// Applies to the calling thread: CPU affinity (core ≥ 0), timer slack of 1 ns (the default of 50 µs would be
// a 50 µs error of every shaped packet), and a high priority. Whatever the machine refuses is noted, never
// fatal.
void mqoe_thread_tune(int core, struct mqoe_thread_grant *grant);
