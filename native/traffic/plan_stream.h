// The streams of a traffic plan (StreamBlueprint): how their packets follow each other, and how large they
// are.
#pragma once

#include "reactor/json.h"
#include "traffic/plan.h"

// Reads everything of a stream but its pair, which is known by now. `seed`: the plan's.
void traffic_read_stream(const struct mqoe_node *n, uint64_t seed, struct traffic_stream_plan *to);
void traffic_free_stream(struct traffic_stream_plan *stream);
