// The kind of traffic that sessions are: their listeners, their start and stop, and what is recorded of them
// beside their requests (goodput bins, TCP_INFO).
#include "traffic/session.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic/kind.h"
#include "traffic/session_parts.h"
#include "traffic/sockets.h"

#define PHASE_OF_SESSIONS 0x73657373u // "sess"
#define SHORT_RECORDS                                                                                        \
    (UINT64_C(1) << 16) // transfers, or connections that end: more than two seconds can bring

static const struct traffic_script *const scripts[TRAFFIC_SCRIPTS] = {
    [TRAFFIC_SCRIPT_TRANSFERS] = &traffic_script_transfers,
    [TRAFFIC_SCRIPT_WEB] = &traffic_script_web,
    [TRAFFIC_SCRIPT_VIDEO] = &traffic_script_video,
    [TRAFFIC_SCRIPT_RPM] = &traffic_script_rpm,
};

// ---- records ----

static void record_bin(void *context, int64_t end, uint64_t bytes, uint32_t reads) {
    struct traffic_session *s = context;
    struct mqoe_record_tcp_bin *r = mqoe_segment_next(s->reactor->bins);
    *r = (struct mqoe_record_tcp_bin){
        .time = end, .flow = traffic_session_id(s), .reads = reads, .bytes = bytes};
    mqoe_segment_publish(s->reactor->bins);
}

void session_received(struct traffic_session *s, int64_t now, uint64_t bytes) {
    s->received += bytes;
    if (s->running)
        traffic_bins_add(&s->bins, now, bytes, record_bin, s);
}

// What the socket has sent since it was looked at last.
static void count_sent(struct traffic_totals *total, struct traffic_totals *counted,
                       const struct tcp_info *i) {
    total->bytes_sent += i->tcpi_bytes_sent - counted->bytes_sent;
    total->bytes_retrans += i->tcpi_bytes_retrans - counted->bytes_retrans;
    total->bytes_acked += i->tcpi_bytes_acked - counted->bytes_acked;
    total->total_retrans += i->tcpi_total_retrans - counted->total_retrans;
    total->delivered += i->tcpi_delivered - counted->delivered;
    total->delivered_ce += i->tcpi_delivered_ce - counted->delivered_ce;
    *counted = (struct traffic_totals){
        .bytes_sent = i->tcpi_bytes_sent,
        .bytes_retrans = i->tcpi_bytes_retrans,
        .bytes_acked = i->tcpi_bytes_acked,
        .total_retrans = i->tcpi_total_retrans,
        .delivered = i->tcpi_delivered,
        .delivered_ce = i->tcpi_delivered_ce,
    };
}

// Cumulative fields are the session's, so that they never go back; the others are this connection's.
void session_sample(struct traffic_session *s, int fd, struct traffic_totals *counted, int64_t now) {
    struct tcp_info i = {0};
    socklen_t length = sizeof i;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &length) < 0)
        return;
    count_sent(&s->totals, counted, &i);
    struct mqoe_record_tcp_info *r = mqoe_segment_next(s->reactor->info);
    *r = (struct mqoe_record_tcp_info){
        .time = now,
        .flow = traffic_session_id(s),
        .rtt = i.tcpi_rtt,
        .rttvar = i.tcpi_rttvar,
        .min_rtt = i.tcpi_min_rtt == UINT32_MAX ? 0 : i.tcpi_min_rtt,
        .cwnd = i.tcpi_snd_cwnd,
        .ssthresh = i.tcpi_snd_ssthresh,
        .unacked = i.tcpi_unacked,
        .total_retrans = s->totals.total_retrans,
        .lost = i.tcpi_lost,
        .reordering = i.tcpi_reordering,
        .delivered_ce = s->totals.delivered_ce,
        .delivered = s->totals.delivered,
        .delivery_rate = i.tcpi_delivery_rate,
        .pacing_rate = i.tcpi_pacing_rate == UINT64_MAX ? 0 : i.tcpi_pacing_rate,
        .bytes_sent = s->totals.bytes_sent,
        .bytes_retrans = s->totals.bytes_retrans,
        .bytes_acked = s->totals.bytes_acked,
    };
    mqoe_segment_publish(s->reactor->info);
}

// ---- sockets ----

int session_prepare_socket(const struct traffic_session *s, int fd) {
    struct mqoe_error e;
    const struct traffic_pair *pair = &s->plan->pair;
    int error = traffic_set_congestion(fd, s->plan->congestion_control, &e);
    if (!error)
        error = traffic_set_class(fd, pair->family, pair->dscp, 0);
    if (!error)
        error = traffic_set_pacing(fd, s->plan->pacing);
    if (!error && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
        error = -errno;
    return error;
}

void session_end_gently(int fd) {
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){0}, sizeof(struct linger));
}

