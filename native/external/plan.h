// What the user's command is told: a JSON file, two tables for shells, and an environment
// (docs/external-dataplane.md describes all of them; they are a contract with users).
#pragma once

#include "external/config.h"

struct mqoe_external_plan {
    char *file;         // <blueprint>.plan.json, absolute
    char *clients;      // <blueprint>.clients: a line per address: name address down up (bit/s)
    char *servers;      // <blueprint>.servers: a line per address: name address
    char **environment; // NULL-terminated: all that the command gets
};

// The document "mqoe-plan/1" of this config, a new reference; NULL without memory.
json_t *mqoe_external_plan_document(const struct mqoe_external_config *c);

// Writes the three files beside `blueprint` and makes the environment. Returns 0, or −errno with *e filled.
// The caller frees the plan in both cases; the files stay, they belong to the run.
int mqoe_external_plan_write(struct mqoe_external_plan *p, const struct mqoe_external_config *c,
                             const char *blueprint, struct mqoe_error *e);
void mqoe_external_plan_free(struct mqoe_external_plan *p);
