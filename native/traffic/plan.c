#include "traffic/plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic/json_read.h"
#include "traffic/payload.h"

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define LIMIT         (INT64_C(1) << 53) // what JSON numbers carry exactly
#define MILLISECOND   INT64_C(1000000)
#define MAX_IN_FLIGHT (INT64_C(1) << 20) // packets of one probe within its timeout

// One line of a field table: the struct it fills and the member, then the JSON key.
// clang-format off
#define FIELD_OF(s, member, key, kind) .name = (key), .type = (kind), .offset = offsetof(struct s, member)
#define INTEGER(s, member, key, low, high) {FIELD_OF(s, member, key, TRAFFIC_JSON_INTEGER), .min = (low), .max = (high)}
#define CHOICE(s, member, key, list) {FIELD_OF(s, member, key, TRAFFIC_JSON_CHOICE), .choices = (list)}
#define TEXT(s, member, key) {FIELD_OF(s, member, key, TRAFFIC_JSON_TEXT)}
#define ARRAY(s, member, key) {FIELD_OF(s, member, key, TRAFFIC_JSON_ARRAY)}
#define BOOLEAN(s, member, key) {FIELD_OF(s, member, key, TRAFFIC_JSON_BOOLEAN)}
// clang-format on

static const char *const directions[] = {[TRAFFIC_DOWN] = "down", [TRAFFIC_UP] = "up", NULL};
static const char *const families[] = {[TRAFFIC_IPV4] = "ipv4", [TRAFFIC_IPV6] = "ipv6", NULL};
static const char *const schemas[] = {"mqoe-traffic/1", NULL};
static const char *const lists[] = {[TRAFFIC_CLIENT] = "clients", [TRAFFIC_SERVER] = "servers"};

// ---- endpoints ----

struct raw_endpoint {
    int64_t id;
    const char *name, *netns;
    json_t *ipv4, *ipv6;
};

static const struct traffic_json_field endpoint_fields[] = {
    INTEGER(raw_endpoint, id, "id", 0, UINT32_MAX),
    TEXT(raw_endpoint, name, "name"),
    TEXT(raw_endpoint, netns, "netns"),
    ARRAY(raw_endpoint, ipv4, "ipv4"),
    ARRAY(raw_endpoint, ipv6, "ipv6"),
};

// Checks every address of a list and keeps the first, which sockets bind to.
static int read_addresses(json_t *list, const char *path, const char *key, int family, void *first,
                          struct mqoe_error *e) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *text = json_string_value(item);
        struct in6_addr parsed;
        if (!text || inet_pton(family, text, &parsed) != 1) {
            char name[32];
            snprintf(name, sizeof name, "%s[%zu]", key, i);
            return traffic_json_wrong(item, path, name,
                                      family == AF_INET ? "an IPv4 address" : "an IPv6 address", e);
        }
        if (i == 0)
            memcpy(first, &parsed, family == AF_INET ? sizeof(struct in_addr) : sizeof parsed);
    }
    return 0;
}

static int read_endpoint(const json_t *json, const char *path, struct traffic_endpoint *to,
                         struct mqoe_error *e) {
    struct raw_endpoint raw;
    int error = traffic_json_object(json, path, endpoint_fields, COUNT(endpoint_fields), &raw, e);
    if (error)
        return error;
    *to = (struct traffic_endpoint){
        .id = raw.id, .name = raw.name, .netns = raw.netns, .flows = TRAFFIC_NONE, .probes = TRAFFIC_NONE};
    to->ipv4.sin_family = json_array_size(raw.ipv4) ? AF_INET : AF_UNSPEC;
    to->ipv6.sin6_family = json_array_size(raw.ipv6) ? AF_INET6 : AF_UNSPEC;
    error = read_addresses(raw.ipv4, path, "ipv4", AF_INET, &to->ipv4.sin_addr, e);
    return error ? error : read_addresses(raw.ipv6, path, "ipv6", AF_INET6, &to->ipv6.sin6_addr, e);
}

// ---- flows and probes ----

struct raw_pair {
    int64_t id, client, server, family, port, client_port, dscp, start, stop;
    const char *traffic;
};

struct raw_flow {
    struct raw_pair pair;
    int64_t direction;
    const char *congestion_control;
    bool ecn; // a sysctl of the namespace, set by the lab
};

struct raw_probe {
    struct raw_pair pair;
    int64_t interval, size, ecn, timeout;
};

