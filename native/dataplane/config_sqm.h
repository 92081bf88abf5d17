// The `sqm` objects of a blueprint (SqmBlueprint of harness/blueprint/types.ts), for every discipline that
// our dataplane has.
#pragma once

#include "reactor/json.h"
#include "sqm/discipline.h"

// Reads member `sqm` of the ShaperBlueprint at `shaper`. `max_frame`: bytes of the largest frame (layer 2),
// by which AQMs know a backlog that is only one packet.
void mqoe_dp_read_sqm(const struct mqoe_node *shaper, uint32_t max_frame, struct mqoe_discipline_config *out);

// Tells a discipline another largest frame.
void mqoe_dp_sqm_set_max_frame(struct mqoe_discipline_config *config, uint32_t bytes);
