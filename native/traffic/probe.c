// Isochronous UDP probes: client → server → echoed back, with the time at all four points. A probe's two ends
// live on one reactor and share its packets' entries, so a packet whose echo is lost still tells its way up.
//
// An entry is written as a record when its timeout is over, in the order of sequence numbers, because only
// then are the numbers of copies final; refused and skipped packets are written at once. After the last slot
// a probe whose packets are all answered waits no longer. At an early stop the answered packets are written
// and those still in flight are dropped: they are neither delivered nor lost.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "traffic/kind.h"
#include "traffic/payload.h"
#include "traffic/schedule.h"
#include "traffic/sockets.h"
#include "traffic/udp.h"

#define PHASE_OF_PROBES 0x70726f6265u // "probe"
#define LAST_LOOK       20000000      // ns

enum record_flags { FLAG_T2_USER = 1, FLAG_T4_USER = 2, FLAG_REFUSED = 4 };

// One packet that is waited for. Times as in the record, 0 = did not happen; but `over`, when its timeout
// ends, is on the monotonic clock, so that a clock step cannot make it wait for ever.
struct packet {
    int64_t over;
    int64_t due, sent, server_received, server_sent, client_received;
    uint32_t seq;
    uint16_t up_copies, down_copies, flags;
    bool waiting;
};

struct probe {
    struct traffic_source source; // the client's socket
    const struct traffic_probe_plan *plan;
    struct probe_reactor *reactor;
    struct traffic_timer timer;
    struct traffic_slots slots;
    struct packet *ring; // entry of seq: seq modulo ring_size
    uint32_t ring_size;
    uint32_t oldest; // no entry below it is waiting
    uint32_t index;
};

struct echo {
    struct traffic_source source;
    struct probe_reactor *reactor;
    uint32_t server;
    enum traffic_family family;
    uint16_t port;
};

struct probe_reactor {
    struct probes *all;
    struct traffic_loop *loop;
    struct mqoe_segment *records;
    struct traffic_batch batch;
    uint8_t number;    // among the reactors of probes; in every packet
    uint8_t *buffer;   // for sending
    double per_second; // packets of its probes
    uint64_t waiting_max;
    uint32_t count;
};

struct probes {
    struct traffic_process *process;
    struct probe *items;
    struct probe_reactor *reactors;
    struct echo *echoes; // core_count of them for each (server, family, port)
    uint32_t echo_count;
};

static int64_t since_t0(const struct probe_reactor *r, int64_t realtime) {
    return realtime - r->loop->clock.real;
}

// ---- records ----

static void write_record(struct probe *p, const struct packet *packet, int error) {
    struct mqoe_segment *s = p->reactor->records;
    struct mqoe_record_probe *r = mqoe_segment_next(s);
    *r = (struct mqoe_record_probe){
        .time = packet->due,
        .probe = (uint32_t)p->plan->pair.id,
        .seq = packet->seq,
        .client_sent = packet->sent,
        .server_received = packet->server_received,
        .server_sent = packet->server_sent,
        .client_received = packet->client_received,
        .up_copies = packet->up_copies,
        .down_copies = packet->down_copies,
        .flags = packet->flags,
        .error = (uint16_t)error,
    };
    mqoe_segment_publish(s);
}

static void record_unsent(struct probe *p, uint32_t seq, int64_t sent, int error) {
    const struct packet packet = {
        .due = traffic_slot_due(&p->slots, seq), .seq = seq, .sent = sent, .flags = FLAG_REFUSED};
    write_record(p, &packet, error);
}

// ---- entries ----

// The waiting entry of a sequence number; NULL for one that was never sent or is over.
static struct packet *find(struct probe *p, uint32_t seq) {
    struct packet *packet = &p->ring[seq % p->ring_size];
    return packet->waiting && packet->seq == seq ? packet : NULL;
}

// Writes the entries whose timeout is over, oldest first. Returns the time at which the next one is over,
// INT64_MAX when none is waiting.
static int64_t expire(struct probe *p, int64_t now) {
    for (; p->oldest < p->slots.next; p->oldest++) {
        struct packet *packet = find(p, p->oldest);
        if (!packet)
            continue;
        if (packet->over > now)
            return packet->over;
        write_record(p, packet, 0);
        packet->waiting = false;
    }
    return INT64_MAX;
}

