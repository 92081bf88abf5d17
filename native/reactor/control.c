#include "reactor/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reactor/json.h"

// What a `go` may say: t0 at most this far from now, ns.
#define GO_PAST   INT64_C(1000000000)
#define GO_FUTURE INT64_C(3600000000000)

int mqoe_control_open(struct mqoe_control *c) {
    memset(c, 0, sizeof *c);
    c->in = STDIN_FILENO;
    c->out = STDOUT_FILENO;
    c->size = 4096;
    c->buffer = malloc(c->size);
    if (!c->buffer)
        return -ENOMEM;
    signal(SIGPIPE, SIG_IGN); // a gone owner is an EPIPE, not a death
    return 0;
}

void mqoe_control_close(struct mqoe_control *c) {
    free(c->buffer);
    c->buffer = NULL;
}

// The channel cannot go on: tells the owner, who else would take the end for an orderly one.
static ssize_t break_off(struct mqoe_control *c, int errnum, const char *hint) {
    struct mqoe_error e;
    mqoe_fail(&e, errnum, "control", hint, "standard input");
    mqoe_control_send(c, mqoe_control_error(&e, true, -1));
    c->broken = true;
    return 0;
}

static bool has_input(int fd) {
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

// Grows the buffer when it is full and reads once, if there is something. Returns bytes read, 0 at end of
// input, −EAGAIN when dry.
static ssize_t fill(struct mqoe_control *c) {
    if (!has_input(c->in))
        return -EAGAIN;
    if (c->used == c->size) {
        if (c->size >= MQOE_CONTROL_LINE)
            return break_off(c, EMSGSIZE, "a line holds at most 16 MiB: send several commands");
        char *bigger = realloc(c->buffer, c->size * 2);
        if (!bigger)
            return break_off(c, ENOMEM, "send several shorter commands");
        c->buffer = bigger;
        c->size *= 2;
    }
    ssize_t n = read(c->in, c->buffer + c->used, c->size - c->used);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
    c->used += (size_t)n;
    return n;
}

// Takes the first whole line off the buffer as JSON; NULL when no line is whole yet.
static json_t *take_line(struct mqoe_control *c, bool *had_line) {
    char *end = memchr(c->buffer + c->searched, '\n', c->used - c->searched);
    *had_line = end != NULL;
    c->searched = end ? 0 : c->used;
    if (!end)
        return NULL;
    size_t length = (size_t)(end - c->buffer);
    json_t *command = json_loadb(c->buffer, length, 0, NULL);
    c->used -= length + 1;
    memmove(c->buffer, end + 1, c->used);
    return command;
}

json_t *mqoe_control_next(struct mqoe_control *c) {
    for (;;) {
        bool had_line;
        json_t *command = take_line(c, &had_line);
        if (command && json_is_object(command))
            return command;
        if (had_line) {
            json_decref(command);
            struct mqoe_error e;
            mqoe_fail(&e, EINVAL, "control", "one JSON object a line; see docs/control.md", "standard input");
            mqoe_control_send(c, mqoe_control_error(&e, false, -1));
            continue;
        }
        if (c->eof)
            return NULL;
        ssize_t n = fill(c);
        if (n == -EAGAIN)
            return NULL;
        if (n == 0) {
            c->eof = true;
            return json_pack("{s:s}", "op", "stop");
        }
    }
}

int mqoe_write_all(int fd, const char *bytes, size_t count) {
    while (count) {
        ssize_t n = write(fd, bytes, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 &&
            errno == EAGAIN) { // the owner's choice; not ours to change, it may share the description
            (void)poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
            continue;
        }
        if (n < 0)
            return -errno;
        bytes += n;
        count -= (size_t)n;
    }
    return 0;
}

int mqoe_control_send(struct mqoe_control *c, json_t *event) {
    char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    if (!text)
        return -ENOMEM;
    size_t length = strlen(text);
    text[length++] = '\n'; // in place of the terminator
    int result = mqoe_write_all(c->out, text, length);
    free(text);
    return result;
}

int mqoe_control_go(const json_t *command, bool went, int64_t now, int64_t *t0, struct mqoe_error *e) {
    struct mqoe_node root = mqoe_node_root(command, e);
    *t0 = mqoe_node_int(&root, "t0", 0, INT64_MAX);
    mqoe_node_only(&root, (const char *const[]){"op", "t0", NULL});
    if (!e->errnum && went)
        mqoe_fail(e, EALREADY, "go", "it went already; start a new process for another run", "go");
    else if (!e->errnum && (*t0 < now - GO_PAST || *t0 > now + GO_FUTURE))
        mqoe_fail(e, EINVAL, "go", "CLOCK_MONOTONIC in ns, at most 1 s in the past and 1 h in the future",
                  "$.t0");
    if (e->errnum)
        snprintf(e->syscall, sizeof e->syscall, "go");
    return -e->errnum;
}

json_t *mqoe_control_error(const struct mqoe_error *e, bool fatal, long id) {
    char message[sizeof e->hint + 64];
    snprintf(message, sizeof message, "%s%s%s", strerror(e->errnum), e->hint[0] ? "; " : "", e->hint);
    json_t *event = json_pack("{s:s, s:b, s:s, s:s, s:i, s:s, s:s}", "event", "error", "fatal", fatal,
                              "syscall", e->syscall, "object", e->object, "errno", e->errnum, "code",
                              mqoe_errno_name(e->errnum), "message", message);
    if (event && id >= 0)
        json_object_set_new(event, "id", json_integer(id));
    return event;
}
