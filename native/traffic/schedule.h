// When traffic happens, as arithmetic: seeded phases, the slots of an isochronous probe, goodput bins. Pure:
// `now` and the seed are arguments; all times are ns since the run's t0.
#pragma once

#include <stdint.h>

// One 64-bit value out of a seed and two labels (the finaliser of SplitMix64, Steele, Lea & Flood, OOPSLA
// 2014, applied per word): equal arguments give equal values, neighbouring ids unrelated ones.
uint64_t traffic_mix(uint64_t seed, uint64_t purpose, uint64_t id);

// Offset in [0, interval) of item `id`, so that thousands of items with one interval do not fire at once.
int64_t traffic_phase(uint64_t seed, uint64_t purpose, uint64_t id, int64_t interval);

// ---- slots: due times first, first + interval, … before `stop` ----

struct traffic_slots {
    int64_t first, interval, stop;
    uint32_t next; // slots already used up (sent, refused or skipped)
};

int64_t traffic_slot_due(const struct traffic_slots *s, uint32_t slot);

// Slots before `stop`, over the whole life.
uint32_t traffic_slots_total(const struct traffic_slots *s);

// How many slots, from `next` on, are at least a whole interval late at `now` and so must not be sent any
// more. A slot that is late by less is still sent: never two at once, and never a burst after a stall.
uint32_t traffic_slots_missed(const struct traffic_slots *s, int64_t now);

// ---- goodput bins: bin k covers [k·width, (k+1)·width) ----

struct traffic_bins {
    int64_t width;
    int64_t index; // the bin that is being filled
    uint64_t bytes;
    uint32_t reads;
};

// Receives a finished bin: its end, what arrived in it and in how many reads.
typedef void traffic_bin_sink(void *context, int64_t end, uint64_t bytes, uint32_t reads);

// Starts with the bin that holds `start` (≥ 0).
void traffic_bins_open(struct traffic_bins *b, int64_t width, int64_t start);

// Hands every bin that ended at or before `now` to the sink, the empty ones too.
void traffic_bins_advance(struct traffic_bins *b, int64_t now, traffic_bin_sink *sink, void *context);

// Counts one read of `bytes` at `now`.
void traffic_bins_add(struct traffic_bins *b, int64_t now, uint64_t bytes, traffic_bin_sink *sink,
                      void *context);

// Ends at `end`: finished bins, then the last one if it holds a part of the flow's life.
void traffic_bins_close(struct traffic_bins *b, int64_t end, traffic_bin_sink *sink, void *context);
