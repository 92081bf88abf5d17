// A port without a kernel: frames come from the caller's memory and go to the caller's function. Tests and
// the bench drive the whole dataplane with it on a virtual clock.
#pragma once

#include <stdbool.h>

#include "port/port.h"

struct mqoe_memory {
    struct mqoe_port port; // first: a pointer to it is a pointer to this
    uint32_t *fill, *arrived,
        *taken; // chunks: to receive into, received, sent but not flushed; `ring` entries each
    uint32_t ring, fill_count, arrived_head, arrived_count, taken_count;
    uint32_t send_room; // frames that `send` takes until the next flush; at most `ring`
    bool stuck;         // the device takes nothing: flush completes nothing
    void (*on_sent)(void *context, const struct mqoe_frame *frame); // called by flush, in order; may be NULL
    void *context;
};

// A port with `ring` frames to receive into, taken from `umem`. Returns 0, −ENOMEM, or −ENOBUFS when the umem
// holds fewer.
int mqoe_memory_open(struct mqoe_memory *m, struct mqoe_umem *umem, uint32_t ring);

// A frame arrives: `len` bytes, at most the umem's frame size. False when the receive ring has no room (the
// kernel would count rx_dropped).
bool mqoe_memory_arrive(struct mqoe_memory *m, const void *bytes, uint32_t len);
