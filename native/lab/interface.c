// What rtnetlink does not do: interface numbers by name, offloads, and a driver's own counters (ethtool
// ioctls).
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab/internal.h"

#define FEATURE_BLOCKS 4   // of 32 features; the kernel has two
#define MAX_STATISTICS 256 // of one veth: a few per queue, and ours have one queue

int lab_ifindex(struct lab *lab, const char *ifname) {
    int fd = lab_ioctl_socket(lab);
    if (fd < 0)
        return fd;
    struct ifreq request = {0};
    memcpy(request.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
        return mqoe_fail(&lab->error, errno, "SIOCGIFINDEX", "", "%s in %s", ifname,
                         lab_netns_name(lab->current));
    return request.ifr_ifindex;
}

bool lab_can_have_ipv6(struct lab *lab, const char *ifname) {
    static int kernel_has_it = -1; // the engine has one thread
    if (kernel_has_it < 0)
        kernel_has_it = access("/proc/net/if_inet6", F_OK) == 0;
    int fd = kernel_has_it ? lab_ioctl_socket(lab) : -1;
    struct ifreq request = {0};
    memcpy(request.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
    return fd >= 0 && ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu >= IPV6_MINIMUM_MTU;
}

// One SIOCETHTOOL call. Returns its (non-negative) answer or −errno without filling an error in.
static int ethtool(struct lab *lab, const char *ifname, void *command) {
    int fd = lab_ioctl_socket(lab);
    if (fd < 0)
        return fd;
    struct ifreq request = {.ifr_data = command};
    memcpy(request.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
    int result = ioctl(fd, SIOCETHTOOL, &request);
    return result < 0 ? -errno : result;
}

static int ethtool_error(struct lab *lab, int status, const char *command, const char *ifname,
                         const char *hint) {
    char syscall[48];
    snprintf(syscall, sizeof syscall, "SIOCETHTOOL %s", command);
    return mqoe_fail(&lab->error, -status, syscall, hint, "%s in %s", ifname, lab_netns_name(lab->current));
}

static int string_count(struct lab *lab, const char *ifname, enum ethtool_stringset set) {
    struct {
        struct ethtool_sset_info info;
        uint32_t count;
    } request = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = UINT64_C(1) << set}};
    int status = ethtool(lab, ifname, &request);
    return status < 0 ? status : request.info.sset_mask ? (int)request.count : 0;
}

// The names of a string set, to be freed by the caller; NULL with *status = −errno.
static struct ethtool_gstrings *strings(struct lab *lab, const char *ifname, enum ethtool_stringset set,
                                        int count, int *status) {
    struct ethtool_gstrings *names = calloc(1, sizeof *names + (size_t)count * ETH_GSTRING_LEN);
    if (!names) {
        *status = -ENOMEM;
        return NULL;
    }
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = set;
    names->len = (uint32_t)count;
    *status = ethtool(lab, ifname, names);
    if (*status >= 0)
        return names;
    free(names);
    return NULL;
}

// ---- offloads ----

// By the names that `ethtool -k` shows: every offload that leaves a frame unfinished for someone behind the
// veth to finish (checksum, fragments, segments), and the one that merges frames.
static bool is_unwanted(const char *name) {
    static const char *const unwanted[] = {"tx-checksum-", "tx-scatter-gather", "tx-gso-", "rx-gro"};
    if (!strncmp(name, "tx-", 3) && strstr(name, "segmentation"))
        return true;
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        if (!strncmp(name, unwanted[i], strlen(unwanted[i])))
            return true;
    return false;
}

// Bits of the unwanted features. They are the kernel's, the same for every interface: found out once, by the
// engine's only thread.
static struct {
    uint32_t blocks;
    uint32_t mask[FEATURE_BLOCKS];
} unwanted_features;

static int find_unwanted(struct lab *lab, const char *ifname) {
    int count = string_count(lab, ifname, ETH_SS_FEATURES), status = 0;
    if (count <= 0 || count > FEATURE_BLOCKS * 32)
        return ethtool_error(lab, count < 0 ? count : -EOPNOTSUPP, "ETHTOOL_GSSET_INFO", ifname, "");
    struct ethtool_gstrings *names = strings(lab, ifname, ETH_SS_FEATURES, count, &status);
    if (!names)
        return ethtool_error(lab, status, "ETHTOOL_GSTRINGS", ifname, "");
    for (int i = 0; i < count; i++)
        if (is_unwanted((const char *)names->data + i * ETH_GSTRING_LEN))
            unwanted_features.mask[i / 32] |= UINT32_C(1) << i % 32;
    unwanted_features.blocks = ((uint32_t)count + 31) / 32;
    free(names);
    return 0;
}

// True when no unwanted feature is active.
static int check_off(struct lab *lab, const char *ifname) {
    struct {
        struct ethtool_gfeatures head;
        struct ethtool_get_features_block block[FEATURE_BLOCKS];
    } get = {.head = {.cmd = ETHTOOL_GFEATURES, .size = unwanted_features.blocks}};
    int status = ethtool(lab, ifname, &get);
    if (status < 0)
        return ethtool_error(lab, status, "ETHTOOL_GFEATURES", ifname, "");
    for (uint32_t i = 0; i < unwanted_features.blocks; i++)
        if (get.block[i].active & unwanted_features.mask[i])
            return ethtool_error(lab, -EOPNOTSUPP, "ETHTOOL_SFEATURES", ifname,
                                 "an offload stayed on (ethtool -k shows which); is this a veth?");
    return 0;
}

int lab_offloads_off(struct lab *lab, const char *ifname) {
    int status = unwanted_features.blocks ? 0 : find_unwanted(lab, ifname);
    if (status < 0)
        return status;
    struct {
        struct ethtool_sfeatures head;
        struct ethtool_set_features_block block[FEATURE_BLOCKS];
    } set = {.head = {.cmd = ETHTOOL_SFEATURES, .size = unwanted_features.blocks}};
    for (uint32_t i = 0; i < unwanted_features.blocks; i++)
        set.block[i].valid = unwanted_features.mask[i];
    status = ethtool(lab, ifname, &set);
    if (status < 0)
        return ethtool_error(lab, status, "ETHTOOL_SFEATURES", ifname, "");
    // A non-zero answer says that some bit was not ours to change; what counts is whether one stayed on.
    return status == 0 ? 0 : check_off(lab, ifname);
}

// ---- counters ----

// Sums veth's "rx_queue_0_xdp_drops", "tx_queue_3_xdp_xmit_errors" … by what follows the queue's number. The
// names depend only on how many there are, so those of the interface before are kept.
static struct {
    int count;
    struct ethtool_gstrings *names;
} known_statistics;

static int statistics_names(struct lab *lab, const char *ifname, int count) {
    if (count == known_statistics.count && known_statistics.names)
        return 0;
    int status;
    struct ethtool_gstrings *names = strings(lab, ifname, ETH_SS_STATS, count, &status);
    if (!names)
        return ethtool_error(lab, status, "ETHTOOL_GSTRINGS", ifname, "");
    free(known_statistics.names);
    known_statistics.names = names;
    known_statistics.count = count;
    return 0;
}

static void add_to(json_t *into, const char *key, uint64_t value) {
    json_t *sum = json_object_get(into, key);
    uint64_t before = (uint64_t)json_integer_value(sum);
    json_object_set_new(into, key, json_integer((json_int_t)(before + value)));
}

static void add_statistic(json_t *into, const char *name, uint64_t value) {
    static const struct {
        const char *kernel, *ours;
    } wanted[] = {
        {"xdp_packets", "xdp_packets"},
        {"xdp_drops", "xdp_drops"},
        {"xdp_redirect", "xdp_redirect"},
        {"drops", "xdp_redirect_errors"}, // redirect refused, or no memory for the frame (rx_drops of veth.c)
        {"xdp_tx_errors", "xdp_tx_errors"},
        {"xdp_xmit_errors", "xdp_xmit_errors"}};
    unsigned queue;
    int at = 0;
    if (sscanf(name, "%*2[rtx]_queue_%u_%n", &queue, &at) < 1 || at == 0)
        return;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strcmp(name + at, wanted[i].kernel))
            add_to(into, wanted[i].ours, value);
}

int lab_add_xdp_counters(struct lab *lab, const char *ifname, json_t *into) {
    struct {
        struct ethtool_stats head;
        uint64_t data[MAX_STATISTICS];
    } values = {.head = {.cmd = ETHTOOL_GSTATS}};
    int count = string_count(lab, ifname, ETH_SS_STATS);
    if (count <= 0 || count > MAX_STATISTICS)
        return 0; // no veth
    int status = statistics_names(lab, ifname, count);
    if (status < 0)
        return status;
    values.head.n_stats = (uint32_t)count;
    status = ethtool(lab, ifname, &values);
    if (status < 0)
        return status == -EOPNOTSUPP ? 0 : ethtool_error(lab, status, "ETHTOOL_GSTATS", ifname, "");
    for (int i = 0; i < count; i++)
        add_statistic(into, (const char *)known_statistics.names->data + i * ETH_GSTRING_LEN, values.data[i]);
    return 0;
}
