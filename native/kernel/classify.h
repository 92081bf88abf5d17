// Loads and fills bpf/classify.bpf.c: who a packet belongs to.
#pragma once

#include "bpf/guard.h"
#include "kernel/qdisc.h"

enum mqoe_classify_program { MQOE_FROM_ACCESS, MQOE_FROM_CORE, MQOE_OWN_FRAMES, MQOE_TO_CLASS };
#define MQOE_CLASSIFY_PROGRAMS 4

struct bpf_object;

struct mqoe_classify {
    struct bpf_object *object; // NULL = closed
    int programs[MQOE_CLASSIFY_PROGRAMS];
    int counters, passed; // maps
    int cpus;
    uint64_t *values; // room for one element of a per-CPU map
};

// Loads the programs for the config's MTU and enters its addresses. `counting`: bit per direction (1 = down)
// whose packets are to be counted per client, because no qdisc does. Returns 0 or −errno with *e filled
// (EEXIST: two clients have one address); mqoe_classify_close is right in both cases.
int mqoe_classify_open(struct mqoe_classify *c, const struct mqoe_kernel_config *config, unsigned counting,
                       struct mqoe_error *e);
void mqoe_classify_close(struct mqoe_classify *c);

// Attaches the guards to both interfaces (by direction of what leaves there). Messages are flushed.
int mqoe_classify_attach(const struct mqoe_classify *c, struct netlink *nl,
                         const struct mqoe_tc_device devices[2], struct mqoe_error *e);

// Frames since the start, by GUARD_….
int mqoe_classify_counters(const struct mqoe_classify *c, uint64_t counts[GUARD_COUNTERS],
                           struct mqoe_error *e);
// What passed of one client in a direction that is counted.
int mqoe_classify_passed(const struct mqoe_classify *c, uint32_t client, unsigned direction,
                         struct guard_passed *sum, struct mqoe_error *e);
