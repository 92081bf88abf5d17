// Reading a blueprint strictly: every field must be there, have the right type and range, and none may be
// unknown. The first thing wrong is kept with its JSON path ($.clients[3].down.rate); later reads return
// zero, so a reader is a plain list of fields without an `if` each, and checks once at its end.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/error.h"

// A value and how it was reached. Nodes live on the stack, a child points at its parent.
struct mqoe_node {
    const json_t *json;
    const struct mqoe_node *parent;
    const char *key; // NULL: element `index` of an array (or the root)
    size_t index;
    const char *source;       // of the root: the file it came from, or NULL
    struct mqoe_error *error; // shared by the whole document; errnum == 0 while all is well
};

struct mqoe_node mqoe_node_root(const json_t *json, struct mqoe_error *error);
// The same for a document from a file, which errors then name after the path.
struct mqoe_node mqoe_node_file(const json_t *json, const char *source, struct mqoe_error *error);

static inline bool mqoe_node_ok(const struct mqoe_node *n) {
    return n->error->errnum == 0;
}

// Reads a document from a file. Returns 0 with a new reference in *document, or −errno with *e filled: why
// the file cannot be opened, or at which line and column it is no JSON or names a member twice.
int mqoe_document_load(const char *file, json_t **document, struct mqoe_error *e);

// Records an error at `n` (unless there is one already). `hint` says what was found and what is allowed.
void mqoe_node_fail(const struct mqoe_node *n, const char *hint_fmt, ...)
    __attribute__((format(printf, 2, 3)));

// The same in the usual words: "found 7, must be …", "is missing, must be …".
void mqoe_node_wrong(const struct mqoe_node *n, const char *allowed);

// A member of any type, to be checked by the caller or named in an error; `json` is NULL when it is missing.
struct mqoe_node mqoe_node_member(const struct mqoe_node *n, const char *key);
struct mqoe_node mqoe_node_object(const struct mqoe_node *n, const char *key);
struct mqoe_node mqoe_node_array(const struct mqoe_node *n, const char *key, size_t *length);
struct mqoe_node mqoe_node_element(const struct mqoe_node *array, size_t index); // of any type
struct mqoe_node mqoe_node_element_object(const struct mqoe_node *array, size_t index);
bool mqoe_node_has(const struct mqoe_node *n, const char *key);

int64_t mqoe_node_int(const struct mqoe_node *n, const char *key, int64_t min, int64_t max);
bool mqoe_node_bool(const struct mqoe_node *n, const char *key);
const char *mqoe_node_string(const struct mqoe_node *n,
                             const char *key); // owned by the document; "" after an error
// The same, and not empty.
const char *mqoe_node_text(const struct mqoe_node *n, const char *key);
// Index of the member's text in the NULL-terminated `names`.
unsigned mqoe_node_enum(const struct mqoe_node *n, const char *key, const char *const names[]);

// Objects may hold only these keys (NULL-terminated).
void mqoe_node_only(const struct mqoe_node *n, const char *const keys[]);
