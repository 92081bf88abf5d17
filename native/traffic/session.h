// A session at run time: one client that makes requests of one server over connections of its own, as its
// script says. Both ends of them live on one reactor.
#pragma once

#include "record/segment.h"
#include "traffic/exchange.h"
#include "traffic/plan_session.h"
#include "traffic/schedule.h"

struct traffic_script;
struct session_reactor;
struct session_end;

struct traffic_session {
    const struct traffic_session_plan *plan;
    const struct traffic_script *script;
    struct traffic_loop *loop;
    struct session_reactor *reactor;
    void *state;                 // the script's own: script->state_bytes
    struct mqoe_segment *record; // of the script's own records; shared with the reactor's other sessions
    uint32_t index;              // into the plan's sessions
    bool running;                // between start and stop
    uint64_t received;           // bytes of bodies, by either end

    // Of session.c, exchange.c and exchange_server.c.
    struct traffic_exchange *pool, *free;
    struct traffic_exchange *closing, *last_closing; // oldest first
    struct traffic_request *request_pool, *free_requests;
    uint32_t connections, held; // that the script may hold, that it holds
    uint32_t pool_size, next_connection, next_request;
    struct session_end *ends; // the server's
    struct traffic_timer life, watch, trouble;
    struct traffic_bins bins;
    struct traffic_totals totals;
};

// The id that its records carry.
static inline uint32_t traffic_session_id(const struct traffic_session *s) {
    return (uint32_t)s->plan->pair.id;
}
