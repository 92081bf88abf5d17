// Any qdisc that the user names, by running tc.
#pragma once

#include "lab/netlink.h"

// Runs `tc qdisc replace dev DEVICE WHERE… handle HANDLE ARGS`, ARGS split at white space and never seen by a
// shell; `parent` NULL = root. Returns 0, or −errno with what tc said in *e: EOPNOTSUPP when the kernel does
// not have the qdisc (asked through `nl`, a socket of the same namespace with nothing pending), ENOENT
// without tc, EINVAL otherwise.
int mqoe_tc_run(struct netlink *nl, const char *device, const char *parent, const char *handle,
                const char *args, struct mqoe_error *e);
