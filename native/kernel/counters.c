#include "kernel/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/tins.h"
#include "kernel/xstats.h"

#define SNMP_BYTES 16384 // /proc/net/snmp6 has about 5 KiB

// ---- qdiscs ----

// Index of the queue that a qdisc is, or −1: where it hangs says whose it is.
static int64_t queue_of(const struct mqoe_kernel_reader *r, int direction, uint32_t parent) {
    switch (r->tree->mode[direction]) {
    case MQOE_TREE_ROOT:
        return parent == TC_H_ROOT ? direction : -1;
    case MQOE_TREE_CLASS:
    case MQOE_TREE_MANY: {
        uint32_t client = TC_H_MIN(parent) - MQOE_KERNEL_MINOR;
        bool ours = TC_H_MAJ(parent) == MQOE_HTB_HANDLE && TC_H_MIN(parent) >= MQOE_KERNEL_MINOR &&
                    client < r->tree->config->client_count;
        return ours ? (int64_t)client * 2 + direction : -1;
    }
    default:
        return -1;
    }
}

static void describe(struct mqoe_kernel_reader *r, int64_t queue, const char *kind,
                     const struct nlattr *stats2) {
    const struct mqoe_kernel_client *client = &r->tree->config->clients[queue / 2];
    json_t *o = json_pack("{s:s, s:s, s:s}", "client", client->name, "direction", queue % 2 ? "up" : "down",
                          "kind", kind);
    mqoe_xstats_describe(kind, stats2, o);
    json_array_append_new(r->details, o);
}

static void read_root(struct mqoe_kernel_reader *r, int direction, const char *kind,
                      const struct nlattr *stats2) {
    struct mqoe_queue_count root;
    mqoe_xstats_read(kind, stats2, &root);
    r->now.held += root.backlog_packets; // of the whole tree, and what waits to be sent again
    if (r->tree->mode[direction] == MQOE_TREE_NONE)
        r->now.foreign_drops += root.aqm + root.overflow;
}

static void tell_tins(struct mqoe_kernel_reader *r, uint32_t queue, const char *kind,
                      const struct nlattr *stats2, const struct nlattr *options) {
    const struct mqoe_kernel_shaper *shaper = &r->tree->config->clients[queue / 2].shaper[queue % 2];
    struct mqoe_qdisc_tins tins;
    mqoe_tins_read(kind, stats2, options, shaper->rate, &tins);
    r->tins(r->tins_context, queue, &tins);
}

static int read_qdisc(const struct nlmsghdr *m, void *data) {
    struct mqoe_kernel_reader *r = data;
    const struct tcmsg *t = mnl_nlmsg_get_payload(m);
    const struct nlattr *a, *stats2 = NULL, *options = NULL;
    const char *kind = "";
    int direction = 0;
    while (direction < 2 && t->tcm_ifindex != r->tree->devices[direction].ifindex)
        direction++;
    if (direction == 2)
        return MNL_CB_OK;
    mnl_attr_for_each(a, m, sizeof *t) {
        if (mnl_attr_get_type(a) == TCA_KIND)
            kind = mnl_attr_get_str(a);
        else if (mnl_attr_get_type(a) == TCA_STATS2)
            stats2 = a;
        else if (mnl_attr_get_type(a) == TCA_OPTIONS)
            options = a;
    }
    if (!stats2)
        return MNL_CB_OK;
    if (t->tcm_parent == TC_H_ROOT)
        read_root(r, direction, kind, stats2);
    int64_t queue = queue_of(r, direction, t->tcm_parent);
    if (queue < 0)
        return MNL_CB_OK;
    mqoe_xstats_read(kind, stats2, &r->now.queues[queue]);
    if (r->details)
        describe(r, queue, kind, stats2);
    if (r->tins)
        tell_tins(r, (uint32_t)queue, kind, stats2, options);
    return MNL_CB_OK;
}

static int read_qdiscs(struct mqoe_kernel_reader *r, struct mqoe_error *e) {
    r->now.held = 0;
    r->now.foreign_drops = 0;
    struct nlmsghdr *m = netlink_begin(r->tree->nl, RTM_GETQDISC, NLM_F_DUMP, "all qdiscs");
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
    t->tcm_family = AF_UNSPEC;
    return netlink_ask(r->tree->nl, m, read_qdisc, r, e);
}

// ---- links ----

