// The namespace of the kernel dataplane as a router.
#pragma once

#include "kernel/qdisc.h"

// Finds both interfaces in the calling thread's namespace, by direction of what leaves there; the names point
// into the config. Returns 0 or −errno with *e filled.
int mqoe_routes_find(const struct mqoe_kernel_config *c, struct mqoe_tc_device devices[2],
                     struct mqoe_error *e);

// Makes the calling thread's namespace forward both families and say nothing itself, brings the interfaces
// up, and routes every address of the config through one permanent neighbour with the link's MAC per
// interface and family. Returns 0 or −errno with *e filled.
int mqoe_routes_set(const struct mqoe_kernel_config *c, struct netlink *nl,
                    const struct mqoe_tc_device devices[2], struct mqoe_error *e);
