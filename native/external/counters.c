#include "external/counters.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_STATISTICS 1024
#define MAX_DROPS      ((int)(sizeof((struct mqoe_link){0}).drops / sizeof(int)))

static int ethtool(const struct mqoe_links *l, const struct mqoe_link *link, void *command) {
    struct ifreq request = {.ifr_data = command};
    memcpy(request.ifr_name, link->name, sizeof link->name);
    return ioctl(l->socket, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

// Where a veth counts frames that its receiving side lost: a redirect refused (into an AF_XDP socket without
// free frames, say), no memory. Other drivers have no such counters, and then none are read.
static void find_drops(const struct mqoe_links *l, struct mqoe_link *link) {
    struct {
        struct ethtool_sset_info info;
        uint32_t count;
    } set = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = UINT64_C(1) << ETH_SS_STATS}};
    if (ethtool(l, link, &set) < 0 || !set.info.sset_mask || set.count > MAX_STATISTICS)
        return;
    struct ethtool_gstrings *names = calloc(1, sizeof *names + (size_t)set.count * ETH_GSTRING_LEN);
    if (!names)
        return;
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_STATS;
    names->len = set.count;
    link->statistic_count = ethtool(l, link, names) < 0 ? 0 : (int)set.count;
    for (int i = 0; i < link->statistic_count && link->drop_count < MAX_DROPS; i++) {
        char name[ETH_GSTRING_LEN + 1] = {0};
        unsigned queue;
        int end = 0;
        memcpy(name, names->data + i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
        if (sscanf(name, "rx_queue_%u_drops%n", &queue, &end) == 1 && end && !name[end])
            link->drops[link->drop_count++] = i;
    }
    free(names);
}

static uint64_t read_drops(const struct mqoe_links *l, const struct mqoe_link *link) {
    struct {
        struct ethtool_stats head;
        uint64_t data[MAX_STATISTICS];
    } values = {.head = {.cmd = ETHTOOL_GSTATS, .n_stats = (uint32_t)link->statistic_count}};
    uint64_t sum = 0;
    if (!link->drop_count || ethtool(l, link, &values) < 0)
        return 0;
    for (int i = 0; i < link->drop_count; i++)
        sum += values.data[link->drops[i]];
    return sum;
}

// /proc/net/dev_snmp6/IF; 0 where IPv6 is off. (Measured: with IPv6 switched on, all frames that a veth sends
// by itself are in this counter.)
static uint64_t read_own(const struct mqoe_link *link) {
    char file[64], key[64];
    unsigned long long value, found = 0;
    snprintf(file, sizeof file, "/proc/net/dev_snmp6/%s", link->name);
    FILE *f = fopen(file, "re");
    while (f && fscanf(f, "%63s %llu", key, &value) == 2)
        if (!strcmp(key, "Ip6OutMcastPkts"))
            found = value;
    if (f)
        fclose(f);
    return found;
}

static int take_statistics(const struct nlmsghdr *m, void *data) {
    const struct nlattr *a;
    struct rtnl_link_stats64 *stats = data;
    mnl_attr_for_each(a, m, sizeof(struct if_stats_msg)) {
        size_t bytes = mnl_attr_get_payload_len(a);
        if (mnl_attr_get_type(a) == IFLA_STATS_LINK_64)
            memcpy(stats, mnl_attr_get_payload(a), bytes < sizeof *stats ? bytes : sizeof *stats);
    }
    return MNL_CB_STOP; // one answer, and no message after it
}

static int read_one(struct mqoe_links *l, const struct mqoe_link *link, struct mqoe_link_counters *to,
                    struct mqoe_error *e) {
    struct rtnl_link_stats64 stats = {0};
    struct nlmsghdr *m = netlink_begin(&l->netlink, RTM_GETSTATS, 0, "counters of %s", link->name);
    struct if_stats_msg *ask = mnl_nlmsg_put_extra_header(m, sizeof *ask);
    ask->ifindex = (uint32_t)link->index;
    ask->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
    int err = netlink_ask(&l->netlink, m, take_statistics, &stats, e);
    if (err)
        return err;
    *to = (struct mqoe_link_counters){.received = stats.rx_packets,
                                      .sent = stats.tx_packets,
                                      .lost = stats.tx_dropped + read_drops(l, link),
                                      .own = read_own(link)};
    return 0;
}

int mqoe_links_open(struct mqoe_links *l, const char *const names[2], const char *netns,
                    struct mqoe_error *e) {
    *l = (struct mqoe_links){.socket = -1};
    int err = netlink_open(&l->netlink, netns, e);
    if (err)
        return err;
    l->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (l->socket < 0)
        return mqoe_fail(e, errno, "socket", NULL, "AF_INET in %s", netns);
    for (int side = 0; side < 2; side++) {
        struct mqoe_link *link = &l->link[side];
        snprintf(link->name, sizeof link->name, "%s", names[side]);
        link->index = (int)if_nametoindex(link->name);
        if (!link->index)
            return mqoe_fail(e, errno, "if_nametoindex", "the lab makes it before the dataplane starts",
                             "%s in %s", link->name, netns);
        find_drops(l, link);
    }
    return 0;
}

void mqoe_links_close(struct mqoe_links *l) {
    if (l->netlink.socket)
        netlink_close(&l->netlink);
    if (l->socket >= 0)
        close(l->socket);
    l->socket = -1;
}

int mqoe_links_read(struct mqoe_links *l, struct mqoe_link_counters counters[2], struct mqoe_error *e) {
    for (int side = 0; side < 2; side++) {
        int err = read_one(l, &l->link[side], &counters[side], e);
        if (err)
            return err;
    }
    return 0;
}
