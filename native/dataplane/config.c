#include "dataplane/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/config_path.h"
#include "dataplane/config_sqm.h"
#include "dataplane/config_tree.h"
#include "sqm/framing_read.h"

#define MAX_INTEGER  ((int64_t)1 << 53)
#define MAX_RATE     (int64_t)1000000000000 // 1 Tbit/s
#define MAX_FRAMES   (1 << 22)              // 8 GiB of UMEM
#define MAX_REACTORS 64

#define KEYS(...)    ((const char *const[]){__VA_ARGS__, NULL})

void mqoe_dp_read_shaper(const struct mqoe_node *n, uint32_t max_frame, struct mqoe_leaf_config *out) {
    *out = (struct mqoe_leaf_config){0};
    out->rate = (uint64_t)mqoe_node_int(n, "rate", 0, MAX_RATE);
    out->framing = mqoe_framing_read(n);
    mqoe_dp_read_sqm(n, max_frame, &out->discipline);
    if (out->discipline.kind == MQOE_NONE && out->rate)
        mqoe_node_fail(n,
                       "has discipline \"none\" and a rate; \"none\" has no queue to shape: rate must be 0");
    mqoe_node_only(n, KEYS("rate", "framing", "sqm"));
    struct mqoe_error e;
    if (mqoe_node_ok(n) && mqoe_leaf_check(out, &e) != 0)
        mqoe_node_fail(n, "%s: %s", e.object, e.hint);
}

static void read_interface(const struct mqoe_node *n, const char *key, char to[16]) {
    const char *text = mqoe_node_string(n, key);
    if (mqoe_node_ok(n) && (!*text || strlen(text) > 15))
        mqoe_node_fail(n, "has %s \"%s\"; an interface name has 1 to 15 characters", key, text);
    snprintf(to, 16, "%s", text);
}

// Ids are indexes: what refers to something is checked once, here, and never searched for.
static void read_id(const struct mqoe_node *n, size_t index) {
    int64_t id = mqoe_node_int(n, "id", 0, MAX_INTEGER);
    if (mqoe_node_ok(n) && (size_t)id != index)
        mqoe_node_fail(n, "has id %ld; ids count from 0 in order, here %zu", (long)id, index);
}

static void read_reactor(const struct mqoe_node *n, size_t i, struct mqoe_dp_config *c) {
    struct mqoe_dp_reactor *r = &c->reactors[i];
    read_id(n, i);
    r->core = (int)mqoe_node_int(n, "core", -1, 4095);
    read_interface(n, "access", r->interface[0]);
    read_interface(n, "coreTrunk", r->interface[1]);
    r->frames = (uint32_t)mqoe_node_int(n, "frames", 256, MAX_FRAMES);
    r->frame_size = (uint32_t)mqoe_node_int(n, "frameSize", 2048, 2048);
    mqoe_node_only(n, KEYS("id", "core", "access", "coreTrunk", "frames", "frameSize"));
}

static void read_path(const struct mqoe_node *n, size_t i, struct mqoe_dp_config *c) {
    struct mqoe_dp_path *p = &c->paths[i];
    read_id(n, i);
    p->name = mqoe_node_string(n, "name");
    mqoe_dp_read_lines(n, p->lines);
    mqoe_node_only(n, KEYS("id", "name", "down", "up"));
}

// Appends the addresses of owner `value` to a table that grows.
static void read_addresses(const struct mqoe_node *n, uint32_t value, struct mqoe_prefix **table,
                           uint32_t *count) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(n, "addresses", &length);
    if (!mqoe_node_ok(n) || !length)
        return;
    struct mqoe_prefix *bigger = reallocarray(*table, *count + length, sizeof **table);
    if (!bigger) {
        mqoe_node_fail(&list, "no memory for %zu addresses", length);
        return;
    }
    *table = bigger;
    for (size_t i = 0; i < length; i++) {
        struct mqoe_node item = mqoe_node_element(&list, i);
        const char *text = json_string_value(item.json);
        struct mqoe_prefix *p = &bigger[*count];
        struct mqoe_error e;
        if (!text || mqoe_prefix_parse(p, text, &e) != 0)
            mqoe_node_wrong(&item, "an IPv4 or IPv6 address, or a prefix");
        p->value = value;
        (*count)++;
    }
}

