// veth_add: a pair made directly across two namespaces, so that neither end ever shows up anywhere else.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/internal.h"

// The kernel's limits; the blueprint enforces the tighter one of a UMEM chunk (DESIGN §3), and XDP attach its
// own.
#define MTU_MIN 68
#define MTU_MAX 65535

struct end {
    const char *netns, *name;
    bool has_mac;
    uint8_t mac[ETH_ALEN];
};

static int read_end(struct lab *lab, json_t *op, const char *field, struct end *end) {
    json_t *object = json_object_get(op, field);
    if (!json_is_object(object))
        return lab_field_error(lab, field, "an object {netns, name, mac?}");
    int status;
    if ((status = lab_path(lab, object, "netns", &end->netns)) < 0 ||
        (status = lab_ifname(lab, object, "name", &end->name)) < 0)
        return status;
    end->has_mac = json_object_get(object, "mac") != NULL;
    return end->has_mac ? lab_mac(lab, object, "mac", end->mac) : 0;
}

static void put_end(struct nlmsghdr *m, const struct end *end, uint32_t mtu) {
    mnl_attr_put_strz(m, IFLA_IFNAME, end->name);
    mnl_attr_put_u32(m, IFLA_MTU, mtu);
    // One queue: XDP needs as many receive queues as the peer has transmit queues, and memory is per queue.
    mnl_attr_put_u32(m, IFLA_NUM_TX_QUEUES, 1);
    mnl_attr_put_u32(m, IFLA_NUM_RX_QUEUES, 1);
    if (end->has_mac)
        mnl_attr_put(m, IFLA_ADDRESS, ETH_ALEN, end->mac);
}

// In the namespace of `a`, with the peer's namespace open.
static void put_pair(struct netlink *nl, const struct end *a, const struct end *b, int b_netns,
                     uint32_t mtu) {
    struct nlmsghdr *m = netlink_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "veth %s", a->name);
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
    i->ifi_family = AF_UNSPEC;
    put_end(m, a, mtu);
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
    i = mnl_nlmsg_put_extra_header(m, sizeof *i);
    i->ifi_family = AF_UNSPEC;
    put_end(m, b, mtu);
    mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)b_netns);
    mnl_attr_nest_end(m, peer);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
    netlink_end(nl, m);
}

struct pair {
    int a, b;
};

static int read_pair(const struct nlmsghdr *m, void *data) {
    struct pair *pair = data;
    const struct ifinfomsg *i = mnl_nlmsg_get_payload(m);
    const struct nlattr *attribute;
    pair->a = i->ifi_index;
    mnl_attr_for_each(attribute, m, sizeof *i) {
        if (mnl_attr_get_type(attribute) == IFLA_LINK)
            pair->b = (int)mnl_attr_get_u32(attribute);
    }
    return MNL_CB_STOP;
}

// A veth names its peer's index as its link, so one question tells both.
static int ask_pair(struct netlink *nl, const char *name, struct pair *pair, struct mqoe_error *e) {
    struct nlmsghdr *m = netlink_begin(nl, RTM_GETLINK, 0, "veth %s", name);
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
    i->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(m, IFLA_IFNAME, name);
    mnl_attr_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return netlink_ask(nl, m, read_pair, pair, e);
}

// The kernel says "exists" without saying which end; the error is about the one whose name is taken.
static int name_taken_end(struct lab *lab, const struct end *a, const struct end *b) {
    struct mqoe_error first = lab->error;
    bool a_taken = lab_ifindex(lab, a->name) >= 0;
    lab->error = first;
    if (a_taken)
        return -EEXIST;
    return mqoe_fail(&lab->error, EEXIST, "RTM_NEWLINK", first.hint, "veth %s in %s", b->name,
                     lab_netns_name(b->netns));
}

static int add_pair(struct lab *lab, const struct end *a, const struct end *b, uint32_t mtu, json_t *result) {
    int status = lab_enter(lab, a->netns);
    struct netlink *nl = status < 0 ? NULL : lab_netlink(lab);
    if (!nl)
        return -lab->error.errnum;
    int b_netns = open(b->netns, O_RDONLY | O_CLOEXEC);
    if (b_netns < 0)
        return mqoe_fail(&lab->error, errno, "open", "", "namespace %s", b->netns);
    put_pair(nl, a, b, b_netns, mtu);
    status = netlink_flush(nl, &lab->error);
    close(b_netns);
    if (status == -EEXIST)
        return name_taken_end(lab, a, b);
    struct pair pair = {0};
    if (status < 0 || (status = ask_pair(nl, a->name, &pair, &lab->error)) < 0)
        return status;
    json_object_set_new(result, "a", json_integer(pair.a));
    json_object_set_new(result, "b", json_integer(pair.b));
    return 0;
}

int lab_op_veth_add(struct lab *lab, json_t *op, json_t *result) {
    struct end a, b;
    int64_t mtu;
    int status;
    if ((status = lab_number(lab, op, "mtu", MTU_MIN, MTU_MAX, &mtu)) < 0 ||
        (status = read_end(lab, op, "a", &a)) < 0 || (status = read_end(lab, op, "b", &b)) < 0)
        return status;
    return add_pair(lab, &a, &b, (uint32_t)mtu, result);
}
