// What engine.c (frames on their way) and engine_build.c (set-up and change) share.
#pragma once

#include "dataplane/engine.h"

#define MQOE_NO_STRETCH UINT32_MAX

enum mqoe_timer_kind { MQOE_TIMER_CIRCUIT, MQOE_TIMER_STRETCH };

// The stretch of a server (its number in the blueprint) or of one of the reactor's clients (its local
// number). Endpoints with the same path have one each, because a rate is not shared; MQOE_NO_STRETCH without
// a path.
static inline uint32_t mqoe_engine_server_stretch(const struct mqoe_engine *e, uint32_t server,
                                                  enum mqoe_direction direction) {
    return e->config->servers[server].path == MQOE_NO_PATH ? MQOE_NO_STRETCH
                                                           : server * 2 + (uint32_t)direction;
}

static inline uint32_t mqoe_engine_client_stretch(const struct mqoe_engine *e, uint32_t local,
                                                  enum mqoe_direction direction) {
    return e->config->clients[e->client_ids[local]].path == MQOE_NO_PATH
               ? MQOE_NO_STRETCH
               : (e->config->server_count + local) * 2 + (uint32_t)direction;
}

void mqoe_engine_schedule(struct mqoe_engine *e, struct mqoe_circuit *c, uint64_t due);

// Returns dropped frames, which are at `from`, to the umem and counts their causes.
void mqoe_engine_free_dropped(struct mqoe_engine *e, struct mqoe_frame_list *dropped, enum mqoe_place from);
