// Bulk TCP: the client connects at `start`, one end sends as fast as TCP lets it, the other counts what it
// gets, and at `stop` both ends are reset. Both ends live on one reactor.
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic/kind.h"
#include "traffic/listen.h"
#include "traffic/payload.h"
#include "traffic/schedule.h"
#include "traffic/sockets.h"

#define WRITE_BYTES    (64 * 1024) // per turn: a socket does not keep a probe waiting for longer than this takes
#define READ_BYTES     (1024 * 1024) // discarded without being copied
#define STOP_ON_TIME   INT64_C(1000000)
#define PHASE_OF_FLOWS 0x666c6f77u // "flow"

enum flow_state { WAITING, CONNECTING, ESTABLISHED, OVER };
enum flow_event { EVENT_CONNECTING = 1, EVENT_ESTABLISHED, EVENT_CLOSED, EVENT_FAILED };

struct flow;

struct flow_end {
    struct traffic_source source;
    struct flow *flow;
};

struct flow {
    const struct traffic_flow_plan *plan;
    struct tcp_reactor *reactor;
    enum flow_state state;
    struct flow_end ends[2];    // by role
    struct traffic_timer life;  // start, then stop
    struct traffic_timer watch; // TCP_INFO, and bins in which nothing was read
    struct traffic_bins bins;
    uint32_t header_sent;
    uint32_t index;
};

struct tcp_reactor {
    struct tcp *tcp;
    struct traffic_loop *loop;
    struct traffic_arrivals arrivals;
    struct mqoe_segment *bins, *info, *events;
    uint32_t flows;
};

struct tcp {
    struct traffic_process *process;
    uint16_t kind; // its number among the process's kinds
    struct flow *flows;
    struct tcp_reactor *reactors;
    struct traffic_listener *listeners;
    uint32_t listener_count;
    uint8_t data[WRITE_BYTES]; // what every sender sends
};

static struct flow_end *sending_end(struct flow *f) {
    return &f->ends[f->plan->direction == TRAFFIC_UP ? TRAFFIC_CLIENT : TRAFFIC_SERVER];
}

static struct flow_end *receiving_end(struct flow *f) {
    return &f->ends[f->plan->direction == TRAFFIC_UP ? TRAFFIC_SERVER : TRAFFIC_CLIENT];
}

// ---- records ----

static void record_event(struct flow *f, int64_t now, enum flow_event event, int errnum) {
    struct mqoe_segment *s = f->reactor->events;
    struct mqoe_record_flow_event *r = mqoe_segment_next(s);
    *r = (struct mqoe_record_flow_event){
        .time = now, .flow = (uint32_t)f->plan->pair.id, .event = (uint16_t)event, .value = (uint16_t)errnum};
    mqoe_segment_publish(s);
}

static void record_bin(void *context, int64_t end, uint64_t bytes, uint32_t reads) {
    struct flow *f = context;
    struct mqoe_segment *s = f->reactor->bins;
    struct mqoe_record_tcp_bin *r = mqoe_segment_next(s);
    *r = (struct mqoe_record_tcp_bin){
        .time = end, .flow = (uint32_t)f->plan->pair.id, .reads = reads, .bytes = bytes};
    mqoe_segment_publish(s);
}

// A rate that the kernel does not have (no pacing) is all ones there and 0 here.
static uint64_t rate_or_zero(uint64_t rate) {
    return rate == UINT64_MAX ? 0 : rate;
}

