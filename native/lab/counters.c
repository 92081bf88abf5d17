// The counters operation: what the XDP switches and the kernel counted on every link of a lab.
#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lab/internal.h"

struct dump {
    json_t *links;   // ifname → counters
    json_t *indexes; // ifindex as text → the same counters
};

static json_t *link_counters(const struct rtnl_link_stats64 *s) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rx_packets", (json_int_t)s->rx_packets,
                     "tx_packets", (json_int_t)s->tx_packets, "rx_dropped", (json_int_t)s->rx_dropped,
                     "tx_dropped", (json_int_t)s->tx_dropped, "rx_errors", (json_int_t)s->rx_errors,
                     "tx_errors", (json_int_t)s->tx_errors, "qdisc_drops", (json_int_t)0);
}

static const char *index_key(char *text, size_t bytes, int ifindex) {
    snprintf(text, bytes, "%d", ifindex);
    return text;
}

static int read_link(const struct nlmsghdr *m, void *data) {
    struct dump *dump = data;
    const struct ifinfomsg *i = mnl_nlmsg_get_payload(m);
    const struct nlattr *a;
    const char *name = NULL;
    struct rtnl_link_stats64 stats = {0};
    char key[16];
    if (i->ifi_flags & IFF_LOOPBACK)
        return MNL_CB_OK;
    mnl_attr_for_each(a, m, sizeof *i) {
        size_t bytes = mnl_attr_get_payload_len(a);
        if (mnl_attr_get_type(a) == IFLA_IFNAME)
            name = mnl_attr_get_str(a);
        else if (mnl_attr_get_type(a) == IFLA_STATS64)
            memcpy(&stats, mnl_attr_get_payload(a), bytes < sizeof stats ? bytes : sizeof stats);
    }
    if (!name)
        return MNL_CB_OK;
    json_t *counters = link_counters(&stats);
    json_object_set(dump->indexes, index_key(key, sizeof key, i->ifi_index), counters);
    json_object_set_new(dump->links, name, counters);
    return MNL_CB_OK;
}

static uint32_t queue_drops(const struct nlattr *stats2) {
    const struct nlattr *a;
    struct gnet_stats_queue queue = {0};
    mnl_attr_for_each_nested(a, stats2) {
        size_t bytes = mnl_attr_get_payload_len(a);
        if (mnl_attr_get_type(a) == TCA_STATS_QUEUE)
            memcpy(&queue, mnl_attr_get_payload(a), bytes < sizeof queue ? bytes : sizeof queue);
    }
    return queue.drops;
}

// Root qdiscs only: a classful one counts its leaves' drops itself.
static int read_qdisc(const struct nlmsghdr *m, void *data) {
    struct dump *dump = data;
    const struct tcmsg *t = mnl_nlmsg_get_payload(m);
    const struct nlattr *a;
    char key[16];
    json_t *counters = json_object_get(dump->indexes, index_key(key, sizeof key, t->tcm_ifindex));
    if (t->tcm_parent != TC_H_ROOT || !counters)
        return MNL_CB_OK;
    mnl_attr_for_each(a, m, sizeof *t) {
        if (mnl_attr_get_type(a) == TCA_STATS2)
            json_object_set_new(counters, "qdisc_drops", json_integer(queue_drops(a)));
    }
    return MNL_CB_OK;
}

// ifname → counters of every link but lo of the current namespace.
static int dump_links(struct lab *lab, struct dump *dump) {
    struct netlink *nl = lab_netlink(lab);
    if (!nl)
        return -lab->error.errnum;
    struct nlmsghdr *m = netlink_begin(nl, RTM_GETLINK, NLM_F_DUMP, "all links");
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
    i->ifi_family = AF_UNSPEC;
    int status = netlink_ask(nl, m, read_link, dump, &lab->error);
    if (status < 0)
        return status;
    m = netlink_begin(nl, RTM_GETQDISC, NLM_F_DUMP, "all qdiscs");
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
    t->tcm_family = AF_UNSPEC;
    return netlink_ask(nl, m, read_qdisc, dump, &lab->error);
}

static int count_namespace(struct lab *lab, const char *netns, json_t *into) {
    json_t *links = json_object();
    struct dump dump = {links, json_object()};
    int status = lab_enter(lab, netns);
    if (status == 0)
        status = dump_links(lab, &dump);
    json_decref(dump.indexes);
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
