// The whole dataplane on memory ports and a virtual clock, for tests: time is what the test says it is.
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bench/synthetic.h"
#include "dataplane/engine.h"
#include "port/memory.h"

struct departure {
    uint64_t time;
    uint32_t len, tag; // the tag that rig_arrive put into the payload
    int side;
};

struct rig {
    struct mqoe_dp_config config;
    struct mqoe_umem umem;
    struct mqoe_memory port[2];
    struct mqoe_engine engine;
    uint64_t now, late; // ns; every wake-up comes `late` after it was due
    struct departure *out;
    size_t out_count, out_capacity;
};

struct rig_side {
    struct rig *rig;
    int side;
};

static void rig_sent(void *context, const struct mqoe_frame *f) {
    struct rig *r = ((struct rig_side *)context)->rig;
    if (r->out_count == r->out_capacity) {
        r->out_capacity = r->out_capacity ? r->out_capacity * 2 : 1024;
        r->out = realloc(r->out, r->out_capacity * sizeof *r->out);
        assert(r->out);
    }
    struct departure *d = &r->out[r->out_count++];
    *d = (struct departure){.time = r->now, .len = f->len, .side = ((struct rig_side *)context)->side};
    memcpy(&d->tag, f->data + 42, sizeof d->tag);
}

static inline void rig_open_reactor(struct rig *r, json_t *blueprint, uint32_t ring, uint32_t reactor) {
    static struct rig_side sides[2];
    struct mqoe_error e;
    memset(r, 0, sizeof *r);
    r->now = 1000000000;
    assert(mqoe_dp_config_read(&r->config, blueprint, &e) == 0);
    assert(mqoe_umem_init(&r->umem, r->config.reactors[reactor].frames, 2048, &e) == 0);
    for (int side = 0; side < 2; side++) {
        assert(mqoe_memory_open(&r->port[side], &r->umem, ring) == 0);
        sides[side] = (struct rig_side){r, side};
        r->port[side].on_sent = rig_sent;
        r->port[side].context = &sides[side];
    }
    assert(mqoe_engine_init(&r->engine, &r->config, reactor, &r->umem, &r->port[0].port, &r->port[1].port,
                            r->now, &e) == 0);
}

static inline void rig_open(struct rig *r, json_t *blueprint, uint32_t ring) {
    rig_open_reactor(r, blueprint, ring, 0);
}

static inline void rig_close(struct rig *r) {
    mqoe_engine_free(&r->engine);
    for (int side = 0; side < 2; side++)
        r->port[side].port.ops->close(&r->port[side].port);
    mqoe_umem_free(&r->umem);
    mqoe_dp_config_free(&r->config);
    free(r->out);
}

// A frame of client `client` arrives: from the core (down) or from access (up). `flow` tells flows apart.
static inline bool rig_arrive(struct rig *r, uint32_t client, enum mqoe_direction direction, uint16_t flow,
                              uint32_t len, uint32_t tag) {
    uint8_t bytes[2048] = {0};
    uint32_t here = mqoe_synthetic_client(client), there = MQOE_SYNTHETIC_SERVER;
    bool down = direction == MQOE_DOWN;
    mqoe_synthetic_frame(bytes, down ? there : here, down ? here : there, flow, flow, len);
    memcpy(bytes + 42, &tag, sizeof tag);
    return mqoe_memory_arrive(&r->port[down ? MQOE_CORE : MQOE_ACCESS], bytes, len);
}

// Runs all that is due up to `until`, waking when the engine asks to (plus r->late), and leaves the clock
// there.
static inline void rig_run(struct rig *r, uint64_t until) {
    for (;;) {
        uint64_t next = mqoe_engine_round(&r->engine, r->now);
        if (next <= r->now)
            continue;
        if (next == MQOE_NEVER || next + r->late > until)
            break;
        r->now = next + r->late;
    }
    if (until > r->now && until != MQOE_NEVER)
        r->now = until;
}

static inline uint64_t rig_held(const struct rig *r) {
    return r->umem.in_place[MQOE_LEAF] + r->umem.in_place[MQOE_LINE] + r->umem.in_place[MQOE_SENT];
}
