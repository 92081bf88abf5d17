#include "reactor/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *type_name(const json_t *json) {
    static const char *const names[] = {
        "an object", "an array", "a string", "an integer", "a number with a fraction",
        "true",      "false",    "null"};
    return json ? names[json_typeof(json)] : "nothing";
}

// "$.clients[3].down": written from the root, so the parents come first.
static size_t write_path(const struct mqoe_node *n, char *to, size_t size) {
    if (!n->parent)
        return (size_t)snprintf(to, size, "$");
    size_t used = write_path(n->parent, to, size);
    if (used >= size)
        return used;
    int more = n->key ? snprintf(to + used, size - used, ".%s", n->key)
                      : snprintf(to + used, size - used, "[%zu]", n->index);
    return used + (size_t)more;
}

void mqoe_node_fail(const struct mqoe_node *n, const char *hint_fmt, ...) {
    if (!mqoe_node_ok(n))
        return;
    char path[sizeof n->error->object], hint[sizeof n->error->hint];
    va_list ap;
    va_start(ap, hint_fmt);
    vsnprintf(hint, sizeof hint, hint_fmt, ap);
    va_end(ap);
    write_path(n, path, sizeof path);
    mqoe_fail(n->error, EINVAL, "blueprint", hint, "%s", path);
}

struct mqoe_node mqoe_node_root(const json_t *json, struct mqoe_error *error) {
    *error = (struct mqoe_error){0};
    struct mqoe_node n = {.json = json, .error = error};
    if (!json_is_object(json))
        mqoe_node_fail(&n, "found %s, must be an object", type_name(json));
    return n;
}

bool mqoe_node_has(const struct mqoe_node *n, const char *key) {
    return json_object_get(n->json, key) != NULL;
}

static struct mqoe_node member(const struct mqoe_node *n, const char *key) {
    return (struct mqoe_node){json_object_get(n->json, key), n, key, 0, n->error};
}

// The member when it has the wanted type; otherwise the error is recorded and `json` is NULL.
static struct mqoe_node typed(const struct mqoe_node *n, const char *key, json_type type,
                              const char *wanted) {
    struct mqoe_node m = member(n, key);
    if (m.json && json_typeof(m.json) == type)
        return m;
    if (m.json)
        mqoe_node_fail(&m, "found %s, must be %s", type_name(m.json), wanted);
    else
        mqoe_node_fail(&m, "is missing, must be %s", wanted);
    m.json = NULL;
    return m;
}

struct mqoe_node mqoe_node_object(const struct mqoe_node *n, const char *key) {
    return typed(n, key, JSON_OBJECT, "an object");
}

struct mqoe_node mqoe_node_array(const struct mqoe_node *n, const char *key, size_t *length) {
    struct mqoe_node m = typed(n, key, JSON_ARRAY, "an array");
    *length = json_array_size(m.json);
    return m;
}

struct mqoe_node mqoe_node_element(const struct mqoe_node *array, size_t index) {
    return (struct mqoe_node){json_array_get(array->json, index), array, NULL, index, array->error};
}

int64_t mqoe_node_int(const struct mqoe_node *n, const char *key, int64_t min, int64_t max) {
    struct mqoe_node m = typed(n, key, JSON_INTEGER, "an integer");
    if (!m.json)
        return 0;
    int64_t value = json_integer_value(m.json);
    if (value >= min && value <= max)
        return value;
    mqoe_node_fail(&m, "found %" PRId64 ", must be %" PRId64 " to %" PRId64, value, min, max);
    return 0;
}

bool mqoe_node_bool(const struct mqoe_node *n, const char *key) {
    struct mqoe_node m = member(n, key);
    if (!m.json || !json_is_boolean(m.json))
        mqoe_node_fail(&m, "found %s, must be true or false", type_name(m.json));
    return json_is_true(m.json);
}

const char *mqoe_node_string(const struct mqoe_node *n, const char *key) {
    struct mqoe_node m = typed(n, key, JSON_STRING, "a string");
    return m.json ? json_string_value(m.json) : "";
}

static void list_names(const char *const names[], char *to, size_t size) {
    size_t used = 0;
    to[0] = '\0';
    for (; *names && used < size; names++)
        used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "", *names);
}

unsigned mqoe_node_enum(const struct mqoe_node *n, const char *key, const char *const names[]) {
    const char *text = mqoe_node_string(n, key);
    for (unsigned i = 0; names[i]; i++)
        if (!strcmp(names[i], text))
            return i;
    char list[128];
    list_names(names, list, sizeof list);
    struct mqoe_node m = member(n, key);
    mqoe_node_fail(&m, "found \"%s\", must be one of %s", text, list);
    return 0;
}

void mqoe_node_only(const struct mqoe_node *n, const char *const keys[]) {
    const char *key;
    json_t *value;
    if (!n->json || !mqoe_node_ok(n))
        return;
    json_object_foreach((json_t *)n->json, key, value) {
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], key))
            i++;
        if (keys[i])
            continue;
        char list[160];
        list_names(keys, list, sizeof list);
        struct mqoe_node m = member(n, key);
        mqoe_node_fail(&m, "is unknown here; known: %s", list);
        return;
    }
}