// ---- start and stop ----

static void end_session(struct traffic_session *s, int64_t now) {
    if (s->script->stop)
        s->script->stop(s, now);
    session_end_exchanges(s, now);
    session_end_ends(s, now);
    traffic_loop_cancel(s->loop, &s->life);
    traffic_loop_cancel(s->loop, &s->watch);
    s->running = false;
    traffic_loop_retire(s->loop);
}

static void stop_session(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)loop;
    struct traffic_session *s =
        (struct traffic_session *)((char *)timer - offsetof(struct traffic_session, life));
    traffic_bins_close(&s->bins, s->plan->pair.stop, record_bin, s);
    end_session(s, now);
}

static void watch_session(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct traffic_session *s =
        (struct traffic_session *)((char *)timer - offsetof(struct traffic_session, watch));
    int64_t interval = s->bins.width, stop = s->plan->pair.stop;
    traffic_bins_advance(&s->bins, now < stop ? now : stop, record_bin, s);
    session_sample_exchanges(s, now);
    session_sample_ends(s, now);
    int64_t phase = traffic_phase(loop->process->plan.seed, PHASE_OF_SESSIONS, s->index, interval);
    traffic_loop_arm(loop, timer, phase + ((now - phase) / interval + 1) * interval);
}

static void start_session(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct traffic_session *s =
        (struct traffic_session *)((char *)timer - offsetof(struct traffic_session, life));
    s->running = true;
    traffic_bins_open(&s->bins, loop->process->plan.sample_interval, s->plan->pair.start);
    s->life.fire = stop_session;
    traffic_loop_arm(loop, &s->life, s->plan->pair.stop);
    watch_session(loop, &s->watch, now);
    s->script->start(s, now);
}

// ---- connections that arrive ----

static void adopt(void *state, struct traffic_loop *loop, uint32_t item, int fd) {
    struct sessions *all = state;
    session_adopt(&all->items[item], fd, traffic_loop_now(loop));
}

static bool identified(void *context, struct traffic_loop *loop, const struct traffic_listener *listener,
                       const struct traffic_flow_header *header, int fd) {
    struct sessions *all = context;
    if (header->flow >= all->process->plan.session_count || header->direction)
        return false;
    const struct traffic_session *s = &all->items[header->flow];
    const struct traffic_pair *pair = &s->plan->pair;
    if (pair->server != listener->server || pair->port != listener->port || pair->family != listener->family)
        return false;
    if (s->loop == loop) {
        adopt(all, loop, header->flow, fd);
        return true;
    }
    const struct traffic_message m = {
        .type = TRAFFIC_ADOPT, .kind = all->kind, .item = header->flow, .fd = fd};
    return traffic_send_message(s->loop->inbox[1], &m) == 0;
}

// ---- the kind ----

static void add_listener(struct sessions *all, uint32_t server, uint32_t first,
                         const struct traffic_pair *pair) {
    for (uint32_t i = first; i < all->listener_count; i++)
        if (all->listeners[i].family == pair->family && all->listeners[i].port == pair->port)
            return;
    all->listeners[all->listener_count++] = (struct traffic_listener){
        .source = {.fd = -1}, .server = server, .family = pair->family, .port = pair->port};
}

// One listener per (server, family, port).
static void plan_listeners(struct sessions *all) {
    const struct traffic_plan *plan = &all->process->plan;
    for (uint32_t s = 0; s < plan->endpoint_count[TRAFFIC_SERVER]; s++) {
        uint32_t first = all->listener_count;
        for (uint32_t i = plan->endpoints[TRAFFIC_SERVER][s].sessions; i != TRAFFIC_NONE;
             i = plan->sessions[i].pair.next[TRAFFIC_SERVER])
            add_listener(all, s, first, &plan->sessions[i].pair);
    }
}

static int plan_session(struct sessions *all, uint32_t index) {
    struct traffic_session *s = &all->items[index];
    const struct traffic_session_plan *plan = &all->process->plan.sessions[index];
    struct session_reactor *r = &all->reactors[index % all->process->plan.core_count];
    const struct traffic_script *script = scripts[plan->kind];
    const struct traffic_needs needs = script->needs(plan);
    *s = (struct traffic_session){
        .plan = plan,
        .script = script,
        .loop = r->loop,
        .reactor = r,
        .index = index,
        .state = calloc(1, script->state_bytes + 1),
        .life = {.fire = start_session},
        .watch = {.fire = watch_session},
    };
    int error = session_exchanges_create(s, &needs);
    r->sessions++;
    r->connections += s->pool_size;
    r->requests += needs.requests;
    r->loop->timer_count += 3 + needs.timers;
    return s->state ? error : -ENOMEM;
}

