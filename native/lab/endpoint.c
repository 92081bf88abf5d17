// The operations that bring interfaces into service: endpoint, port, trunk, trunk_peer.
#include <linux/if.h>
#include <string.h>
#include <sys/socket.h>

#include "lab/internal.h"
#include "lab/link.h"

#define LOOPBACK 1 // lo is always the first interface of a namespace

// No neighbour is ever looked for on an endpoint (DESIGN §3, layer 2): without ARP the kernel sends no ARP,
// no ND, and joins no solicited-node groups, which saves one MLD report per address.
#define ENDPOINT_FLAGS (IFF_UP | IFF_NOARP)

// Measured with 4 TCP flows at 2 Gbit/s: 11,606 frames lost in the veth's ring and as many retransmits that
// no bottleneck caused; with this FIFO none. It holds frames only while the machine is behind. Not
// pfifo_fast: that would reorder by DSCP before the product sees the traffic.
#define ENDPOINT_QUEUE 1000
#define TRUNK_QUEUE    1000

// TCP builds skbs of several segments whatever the device can do, the stack cuts them up behind it, and "off"
// for GSO changes nothing of that. Whole skbs are then deferred, acknowledged and timed: measured with 16
// cubic flows at 20 Mbit/s through cake, 11 % fewer losses and 1.1 ms more smoothed RTT than one segment
// each.
#define ENDPOINT_GSO_SEGS 1

struct endpoint {
    const char *netns, *ifname;
    uint8_t mac[ETH_ALEN];
    int64_t mtu, window; // window: TCP's initial one in packets, 0 = the kernel's own
    json_t *ipv4, *ipv6, *sysctl;
};

static int read_endpoint(struct lab *lab, json_t *op, struct endpoint *e) {
    int status;
    e->sysctl = json_object_get(op, "sysctl");
    e->window = 0;
    if (json_object_get(op, "initcwnd") &&
        (status = lab_number(lab, op, "initcwnd", 1, 1000, &e->window)) < 0)
        return status;
    if ((status = lab_path(lab, op, "netns", &e->netns)) < 0 ||
        (status = lab_ifname(lab, op, "ifname", &e->ifname)) < 0 ||
        (status = lab_mac(lab, op, "mac", e->mac)) < 0 ||
        (status = lab_number(lab, op, "mtu", 68, 65535, &e->mtu)) < 0 ||
        (status = lab_strings(lab, op, "ipv4", &e->ipv4)) < 0 ||
        (status = lab_strings(lab, op, "ipv6", &e->ipv6)) < 0)
        return status;
    return e->sysctl && !json_is_object(e->sysctl) ? lab_field_error(lab, "sysctl", "an object of strings")
                                                   : 0;
}

static int add_addresses(struct lab *lab, struct netlink *nl, int ifindex, const struct endpoint *e,
                         int family) {
    json_t *list = family == AF_INET ? e->ipv4 : e->ipv6;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        uint8_t address[16];
        const char *text = json_string_value(item);
        if (!lab_parse_address(text, family, address))
            return family == AF_INET
                       ? lab_field_error(lab, "ipv4", "IPv4 addresses such as \"10.0.0.1\", without a length")
                       : lab_field_error(lab, "ipv6", "IPv6 addresses such as \"fd00::1\", without a length");
        link_add_address(nl, ifindex, e->ifname, family, text, address);
    }
    return 0;
}

// The gateway of one family, when there is one: a neighbour, and the default route if the endpoint has an
// address that could use it.
static int add_gateway(struct lab *lab, json_t *op, struct netlink *nl, int ifindex, const struct endpoint *e,
                       int family) {
    const char *field = family == AF_INET ? "gateway4" : "gateway6", *text;
    json_t *addresses = family == AF_INET ? e->ipv4 : e->ipv6;
    if (!json_object_get(op, field) || json_array_size(addresses) == 0)
        return 0;
    uint8_t address[16];
    int status = lab_string(lab, op, field, &text);
    if (status < 0)
        return status;
    if (!lab_parse_address(text, family, address))
        return lab_field_error(lab, field, family == AF_INET ? "an IPv4 address" : "an IPv6 address");
    link_add_neighbour(nl, ifindex, e->ifname, family, text, address, e->mac);
    link_add_default_route(nl, ifindex, e->ifname, family, text, address, (uint32_t)e->window);
    return 0;
}

