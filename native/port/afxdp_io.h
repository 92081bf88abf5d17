// The fast path of an AF_XDP port; only afxdp_open.c uses this.
#pragma once

#include "port/afxdp.h"

extern const struct mqoe_port_ops mqoe_afxdp_ops;

// Moves up to `count` free frames to the fill ring (as many as there are and as it has room for).
void mqoe_afxdp_refill(struct mqoe_afxdp *x, uint32_t count);
void mqoe_afxdp_close(struct mqoe_port *port);
