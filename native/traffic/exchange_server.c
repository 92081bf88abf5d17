// The server's end of a session's connections: it reads requests and sends as many bytes as each asks for.
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "traffic/kind.h"
#include "traffic/session_parts.h"
#include "traffic/sockets.h"

// Ends and answers of connections that the client has given up and the server does not know of yet: as many
// again as there may be, and for few sessions some more. On a lossy path a reset may never come, and an end
// that has nothing to send would wait for ever; so the kernel asks for the client when it has been silent for
// so long.
#define STALE_ENDS  64u
#define ASK_AFTER   10 // s
#define ASK_AGAIN   5
#define ASK_AT_MOST 3

#define OVER        (-1) // the client has said FIN, and is owed nothing

// ---- the end of a connection ----

static void free_answer(struct session_reactor *r, struct session_answer *a) {
    a->next = r->free_answers;
    r->free_answers = a;
}

static void release(struct session_end *end) {
    struct traffic_session *s = end->session;
    struct session_reactor *r = s->reactor;
    for (struct session_answer *a = end->first, *next; a; a = next) {
        next = a->next;
        free_answer(r, a);
    }
    traffic_loop_forget(s->loop, &end->source);
    if (end->previous)
        end->previous->next = end->next;
    else
        s->ends = end->next;
    if (end->next)
        end->next->previous = end->previous;
    end->session = NULL;
    end->next = r->free_ends;
    r->free_ends = end;
}

static void sample(struct session_end *end, int64_t now) {
    if (end->sender)
        session_sample(end->session, end->source.fd, &end->counted, now);
}

// ---- requests ----

// The request's body is here: from now on its answer is owed. Returns 0 or an errno.
static int owe_answer(struct session_end *end) {
    struct session_reactor *r = end->session->reactor;
    const struct traffic_request_header *h = &end->request;
    struct session_answer *a = r->free_answers;
    if (!end->used) // the first one says what the connection is for
        end->sender = h->down >= h->up;
    end->used = true;
    if (h->flags & TRAFFIC_REQUEST_SILENT)
        return 0;
    if (!a)
        return ENOBUFS;
    r->free_answers = a->next;
    *a = (struct session_answer){.request = h->request, .frame = h->frame, .left = h->down};
    if (end->last)
        end->last->next = a;
    else
        end->first = a;
    end->last = a;
    int value = (int)(h->frame < INT32_MAX ? h->frame : INT32_MAX);
    if (h->frame && h->frame != end->lowat &&
        setsockopt(end->source.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value) < 0)
        return errno;
    end->lowat = h->frame ? h->frame : end->lowat;
    return 0;
}

static int begin_request(struct session_end *end) {
    const struct traffic_session *s = end->session;
    end->got = 0;
    if (!traffic_request_decode(end->header, &end->request) || end->request.key != s->loop->process->key ||
        end->request.session != s->index)
        return EPROTO;
    end->up_left = end->request.up;
    return end->up_left ? 0 : owe_answer(end);
}

static int count_body(struct session_end *end, uint64_t bytes, int64_t now) {
    session_received(end->session, now, bytes);
    end->up_left -= bytes;
    return end->up_left ? 0 : owe_answer(end);
}