static int read_link(const struct nlmsghdr *m, void *data) {
    struct mqoe_link_count *to = data;
    const struct nlattr *a;
    struct rtnl_link_stats64 s = {0};
    mnl_attr_for_each(a, m, sizeof(struct ifinfomsg)) {
        size_t bytes = mnl_attr_get_payload_len(a);
        if (mnl_attr_get_type(a) == IFLA_STATS64)
            memcpy(&s, mnl_attr_get_payload(a), bytes < sizeof s ? bytes : sizeof s);
    }
    *to = (struct mqoe_link_count){s.rx_packets, s.tx_packets, s.rx_dropped, s.tx_dropped};
    return MNL_CB_STOP; // one answer
}

static int read_links(struct mqoe_kernel_reader *r, struct mqoe_error *e) {
    int err = 0;
    for (int d = 0; d < 2 && !err; d++) {
        const struct mqoe_tc_device *dev = &r->tree->devices[d];
        struct nlmsghdr *m = netlink_begin(r->tree->nl, RTM_GETLINK, 0, "%s", dev->name);
        struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
        i->ifi_family = AF_UNSPEC;
        i->ifi_index = dev->ifindex;
        err = netlink_ask(r->tree->nl, m, read_link, &r->now.link[d], e);
    }
    return err;
}

// ---- the IP stacks ----

// Sums the named counters of /proc/net/snmp: a line of names and one of values for each protocol.
static uint64_t sum_snmp(const char *text, const char *const names[]) {
    const char *values = strchr(text, '\n');
    const char *end = values ? strchr(values + 1, '\n') : NULL;
    uint64_t sum = 0;
    if (!end || strncmp(text, "Ip: ", 4) || strncmp(values, "\nIp: ", 5))
        return 0;
    const char *name = text + 4, *value = values + 5;
    while (name < values && value < end) {
        size_t length = strcspn(name, " \n");
        for (size_t i = 0; names[i]; i++)
            if (strlen(names[i]) == length && !strncmp(names[i], name, length))
                sum += strtoull(value, NULL, 10);
        name += length + 1;
        value += strcspn(value, " \n") + 1;
    }
    return sum;
}

// The same of /proc/net/snmp6: a name and a value a line.
static uint64_t sum_snmp6(const char *text, const char *const names[]) {
    uint64_t sum = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t length = strcspn(line, " \t\n");
        for (size_t i = 0; names[i]; i++)
            if (strlen(names[i]) == length && !strncmp(names[i], line, length))
                sum += strtoull(line + length, NULL, 10);
    }
    return sum;
}

static int read_text(int fd, char *text, size_t size, struct mqoe_error *e) {
    size_t used = 0;
    for (ssize_t n = 1; n > 0 && used < size - 1; used += (size_t)n)
        if ((n = pread(fd, text + used, size - 1 - used, (off_t)used)) < 0)
            return mqoe_fail(e, errno, "read", "", "/proc/net/snmp");
    text[used] = '\0';
    return 0;
}

static int read_stacks(struct mqoe_kernel_reader *r, struct mqoe_error *e) {
    static const char *const in4[] = {"InHdrErrors", "InAddrErrors", "InUnknownProtos", "InDiscards", NULL};
    static const char *const out4[] = {"OutDiscards", "OutNoRoutes", "FragFails", NULL};
    static const char *const in6[] = {
        "Ip6InHdrErrors", "Ip6InTooBigErrors",  "Ip6InNoRoutes",      "Ip6InAddrErrors",
        "Ip6InDiscards",  "Ip6InTruncatedPkts", "Ip6InUnknownProtos", NULL};
    static const char *const out6[] = {"Ip6OutDiscards", "Ip6OutNoRoutes", "Ip6FragFails", NULL};
    char text[SNMP_BYTES];
    int err = read_text(r->snmp, text, sizeof text, e);
    if (err)
        return err;
    r->now.ip_in = sum_snmp(text, in4);
    r->now.ip_out = sum_snmp(text, out4);
    if (r->snmp6 < 0)
        return 0;
    if ((err = read_text(r->snmp6, text, sizeof text, e)))
        return err;
    r->now.ip_in += sum_snmp6(text, in6);
    r->now.ip_out += sum_snmp6(text, out6);
    return 0;
}

// ---- everything ----

