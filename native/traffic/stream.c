// UDP streams: packets leave on the clock, in one direction, whatever becomes of them. A stream's two ends
// live on one (bulk) reactor and share its sequence window, so that what was lost is known by the time at
// which it was sent, and each record has one writer.
//
// Streams down leave through the server's socket, which all streams to a port share, and arrive at a socket
// of the client's own; streams up the other way round.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "traffic/kind.h"
#include "traffic/payload.h"
#include "traffic/schedule.h"
#include "traffic/sockets.h"
#include "traffic/tally.h"

#define BATCH            64                // packets of one system call
#define CATCH_UP         INT64_C(20000000) // ns; what is due for longer is left out
#define GROUP            INT64_C(100000)   // ns; beyond 10,000 packets/s those of so long leave together

#define PHASE_OF_WATCHES 0x75647077u // "udpw"

struct stream {
    struct traffic_source source; // the client's socket
    const struct traffic_stream_plan *plan;
    struct stream_reactor *reactor;
    struct server_end *server;
    struct traffic_timer send, watch;
    struct traffic_tally tally;
    struct traffic_pace pace;   // of the next packet
    struct sockaddr_storage to; // of streams down
    socklen_t to_length;
    uint32_t index;
    bool running;
};

// The socket of one (server, family, port) on one reactor.
struct server_end {
    struct traffic_source source;
    struct stream_reactor *reactor;
    uint32_t server;
    enum traffic_family family;
    uint16_t port;
};

struct stream_reactor {
    struct streams *all;
    struct traffic_loop *loop;
    struct mqoe_segment *arrived, *sent;
    uint32_t count;
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH][2];
    uint8_t packets[BATCH][TRAFFIC_STREAM_HEADER]; // of both directions: a batch is not kept
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
};

struct streams {
    struct traffic_process *process;
    struct stream *items;
    struct stream_reactor *reactors;
    struct server_end *ends; // core_count of them for each (server, family, port)
    uint32_t end_count;
    uint8_t *padding; // what follows the header of every packet
};

// Within a bin, so that thousands of streams are not looked at in the same moment.
static int64_t phase_of(const struct stream *s) {
    return traffic_phase(s->reactor->loop->process->plan.seed, PHASE_OF_WATCHES, s->index, s->tally.width);
}

static int receiving_socket(const struct stream *s) {
    return s->plan->direction == TRAFFIC_UP ? s->server->source.fd : s->source.fd;
}

// ---- the sending end ----

// What is late beyond catching up is left out: the mean rate suffers, which is recorded, but no burst comes
// of a machine that stood still.
static void skip_missed(struct stream *s, int64_t now) {
    uint32_t missed = 0;
    for (; !traffic_pace_over(&s->pace) && s->pace.due <= now - CATCH_UP; missed++)
        traffic_pace_next(&s->pace);
    traffic_tally_sending(&s->tally, now)->skipped += missed;
}

static uint32_t size_of(const struct stream *s, uint64_t number) {
    return traffic_pace_size(s->plan->sizes, s->plan->size_count, s->plan->seed, number);
}

// How many are due at `now`, at most a batch, and what comes after them.
static uint32_t count_due(const struct stream *s, int64_t now, struct traffic_pace *after) {
    uint32_t count = 0;
    for (*after = s->pace; count < BATCH && !traffic_pace_over(after) && after->due <= now; count++)
        traffic_pace_next(after);
    return count;
}

