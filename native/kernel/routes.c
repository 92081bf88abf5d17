#include "kernel/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab/link.h"

// Next hops that nobody has: only their neighbour entries matter.
#define HOP4             "169.254.0.1"
#define HOP6             "fe80::1"

#define LOOPBACK         1    // lo is always the first interface of a namespace
#define IPV6_MINIMUM_MTU 1280 // RFC 8200 §5; below it Linux takes IPv6 off the interface

struct setting {
    const char *name, *value; // %s in the name: the interface
};

// Strict reverse-path checks would know nothing of asymmetric labs, redirects would be frames of our own.
static const struct setting settings4[] = {
    {"ipv4/ip_forward", "1"},
    {"ipv4/conf/all/rp_filter", "0"},
    {"ipv4/conf/all/send_redirects", "0"},
};
static const struct setting settings4_interface[] = {
    {"ipv4/conf/%s/rp_filter", "0"},
    {"ipv4/conf/%s/send_redirects", "0"},
    {"ipv4/conf/%s/forwarding", "1"},
};
static const struct setting settings6[] = {
    {"ipv6/conf/all/disable_ipv6", "0"},
    {"ipv6/conf/all/forwarding", "1"},
};
// No address of its own: no DAD, no solicitations. `disable_ipv6` last, it is what starts IPv6 there.
static const struct setting settings6_interface[] = {
    {"ipv6/conf/%s/addr_gen_mode", "1"},        {"ipv6/conf/%s/accept_ra", "0"},
    {"ipv6/conf/%s/accept_dad", "0"},           {"ipv6/conf/%s/dad_transmits", "0"},
    {"ipv6/conf/%s/router_solicitations", "0"}, {"ipv6/conf/%s/disable_ipv6", "0"},
    {"ipv6/conf/%s/forwarding", "1"},
};

static int write_setting(const struct setting *s, const char *interface, struct mqoe_error *e) {
    char name[96], path[128];
    const char *slot = strstr(s->name, "%s");
    snprintf(name, sizeof name, "net/%.*s%s%s", slot ? (int)(slot - s->name) : (int)strlen(s->name), s->name,
             slot ? interface : "", slot ? slot + 2 : "");
    snprintf(path, sizeof path, "/proc/sys/%s", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return mqoe_fail(e, errno, "open",
                         errno == ENOENT ? "this kernel has no such setting" : "needs root in the namespace",
                         "sysctl %s", name);
    ssize_t n = write(fd, s->value, strlen(s->value));
    int err = n < 0 ? mqoe_fail(e, errno, "write", "", "sysctl %s = %s", name, s->value) : 0;
    close(fd);
    return err;
}

static int write_settings(const struct setting *settings, size_t count, const char *interface,
                          struct mqoe_error *e) {
    int err = 0;
    for (size_t i = 0; i < count && !err; i++)
        err = write_setting(&settings[i], interface, e);
    return err;
}

#define WRITE(settings, interface, e)                                                                        \
    write_settings(settings, sizeof(settings) / sizeof *(settings), interface, e)

static bool has_family(const struct mqoe_kernel_config *c, uint8_t family) {
    for (uint32_t i = 0; i < c->client_prefix_count; i++)
        if (c->client_prefixes[i].family == family)
            return true;
    for (uint32_t i = 0; i < c->server_prefix_count; i++)
        if (c->server_prefixes[i].family == family)
            return true;
    return false;
}

static int set_up_stack(const struct mqoe_kernel_config *c, struct mqoe_error *e) {
    int err = WRITE(settings4, NULL, e);
    for (int i = 0; i < 2 && !err; i++)
        err = WRITE(settings4_interface, c->interface[i], e);
    if (err || !has_family(c, 6))
        return err;
    if (c->mtu < IPV6_MINIMUM_MTU)
        return mqoe_fail(e, EINVAL, "blueprint", "IPv6 needs an MTU of 1280", "$.link.mtu %u", c->mtu);
    for (int i = 0; i < 2 && !err; i++)
        err = WRITE(settings6_interface, c->interface[i], e);
    return err ? err : WRITE(settings6, NULL, e);
}

int mqoe_routes_find(const struct mqoe_kernel_config *c, struct mqoe_tc_device devices[2],
                     struct mqoe_error *e) {
    for (int i = 0; i < 2; i++) {
        devices[i] = (struct mqoe_tc_device){(int)if_nametoindex(c->interface[i]), c->interface[i]};
        if (!devices[i].ifindex)
            return mqoe_fail(e, errno, "if_nametoindex", "link.access and link.core name its two interfaces",
                             "%s in %s", c->interface[i], c->netns);
    }
    return 0;
}

static void add_route(struct netlink *nl, const struct mqoe_tc_device *dev, const struct mqoe_prefix *p) {
    char text[INET6_ADDRSTRLEN];
    uint8_t hop[16];
    int family = p->family == 6 ? AF_INET6 : AF_INET;
    size_t bytes = p->family == 6 ? 16 : 4;
    inet_pton(family, family == AF_INET ? HOP4 : HOP6, hop);
    inet_ntop(family, p->address.bytes, text, sizeof text);
    struct nlmsghdr *m = netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "route %s/%u dev %s",
                                       text, p->length, dev->name);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof *r);
    r->rtm_family = (uint8_t)family;
    r->rtm_dst_len = p->length;
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_protocol = RTPROT_STATIC;
    r->rtm_scope = RT_SCOPE_UNIVERSE;
    r->rtm_type = RTN_UNICAST;
    r->rtm_flags = RTNH_F_ONLINK;
    mnl_attr_put(m, RTA_DST, bytes, p->address.bytes);
    mnl_attr_put(m, RTA_GATEWAY, bytes, hop);
    mnl_attr_put_u32(m, RTA_OIF, (uint32_t)dev->ifindex);
    netlink_end(nl, m);
}

static void add_neighbours(const struct mqoe_kernel_config *c, struct netlink *nl,
                           const struct mqoe_tc_device *dev) {
    uint8_t hop[16];
    link_set(
        nl,
        &(struct link_change){
            .ifindex = dev->ifindex, .ifname = dev->name, .flags = IFF_UP, .mask = IFF_UP, .program = -1});
    inet_pton(AF_INET, HOP4, hop);
    link_add_neighbour(nl, dev->ifindex, dev->name, AF_INET, HOP4, hop, c->mac);
    if (!has_family(c, 6))
        return;
    inet_pton(AF_INET6, HOP6, hop);
    link_add_neighbour(nl, dev->ifindex, dev->name, AF_INET6, HOP6, hop, c->mac);
}

int mqoe_routes_set(const struct mqoe_kernel_config *c, struct netlink *nl,
                    const struct mqoe_tc_device devices[2], struct mqoe_error *e) {
    int err = set_up_stack(c, e);
    if (err)
        return err;
    // Without an address of its own, a namespace has no table to look a next hop up in; lo's is enough.
    link_set(nl, &(struct link_change){
                     .ifindex = LOOPBACK, .ifname = "lo", .flags = IFF_UP, .mask = IFF_UP, .program = -1});
    for (int i = 0; i < 2; i++)
        add_neighbours(c, nl, &devices[i]);
    if ((err = netlink_flush(nl, e)))
        return err; // routes through a link that is down would all fail
    for (uint32_t i = 0; i < c->client_prefix_count; i++)
        add_route(nl, &devices[MQOE_KERNEL_DOWN], &c->client_prefixes[i]);
    for (uint32_t i = 0; i < c->server_prefix_count; i++)
        add_route(nl, &devices[MQOE_KERNEL_UP], &c->server_prefixes[i]);
    return netlink_flush(nl, e);
}
