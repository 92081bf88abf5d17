// The dataplane's blueprint (DataplaneBlueprint of harness/blueprint/types.ts) as C reads it.
#pragma once

#include "capture/tap.h"
#include "packet/lpm.h"
#include "path/config.h"
#include "reactor/json.h"
#include "sqm/htb.h"

enum mqoe_direction { MQOE_DOWN, MQOE_UP };

#define MQOE_NO_PATH     (-1)
#define MQOE_NO_SITE     (-1)
#define MQOE_MAX_CLIENTS 1000000
#define MQOE_MAX_FRAME   1514u // bytes of the largest frame until the trunk's MTU is known

struct mqoe_dp_reactor {
    int core;              // CPU, −1 = not pinned
    char interface[2][16]; // by enum mqoe_side: the trunk ends in the dataplane's namespace
    uint32_t frames, frame_size;
};

struct mqoe_dp_path {
    const char *name;
    struct mqoe_path_config lines[2]; // by direction; their arrays belong to the config
};

struct mqoe_dp_server {
    const char *name;
    int path;
};

// An inner node of the shaper tree.
struct mqoe_dp_site {
    const char *name;
    int parent;     // a site before it; MQOE_NO_SITE: a root
    uint32_t depth; // below its root
    uint32_t reactor;
    int path;                       // between it and its parent
    struct mqoe_htb_class class[2]; // by direction
};

struct mqoe_dp_client {
    const char *name;
    uint32_t reactor;
    int path;
    int site;                          // MQOE_NO_SITE: it shapes by itself
    struct mqoe_htb_class class[2];    // its leaf's, under a site
    struct mqoe_leaf_config shaper[2]; // by direction
};

// Who runs the engine: the dataplane itself, or a stage of emulated distance beside another dataplane.
enum mqoe_dp_kind { MQOE_KIND_AFXDP, MQOE_KIND_PATH };

struct mqoe_dp_config {
    json_t *document; // owns the strings
    enum mqoe_dp_kind kind;
    const char *lab, *netns;
    uint64_t seed;
    uint32_t reactor_count, path_count, server_count, site_count, client_count, client_prefix_count,
        server_prefix_count;
    struct mqoe_dp_reactor *reactors;
    struct mqoe_dp_path *paths;
    struct mqoe_dp_server *servers;
    struct mqoe_dp_site *sites; // parents before children
    struct mqoe_dp_client *clients;
    struct mqoe_prefix *client_prefixes; // value: index into clients
    struct mqoe_prefix *server_prefixes; // value: index into servers
    struct mqoe_tap_configs captures;
    uint32_t max_frame; // bytes (layer 2); CoDel leaves a backlog of one of these alone
};

// Reads `file`, whose kind must be `kind`. Returns 0, or −errno with *e filled (for what is wrong inside, the
// JSON path is its object). The caller frees the config in both cases.
int mqoe_dp_config_load(struct mqoe_dp_config *c, const char *file, enum mqoe_dp_kind kind,
                        struct mqoe_error *e);
// The same from a document of kind afxdp; takes the reference.
int mqoe_dp_config_read(struct mqoe_dp_config *c, json_t *document, struct mqoe_error *e);
void mqoe_dp_config_free(struct mqoe_dp_config *c);

// Tells every queue the largest frame of the trunks, once known.
void mqoe_dp_config_set_max_frame(struct mqoe_dp_config *c, uint32_t bytes);

// Reads one ShaperBlueprint at `n` (of a client, or of a change).
void mqoe_dp_read_shaper(const struct mqoe_node *n, uint32_t max_frame, struct mqoe_leaf_config *out);