static void record_info(struct flow *f, int64_t now) {
    struct tcp_info i = {0};
    socklen_t length = sizeof i;
    int fd = sending_end(f)->source.fd;
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &length) < 0)
        return;
    struct mqoe_segment *s = f->reactor->info;
    struct mqoe_record_tcp_info *r = mqoe_segment_next(s);
    *r = (struct mqoe_record_tcp_info){
        .time = now,
        .flow = (uint32_t)f->plan->pair.id,
        .rtt = i.tcpi_rtt,
        .rttvar = i.tcpi_rttvar,
        .min_rtt = i.tcpi_min_rtt == UINT32_MAX ? 0 : i.tcpi_min_rtt,
        .cwnd = i.tcpi_snd_cwnd,
        .ssthresh = i.tcpi_snd_ssthresh,
        .unacked = i.tcpi_unacked,
        .total_retrans = i.tcpi_total_retrans,
        .lost = i.tcpi_lost,
        .reordering = i.tcpi_reordering,
        .delivered_ce = i.tcpi_delivered_ce,
        .delivered = i.tcpi_delivered,
        .delivery_rate = i.tcpi_delivery_rate,
        .pacing_rate = rate_or_zero(i.tcpi_pacing_rate),
        .bytes_sent = i.tcpi_bytes_sent,
        .bytes_retrans = i.tcpi_bytes_retrans,
        .bytes_acked = i.tcpi_bytes_acked,
    };
    mqoe_segment_publish(s);
}

// ---- the end of a flow ----

// Resets both ends. The goodput count is closed by the caller, who knows until when the flow counts.
static void finish(struct flow *f, int64_t now, enum flow_event event, int errnum) {
    struct traffic_loop *loop = f->reactor->loop;
    record_info(f, now);
    record_event(f, now, event, errnum);
    traffic_loop_forget(loop, &f->ends[TRAFFIC_CLIENT].source);
    traffic_loop_forget(loop, &f->ends[TRAFFIC_SERVER].source);
    traffic_loop_cancel(loop, &f->life);
    traffic_loop_cancel(loop, &f->watch);
    f->state = OVER;
    traffic_loop_retire(loop);
}

static void fail(struct flow *f, int64_t now, int errnum) {
    traffic_bins_close(&f->bins, now, record_bin, f);
    finish(f, now, EVENT_FAILED, errnum);
}

static int socket_error(int fd) {
    int errnum = 0;
    socklen_t length = sizeof errnum;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &length) < 0 ? errno : errnum;
}

// ---- data ----

// Takes what has arrived, without copying it. Returns 0, or the errno that ended the connection.
static int receive(struct flow *f, int64_t now) {
    ssize_t n = recv(receiving_end(f)->source.fd, NULL, READ_BYTES, MSG_TRUNC | MSG_DONTWAIT);
    if (n > 0)
        traffic_bins_add(&f->bins, now, (uint64_t)n, record_bin, f);
    if (n == 0)
        return ECONNRESET; // only `stop` ends a flow of ours, and with a reset
    return n < 0 && errno != EAGAIN && errno != EINTR ? errno : 0;
}

static int transmit(struct flow *f) {
    const struct tcp *tcp = f->reactor->tcp;
    ssize_t n = send(sending_end(f)->source.fd, tcp->data, sizeof tcp->data, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 && errno != EAGAIN && errno != EINTR ? errno : 0;
}

static void move_data(struct flow *f, struct flow_end *end, uint32_t events, int64_t now) {
    int errnum = 0;
    if (end == receiving_end(f))
        errnum = events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? receive(f, now) : 0;
    else if (events & (EPOLLHUP | EPOLLERR))
        errnum = socket_error(end->source.fd);
    else if (events & EPOLLOUT)
        errnum = transmit(f);
    // A hang-up without an error is the other end's FIN or a reset that was reported already.
    if (!errnum && events & EPOLLHUP && end == sending_end(f))
        errnum = ECONNRESET;
    if (errnum)
        fail(f, now, errnum);
}

// ---- the client's end ----

static uint32_t wanted_events(struct flow *f, const struct flow_end *end) {
    return end == sending_end(f) ? EPOLLOUT : EPOLLIN;
}

// Says which flow this is. Returns 0 when all of it went out, EAGAIN when more must follow, or another errno.
static int send_header(struct flow *f) {
    uint8_t header[TRAFFIC_FLOW_HEADER];
    traffic_flow_header_encode(header,
                               &(struct traffic_flow_header){.key = f->reactor->loop->process->key,
                                                             .flow = f->index,
                                                             .direction = (uint8_t)f->plan->direction});
    ssize_t n = send(f->ends[TRAFFIC_CLIENT].source.fd, header + f->header_sent,
                     sizeof header - f->header_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return errno == EINTR ? EAGAIN : errno;
    f->header_sent += (uint32_t)n;
    return f->header_sent == sizeof header ? 0 : EAGAIN;
}

static void connected(struct flow *f, int64_t now) {
    struct flow_end *client = &f->ends[TRAFFIC_CLIENT];
    if (f->state == CONNECTING) {
        int errnum = socket_error(client->source.fd);
        if (errnum) {
            fail(f, now, errnum);
            return;
        }
        f->state = ESTABLISHED;
        record_event(f, now, EVENT_ESTABLISHED, 0);
    }
    int errnum = send_header(f);
    if (errnum == EAGAIN)
        return;
    if (!errnum)
        errnum = -traffic_loop_rewatch(f->reactor->loop, &client->source, wanted_events(f, client));
    if (errnum)
        fail(f, now, errnum);
}

static void client_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                         int64_t now) {
    (void)loop;
    struct flow_end *end = (struct flow_end *)source;
    if (source->fd < 0)
        return;
    if (end->flow->header_sent < TRAFFIC_FLOW_HEADER)
        connected(end->flow, now);
    else
        move_data(end->flow, end, events, now);
}

static void server_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                         int64_t now) {
    (void)loop;
    struct flow_end *end = (struct flow_end *)source;
    if (source->fd >= 0)
        move_data(end->flow, end, events, now);
}

