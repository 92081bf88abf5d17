// What a client costs to set up and to tear down: a whole lab through the lab engine (namespaces, veth pairs,
// addresses, neighbours, routes, offloads, XDP, tables), beside the bare kernel cost of a namespace with a
// veth pair.
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/lab_client.h"

#define CLIENTS       100u
#define QUICK_CLIENTS 10u

// ---- the bare cost, in a thread of its own that nobody else's namespace depends on ----

struct bare {
    unsigned clients;
    double setup_ms, teardown_ms; // per client
    struct mqoe_error error;
};

// A veth pair: one end here, the other as eth0 in the namespace `netns`.
static int add_veth(struct mnl_socket *socket, unsigned index, int netns) {
    char buffer[8192], name[16];
    snprintf(name, sizeof name, "b%u", index);
    struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
    h->nlmsg_type = RTM_NEWLINK;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(h, IFLA_IFNAME, name);
    struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
    mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(h, IFLA_INFO_DATA),
                  *peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(h, IFLA_IFNAME, "eth0");
    mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)netns);
    mnl_attr_nest_end(h, peer);
    mnl_attr_nest_end(h, data);
    mnl_attr_nest_end(h, info);
    if (mnl_socket_sendto(socket, h, h->nlmsg_len) < 0)
        return -errno;
    ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
    return n < 0 || mnl_cb_run(buffer, (size_t)n, 0, mnl_socket_get_portid(socket), NULL, NULL) < 0 ? -errno
                                                                                                    : 0;
}

// A fresh namespace, held by the returned descriptor; the thread stays in it until `home` is entered again.
static int new_netns(int home) {
    if (unshare(CLONE_NEWNET) != 0)
        return -errno;
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return setns(home, CLONE_NEWNET) == 0 ? fd : -errno;
}

static int set_up_bare(struct bare *b, int home, int *held) {
    struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
    int err = socket && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 ? 0 : -errno;
    for (unsigned i = 0; i < b->clients && !err; i++) {
        held[i] = new_netns(home);
        err = held[i] < 0 ? held[i] : add_veth(socket, i, held[i]);
    }
    if (socket)
        mnl_socket_close(socket);
    return err;
}

static void *run_bare(void *argument) {
    struct bare *b = argument;
    int *held = malloc(b->clients * sizeof *held);
    int err = held && unshare(CLONE_NEWNET) == 0
                  ? 0
                  : -errno; // the near ends live in a namespace of the thread's own
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; held && i < b->clients; i++)
        held[i] = -1;
    uint64_t start = mqoe_clock(CLOCK_MONOTONIC);
    err = err ? err : set_up_bare(b, home, held);
    uint64_t done = mqoe_clock(CLOCK_MONOTONIC);
    for (unsigned i = 0; held && i < b->clients; i++)
        if (held[i] >= 0)
            close(held[i]);
    uint64_t gone = mqoe_clock(CLOCK_MONOTONIC);
    b->setup_ms = (double)(done - start) / 1e6 / b->clients;
    b->teardown_ms = (double)(gone - done) / 1e6 / b->clients;
    if (err)
        mqoe_fail(&b->error, -err, "unshare", "needs CAP_SYS_ADMIN and CAP_NET_ADMIN (or root)",
                  "namespace with a veth pair");
    if (home >= 0)
        close(home);
    free(held);
    return NULL;
}

static int measure_bare(struct bare *b, struct mqoe_error *e) {
    pthread_t thread;
    int err = pthread_create(&thread, NULL, run_bare, b);
    if (err)
        return mqoe_fail(e, err, "pthread_create", NULL, "bare namespaces");
    pthread_join(thread, NULL);
    if (b->error.errnum)
        *e = b->error;
    return -b->error.errnum;
}

// ---- the lab engine ----

struct names {
    char access[64], core[64];
};

static void client_path(char *to, size_t size, unsigned i) {
    snprintf(to, size, "/run/netns/mqb-%d-c%u", (int)getpid(), i);
}

static json_t *namespaces(const struct names *n, unsigned clients) {
    json_t *ops = json_array();
    const char *const inner[] = {n->access, n->core};
    for (int i = 0; i < 2; i++) {
        json_array_append_new(ops, json_pack("{s:s, s:s}", "op", "netns_add", "path", inner[i]));
        json_array_append_new(ops, json_pack("{s:s, s:s, s:{s:s, s:s}}", "op", "sysctl", "netns", inner[i],
                                             "values", "net/ipv6/conf/all/disable_ipv6", "1",
                                             "net/ipv6/conf/default/disable_ipv6", "1"));
    }
    for (unsigned i = 0; i < clients; i++) {
        char path[64];
        client_path(path, sizeof path, i);
        json_array_append_new(ops, json_pack("{s:s, s:s}", "op", "netns_add", "path", path));
    }
    json_array_append_new(ops, json_pack("{s:s, s:s, s:s, s:i, s:i}", "op", "xdp_open", "access", n->access,
                                         "core", n->core, "ports", (int)clients, "shards", 1));
    return ops;
}