static void write_batch(struct stream *s, uint32_t count, int64_t now) {
    struct stream_reactor *r = s->reactor;
    bool up = s->plan->direction == TRAFFIC_UP; // the client's socket is connected and has its class
    uint8_t *padding = r->all->padding;
    if (!up)
        memcpy(CMSG_DATA(&r->control.align), &(int){s->plan->pair.dscp << 2}, sizeof(int));
    r->control.align.cmsg_level = s->plan->pair.family == TRAFFIC_IPV4 ? SOL_IP : SOL_IPV6;
    r->control.align.cmsg_type = s->plan->pair.family == TRAFFIC_IPV4 ? IP_TOS : IPV6_TCLASS;
    r->control.align.cmsg_len = CMSG_LEN(sizeof(int));
    for (uint32_t i = 0; i < count; i++) {
        const struct traffic_stream_header h = {traffic_stream_tag(r->loop->process->key, s->index),
                                                (uint32_t)(s->tally.window.next + i), (uint32_t)(now / 1000)};
        traffic_stream_encode(r->packets[i], &h);
        r->vectors[i][0] = (struct iovec){r->packets[i], TRAFFIC_STREAM_HEADER};
        uint32_t size = size_of(s, s->tally.window.next + i);
        r->vectors[i][1] = (struct iovec){padding, size - TRAFFIC_STREAM_HEADER};
        r->headers[i].msg_hdr = (struct msghdr){.msg_iov = r->vectors[i], .msg_iovlen = 2};
        if (up)
            continue;
        r->headers[i].msg_hdr.msg_name = &s->to;
        r->headers[i].msg_hdr.msg_namelen = s->to_length;
        r->headers[i].msg_hdr.msg_control = r->control.bytes;
        r->headers[i].msg_hdr.msg_controllen = sizeof r->control.bytes;
    }
}

// Numbers are given to what the socket takes only, so that a gap is a loss of the network.
static void count_sent(struct stream *s, uint32_t sent, int64_t now) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < sent; i++)
        bytes += size_of(s, s->tally.window.next + i);
    traffic_tally_sent(&s->tally, sent, bytes, now);
}