// ---- start and stop ----

static void stop_flow(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)loop;
    struct flow *f = (struct flow *)((char *)timer - offsetof(struct flow, life));
    int64_t stop = f->plan->pair.stop;
    if (f->state == CONNECTING) { // the SYN was never answered; waiting longer is not in the plan
        traffic_bins_close(&f->bins, stop, record_bin, f);
        finish(f, now, EVENT_FAILED, ETIMEDOUT);
        return;
    }
    // What waits in the receiver's socket has arrived in time. Of a timer that fires late this is not known:
    // better that the last bin lacks a little than that it holds what came after the stop.
    if (now - stop < STOP_ON_TIME && receiving_end(f)->source.fd >= 0)
        (void)receive(f, stop - 1);
    traffic_bins_close(&f->bins, stop, record_bin, f);
    finish(f, now, EVENT_CLOSED, 0);
}

static void watch_flow(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct flow *f = (struct flow *)((char *)timer - offsetof(struct flow, watch));
    int64_t interval = f->bins.width;
    traffic_bins_advance(&f->bins, now < f->plan->pair.stop ? now : f->plan->pair.stop, record_bin, f);
    if (f->state == ESTABLISHED)
        record_info(f, now);
    int64_t phase = traffic_phase(loop->process->plan.seed, PHASE_OF_FLOWS, f->index, interval);
    traffic_loop_arm(loop, timer, phase + ((now - phase) / interval + 1) * interval);
}