// The segment of the records that sessions of one kind of script write beside the common ones.
static int create_records(struct session_reactor *r, enum traffic_script_kind kind, struct mqoe_error *e) {
    const struct traffic_script *script = scripts[kind];
    const struct sessions *all = r->all;
    uint64_t sessions = 0;
    for (uint32_t i = 0; i < all->process->plan.session_count; i++)
        sessions += all->items[i].reactor == r && all->items[i].script == script;
    if (!sessions || !script->record)
        return 0;
    double per_second = (double)sessions * script->records;
    r->records[kind] = traffic_loop_segment(r->loop, script->record, per_second, 4 * sessions, e);
    for (uint32_t i = 0; i < all->process->plan.session_count; i++)
        if (all->items[i].reactor == r && all->items[i].script == script)
            all->items[i].record = r->records[kind];
    return r->records[kind] ? 0 : -e->errnum;
}

static int create_segments(struct session_reactor *r, struct mqoe_error *e) {
    double bins = r->sessions * 1e9 / (double)r->all->process->plan.sample_interval;
    double samples = r->connections * 2e9 / (double)r->all->process->plan.sample_interval;
    r->bins = traffic_loop_segment(r->loop, "tcp_bin", bins, 4 * (uint64_t)r->sessions, e);
    r->info = r->bins ? traffic_loop_segment(r->loop, "tcp_info", samples, SHORT_RECORDS, e) : NULL;
    r->transfers = r->info ? traffic_loop_segment(r->loop, "transfer", 0, SHORT_RECORDS, e) : NULL;
    int error = r->transfers ? 0 : -e->errnum;
    for (int kind = 0; !error && kind < TRAFFIC_SCRIPTS; kind++)
        error = create_records(r, (enum traffic_script_kind)kind, e);
    return error;
}

static int create_reactor(struct session_reactor *r, uint64_t connections, struct mqoe_error *e) {
    struct sessions *all = r->all;
    uint32_t cores = all->process->plan.core_count;
    r->loop->timer_count += (all->listener_count + cores - 1) / cores;
    // Any reactor may hold a listener, and so any session's connection for a moment.
    if (traffic_arrivals_create(&r->arrivals, r->loop, (uint32_t)connections, identified, all) ||
        session_ends_create(r))
        return mqoe_fail(e, ENOMEM, "calloc", "", "connections of traffic reactor %u", r->loop->id);
    return r->sessions ? create_segments(r, e) : 0;
}

static uint64_t connections_of(const struct sessions *all) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < all->process->plan.core_count; i++)
        sum += all->reactors[i].connections;
    return sum;
}

static int plan_all(struct sessions *all) {
    const struct traffic_plan *plan = &all->process->plan;
    all->items = calloc(plan->session_count + 1, sizeof *all->items);
    all->reactors = calloc(plan->core_count, sizeof *all->reactors);
    all->listeners = calloc(plan->session_count + 1, sizeof *all->listeners);
    if (!all->items || !all->reactors || !all->listeners)
        return -ENOMEM;
    for (uint32_t i = 0; i < plan->core_count; i++) {
        all->reactors[i].all = all;
        all->reactors[i].loop = &all->process->loops[i];
    }
    int error = 0;
    for (uint32_t i = 0; !error && i < plan->session_count; i++)
        error = plan_session(all, i);
    plan_listeners(all);
    for (size_t i = 0; i < sizeof all->data; i += 8) // not compressible, in case a middle compresses
        memcpy(all->data + i, &(uint64_t){traffic_mix(plan->seed, PHASE_OF_SESSIONS, i)}, 8);
    return error;
}

static int create(struct traffic_process *process, uint16_t kind, void **state, struct mqoe_error *e) {
    struct sessions *all = calloc(1, sizeof *all);
    *state = all;
    if (!all)
        return mqoe_fail(e, ENOMEM, "calloc", "", "sessions");
    all->process = process;
    all->kind = kind;
    if (plan_all(all))
        return mqoe_fail(e, ENOMEM, "calloc", "fewer flows or transfers need less", "%u sessions",
                         process->plan.session_count);
    int error = 0;
    uint64_t connections = connections_of(all);
    for (uint32_t i = 0; !error && process->plan.session_count && i < process->plan.core_count; i++)
        error = create_reactor(&all->reactors[i], connections, e);
    return error;
}

static uint64_t sockets(const void *state) {
    const struct sessions *all = state;
    uint64_t connections = connections_of(all);
    uint64_t spare = (uint64_t)all->process->plan.core_count * TRAFFIC_SPARE_ARRIVALS;
    return all->listener_count ? 2 * connections + all->listener_count + spare : 0;
}

