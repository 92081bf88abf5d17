// A client's, a server's and the dataplane's namespace in one process, with the kernel dataplane between
// them. No name below /run/netns: they go with the process. Needs root, and ip and tc.
#pragma once

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kernel/commands.h"
#include "kernel/routes.h"
#include "kernel_blueprint.h"

#define LAB_PORT 7000

struct kernel_lab {
    int home, client, dataplane, server; // namespaces
    struct mqoe_kernel_dataplane d;
    bool open;
};

static inline int lab_new_namespace(void) {
    assert(unshare(CLONE_NEWNET) == 0);
    int fd = open("/proc/thread-self/ns/net", O_RDONLY);
    assert(fd >= 0);
    return fd;
}

static inline void lab_go(int ns) {
    assert(setns(ns, CLONE_NEWNET) == 0);
}

__attribute__((format(printf, 2, 3))) static inline void lab_run(int ns, const char *format, ...) {
    char command[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    lab_go(ns);
    if (system(command) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        abort();
    }
}

// One end: eth0 in `ns`, `peer` in the dataplane's namespace, and no word of its own.
static inline void lab_link(struct kernel_lab *l, int ns, const char *peer) {
    lab_run(ns, "ip link add eth0 address 02:00:00:00:00:01 type veth peer name %s address 02:00:00:00:00:01",
            peer);
    lab_run(ns, "ip link set lo up; echo 1 > /proc/sys/net/ipv6/conf/eth0/addr_gen_mode;"
                "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6;"
                "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6;"
                "echo 0 > /proc/sys/net/ipv6/conf/eth0/router_solicitations");
    lab_run(ns, "ip link set %s netns /proc/%d/fd/%d", peer, (int)getpid(), l->dataplane);
    lab_run(l->dataplane, "echo 1 > /proc/sys/net/ipv6/conf/%s/addr_gen_mode; ip link set %s up", peer, peer);
    lab_run(ns, "ip link set eth0 arp off up");
    lab_run(ns, "ip neigh add 169.254.9.9 lladdr 02:00:00:00:00:01 dev eth0;"
                "ip neigh add fe80::9 lladdr 02:00:00:00:00:01 dev eth0");
}

static inline void lab_open(struct kernel_lab *l, unsigned clients) {
    memset(l, 0, sizeof *l);
    l->d.reader = (struct mqoe_kernel_reader){.snmp = -1, .snmp6 = -1};
    l->d.recorder = (struct mqoe_kernel_recorder){.clients.fd = -1, .reactor.fd = -1, .tins.fd = -1};
    l->home = open("/proc/thread-self/ns/net", O_RDONLY);
    l->client = lab_new_namespace();
    l->server = lab_new_namespace();
    l->dataplane = lab_new_namespace();
    lab_link(l, l->client, "acc");
    lab_link(l, l->server, "cor");
    for (unsigned i = 1; i <= clients; i++)
        lab_run(l->client, "ip addr add 10.16.%u.%u/32 dev eth0; ip addr add fd00:1::%x/128 dev eth0 nodad",
                i / 250, i % 250 + 1, i);
    lab_run(l->server, "ip addr add 10.9.0.1/32 dev eth0; ip addr add fd00:9::1/128 dev eth0 nodad");
    for (int i = 0; i < 2; i++)
        lab_run(i ? l->server : l->client, "ip route add default via 169.254.9.9 dev eth0 onlink;"
                                           "ip -6 route add default via fe80::9 dev eth0 onlink");
}

// Builds the dataplane as main.c does. Returns 0 or −errno with *e filled.
static inline int lab_start(struct kernel_lab *l, json_t *document, struct mqoe_error *e) {
    struct mqoe_kernel_dataplane *d = &l->d;
    lab_go(l->dataplane);
    l->open = true;
    d->control.in = d->control.out = -1;
    int err = mqoe_kernel_config_read(&d->config, document, e);
    err = err ? err : netlink_open(&d->netlink, "here", e);
    err = err ? err : mqoe_routes_find(&d->config, d->devices, e);
    err = err ? err : mqoe_classify_open(&d->classify, &d->config, mqoe_tree_uncounted(&d->config), e);
    err = err ? err : mqoe_classify_attach(&d->classify, &d->netlink, d->devices, e);
    err = err ? err : mqoe_tree_build(&d->tree, &d->config, &d->netlink, d->devices, &d->classify, e);
    err = err ? err : mqoe_routes_set(&d->config, &d->netlink, d->devices, e);
    return err ? err : mqoe_kernel_reader_open(&d->reader, &d->tree, &d->classify, e);
}

// Takes the dataplane away; its qdiscs and filters stay, as they do in a lab.
static inline void lab_stop(struct kernel_lab *l) {
    if (!l->open)
        return;
    mqoe_kernel_reader_close(&l->d.reader);
    mqoe_classify_close(&l->d.classify);
    netlink_close(&l->d.netlink);
    mqoe_kernel_config_free(&l->d.config);
    l->open = false;
}

static inline void lab_close(struct kernel_lab *l) {
    lab_stop(l);
    lab_go(l->home);
    close(l->client);
    close(l->dataplane);
    close(l->server);
    close(l->home);
}

static inline struct sockaddr_storage lab_address(int family, const char *text, uint16_t port,
                                                  socklen_t *size) {
    struct sockaddr_storage s = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *four = (void *)&s;
    struct sockaddr_in6 *six = (void *)&s;
    assert(inet_pton(family, text, family == AF_INET ? (void *)&four->sin_addr : (void *)&six->sin6_addr) ==
           1);
    four->sin_port = htons(port); // at the same place in both
    *size = family == AF_INET ? sizeof *four : sizeof *six;
    return s;
}

// A UDP socket in `ns`, bound to an address.
static inline int lab_socket(int ns, int family, const char *text, uint16_t port) {
    const int room = 16 << 20;
    socklen_t size;
    struct sockaddr_storage s = lab_address(family, text, port, &size);
    lab_go(ns);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert(fd >= 0 && bind(fd, (struct sockaddr *)&s, size) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    return fd;
}

static inline void lab_send(int fd, int family, const char *to, unsigned count, size_t bytes) {
    static const char payload[1472];
    socklen_t size;
    struct sockaddr_storage s = lab_address(family, to, LAB_PORT, &size);
    for (unsigned i = 0; i < count; i++)
        assert(sendto(fd, payload, bytes, 0, (struct sockaddr *)&s, size) == (ssize_t)bytes);
}

// Receives until nothing came for `quiet` ms; how many packets that were.
static inline unsigned lab_receive(int fd, int quiet) {
    unsigned count = 0;
    char buffer[2048];
    while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, quiet) > 0)
        while (recv(fd, buffer, sizeof buffer, 0) >= 0)
            count++;
    return count;
}

// What `tc -j` says of the dataplane's namespace.
static inline json_t *lab_tc(struct kernel_lab *l, const char *what) {
    char command[128];
    snprintf(command, sizeof command, "tc -s -j %s", what);
    lab_go(l->dataplane);
    FILE *f = popen(command, "re");
    assert(f);
    json_t *json = json_loadf(f, 0, NULL);
    pclose(f);
    assert(json);
    return json;
}

// The qdisc of `kind` in such an answer, a borrowed reference; NULL when there is none.
static inline json_t *lab_find_kind(json_t *list, const char *kind) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        const char *found = json_string_value(json_object_get(item, "kind"));
        if (found && !strcmp(found, kind))
            return item;
    }
    return NULL;
}
