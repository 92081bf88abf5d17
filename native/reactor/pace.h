// How often a loop may be woken. A wake-up costs microseconds on both sides, and a frame every few of them
// wakes its loop for each: at 500 Mbit/s that is most of two CPUs. So a loop that has been woken more often
// than once in 50 µs for a while sleeps the rest of them without listening and takes what has come together,
// as a network card's interrupt moderation does. Below 20,000 wake-ups a second (240 Mbit/s of full frames)
// nothing changes; above, a frame is taken up to 50 µs later. What is shaped keeps its logical departure.
#pragma once

#include <stdint.h>

#define MQOE_PACE       50000u            // ns for each wake-up
#define MQOE_PACE_BURST (32u * MQOE_PACE) // this many at once are free

// All zero is a loop that has not slept yet.
struct mqoe_pace {
    uint64_t spent; // ns, absolute: when the wake-ups so far would be over, one after the other (GCRA)
};

// Counts a wake-up to come. Returns until when to sleep without listening (ns, absolute, > now), or 0 when
// the loop may listen.
static inline uint64_t mqoe_pace_next(struct mqoe_pace *pace, uint64_t now) {
    if (pace->spent < now)
        pace->spent = now;
    pace->spent += MQOE_PACE;
    return pace->spent > now + MQOE_PACE_BURST ? pace->spent - MQOE_PACE_BURST : 0;
}
