// The client's end of a session's connections: opening them, sending requests, reading answers, and the
// record of each request.
#include "traffic/exchange.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "traffic/kind.h"
#include "traffic/payload.h"
#include "traffic/session_parts.h"
#include "traffic/sockets.h"

#define CLOSING_AT_ONCE 4u // connections that may wait for the server's FIN, beside those in use

// ---- records ----

static void record(struct traffic_session *s, const struct traffic_exchange *x,
                   const struct traffic_request *r, enum traffic_result result, int errnum, int64_t now) {
    struct mqoe_segment *segment = s->reactor->transfers;
    if (r->ask.unrecorded)
        return;
    struct mqoe_record_transfer *to = mqoe_segment_next(segment);
    *to = (struct mqoe_record_transfer){
        .time = now,
        .session = traffic_session_id(s),
        .index = r->index,
        .group = r->ask.group,
        .label = r->ask.label,
        .result = (uint16_t)result,
        .connection = x ? x->number : UINT32_MAX,
        .error = (uint16_t)errnum,
        .fresh = r->fresh,
        .asked = r->asked,
        .connected = x && r->fresh ? x->connected : 0,
        .sent = r->sent,
        .first_byte = r->first_byte,
        .up_bytes = r->ask.up,
        .down_bytes = r->ask.down,
        .down_received = r->received,
    };
    mqoe_segment_publish(segment);
}

void traffic_exchange_miss(struct traffic_session *s, const struct traffic_ask *ask, int errnum,
                           int64_t now) {
    const struct traffic_request request = {
        .ask = *ask, .index = s->next_request++, .fresh = true, .asked = now};
    record(s, NULL, &request, TRAFFIC_FAILED, errnum, now);
}

// ---- requests ----

static void free_request(struct traffic_session *s, struct traffic_request *r) {
    r->next = s->free_requests;
    s->free_requests = r;
}

static void unlink_request(struct traffic_exchange *x, struct traffic_request *r) {
    struct traffic_request **at = &x->first, *previous = NULL;
    while (*at != r) {
        previous = *at;
        at = &previous->next;
    }
    *at = r->next;
    if (x->last == r)
        x->last = previous;
    if (x->answering == r)
        x->answering = NULL;
    if (x->sending == r)
        x->sending = r->next;
}

// It may be the script that ends the connection meanwhile, or that asks again.
static void finish_request(struct traffic_exchange *x, struct traffic_request *r, int64_t now) {
    struct traffic_session *s = x->session;
    unlink_request(x, r);
    record(s, x, r, TRAFFIC_COMPLETE, 0, now);
    if (s->script->done)
        s->script->done(s, x, r, now);
    free_request(s, r);
}

// Was the connection ended, and its place maybe taken by another, since it had this number?
static bool gone(const struct traffic_exchange *x, uint32_t number) {
    return x->number != number || x->state != EXCHANGE_OPEN;
}

// ---- the end of a connection ----

static void leave_closing(struct traffic_exchange *x) {
    struct traffic_session *s = x->session;
    struct traffic_exchange **at = &s->closing, *previous = NULL;
    while (*at != x) {
        previous = *at;
        at = &previous->next;
    }
    *at = x->next;
    if (s->last_closing == x)
        s->last_closing = previous;
}

// Closes the socket: a reset, unless both sides have said FIN.
static void release(struct traffic_exchange *x) {
    struct traffic_session *s = x->session;
    if (x->state == EXCHANGE_CLOSING)
        leave_closing(x);
    else
        s->held--;
    traffic_loop_forget(s->loop, &x->source);
    x->state = EXCHANGE_FREE;
    x->next = s->free;
    s->free = x;
}

static void sample(struct traffic_exchange *x, int64_t now) {
    if (x->sender && x->source.fd >= 0)
        session_sample(x->session, x->source.fd, &x->counted, now);
}