static void start_flow(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct flow *f = (struct flow *)((char *)timer - offsetof(struct flow, life));
    struct flow_end *client = &f->ends[TRAFFIC_CLIENT];
    const struct traffic_pair *pair = &f->plan->pair;
    struct sockaddr_storage address;
    const struct traffic_place server = traffic_server_place(&loop->process->plan, pair);
    socklen_t length = traffic_place_address(&server, &address);
    f->state = CONNECTING;
    traffic_bins_open(&f->bins, loop->process->plan.sample_interval, pair->start);
    record_event(f, now, EVENT_CONNECTING, 0);
    f->life.fire = stop_flow;
    traffic_loop_arm(loop, &f->life, pair->stop);
    watch_flow(loop, &f->watch, now);
    int errnum = 0;
    if (connect(client->source.fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS)
        errnum = errno;
    if (!errnum)
        errnum = -traffic_loop_watch(loop, &client->source, EPOLLOUT);
    if (errnum)
        fail(f, now, errnum);
}

// ---- the server's end ----

// The flow's reactor receives its server end. A second connection for one flow is a stray.
static void adopt(void *state, struct traffic_loop *loop, uint32_t item, int fd) {
    struct tcp *tcp = state;
    struct flow *f = &tcp->flows[item];
    struct flow_end *server = &f->ends[TRAFFIC_SERVER];
    if (server->source.fd >= 0 || f->state == WAITING || f->state == OVER) {
        close(fd);
        atomic_fetch_add(&loop->strays,
                         f->state != OVER); // a flow that just ended leaves its last connection
        return;
    }
    server->source.fd = fd;
    atomic_fetch_add(&loop->sockets, 1);
    struct mqoe_error e;
    int error = traffic_set_congestion(fd, f->plan->congestion_control, &e);
    if (!error)
        error = traffic_set_class(fd, f->plan->pair.family, f->plan->pair.dscp, 0);
    if (!error)
        error = traffic_set_pacing(fd, f->plan->pacing);
    if (!error)
        error = traffic_loop_watch(loop, &server->source, wanted_events(f, server));
    if (error)
        fail(f, traffic_loop_now(loop), -error);
}

static bool identified(void *context, struct traffic_loop *loop, const struct traffic_listener *listener,
                       const struct traffic_flow_header *header, int fd) {
    struct tcp *tcp = context;
    if (header->flow >= tcp->process->plan.flow_count)
        return false;
    struct flow *f = &tcp->flows[header->flow];
    const struct traffic_pair *pair = &f->plan->pair;
    if (header->direction != f->plan->direction || pair->server != listener->server ||
        pair->port != listener->port || pair->family != listener->family)
        return false;
    struct traffic_loop *owner = f->reactor->loop;
    if (owner == loop) {
        adopt(tcp, loop, header->flow, fd);
        return true;
    }
    const struct traffic_message m = {
        .type = TRAFFIC_ADOPT, .kind = tcp->kind, .item = header->flow, .fd = fd};
    return traffic_send_message(owner->inbox[1], &m) == 0;
}

// ---- the kind ----

static void add_listener(struct tcp *tcp, uint32_t server, uint32_t first, const struct traffic_pair *pair) {
    for (uint32_t i = first; i < tcp->listener_count; i++)
        if (tcp->listeners[i].family == pair->family && tcp->listeners[i].port == pair->port)
            return;
    tcp->listeners[tcp->listener_count++] = (struct traffic_listener){
        .source = {.fd = -1}, .server = server, .family = pair->family, .port = pair->port};
}

// One listener per (server, family, port).
static int plan_listeners(struct tcp *tcp) {
    const struct traffic_plan *plan = &tcp->process->plan;
    tcp->listeners = calloc(plan->flow_count + 1, sizeof *tcp->listeners);
    if (!tcp->listeners)
        return -ENOMEM;
    for (uint32_t s = 0; s < plan->endpoint_count[TRAFFIC_SERVER]; s++) {
        uint32_t first = tcp->listener_count;
        for (uint32_t i = plan->endpoints[TRAFFIC_SERVER][s].flows; i != TRAFFIC_NONE;
             i = plan->flows[i].pair.next[TRAFFIC_SERVER])
            add_listener(tcp, s, first, &plan->flows[i].pair);
    }
    return 0;
}

static void plan_flow(struct tcp *tcp, uint32_t index) {
    struct flow *f = &tcp->flows[index];
    *f = (struct flow){
        .plan = &tcp->process->plan.flows[index],
        .reactor = &tcp->reactors[index % tcp->process->plan.core_count],
        .ends = {[TRAFFIC_CLIENT] = {{-1, client_ready}, f}, [TRAFFIC_SERVER] = {{-1, server_ready}, f}},
        .life = {.fire = start_flow},
        .watch = {.fire = watch_flow},
        .index = index,
    };
    f->reactor->flows++;
}

static int create_reactor(struct tcp *tcp, struct tcp_reactor *r, struct traffic_loop *loop,
                          struct mqoe_error *e) {
    uint32_t cores = tcp->process->plan.core_count;
    loop->timer_count += (tcp->listener_count + cores - 1) / cores;
    // Any reactor may hold a listener, and so any flow's connection for a moment.
    if (traffic_arrivals_create(&r->arrivals, loop, tcp->process->plan.flow_count, identified, tcp))
        return mqoe_fail(e, ENOMEM, "calloc", "", "arrivals of traffic reactor %u", loop->id);
    if (!r->flows)
        return 0;
    loop->timer_count += 2 * r->flows;
    double per_second = r->flows * 1e9 / (double)tcp->process->plan.sample_interval;
    r->bins = traffic_loop_segment(loop, "tcp_bin", per_second, 4 * (uint64_t)r->flows, e);
    r->info = traffic_loop_segment(loop, "tcp_info", per_second, 4 * (uint64_t)r->flows, e);
    r->events = traffic_loop_segment(loop, "flow_event", 0, 4 * (uint64_t)r->flows, e);
    return r->bins && r->info && r->events ? 0 : -e->errnum;
}

static int create(struct traffic_process *process, uint16_t kind, void **state, struct mqoe_error *e) {
    struct tcp *tcp = calloc(1, sizeof *tcp);
    *state = tcp;
    if (!tcp)
        return mqoe_fail(e, ENOMEM, "calloc", "", "TCP flows");
    tcp->process = process;
    tcp->kind = kind;
    tcp->flows = calloc(process->plan.flow_count + 1, sizeof *tcp->flows);
    tcp->reactors = calloc(process->plan.core_count, sizeof *tcp->reactors);
    if (!tcp->flows || !tcp->reactors || plan_listeners(tcp))
        return mqoe_fail(e, ENOMEM, "calloc", "", "%u TCP flows", process->plan.flow_count);
    for (uint32_t i = 0; i < process->plan.flow_count; i++)
        plan_flow(tcp, i);
    for (size_t i = 0; i < sizeof tcp->data; i += 8) // not compressible, in case a middle compresses
        memcpy(tcp->data + i, &(uint64_t){traffic_mix(process->plan.seed, i, 0)}, 8);
    int error = 0;
    for (uint32_t i = 0; !error && i < process->plan.core_count; i++) {
        tcp->reactors[i].tcp = tcp;
        tcp->reactors[i].loop = &process->loops[i];
        error = create_reactor(tcp, &tcp->reactors[i], &process->loops[i], e);
    }
    return error;
}

static uint64_t sockets(const void *state) {
    const struct tcp *tcp = state;
    const struct traffic_plan *plan = &tcp->process->plan;
    return plan->flow_count * UINT64_C(2) + tcp->listener_count +
           (uint64_t)plan->core_count * TRAFFIC_SPARE_ARRIVALS;
}

static int name_flow(const struct flow *f, int error, const char *call, struct mqoe_error *e) {
    return mqoe_fail(e, -error, call, "", "flow %lld of %s", (long long)f->plan->pair.id,
                     f->plan->pair.traffic);
}

static int open_client(struct tcp *tcp, const struct traffic_endpoint *endpoint, struct mqoe_error *e) {
    const struct traffic_plan *plan = &tcp->process->plan;
    for (uint32_t i = endpoint->flows; i != TRAFFIC_NONE; i = plan->flows[i].pair.next[TRAFFIC_CLIENT]) {
        struct flow *f = &tcp->flows[i];
        const struct traffic_place place = traffic_client_place(plan, &f->plan->pair);
        int fd = traffic_tcp_socket(&place, e);
        if (fd < 0)
            return fd;
        f->ends[TRAFFIC_CLIENT].source.fd = fd;
        atomic_fetch_add(&f->reactor->loop->sockets, 1);
        int error = traffic_set_congestion(fd, f->plan->congestion_control, e);
        if (error)
            return error;
        error = traffic_set_class(fd, f->plan->pair.family, f->plan->pair.dscp, 0);
        if (!error)
            error = traffic_set_pacing(fd, f->plan->pacing);
        if (error)
            return name_flow(f, error, "setsockopt IP_TOS or SO_MAX_PACING_RATE", e);
    }
    return 0;
}

// Congestion control and class of the listener are those of one of its flows: the SYN-ACK carries them. The
// accepted socket gets its own flow's. Trying every flow's here shows at ready what would fail later.
static int prepare_listener(struct tcp *tcp, const struct traffic_endpoint *endpoint,
                            const struct traffic_listener *listener, int fd, struct mqoe_error *e) {
    const struct traffic_plan *plan = &tcp->process->plan;
    for (uint32_t i = endpoint->flows; i != TRAFFIC_NONE; i = plan->flows[i].pair.next[TRAFFIC_SERVER]) {
        const struct traffic_pair *pair = &plan->flows[i].pair;
        if (pair->family != listener->family || pair->port != listener->port)
            continue;
        int error = traffic_set_congestion(fd, plan->flows[i].congestion_control, e);
        if (error)
            return error;
        error = traffic_set_class(fd, pair->family, pair->dscp, 0);
        if (error)
            return name_flow(&tcp->flows[i], error, "setsockopt IP_TOS", e);
    }
    return 0;
}

static int open_server(struct tcp *tcp, const struct traffic_endpoint *endpoint, struct mqoe_error *e) {
    const struct traffic_plan *plan = &tcp->process->plan;
    uint32_t server = (uint32_t)(endpoint - plan->endpoints[TRAFFIC_SERVER]);
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        struct traffic_listener *listener = &tcp->listeners[i];
        if (listener->server != server)
            continue;
        const struct traffic_place place = {
            .endpoint = endpoint, .family = listener->family, .port = listener->port};
        int fd = traffic_tcp_socket(&place, e);
        if (fd < 0)
            return fd;
        int error = prepare_listener(tcp, endpoint, listener, fd, e);
        if (error) {
            close(fd);
            return error;
        }
        error = traffic_listener_start(listener, &tcp->reactors[i % plan->core_count].arrivals, fd, e);
        if (error)
            return error;
    }
    return 0;
}

