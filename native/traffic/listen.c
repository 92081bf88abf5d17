#include "traffic/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic/kind.h"

#define BACKLOG          4096 // the namespace's somaxconn bounds it
#define ACCEPTS_PER_TURN 32
#define ACCEPT_PAUSE     INT64_C(100000000)
#define PATIENCE                                                                                             \
    INT64_C(15000000000) // a header may have to wait for the SYN-ACK's and its own retransmissions

static void free_arrival(struct traffic_arrivals *a, struct traffic_arrival *arrival) {
    traffic_loop_cancel(a->loop, &arrival->patience);
    arrival->next_free = a->free;
    a->free = arrival;
}

// Not a stray: a connection that ended before it said a word may be one of ours whose flow was stopped.
static void drop_silent(struct traffic_arrivals *a, struct traffic_arrival *arrival) {
    traffic_loop_forget(a->loop, &arrival->source);
    free_arrival(a, arrival);
}

static void turn_away(struct traffic_arrivals *a, struct traffic_arrival *arrival) {
    atomic_fetch_add(&a->loop->strays, 1);
    traffic_loop_forget(a->loop, &arrival->source); // a reset: listeners pass SO_LINGER 0 on
    free_arrival(a, arrival);
}

// The header is whole: off the epoll set, over to the flow's owner.
static void identify(struct traffic_arrivals *a, struct traffic_arrival *arrival) {
    struct traffic_flow_header header;
    struct traffic_loop *loop = a->loop;
    int fd = arrival->source.fd;
    if (!traffic_flow_header_decode(arrival->header, &header) || header.key != loop->process->key ||
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ||
        !a->identified(a->context, loop, arrival->listener, &header, fd)) {
        turn_away(a, arrival);
        return;
    }
    arrival->source.fd = -1;
    atomic_fetch_sub(&loop->sockets, 1); // the new owner counts it
    free_arrival(a, arrival);
}

static void arrival_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                          int64_t now) {
    (void)loop, (void)events, (void)now;
    struct traffic_arrival *arrival = (struct traffic_arrival *)source;
    struct traffic_arrivals *a = arrival->listener->arrivals;
    if (source->fd < 0)
        return;
    // Not a byte more than the header: what follows is the flow's.
    ssize_t n = recv(source->fd, arrival->header + arrival->got, sizeof arrival->header - arrival->got, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        arrival->got ? turn_away(a, arrival) : drop_silent(a, arrival);
        return;
    }
    arrival->got += (uint32_t)n;
    if (arrival->got == sizeof arrival->header)
        identify(a, arrival);
}

static void lost_patience(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)loop, (void)now;
    struct traffic_arrival *arrival =
        (struct traffic_arrival *)((char *)timer - offsetof(struct traffic_arrival, patience));
    turn_away(arrival->listener->arrivals, arrival);
}

static void receive_arrival(struct traffic_arrivals *a, struct traffic_listener *listener, int fd,
                            int64_t now) {
    struct traffic_arrival *arrival = a->free;
    if (!arrival) {
        close(fd);
        atomic_fetch_add(&a->loop->strays, 1);
        return;
    }
    a->free = arrival->next_free;
    atomic_fetch_add(&a->loop->sockets, 1);
    arrival->source = (struct traffic_source){fd, arrival_ready};
    arrival->listener = listener;
    arrival->got = 0;
    traffic_loop_arm(a->loop, &arrival->patience, now + PATIENCE);
    if (traffic_loop_watch(a->loop, &arrival->source, EPOLLIN))
        turn_away(a, arrival);
}

// Without descriptors or memory the connection stays in the backlog, and a level-triggered epoll would report
// it for ever: on virtual time a clock that stops. So the listener leaves the set for a while.
static void pause_accepting(struct traffic_loop *loop, struct traffic_listener *listener, int64_t now) {
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, listener->source.fd, NULL);
    traffic_loop_arm(loop, &listener->retry, now + ACCEPT_PAUSE);
}

static void accept_again(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct traffic_listener *listener =
        (struct traffic_listener *)((char *)timer - offsetof(struct traffic_listener, retry));
    if (listener->source.fd >= 0 && traffic_loop_watch(loop, &listener->source, EPOLLIN))
        traffic_loop_arm(loop, timer, now + ACCEPT_PAUSE);
}

static void listener_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                           int64_t now) {
    (void)events;
    struct traffic_listener *listener = (struct traffic_listener *)source;
    for (int i = 0; i < ACCEPTS_PER_TURN && source->fd >= 0; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                pause_accepting(loop, listener, now);
            return;
        }
        receive_arrival(listener->arrivals, listener, fd, now);
    }
}

int traffic_listener_start(struct traffic_listener *listener, struct traffic_arrivals *arrivals, int fd,
                           struct mqoe_error *e) {
    struct traffic_loop *loop = arrivals->loop;
    listener->arrivals = arrivals;
    listener->source = (struct traffic_source){fd, listener_ready};
    listener->retry = (struct traffic_timer){.fire = accept_again};
    atomic_fetch_add(&loop->sockets, 1);
    const char *name = loop->process->plan.endpoints[TRAFFIC_SERVER][listener->server].name;
    if (listen(fd, BACKLOG) < 0)
        return mqoe_fail(e, errno, "listen", "another process may listen there", "server %s port %u", name,
                         listener->port);
    int error = traffic_loop_watch(loop, &listener->source, EPOLLIN);
    return error
               ? mqoe_fail(e, -error, "epoll_ctl", "", "listener of server %s port %u", name, listener->port)
               : 0;
}

int traffic_arrivals_create(struct traffic_arrivals *arrivals, struct traffic_loop *loop, uint32_t expected,
                            traffic_identified *identified, void *context) {
    *arrivals = (struct traffic_arrivals){.loop = loop,
                                          .count = expected + TRAFFIC_SPARE_ARRIVALS,
                                          .identified = identified,
                                          .context = context};
    arrivals->pool = calloc(arrivals->count, sizeof *arrivals->pool);
    if (!arrivals->pool)
        return -ENOMEM;
    for (uint32_t i = 0; i < arrivals->count; i++) {
        struct traffic_arrival *arrival = &arrivals->pool[i];
        arrival->source.fd = -1;
        arrival->patience.fire = lost_patience;
        arrival->next_free = arrivals->free;
        arrivals->free = arrival;
    }
    loop->timer_count += arrivals->count;
    return 0;
}

void traffic_arrivals_stop(struct traffic_arrivals *arrivals) {
    for (uint32_t i = 0; i < arrivals->count; i++)
        traffic_loop_forget(arrivals->loop, &arrivals->pool[i].source);
}

void traffic_arrivals_destroy(struct traffic_arrivals *arrivals) {
    free(arrivals->pool);
}