static void break_off(struct traffic_exchange *x, int64_t now) {
    for (struct traffic_request *r = x->first, *next; r; r = next) {
        next = r->next;
        record(x->session, x, r, TRAFFIC_BROKEN_OFF, 0, now);
        free_request(x->session, r);
    }
    x->first = x->last = x->sending = x->answering = NULL;
}

void traffic_exchange_abort(struct traffic_exchange *x, int64_t now) {
    sample(x, now);
    break_off(x, now);
    release(x);
}

void traffic_exchange_close(struct traffic_exchange *x, int64_t now) {
    struct traffic_session *s = x->session;
    if (x->state != EXCHANGE_OPEN || x->first || shutdown(x->source.fd, SHUT_WR) < 0 ||
        traffic_loop_rewatch(s->loop, &x->source, EPOLLIN)) {
        traffic_exchange_abort(x, now);
        return;
    }
    sample(x, now);
    x->state = EXCHANGE_CLOSING;
    x->next = NULL;
    s->held--;
    if (s->last_closing)
        s->last_closing->next = x;
    else
        s->closing = x;
    s->last_closing = x;
}

// The script may open another in any of these callbacks; this one is no candidate until they are over.
static void fail(struct traffic_exchange *x, int errnum, int64_t now) {
    struct traffic_session *s = x->session;
    struct traffic_request *r = x->first;
    sample(x, now);
    traffic_loop_forget(s->loop, &x->source);
    x->first = x->last = x->sending = x->answering = NULL;
    x->state = EXCHANGE_FREE;
    s->held--;
    for (struct traffic_request *next; r; r = next) {
        next = r->next;
        record(s, x, r, TRAFFIC_FAILED, errnum, now);
        if (s->script->broken)
            s->script->broken(s, x, r, errnum, now);
        free_request(s, r);
    }
    if (s->script->failed)
        s->script->failed(s, x, errnum, now);
    x->next = s->free;
    s->free = x;
}

// ---- sending ----

// Of what stands before a body: the bytes that were not sent yet.
static struct iovec rest(const uint8_t *bytes, size_t size, size_t left) {
    return (struct iovec){.iov_base = (uint8_t *)bytes + size - left, .iov_len = left};
}

