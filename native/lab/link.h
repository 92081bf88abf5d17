// rtnetlink messages of a lab, one function each. They only collect: netlink_flush sends. `object` of an
// error is made from `ifname`.
#pragma once

#include <net/ethernet.h>
#include <stdint.h>

#include "lab/netlink.h"

struct link_change {
    int ifindex;
    const char *ifname;
    const uint8_t *mac;   // NULL = as it is
    uint32_t mtu;         // 0 = as it is
    uint32_t gso_segs;    // most segments of an skb that TCP builds for it; 0 = as it is
    uint32_t flags, mask; // IFF_… to set, of those in mask
    int program;          // XDP program to attach in native mode; −1 = none
    bool no_autoconf;     // addr_gen_mode none
};

void link_set(struct netlink *nl, const struct link_change *change);

// `text` is an address of `family`; it becomes a /32 or /128 without DAD and without a route.
void link_add_address(struct netlink *nl, int ifindex, const char *ifname, int family, const char *text,
                      const uint8_t *address);

// A permanent neighbour, and the default route through it (on-link: no prefix covers the gateway).
void link_add_neighbour(struct netlink *nl, int ifindex, const char *ifname, int family, const char *text,
                        const uint8_t *address, const uint8_t mac[ETH_ALEN]);
// What a route says to TCP: `window` is its initial congestion window in packets, 0 = the kernel's own.
void link_add_default_route(struct netlink *nl, int ifindex, const char *ifname, int family, const char *text,
                            const uint8_t *gateway, uint32_t window);

// Instead of the default route, whatever there is: nothing leaves by it any more, what open sockets would
// send included.
void link_silence(struct netlink *nl, int family);

// A FIFO of `packets` as the root qdisc. Only with one does a veth push back when its peer's ring of 256 is
// full (Linux 6.16 and newer); without, it drops.
void link_add_fifo(struct netlink *nl, int ifindex, const char *ifname, uint32_t packets);