#define PAIR_FIELDS(s)                                                                                       \
    INTEGER(s, pair.id, "id", 0, UINT32_MAX), TEXT(s, pair.traffic, "traffic"),                              \
        INTEGER(s, pair.client, "client", 0, UINT32_MAX), INTEGER(s, pair.server, "server", 0, UINT32_MAX),  \
        CHOICE(s, pair.family, "family", families), INTEGER(s, pair.port, "port", 1, 65535),                 \
        INTEGER(s, pair.client_port, "clientPort", 0, 65535), INTEGER(s, pair.dscp, "dscp", 0, 63),          \
        INTEGER(s, pair.start, "start", 0, LIMIT), INTEGER(s, pair.stop, "stop", 0, LIMIT)

static const struct traffic_json_field flow_fields[] = {
    PAIR_FIELDS(raw_flow),
    CHOICE(raw_flow, direction, "direction", directions),
    TEXT(raw_flow, congestion_control, "congestionControl"),
    BOOLEAN(raw_flow, ecn, "ecn"),
};

static const struct traffic_json_field probe_fields[] = {
    PAIR_FIELDS(raw_probe),
    INTEGER(raw_probe, interval, "interval", 100000, LIMIT),
    INTEGER(raw_probe, size, "size", TRAFFIC_PROBE_HEADER, 65487),
    INTEGER(raw_probe, ecn, "ecn", 0, 2),
    INTEGER(raw_probe, timeout, "timeout", 1, LIMIT),
};

// Sorted (id → index) pairs, for checking that ids are unique and for finding them.
struct id_entry {
    int64_t id;
    uint32_t index;
};