// ---- the client's end ----

static void note_lateness(struct traffic_loop *loop, int64_t late) {
    if (late > loop->late_max)
        loop->late_max = late;
}

// A slot that is a whole interval late is not sent: a busy machine must show as a late generator, not as a
// burst.
static void skip_missed(struct probe *p, int64_t now) {
    uint32_t missed = traffic_slots_missed(&p->slots, now);
    if (missed)
        note_lateness(p->reactor->loop, now - traffic_slot_due(&p->slots, p->slots.next));
    for (; missed > 0; missed--)
        record_unsent(p, p->slots.next++, 0, ETIME);
}

static void send_packet(struct probe *p) {
    struct probe_reactor *r = p->reactor;
    uint32_t seq = p->slots.next++;
    int64_t due = traffic_slot_due(&p->slots, seq);
    struct traffic_probe_header h = {.key = r->loop->process->key,
                                     .probe = p->index,
                                     .seq = seq,
                                     .size = (uint16_t)p->plan->size,
                                     .reactor = r->number};
    // Before the call: on a veth without a queue the echo is back before send returns.
    struct packet *packet = &p->ring[seq % p->ring_size];
    int64_t now = traffic_loop_now(r->loop);
    note_lateness(r->loop, now - due);
    h.t1 = since_t0(r, traffic_realtime());
    *packet = (struct packet){
        .over = now + p->plan->timeout, .due = due, .sent = h.t1, .seq = seq, .waiting = true};
    traffic_probe_encode(r->buffer, &h);
    if (send(p->source.fd, r->buffer, p->plan->size, MSG_DONTWAIT) >= 0) {
        atomic_fetch_add_explicit(&r->loop->probes_sent, 1, memory_order_relaxed);
        return;
    }
    packet->waiting = false;
    record_unsent(p, seq, h.t1, errno);
    atomic_fetch_add_explicit(&r->loop->send_errors, 1, memory_order_relaxed);
}

// Whether every packet that is waited for has its echo, so that only further copies could still come.
static bool all_answered(struct probe *p) {
    for (uint32_t seq = p->oldest; seq < p->slots.next; seq++) {
        struct packet *packet = find(p, seq);
        if (packet && packet->down_copies == 0)
            return false;
    }
    return true;
}

// After the last slot: until everything is answered or over, looked at every LAST_LOOK.
static void wait_for_last(struct traffic_loop *loop, struct probe *p, int64_t now, int64_t over) {
    if (!all_answered(p)) {
        traffic_loop_arm(loop, &p->timer, over < now + LAST_LOOK ? over : now + LAST_LOOK);
        return;
    }
    expire(p, INT64_MAX);
    traffic_loop_retire(loop);
}

static void probe_due(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct probe *p = (struct probe *)((char *)timer - offsetof(struct probe, timer));
    uint32_t total = traffic_slots_total(&p->slots);
    int64_t over = expire(p, now);
    skip_missed(p, now);
    if (p->slots.next < total && traffic_slot_due(&p->slots, p->slots.next) <= now)
        send_packet(p);
    if (p->slots.next < total)
        traffic_loop_arm(loop, timer, traffic_slot_due(&p->slots, p->slots.next));
    else
        wait_for_last(loop, p, now, over);
}

static void count_copy(uint16_t *copies) {
    if (*copies < UINT16_MAX)
        ++*copies;
}

static void receive_echo(struct probe *p, const struct traffic_packet *received) {
    struct probe_reactor *r = p->reactor;
    struct traffic_probe_header h;
    if (!traffic_probe_decode(received->data, received->length, &h) || h.key != r->loop->process->key ||
        !(h.flags & TRAFFIC_PROBE_ECHO) || h.probe != p->index || h.size != p->plan->size) {
        atomic_fetch_add(&r->loop->strays, 1);
        return;
    }
    struct packet *packet = find(p, h.seq);
    int64_t now = since_t0(r, received->received);
    if (!packet || now - packet->sent > p->plan->timeout)
        return; // too late: it counts as lost
    count_copy(&packet->down_copies);
    if (packet->down_copies > 1)
        return;
    packet->server_received = h.t2; // of this very copy, so that the four points belong together
    packet->server_sent = h.t3;
    packet->client_received = now;
    packet->flags = (uint16_t)((h.flags & TRAFFIC_PROBE_T2_USER ? FLAG_T2_USER : 0) |
                               (received->user_time ? FLAG_T4_USER : 0));
}

