// The blueprint of the dataplanes "kernel" and "none" (DataplaneBlueprint of harness/blueprint/types.ts) as C
// reads it. Rates are bit/s, times ns, sizes bytes.
#pragma once

#include "bpf/guard.h"
#include "packet/lpm.h"
#include "reactor/json.h"
#include "sqm/framing.h"

// Class and leaf of a client: minor (and the leaf's major) number MQOE_KERNEL_MINOR + id, so that the first
// one is tc's customary 1:10. Above 0xfffe the kernel keeps numbers for itself.
#define MQOE_KERNEL_MINOR       MQOE_GUARD_MINOR
#define MQOE_KERNEL_MAX_CLIENTS (0xfffeu - MQOE_KERNEL_MINOR + 1)

enum mqoe_kernel_direction { MQOE_KERNEL_DOWN, MQOE_KERNEL_UP };

enum mqoe_kernel_discipline {
    MQOE_KERNEL_FQ_CODEL,
    MQOE_KERNEL_PFIFO,
    MQOE_KERNEL_NONE,
    MQOE_KERNEL_CAKE,
    MQOE_KERNEL_CODEL,
    MQOE_KERNEL_DUALPI2,
    MQOE_KERNEL_BFIFO,
    MQOE_KERNEL_TC,
};

struct mqoe_kernel_codel { // codel, and the part of fq_codel that is the same
    uint64_t target, interval;
    uint32_t limit;
    bool ecn;
    int64_t ce_threshold; // −1 = off
    // fq_codel only
    uint32_t quantum, flows;
    uint64_t memory_limit;
};

struct mqoe_kernel_cake {
    uint32_t tins, isolation, ack_filter; // CAKE_DIFFSERV_…, CAKE_FLOW_…, CAKE_ACK_…
    uint64_t rtt;
    bool nat, wash, ingress, split_gso, autorate_ingress;
    uint64_t memory_limit; // 0 = as the rate asks for
};

struct mqoe_kernel_dualpi2 {
    uint32_t limit;        // packets
    uint64_t memory_limit; // bytes
    uint64_t target, tupdate;
    uint32_t alpha, beta;    // 1/256 Hz
    uint64_t step_threshold; // ns, or packets
    bool step_in_packets, drop_on_overload, drop_early;
    uint32_t min_qlen_step;
    uint8_t coupling, classic_protection, ecn_mask; // TCA_DUALPI2_ECN_MASK_…: 1 L4S, 3 any
};

struct mqoe_kernel_tc {
    const char *args; // owned by the document it came from
    uint64_t rate;    // of an HTB class above it, 0 = it shapes itself
};

// One direction of one client.
struct mqoe_kernel_shaper {
    uint64_t rate; // at the layer that `framing` accounts; 0 = unlimited
    struct mqoe_framing framing;
    enum mqoe_kernel_discipline discipline;
    union {
        struct mqoe_kernel_codel codel; // codel, fq_codel
        struct mqoe_kernel_cake cake;
        struct mqoe_kernel_dualpi2 dualpi2;
        struct mqoe_kernel_tc tc;
        uint32_t pfifo_limit; // packets
        uint32_t bfifo_limit; // bytes
    };
};

struct mqoe_kernel_client {
    const char *name;
    struct mqoe_kernel_shaper shaper[2]; // by direction
};

struct mqoe_kernel_config {
    json_t *document; // owns the strings
    bool shapes;      // kind "kernel"; false: "none"
    const char *lab, *netns;
    char interface[2][16]; // by direction: where it leaves. Down towards the clients, up towards the servers
    uint8_t mac[6];
    uint32_t mtu;
    uint32_t client_count, server_count, client_prefix_count, server_prefix_count;
    struct mqoe_kernel_client *clients;
    struct mqoe_prefix *client_prefixes; // value: index into clients
    struct mqoe_prefix *server_prefixes; // value: index of the server
};

// The kernel's name of a discipline: "cake"; "" for none and for tc.
const char *mqoe_kernel_kind(enum mqoe_kernel_discipline discipline);

// Reads `file`. Returns 0, or −errno with *e filled (for what is wrong inside, the JSON path is its object).
// The caller frees the config in both cases.
int mqoe_kernel_config_load(struct mqoe_kernel_config *c, const char *file, struct mqoe_error *e);
// The same from a document; takes the reference.
int mqoe_kernel_config_read(struct mqoe_kernel_config *c, json_t *document, struct mqoe_error *e);
void mqoe_kernel_config_free(struct mqoe_kernel_config *c);

// Reads one ShaperBlueprint at `n` (of a client, or of a change). Strings stay owned by its document. Unless
// the dataplane `shapes` any discipline is taken, also one that no kernel has, as MQOE_KERNEL_NONE.
void mqoe_kernel_read_shaper(const struct mqoe_node *n, bool shapes, struct mqoe_kernel_shaper *out);
