// The counters operation: what the XDP switches and the kernel counted on every link of a lab.
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lab/internal.h"

static json_t *link_counters(const struct rtnl_link_stats64 *s) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rx_packets", (json_int_t)s->rx_packets, "tx_packets",
                     (json_int_t)s->tx_packets, "rx_dropped", (json_int_t)s->rx_dropped, "tx_dropped",
                     (json_int_t)s->tx_dropped, "rx_errors", (json_int_t)s->rx_errors, "tx_errors",
                     (json_int_t)s->tx_errors);
}

static int read_link(const struct nlmsghdr *m, void *data) {
    json_t *links = data;
    const struct ifinfomsg *i = mnl_nlmsg_get_payload(m);
    const struct nlattr *a;
    const char *name = NULL;
    struct rtnl_link_stats64 stats = {0};
    if (i->ifi_flags & IFF_LOOPBACK)
        return MNL_CB_OK;
    mnl_attr_for_each(a, m, sizeof *i) {
        size_t bytes = mnl_attr_get_payload_len(a);
        if (mnl_attr_get_type(a) == IFLA_IFNAME)
            name = mnl_attr_get_str(a);
        else if (mnl_attr_get_type(a) == IFLA_STATS64)
            memcpy(&stats, mnl_attr_get_payload(a), bytes < sizeof stats ? bytes : sizeof stats);
    }
    if (name)
        json_object_set_new(links, name, link_counters(&stats));
    return MNL_CB_OK;
}

// ifname → counters of every link but lo of the current namespace.
static int dump_links(struct lab *lab, json_t *links) {
    struct netlink *nl = lab_netlink(lab);
    if (!nl)
        return -lab->error.errnum;
    struct nlmsghdr *m = netlink_begin(nl, RTM_GETLINK, NLM_F_DUMP, "all links");
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
    i->ifi_family = AF_UNSPEC;
    return netlink_ask(nl, m, read_link, links, &lab->error);
}

static int count_namespace(struct lab *lab, const char *netns, json_t *into) {
    json_t *links = json_object();
    int status = lab_enter(lab, netns);
    if (status == 0)
        status = dump_links(lab, links);
    const char *ifname;
    json_t *counters;
    json_object_foreach(links, ifname, counters) {
        char key[LAB_PATH + IFNAMSIZ + 1];
        if (status == 0)
            status = lab_add_xdp_counters(lab, ifname, counters);
        snprintf(key, sizeof key, "%s/%s", netns, ifname);
        json_object_set(into, key, counters);
    }
    json_decref(links);
    return status;
}

int lab_op_counters(struct lab *lab, json_t *op, json_t *result) {
    json_t *namespaces, *item, *links = json_object();
    size_t i;
    json_object_set_new(result, "links", links);
    int status = lab_strings(lab, op, "namespaces", &namespaces);
    if (status < 0 || (status = lab_xdp_counters(lab, result)) < 0)
        return status;
    json_array_foreach(namespaces, i, item) {
        if (strlen(json_string_value(item)) >= LAB_PATH)
            return lab_field_error(lab, "namespaces", "paths of at most 127 bytes");
        if ((status = count_namespace(lab, json_string_value(item), links)) < 0)
            return status;
    }
    return 0;
}