static void client_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                         int64_t now) {
    (void)loop, (void)events, (void)now;
    struct probe *p = (struct probe *)source;
    if (source->fd < 0)
        return;
    struct traffic_batch *batch = &p->reactor->batch;
    int n = traffic_receive(batch, source->fd);
    for (int i = 0; i < n; i++)
        receive_echo(p, &batch->packets[i]);
}

// ---- the server's end ----

// The probe that a request belongs to; NULL for a packet that is not ours, or not for this socket.
static struct probe *requester(struct echo *echo, const struct traffic_packet *received,
                               struct traffic_probe_header *h) {
    struct probes *all = echo->reactor->all;
    if (!traffic_probe_decode(received->data, received->length, h) || h->key != all->process->key ||
        h->flags & TRAFFIC_PROBE_ECHO || h->probe >= all->process->plan.probe_count)
        return NULL;
    struct probe *p = &all->items[h->probe];
    const struct traffic_pair *pair = &p->plan->pair;
    bool ours = p->reactor == echo->reactor && pair->server == echo->server && pair->family == echo->family &&
                pair->port == echo->port && h->size == p->plan->size;
    return ours ? p : NULL;
}

static void answer(struct echo *echo, struct traffic_packet *received) {
    struct probe_reactor *r = echo->reactor;
    struct traffic_probe_header h;
    struct probe *p = requester(echo, received, &h);
    if (!p) {
        atomic_fetch_add(&r->loop->strays, 1);
        return;
    }
    struct packet *packet = find(p, h.seq);
    h.t2 = since_t0(r, received->received);
    h.flags = TRAFFIC_PROBE_ECHO | (received->user_time ? TRAFFIC_PROBE_T2_USER : 0);
    h.t3 = since_t0(r, traffic_realtime());
    traffic_probe_encode(received->data, &h);
    bool sent = traffic_reply(echo->source.fd, received, echo->family, p->plan->pair.dscp, p->plan->ecn) == 0;
    if (!sent)
        atomic_fetch_add_explicit(&r->loop->send_errors, 1, memory_order_relaxed);
    if (!packet)
        return;
    count_copy(&packet->up_copies);
    if (packet->up_copies > 1)
        return;
    packet->server_received = h.t2;
    packet->server_sent = sent ? h.t3 : 0;
    packet->flags = received->user_time ? FLAG_T2_USER : 0;
}

static void echo_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                       int64_t now) {
    (void)loop, (void)events, (void)now;
    struct echo *echo = (struct echo *)source;
    if (source->fd < 0)
        return;
    struct traffic_batch *batch = &echo->reactor->batch;
    int n = traffic_receive(batch, source->fd);
    for (int i = 0; i < n; i++)
        answer(echo, &batch->packets[i]);
}

// ---- planning ----

static void add_echoes(struct probes *all, uint32_t server, uint32_t first, const struct traffic_pair *pair) {
    uint32_t reactors = all->process->plan.core_count;
    for (uint32_t i = first; i < all->echo_count; i += reactors)
        if (all->echoes[i].family == pair->family && all->echoes[i].port == pair->port)
            return;
    for (uint32_t i = 0; i < reactors; i++)
        all->echoes[all->echo_count++] = (struct echo){.source = {-1, echo_ready},
                                                       .reactor = &all->reactors[i],
                                                       .server = server,
                                                       .family = pair->family,
                                                       .port = pair->port};
}

static int plan_echoes(struct probes *all) {
    const struct traffic_plan *plan = &all->process->plan;
    all->echoes = calloc((size_t)plan->probe_count * plan->core_count + 1, sizeof *all->echoes);
    if (!all->echoes)
        return -ENOMEM;
    for (uint32_t s = 0; s < plan->endpoint_count[TRAFFIC_SERVER]; s++) {
        uint32_t first = all->echo_count;
        for (uint32_t i = plan->endpoints[TRAFFIC_SERVER][s].probes; i != TRAFFIC_NONE;
             i = plan->probes[i].pair.next[TRAFFIC_SERVER])
            add_echoes(all, s, first, &plan->probes[i].pair);
    }
    return 0;
}

