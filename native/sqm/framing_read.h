// A plan's framing in a blueprint.
#pragma once

#include "reactor/json.h"
#include "sqm/framing.h"

// Reads member `framing` (FramingBlueprint) of a ShaperBlueprint.
struct mqoe_framing mqoe_framing_read(const struct mqoe_node *shaper);