// Congestion control and class of the listener are those of one of its sessions, as for flows. Nothing else:
// what a session does not set, its connections would inherit from another one's.
static int prepare_listener(const struct sessions *all, const struct traffic_endpoint *endpoint,
                            const struct traffic_listener *listener, int fd, struct mqoe_error *e) {
    const struct traffic_plan *plan = &all->process->plan;
    for (uint32_t i = endpoint->sessions; i != TRAFFIC_NONE;
         i = plan->sessions[i].pair.next[TRAFFIC_SERVER]) {
        const struct traffic_pair *pair = &plan->sessions[i].pair;
        if (pair->family != listener->family || pair->port != listener->port)
            continue;
        int error = traffic_set_congestion(fd, plan->sessions[i].congestion_control, e);
        if (error)
            return error;
        error = traffic_set_class(fd, pair->family, pair->dscp, 0);
        if (error)
            return mqoe_fail(e, -error, "setsockopt", "", "session %lld of %s", (long long)pair->id,
                             pair->traffic);
    }
    return 0;
}

static int open_server(struct sessions *all, const struct traffic_endpoint *endpoint, struct mqoe_error *e) {
    const struct traffic_plan *plan = &all->process->plan;
    uint32_t server = (uint32_t)(endpoint - plan->endpoints[TRAFFIC_SERVER]);
    int error = 0;
    for (uint32_t i = 0; !error && i < all->listener_count; i++) {
        struct traffic_listener *listener = &all->listeners[i];
        if (listener->server != server)
            continue;
        const struct traffic_place place = {
            .endpoint = endpoint, .family = listener->family, .port = listener->port};
        int fd = traffic_tcp_socket(&place, e);
        if (fd < 0)
            return fd;
        error = prepare_listener(all, endpoint, listener, fd, e);
        if (error)
            close(fd);
        else
            error = traffic_listener_start(listener, &all->reactors[i % plan->core_count].arrivals, fd, e);
    }
    return error;
}

// A client's sockets are made as they are needed; one of each session's now shows at ready what would fail
// later.
static int try_client(struct sessions *all, const struct traffic_endpoint *endpoint, struct mqoe_error *e) {
    const struct traffic_plan *plan = &all->process->plan;
    int error = 0;
    for (uint32_t i = endpoint->sessions; !error && i != TRAFFIC_NONE;
         i = plan->sessions[i].pair.next[TRAFFIC_CLIENT]) {
        const struct traffic_place place = traffic_client_place(plan, &plan->sessions[i].pair);
        int fd = traffic_tcp_socket(&place, e);
        if (fd < 0)
            return fd;
        error = traffic_set_congestion(fd, plan->sessions[i].congestion_control, e);
        close(fd);
    }
    return error;
}

static int open_endpoint(void *state, enum traffic_role role, const struct traffic_endpoint *endpoint,
                         struct mqoe_error *e) {
    return role == TRAFFIC_CLIENT ? try_client(state, endpoint, e) : open_server(state, endpoint, e);
}

static void go(void *state, struct traffic_loop *loop) {
    struct sessions *all = state;
    if (loop->punctual)
        return;
    for (uint32_t i = loop->id; i < all->process->plan.session_count; i += all->process->plan.core_count) {
        loop->active++;
        traffic_loop_arm(loop, &all->items[i].life, all->items[i].plan->pair.start);
    }
}

// An early end: bins that are not over are dropped, because they would look like a slow moment.
static void stop(void *state, struct traffic_loop *loop, int64_t now) {
    struct sessions *all = state;
    if (loop->punctual || !all->process->plan.session_count)
        return;
    for (uint32_t i = loop->id; i < all->process->plan.session_count; i += all->process->plan.core_count) {
        struct traffic_session *s = &all->items[i];
        if (!s->running)
            continue;
        traffic_bins_advance(&s->bins, now, record_bin, s);
        end_session(s, now);
    }
    for (uint32_t i = loop->id; i < all->listener_count; i += all->process->plan.core_count)
        traffic_loop_forget(loop, &all->listeners[i].source);
    traffic_arrivals_stop(&all->reactors[loop->id].arrivals);
}

static void destroy(void *state) {
    struct sessions *all = state;
    if (!all)
        return;
    for (uint32_t i = 0; all->items && i < all->process->plan.session_count; i++) {
        session_exchanges_destroy(&all->items[i]);
        free(all->items[i].state);
    }
    for (uint32_t i = 0; all->reactors && i < all->process->plan.core_count; i++) {
        traffic_arrivals_destroy(&all->reactors[i].arrivals);
        session_ends_destroy(&all->reactors[i]);
    }
    free(all->items);
    free(all->reactors);
    free(all->listeners);
    free(all);
}

const struct traffic_kind traffic_sessions = {
    .name = "session",
    .create = create,
    .sockets = sockets,
    .open = open_endpoint,
    .go = go,
    .adopt = adopt,
    .stop = stop,
    .destroy = destroy,
};
