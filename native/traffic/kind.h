// A kind of traffic is one file with one of these. Main calls create, sockets and open in that order before
// any reactor runs; afterwards each reactor's thread calls go, adopt and stop for its own share.
#pragma once

#include <stdint.h>

#include "traffic/loop.h"
#include "traffic/plan.h"

struct traffic_kind {
    const char *name;

    // Allocates its state, spreads its items over the reactors, announces its timers and makes its segments.
    // *state is set, and later destroyed, even after an error. `kind` is its number, for messages.
    int (*create)(struct traffic_process *process, uint16_t kind, void **state, struct mqoe_error *e);

    // The most sockets that it will hold at one time.
    uint64_t (*sockets)(const void *state);

    // Makes the sockets of one endpoint; the calling thread is in the endpoint's namespace.
    int (*open)(void *state, enum traffic_role role, const struct traffic_endpoint *endpoint,
                struct mqoe_error *e);

    // Arms its items on this reactor: t0 is known.
    void (*go)(void *state, struct traffic_loop *loop);

    // Takes over a descriptor that another reactor accepted for `item`.
    void (*adopt)(void *state, struct traffic_loop *loop, uint32_t item, int fd);

    // Ends everything on this reactor now, at `now` (before go: INT64_MIN).
    void (*stop)(void *state, struct traffic_loop *loop, int64_t now);

    void (*destroy)(void *state);
};

extern const struct traffic_kind traffic_tcp, traffic_probe, traffic_stream, traffic_sessions;

#define TRAFFIC_KINDS 4

// What every part sees of the process. Nothing of it changes once the reactors run.
struct traffic_process {
    struct traffic_plan plan;
    uint64_t key; // of this run, in every packet
    // Two reactors per core: [0, core_count) for bulk and streams, then as many punctual ones for probes.
    // Apart, because a probe must not wait for a write of bulk data, and because bulk senders at a real-time
    // priority would starve ksoftirqd, which delivers what they send.
    struct traffic_loop *loops;
    uint32_t loop_count; // how many of them are open
    int outbox[2];       // reactors → main
    const struct traffic_kind *kinds[TRAFFIC_KINDS];
    void *states[TRAFFIC_KINDS];
};
