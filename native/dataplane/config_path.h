// The paths of a blueprint (PathBlueprint and PathLineBlueprint of harness/blueprint/types.ts).
#pragma once

#include "path/config.h"
#include "reactor/json.h"

// Reads the members `down` and `up` of `n` into lines[], by enum mqoe_direction. Their arrays belong to the
// caller (mqoe_dp_free_lines_but), after an error too.
void mqoe_dp_read_lines(const struct mqoe_node *n, struct mqoe_path_config lines[2]);

// Replaces lists of packets and traces by the very arrays of `old` where they say the same, so that a line
// which is given both goes on with them.
void mqoe_dp_share_arrays(struct mqoe_path_config lines[2], const struct mqoe_path_config old[2]);

// Frees the arrays, except those that `kept` (may be NULL) has in the same place.
void mqoe_dp_free_lines_but(struct mqoe_path_config lines[2], struct mqoe_path_config kept[2]);

// Whether several copies of a line would be more than one line: something on it is used up by what passes.
bool mqoe_dp_lines_have_rate(const struct mqoe_path_config lines[2]);
