// Typed reading of JSON objects by a table of fields: unknown, missing and wrong fields are errors that name
// the JSON path, what was found and what is allowed.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "record/error.h"

enum traffic_json_type {
    TRAFFIC_JSON_INTEGER, // → int64_t, in [min, max]
    TRAFFIC_JSON_BOOLEAN, // → bool
    TRAFFIC_JSON_TEXT,    // → const char *, not empty, owned by the JSON value
    TRAFFIC_JSON_CHOICE,  // → int64_t, the index of the text in `choices`
    TRAFFIC_JSON_ARRAY,   // → json_t *, borrowed
};

struct traffic_json_field {
    const char *name;
    enum traffic_json_type type;
    size_t offset; // of the member that receives the value
    int64_t min, max;
    const char *const *choices; // NULL-terminated
};

// Reads `value`, found at `path` ("blueprint.json: flows[3]"), into the struct at `out`. Returns 0 or
// −EINVAL.
int traffic_json_object(const json_t *value, const char *path, const struct traffic_json_field *fields,
                        size_t count, void *out, struct mqoe_error *e);

// The error of one wrong value: at `path`.`name` (name may be NULL), `value` was found, `allowed` is what may
// stand there. Returns −EINVAL.
int traffic_json_wrong(const json_t *value, const char *path, const char *name, const char *allowed,
                       struct mqoe_error *e);
