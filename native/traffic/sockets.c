#include "traffic/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic/payload.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

// Unsent data a sending socket may hold: 4 ms at 500 Mbit/s, so that a reactor that is late by a scheduler
// tick does not starve the link, and little enough that thousands of flows fit into tcp_mem.
#define NOTSENT_LOWAT (256 * 1024)

// Probes are answered within one wake-up; this is for the bursts after a stalled one.
#define UDP_BUFFER (4 * 1024 * 1024)

// The description of a socket in messages: `home-1 10.0.0.2 port 9000`.
static void describe(const struct traffic_place *place, char *text, size_t size) {
    char address[INET6_ADDRSTRLEN] = "?";
    struct sockaddr_storage to;
    traffic_place_address(place, &to);
    if (place->family == TRAFFIC_IPV4)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&to)->sin_addr, address, sizeof address);
    else
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&to)->sin6_addr, address, sizeof address);
    snprintf(text, size, "%s %s port %u (%s)", place->endpoint->name, address, place->port,
             place->endpoint->netns);
}

static const char *hint_for(int errnum) {
    switch (errnum) {
    case EADDRNOTAVAIL:
        return "the address is not (or, for IPv6, still tentatively) on an interface of that namespace";
    case EADDRINUSE:
        return "another process listens there; was an earlier run left behind?";
    case EMFILE:
        return "the descriptor limit; see ulimit -n";
    default:
        return "";
    }
}

static int set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

struct option {
    int level, name, value;
};

static int set_options(int fd, const struct option *options, size_t count) {
    int error = 0;
    for (size_t i = 0; !error && i < count; i++)
        error = set_option(fd, options[i].level, options[i].name, options[i].value);
    return error;
}

// Makes a socket, sets the options, and binds it to the place.
static int bound_socket(const struct traffic_place *place, int type, const struct option *options,
                        size_t count, struct mqoe_error *e) {
    char text[128];
    describe(place, text, sizeof text);
    int fd =
        socket(place->family == TRAFFIC_IPV4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mqoe_fail(e, errno, "socket", hint_for(errno), "%s", text);
    const char *call = "setsockopt";
    int error = set_options(fd, options, count);
    struct sockaddr_storage address;
    socklen_t length = traffic_place_address(place, &address);
    if (!error && bind(fd, (struct sockaddr *)&address, length) < 0) {
        call = "bind";
        error = -errno;
    }
    if (!error)
        return fd;
    close(fd);
    return mqoe_fail(e, -error, call, hint_for(-error), "%s", text);
}

int traffic_tcp_socket(const struct traffic_place *place, struct mqoe_error *e) {
    const struct option options[] = {
        {SOL_SOCKET, SO_REUSEADDR, place->port != 0},
        {SOL_IP, IP_BIND_ADDRESS_NO_PORT, place->port == 0},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT},
    };
    int fd = bound_socket(place, SOCK_STREAM, options, sizeof options / sizeof *options, e);
    if (fd < 0)
        return fd;
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0)
        return fd;
    int error = mqoe_fail(e, errno, "setsockopt SO_LINGER", "", "%s", place->endpoint->name);
    close(fd);
    return error;
}

// Among sockets that share a port, the kernel runs such a program over the UDP payload and takes the socket
// whose number it returns (the order of their binds); a packet too short to say goes to number 0.
static int choose_by(int fd, struct sock_filter *code, unsigned short length) {
    const struct sock_fprog program = {.len = length, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0 ? -errno : 0;
}

static int choose_by_reactor(int fd) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TRAFFIC_PROBE_REACTOR),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    return choose_by(fd, code, sizeof code / sizeof *code);
}

static int choose_by_stream(int fd, uint32_t reactors, uint64_t key) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), // the tag
        BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, (uint32_t)key),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, reactors),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    return choose_by(fd, code, sizeof code / sizeof *code);
}

// The socket, or what was wrong with sharing its port.
static int shared_or_closed(int fd, int error, const struct traffic_endpoint *endpoint,
                            struct mqoe_error *e) {
    if (!error)
        return fd;
    close(fd);
    return mqoe_fail(e, -error, "setsockopt SO_ATTACH_REUSEPORT_CBPF", "use one core for traffic", "%s",
                     endpoint->name);
}