// Sends what is due, at most a batch.
static void send_due(struct stream *s, int64_t now) {
    struct traffic_sent_bin *bin = traffic_tally_sending(&s->tally, now);
    struct traffic_pace after;
    uint32_t count = count_due(s, now, &after);
    int64_t late = now - s->pace.due;
    s->pace = after;
    if (count > traffic_sequence_room(&s->tally.window)) { // never: the window holds what is undecided
        bin->skipped += count;
        return;
    }
    if (!count)
        return;
    bin->late_max = late > bin->late_max ? late : bin->late_max;
    write_batch(s, count, now);
    int fd = s->plan->direction == TRAFFIC_UP ? s->source.fd : s->server->source.fd;
    int taken = sendmmsg(fd, s->reactor->headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    uint32_t sent = taken < 0 ? 0 : (uint32_t)taken;
    count_sent(s, sent, now);
    if (sent == count)
        return;
    bin->refused += count - sent;
    atomic_fetch_add_explicit(&s->reactor->loop->send_errors, count - sent, memory_order_relaxed);
}

// When to wake up next: when the next packet is due; or, where that comes more often than every GROUP, when
// the last one of a group is. A packet never leaves before its time, and a wake-up for each would cost more
// than sending it, above all in a guest.
static int64_t next_wake_up(const struct stream *s) {
    int64_t last = s->pace.due, interval = traffic_pace_interval(&s->pace);
    struct traffic_pace ahead = s->pace;
    if (interval >= GROUP)
        return last;
    for (int64_t end = last + GROUP - interval;; last = ahead.due) {
        traffic_pace_next(&ahead);
        if (traffic_pace_over(&ahead) || ahead.due > end)
            return last;
    }
}

static void stream_due(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct stream *s = (struct stream *)((char *)timer - offsetof(struct stream, send));
    skip_missed(s, now);
    send_due(s, now);
    if (!traffic_pace_over(&s->pace))
        traffic_loop_arm(loop, timer, next_wake_up(s)); // in the past when a batch was not all
}

// ---- the receiving end ----

// A packet that names stream `s`, `length` bytes of payload. False when it cannot be one of it.
static bool take(struct stream *s, const struct traffic_stream_header *h, size_t length, int64_t now) {
    uint64_t number = traffic_sequence_expand(&s->tally.window, h->seq);
    if (length != size_of(s, number))
        return false;
    if (!s->running)
        return true; // the run is over, and its count
    return traffic_tally_arrive(&s->tally, number, (uint32_t)length, now);
}

// Of the payload only the header is copied; the kernel still says how long it was.
static int receive_batch(struct stream_reactor *r, int fd) {
    for (int i = 0; i < BATCH; i++) {
        r->vectors[i][0] = (struct iovec){r->packets[i], TRAFFIC_STREAM_HEADER};
        r->headers[i].msg_hdr = (struct msghdr){.msg_iov = r->vectors[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, r->headers, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
    return n < 0 ? 0 : n;
}

// The stream that packet `i` of the batch belongs to, when it may come through this very socket.
static struct stream *stream_of(struct stream_reactor *r, const struct traffic_source *source, int i,
                                struct traffic_stream_header *h) {
    const struct traffic_process *process = r->all->process;
    if (r->headers[i].msg_len < TRAFFIC_STREAM_HEADER)
        return NULL;
    traffic_stream_decode(r->packets[i], h);
    uint32_t index = traffic_stream_index(process->key, h->tag);
    if (index >= process->plan.stream_count)
        return NULL;
    struct stream *s = &r->all->items[index];
    const struct traffic_source *own = s->plan->direction == TRAFFIC_UP ? &s->server->source : &s->source;
    return own == source ? s : NULL;
}

static void receive(struct stream_reactor *r, const struct traffic_source *source, int64_t now) {
    int n = receive_batch(r, source->fd);
    for (int i = 0; i < n; i++) {
        struct traffic_stream_header h;
        struct stream *s = stream_of(r, source, i, &h);
        if (!s || !take(s, &h, r->headers[i].msg_len, now))
            atomic_fetch_add_explicit(&r->loop->strays, 1, memory_order_relaxed);
    }
}

static void client_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                         int64_t now) {
    (void)loop, (void)events;
    if (source->fd >= 0)
        receive(((struct stream *)source)->reactor, source, now);
}

static void server_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                         int64_t now) {
    (void)loop, (void)events;
    if (source->fd >= 0)
        receive(((struct server_end *)source)->reactor, source, now);
}

// ---- a stream's life ----

// Once in a bin, so that bins without a packet are written too. Sockets stay beyond the end of the run until
// the process stops: what is still under way should meet a socket, not be answered by the kernel.
static void watch_stream(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct stream *s = (struct stream *)((char *)timer - offsetof(struct stream, watch));
    int64_t over = loop->process->plan.duration;
    s->tally.overruns = traffic_socket_drops(receiving_socket(s));
    if (now >= over) {
        traffic_tally_end(&s->tally, over);
        s->running = false;
        traffic_loop_cancel(loop, &s->send);
        traffic_loop_retire(loop);
        return;
    }
    traffic_tally_advance(&s->tally, now);
    int64_t next = s->tally.arrived.end + phase_of(s);
    traffic_loop_arm(loop, timer, next < over ? next : over);
}

// ---- planning ----

static void add_ends(struct streams *all, uint32_t server, uint32_t first, const struct traffic_pair *pair) {
    uint32_t reactors = all->process->plan.core_count;
    for (uint32_t i = first; i < all->end_count; i += reactors)
        if (all->ends[i].family == pair->family && all->ends[i].port == pair->port)
            return;
    for (uint32_t i = 0; i < reactors; i++)
        all->ends[all->end_count++] = (struct server_end){.source = {-1, server_ready},
                                                          .reactor = &all->reactors[i],
                                                          .server = server,
                                                          .family = pair->family,
                                                          .port = pair->port};
}

// The end on the stream's own reactor, of those of its server, which start at `first`.
static struct server_end *find_end(struct streams *all, uint32_t first, const struct stream *s) {
    const struct traffic_pair *pair = &s->plan->pair;
    for (uint32_t i = first; i < all->end_count; i++) {
        struct server_end *end = &all->ends[i];
        if (end->family == pair->family && end->port == pair->port && end->reactor == s->reactor)
            return end;
    }
    return NULL; // cannot be: add_ends made one for every reactor
}

static int plan_ends(struct streams *all) {
    const struct traffic_plan *plan = &all->process->plan;
    all->ends = calloc((size_t)plan->stream_count * plan->core_count + 1, sizeof *all->ends);
    if (!all->ends)
        return -ENOMEM;
    for (uint32_t server = 0; server < plan->endpoint_count[TRAFFIC_SERVER]; server++) {
        uint32_t first = all->end_count, chain = plan->endpoints[TRAFFIC_SERVER][server].streams;
        for (uint32_t i = chain; i != TRAFFIC_NONE; i = plan->streams[i].pair.next[TRAFFIC_SERVER]) {
            add_ends(all, server, first, &plan->streams[i].pair);
            all->items[i].server = find_end(all, first, &all->items[i]);
        }
    }
    return 0;
}

static int plan_stream(struct streams *all, uint32_t index) {
    const struct traffic_plan *plan = &all->process->plan;
    const struct traffic_stream_plan *sp = &plan->streams[index];
    struct stream *s = &all->items[index];
    *s = (struct stream){
        .source = {-1, client_ready},
        .plan = sp,
        .reactor = &all->reactors[index % plan->core_count],
        .send = {.fire = stream_due},
        .watch = {.fire = watch_stream},
        .index = index,
    };
    traffic_pace_open(&s->pace, &sp->pace);
    const struct traffic_place client = traffic_client_place(plan, &sp->pair);
    s->to_length = traffic_place_address(&client, &s->to);
    s->reactor->count++;
    uint64_t window = traffic_pace_most(&sp->pace, traffic_tally_horizon(plan->sample_interval) + CATCH_UP);
    return traffic_tally_open(&s->tally, &sp->pair, plan->sample_interval, window + BATCH);
}

// ---- the kind ----

static int create_reactor(struct streams *all, struct stream_reactor *r, struct mqoe_error *e) {
    int64_t width = all->process->plan.sample_interval;
    double per_second = r->count * 1e9 / (double)width;
    if (!r->count)
        return 0;
    r->loop->timer_count += 2 * r->count;
    r->arrived = traffic_loop_segment(r->loop, "udp_bin", per_second, 4 * (uint64_t)r->count, e);
    // At the end of the run all bins that still wait are written at once.
    r->sent = traffic_loop_segment(r->loop, "udp_sent", per_second,
                                   r->count * (traffic_tally_waiting(width) + 4), e);
    return r->arrived && r->sent ? 0 : -e->errnum;
}

// What every packet is filled with; not compressible, in case a middle compresses.
static uint8_t *make_padding(const struct traffic_plan *plan) {
    uint32_t size = 0;
    for (uint32_t i = 0; i < plan->stream_count; i++)
        size = plan->streams[i].largest > size ? plan->streams[i].largest : size;
    uint8_t *padding = calloc(1, size + sizeof(uint64_t));
    for (uint32_t i = 0; padding && i < size; i += sizeof(uint64_t))
        memcpy(padding + i, &(uint64_t){traffic_mix(plan->seed, PHASE_OF_WATCHES, i)}, sizeof(uint64_t));
    return padding;
}

static int plan_all(struct streams *all) {
    const struct traffic_plan *plan = &all->process->plan;
    all->items = calloc(plan->stream_count + 1, sizeof *all->items);
    all->reactors = calloc(plan->core_count, sizeof *all->reactors);
    all->padding = make_padding(plan);
    if (!all->items || !all->reactors || !all->padding)
        return -ENOMEM;
    int error = 0;
    for (uint32_t i = 0; i < plan->core_count; i++) {
        all->reactors[i].all = all;
        all->reactors[i].loop = &all->process->loops[i];
    }
    for (uint32_t i = 0; !error && i < plan->stream_count; i++)
        error = plan_stream(all, i);
    return error ? error : plan_ends(all);
}

static int create(struct traffic_process *process, uint16_t kind, void **state, struct mqoe_error *e) {
    (void)kind;
    struct streams *all = calloc(1, sizeof *all);
    *state = all;
    if (!all)
        return mqoe_fail(e, ENOMEM, "calloc", "", "UDP streams");
    all->process = process;
    if (plan_all(all))
        return mqoe_fail(e, ENOMEM, "calloc", "fewer streams, or a lower rate, need less", "%u UDP streams",
                         process->plan.stream_count);
    int error = 0;
    for (uint32_t i = 0; !error && i < process->plan.core_count; i++)
        error = create_reactor(all, &all->reactors[i], e);
    return error;
}

static uint64_t sockets(const void *state) {
    const struct streams *all = state;
    return (uint64_t)all->process->plan.stream_count + all->end_count;
}

static int watch(struct traffic_loop *loop, struct traffic_source *source, int fd, const char *what,
                 struct mqoe_error *e) {
    source->fd = fd;
    atomic_fetch_add(&loop->sockets, 1);
    int error = traffic_loop_watch(loop, source, EPOLLIN);
    return error ? mqoe_fail(e, -error, "epoll_ctl", "see fs.epoll.max_user_watches", "%s", what) : 0;
}

static int open_client(struct streams *all, struct stream *s, const struct traffic_endpoint *endpoint,
                       struct mqoe_error *e) {
    const struct traffic_pair *pair = &s->plan->pair;
    const struct traffic_plan *plan = &all->process->plan;
    const struct traffic_place own = traffic_client_place(plan, pair);
    int fd = traffic_stream_socket(&own, 1, 0, e);
    if (fd < 0)
        return fd;
    int error = watch(s->reactor->loop, &s->source, fd, endpoint->name, e);
    if (error)
        return error;
    const struct traffic_place server = traffic_server_place(plan, pair);
    struct sockaddr_storage address;
    socklen_t length = traffic_place_address(&server, &address);
    if (connect(fd, (struct sockaddr *)&address, length) < 0)
        return mqoe_fail(e, errno, "connect", "is there a route from the client's namespace?",
                         "stream %lld of %s: %s to %s", (long long)pair->id, pair->traffic, endpoint->name,
                         server.endpoint->name);
    error = traffic_set_class(fd, pair->family, pair->dscp, 0);
    return error ? mqoe_fail(e, -error, "setsockopt IP_TOS", "", "stream %lld of %s", (long long)pair->id,
                             pair->traffic)
                 : 0;
}

static int open_server(struct streams *all, struct server_end *end, const struct traffic_endpoint *endpoint,
                       struct mqoe_error *e) {
    const struct traffic_place place = {.endpoint = endpoint, .family = end->family, .port = end->port};
    int fd = traffic_stream_socket(&place, all->process->plan.core_count, all->process->key, e);
    return fd < 0 ? fd : watch(end->reactor->loop, &end->source, fd, endpoint->name, e);
}

static int open_endpoint(void *state, enum traffic_role role, const struct traffic_endpoint *endpoint,
                         struct mqoe_error *e) {
    struct streams *all = state;
    const struct traffic_plan *plan = &all->process->plan;
    int error = 0;
    if (role == TRAFFIC_CLIENT) {
        for (uint32_t i = endpoint->streams; !error && i != TRAFFIC_NONE;
             i = plan->streams[i].pair.next[TRAFFIC_CLIENT])
            error = open_client(all, &all->items[i], endpoint, e);
        return error;
    }
    uint32_t server = (uint32_t)(endpoint - plan->endpoints[TRAFFIC_SERVER]);
    for (uint32_t i = 0; !error && i < all->end_count; i++)
        if (all->ends[i].server == server)
            error = open_server(all, &all->ends[i], endpoint, e);
    return error;
}

static void go(void *state, struct traffic_loop *loop) {
    struct streams *all = state;
    for (uint32_t i = 0; i < all->process->plan.stream_count; i++) {
        struct stream *s = &all->items[i];
        if (s->reactor->loop != loop)
            continue;
        loop->active++;
        s->running = true;
        s->tally.arrived_records = s->reactor->arrived;
        s->tally.sent_records = s->reactor->sent;
        if (!traffic_pace_over(&s->pace))
            traffic_loop_arm(loop, &s->send, s->pace.due);
        traffic_loop_arm(loop, &s->watch, s->plan->pair.start);
    }
}

static void stop(void *state, struct traffic_loop *loop, int64_t now) {
    struct streams *all = state;
    for (uint32_t i = 0; i < all->process->plan.stream_count; i++) {
        struct stream *s = &all->items[i];
        if (s->reactor->loop != loop)
            continue;
        if (s->running)
            traffic_tally_break_off(&s->tally, now);
        s->running = false;
        traffic_loop_forget(loop, &s->source);
    }
    for (uint32_t i = 0; i < all->end_count; i++)
        if (all->ends[i].reactor->loop == loop)
            traffic_loop_forget(loop, &all->ends[i].source);
}

static void destroy(void *state) {
    struct streams *all = state;
    if (!all)
        return;
    for (uint32_t i = 0; all->items && i < all->process->plan.stream_count; i++) {
        traffic_tally_close(&all->items[i].tally);
    }
    free(all->items);
    free(all->reactors);
    free(all->ends);
    free(all->padding);
    free(all);
}

const struct traffic_kind traffic_stream = {
    .name = "stream",
    .create = create,
    .sockets = sockets,
    .open = open_endpoint,
    .go = go,
    .stop = stop,
    .destroy = destroy,
};
