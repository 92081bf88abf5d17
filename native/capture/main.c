// mqoe-native capture --blueprint FILE: packet sockets on interfaces of a lab, whose newest packets become
// pcapng files beside FILE when it is told to stop (docs/capture.md, docs/control.md). One thread that sleeps
// until the kernel has a block of packets for it.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "capture/plan.h"
#include "capture/socket.h"
#include "packet/parse.h"
#include "reactor/control.h"
#include "record/clock.h"
#include "traffic/netns.h"

int mqoe_capture_main(int argc, char **argv);

#define EXIT_FATAL   3
#define SEEN_MIN     256u                 // bytes of a packet in which its addresses are found
#define RINGS_BYTES  (UINT64_C(64) << 20) // of all sockets together
#define RING_MAX     (UINT64_C(8) << 20)
#define LAST_PACKETS ((2 * MQOE_CAPTURE_RETIRE_MS + 20) * 1000000L) // ns

struct source { // one interface of one capture
    struct mqoe_capture_socket socket;
    struct session *session;
    uint32_t capture, interface;
};

struct session {
    struct mqoe_capture_plan plan;
    struct mqoe_capture *captures; // in order of the plan
    struct source *sources;
    uint32_t source_count;
    struct pollfd *polled; // control, signals, then the sources
    struct mqoe_control control;
    struct mqoe_error error;
    const char *file;
    int signals;
    bool went, stop, lost_owner;
};

// ---- set-up ----

static int open_capture(struct session *s, uint32_t i) {
    const struct mqoe_capture_plan_entry *entry = &s->plan.captures[i];
    struct mqoe_capture_interface *interfaces = calloc(entry->point_count, sizeof *interfaces);
    if (!interfaces)
        return mqoe_fail(&s->error, ENOMEM, "calloc", NULL, "%u interfaces", entry->point_count);
    for (uint32_t k = 0; k < entry->point_count; k++)
        interfaces[k] =
            (struct mqoe_capture_interface){entry->points[k].name, entry->points[k].description, 0, 0};
    return mqoe_capture_open(&s->captures[i], &entry->capture, entry->capture.limit, interfaces,
                             entry->point_count, &s->error);
}

static int open_source(struct session *s, uint32_t capture, uint32_t interface, uint64_t bytes) {
    const struct mqoe_capture_plan_entry *entry = &s->plan.captures[capture];
    const struct mqoe_capture_point *point = &entry->points[interface];
    struct source *source = &s->sources[s->source_count++];
    *source = (struct source){MQOE_CAPTURE_SOCKET_CLOSED, s, capture, interface};
    uint32_t snaplen = entry->capture.snaplen;
    if (entry->addresses && snaplen < SEEN_MIN)
        snaplen = SEEN_MIN;
    struct traffic_netns ns;
    struct mqoe_error stranded;
    int err = traffic_netns_enter(&ns, point->netns, &s->error);
    if (err)
        return err;
    err = mqoe_capture_socket_open(&source->socket, point->interface, snaplen, bytes, &s->error);
    int back = traffic_netns_leave(&ns, &stranded);
    if (back)
        s->error = stranded;
    return back ? back : err;
}

static uint32_t count_points(const struct mqoe_capture_plan *p) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count; i++)
        count += p->captures[i].point_count;
    return count;
}

static int open_all(struct session *s) {
    uint32_t points = count_points(&s->plan);
    uint64_t bytes = RINGS_BYTES / points < RING_MAX ? RINGS_BYTES / points : RING_MAX;
    s->captures = calloc(s->plan.count, sizeof *s->captures);
    s->sources = calloc(points, sizeof *s->sources);
    s->polled = calloc(points + 2, sizeof *s->polled);
    if (!s->captures || !s->sources || !s->polled)
        return mqoe_fail(&s->error, ENOMEM, "calloc", NULL, "%u packet sockets", points);
    int err = 0;
    for (uint32_t i = 0; i < s->plan.count && !err; i++) {
        err = open_capture(s, i);
        for (uint32_t k = 0; k < s->plan.captures[i].point_count && !err; k++)
            err = open_source(s, i, k, bytes);
    }
    return err;
}

static int catch_signals(struct session *s) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->signals < 0 ? mqoe_fail(&s->error, errno, "signalfd", "", "SIGINT, SIGTERM") : 0;
}

static int set_up(struct session *s) {
    int err = mqoe_capture_plan_load(&s->plan, s->file, &s->error);
    err = err ? err : catch_signals(s);
    return err ? err : open_all(s);
}

// ---- packets ----

static bool is_of(const struct mqoe_lpm *addresses, const struct mqoe_pcapng_packet *packet) {
    struct mqoe_packet p;
    if (!addresses)
        return true;
    mqoe_parse(&p, packet->data, packet->captured);
    return p.family && (mqoe_lpm_lookup(addresses, p.family, &p.src) != MQOE_LPM_NONE ||
                        mqoe_lpm_lookup(addresses, p.family, &p.dst) != MQOE_LPM_NONE);
}

static void take(void *context, const struct mqoe_pcapng_packet *packet) {
    const struct source *source = context;
    struct mqoe_capture *c = &source->session->captures[source->capture];
    if (!mqoe_capture_wants(c, packet->time) ||
        !is_of(source->session->plan.captures[source->capture].addresses, packet))
        return;
    struct mqoe_pcapng_packet mine = *packet;
    mine.interface = source->interface;
    mqoe_capture_take(c, &mine);
}