// Everything one endpoint needs from rtnetlink, in one send. XDP is attached before link-up, while that is
// cheap.
static int configure_endpoint(struct lab *lab, json_t *op, const struct endpoint *e, int ifindex, int stub) {
    struct netlink *nl = lab_netlink(lab);
    if (!nl)
        return -lab->error.errnum;
    link_set(nl, &(struct link_change){
                     .ifindex = LOOPBACK, .ifname = "lo", .flags = IFF_UP, .mask = IFF_UP, .program = -1});
    link_set(nl, &(struct link_change){.ifindex = ifindex,
                                       .ifname = e->ifname,
                                       .mac = e->mac,
                                       .mtu = (uint32_t)e->mtu,
                                       .gso_segs = ENDPOINT_GSO_SEGS,
                                       .program = stub,
                                       .no_autoconf =
                                           e->mtu >= IPV6_MINIMUM_MTU && lab_can_have_ipv6(lab, e->ifname)});
    link_set(nl, &(struct link_change){.ifindex = ifindex,
                                       .ifname = e->ifname,
                                       .flags = ENDPOINT_FLAGS,
                                       .mask = ENDPOINT_FLAGS,
                                       .program = -1});
    link_add_fifo(nl, ifindex, e->ifname, ENDPOINT_QUEUE);
    int status;
    if ((status = add_addresses(lab, nl, ifindex, e, AF_INET)) < 0 ||
        (status = add_addresses(lab, nl, ifindex, e, AF_INET6)) < 0 ||
        (status = add_gateway(lab, op, nl, ifindex, e, AF_INET)) < 0 ||
        (status = add_gateway(lab, op, nl, ifindex, e, AF_INET6)) < 0) {
        netlink_discard(nl);
        return status;
    }
    return netlink_flush(nl, &lab->error);
}

int lab_op_endpoint(struct lab *lab, json_t *op, json_t *result) {
    struct endpoint e;
    int status = read_endpoint(lab, op, &e);
    if (status < 0 || (status = lab_enter(lab, e.netns)) < 0 ||
        (status = lab_write_sysctls(lab, e.sysctl)) < 0)
        return status;
    int ifindex = lab_ifindex(lab, e.ifname);
    int stub = lab_xdp_program(lab, LAB_ACCESS, LAB_STUB);
    if (ifindex < 0 || stub < 0)
        return -lab->error.errnum;
    if ((status = configure_endpoint(lab, op, &e, ifindex, stub)) < 0 ||
        (status = lab_offloads_off(lab, e.ifname)) < 0)
        return status;
    json_object_set_new(result, "ifindex", json_integer(ifindex));
    return 0;
}

// Sockets that a program left behind go on without it: what they hold is sent, and sent again.
int lab_op_silence(struct lab *lab, json_t *op, json_t *result) {
    (void)result;
    const char *netns;
    json_t *families, *item;
    size_t i;
    int status;
    if ((status = lab_path(lab, op, "netns", &netns)) < 0 ||
        (status = lab_strings(lab, op, "families", &families)) < 0 || (status = lab_enter(lab, netns)) < 0)
        return status;
    struct netlink *nl = lab_netlink(lab);
    if (!nl)
        return -lab->error.errnum;
    json_array_foreach(families, i, item) {
        bool six = !strcmp(json_string_value(item), "ipv6");
        link_silence(nl, six ? AF_INET6 : AF_INET);
    }
    return netlink_flush(nl, &lab->error);
}

// ---- inner interfaces ----

struct inner {
    enum lab_side side;
    const char *netns, *ifname;
    int ifindex;
};

// Enters the interface's namespace and finds it.
static int find_inner(struct lab *lab, json_t *op, struct inner *inner) {
    int status;
    if ((status = lab_path(lab, op, "netns", &inner->netns)) < 0 ||
        (status = lab_ifname(lab, op, "ifname", &inner->ifname)) < 0 ||
        (status = lab_enter(lab, inner->netns)) < 0)
        return status;
    inner->ifindex = lab_ifindex(lab, inner->ifname);
    return inner->ifindex < 0 ? inner->ifindex : 0;
}

