// rtnetlink messages of traffic control, one function each. Like those of lab/link.h they only collect:
// netlink_flush sends.
#pragma once

#include "kernel/config.h"
#include "kernel/rate.h"
#include "lab/netlink.h"

struct mqoe_tc_device {
    int ifindex;
    const char *name;
};

#define MQOE_HTB_HANDLE TC_H_MAKE(1u << 16, 0)

// Class of a client, and the handle of its leaf qdisc.
static inline uint32_t mqoe_kernel_class(uint32_t client) {
    return TC_H_MAKE(1u << 16, MQOE_KERNEL_MINOR + client);
}
static inline uint32_t mqoe_kernel_leaf(uint32_t client) {
    return (MQOE_KERNEL_MINOR + client) << 16;
}

// Removes what is at `parent` (TC_H_ROOT, TC_H_CLSACT), with all below it, if there is something, and if it
// has that handle (0: any). Sends at once, refusals ignored: nothing may be pending.
void mqoe_qdisc_remove(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t parent,
                       uint32_t handle);

// The qdisc of `shaper`, which is not `none` or `tc`, at `parent` (TC_H_ROOT or a class). `create`: anything
// else that is there goes; otherwise the settings of the one that is there change, and its packets stay. A
// cake limits to the shaper's rate itself.
void mqoe_qdisc_set(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t parent, uint32_t handle,
                    const struct mqoe_kernel_shaper *shaper, bool create);

// HTB at the root; `default_minor` 0: what no filter gave a class passes unshaped.
void mqoe_qdisc_add_htb(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t default_minor);
void mqoe_class_set(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t classid,
                    const struct mqoe_htb_class *c, bool create);

// The hooks at both ends of an interface (clsact): qdisc-less, for filters at TC_H_MIN_INGRESS and _EGRESS.
void mqoe_qdisc_add_clsact(struct netlink *nl, const struct mqoe_tc_device *dev);

// A loaded BPF classifier in direct-action mode at `parent`; `classid` is the major number of the classes
// that it chooses, 0 for none.
void mqoe_filter_add_bpf(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t parent, int program,
                         const char *name, uint32_t classid);

// netlink_flush for messages of this file: "this kernel does not have it" becomes EOPNOTSUPP with the qdisc's
// name, which the harness takes as a reason to skip, not to fail. Asks the kernel (mqoe_tc_knows) when in
// doubt.
int mqoe_tc_flush(struct netlink *nl, struct mqoe_error *e);

// Does this kernel have a qdisc of `kind`? Tries to put one on `lo` of the socket's namespace and takes it
// away again: the answer does not hang on the wording of an error.
bool mqoe_tc_knows(struct netlink *nl, const char *kind);

// Says that this kernel has no qdisc `kind`; always −EOPNOTSUPP.
int mqoe_tc_unsupported(const char *kind, const char *device, struct mqoe_error *e);