static ssize_t send_some(struct traffic_exchange *x, const struct traffic_request *r, uint64_t body) {
    const struct traffic_session *s = x->session;
    uint8_t hello[TRAFFIC_FLOW_HEADER], head[TRAFFIC_REQUEST_HEADER];
    traffic_flow_header_encode(hello,
                               &(struct traffic_flow_header){.key = s->loop->process->key, .flow = s->index});
    traffic_request_encode(head, &(struct traffic_request_header){
                                     .key = s->loop->process->key,
                                     .session = s->index,
                                     .request = r->index,
                                     .up = r->ask.up,
                                     .down = r->ask.down,
                                     .frame = r->ask.frame,
                                     .flags = r->ask.silent ? TRAFFIC_REQUEST_SILENT : 0,
                                 });
    struct iovec parts[] = {rest(hello, sizeof hello, x->hello_left),
                            rest(head, sizeof head, r->head_left),
                            {(uint8_t *)s->reactor->all->data, body}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    ssize_t n = sendmsg(x->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

static uint64_t take(uint64_t *left, uint64_t bytes) {
    uint64_t taken = bytes < *left ? bytes : *left;
    *left -= taken;
    return bytes - taken;
}

// One turn of what waits to be sent. Tells the script nothing: it may be the script that asks. Returns 0 or
// the errno that ended the connection.
static int transmit(struct traffic_exchange *x, int64_t now) {
    uint64_t budget = SESSION_WRITE_BYTES;
    while (x->sending && budget) {
        struct traffic_request *r = x->sending;
        uint64_t body = r->up_left < budget ? r->up_left : budget, hello = x->hello_left;
        uint64_t wanted = hello + r->head_left + body;
        ssize_t n = send_some(x, r, body);
        if (n < 0)
            return n == -EAGAIN || n == -EINTR ? 0 : (int)-n;
        uint64_t left = take(&hello, (uint64_t)n);
        x->hello_left = (uint32_t)hello;
        left = take(&r->head_left, left);
        r->up_left -= left;
        budget -= left;
        if (!x->hello_left && !r->head_left && !r->up_left) {
            r->sent = now;
            x->sending = r->next;
            x->notices |= r->ask.silent || x->session->script->sent;
        } else if ((uint64_t)n < wanted)
            return 0;
    }
    return 0;
}

static int watch_for(struct traffic_exchange *x) {
    uint32_t events = EPOLLIN | (x->sending || x->notices ? (uint32_t)EPOLLOUT : 0);
    if (events == x->watched)
        return 0;
    x->watched = events;
    return -traffic_loop_rewatch(x->session->loop, &x->source, events);
}

// Tells the script of every request that was sent since, and ends the silent ones.
static void notify(struct traffic_exchange *x, int64_t now) {
    struct traffic_session *s = x->session;
    uint32_t number = x->number;
    x->notices = false;
    for (struct traffic_request *r = x->first, *next; r && r != x->sending; r = next) {
        next = r->next;
        if (r->told)
            continue;
        r->told = true;
        if (s->script->sent)
            s->script->sent(s, x, r, now);
        if (gone(x, number))
            return;
        next = r->next; // the script may have asked for more
        if (r->ask.silent)
            finish_request(x, r, now);
        if (gone(x, number))
            return;
    }
}

static void hold_back(struct traffic_exchange *x, const struct traffic_ask *ask) {
    int value = (int)(ask->frame < INT32_MAX ? ask->frame : INT32_MAX);
    if (!ask->silent || !ask->frame || ask->frame == x->lowat || x->source.fd < 0)
        return;
    x->lowat = ask->frame;
    if (setsockopt(x->source.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value) < 0)
        x->errnum = errno;
}

struct traffic_request *traffic_exchange_ask(struct traffic_exchange *x, const struct traffic_ask *ask,
                                             int64_t now) {
    struct traffic_session *s = x->session;
    struct traffic_request *r = s->free_requests;
    if (!r || (x->state != EXCHANGE_CONNECTING && x->state != EXCHANGE_OPEN))
        return NULL;
    s->free_requests = r->next;
    *r = (struct traffic_request){.ask = *ask,
                                  .index = s->next_request++,
                                  .fresh = !x->used,
                                  .asked = now,
                                  .head_left = TRAFFIC_REQUEST_HEADER,
                                  .up_left = ask->up};
    *(x->last ? &x->last->next : &x->first) = r;
    x->last = r;
    if (!x->used) // the first one says what the connection is for
        x->sender = ask->up > ask->down;
    x->used = true;
    hold_back(x, ask);
    if (x->sending)
        return r;
    x->sending = r;
    if (x->state == EXCHANGE_OPEN) {
        // An error is told from the loop, not from here: the socket reports it again.
        if (!x->errnum)
            x->errnum = transmit(x, now);
        if (!x->errnum)
            x->errnum = watch_for(x);
    }
    if (x->errnum)
        traffic_loop_arm(s->loop, &s->trouble, now);
    return r;
}

// ---- receiving ----

static struct traffic_request *find_request(struct traffic_exchange *x, uint32_t index) {
    for (struct traffic_request *r = x->first; r && r != x->sending; r = r->next)
        if (r->index == index && !r->ask.silent)
            return r;
    return NULL;
}

static int begin_frame(struct traffic_exchange *x, int64_t now) {
    struct traffic_session *s = x->session;
    struct traffic_answer_header h;
    x->head_got = 0;
    if (!traffic_answer_decode(x->head, &h))
        return EPROTO;
    struct traffic_request *r = find_request(x, h.request);
    if (!r || h.bytes > r->ask.down - r->received)
        return EPROTO;
    x->answering = r;
    x->frame_left = h.bytes;
    if (!r->first_byte) {
        r->first_byte = now;
        if (s->script->first_byte)
            s->script->first_byte(s, x, r, now);
    }
    return 0;
}

static void end_frame(struct traffic_exchange *x, int64_t now) {
    struct traffic_request *r = x->answering;
    x->answering = NULL;
    if (r->received == r->ask.down)
        finish_request(x, r, now);
}

static int read_head(struct traffic_exchange *x, int64_t now, ssize_t *n) {
    uint32_t number = x->number;
    *n = recv(x->source.fd, x->head + x->head_got, sizeof x->head - x->head_got, MSG_DONTWAIT);
    if (*n <= 0)
        return 0;
    x->head_got += (uint32_t)*n;
    if (x->head_got < sizeof x->head)
        return 0;
    int errnum = begin_frame(x, now);
    if (!errnum && !gone(x, number) && !x->frame_left)
        end_frame(x, now);
    return errnum;
}

static void read_body(struct traffic_exchange *x, int64_t now, ssize_t *n) {
    struct traffic_session *s = x->session;
    uint32_t number = x->number;
    size_t most = x->frame_left < SESSION_READ_BYTES ? x->frame_left : SESSION_READ_BYTES;
    *n = recv(x->source.fd, NULL, most, MSG_TRUNC | MSG_DONTWAIT);
    if (*n <= 0)
        return;
    x->frame_left -= (uint64_t)*n;
    x->answering->received += (uint64_t)*n;
    session_received(s, now, (uint64_t)*n);
    if (s->script->progress)
        s->script->progress(s, x, x->answering, (uint64_t)*n, now);
    if (!gone(x, number) && !x->frame_left)
        end_frame(x, now);
}

// One turn of what has arrived. Returns 0 or the errno that ended the connection; the script may have ended
// it.
static int receive(struct traffic_exchange *x, int64_t now) {
    uint32_t number = x->number;
    for (uint64_t budget = SESSION_READ_BYTES; budget && !gone(x, number);) {
        ssize_t n;
        int errnum = 0;
        if (x->answering)
            read_body(x, now, &n);
        else
            errnum = read_head(x, now, &n);
        if (n == 0)
            return ECONNRESET; // the server never ends a connection by itself
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : errno;
        if (errnum)
            return errnum;
        take(&budget, (uint64_t)n);
        if (!gone(x, number) && !x->first)
            return 0; // nothing more is owed: the next round sees what comes
    }
    return 0;
}

static void await_fin(struct traffic_exchange *x) {
    uint8_t byte;
    ssize_t n = recv(x->source.fd, &byte, 1, MSG_DONTWAIT);
    if (n >= 0 || (errno != EAGAIN && errno != EINTR))
        release(x);
}

static void serve(struct traffic_exchange *x, uint32_t events, int64_t now) {
    uint32_t number = x->number;
    int errnum = x->errnum;
    if (!errnum && x->sending)
        errnum = transmit(x, now);
    if (!errnum && x->notices)
        notify(x, now);
    if (gone(x, number))
        return;
    if (!errnum && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        errnum = receive(x, now);
    if (gone(x, number))
        return;
    if (!errnum)
        errnum = watch_for(x);
    if (errnum)
        fail(x, errnum, now);
}

// ---- opening ----

// A source that was closed in this round may be told of an event of the socket before; so the state is asked
// for.
static bool still_connecting(int fd) {
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state == TCP_SYN_SENT;
}

static void established(struct traffic_exchange *x, int64_t now) {
    struct traffic_session *s = x->session;
    uint32_t number = x->number;
    int errnum = 0;
    socklen_t length = sizeof errnum;
    if (getsockopt(x->source.fd, SOL_SOCKET, SO_ERROR, &errnum, &length) < 0)
        errnum = errno;
    if (errnum) {
        fail(x, errnum, now);
        return;
    }
    if (still_connecting(x->source.fd))
        return;
    x->state = EXCHANGE_OPEN;
    x->connected = now;
    if (s->script->connected)
        s->script->connected(s, x, now);
    if (!gone(x, number))
        serve(x, 0, now);
}

static void ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events, int64_t now) {
    (void)loop;
    struct traffic_exchange *x = (struct traffic_exchange *)source;
    if (source->fd < 0)
        return;
    if (x->state == EXCHANGE_CONNECTING)
        established(x, now);
    else if (x->state == EXCHANGE_CLOSING)
        await_fin(x);
    else
        serve(x, events, now);
}

static int begin_connecting(struct traffic_exchange *x) {
    struct traffic_session *s = x->session;
    int fd = session_connect(s, x->number);
    if (fd < 0)
        return -fd;
    x->source.fd = fd;
    atomic_fetch_add(&s->loop->sockets, 1);
    x->watched = EPOLLOUT;
    return -traffic_loop_watch(s->loop, &x->source, EPOLLOUT);
}

struct traffic_exchange *traffic_exchange_open(struct traffic_session *s, void *context, int64_t now) {
    if (!s->running || s->held == s->connections)
        return NULL;
    if (!s->free)
        release(s->closing); // the one that has waited longest
    struct traffic_exchange *x = s->free;
    s->free = x->next;
    s->held++;
    *x = (struct traffic_exchange){.source = {-1, ready},
                                   .session = s,
                                   .context = context,
                                   .state = EXCHANGE_CONNECTING,
                                   .number = s->next_connection++,
                                   .hello_left = TRAFFIC_FLOW_HEADER};
    x->errnum = begin_connecting(x);
    if (x->errnum)
        traffic_loop_arm(s->loop, &s->trouble, now);
    return x;
}

// Tells of what failed while the script was asking.
static void tell_trouble(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)loop;
    struct traffic_session *s =
        (struct traffic_session *)((char *)timer - offsetof(struct traffic_session, trouble));
    for (uint32_t i = 0; i < s->pool_size; i++)
        if (s->pool[i].errnum &&
            (s->pool[i].state == EXCHANGE_CONNECTING || s->pool[i].state == EXCHANGE_OPEN))
            fail(&s->pool[i], s->pool[i].errnum, now);
}

// ---- the session's pools ----

int session_exchanges_create(struct traffic_session *s, const struct traffic_needs *needs) {
    uint32_t spare = needs->connections < CLOSING_AT_ONCE ? needs->connections : CLOSING_AT_ONCE;
    uint32_t requests = needs->requests + 1; // one may be asked for while another is told of
    s->connections = needs->connections;
    s->pool_size = needs->connections + spare;
    s->pool = calloc(s->pool_size + 1, sizeof *s->pool);
    s->request_pool = calloc(requests, sizeof *s->request_pool);
    if (!s->pool || !s->request_pool)
        return -ENOMEM;
    for (uint32_t i = s->pool_size; i-- > 0;) {
        s->pool[i].source.fd = -1;
        s->pool[i].next = s->free;
        s->free = &s->pool[i];
    }
    for (uint32_t i = requests; i-- > 0;)
        free_request(s, &s->request_pool[i]);
    s->trouble.fire = tell_trouble;
    return 0;
}

void session_exchanges_destroy(struct traffic_session *s) {
    free(s->pool);
    free(s->request_pool);
}

void session_sample_exchanges(struct traffic_session *s, int64_t now) {
    for (uint32_t i = 0; i < s->pool_size; i++)
        if (s->pool[i].state == EXCHANGE_OPEN)
            sample(&s->pool[i], now);
}

void session_end_exchanges(struct traffic_session *s, int64_t now) {
    traffic_loop_cancel(s->loop, &s->trouble);
    for (uint32_t i = 0; i < s->pool_size; i++) {
        struct traffic_exchange *x = &s->pool[i];
        if (x->state == EXCHANGE_CLOSING)
            release(x);
        else if (x->state != EXCHANGE_FREE)
            traffic_exchange_abort(x, now);
    }
}