static void read_source(struct source *source) {
    mqoe_capture_socket_read(&source->socket, take, source);
    struct mqoe_capture *c = &source->session->captures[source->capture];
    c->interfaces[source->interface].lost = source->socket.lost;
}

// ---- commands ----

static void say(struct session *s, json_t *event) {
    s->lost_owner |= mqoe_control_send(&s->control, event) == -EPIPE;
}

static void refuse(struct session *s, const struct mqoe_error *e) {
    say(s, mqoe_control_error(e, false, -1));
}

static void do_go(struct session *s, const json_t *command) {
    struct mqoe_error e;
    int64_t t0;
    uint64_t now = mqoe_clock(CLOCK_MONOTONIC);
    if (mqoe_control_go(command, s->went, (int64_t)now, &t0, &e)) {
        refuse(s, &e);
        return;
    }
    s->went = true;
    for (uint32_t i = 0; i < s->plan.count; i++)
        s->captures[i].t0 = (uint64_t)t0 + mqoe_clock(CLOCK_REALTIME) - now;
}

static void execute(struct session *s, const json_t *command) {
    const char *op = json_string_value(json_object_get(command, "op"));
    if (op && !strcmp(op, "go")) {
        do_go(s, command);
    } else if (op && !strcmp(op, "stop")) {
        s->stop = true;
    } else {
        struct mqoe_error e;
        mqoe_fail(&e, EOPNOTSUPP, "control", "capture knows go and stop", "%s", op ? op : "op");
        refuse(s, &e);
    }
}

static void read_commands(struct session *s) {
    json_t *command;
    while (!s->stop && (command = mqoe_control_next(&s->control))) {
        execute(s, command);
        json_decref(command);
    }
}

static void serve(struct session *s) {
    s->polled[0] = (struct pollfd){s->control.in, POLLIN, 0};
    s->polled[1] = (struct pollfd){s->signals, POLLIN, 0};
    for (uint32_t i = 0; i < s->source_count; i++)
        s->polled[i + 2] = (struct pollfd){s->sources[i].socket.fd, POLLIN, 0};
    while (!s->stop && !s->lost_owner) {
        if (poll(s->polled, s->source_count + 2, -1) < 0)
            continue; // EINTR
        for (uint32_t i = 0; i < s->source_count; i++) {
            if (s->polled[i + 2].revents & POLLIN)
                read_source(&s->sources[i]);
            else if (s->polled[i + 2].revents)
                s->polled[i + 2].fd = -1; // its interface is gone; what it saw stays
        }
        if (s->polled[0].revents)
            read_commands(s);
        s->stop |= s->polled[1].revents != 0;
    }
}

// ---- the end ----

static json_t *write_capture(struct mqoe_capture *c, const char *folder) {
    struct mqoe_capture_result result;
    struct mqoe_error e;
    int err = mqoe_capture_write(&c, 1, folder, mqoe_clock(CLOCK_REALTIME), &result, &e);
    json_t *said = mqoe_capture_describe(c->config, &result);
    if (err) {
        fprintf(stderr, "mqoe-native capture: %s: %s: %s\n", e.object, e.syscall, strerror(e.errnum));
        json_object_set_new(said, "error", mqoe_capture_error(&e));
    }
    return said;
}

// What the kernel holds in an unfinished block comes when its time is up.
static void finish(struct session *s) {
    char folder[4096];
    nanosleep(&(struct timespec){.tv_nsec = LAST_PACKETS}, NULL);
    for (uint32_t i = 0; i < s->source_count; i++)
        read_source(&s->sources[i]);
    mqoe_capture_folder(s->file, folder, sizeof folder);
    json_t *captures = json_array();
    for (uint32_t i = 0; i < s->plan.count; i++)
        json_array_append_new(captures, write_capture(&s->captures[i], folder));
    say(s, json_pack("{s:s, s:o}", "event", "stopped", "captures", captures));
}

static void clean_up(struct session *s) {
    for (uint32_t i = 0; i < s->source_count; i++)
        mqoe_capture_socket_close(&s->sources[i].socket);
    for (uint32_t i = 0; s->captures && i < s->plan.count; i++) {
        free(s->captures[i].interfaces);
        mqoe_capture_close(&s->captures[i]);
    }
    free(s->captures);
    free(s->sources);
    free(s->polled);
    mqoe_capture_plan_free(&s->plan);
    mqoe_control_close(&s->control);
}

static int fatal(struct session *s) {
    fprintf(stderr, "mqoe-native capture: %s: %s: %s%s%s\n", s->error.syscall, s->error.object,
            strerror(s->error.errnum), s->error.hint[0] ? "; " : "", s->error.hint);
    say(s, mqoe_control_error(&s->error, true, -1));
    return EXIT_FATAL;
}

static int run(struct session *s) {
    if (set_up(s))
        return fatal(s);
    say(s, json_pack("{s:s, s:i, s:[], s:{s:i}}", "event", "ready", "pid", (int)getpid(), "segments", "info",
                     "sockets", (int)s->source_count));
    serve(s);
    finish(s);
    return s->control.broken ? EXIT_FATAL : 0;
}

int mqoe_capture_main(int argc, char **argv) {
    if (argc != 3 || strcmp(argv[1], "--blueprint")) {
        fprintf(stderr, "usage: mqoe-native capture --blueprint FILE\n");
        return 2;
    }
    struct session s = {.signals = -1, .file = argv[2]};
    int err = mqoe_control_open(&s.control);
    if (err) {
        fprintf(stderr, "mqoe-native capture: standard input: %s\n", strerror(-err));
        return EXIT_FATAL;
    }
    int code = run(&s);
    clean_up(&s);
    return code;
}