static int read_classifier(struct mqoe_kernel_reader *r, struct mqoe_error *e) {
    uint64_t counts[GUARD_COUNTERS];
    unsigned uncounted = mqoe_tree_uncounted(r->tree->config);
    int err = mqoe_classify_counters(r->classify, counts, e);
    if (err)
        return err;
    r->now.unclassified = counts[GUARD_UNCLASSIFIED];
    r->now.own = counts[GUARD_OWN];
    for (uint32_t i = 0; i < r->now.queue_count && !err; i++) {
        struct guard_passed passed;
        if (!(uncounted & (1u << i % 2)))
            continue;
        err = mqoe_classify_passed(r->classify, i / 2, i % 2, &passed, e);
        r->now.queues[i] =
            (struct mqoe_queue_count){.out_packets = passed.packets, .out_bytes = passed.bytes};
    }
    return err;
}

int mqoe_kernel_read(struct mqoe_kernel_reader *r, struct mqoe_error *e) {
    int err = read_links(r, e);
    err = err ? err : read_qdiscs(r, e);
    err = err ? err : read_stacks(r, e);
    return err ? err : read_classifier(r, e);
}

int mqoe_kernel_read_tins(struct mqoe_kernel_reader *r, mqoe_tins_sink sink, void *context,
                          struct mqoe_error *e) {
    r->tins = sink;
    r->tins_context = context;
    int err = mqoe_kernel_read(r, e);
    r->tins = NULL;
    return err;
}

json_t *mqoe_kernel_read_details(struct mqoe_kernel_reader *r, struct mqoe_error *e) {
    json_t *details = r->details = json_array();
    int err = mqoe_kernel_read(r, e);
    r->details = NULL;
    if (!err)
        return details;
    json_decref(details);
    return NULL;
}

int mqoe_kernel_reader_open(struct mqoe_kernel_reader *r, const struct mqoe_tree *tree,
                            const struct mqoe_classify *classify, struct mqoe_error *e) {
    *r = (struct mqoe_kernel_reader){.tree = tree, .classify = classify, .snmp = -1, .snmp6 = -1};
    r->now.queue_count = tree->config->client_count * 2;
    r->now.queues = calloc(r->now.queue_count ? r->now.queue_count : 1, sizeof *r->now.queues);
    if (!r->now.queues)
        return mqoe_fail(e, ENOMEM, "calloc", "", "counters of %u queues", r->now.queue_count);
    r->snmp = open("/proc/self/net/snmp", O_RDONLY | O_CLOEXEC);
    if (r->snmp < 0)
        return mqoe_fail(e, errno, "open", "is /proc mounted?", "/proc/self/net/snmp");
    r->snmp6 = open("/proc/self/net/snmp6", O_RDONLY | O_CLOEXEC);
    int err = mqoe_kernel_read(r, e);
    r->start = r->now;
    r->start.queues = NULL; // qdiscs are new: they begin at 0
    return err;
}

void mqoe_kernel_reader_close(struct mqoe_kernel_reader *r) {
    if (r->snmp >= 0)
        close(r->snmp);
    if (r->snmp6 >= 0)
        close(r->snmp6);
    free(r->now.queues);
    *r = (struct mqoe_kernel_reader){.snmp = -1, .snmp6 = -1};
}

struct mqoe_kernel_accounting mqoe_kernel_account(const struct mqoe_kernel_reader *r) {
    const struct mqoe_kernel_counters *n = &r->now, *s = &r->start;
    struct mqoe_kernel_accounting a = {.held = n->held, .unclassified = n->unclassified - s->unclassified};
    for (int d = 0; d < 2; d++) {
        a.in += n->link[d].rx - s->link[d].rx;
        a.out += n->link[d].tx - s->link[d].tx;
        a.tx_dropped += n->link[d].tx_dropped - s->link[d].tx_dropped;
    }
    for (uint32_t i = 0; i < n->queue_count; i++) {
        a.aqm += n->queues[i].aqm;
        a.overflow += n->queues[i].overflow;
    }
    a.rig = n->ip_in - s->ip_in + n->ip_out - s->ip_out + n->foreign_drops - s->foreign_drops;
    return a;
}

int64_t mqoe_kernel_missing(const struct mqoe_kernel_accounting *a) {
    return (int64_t)(a->in - a->out - a->aqm - a->overflow - a->rig - a->unclassified - a->tx_dropped) -
           a->held;
}
