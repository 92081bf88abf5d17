// What `mqoe-native external` reads of its blueprint (DataplaneBlueprint and ExternalBlueprint of
// harness/blueprint/types.ts). The user's command does the shaping: plans and addresses are only handed on.
#pragma once

#include <stdint.h>

#include "reactor/json.h"

enum mqoe_external_side { MQOE_EXTERNAL_ACCESS, MQOE_EXTERNAL_CORE };

#define MQOE_READY_BY_LINE INT64_C(-1)

struct mqoe_external_config {
    json_t *document; // owns all texts
    const char *lab, *netns, *mac;
    uint64_t seed;
    uint32_t mtu;                    // bytes, layer 3
    const char *interface[2];        // by enum mqoe_external_side
    const char **command;            // NULL-terminated, at least one word
    int64_t ready;                   // ns after its start, or MQOE_READY_BY_LINE
    const json_t *servers, *clients; // arrays as in the blueprint, checked as far as the plan file needs them
};

// Reads `file`. Returns 0, or −errno with *e filled (for what is wrong inside, the JSON path is its object).
// The caller frees the config in both cases.
int mqoe_external_config_load(struct mqoe_external_config *c, const char *file, struct mqoe_error *e);
// The same from a document; takes the reference.
int mqoe_external_config_read(struct mqoe_external_config *c, json_t *document, struct mqoe_error *e);
void mqoe_external_config_free(struct mqoe_external_config *c);