static int read_path_reference(const struct mqoe_node *n, const struct mqoe_dp_config *c) {
    return (int)mqoe_node_int(n, "path", MQOE_NO_PATH, (int64_t)c->path_count - 1);
}

static void read_server(const struct mqoe_node *n, size_t i, struct mqoe_dp_config *c) {
    struct mqoe_dp_server *s = &c->servers[i];
    read_id(n, i);
    s->name = mqoe_node_string(n, "name");
    s->path = read_path_reference(n, c);
    // Each reactor has its own line to a server, and so its own rate.
    if (mqoe_node_ok(n) && s->path != MQOE_NO_PATH && c->reactor_count > 1 &&
        mqoe_dp_lines_have_rate(c->paths[s->path].lines))
        mqoe_node_fail(
            n,
            "is behind path \"%s\", which has a rate; with %u reactors it would have it %u times: one "
            "reactor, or no rate",
            c->paths[s->path].name, c->reactor_count, c->reactor_count);
    read_addresses(n, (uint32_t)i, &c->server_prefixes, &c->server_prefix_count);
    mqoe_node_only(n, KEYS("id", "name", "addresses", "path"));
}

static void read_site(const struct mqoe_node *n, size_t i, struct mqoe_dp_config *c) {
    read_id(n, i);
    // A document of a time when sites had no path may be silent about it.
    c->sites[i].path = mqoe_node_has(n, "path") ? read_path_reference(n, c) : MQOE_NO_PATH;
    mqoe_dp_read_site(n, c, (uint32_t)i);
}

static void read_client(const struct mqoe_node *n, size_t i, struct mqoe_dp_config *c) {
    struct mqoe_dp_client *k = &c->clients[i];
    read_id(n, i);
    k->name = mqoe_node_string(n, "name");
    k->reactor = (uint32_t)mqoe_node_int(n, "reactor", 0, (int64_t)c->reactor_count - 1);
    k->path = read_path_reference(n, c);
    read_addresses(n, (uint32_t)i, &c->client_prefixes, &c->client_prefix_count);
    struct mqoe_node down = mqoe_node_object(n, "down"), up = mqoe_node_object(n, "up");
    mqoe_dp_read_shaper(&down, c->max_frame, &k->shaper[MQOE_DOWN]);
    mqoe_dp_read_shaper(&up, c->max_frame, &k->shaper[MQOE_UP]);
    mqoe_dp_read_place(n, c, k);
    mqoe_node_only(n, KEYS("id", "name", "reactor", "addresses", "path", "site", "node", "down", "up"));
}

// Reads an array of at least `min` and at most `max` objects into a table of its own.
static void read_table(const struct mqoe_node *root, const char *key, size_t min, size_t max,
                       size_t entry_bytes, void *table, uint32_t *count, struct mqoe_dp_config *c,
                       void (*read)(const struct mqoe_node *, size_t, struct mqoe_dp_config *)) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(root, key, &length);
    if (mqoe_node_ok(root) && (length < min || length > max))
        mqoe_node_fail(&list, "has %zu entries, must have %zu to %zu", length, min, max);
    if (!mqoe_node_ok(root))
        return;
    void *entries = calloc(length ? length : 1, entry_bytes);
    if (!entries) {
        mqoe_node_fail(&list, "no memory for %zu entries", length);
        return;
    }
    memcpy(table, &entries, sizeof entries);
    *count = (uint32_t)length;
    for (size_t i = 0; i < length && mqoe_node_ok(root); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        if (item.json)
            read(&item, i, c);
    }
}

