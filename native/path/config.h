// What one direction of an emulated path does to frames, as the blueprint says it (docs/paths.md). Times are
// ns, rates bit/s, sizes bytes; probabilities and correlations are 0 … 1. All zero is a path that does
// nothing, except that `up` must be true. Arrays belong to the caller and outlive the line that uses them (or
// its next set).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "record/error.h"

// Values of a trace's step that leave it to the line.
#define MQOE_PATH_KEEP        UINT64_MAX
#define MQOE_PATH_KEEP_LOSS   (-1.0)

#define MQOE_PATH_TABLE_MAX   16384u // entries of a distribution, as netem
#define MQOE_PATH_TABLE_SCALE 8192   // what one standard deviation is in it
#define MQOE_PATH_TIME_MAX    (UINT64_C(1) << 53)
#define MQOE_PATH_RATE_MAX    UINT64_C(1000000000000)

// Something that happens to a frame with `probability`. Whether it happened to the frame before says
// something about this one: the correlation of neighbours is exactly `correlation`, and the probability
// stays what it is.
struct mqoe_path_chance {
    double probability, correlation;
};

enum mqoe_path_distribution {
    MQOE_PATH_UNIFORM,      // between mean − jitter and mean + jitter
    MQOE_PATH_NORMAL,       // jitter is the standard deviation, here and below
    MQOE_PATH_PARETO,       // shape 3
    MQOE_PATH_PARETONORMAL, // quantile by quantile a quarter of normal and three quarters of pareto
    MQOE_PATH_TABLE,        // the caller's
};

// How a time varies around its mean; negative results count as 0.
struct mqoe_path_spread {
    uint64_t mean, jitter;
    double correlation; // of one frame's with the one before; the distribution stays what it is
    enum mqoe_path_distribution distribution;
    // In units of jitter / 8192, drawn with equal probability; ascending when there is a correlation.
    const int16_t *table;
    uint32_t table_size;
};

enum mqoe_path_loss_model {
    MQOE_PATH_LOSS_NONE,
    MQOE_PATH_LOSS_RANDOM,
    MQOE_PATH_LOSS_GEMODEL, // Gilbert and Elliott: two states, each with a loss of its own
    MQOE_PATH_LOSS_STATE,   // four states, as netem's `loss state`
    MQOE_PATH_LOSS_PACKETS, // exactly these
};

struct mqoe_path_loss {
    enum mqoe_path_loss_model model;
    bool ecn; // frames that understand ECN are marked instead of lost
    struct mqoe_path_chance random;
    struct {
        double p, r;                // from good to bad, and back
        double bad_loss, good_loss; // tc's 1-h and 1-k
    } gemodel;
    struct {
        double p13, p31, p32, p23, p14;
    } state;
    const uint64_t *packets; // numbers of frames of this line, from 0, ascending
    uint32_t packet_count;
};

// A frame that does not wait: every frame whose turn it is (the gap-th since the last one, or later) passes
// those that are delayed, with the chance's probability.
struct mqoe_path_reorder {
    struct mqoe_path_chance chance;
    uint32_t gap; // 0 = off
};

// What a frame costs on a link with a rate, and the dumb buffer in front of it.
struct mqoe_path_link {
    uint64_t rate;                       // 0 = unlimited
    int32_t packet_overhead;             // added to the bytes of layer 2
    uint32_t cell_size;                  // 0 = no cells
    int32_t cell_overhead;               // added to each cell
    uint64_t limit_packets, limit_bytes; // of the buffer, with the frame in transmission; 0 = no limit
    uint64_t ecn_threshold; // backlog found from which frames that understand ECN are marked; 0 = off
};

// Bursts: frames wait for the next slot, which opens after a delay and takes so many frames or bytes.
struct mqoe_path_slot {
    bool enabled, distributed; // distributed: by `spread`; else uniform between the two delays
    uint64_t min_delay, max_delay;
    struct mqoe_path_spread spread;
    uint64_t packets, bytes; // 0 = no limit
};

enum mqoe_path_trace_kind {
    MQOE_PATH_TRACE_NONE,
    MQOE_PATH_TRACE_MAHIMAHI, // delivery opportunities in place of a rate
    MQOE_PATH_TRACE_STEPS,    // rate, delay and loss over time
};

struct mqoe_path_step {
    uint64_t time;  // since the start of the trace, ascending; before the first the line's own values hold
    uint64_t rate;  // in place of the link's; 0 = unlimited
    uint64_t delay; // in place of the mean
    double loss;    // in place of the random loss
};

struct mqoe_path_trace {
    enum mqoe_path_trace_kind kind;
    // Mahimahi: milliseconds that ascend, the last above 0: it is also the period of the trace.
    const uint64_t *opportunities;
    uint32_t opportunity_count;
    const struct mqoe_path_step *steps;
    uint32_t step_count;
    uint64_t period; // of steps: when they begin again; 0 = the last one stays
};

struct mqoe_path_config {
    bool up; // false: the cable is pulled
    struct mqoe_path_spread delay;
    bool keep_order; // jitter never lets a frame pass another
    struct mqoe_path_loss loss;
    struct mqoe_path_chance duplicate, corrupt;
    struct mqoe_path_reorder reorder;
    struct mqoe_path_link link;
    struct mqoe_path_slot slot;
    struct mqoe_path_trace trace;
};

// 0, or −EINVAL with *e saying which value is impossible and what is allowed.
int mqoe_path_config_check(const struct mqoe_path_config *config, struct mqoe_error *e);
