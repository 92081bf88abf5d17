// The queues of the kernel dataplane: which qdiscs and classes stand on each interface.
//
// One circuit: what anybody would type. cake at the root with its bandwidth; anything else as leaf of HTB
// class 1:10 (`htb default 10`); without a rate at the root. Several circuits: an HTB root with a class and a
// leaf per client; a BPF filter chooses the class. A cake shapes itself, below a class that never limits:
// when its turn comes before the time of its next packet it returns nothing, which HTB takes as "not now",
// tries the next class, and is called again by cake's own timer. The others lose nothing by it.
// No circuit with a queue: no qdisc of ours.
#pragma once

#include "kernel/classify.h"

enum mqoe_tree_mode {
    MQOE_TREE_NONE,  // no queue of ours on this interface
    MQOE_TREE_ROOT,  // the only client's qdisc is the root
    MQOE_TREE_CLASS, // … or the leaf of its HTB class
    MQOE_TREE_MANY,  // HTB with a class per client
};

struct mqoe_tree {
    const struct mqoe_kernel_config *config;
    const struct mqoe_tc_device *devices; // by direction
    struct netlink *nl;
    struct mqoe_psched psched;
    enum mqoe_tree_mode mode[2]; // by direction
};

struct mqoe_tree_change {
    uint32_t client;
    enum mqoe_kernel_direction direction;
    struct mqoe_kernel_shaper shaper;
};

// What stands on the interface of `direction`.
enum mqoe_tree_mode mqoe_tree_mode(const struct mqoe_kernel_config *c, enum mqoe_kernel_direction direction);

// Directions (bit 1 = down, 2 = up) that have no queue of ours, so that somebody else must count there.
unsigned mqoe_tree_uncounted(const struct mqoe_kernel_config *c);

// Builds everything. The arguments must outlive the tree. Returns 0, or −errno with *e filled: EOPNOTSUPP
// with the name of what this kernel lacks, or of what HTB cannot account.
int mqoe_tree_build(struct mqoe_tree *t, const struct mqoe_kernel_config *c, struct netlink *nl,
                    const struct mqoe_tc_device devices[2], const struct mqoe_classify *classify,
                    struct mqoe_error *e);

// Can a change be applied with every queued packet kept? Returns 0; −EINVAL or −EOPNOTSUPP with *e filled.
int mqoe_tree_check(const struct mqoe_tree *t, const struct mqoe_tree_change *change, struct mqoe_error *e);
// Applies a change that was checked. Returns 0 or −errno with *e filled; then part of it may be applied, and
// applying the old values takes it back. The config still holds those: the caller updates it.
int mqoe_tree_apply(const struct mqoe_tree *t, const struct mqoe_tree_change *change, struct mqoe_error *e);
