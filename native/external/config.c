#include "external/config.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INTEGER ((int64_t)1 << 53)
#define MAX_READY   INT64_C(3600000000000) // 1 h
#define MAX_WORDS   1000

#define KEYS(...)   ((const char *const[]){__VA_ARGS__, NULL})

static const char *read_interface(const struct mqoe_node *link, const char *key) {
    const char *name = mqoe_node_text(link, key);
    if (strlen(name) >= IFNAMSIZ)
        mqoe_node_fail(link, "has %s \"%s\"; an interface name has 1 to 15 characters", key, name);
    return name;
}

static void read_link(const struct mqoe_node *root, struct mqoe_external_config *c) {
    struct mqoe_node n = mqoe_node_object(root, "link");
    c->interface[MQOE_EXTERNAL_ACCESS] = read_interface(&n, "access");
    c->interface[MQOE_EXTERNAL_CORE] = read_interface(&n, "core");
    c->mac = mqoe_node_text(&n, "mac");
    c->mtu = (uint32_t)mqoe_node_int(&n, "mtu", 68, 65535);
    mqoe_node_only(&n, KEYS("access", "core", "mac", "mtu"));
}

static void read_command(const struct mqoe_node *external, struct mqoe_external_config *c) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(external, "command", &length);
    if (mqoe_node_ok(external) && (length < 1 || length > MAX_WORDS))
        mqoe_node_fail(&list, "has %zu words, must have 1 to %d: a program and its arguments", length,
                       MAX_WORDS);
    if (!mqoe_node_ok(external))
        return;
    c->command = calloc(length + 1, sizeof *c->command);
    if (!c->command) {
        mqoe_node_fail(&list, "no memory for %zu words", length);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        struct mqoe_node word = mqoe_node_element(&list, i);
        c->command[i] = json_string_value(word.json);
        if (!c->command[i] || (i == 0 && !*c->command[0]))
            mqoe_node_wrong(&word, i == 0 ? "a program" : "a text");
    }
}

static void read_external(const struct mqoe_node *root, struct mqoe_external_config *c) {
    struct mqoe_node n = mqoe_node_object(root, "external");
    read_command(&n, c);
    c->ready = MQOE_READY_BY_LINE;
    const char *word = json_string_value(json_object_get(n.json, "ready"));
    if (word && strcmp(word, "line"))
        mqoe_node_fail(&n, "has ready \"%s\", must be \"line\" or nanoseconds", word);
    else if (!word)
        c->ready = mqoe_node_int(&n, "ready", 0, MAX_READY);
    mqoe_node_enum(&n, "xdp", KEYS("stub", "own")); // the lab's business
    mqoe_node_only(&n, KEYS("command", "ready", "xdp"));
}

// Tables for shells have one word a column: names without white space, addresses without anything but them.
static void check_word(const struct mqoe_node *n, const char *text) {
    if (!text || !*text || strpbrk(text, " \t\r\n"))
        mqoe_node_wrong(n, "a text without white space");
}

static void check_subject(const struct mqoe_node *n) {
    struct mqoe_node name = mqoe_node_member(n, "name");
    size_t length;
    struct mqoe_node list = mqoe_node_array(n, "addresses", &length);
    check_word(&name, json_string_value(name.json));
    for (size_t i = 0; i < length && mqoe_node_ok(n); i++) {
        struct mqoe_node address = mqoe_node_element(&list, i);
        check_word(&address, json_string_value(address.json));
    }
}

static void check_shaper(const struct mqoe_node *client, const char *direction) {
    struct mqoe_node n = mqoe_node_object(client, direction);
    mqoe_node_int(&n, "rate", 0, MAX_INTEGER);
    mqoe_node_object(&n, "framing");
    mqoe_node_object(&n, "sqm");
}

static void read_subjects(const struct mqoe_node *root, struct mqoe_external_config *c) {
    size_t length;
    struct mqoe_node servers = mqoe_node_array(root, "servers", &length);
    for (size_t i = 0; i < length && mqoe_node_ok(root); i++) {
        struct mqoe_node n = mqoe_node_element_object(&servers, i);
        check_subject(&n);
    }
    struct mqoe_node clients = mqoe_node_array(root, "clients", &length);
    for (size_t i = 0; i < length && mqoe_node_ok(root); i++) {
        struct mqoe_node n = mqoe_node_element_object(&clients, i);
        check_subject(&n);
        check_shaper(&n, "down");
        check_shaper(&n, "up");
    }
    c->servers = servers.json;
    c->clients = clients.json;
}

static int read_document(struct mqoe_external_config *c, json_t *document, const char *file,
                         struct mqoe_error *e) {
    *c = (struct mqoe_external_config){.document = document};
    struct mqoe_node root = mqoe_node_file(document, file, e);
    mqoe_node_enum(&root, "schema", KEYS("mqoe-dataplane/1"));
    mqoe_node_enum(&root, "kind", KEYS("external"));
    c->lab = mqoe_node_string(&root, "lab");
    c->netns = mqoe_node_text(&root, "netns");
    c->seed = (uint64_t)mqoe_node_int(&root, "seed", 0, MAX_INTEGER);
    if (mqoe_node_ok(&root))
        read_link(&root, c);
    if (mqoe_node_ok(&root))
        read_external(&root, c);
    read_subjects(&root, c);
    mqoe_node_only(&root, KEYS("schema", "kind", "lab", "netns", "seed", "reactors", "paths", "servers",
                               "clients", "sites", "link", "external"));
    return -e->errnum;
}

int mqoe_external_config_read(struct mqoe_external_config *c, json_t *document, struct mqoe_error *e) {
    return read_document(c, document, NULL, e);
}

int mqoe_external_config_load(struct mqoe_external_config *c, const char *file, struct mqoe_error *e) {
    *c = (struct mqoe_external_config){0};
    json_t *document;
    int err = mqoe_document_load(file, &document, e);
    return err ? err : read_document(c, document, file, e);
}

void mqoe_external_config_free(struct mqoe_external_config *c) {
    free(c->command);
    json_decref(c->document);
    *c = (struct mqoe_external_config){0};
}
