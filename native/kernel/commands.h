// The kernel dataplane's side of the control channel (docs/control.md).
#pragma once

#include "kernel/recorder.h"
#include "reactor/control.h"

struct mqoe_kernel_dataplane {
    struct mqoe_kernel_config config;
    struct mqoe_control control;
    struct netlink netlink;
    struct mqoe_tc_device devices[2]; // by the direction that leaves there
    struct mqoe_classify classify;
    struct mqoe_tree tree;
    struct mqoe_kernel_reader reader;
    struct mqoe_kernel_recorder recorder;
    bool stopping;
};

// Says that everything is open and forwarding.
int mqoe_kernel_ready(struct mqoe_kernel_dataplane *d);

// Carries out one command and answers it; drops the reference. `stop` only sets d->stopping. Returns 0, or
// −errno with *e filled when the kernel would not tell its counters: the process cannot go on.
int mqoe_kernel_command(struct mqoe_kernel_dataplane *d, json_t *command, struct mqoe_error *e);

// Reads the counters and writes the records that are due now.
int mqoe_kernel_record(struct mqoe_kernel_dataplane *d, struct mqoe_error *e);

// Waits (≤ 50 ms) until nothing moves any more, writes the last records and says `stopped`. *missing: frames
// that are unaccounted for. The interfaces stay as they are: they belong to the lab.
int mqoe_kernel_stop(struct mqoe_kernel_dataplane *d, int64_t *missing, struct mqoe_error *e);
