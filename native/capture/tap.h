// Captures inside a reactor: AF_XDP frames pass no packet socket, so the engine shows them here, each as it
// comes in, as it goes out, and as it is dropped. Costs nothing without a capture: the engine has no tap
// then.
//
// The reactor alone touches its tap until it has stopped; then whoever joined it writes the file.
#pragma once

#include "capture/capture.h"
#include "packet/frame.h"

enum mqoe_tap_point { MQOE_TAP_ACCESS, MQOE_TAP_CORE, MQOE_TAP_DROPPED };
#define MQOE_TAP_POINTS 3u
#define MQOE_TAP_NOBODY UINT32_MAX // a frame that is of no client

// One of the dataplane's captures, as its blueprint describes it.
struct mqoe_tap_config {
    struct mqoe_capture_config capture;
    uint32_t points;  // bit by enum mqoe_tap_point
    uint8_t *clients; // by client of the blueprint: is it wanted? NULL: everybody, and what is nobody's
};

struct mqoe_tap_configs {
    struct mqoe_tap_config *list;
    uint32_t count;
};

struct mqoe_tap_capture {
    const struct mqoe_tap_config *config;
    struct mqoe_capture capture;
    struct mqoe_capture_interface interfaces[MQOE_TAP_POINTS];
};

struct mqoe_tap {
    struct mqoe_tap_capture *captures;
    uint32_t count;
    uint64_t *ids;    // of the frame in each chunk, given when it comes in; 0 = none
    uint64_t last_id; // reactors count in steps, so that all are different
    uint64_t step;
    uint64_t real; // CLOCK_REALTIME − CLOCK_MONOTONIC at go
};

// Reads `captures` of a dataplane's blueprint that has `client_count` clients. The caller frees, also after
// an error.
void mqoe_tap_read(const struct mqoe_node *list, size_t length, uint32_t client_count,
                   struct mqoe_tap_configs *configs);
void mqoe_tap_free_configs(struct mqoe_tap_configs *configs);

// The tap of reactor `reactor` of `reactors`, whose umem has `chunks`; NULL without captures. Returns 0 or
// −errno with *e filled.
int mqoe_tap_open(struct mqoe_tap **tap, const struct mqoe_tap_configs *configs, uint32_t reactor,
                  uint32_t reactors, uint32_t chunks, struct mqoe_error *e);
void mqoe_tap_close(struct mqoe_tap *tap);

// From now on packets are taken. t0: CLOCK_MONOTONIC, `real` what must be added to make it CLOCK_REALTIME.
void mqoe_tap_go(struct mqoe_tap *tap, uint64_t t0, uint64_t real);

// A frame that has just been received is a new one, whatever was in its chunk before.
void mqoe_tap_received(struct mqoe_tap *tap, const struct mqoe_frame *f, uint32_t chunk, uint32_t client,
                       enum mqoe_tap_point side, uint64_t now);
void mqoe_tap_sent(struct mqoe_tap *tap, const struct mqoe_frame *f, uint32_t chunk, uint32_t client,
                   enum mqoe_tap_point side, uint64_t now);
// `comment`: as it is to stand in the file, "dropped: overflow".
void mqoe_tap_dropped(struct mqoe_tap *tap, const struct mqoe_frame *f, uint32_t chunk, uint32_t client,
                      const char *comment, uint64_t now);

// Writes the files of captures that ran in several reactors, and appends what became of them to `described`.
// A file that cannot be written is an error of that capture, told in `described`.
void mqoe_tap_write(struct mqoe_tap *const *taps, uint32_t count, const char *folder, uint64_t now,
                    json_t *described);
