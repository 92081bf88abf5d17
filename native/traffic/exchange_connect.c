// The socket of a session's connection: where from, and with which options, it connects to the server.
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/enter.h"
#include "traffic/kind.h"
#include "traffic/schedule.h"
#include "traffic/session_parts.h"
#include "traffic/sockets.h"

#define FIRST_PORT       20001u // up to Linux's own, 32768
#define PORTS            12767u
#define PORT_TRIES       8u
#define PURPOSE_OF_PORTS 0x706f7274u // "port"

// Which flows share a queue is to depend on the seed alone. The last try leaves it to the kernel.
static uint16_t choose_port(const struct traffic_session *s, uint32_t number, uint32_t attempt) {
    uint64_t seed = traffic_mix(s->loop->process->plan.seed, PURPOSE_OF_PORTS, s->index);
    if (attempt == PORT_TRIES)
        return 0;
    return (uint16_t)(FIRST_PORT + traffic_mix(seed, number, attempt) % PORTS);
}

// A socket is made in the namespace of its thread, and this thread is the reactor's own: it stays there.
static int enter(struct session_reactor *r, const struct traffic_endpoint *endpoint) {
    struct mqoe_error e;
    if (r->inside == endpoint)
        return 0;
    int error = mqoe_netns_enter(endpoint->netns, &e);
    r->inside = error ? NULL : endpoint;
    return error;
}

// Returns the descriptor of a socket that connects, or −errno.
static int connect_from(struct traffic_session *s, const struct traffic_place *from) {
    struct mqoe_error e;
    struct sockaddr_storage address;
    const struct traffic_place server = traffic_server_place(&s->loop->process->plan, &s->plan->pair);
    socklen_t length = traffic_place_address(&server, &address);
    int fd = traffic_tcp_socket(from, &e);
    if (fd < 0)
        return fd;
    int error = session_prepare_socket(s, fd);
    if (!error && connect(fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS)
        error = -errno;
    if (!error)
        return fd;
    close(fd);
    return error;
}

int session_connect(struct traffic_session *s, uint32_t number) {
    struct traffic_place from = traffic_client_place(&s->loop->process->plan, &s->plan->pair);
    int fd = enter(s->reactor, from.endpoint);
    for (uint32_t i = 0; !fd && i <= PORT_TRIES; i++) {
        from.port = choose_port(s, number, i);
        fd = connect_from(s, &from);
        if (i < PORT_TRIES && (fd == -EADDRINUSE || fd == -EADDRNOTAVAIL))
            fd = 0;
    }
    return fd;
}
