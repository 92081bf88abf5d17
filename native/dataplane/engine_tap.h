// Where the engine shows frames to the captures, if there are any (capture/tap.h).
#pragma once

#include "capture/tap.h"
#include "dataplane/engine.h"

// The sides of the engine are points of a capture.
static_assert((int)MQOE_ACCESS == (int)MQOE_TAP_ACCESS && (int)MQOE_CORE == (int)MQOE_TAP_CORE, "same order");

static inline void mqoe_engine_show_received(struct mqoe_engine *e, const struct mqoe_frame *f,
                                             enum mqoe_direction direction, bool known) {
    if (e->tap)
        mqoe_tap_received(e->tap, f, mqoe_umem_chunk(e->umem, f),
                          known ? e->client_ids[f->client] : MQOE_TAP_NOBODY,
                          direction == MQOE_UP ? MQOE_TAP_ACCESS : MQOE_TAP_CORE, e->now);
}

static inline void mqoe_engine_show_unclassified(struct mqoe_engine *e, const struct mqoe_frame *f) {
    if (e->tap)
        mqoe_tap_dropped(e->tap, f, mqoe_umem_chunk(e->umem, f), MQOE_TAP_NOBODY, "dropped: unclassified",
                         e->now);
}

// A duplicate leaves, or is dropped, under the number of the frame that it is one of.
static inline void mqoe_engine_show_copied(struct mqoe_engine *e, const struct mqoe_frame *f,
                                           const struct mqoe_frame *copy) {
    if (e->tap)
        e->tap->ids[mqoe_umem_chunk(e->umem, copy)] = e->tap->ids[mqoe_umem_chunk(e->umem, f)];
}

static inline void mqoe_engine_show_sent(struct mqoe_engine *e, const struct mqoe_frame *f,
                                         enum mqoe_side side) {
    if (e->tap)
        mqoe_tap_sent(e->tap, f, mqoe_umem_chunk(e->umem, f), e->client_ids[f->client],
                      (enum mqoe_tap_point)side, e->now);
}

// A frame with no cause is one that no port took.
static inline void mqoe_engine_show_dropped(struct mqoe_engine *e, const struct mqoe_frame *f,
                                            enum mqoe_drop_cause cause) {
    static const char *const comments[] = {[MQOE_DROP_NONE] = "dropped: rig",
                                           [MQOE_DROP_AQM] = "dropped: aqm",
                                           [MQOE_DROP_OVERFLOW] = "dropped: overflow",
                                           [MQOE_DROP_PATH] = "dropped: path"};
    if (e->tap)
        mqoe_tap_dropped(e->tap, f, mqoe_umem_chunk(e->umem, f), e->client_ids[f->client], comments[cause],
                         e->now);
}
