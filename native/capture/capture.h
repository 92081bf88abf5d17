// One capture: which packets it wants, the newest of them, and the file that they become when it ends.
#pragma once

#include <stdbool.h>

#include "capture/pcapng.h"
#include "capture/ring.h"
#include "reactor/json.h"

struct mqoe_capture_window {
    int64_t start, stop; // ns from t0; [start, stop)
};

// What the dataplane's captures and those of sockets have in common (docs/capture.md).
struct mqoe_capture_config {
    const char *name, *file; // owned by the document; the file is relative to the blueprint's folder
    uint32_t snaplen;
    uint64_t limit; // bytes of packet blocks
    struct mqoe_capture_window *windows;
    size_t window_count; // 0: from go to stop
};

struct mqoe_capture_interface {
    const char *name, *description;
    uint64_t seen, lost; // see struct mqoe_pcapng_statistics
};

struct mqoe_capture {
    const struct mqoe_capture_config *config;
    struct mqoe_capture_interface *interfaces; // the caller's
    uint32_t interface_count;
    struct mqoe_capture_ring ring;
    uint64_t t0; // CLOCK_REALTIME ns; 0 = before go, when nothing is taken
};

struct mqoe_capture_result {
    uint64_t seen, lost, kept, bytes; // frames; size of the file
};

// Reads name, file, snaplen, limit and windows. The caller frees `windows`, also after an error.
void mqoe_capture_read(const struct mqoe_node *n, struct mqoe_capture_config *c);

// `limit`: the share of config->limit that this one may hold. Returns 0 or −ENOMEM with *e filled.
int mqoe_capture_open(struct mqoe_capture *c, const struct mqoe_capture_config *config, uint64_t limit,
                      struct mqoe_capture_interface *interfaces, uint32_t interface_count,
                      struct mqoe_error *e);
void mqoe_capture_close(struct mqoe_capture *c);

// Is the time, CLOCK_REALTIME ns, within what is to be captured?
bool mqoe_capture_wants(const struct mqoe_capture *c, uint64_t time);

// Takes a packet that is wanted; `captured` is what there is of it, and is cut to the snap length.
void mqoe_capture_take(struct mqoe_capture *c, const struct mqoe_pcapng_packet *packet);

// Writes what several captures of one configuration hold (one for each reactor) as one file, in order of
// time: `folder`/config->file, whole or not at all. Returns 0 or −errno with *e filled. `now`:
// CLOCK_REALTIME ns.
int mqoe_capture_write(struct mqoe_capture *const *parts, uint32_t count, const char *folder, uint64_t now,
                       struct mqoe_capture_result *result, struct mqoe_error *e);

// {"name", "file", "packets", "bytes", "seen", "lost"}, as `stopped` carries it (docs/control.md).
json_t *mqoe_capture_describe(const struct mqoe_capture_config *c, const struct mqoe_capture_result *r);

// One line that says what failed, for `error` beside the above.
json_t *mqoe_capture_error(const struct mqoe_error *e);

// The folder of a file, "." when it has none; cut at `size` bytes.
void mqoe_capture_folder(const char *file, char *folder, size_t size);