int traffic_udp_socket(const struct traffic_place *place, uint32_t reactors, struct mqoe_error *e) {
    const struct option options[] = {
        {SOL_SOCKET, SO_REUSEPORT, reactors > 1},
        {SOL_SOCKET, SO_TIMESTAMPNS, 1},
        {SOL_SOCKET, SO_RCVBUF, UDP_BUFFER},
    };
    int fd = bound_socket(place, SOCK_DGRAM, options, sizeof options / sizeof *options, e);
    if (fd < 0)
        return fd;
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, UDP_BUFFER); // past rmem_max, when allowed
    return shared_or_closed(fd, reactors > 1 ? choose_by_reactor(fd) : 0, place->endpoint, e);
}

int traffic_stream_socket(const struct traffic_place *place, uint32_t reactors, uint64_t key,
                          struct mqoe_error *e) {
    const struct option options[] = {
        {SOL_SOCKET, SO_REUSEPORT, reactors > 1},
        {SOL_SOCKET, SO_RCVBUF, UDP_BUFFER},
        {SOL_SOCKET, SO_SNDBUF, UDP_BUFFER},
    };
    int fd = bound_socket(place, SOCK_DGRAM, options, sizeof options / sizeof *options, e);
    if (fd < 0)
        return fd;
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, UDP_BUFFER);
    (void)set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, UDP_BUFFER);
    return shared_or_closed(fd, reactors > 1 ? choose_by_stream(fd, reactors, key) : 0, place->endpoint, e);
}

uint32_t traffic_socket_drops(int fd) {
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof info;
    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

int traffic_set_class(int fd, enum traffic_family family, int dscp, int ecn) {
    int value = dscp << 2 | ecn;
    return family == TRAFFIC_IPV4 ? set_option(fd, SOL_IP, IP_TOS, value)
                                  : set_option(fd, SOL_IPV6, IPV6_TCLASS, value);
}

int traffic_set_pacing(int fd, uint64_t rate) {
    uint64_t bytes = rate / 8 ? rate / 8 : 1; // a second; 0 would stop it for ever
    if (!rate)
        return 0;
    return setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes, sizeof bytes) < 0 ? -errno : 0;
}

static void read_line(const char *file, char *text, size_t size) {
    text[0] = '\0';
    FILE *stream = fopen(file, "re");
    if (!stream)
        return;
    if (!fgets(text, (int)size, stream))
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    fclose(stream);
}

void traffic_congestion_available(char *text, size_t size) {
    read_line("/proc/sys/net/ipv4/tcp_available_congestion_control", text, size);
}

int traffic_set_congestion(int fd, const char *name, struct mqoe_error *e) {
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0)
        return 0;
    int errnum = errno;
    char available[80], hint[sizeof e->hint];
    traffic_congestion_available(available, sizeof available);
    if (errnum == EPERM)
        snprintf(hint, sizeof hint, "run as root, or add it to net.ipv4.tcp_allowed_congestion_control");
    else
        snprintf(hint, sizeof hint,
                 "available: %.60s; load it with `modprobe tcp_%.16s` (and see "
                 "net.ipv4.tcp_allowed_congestion_control), or choose another",
                 available[0] ? available : "unknown", name);
    return mqoe_fail(e, errnum, "setsockopt TCP_CONGESTION", hint, "congestion control \"%s\"", name);
}

int traffic_descriptors(uint64_t needed, uint64_t *limit, struct mqoe_error *e) {
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) < 0)
        return mqoe_fail(e, errno, "getrlimit", "", "RLIMIT_NOFILE");
    now.rlim_cur = now.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &now) < 0)
        return mqoe_fail(e, errno, "setrlimit", "", "RLIMIT_NOFILE %llu", (unsigned long long)now.rlim_max);
    *limit = now.rlim_max;
    if (needed <= now.rlim_max)
        return 0;
    return mqoe_fail(
        e, EMFILE, "RLIMIT_NOFILE",
        "raise it (`ulimit -Hn` as root, LimitNOFILE= of the service), or use fewer flows or probes",
        "%llu descriptors needed, the hard limit is %llu", (unsigned long long)needed,
        (unsigned long long)now.rlim_max);
}
