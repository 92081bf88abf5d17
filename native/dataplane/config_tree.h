// The shaper tree in a blueprint: SiteBlueprint, and the place of a client in it (`site`, `node`) of
// harness/blueprint/types.ts.
#pragma once

#include "dataplane/config.h"

// Reads the rest of site `i`; those before it have been read.
void mqoe_dp_read_site(const struct mqoe_node *n, struct mqoe_dp_config *c, uint32_t i);

// Reads where a client stands, of which reactor and shapers are known.
void mqoe_dp_read_place(const struct mqoe_node *n, const struct mqoe_dp_config *c, struct mqoe_dp_client *k);

// Reads one NodeBlueprint at `n`. `root`: nobody is above it.
void mqoe_dp_read_class(const struct mqoe_node *n, bool root, struct mqoe_htb_class *out);

// Says at `n` if frames would not wait in what is to stand under a site.
void mqoe_dp_check_queues(const struct mqoe_node *n, const struct mqoe_leaf_config *leaf);
