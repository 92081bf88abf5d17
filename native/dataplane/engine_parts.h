// What engine.c (frames on their way) and engine_build.c (set-up and change) share.
#pragma once

#include "dataplane/engine.h"

#define MQOE_NO_STRETCH UINT32_MAX

enum mqoe_timer_kind { MQOE_TIMER_CIRCUIT, MQOE_TIMER_STRETCH };
enum mqoe_role { MQOE_ROLE_SERVER, MQOE_ROLE_CLIENT }; // a path may stand on both ends

static inline uint32_t mqoe_engine_stretch(uint32_t path, enum mqoe_role role,
                                           enum mqoe_direction direction) {
    return (path * 2 + (uint32_t)role) * 2 + (uint32_t)direction;
}

void mqoe_engine_schedule(struct mqoe_engine *e, struct mqoe_circuit *c, uint64_t due);

// Returns dropped frames, which are at `from`, to the umem and counts their causes.
void mqoe_engine_free_dropped(struct mqoe_engine *e, struct mqoe_frame_list *dropped, enum mqoe_place from);
