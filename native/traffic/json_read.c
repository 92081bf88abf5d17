#include "traffic/json_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// A short rendering for a message: scalars as they are, containers by their kind.
static void describe(const json_t *value, char *text, size_t size) {
    if (!value) {
        snprintf(text, size, "nothing");
    } else if (json_is_string(value)) {
        snprintf(text, size, "\"%.40s\"", json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(text, size, "%g", json_real_value(value));
    } else {
        const char *kinds[] = {[JSON_OBJECT] = "an object",
                               [JSON_ARRAY] = "an array",
                               [JSON_TRUE] = "true",
                               [JSON_FALSE] = "false",
                               [JSON_NULL] = "null"};
        snprintf(text, size, "%s", kinds[json_typeof(value)]);
    }
}

int traffic_json_wrong(const json_t *value, const char *path, const char *name, const char *allowed,
                       struct mqoe_error *e) {
    char found[64], hint[sizeof e->hint];
    describe(value, found, sizeof found);
    snprintf(hint, sizeof hint, "found %s; allowed: %s", found, allowed);
    return mqoe_fail(e, EINVAL, "blueprint", hint, "%s%s%s", path, name ? "." : "", name ? name : "");
}

static void append(char *list, size_t size, const char *item) {
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used ? ", " : "", item);
}

static int read_integer(const json_t *value, const char *path, const struct traffic_json_field *f,
                        int64_t *to, struct mqoe_error *e) {
    if (json_is_integer(value) && json_integer_value(value) >= f->min &&
        json_integer_value(value) <= f->max) {
        *to = json_integer_value(value);
        return 0;
    }
    char allowed[96];
    snprintf(allowed, sizeof allowed, "an integer from %" PRId64 " to %" PRId64, f->min, f->max);
    return traffic_json_wrong(value, path, f->name, allowed, e);
}

static int read_choice(const json_t *value, const char *path, const struct traffic_json_field *f, int64_t *to,
                       struct mqoe_error *e) {
    char allowed[128] = "";
    for (int64_t i = 0; f->choices[i]; i++) {
        if (json_is_string(value) && !strcmp(json_string_value(value), f->choices[i])) {
            *to = i;
            return 0;
        }
        append(allowed, sizeof allowed, f->choices[i]);
    }
    return traffic_json_wrong(value, path, f->name, allowed, e);
}

static int read_field(json_t *value, const char *path, const struct traffic_json_field *f, void *to,
                      struct mqoe_error *e) {
    switch (f->type) {
    case TRAFFIC_JSON_INTEGER:
        return read_integer(value, path, f, to, e);
    case TRAFFIC_JSON_CHOICE:
        return read_choice(value, path, f, to, e);
    case TRAFFIC_JSON_BOOLEAN:
        if (!json_is_boolean(value))
            return traffic_json_wrong(value, path, f->name, "true or false", e);
        *(bool *)to = json_is_true(value);
        return 0;
    case TRAFFIC_JSON_TEXT:
        // A NUL inside would make two different texts look equal in C.
        if (!json_is_string(value) || !json_string_length(value) ||
            strlen(json_string_value(value)) != json_string_length(value))
            return traffic_json_wrong(value, path, f->name, "a text that is not empty", e);
        *(const char **)to = json_string_value(value);
        return 0;
    case TRAFFIC_JSON_ARRAY:
        if (!json_is_array(value))
            return traffic_json_wrong(value, path, f->name, "an array", e);
        *(json_t **)to = value;
        return 0;
    }
    return 0;
}

static int refuse_unknown(const json_t *object, const char *path, const struct traffic_json_field *fields,
                          size_t count, struct mqoe_error *e) {
    for (void *it = json_object_iter((json_t *)object); it;
         it = json_object_iter_next((json_t *)object, it)) {
        size_t i = 0;
        while (i < count && strcmp(fields[i].name, json_object_iter_key(it)))
            i++;
        if (i < count)
            continue;
        char hint[sizeof e->hint] = "";
        for (i = 0; i < count; i++)
            append(hint, sizeof hint, fields[i].name);
        char text[sizeof e->hint];
        snprintf(text, sizeof text, "unknown field; known: %.170s", hint);
        return mqoe_fail(e, EINVAL, "blueprint", text, "%s.%s", path, json_object_iter_key(it));
    }
    return 0;
}

int traffic_json_object(const json_t *value, const char *path, const struct traffic_json_field *fields,
                        size_t count, void *out, struct mqoe_error *e) {
    if (!json_is_object(value))
        return traffic_json_wrong(value, path, NULL, "an object", e);
    int error = refuse_unknown(value, path, fields, count, e);
    for (size_t i = 0; !error && i < count; i++)
        error = read_field(json_object_get(value, fields[i].name), path, &fields[i],
                           (char *)out + fields[i].offset, e);
    return error;
}