// One turn of what has arrived. Returns 0, an errno that ended the connection, or OVER.
static int read_requests(struct session_end *end, int64_t now) {
    bool body = end->up_left > 0;
    size_t most = end->up_left < SESSION_READ_BYTES ? end->up_left : SESSION_READ_BYTES;
    ssize_t n =
        body ? recv(end->source.fd, NULL, most, MSG_TRUNC | MSG_DONTWAIT)
             : recv(end->source.fd, end->header + end->got, sizeof end->header - end->got, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : errno;
    if (n == 0)
        return end->first || end->got || body ? ECONNRESET : OVER;
    if (body)
        return count_body(end, (uint64_t)n, now);
    end->got += (uint32_t)n;
    if (end->got < sizeof end->header)
        return 0;
    int errnum = begin_request(end);
    // The body of a small request came with it.
    return errnum || !end->up_left ? errnum : read_requests(end, now);
}

// ---- answers ----

static void begin_frame(struct session_end *end) {
    struct session_answer *a = end->first;
    end->frame_left = a->frame && a->frame < a->left ? a->frame : a->left;
    end->head_left = TRAFFIC_ANSWER_HEADER;
    a->left -= end->frame_left;
    traffic_answer_encode(end->head,
                          &(struct traffic_answer_header){.request = a->request, .bytes = end->frame_left});
}

// Framed answers take turns.
static void end_frame(struct session_end *end) {
    struct session_answer *a = end->first;
    if (a->left && !a->next)
        return;
    end->first = a->next;
    if (!end->first)
        end->last = NULL;
    if (!a->left) {
        free_answer(end->session->reactor, a);
        return;
    }
    a->next = NULL;
    end->last->next = a;
    end->last = a;
}

static ssize_t send_some(struct session_end *end, uint64_t body) {
    struct iovec parts[] = {
        {end->head + TRAFFIC_ANSWER_HEADER - end->head_left, end->head_left},
        {end->session->reactor->all->data, body},
    };
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = sendmsg(end->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

// One turn of what is owed. Returns 0 or the errno that ended the connection.
static int send_answers(struct session_end *end) {
    for (uint64_t budget = SESSION_WRITE_BYTES; end->first && budget;) {
        if (!end->head_left && !end->frame_left)
            begin_frame(end);
        uint64_t body = end->frame_left < budget ? end->frame_left : budget;
        uint64_t wanted = end->head_left + body;
        ssize_t n = send_some(end, body);
        if (n < 0)
            return n == -EAGAIN || n == -EINTR ? 0 : (int)-n;
        uint64_t head = (uint64_t)n < end->head_left ? (uint64_t)n : end->head_left;
        end->head_left -= (uint32_t)head;
        end->frame_left -= (uint64_t)n - head;
        budget -= (uint64_t)n - head;
        if (!end->head_left && !end->frame_left)
            end_frame(end);
        if ((uint64_t)n < wanted)
            return 0;
    }
    return 0;
}

static int watch_for(struct session_end *end) {
    bool writing = end->first != NULL;
    if (writing == end->writing)
        return 0;
    end->writing = writing;
    return -traffic_loop_rewatch(end->session->loop, &end->source, EPOLLIN | (writing ? EPOLLOUT : 0));
}

static void ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events, int64_t now) {
    (void)loop;
    struct session_end *end = (struct session_end *)source;
    int errnum = 0;
    if (source->fd < 0)
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        errnum = read_requests(end, now);
    if (!errnum && end->first)
        errnum = send_answers(end);
    if (!errnum)
        errnum = watch_for(end);
    if (!errnum)
        return;
    sample(end, now);
    if (errnum == OVER)
        session_end_gently(source->fd);
    release(end);
}

// ---- the beginning ----

// A session that is not running has no connections of its own: the last one of a session that just ended
// comes late, any other is a stray's.
static bool expected(struct traffic_session *s, int64_t now) {
    if (s->running && s->reactor->free_ends)
        return true;
    atomic_fetch_add(&s->loop->strays, now < s->plan->pair.stop);
    return false;
}

static int set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int notice_vanished(int fd) {
    int error = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, ASK_AFTER);
    if (!error)
        error = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, ASK_AGAIN);
    if (!error)
        error = set(fd, IPPROTO_TCP, TCP_KEEPCNT, ASK_AT_MOST);
    return error ? error : set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void session_adopt(struct traffic_session *s, int fd, int64_t now) {
    struct session_reactor *r = s->reactor;
    if (!expected(s, now) || session_prepare_socket(s, fd) || notice_vanished(fd)) {
        close(fd);
        return;
    }
    struct session_end *end = r->free_ends;
    r->free_ends = end->next;
    *end = (struct session_end){.source = {fd, ready}, .session = s, .next = s->ends};
    if (s->ends)
        s->ends->previous = end;
    s->ends = end;
    atomic_fetch_add(&s->loop->sockets, 1);
    if (traffic_loop_watch(s->loop, &end->source, EPOLLIN))
        release(end); // the client sees a reset
}

// ---- all of a session, and the reactor's pools ----

void session_sample_ends(struct traffic_session *s, int64_t now) {
    for (struct session_end *end = s->ends; end; end = end->next)
        sample(end, now);
}

void session_end_ends(struct traffic_session *s, int64_t now) {
    while (s->ends) {
        sample(s->ends, now);
        release(s->ends);
    }
}

int session_ends_create(struct session_reactor *r) {
    uint32_t ends = 2 * r->connections + STALE_ENDS, answers = 2 * r->requests + STALE_ENDS;
    r->ends = calloc(ends, sizeof *r->ends);
    r->answers = calloc(answers, sizeof *r->answers);
    if (!r->ends || !r->answers)
        return -ENOMEM;
    for (uint32_t i = ends; i-- > 0;) {
        r->ends[i].source.fd = -1;
        r->ends[i].next = r->free_ends;
        r->free_ends = &r->ends[i];
    }
    for (uint32_t i = answers; i-- > 0;)
        free_answer(r, &r->answers[i]);
    return 0;
}

void session_ends_destroy(struct session_reactor *r) {
    free(r->ends);
    free(r->answers);
}
