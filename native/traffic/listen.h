// The server's side of TCP kinds: listeners that accept, read the flow header that every client of ours sends
// first, and hand the connection to whoever owns that flow. What does not say a proper header in time is
// reset and counted as a stray.
#pragma once

#include "traffic/loop.h"
#include "traffic/payload.h"
#include "traffic/plan.h"

// Connections of strangers that a reactor holds at one time, beside its own.
#define TRAFFIC_SPARE_ARRIVALS 64

struct traffic_arrivals;

struct traffic_listener {
    struct traffic_source source;
    struct traffic_timer retry; // runs while accepting is paused
    uint32_t server;            // index into the plan
    enum traffic_family family;
    uint16_t port;
    struct traffic_arrivals *arrivals;
};

// Told of a connection and its header; takes over the descriptor (which is in no epoll set) by returning
// true. False: the header fits no flow that is expected there.
typedef bool traffic_identified(void *context, struct traffic_loop *loop,
                                const struct traffic_listener *listener,
                                const struct traffic_flow_header *header, int fd);

struct traffic_arrival {
    struct traffic_source source;
    struct traffic_timer patience;
    struct traffic_listener *listener;
    struct traffic_arrival *next_free;
    uint32_t got;
    uint8_t header[TRAFFIC_FLOW_HEADER];
};

// Connections of one reactor that have not said their header yet; a fixed number, so that strangers cannot
// make it grow.
struct traffic_arrivals {
    struct traffic_loop *loop;
    struct traffic_arrival *pool, *free;
    uint32_t count;
    traffic_identified *identified;
    void *context;
};

// Room for `expected` connections at one time and some strays; announces the timers. 0 or −ENOMEM.
int traffic_arrivals_create(struct traffic_arrivals *arrivals, struct traffic_loop *loop, uint32_t expected,
                            traffic_identified *identified, void *context);

// Resets the connections that wait. On the reactor's thread.
void traffic_arrivals_stop(struct traffic_arrivals *arrivals);
void traffic_arrivals_destroy(struct traffic_arrivals *arrivals);

// Starts accepting on a bound socket, which the listener takes over; its timer is announced by the caller.
// Called in any namespace.
int traffic_listener_start(struct traffic_listener *listener, struct traffic_arrivals *arrivals, int fd,
                           struct mqoe_error *e);