static int open_endpoint(void *state, enum traffic_role role, const struct traffic_endpoint *endpoint,
                         struct mqoe_error *e) {
    return role == TRAFFIC_CLIENT ? open_client(state, endpoint, e) : open_server(state, endpoint, e);
}

static void go(void *state, struct traffic_loop *loop) {
    struct tcp *tcp = state;
    if (loop->punctual)
        return;
    for (uint32_t i = loop->id; i < tcp->process->plan.flow_count; i += tcp->process->plan.core_count) {
        loop->active++;
        traffic_loop_arm(loop, &tcp->flows[i].life, tcp->flows[i].plan->pair.start);
    }
}

// An early end: bins that are not over are dropped, because they would look like a slow moment.
static void stop(void *state, struct traffic_loop *loop, int64_t now) {
    struct tcp *tcp = state;
    if (loop->punctual)
        return;
    for (uint32_t i = loop->id; i < tcp->process->plan.flow_count; i += tcp->process->plan.core_count) {
        struct flow *f = &tcp->flows[i];
        if (f->state == CONNECTING || f->state == ESTABLISHED) {
            traffic_bins_advance(&f->bins, now, record_bin, f);
            finish(f, now, EVENT_CLOSED, 0);
        }
        traffic_loop_forget(loop, &f->ends[TRAFFIC_CLIENT].source);
    }
    for (uint32_t i = loop->id; i < tcp->listener_count; i += tcp->process->plan.core_count)
        traffic_loop_forget(loop, &tcp->listeners[i].source);
    traffic_arrivals_stop(&tcp->reactors[loop->id].arrivals);
}

static void destroy(void *state) {
    struct tcp *tcp = state;
    for (uint32_t i = 0; tcp && tcp->reactors && i < tcp->process->plan.core_count; i++)
        traffic_arrivals_destroy(&tcp->reactors[i].arrivals);
    if (tcp) {
        free(tcp->flows);
        free(tcp->reactors);
        free(tcp->listeners);
    }
    free(tcp);
}

const struct traffic_kind traffic_tcp = {
    .name = "tcp",
    .create = create,
    .sockets = sockets,
    .open = open_endpoint,
    .go = go,
    .adopt = adopt,
    .stop = stop,
    .destroy = destroy,
};
