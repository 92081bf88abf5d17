#include "traffic/plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/json.h"
#include "traffic/payload.h"
#include "traffic/plan_session.h"
#include "traffic/plan_stream.h"

#define LIMIT         (INT64_C(1) << 53) // what JSON numbers carry exactly
#define MILLISECOND   INT64_C(1000000)
#define MAX_IN_FLIGHT (INT64_C(1) << 20) // packets of one probe within its timeout
#define MAX_CORES     256                // a probe's packets carry their reactor in one byte
#define MAX_PAYLOAD   65487              // of UDP over IPv6 without jumbograms

#define KEYS(...)     ((const char *const[]){__VA_ARGS__, NULL})

static const char *const directions[] = {[TRAFFIC_DOWN] = "down", [TRAFFIC_UP] = "up", NULL};
static const char *const families[] = {[TRAFFIC_IPV4] = "ipv4", [TRAFFIC_IPV6] = "ipv6", NULL};
static const char *const lists[] = {[TRAFFIC_CLIENT] = "clients", [TRAFFIC_SERVER] = "servers"};

// Sorted (id → index) pairs, for checking that ids are unique and for finding them.
struct id_entry {
    int64_t id;
    uint32_t index;
};

struct reader {
    struct traffic_plan *plan;
    struct id_entry *ids[2]; // endpoints, by role
};

// Reads element `index` of its list and returns its id.
typedef int64_t read_item(struct reader *r, const struct mqoe_node *n, uint32_t index);

// ---- lists ----

static int by_id(const void *a, const void *b) {
    const struct id_entry *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void sort_ids(const struct mqoe_node *list, struct id_entry *ids, size_t count) {
    if (count)
        qsort(ids, count, sizeof *ids, by_id);
    for (size_t i = 1; i < count; i++) {
        if (ids[i].id != ids[i - 1].id)
            continue;
        struct mqoe_node item = mqoe_node_element(list, ids[i].index), id = mqoe_node_member(&item, "id");
        mqoe_node_fail(&id, "found %lld, which another one of the list has too; an id stands once",
                       (long long)ids[i].id);
        return;
    }
}

// Reads a list of objects into a table of its own, which *table receives. Returns the sorted ids, which the
// caller frees; NULL after an error.
static struct id_entry *read_list(struct reader *r, const struct mqoe_node *root, const char *key,
                                  size_t item_bytes, void *table, uint32_t *count, read_item *read) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(root, key, &length);
    if (!mqoe_node_ok(root))
        return NULL;
    void *items = calloc(length + 1, item_bytes);
    struct id_entry *ids = calloc(length + 1, sizeof *ids);
    memcpy(table, &items, sizeof items); // freed with the plan, also after an error
    *count = items ? (uint32_t)length : 0;
    if (!items || !ids)
        mqoe_fail(root->error, ENOMEM, "calloc", "", "%zu %s", length, key);
    for (uint32_t i = 0; i < length && mqoe_node_ok(root); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        ids[i] = (struct id_entry){read(r, &item, i), i};
    }
    if (mqoe_node_ok(root))
        sort_ids(&list, ids, length);
    if (mqoe_node_ok(root))
        return ids;
    free(ids);
    return NULL;
}

// ---- endpoints ----

