// `mqoe-native external`: the user's command in place of our dataplane. One thread: it listens to its owner,
// watches the command and reads the interfaces' counters ten times a second (docs/external-dataplane.md).
#pragma once

#include "external/command.h"
#include "external/config.h"
#include "external/counters.h"
#include "external/ledger.h"
#include "external/plan.h"
#include "reactor/control.h"
#include "record/segment.h"

// How long a command may take to print `ready`. The harness waits for longer: our error, which names the
// command and what it said, must come first.
#define MQOE_EXTERNAL_READY_LIMIT INT64_C(15000000000) // ns
#define MQOE_EXTERNAL_INTERVAL    INT64_C(100000000)   // ns between two records
#define MQOE_NOT_DUE              INT64_MAX

struct mqoe_external {
    struct mqoe_external_config config;
    struct mqoe_external_plan plan;
    struct mqoe_command command;
    struct mqoe_control control;
    struct mqoe_links links;
    struct mqoe_ledger ledger;
    struct mqoe_segment segment; // dp_reactor
    int signals;
    int64_t ready_limit; // ns
    int64_t ready_at;    // when a command that prints nothing counts as ready
    bool ready, went, stopping;
    int64_t t0, due, late_max; // of the records; ns, CLOCK_MONOTONIC
    uint64_t wakeups;
};

int64_t mqoe_external_now(void);

// Tells the owner that the command runs. Returns 0 or −errno.
int mqoe_external_say_ready(struct mqoe_external *x);

// Carries out one command of the owner's and answers it; drops the reference. `stop` only sets x->stopping.
// Returns 0, or −errno with *e filled when the interfaces cannot be read any more.
int mqoe_external_obey(struct mqoe_external *x, json_t *command, struct mqoe_error *e);

// Reads the interfaces' counters into the ledger. Returns 0, or −errno with *e filled.
int mqoe_external_count(struct mqoe_external *x, struct mqoe_error *e);

// Writes a record of what was counted last.
void mqoe_external_record(struct mqoe_external *x, int64_t now);

// The last line: `stopped` with the accounting.
void mqoe_external_say_stopped(struct mqoe_external *x);