// Attaches `program` (−1 = none), brings the link up and switches the offloads off, in this order: each of
// the first two would switch GRO on again. `off`: flags to clear; `queue` > 0: packets of a FIFO on it.
static int bring_up(struct lab *lab, const struct inner *inner, int program, const uint8_t *mac, uint32_t off,
                    uint32_t queue) {
    struct netlink *nl = lab_netlink(lab);
    if (!nl)
        return -lab->error.errnum;
    link_set(nl, &(struct link_change){.ifindex = inner->ifindex,
                                       .ifname = inner->ifname,
                                       .mac = mac,
                                       .program = program,
                                       .no_autoconf = lab_can_have_ipv6(lab, inner->ifname)});
    link_set(nl, &(struct link_change){.ifindex = inner->ifindex,
                                       .ifname = inner->ifname,
                                       .flags = IFF_UP,
                                       .mask = IFF_UP | off,
                                       .program = -1});
    if (queue)
        link_add_fifo(nl, inner->ifindex, inner->ifname, queue);
    int status = netlink_flush(nl, &lab->error);
    return status < 0 ? status : lab_offloads_off(lab, inner->ifname);
}

// The fields that port and trunk share; nothing is entered before all fields of an operation are good.
static int read_side(struct lab *lab, json_t *op, struct inner *inner, int64_t *shard) {
    int status = lab_side(lab, op, &inner->side);
    return status < 0 ? status : lab_number(lab, op, "shard", 0, LAB_SHARDS - 1, shard);
}

int lab_op_port(struct lab *lab, json_t *op, json_t *result) {
    struct inner inner;
    int64_t shard;
    json_t *ipv4, *ipv6;
    int status;
    if ((status = read_side(lab, op, &inner, &shard)) < 0 ||
        (status = lab_strings(lab, op, "ipv4", &ipv4)) < 0 ||
        (status = lab_strings(lab, op, "ipv6", &ipv6)) < 0 || (status = find_inner(lab, op, &inner)) < 0)
        return status;
    int program = lab_xdp_program(lab, inner.side, LAB_PORT);
    if (program < 0 || (status = bring_up(lab, &inner, program, NULL, 0, 0)) < 0)
        return -lab->error.errnum;
    int slot = lab_xdp_add_port(lab, inner.side, inner.ifindex, (uint32_t)shard);
    if (slot < 0 || (status = lab_xdp_add_prefixes(lab, inner.side, ipv4, ipv6, (uint32_t)slot)) < 0)
        return -lab->error.errnum;
    json_object_set_new(result, "ifindex", json_integer(inner.ifindex));
    json_object_set_new(result, "slot", json_integer(slot));
    return 0;
}

int lab_op_trunk(struct lab *lab, json_t *op, json_t *result) {
    struct inner inner;
    int64_t shard;
    int status;
    if ((status = read_side(lab, op, &inner, &shard)) < 0 || (status = find_inner(lab, op, &inner)) < 0)
        return status;
    int program = lab_xdp_program(lab, inner.side, LAB_TRUNK);
    if (program < 0 || (status = bring_up(lab, &inner, program, NULL, 0, 0)) < 0)
        return -lab->error.errnum;
    json_object_set_new(result, "ifindex", json_integer(inner.ifindex));
    return lab_xdp_set_trunk(lab, inner.side, (uint32_t)shard, inner.ifindex);
}

// A trunk's other end. An AF_XDP dataplane attaches its own program; `stub` attaches one that only passes,
// which the redirect into the trunk needs when the kernel itself forwards.
int lab_op_trunk_peer(struct lab *lab, json_t *op, json_t *result) {
    struct inner inner;
    uint8_t mac[ETH_ALEN];
    bool stub = json_is_true(json_object_get(op, "stub"));
    int status, program = -1;
    if ((status = lab_mac(lab, op, "mac", mac)) < 0 || (status = find_inner(lab, op, &inner)) < 0)
        return status;
    if (stub && (program = lab_xdp_program(lab, LAB_ACCESS, LAB_PASS)) < 0)
        return program;
    json_object_set_new(result, "ifindex", json_integer(inner.ifindex));
    // A kernel that forwards IPv6 joins the group of all routers on every link that knows multicast, and
    // reports it: frames that nobody in the lab sent.
    uint32_t off = stub ? IFF_MULTICAST : 0;
    // AF_XDP never queues there, but a link that has a queue answers "busy" when the peer's ring is full, and
    // the dataplane tries again; one without drops the frame.
    return bring_up(lab, &inner, program, mac, off, TRUNK_QUEUE);
}
