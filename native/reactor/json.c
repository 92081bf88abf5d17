#include "reactor/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 40 // bytes of a text in a message

// The value itself where it is short; containers by their kind.
static void describe(const json_t *json, char *text, size_t size) {
    static const char *const kinds[] = {[JSON_OBJECT] = "an object",
                                        [JSON_ARRAY] = "an array",
                                        [JSON_TRUE] = "true",
                                        [JSON_FALSE] = "false",
                                        [JSON_NULL] = "null"};
    if (json_is_string(json)) {
        const char *cut = json_string_length(json) > SHOWN ? "…" : "";
        snprintf(text, size, "\"%.*s%s\"", SHOWN, json_string_value(json), cut);
    } else if (json_is_integer(json)) {
        snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    } else if (json_is_real(json)) {
        snprintf(text, size, "%g", json_real_value(json));
    } else {
        snprintf(text, size, "%s", kinds[json_typeof(json)]);
    }
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

static const char *source_of(const struct mqoe_node *n) {
    while (n->parent)
        n = n->parent;
    return n->source;
}

int mqoe_document_load(const char *file, json_t **document, struct mqoe_error *e) {
    json_error_t where;
    errno = 0;
    *document = json_load_file(file, JSON_REJECT_DUPLICATES, &where);
    if (*document)
        return 0;
    if (json_error_code(&where) == json_error_cannot_open_file)
        return mqoe_fail(e, errno ? errno : EIO, "open", NULL, "blueprint %s", file);
    return mqoe_fail(e, EINVAL, "blueprint", where.text, "%s line %d column %d", file, where.line,
                     where.column);
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
    const char *source = source_of(n);
    mqoe_fail(n->error, EINVAL, "blueprint", hint, "%s%s%s", path, source ? " in " : "",
              source ? source : "");
}

void mqoe_node_wrong(const struct mqoe_node *n, const char *allowed) {
    if (!n->json) {
        mqoe_node_fail(n, "is missing, must be %s", allowed);
        return;
    }
    char found[64];
    describe(n->json, found, sizeof found);
    mqoe_node_fail(n, "found %s, must be %s", found, allowed);
}

struct mqoe_node mqoe_node_file(const json_t *json, const char *source, struct mqoe_error *error) {
    *error = (struct mqoe_error){0};
    struct mqoe_node n = {.json = json, .error = error, .source = source};
    if (!json_is_object(json))
        mqoe_node_wrong(&n, "an object");
    return n;
}

struct mqoe_node mqoe_node_root(const json_t *json, struct mqoe_error *error) {
    return mqoe_node_file(json, NULL, error);
}

bool mqoe_node_has(const struct mqoe_node *n, const char *key) {
    return json_object_get(n->json, key) != NULL;
}

struct mqoe_node mqoe_node_member(const struct mqoe_node *n, const char *key) {
    return (struct mqoe_node){
        .json = json_object_get(n->json, key), .parent = n, .key = key, .error = n->error};
}

// The node when it has the wanted type; otherwise the error is recorded and `json` is NULL.
static struct mqoe_node typed(struct mqoe_node n, json_type type, const char *wanted) {
    if (n.json && json_typeof(n.json) == type)
        return n;
    mqoe_node_wrong(&n, wanted);
    n.json = NULL;
    return n;
}

struct mqoe_node mqoe_node_object(const struct mqoe_node *n, const char *key) {
    return typed(mqoe_node_member(n, key), JSON_OBJECT, "an object");
}

struct mqoe_node mqoe_node_array(const struct mqoe_node *n, const char *key, size_t *length) {
    struct mqoe_node m = typed(mqoe_node_member(n, key), JSON_ARRAY, "an array");
    *length = json_array_size(m.json);
    return m;
}

struct mqoe_node mqoe_node_element(const struct mqoe_node *array, size_t index) {
    return (struct mqoe_node){
        .json = json_array_get(array->json, index), .parent = array, .index = index, .error = array->error};
}

struct mqoe_node mqoe_node_element_object(const struct mqoe_node *array, size_t index) {
    return typed(mqoe_node_element(array, index), JSON_OBJECT, "an object");
}

int64_t mqoe_node_int(const struct mqoe_node *n, const char *key, int64_t min, int64_t max) {
    struct mqoe_node m = mqoe_node_member(n, key);
    int64_t value = json_integer_value(m.json);
    if (json_is_integer(m.json) && value >= min && value <= max)
        return value;
    char allowed[80];
    if (min == max)
        snprintf(allowed, sizeof allowed, "%" PRId64, min);
    else
        snprintf(allowed, sizeof allowed, "an integer from %" PRId64 " to %" PRId64, min, max);
    mqoe_node_wrong(&m, allowed);
    return 0;
}

bool mqoe_node_bool(const struct mqoe_node *n, const char *key) {
    struct mqoe_node m = mqoe_node_member(n, key);
    if (!json_is_boolean(m.json))
        mqoe_node_wrong(&m, "true or false");
    return json_is_true(m.json);
}

const char *mqoe_node_string(const struct mqoe_node *n, const char *key) {
    struct mqoe_node m = typed(mqoe_node_member(n, key), JSON_STRING, "a text");
    return m.json ? json_string_value(m.json) : "";
}

const char *mqoe_node_text(const struct mqoe_node *n, const char *key) {
    struct mqoe_node m = mqoe_node_member(n, key);
    const char *text = json_string_value(m.json);
    if (text && *text)
        return text;
    mqoe_node_wrong(&m, "a text that is not empty");
    return "";
}

static void list_names(const char *const names[], char *to, size_t size) {
    size_t used = 0;
    to[0] = '\0';
    for (; *names && used < size; names++)
        used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "", *names);
}

unsigned mqoe_node_enum(const struct mqoe_node *n, const char *key, const char *const names[]) {
    struct mqoe_node m = mqoe_node_member(n, key);
    const char *text = json_string_value(m.json);
    for (unsigned i = 0; text && names[i]; i++)
        if (!strcmp(names[i], text))
            return i;
    char allowed[128] = "one of ";
    list_names(names, allowed + strlen(allowed), sizeof allowed - strlen(allowed));
    mqoe_node_wrong(&m, allowed);
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
        struct mqoe_node m = mqoe_node_member(n, key);
        mqoe_node_fail(&m, "is unknown here; known: %s", list);
        return;
    }
}