static int by_id(const void *a, const void *b) {
    const struct id_entry *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

// Sorts the entries; a duplicate is an error at list[index].id.
static int sort_ids(struct id_entry *ids, uint32_t count, const char *source, const char *list,
                    struct mqoe_error *e) {
    if (count)
        qsort(ids, count, sizeof *ids, by_id);
    for (uint32_t i = 1; i < count; i++)
        if (ids[i].id == ids[i - 1].id)
            return mqoe_fail(e, EINVAL, "blueprint",
                             "an id stands once in its list; this one is there before", "%s $.%s[%u].id",
                             source, list, ids[i].index);
    return 0;
}

struct reader {
    struct traffic_plan *plan;
    const char *source;
    struct id_entry *ids[2]; // endpoints, by role
    struct mqoe_error *e;
};

static int find_endpoint(const struct reader *r, enum traffic_role role, int64_t id, const char *path,
                         enum traffic_family family, uint32_t *index) {
    uint32_t count = r->plan->endpoint_count[role];
    const char *key = role == TRAFFIC_CLIENT ? "client" : "server";
    struct id_entry wanted = {.id = id}, *found = NULL;
    if (count)
        found = bsearch(&wanted, r->ids[role], count, sizeof wanted, by_id);
    if (!found)
        return mqoe_fail(r->e, EINVAL, "blueprint",
                         "found an id that no endpoint has; allowed: an id from the list",
                         "%s.%s = %lld (not in $.%s)", path, key, (long long)id, lists[role]);
    const struct traffic_endpoint *endpoint = &r->plan->endpoints[role][found->index];
    sa_family_t has = family == TRAFFIC_IPV4 ? endpoint->ipv4.sin_family : endpoint->ipv6.sin6_family;
    if (has == AF_UNSPEC)
        return mqoe_fail(r->e, EINVAL, "blueprint", "the endpoint has no address of that family",
                         "%s.family: %s \"%s\" and %s", path, key, endpoint->name, families[family]);
    *index = found->index;
    return 0;
}

static int resolve_pair(const struct reader *r, const struct raw_pair *raw, const char *path,
                        struct traffic_pair *to) {
    *to = (struct traffic_pair){
        .id = raw->id,
        .traffic = raw->traffic,
        .port = (uint16_t)raw->port,
        .client_port = (uint16_t)raw->client_port,
        .family = (enum traffic_family)raw->family,
        .dscp = (int)raw->dscp,
        .start = raw->start,
        .stop = raw->stop,
    };
    if (raw->stop <= raw->start)
        return mqoe_fail(r->e, EINVAL, "blueprint", "stop must be after start", "%s.stop = %lld", path,
                         (long long)raw->stop);
    int error = find_endpoint(r, TRAFFIC_CLIENT, raw->client, path, to->family, &to->client);
    return error ? error : find_endpoint(r, TRAFFIC_SERVER, raw->server, path, to->family, &to->server);
}

static int read_flow(const struct reader *r, const json_t *json, const char *path,
                     struct traffic_flow_plan *to) {
    struct raw_flow raw;
    int error = traffic_json_object(json, path, flow_fields, COUNT(flow_fields), &raw, r->e);
    if (error)
        return error;
    to->direction = (enum traffic_direction)raw.direction;
    to->congestion_control = raw.congestion_control;
    return resolve_pair(r, &raw.pair, path, &to->pair);
}

static int read_probe(const struct reader *r, const json_t *json, const char *path,
                      struct traffic_probe_plan *to) {
    struct raw_probe raw;
    int error = traffic_json_object(json, path, probe_fields, COUNT(probe_fields), &raw, r->e);
    if (error)
        return error;
    if (raw.timeout / raw.interval > MAX_IN_FLIGHT)
        return mqoe_fail(r->e, EINVAL, "blueprint",
                         "at most 2^20 packets can be waited for: a longer interval or a shorter timeout",
                         "%s.timeout / interval = %lld", path, (long long)(raw.timeout / raw.interval));
    to->interval = raw.interval;
    to->timeout = raw.timeout;
    to->size = (uint32_t)raw.size;
    to->ecn = (int)raw.ecn;
    return resolve_pair(r, &raw.pair, path, &to->pair);
}

// ---- lists ----

static int no_memory(const struct reader *r, const char *list, size_t count) {
    return mqoe_fail(r->e, ENOMEM, "calloc", "", "%zu %s", count, list);
}

static int read_endpoints(struct reader *r, enum traffic_role role, const json_t *list) {
    size_t count = json_array_size(list);
    struct traffic_endpoint *items = calloc(count + 1, sizeof *items);
    struct id_entry *ids = calloc(count + 1, sizeof *ids);
    r->plan->endpoints[role] = items;
    r->ids[role] = ids;
    if (!items || !ids)
        return no_memory(r, lists[role], count);
    for (size_t i = 0; i < count; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s $.%s[%zu]", r->source, lists[role], i);
        int error = read_endpoint(json_array_get(list, i), path, &items[i], r->e);
        if (error)
            return error;
        ids[i] = (struct id_entry){items[i].id, (uint32_t)i};
    }
    r->plan->endpoint_count[role] = (uint32_t)count;
    return sort_ids(ids, (uint32_t)count, r->source, lists[role], r->e);
}

// Puts item `index` at the head of both its endpoints' chains.
static void chain(struct traffic_plan *plan, struct traffic_pair *pair, uint32_t index, bool probe) {
    struct traffic_endpoint *ends[] = {[TRAFFIC_CLIENT] = &plan->endpoints[TRAFFIC_CLIENT][pair->client],
                                       [TRAFFIC_SERVER] = &plan->endpoints[TRAFFIC_SERVER][pair->server]};
    for (int role = 0; role < 2; role++) {
        uint32_t *head = probe ? &ends[role]->probes : &ends[role]->flows;
        pair->next[role] = *head;
        *head = index;
    }
}

static int read_flows(struct reader *r, const json_t *list) {
    size_t count = json_array_size(list);
    struct id_entry *ids = calloc(count + 1, sizeof *ids);
    r->plan->flows = calloc(count + 1, sizeof *r->plan->flows);
    int error = ids && r->plan->flows ? 0 : no_memory(r, "flows", count);
    for (size_t i = 0; !error && i < count; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s $.flows[%zu]", r->source, i);
        error = read_flow(r, json_array_get(list, i), path, &r->plan->flows[i]);
        if (!error)
            chain(r->plan, &r->plan->flows[i].pair, (uint32_t)i, false);
        ids[i] = (struct id_entry){r->plan->flows[i].pair.id, (uint32_t)i};
    }
    r->plan->flow_count = (uint32_t)count;
    if (!error)
        error = sort_ids(ids, (uint32_t)count, r->source, "flows", r->e);
    free(ids);
    return error;
}

static int read_probes(struct reader *r, const json_t *list) {
    size_t count = json_array_size(list);
    struct id_entry *ids = calloc(count + 1, sizeof *ids);
    r->plan->probes = calloc(count + 1, sizeof *r->plan->probes);
    int error = ids && r->plan->probes ? 0 : no_memory(r, "probes", count);
    for (size_t i = 0; !error && i < count; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s $.probes[%zu]", r->source, i);
        error = read_probe(r, json_array_get(list, i), path, &r->plan->probes[i]);
        if (!error)
            chain(r->plan, &r->plan->probes[i].pair, (uint32_t)i, true);
        ids[i] = (struct id_entry){r->plan->probes[i].pair.id, (uint32_t)i};
    }
    r->plan->probe_count = (uint32_t)count;
    if (!error)
        error = sort_ids(ids, (uint32_t)count, r->source, "probes", r->e);
    free(ids);
    return error;
}

static int read_cores(struct reader *r, const json_t *list) {
    size_t count = json_array_size(list);
    char path[128];
    snprintf(path, sizeof path, "%s $", r->source);
    if (count < 1 || count > 256) // a probe's packets carry their reactor in one byte
        return traffic_json_wrong(list, path, "cores", "1 to 256 CPU numbers (-1 = not pinned)", r->e);
    r->plan->cores = calloc(count, sizeof *r->plan->cores);
    if (!r->plan->cores)
        return no_memory(r, "cores", count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        char name[32];
        snprintf(name, sizeof name, "cores[%zu]", i);
        if (!json_is_integer(item) || json_integer_value(item) < -1 ||
            json_integer_value(item) >= CPU_SETSIZE)
            return traffic_json_wrong(item, path, name, "a CPU number, or -1 for not pinned", r->e);
        r->plan->cores[i] = (int)json_integer_value(item);
    }
    r->plan->core_count = (uint32_t)count;
    return 0;
}

// ---- the whole ----

struct raw_plan {
    int64_t schema, seed, sample_interval, duration;
    const char *lab;
    json_t *cores, *clients, *servers, *flows, *probes;
};

static const struct traffic_json_field plan_fields[] = {
    CHOICE(raw_plan, schema, "schema", schemas),
    TEXT(raw_plan, lab, "lab"),
    INTEGER(raw_plan, seed, "seed", 0, LIMIT),
    ARRAY(raw_plan, cores, "cores"),
    ARRAY(raw_plan, clients, "clients"),
    ARRAY(raw_plan, servers, "servers"),
    ARRAY(raw_plan, flows, "flows"),
    ARRAY(raw_plan, probes, "probes"),
    INTEGER(raw_plan, sample_interval, "sampleInterval", MILLISECOND, LIMIT),
    INTEGER(raw_plan, duration, "duration", 0, LIMIT),
};

static int read_lists(struct reader *r, const struct raw_plan *raw) {
    int error = read_cores(r, raw->cores);
    if (!error)
        error = read_endpoints(r, TRAFFIC_CLIENT, raw->clients);
    if (!error)
        error = read_endpoints(r, TRAFFIC_SERVER, raw->servers);
    if (!error)
        error = read_flows(r, raw->flows);
    return error ? error : read_probes(r, raw->probes);
}

int traffic_plan_read(struct traffic_plan *plan, json_t *json, const char *source, struct mqoe_error *e) {
    *plan = (struct traffic_plan){.json = json};
    char path[128];
    snprintf(path, sizeof path, "%s $", source);
    struct raw_plan raw;
    int error = traffic_json_object(json, path, plan_fields, COUNT(plan_fields), &raw, e);
    if (error)
        return error;
    plan->lab = raw.lab;
    plan->seed = (uint64_t)raw.seed;
    plan->sample_interval = raw.sample_interval;
    plan->duration = raw.duration;
    struct reader r = {.plan = plan, .source = source, .e = e};
    error = read_lists(&r, &raw);
    free(r.ids[TRAFFIC_CLIENT]);
    free(r.ids[TRAFFIC_SERVER]);
    return error;
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

void traffic_plan_free(struct traffic_plan *plan) {
    free(plan->cores);
    free(plan->endpoints[TRAFFIC_CLIENT]);
    free(plan->endpoints[TRAFFIC_SERVER]);
    free(plan->flows);
    free(plan->probes);
    json_decref(plan->json);
    *plan = (struct traffic_plan){0};
}

socklen_t traffic_endpoint_address(const struct traffic_endpoint *endpoint, enum traffic_family family,
                                   uint16_t port, struct sockaddr_storage *to) {
    memset(to, 0, sizeof *to);
    if (family == TRAFFIC_IPV4) {
        memcpy(to, &endpoint->ipv4, sizeof endpoint->ipv4);
        ((struct sockaddr_in *)to)->sin_port = htons(port);
        return sizeof endpoint->ipv4;
    }
    memcpy(to, &endpoint->ipv6, sizeof endpoint->ipv6);
    ((struct sockaddr_in6 *)to)->sin6_port = htons(port);
    return sizeof endpoint->ipv6;
}
