// AF_XDP ports on veth interfaces: copy mode, one UMEM for all the ports of a reactor, own fill and
// completion rings per device (a shared UMEM needs that when the devices differ).
#pragma once

#include <stdint.h>
#include <xdp/xsk.h>

#include "port/port.h"
#include "port/xdp.h"

// Bytes that a copy-mode socket keeps in front of a received frame, and what they leave of a 2 KiB chunk for
// it.
#define MQOE_XDP_HEADROOM 256u
#define MQOE_AFXDP_MTU    (2048u - MQOE_XDP_HEADROOM - 14u)

struct mqoe_afxdp {
    struct mqoe_port port; // first: a pointer to it is a pointer to this
    char name[16];
    int ifindex;
    struct xsk_ring_cons rx, completion;
    struct xsk_ring_prod tx, fill;
    uint64_t completed; // frames, refused ones included
    struct {            // what to unmap
        void *at;
        uint64_t bytes;
    } maps[4];
    struct mqoe_xdp xdp;
};

// Opens a port on `interface` (in the caller's network namespace; it must be up, its MTU at most
// MQOE_AFXDP_MTU) with rings of `ring` entries (a power of two), fills its fill ring from `umem`, attaches
// the XDP program. `first` is the port that registered the umem as its UMEM, NULL for the first one. A device
// that is still busy with a socket closed a moment ago is retried for up to 2 s. Returns 0, or −errno with *e
// filled and nothing left open.
int mqoe_afxdp_open(struct mqoe_afxdp *x, const char *interface, struct mqoe_umem *umem, uint32_t ring,
                    struct mqoe_afxdp *first, struct mqoe_error *e);
