// Frames in and out of a reactor, behind one small interface: AF_XDP sockets live, plain memory in tests and
// in the bench. A port draws its receive frames from the reactor's umem and gives sent ones back to it.
#pragma once

#include <stdint.h>

#include "port/umem.h"

#define MQOE_BATCH                                                                                           \
    64u // frames per call: long enough to amortise, short enough that a due timer waits ≤ 50 µs

struct mqoe_port;

// Counters of the kernel's side (XDP_STATISTICS); zero where there is no kernel.
struct mqoe_port_kernel {
    uint64_t rx_dropped; // for another reason than an invalid descriptor, ring full included
    uint64_t rx_invalid;
    uint64_t fill_empty;
    uint64_t tx_invalid;
};

struct mqoe_port_ops {
    // Hands up to `max` received frames to the caller (place MQOE_HAND, data and len set). Returns how many.
    unsigned (*receive)(struct mqoe_port *port, struct mqoe_frame **frames, unsigned max);
    // Takes the first frames of `frames` for transmission (MQOE_HAND → MQOE_SENT). Returns how many it took;
    // the rest stay the caller's.
    unsigned (*send)(struct mqoe_port *port, struct mqoe_frame **frames, unsigned count);
    // Ends a round: everything taken by `send` gets on its way, everything completed returns to the umem.
    // Returns how many frames the device has not taken yet: flush again soon.
    unsigned (*flush)(struct mqoe_port *port);
    void (*kernel)(struct mqoe_port *port, struct mqoe_port_kernel *out);
    void (*close)(struct mqoe_port *port); // releases all but the frames
};

struct mqoe_port {
    const struct mqoe_port_ops *ops;
    struct mqoe_umem *umem;
    uint64_t received; // frames that came in, those dropped for want of a frame included
    uint64_t sent;     // frames whose transmission completed and that the device took
    uint64_t no_frame; // received, and dropped because the umem was empty
    uint64_t refused;  // completed, but the device said that it dropped them
    uint64_t kicks;
    int fd; // poll it for POLLIN; −1 = none
};

// What the machine (not the product) lost on this port.
static inline uint64_t mqoe_port_rig(const struct mqoe_port *port) {
    return port->no_frame + port->refused;
}
