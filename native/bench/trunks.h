// Three namespaces in a row, as between the lab's core and its access:  g1 (core) ═ c0 · a0 ═ g0 (access).
#pragma once

#include <stdbool.h>

#include "record/error.h"

struct mqoe_trunks {
    char access[64], core[64], middle[64]; // paths of the namespaces
    bool open;
};

// Builds them through the lab engine (bench/lab_client.h), which must be open. Returns 0, or −errno with *e
// filled; mqoe_trunks_remove is right in both cases.
int mqoe_trunks_build(struct mqoe_trunks *t, struct mqoe_error *e);
void mqoe_trunks_remove(struct mqoe_trunks *t);
