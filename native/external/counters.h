// What the kernel counted at one of the two interfaces between which the user's command stands.
#pragma once

#include <stdint.h>

#include "lab/netlink.h"

struct mqoe_link_counters { // frames since the interface was made
    uint64_t received, sent;
    uint64_t lost; // by the interface itself: received but not taken, or given to it but not sent
    uint64_t own;  // of `sent`: group frames (MLD, ND) that this host's IPv6 made by itself
};

struct mqoe_link {
    char name[16];
    int index;
    int drops[32]; // positions of "rx_queue_N_drops" in the interface's own statistics
    int drop_count, statistic_count;
};

struct mqoe_links {
    struct netlink netlink;
    int socket; // for ioctl
    struct mqoe_link link[2];
};

// Finds both interfaces in the calling thread's namespace; `netns` is only for messages. Returns 0, or −errno
// with *e filled. mqoe_links_close is right in both cases, and on a zeroed structure with socket −1.
int mqoe_links_open(struct mqoe_links *l, const char *const names[2], const char *netns,
                    struct mqoe_error *e);
void mqoe_links_close(struct mqoe_links *l);

// Reads both. Returns 0, or −errno with *e filled: ENODEV when the command has removed one.
int mqoe_links_read(struct mqoe_links *l, struct mqoe_link_counters counters[2], struct mqoe_error *e);
