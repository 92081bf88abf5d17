#include "capture/plan.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_CAPTURES  16u
#define MAX_POINTS    256u
#define MAX_ADDRESSES 1000000u

#define KEYS(...)     ((const char *const[]){__VA_ARGS__, NULL})

// An array of `min` to `max` entries; NULL after an error.
static void *make_table(const struct mqoe_node *list, size_t length, size_t min, size_t max, size_t bytes) {
    if (!mqoe_node_ok(list))
        return NULL;
    if (length < min || length > max) {
        mqoe_node_fail(list, "has %zu entries, must have %zu to %zu", length, min, max);
        return NULL;
    }
    void *table = calloc(length + 1, bytes);
    if (!table)
        mqoe_node_fail(list, "no memory for %zu entries", length);
    return table;
}

static void read_points(const struct mqoe_node *n, struct mqoe_capture_plan_entry *c) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(n, "points", &length);
    c->points = make_table(&list, length, 1, MAX_POINTS, sizeof *c->points);
    for (size_t i = 0; i < length && mqoe_node_ok(n); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        struct mqoe_capture_point *p = &c->points[c->point_count++];
        p->netns = mqoe_node_text(&item, "netns");
        p->interface = mqoe_node_text(&item, "interface");
        p->name = mqoe_node_text(&item, "name");
        p->description = mqoe_node_text(&item, "description");
        mqoe_node_only(&item, KEYS("netns", "interface", "name", "description"));
    }
}

static void read_address(const struct mqoe_node *list, size_t i, struct mqoe_prefix *prefix) {
    struct mqoe_node item = mqoe_node_element(list, i);
    struct mqoe_error e;
    if (!json_is_string(item.json))
        mqoe_node_wrong(&item, "an address");
    else if (mqoe_prefix_parse(prefix, json_string_value(item.json), &e) != 0)
        mqoe_node_fail(&item, "%s", e.hint);
}

static void read_addresses(const struct mqoe_node *n, struct mqoe_capture_plan_entry *c) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(n, "addresses", &length);
    struct mqoe_prefix *prefixes = make_table(&list, length, 0, MAX_ADDRESSES, sizeof *prefixes);
    for (size_t i = 0; i < length && mqoe_node_ok(n); i++)
        read_address(&list, i, &prefixes[i]);
    struct mqoe_error e;
    if (mqoe_node_ok(n) && length && mqoe_lpm_build(&c->addresses, prefixes, length, 0, &e) != 0)
        mqoe_node_fail(&list, "%s", e.hint);
    free(prefixes);
}

static void read_capture(const struct mqoe_node *n, struct mqoe_capture_plan_entry *c) {
    mqoe_capture_read(n, &c->capture);
    read_points(n, c);
    read_addresses(n, c);
    mqoe_node_only(n, KEYS("name", "file", "snaplen", "limit", "windows", "points", "addresses"));
}

int mqoe_capture_plan_read(struct mqoe_capture_plan *p, json_t *document, const char *file,
                           struct mqoe_error *e) {
    *p = (struct mqoe_capture_plan){.document = document};
    size_t length;
    struct mqoe_node root = mqoe_node_file(document, file, e);
    mqoe_node_enum(&root, "schema", KEYS("mqoe-capture/1"));
    mqoe_node_text(&root, "lab");
    struct mqoe_node list = mqoe_node_array(&root, "captures", &length);
    p->captures = make_table(&list, length, 1, MAX_CAPTURES, sizeof *p->captures);
    for (size_t i = 0; i < length && mqoe_node_ok(&root); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        read_capture(&item, &p->captures[p->count++]);
    }
    mqoe_node_only(&root, KEYS("schema", "lab", "captures"));
    return -e->errnum;
}

int mqoe_capture_plan_load(struct mqoe_capture_plan *p, const char *file, struct mqoe_error *e) {
    *p = (struct mqoe_capture_plan){0};
    json_t *document;
    int err = mqoe_document_load(file, &document, e);
    return err ? err : mqoe_capture_plan_read(p, document, file, e);
}

void mqoe_capture_plan_free(struct mqoe_capture_plan *p) {
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->captures[i].capture.windows);
        free(p->captures[i].points);
        mqoe_lpm_free(p->captures[i].addresses);
    }
    free(p->captures);
    json_decref(p->document);
    *p = (struct mqoe_capture_plan){0};
}
