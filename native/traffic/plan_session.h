// The sessions of a traffic plan (SessionBlueprint): who asks whom, and by which script. What a script is to
// ask for is read here, strictly; doing it is script_<kind>.c's.
#pragma once

#include "traffic/plan.h"

struct mqoe_node;

// As `script.kind` in the blueprint.
enum traffic_script_kind {
    TRAFFIC_SCRIPT_TRANSFERS,
    TRAFFIC_SCRIPT_WEB,
    TRAFFIC_SCRIPT_VIDEO,
    TRAFFIC_SCRIPT_RPM,
    TRAFFIC_SCRIPTS,
};

struct traffic_session_plan {
    struct traffic_pair pair; // client_port 0: every connection takes one of its own, by the seed
    const char *congestion_control;
    uint64_t pacing; // bit/s at which either end may send at most (SO_MAX_PACING_RATE); 0 = unlimited
    enum traffic_script_kind kind;
    void *script; // what the kind's reader made: one allocation, or NULL
};

// One of a script's requests.
struct traffic_request_plan {
    uint64_t up, down; // bytes
};

struct traffic_transfer_plan {
    struct traffic_request_plan request;
    int64_t wait; // ns: `open` since the session's start, `closed` since the end of the one before
};

struct traffic_transfers_plan {
    bool open;
    uint32_t count;
    struct traffic_transfer_plan list[];
};

// Reads what a script of one kind asks for, without its `kind`. Returns what the session's `script` becomes
// (from malloc), or NULL after an error.
typedef void *traffic_read_script(const struct mqoe_node *n);

traffic_read_script traffic_read_transfers;

// Reads everything of a session but its pair.
void traffic_read_session(const struct mqoe_node *n, struct traffic_session_plan *to);

// bit/s; 0 when there is none.
uint64_t traffic_read_pacing(const struct mqoe_node *n);

// A request's two sizes, for the readers of scripts.
struct traffic_request_plan traffic_read_request(const struct mqoe_node *n);
