// The traffic part of a blueprint (TrafficBlueprint in harness/blueprint/types.ts), read and checked: after
// traffic_plan_load every reference is resolved and every value in range. Times are ns relative to t0.
#pragma once

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/error.h"
#include "traffic/pace.h"

#define TRAFFIC_NONE UINT32_MAX // end of a chain of indexes

enum traffic_role { TRAFFIC_CLIENT, TRAFFIC_SERVER };
enum traffic_direction { TRAFFIC_DOWN, TRAFFIC_UP };
enum traffic_family { TRAFFIC_IPV4, TRAFFIC_IPV6 };

struct traffic_endpoint {
    int64_t id;
    const char *name;
    const char *netns; // path
    // Its addresses: in_addr of the one family, in6_addr of the other. The first is a server's.
    void *addresses[2];
    uint32_t address_count[2];
    // Heads of the chains through pair.next of flows, probes, streams and sessions: what has an end here.
    uint32_t flows, probes, streams, sessions;
};

// What flows, probes, streams and sessions have in common: who, whom, where and when.
struct traffic_pair {
    int64_t id;
    const char *traffic;
    uint32_t client, server; // indexes into the plan's endpoints
    uint16_t port;           // the server's
    uint16_t client_port;    // 0: the kernel chooses
    enum traffic_family family;
    uint32_t host; // which of the client's addresses of that family
    int dscp;
    int64_t start, stop;
    uint32_t next[2]; // by role: next item of the same client, of the same server
};

struct traffic_flow_plan {
    struct traffic_pair pair;
    enum traffic_direction direction;
    const char *congestion_control;
    uint64_t pacing; // bit/s that the sender sends at most; 0 = unlimited
};

struct traffic_probe_plan {
    struct traffic_pair pair;
    int64_t interval, timeout;
    uint32_t size; // UDP payload bytes
    int ecn;       // the two ECN bits
};

struct traffic_stream_plan {
    struct traffic_pair pair;
    enum traffic_direction direction;
    struct traffic_pace_plan pace;
    struct traffic_share *sizes; // UDP payload bytes
    uint32_t size_count, largest;
    uint64_t seed; // of its sizes
};

struct traffic_session_plan; // plan_session.h

struct traffic_plan {
    json_t *json; // owns every text
    const char *lab;
    uint64_t seed;
    int *cores;
    struct traffic_endpoint *endpoints[2]; // by role
    struct traffic_flow_plan *flows;
    struct traffic_probe_plan *probes;
    struct traffic_stream_plan *streams;
    struct traffic_session_plan *sessions;
    uint32_t core_count, endpoint_count[2], flow_count, probe_count, stream_count, session_count;
    int64_t sample_interval, duration;
};

// Reads the file. Returns 0, or −errno with *e saying which field is wrong, what was found and what is
// allowed; the plan is then of no use. Free with traffic_plan_free in both cases.
int traffic_plan_load(struct traffic_plan *plan, const char *file, struct mqoe_error *e);

// The same from a JSON value; takes over the caller's reference. `source` names it in errors.
int traffic_plan_read(struct traffic_plan *plan, json_t *json, const char *source, struct mqoe_error *e);
void traffic_plan_free(struct traffic_plan *plan);

// One end of a connection: which address and port of an endpoint.
struct traffic_place {
    const struct traffic_endpoint *endpoint;
    enum traffic_family family;
    uint32_t host; // index of the address; the endpoint has it
    uint16_t port; // 0: the kernel chooses
};

// The client's and the server's end of a pair. A server has one address of a family that matters, its first.
struct traffic_place traffic_client_place(const struct traffic_plan *plan, const struct traffic_pair *pair);
struct traffic_place traffic_server_place(const struct traffic_plan *plan, const struct traffic_pair *pair);

// Fills *to; returns its length.
socklen_t traffic_place_address(const struct traffic_place *place, struct sockaddr_storage *to);
