#include "lab/link.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <string.h>
#include <sys/socket.h>

static size_t address_bytes(int family) {
    return family == AF_INET ? 4 : 16;
}

static void put_xdp(struct nlmsghdr *m, int program) {
    struct nlattr *xdp = mnl_attr_nest_start(m, IFLA_XDP);
    mnl_attr_put_u32(m, IFLA_XDP_FD, (uint32_t)program);
    // Native mode or an error: generic XDP would run after GRO and on unfinished checksums.
    mnl_attr_put_u32(m, IFLA_XDP_FLAGS, XDP_FLAGS_DRV_MODE);
    mnl_attr_nest_end(m, xdp);
}

static void put_no_autoconf(struct nlmsghdr *m) {
    struct nlattr *families = mnl_attr_nest_start(m, IFLA_AF_SPEC);
    struct nlattr *inet6 = mnl_attr_nest_start(m, AF_INET6);
    mnl_attr_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(m, inet6);
    mnl_attr_nest_end(m, families);
}

void link_set(struct netlink *nl, const struct link_change *change) {
    struct nlmsghdr *m = netlink_begin(nl, RTM_SETLINK, 0, "%s", change->ifname);
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
    i->ifi_family = AF_UNSPEC;
    i->ifi_index = change->ifindex;
    i->ifi_flags = change->flags;
    i->ifi_change = change->mask;
    if (change->mac)
        mnl_attr_put(m, IFLA_ADDRESS, ETH_ALEN, change->mac);
    if (change->mtu)
        mnl_attr_put_u32(m, IFLA_MTU, change->mtu);
    if (change->gso_segs)
        mnl_attr_put_u32(m, IFLA_GSO_MAX_SEGS, change->gso_segs);
    if (change->no_autoconf)
        put_no_autoconf(m);
    if (change->program >= 0)
        put_xdp(m, change->program);
    netlink_end(nl, m);
}

void link_add_address(struct netlink *nl, int ifindex, const char *ifname, int family, const char *text,
                      const uint8_t *address) {
    struct nlmsghdr *m = netlink_begin(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "%s on %s", text, ifname);
    struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(m, sizeof *a);
    size_t bytes = address_bytes(family);
    a->ifa_family = (uint8_t)family;
    a->ifa_prefixlen = (uint8_t)(bytes * 8);
    a->ifa_index = (uint32_t)ifindex;
    mnl_attr_put(m, IFA_LOCAL, bytes, address);
    mnl_attr_put(m, IFA_ADDRESS, bytes, address);
    if (family == AF_INET6)
        mnl_attr_put_u32(m, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
    netlink_end(nl, m);
}

void link_add_neighbour(struct netlink *nl, int ifindex, const char *ifname, int family, const char *text,
                        const uint8_t *address, const uint8_t mac[ETH_ALEN]) {
    struct nlmsghdr *m =
        netlink_begin(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, "%s on %s", text, ifname);
    struct ndmsg *n = mnl_nlmsg_put_extra_header(m, sizeof *n);
    n->ndm_family = (uint8_t)family;
    n->ndm_ifindex = ifindex;
    n->ndm_state = NUD_PERMANENT;
    mnl_attr_put(m, NDA_DST, address_bytes(family), address);
    mnl_attr_put(m, NDA_LLADDR, ETH_ALEN, mac);
    netlink_end(nl, m);
}

void link_add_default_route(struct netlink *nl, int ifindex, const char *ifname, int family, const char *text,
                            const uint8_t *gateway, uint32_t window) {
    struct nlmsghdr *m =
        netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "default via %s on %s", text, ifname);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof *r);
    r->rtm_family = (uint8_t)family;
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_protocol = RTPROT_STATIC;
    r->rtm_scope = RT_SCOPE_UNIVERSE;
    r->rtm_type = RTN_UNICAST;
    r->rtm_flags = RTNH_F_ONLINK;
    mnl_attr_put(m, RTA_GATEWAY, address_bytes(family), gateway);
    mnl_attr_put_u32(m, RTA_OIF, (uint32_t)ifindex);
    if (window) {
        struct nlattr *metrics = mnl_attr_nest_start(m, RTA_METRICS);
        mnl_attr_put_u32(m, RTAX_INITCWND, window);
        mnl_attr_nest_end(m, metrics);
    }
    netlink_end(nl, m);
}

void link_silence(struct netlink *nl, int family) {
    struct nlmsghdr *m = netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "blackhole default");
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof *r);
    r->rtm_family = (uint8_t)family;
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_protocol = RTPROT_STATIC;
    r->rtm_scope = RT_SCOPE_UNIVERSE;
    r->rtm_type = RTN_BLACKHOLE;
    netlink_end(nl, m);
}

void link_add_fifo(struct netlink *nl, int ifindex, const char *ifname, uint32_t packets) {
    struct nlmsghdr *m = netlink_begin(nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, "pfifo on %s", ifname);
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
    t->tcm_family = AF_UNSPEC;
    t->tcm_ifindex = ifindex;
    t->tcm_parent = TC_H_ROOT;
    const struct tc_fifo_qopt options = {.limit = packets};
    mnl_attr_put_strz(m, TCA_KIND, "pfifo");
    mnl_attr_put(m, TCA_OPTIONS, sizeof options, &options);
    netlink_end(nl, m);
}