static json_t *links(const struct names *n, unsigned clients) {
    json_t *ops = json_array();
    for (unsigned i = 0; i < clients; i++) {
        char path[64], name[16];
        client_path(path, sizeof path, i);
        snprintf(name, sizeof name, "c%u", i);
        json_array_append_new(ops, json_pack("{s:s, s:i, s:{s:s, s:s}, s:{s:s, s:s, s:s}}", "op", "veth_add",
                                             "mtu", 1500, "a", "netns", n->access, "name", name, "b", "netns",
                                             path, "name", "eth0", "mac", "02:00:00:00:00:01"));
    }
    return ops;
}

static json_t *endpoints(const struct names *n, unsigned clients) {
    json_t *ops = json_array();
    for (unsigned i = 0; i < clients; i++) {
        char path[64], name[16], v4[32], v6[48];
        client_path(path, sizeof path, i);
        snprintf(name, sizeof name, "c%u", i);
        snprintf(v4, sizeof v4, "10.77.%u.%u", i / 250, i % 250 + 1);
        snprintf(v6, sizeof v6, "fd77::%x", i + 1);
        json_array_append_new(ops, json_pack("{s:s, s:s, s:s, s:s, s:i, s:[s], s:[s], s:s, s:s}", "op",
                                             "endpoint", "netns", path, "ifname", "eth0", "mac",
                                             "02:00:00:00:00:01", "mtu", 1500, "ipv4", v4, "ipv6", v6,
                                             "gateway4", "10.255.255.1", "gateway6", "fdff::1"));
        json_array_append_new(ops, json_pack("{s:s, s:s, s:s, s:s, s:i, s:[s], s:[s]}", "op", "port", "side",
                                             "access", "netns", n->access, "ifname", name, "shard", 0, "ipv4",
                                             v4, "ipv6", v6));
    }
    return ops;
}

static json_t *removals(const struct names *n, unsigned clients) {
    json_t *ops = json_array();
    for (unsigned i = 0; i < clients + 2; i++) {
        char path[64];
        client_path(path, sizeof path, i);
        const char *which = i < clients ? path : i == clients ? n->access : n->core;
        json_array_append_new(
            ops, json_pack("{s:s, s:s, s:b}", "op", "netns_del", "path", which, "missing_ok", 1));
    }
    return ops;
}

static int timed(json_t *ops, unsigned clients, double *ms, struct mqoe_error *e) {
    uint64_t start = mqoe_clock(CLOCK_MONOTONIC);
    int err = mqoe_lab_client_do(ops, e);
    *ms = (double)(mqoe_clock(CLOCK_MONOTONIC) - start) / 1e6 / clients;
    return err;
}

enum { NAMESPACES, LINKS, ENDPOINTS, TEARDOWN, STAGES };

static int measure_lab(unsigned clients, double ms[STAGES], struct mqoe_error *e) {
    struct names n;
    snprintf(n.access, sizeof n.access, "/run/netns/mqb-%d-access", (int)getpid());
    snprintf(n.core, sizeof n.core, "/run/netns/mqb-%d-core", (int)getpid());
    int err = mqoe_lab_client_open(e);
    if (err)
        return err;
    err = timed(namespaces(&n, clients), clients, &ms[NAMESPACES], e);
    err = err ? err : timed(links(&n, clients), clients, &ms[LINKS], e);
    err = err ? err : timed(endpoints(&n, clients), clients, &ms[ENDPOINTS], e);
    struct mqoe_error last;
    if (timed(removals(&n, clients), clients, &ms[TEARDOWN], &last) != 0)
        fprintf(stderr, "mqoe-native bench: %s is left behind: ip netns del\n", last.object);
    mqoe_lab_client_close();
    return err;
}

json_t *mqoe_bench_lab(const struct mqoe_bench *b, struct mqoe_error *e) {
    const unsigned clients = b->quick ? QUICK_CLIENTS : CLIENTS;
    struct bare bare = {.clients = clients};
    double ms[STAGES];
    if (measure_bare(&bare, e) != 0 || measure_lab(clients, ms, e) != 0)
        return NULL;
    double setup = ms[NAMESPACES] + ms[LINKS] + ms[ENDPOINTS];
    fprintf(b->table,
            "\nA lab of %u clients, ms per client\n"
            "  namespaces %.2f   links %.2f   endpoints and ports %.2f   set-up %.2f   teardown %.2f\n"
            "  bare namespace + veth pair: set-up %.2f   teardown %.2f\n",
            clients, ms[NAMESPACES], ms[LINKS], ms[ENDPOINTS], setup, ms[TEARDOWN], bare.setup_ms,
            bare.teardown_ms);
    return json_pack("{s:i, s:{s:f, s:f, s:f}, s:f, s:f, s:{s:f, s:f}, s:f}", "clients", (int)clients,
                     "setup_ms_by_stage", "namespaces", ms[NAMESPACES], "links", ms[LINKS], "endpoints",
                     ms[ENDPOINTS], "setup_ms", setup, "teardown_ms", ms[TEARDOWN], "bare", "setup_ms",
                     bare.setup_ms, "teardown_ms", bare.teardown_ms, "setup_ratio", setup / bare.setup_ms);
}