// A document without captures may be silent about them; a path stage has none.
static void read_captures(const struct mqoe_node *root, struct mqoe_dp_config *c) {
    size_t length;
    if (c->kind == MQOE_KIND_PATH || !mqoe_node_has(root, "captures"))
        return;
    struct mqoe_node list = mqoe_node_array(root, "captures", &length);
    mqoe_tap_read(&list, length, c->client_count, &c->captures);
}

static int read_document(struct mqoe_dp_config *c, json_t *document, const char *file, enum mqoe_dp_kind kind,
                         struct mqoe_error *e) {
    *c = (struct mqoe_dp_config){.document = document, .kind = kind, .max_frame = MQOE_MAX_FRAME};
    struct mqoe_node root = mqoe_node_file(document, file, e);
    mqoe_node_enum(&root, "schema", KEYS("mqoe-dataplane/1"));
    mqoe_node_enum(&root, "kind", kind == MQOE_KIND_PATH ? KEYS("path") : KEYS("afxdp"));
    c->lab = mqoe_node_string(&root, "lab");
    c->netns = mqoe_node_string(&root, "netns");
    c->seed = (uint64_t)mqoe_node_int(&root, "seed", 0, MAX_INTEGER);
    read_table(&root, "reactors", 1, MAX_REACTORS, sizeof *c->reactors, &c->reactors, &c->reactor_count, c,
               read_reactor);
    read_table(&root, "paths", 0, MQOE_MAX_CLIENTS, sizeof *c->paths, &c->paths, &c->path_count, c,
               read_path);
    read_table(&root, "servers", 0, MQOE_MAX_CLIENTS, sizeof *c->servers, &c->servers, &c->server_count, c,
               read_server);
    if (mqoe_node_has(&root, "sites")) // a document without a tree may be silent about it
        read_table(&root, "sites", 0, MQOE_MAX_CLIENTS, sizeof *c->sites, &c->sites, &c->site_count, c,
                   read_site);
    read_table(&root, "clients", 0, MQOE_MAX_CLIENTS, sizeof *c->clients, &c->clients, &c->client_count, c,
               read_client);
    read_captures(&root, c);
    mqoe_node_only(&root, KEYS("schema", "kind", "lab", "netns", "seed", "reactors", "paths", "servers",
                               "clients", "sites", "link", "external", "captures"));
    return -e->errnum;
}

int mqoe_dp_config_read(struct mqoe_dp_config *c, json_t *document, struct mqoe_error *e) {
    return read_document(c, document, NULL, MQOE_KIND_AFXDP, e);
}

int mqoe_dp_config_load(struct mqoe_dp_config *c, const char *file, enum mqoe_dp_kind kind,
                        struct mqoe_error *e) {
    *c = (struct mqoe_dp_config){0};
    json_t *document;
    int err = mqoe_document_load(file, &document, e);
    return err ? err : read_document(c, document, file, kind, e);
}

void mqoe_dp_config_set_max_frame(struct mqoe_dp_config *c, uint32_t bytes) {
    c->max_frame = bytes;
    for (uint32_t i = 0; i < c->client_count; i++)
        for (int d = MQOE_DOWN; d <= MQOE_UP; d++)
            mqoe_dp_sqm_set_max_frame(&c->clients[i].shaper[d].discipline, bytes);
}

void mqoe_dp_config_free(struct mqoe_dp_config *c) {
    for (uint32_t i = 0; c->paths && i < c->path_count; i++)
        mqoe_dp_free_lines_but(c->paths[i].lines, NULL);
    free(c->reactors);
    free(c->paths);
    free(c->servers);
    free(c->sites);
    free(c->clients);
    free(c->client_prefixes);
    free(c->server_prefixes);
    mqoe_tap_free_configs(&c->captures);
    json_decref(c->document);
    *c = (struct mqoe_dp_config){0};
}