static size_t address_bytes(enum traffic_family family) {
    return family == TRAFFIC_IPV4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static void read_addresses(const struct mqoe_node *n, enum traffic_family family,
                           struct traffic_endpoint *to) {
    size_t length, bytes = address_bytes(family);
    struct mqoe_node list = mqoe_node_array(n, families[family], &length);
    if (!mqoe_node_ok(n) || !length)
        return;
    uint8_t *addresses = to->addresses[family] = calloc(length, bytes); // freed with the plan
    if (!addresses) {
        mqoe_fail(n->error, ENOMEM, "calloc", "", "%zu addresses", length);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        struct mqoe_node item = mqoe_node_element(&list, i);
        const char *text = json_string_value(item.json);
        if (!text || inet_pton(family == TRAFFIC_IPV4 ? AF_INET : AF_INET6, text, addresses + i * bytes) != 1)
            mqoe_node_wrong(&item, family == TRAFFIC_IPV4 ? "an IPv4 address" : "an IPv6 address");
    }
    to->address_count[family] = (uint32_t)length;
}

static int64_t read_endpoint(const struct mqoe_node *n, struct traffic_endpoint *to) {
    to->flows = to->probes = to->streams = to->sessions = TRAFFIC_NONE;
    to->id = mqoe_node_int(n, "id", 0, UINT32_MAX);
    to->name = mqoe_node_text(n, "name");
    to->netns = mqoe_node_text(n, "netns");
    read_addresses(n, TRAFFIC_IPV4, to);
    read_addresses(n, TRAFFIC_IPV6, to);
    mqoe_node_only(n, KEYS("id", "name", "netns", "ipv4", "ipv6"));
    return to->id;
}

static int64_t read_client(struct reader *r, const struct mqoe_node *n, uint32_t index) {
    return read_endpoint(n, &r->plan->endpoints[TRAFFIC_CLIENT][index]);
}

static int64_t read_server(struct reader *r, const struct mqoe_node *n, uint32_t index) {
    return read_endpoint(n, &r->plan->endpoints[TRAFFIC_SERVER][index]);
}

// ---- flows, probes, streams and sessions ----

#define PAIR_KEYS "id", "traffic", "client", "server", "family", "port", "dscp", "host", "start", "stop"

// The endpoint that member `key` names by its id; it must have an address of the family. After an error the
// result is 0, and there may be no endpoint at all.
static uint32_t find_endpoint(const struct reader *r, const struct mqoe_node *n, const char *key,
                              enum traffic_role role, enum traffic_family family) {
    struct id_entry wanted = {.id = mqoe_node_int(n, key, 0, UINT32_MAX)}, *found = NULL;
    if (!mqoe_node_ok(n))
        return 0;
    if (r->plan->endpoint_count[role])
        found = bsearch(&wanted, r->ids[role], r->plan->endpoint_count[role], sizeof wanted, by_id);
    if (!found) {
        struct mqoe_node id = mqoe_node_member(n, key);
        mqoe_node_fail(&id, "found %lld, must be the id of one of $.%s", (long long)wanted.id, lists[role]);
        return 0;
    }
    const struct traffic_endpoint *endpoint = &r->plan->endpoints[role][found->index];
    if (endpoint->address_count[family] == 0) {
        struct mqoe_node member = mqoe_node_member(n, "family");
        mqoe_node_fail(&member, "found \"%s\", but %s \"%s\" has no address of that family", families[family],
                       key, endpoint->name);
    }
    return found->index;
}

// Which of its client's addresses a pair uses: the client and the family are known by now.
static uint32_t read_host(const struct reader *r, const struct mqoe_node *n,
                          const struct traffic_pair *pair) {
    int64_t host = mqoe_node_int(n, "host", 0, UINT32_MAX);
    if (!mqoe_node_ok(n))
        return 0;
    const struct traffic_endpoint *client = &r->plan->endpoints[TRAFFIC_CLIENT][pair->client];
    if (host >= client->address_count[pair->family]) {
        struct mqoe_node member = mqoe_node_member(n, "host");
        mqoe_node_fail(&member, "found %lld, but client \"%s\" has %u %s address%s, counted from 0",
                       (long long)host, client->name, client->address_count[pair->family],
                       families[pair->family], client->address_count[pair->family] == 1 ? "" : "es");
    }
    return (uint32_t)host;
}

static void read_pair(const struct reader *r, const struct mqoe_node *n, struct traffic_pair *to) {
    to->id = mqoe_node_int(n, "id", 0, UINT32_MAX);
    to->traffic = mqoe_node_text(n, "traffic");
    to->family = (enum traffic_family)mqoe_node_enum(n, "family", families);
    to->port = (uint16_t)mqoe_node_int(n, "port", 1, 65535);
    to->dscp = (int)mqoe_node_int(n, "dscp", 0, 63);
    to->start = mqoe_node_int(n, "start", 0, LIMIT);
    to->stop = mqoe_node_int(n, "stop", 0, LIMIT);
    to->client = find_endpoint(r, n, "client", TRAFFIC_CLIENT, to->family);
    to->server = find_endpoint(r, n, "server", TRAFFIC_SERVER, to->family);
    to->host = read_host(r, n, to);
    if (to->stop <= to->start) {
        struct mqoe_node stop = mqoe_node_member(n, "stop");
        mqoe_node_wrong(&stop, "after start");
    }
}

static void read_client_port(const struct mqoe_node *n, struct traffic_pair *to) {
    to->client_port = (uint16_t)mqoe_node_int(n, "clientPort", 0, 65535);
}

// Puts item `index` at the head of both its endpoints' chains, whose heads stand at `offset`.
static void chain(struct traffic_plan *plan, struct traffic_pair *pair, uint32_t index, size_t offset) {
    struct traffic_endpoint *ends[] = {[TRAFFIC_CLIENT] = &plan->endpoints[TRAFFIC_CLIENT][pair->client],
                                       [TRAFFIC_SERVER] = &plan->endpoints[TRAFFIC_SERVER][pair->server]};
    for (int role = 0; role < 2; role++) {
        uint32_t *head = (uint32_t *)((char *)ends[role] + offset);
        pair->next[role] = *head;
        *head = index;
    }
}

static int64_t read_flow(struct reader *r, const struct mqoe_node *n, uint32_t index) {
    struct traffic_flow_plan *to = &r->plan->flows[index];
    read_pair(r, n, &to->pair);
    read_client_port(n, &to->pair);
    to->direction = (enum traffic_direction)mqoe_node_enum(n, "direction", directions);
    to->congestion_control = mqoe_node_text(n, "congestionControl");
    mqoe_node_bool(n, "ecn"); // a sysctl of the namespace, set by the lab
    to->pacing = traffic_read_pacing(n);
    mqoe_node_only(n, KEYS(PAIR_KEYS, "clientPort", "direction", "congestionControl", "ecn", "pacing"));
    if (mqoe_node_ok(n))
        chain(r->plan, &to->pair, index, offsetof(struct traffic_endpoint, flows));
    return to->pair.id;
}

static int64_t read_probe(struct reader *r, const struct mqoe_node *n, uint32_t index) {
    struct traffic_probe_plan *to = &r->plan->probes[index];
    read_pair(r, n, &to->pair);
    read_client_port(n, &to->pair);
    to->interval = mqoe_node_int(n, "interval", 100000, LIMIT);
    to->timeout = mqoe_node_int(n, "timeout", 1, LIMIT);
    to->size = (uint32_t)mqoe_node_int(n, "size", TRAFFIC_PROBE_HEADER, MAX_PAYLOAD);
    to->ecn = (int)mqoe_node_int(n, "ecn", 0, 2);
    mqoe_node_only(n, KEYS(PAIR_KEYS, "clientPort", "interval", "timeout", "size", "ecn"));
    if (!mqoe_node_ok(n)) // the interval may be 0
        return 0;
    if (to->timeout / to->interval > MAX_IN_FLIGHT) {
        struct mqoe_node timeout = mqoe_node_member(n, "timeout");
        mqoe_node_fail(&timeout,
                       "is %lld intervals; at most 2^20 packets can be waited for: a longer interval or a "
                       "shorter timeout",
                       (long long)(to->timeout / to->interval));
        return 0;
    }
    chain(r->plan, &to->pair, index, offsetof(struct traffic_endpoint, probes));
    return to->pair.id;
}

static int64_t read_stream(struct reader *r, const struct mqoe_node *n, uint32_t index) {
    struct traffic_stream_plan *to = &r->plan->streams[index];
    read_pair(r, n, &to->pair);
    read_client_port(n, &to->pair);
    to->direction = (enum traffic_direction)mqoe_node_enum(n, "direction", directions);
    traffic_read_stream(n, r->plan->seed, to);
    mqoe_node_only(n,
                   KEYS(PAIR_KEYS, "clientPort", "direction", "interval", "size", "pattern", "gaps", "mix"));
    // The server tells by it whose packet it got, and sends to it.
    if (mqoe_node_ok(n) && !to->pair.client_port) {
        struct mqoe_node port = mqoe_node_member(n, "clientPort");
        mqoe_node_wrong(&port, "a port from 1 to 65535 (a stream down has nowhere else to go)");
    }
    if (mqoe_node_ok(n))
        chain(r->plan, &to->pair, index, offsetof(struct traffic_endpoint, streams));
    return to->pair.id;
}

static int64_t read_session(struct reader *r, const struct mqoe_node *n, uint32_t index) {
    struct traffic_session_plan *to = &r->plan->sessions[index];
    read_pair(r, n, &to->pair);
    traffic_read_session(n, to);
    mqoe_node_only(n, KEYS(PAIR_KEYS, "congestionControl", "ecn", "pacing", "rtt", "script"));
    if (mqoe_node_ok(n))
        chain(r->plan, &to->pair, index, offsetof(struct traffic_endpoint, sessions));
    return to->pair.id;
}

// ---- the whole ----

static void read_cores(struct traffic_plan *plan, const struct mqoe_node *root) {
    size_t count;
    struct mqoe_node list = mqoe_node_array(root, "cores", &count);
    if (count < 1 || count > MAX_CORES)
        mqoe_node_fail(&list, "has %zu entries, must have 1 to %d CPU numbers (-1 = not pinned)", count,
                       MAX_CORES);
    if (!mqoe_node_ok(root))
        return;
    plan->cores = calloc(count, sizeof *plan->cores);
    if (!plan->cores) {
        mqoe_fail(root->error, ENOMEM, "calloc", "", "%zu cores", count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct mqoe_node item = mqoe_node_element(&list, i);
        json_int_t core = json_integer_value(item.json);
        if (!json_is_integer(item.json) || core < -1 || core >= CPU_SETSIZE)
            mqoe_node_wrong(&item, "a CPU number, or -1 for not pinned");
        plan->cores[i] = (int)core;
    }
    plan->core_count = (uint32_t)count;
}

static void read_lists(struct reader *r, const struct mqoe_node *root) {
    static read_item *const readers[] = {[TRAFFIC_CLIENT] = read_client, [TRAFFIC_SERVER] = read_server};
    struct traffic_plan *plan = r->plan;
    for (int role = TRAFFIC_CLIENT; role <= TRAFFIC_SERVER; role++)
        r->ids[role] = read_list(r, root, lists[role], sizeof *plan->endpoints[role], &plan->endpoints[role],
                                 &plan->endpoint_count[role], readers[role]);
    free(read_list(r, root, "flows", sizeof *plan->flows, &plan->flows, &plan->flow_count, read_flow));
    free(read_list(r, root, "probes", sizeof *plan->probes, &plan->probes, &plan->probe_count, read_probe));
    free(read_list(r, root, "streams", sizeof *plan->streams, &plan->streams, &plan->stream_count,
                   read_stream));
    if (mqoe_node_has(root, "sessions")) // not in blueprints of older versions
        free(read_list(r, root, "sessions", sizeof *plan->sessions, &plan->sessions, &plan->session_count,
                       read_session));
    free(r->ids[TRAFFIC_CLIENT]);
    free(r->ids[TRAFFIC_SERVER]);
}

int traffic_plan_read(struct traffic_plan *plan, json_t *json, const char *source, struct mqoe_error *e) {
    *plan = (struct traffic_plan){.json = json};
    struct mqoe_node root = mqoe_node_file(json, source, e);
    mqoe_node_enum(&root, "schema", KEYS("mqoe-traffic/1"));
    plan->lab = mqoe_node_text(&root, "lab");
    plan->seed = (uint64_t)mqoe_node_int(&root, "seed", 0, LIMIT);
    plan->sample_interval = mqoe_node_int(&root, "sampleInterval", MILLISECOND, LIMIT);
    plan->duration = mqoe_node_int(&root, "duration", 0, LIMIT);
    mqoe_node_only(&root, KEYS("schema", "lab", "seed", "cores", "clients", "servers", "flows", "probes",
                               "streams", "sessions", "sampleInterval", "duration"));
    read_cores(plan, &root);
    read_lists(&(struct reader){.plan = plan}, &root);
    return -e->errnum;
}

int traffic_plan_load(struct traffic_plan *plan, const char *file, struct mqoe_error *e) {
    *plan = (struct traffic_plan){0};
    FILE *stream = fopen(file, "re");
    if (!stream)
        return mqoe_fail(e, errno, "open", "--blueprint takes the traffic part of a blueprint", "%s", file);
    json_error_t where;
    json_t *json = json_loadf(stream, JSON_REJECT_DUPLICATES, &where);
    fclose(stream);
    if (!json)
        return mqoe_fail(e, EINVAL, "blueprint", where.text, "%s:%d:%d", file, where.line, where.column);
    return traffic_plan_read(plan, json, file, e);
}

static void free_endpoints(struct traffic_endpoint *endpoints, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        free(endpoints[i].addresses[TRAFFIC_IPV4]);
        free(endpoints[i].addresses[TRAFFIC_IPV6]);
    }
    free(endpoints);
}

void traffic_plan_free(struct traffic_plan *plan) {
    free(plan->cores);
    for (int role = TRAFFIC_CLIENT; role <= TRAFFIC_SERVER; role++)
        free_endpoints(plan->endpoints[role], plan->endpoint_count[role]);
    free(plan->flows);
    free(plan->probes);
    for (uint32_t i = 0; i < plan->stream_count; i++)
        traffic_free_stream(&plan->streams[i]);
    free(plan->streams);
    for (uint32_t i = 0; i < plan->session_count; i++)
        free(plan->sessions[i].script);
    free(plan->sessions);
    json_decref(plan->json);
    *plan = (struct traffic_plan){0};
}

struct traffic_place traffic_client_place(const struct traffic_plan *plan, const struct traffic_pair *pair) {
    return (struct traffic_place){.endpoint = &plan->endpoints[TRAFFIC_CLIENT][pair->client],
                                  .family = pair->family,
                                  .host = pair->host,
                                  .port = pair->client_port};
}

struct traffic_place traffic_server_place(const struct traffic_plan *plan, const struct traffic_pair *pair) {
    return (struct traffic_place){.endpoint = &plan->endpoints[TRAFFIC_SERVER][pair->server],
                                  .family = pair->family,
                                  .port = pair->port};
}

socklen_t traffic_place_address(const struct traffic_place *place, struct sockaddr_storage *to) {
    memset(to, 0, sizeof *to);
    if (place->family == TRAFFIC_IPV4) {
        const struct in_addr *address = place->endpoint->addresses[TRAFFIC_IPV4];
        memcpy(to,
               &(struct sockaddr_in){
                   .sin_family = AF_INET, .sin_port = htons(place->port), .sin_addr = address[place->host]},
               sizeof(struct sockaddr_in));
        return sizeof(struct sockaddr_in);
    }
    const struct in6_addr *address = place->endpoint->addresses[TRAFFIC_IPV6];
    memcpy(to,
           &(struct sockaddr_in6){
               .sin6_family = AF_INET6, .sin6_port = htons(place->port), .sin6_addr = address[place->host]},
           sizeof(struct sockaddr_in6));
    return sizeof(struct sockaddr_in6);
}
