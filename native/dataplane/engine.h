// What one reactor does with frames, as a pure machine: it takes `now` and two ports as arguments, so that
// the same code runs live, in tests on a virtual clock, and in the bench.
//
//   down:  core ─▶ server path ─▶ shaper leaf ─▶ site paths, root first ─▶ client path ─▶ access
//   up:    the reverse (DESIGN §3)
//
// A frame carries the path of its server and the number of its next stage. Times on the way are logical: each
// stage hands its departure time to the next as arrival, so lateness of the machine does not accumulate along
// the way.
#pragma once

#include "capture/tap.h"
#include "dataplane/config.h"
#include "path/line.h"
#include "port/port.h"
#include "reactor/heap.h"
#include "sqm/leaf.h"

enum mqoe_side { MQOE_ACCESS, MQOE_CORE }; // the two trunks; down leaves through access, up through core

// One direction of one client.
struct mqoe_circuit {
    struct mqoe_timer timer;
    bool ready; // in the engine's list of circuits that may send now
    struct mqoe_circuit *next_ready;
    struct mqoe_tree *tree; // that its frames pass; NULL: it has its own timer
    uint32_t node;          // in that tree
    uint32_t hop_count;
    const uint32_t *hops; // stretches of its client and of the sites above, in the order of travel
    struct mqoe_leaf leaf;
};

// One direction of everything below one root site: its circuits send when the tree says so.
struct mqoe_tree {
    struct mqoe_timer timer;
    bool ready; // in the engine's list of trees that may send now
    struct mqoe_tree *next_ready;
    struct mqoe_htb htb;
};

// One direction of the path of one server, site or client: all frames that come from there or go there share
// it. Owners with the same path have one each, because a rate is not shared.
struct mqoe_stretch {
    struct mqoe_timer timer;
    uint32_t path; // of the blueprint
    enum mqoe_direction direction;
    struct mqoe_path_line line;
    struct mqoe_path_counters told; // of the line, as far as the engine's sum has them
};

struct mqoe_burst { // frames of this round on their way to a port
    struct mqoe_frame *frames[MQOE_BATCH];
    unsigned count;
};

struct mqoe_accounting {  // cumulative, frames
    uint64_t received[2]; // by side
    uint64_t sent[2];     // by side, completed by the kernel
    uint64_t aqm, overflow, path, rig, unclassified;
    uint64_t duplicated; // frames that paths made, and those that they could not: these are in rig, too
    struct mqoe_path_counters on_paths; // what happened there, in detail
    uint32_t leaf, line, in_transmit;   // held: in queues, on delay lines, given to the kernel
    struct mqoe_port_kernel kernel[2];
    // Where a pool was too small (sqm/pool.h): packets without a flow of their own, intervals without
    // percentiles.
    uint64_t flows_exhausted, histograms_exhausted;
};

struct mqoe_engine {
    struct mqoe_umem *umem;
    struct mqoe_port *ports[2]; // by side
    struct mqoe_heap timers;
    struct mqoe_sqm_pool queues;
    struct mqoe_hash_key hash_key;
    struct mqoe_lpm *clients; // address → index into `circuits` / 2
    struct mqoe_lpm *servers; // address → index into config->servers
    const struct mqoe_dp_config *config;
    uint32_t reactor, client_count, *client_ids; // local index → client of the blueprint
    uint32_t *local;                // client of the blueprint → local index, UINT32_MAX = not ours
    struct mqoe_circuit *circuits;  // [local × 2 + direction]
    struct mqoe_stretch *stretches; // of this reactor, in pairs: down, up
    uint32_t stretch_count;
    uint32_t *server_stretches;         // by server of the blueprint: its pair; MQOE_NO_STRETCH = no path
    uint32_t *hops;                     // of all circuits
    struct mqoe_path_copier copier;     // gives lines the frames for duplicates
    struct mqoe_path_counters on_paths; // of all lines
    struct mqoe_tree *trees;            // [root × 2 + direction]
    uint32_t *site_nodes, *site_roots;  // of the sites of the blueprint; root UINT32_MAX = not ours
    uint32_t root_count;
    struct mqoe_circuit *ready_head, *ready_tail;
    struct mqoe_tree *ready_trees;
    struct mqoe_burst out[2]; // by side
    uint64_t now;             // of the current round
    uint64_t drops[4];        // by enum mqoe_drop_cause; MQOE_DROP_NONE counts what no port took (rig)
    uint64_t unclassified;
    uint64_t control[2];    // by side: frames to groups, dropped; no part of the accounting
    struct mqoe_tap *tap;   // shows frames to captures; NULL: there are none
    bool tells_hosts_apart; // some circuit's CAKE isolates hosts
    uint64_t late_max;      // ns, largest lateness of a timer since somebody last set it to 0
};

// A change of the running dataplane: a shaper, a place in the shaper tree, or a path.
struct mqoe_change {
    enum { MQOE_CHANGE_SHAPER, MQOE_CHANGE_LEAF_NODE, MQOE_CHANGE_SITE, MQOE_CHANGE_PATH } kind;
    uint32_t index; // client (shaper, leaf node), site or path of the blueprint
    enum mqoe_direction direction;
    struct mqoe_leaf_config shaper;
    struct mqoe_htb_class class;
    struct mqoe_path_config *lines; // of a path, by direction; the caller's, as the config's are
};

// Builds reactor `reactor` of the config, which must outlive the engine, as must umem and ports. Returns 0,
// or −errno with *e filled; mqoe_engine_free is right in both cases.
int mqoe_engine_init(struct mqoe_engine *e, const struct mqoe_dp_config *config, uint32_t reactor,
                     struct mqoe_umem *umem, struct mqoe_port *access, struct mqoe_port *core, uint64_t now,
                     struct mqoe_error *error);
void mqoe_engine_free(struct mqoe_engine *e);

// Lets the traces of all paths begin at `t0` (ns).
void mqoe_engine_start(struct mqoe_engine *e, uint64_t t0, uint64_t now);

// Everything that is to be done at `now` (ns): due timers, one batch from each port, circuits that may send,
// kicks. Bounded; returns when to be called again at the latest, absolute (≤ now: at once; MQOE_NEVER: when a
// frame arrives).
uint64_t mqoe_engine_round(struct mqoe_engine *e, uint64_t now);

// Applies all of `changes` that concern this reactor, or none of them. Queued frames are kept. The config
// still holds the old values; the caller updates it when all reactors have applied the change.
int mqoe_engine_change(struct mqoe_engine *e, const struct mqoe_change *changes, size_t count, uint64_t now,
                       struct mqoe_error *error);

// The change that takes `change` back, as long as the config still holds what was there before.
struct mqoe_change mqoe_change_undo(const struct mqoe_dp_config *config, const struct mqoe_change *change);

void mqoe_engine_account(const struct mqoe_engine *e, struct mqoe_accounting *out);

// received + duplicated − sent − drops − held: 0, or mqoe has lost count.
int64_t mqoe_accounting_missing(const struct mqoe_accounting *a);