static struct probe_reactor *least_loaded(struct probes *all) {
    struct probe_reactor *best = &all->reactors[0];
    for (uint32_t i = 1; i < all->process->plan.core_count; i++)
        if (all->reactors[i].per_second < best->per_second)
            best = &all->reactors[i];
    return best;
}

static int plan_probe(struct probes *all, uint32_t index) {
    const struct traffic_plan *plan = &all->process->plan;
    const struct traffic_probe_plan *pp = &plan->probes[index];
    struct probe *p = &all->items[index];
    int64_t phase = traffic_phase(plan->seed, PHASE_OF_PROBES, (uint64_t)pp->pair.id, pp->interval);
    *p = (struct probe){
        .source = {-1, client_ready},
        .plan = pp,
        .reactor = least_loaded(all),
        .timer = {.fire = probe_due},
        .slots = {.first = pp->pair.start + phase, .interval = pp->interval, .stop = pp->pair.stop},
        // Packets within the timeout, one more for the lateness of each end, one for the division.
        .ring_size = (uint32_t)(pp->timeout / pp->interval) + 3,
        .index = index,
    };
    p->ring = calloc(p->ring_size, sizeof *p->ring);
    p->reactor->per_second += 1e9 / (double)pp->interval;
    p->reactor->waiting_max += p->ring_size;
    p->reactor->count++;
    return p->ring ? 0 : -ENOMEM;
}

// ---- the kind ----

static int create_reactor(struct probes *all, struct probe_reactor *r, struct mqoe_error *e) {
    const struct traffic_plan *plan = &all->process->plan;
    size_t size = TRAFFIC_PROBE_HEADER;
    for (uint32_t i = 0; i < plan->probe_count; i++)
        if (plan->probes[i].size > size)
            size = plan->probes[i].size;
    r->buffer = calloc(1, size);
    if (!r->buffer || traffic_batch_create(&r->batch, size))
        return mqoe_fail(e, ENOMEM, "calloc", "", "buffers of traffic reactor %u", r->loop->id);
    if (!r->count)
        return 0;
    r->loop->timer_count += r->count;
    // An early stop writes all that was answered at once.
    r->records = traffic_loop_segment(r->loop, "probe", r->per_second, r->waiting_max, e);
    return r->records ? 0 : -e->errnum;
}

static int create(struct traffic_process *process, uint16_t kind, void **state, struct mqoe_error *e) {
    (void)kind;
    struct probes *all = calloc(1, sizeof *all);
    *state = all;
    if (!all)
        return mqoe_fail(e, ENOMEM, "calloc", "", "probes");
    all->process = process;
    all->items = calloc(process->plan.probe_count + 1, sizeof *all->items);
    all->reactors = calloc(process->plan.core_count, sizeof *all->reactors);
    int error = all->items && all->reactors ? 0 : -ENOMEM;
    for (uint32_t i = 0; !error && i < process->plan.core_count; i++)
        all->reactors[i] = (struct probe_reactor){
            .all = all, .loop = &process->loops[process->plan.core_count + i], .number = (uint8_t)i};
    for (uint32_t i = 0; !error && i < process->plan.probe_count; i++)
        error = plan_probe(all, i);
    if (!error)
        error = plan_echoes(all);
    if (error)
        return mqoe_fail(e, ENOMEM, "calloc", "longer intervals or shorter timeouts need less", "%u probes",
                         process->plan.probe_count);
    for (uint32_t i = 0; !error && i < process->plan.core_count; i++)
        error = create_reactor(all, &all->reactors[i], e);
    return error;
}

static uint64_t sockets(const void *state) {
    const struct probes *all = state;
    return (uint64_t)all->process->plan.probe_count + all->echo_count;
}

static int watch(struct probe_reactor *r, struct traffic_source *source, int fd, const char *what,
                 struct mqoe_error *e) {
    source->fd = fd;
    atomic_fetch_add(&r->loop->sockets, 1);
    int error = traffic_loop_watch(r->loop, source, EPOLLIN);
    return error ? mqoe_fail(e, -error, "epoll_ctl", "see fs.epoll.max_user_watches", "%s", what) : 0;
}

static int open_probe(struct probes *all, struct probe *p, const struct traffic_endpoint *endpoint,
                      struct mqoe_error *e) {
    const struct traffic_pair *pair = &p->plan->pair;
    const struct traffic_plan *plan = &all->process->plan;
    const struct traffic_place own = traffic_client_place(plan, pair);
    int fd = traffic_udp_socket(&own, 1, e);
    if (fd < 0)
        return fd;
    int error = watch(p->reactor, &p->source, fd, endpoint->name, e);
    if (error)
        return error;
    const struct traffic_place server = traffic_server_place(plan, pair);
    struct sockaddr_storage address;
    socklen_t length = traffic_place_address(&server, &address);
    if (connect(fd, (struct sockaddr *)&address, length) < 0)
        return mqoe_fail(e, errno, "connect", "is there a route from the client's namespace?",
                         "probe %lld of %s: %s to %s", (long long)pair->id, pair->traffic, endpoint->name,
                         server.endpoint->name);
    error = traffic_set_class(fd, pair->family, pair->dscp, p->plan->ecn);
    return error ? mqoe_fail(e, -error, "setsockopt IP_TOS", "", "probe %lld of %s", (long long)pair->id,
                             pair->traffic)
                 : 0;
}

static int open_echo(struct probes *all, struct echo *echo, const struct traffic_endpoint *endpoint,
                     struct mqoe_error *e) {
    const struct traffic_place place = {.endpoint = endpoint, .family = echo->family, .port = echo->port};
    int fd = traffic_udp_socket(&place, all->process->plan.core_count, e);
    return fd < 0 ? fd : watch(echo->reactor, &echo->source, fd, endpoint->name, e);
}

static int open_endpoint(void *state, enum traffic_role role, const struct traffic_endpoint *endpoint,
                         struct mqoe_error *e) {
    struct probes *all = state;
    const struct traffic_plan *plan = &all->process->plan;
    int error = 0;
    if (role == TRAFFIC_CLIENT) {
        for (uint32_t i = endpoint->probes; !error && i != TRAFFIC_NONE;
             i = plan->probes[i].pair.next[TRAFFIC_CLIENT])
            error = open_probe(all, &all->items[i], endpoint, e);
        return error;
    }
    uint32_t server = (uint32_t)(endpoint - plan->endpoints[TRAFFIC_SERVER]);
    for (uint32_t i = 0; !error && i < all->echo_count; i++)
        if (all->echoes[i].server == server)
            error = open_echo(all, &all->echoes[i], endpoint, e);
    return error;
}

static void go(void *state, struct traffic_loop *loop) {
    struct probes *all = state;
    for (uint32_t i = 0; i < all->process->plan.probe_count; i++) {
        struct probe *p = &all->items[i];
        if (p->reactor->loop != loop)
            continue;
        loop->active++;
        traffic_loop_arm(loop, &p->timer, p->slots.first);
    }
}

static void stop_probe(struct probe *p, int64_t now) {
    for (uint32_t seq = p->oldest; seq < p->slots.next; seq++) {
        struct packet *packet = find(p, seq);
        if (packet && (packet->down_copies || packet->over <= now))
            write_record(p, packet, 0);
    }
    p->oldest = p->slots.next;
}

static void stop(void *state, struct traffic_loop *loop, int64_t now) {
    struct probes *all = state;
    for (uint32_t i = 0; i < all->process->plan.probe_count; i++) {
        struct probe *p = &all->items[i];
        if (p->reactor->loop != loop)
            continue;
        stop_probe(p, now);
        traffic_loop_forget(loop, &p->source);
    }
    for (uint32_t i = 0; i < all->echo_count; i++)
        if (all->echoes[i].reactor->loop == loop)
            traffic_loop_forget(loop, &all->echoes[i].source);
}

static void destroy(void *state) {
    struct probes *all = state;
    if (!all)
        return;
    for (uint32_t i = 0; all->items && i < all->process->plan.probe_count; i++)
        free(all->items[i].ring);
    for (uint32_t i = 0; all->reactors && i < all->process->plan.core_count; i++) {
        traffic_batch_free(&all->reactors[i].batch);
        free(all->reactors[i].buffer);
    }
    free(all->items);
    free(all->reactors);
    free(all->echoes);
    free(all);
}

const struct traffic_kind traffic_probe = {
    .name = "probe",
    .create = create,
    .sockets = sockets,
    .open = open_endpoint,
    .go = go,
    .stop = stop,
    .destroy = destroy,
};
