// mqoe-native traffic: one process whose sockets live in all client and server namespaces. This file reads
// the plan, opens everything, and speaks the control channel (docs/control.md); the reactors do the rest.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "reactor/control.h"
#include "traffic/kind.h"
#include "traffic/netns.h"
#include "traffic/schedule.h"
#include "traffic/sockets.h"

int mqoe_traffic_main(int argc, char **argv);

#define EXIT_FATAL       3
#define KEY_PURPOSE      0x6b6579u // "key"
#define OWN_DESCRIPTORS  16u       // standard ones, signals, outbox, and one or two passing ones
#define LOOP_DESCRIPTORS 4u        // epoll, timerfd, inbox

struct session {
    struct traffic_process process;
    struct mqoe_control control;
    struct mqoe_error error;
    struct traffic_clock clock; // all zero before go
    uint64_t needed, limit;     // descriptors
    int signals;
    uint32_t over; // reactors that have announced it
    bool stop, lost_owner;
};

// ---- set-up ----

static int open_loops(struct session *s) {
    struct traffic_process *p = &s->process;
    p->key = traffic_mix(p->plan.seed, KEY_PURPOSE, 0);
    uint32_t cores = p->plan.core_count;
    p->loops = calloc(2 * (size_t)cores, sizeof *p->loops);
    if (!p->loops)
        return mqoe_fail(&s->error, ENOMEM, "calloc", "", "%u traffic reactors", 2 * cores);
    if (pipe2(p->outbox, O_NONBLOCK | O_CLOEXEC) < 0)
        return mqoe_fail(&s->error, errno, "pipe2", "", "outbox");
    int error = 0;
    for (uint32_t i = 0; !error && i < 2 * cores; i++, p->loop_count++)
        error = traffic_loop_open(&p->loops[i], p, i, p->plan.cores[i % cores], i >= cores, &s->error);
    return error;
}

static int create_kinds(struct session *s) {
    struct traffic_process *p = &s->process;
    int error = 0;
    for (uint16_t k = 0; !error && k < TRAFFIC_KINDS; k++)
        error = p->kinds[k]->create(p, k, &p->states[k], &s->error);
    return error;
}

// Counted before the first socket is made, so that a limit is one clear message and not a failure half-way.
static int check_descriptors(struct session *s) {
    struct traffic_process *p = &s->process;
    s->needed = OWN_DESCRIPTORS;
    for (int k = 0; k < TRAFFIC_KINDS; k++)
        s->needed += p->kinds[k]->sockets(p->states[k]);
    for (uint32_t i = 0; i < p->loop_count; i++)
        s->needed += LOOP_DESCRIPTORS + p->loops[i].segment_count;
    return traffic_descriptors(s->needed, &s->limit, &s->error);
}

static int open_endpoint(struct session *s, enum traffic_role role, const struct traffic_endpoint *endpoint) {
    if (endpoint->flows == TRAFFIC_NONE && endpoint->probes == TRAFFIC_NONE &&
        endpoint->streams == TRAFFIC_NONE && endpoint->sessions == TRAFFIC_NONE)
        return 0;
    struct traffic_process *p = &s->process;
    struct traffic_netns ns;
    int error = traffic_netns_enter(&ns, endpoint->netns, &s->error);
    if (error)
        return error;
    for (int k = 0; !error && k < TRAFFIC_KINDS; k++)
        error = p->kinds[k]->open(p->states[k], role, endpoint, &s->error);
    struct mqoe_error stranded;
    int back = traffic_netns_leave(&ns, &stranded);
    if (back)
        s->error = stranded;
    return back ? back : error;
}

static int open_sockets(struct session *s) {
    const struct traffic_plan *plan = &s->process.plan;
    int error = 0;
    // Servers first: a client that connects must find them.
    for (int role = TRAFFIC_SERVER; !error && role >= TRAFFIC_CLIENT; role--)
        for (uint32_t i = 0; !error && i < plan->endpoint_count[role]; i++)
            error = open_endpoint(s, (enum traffic_role)role, &plan->endpoints[role][i]);
    return error;
}

static int start_loops(struct session *s) {
    int error = 0;
    for (uint32_t i = 0; !error && i < s->process.loop_count; i++)
        error = traffic_loop_start(&s->process.loops[i], &s->error);
    return error;
}

// Blocked in every thread (they inherit it); main reads them from a descriptor.
static int catch_signals(struct session *s) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->signals < 0 ? mqoe_fail(&s->error, errno, "signalfd", "", "SIGINT, SIGTERM") : 0;
}

static int set_up(struct session *s, const char *file) {
    s->process.kinds[0] = &traffic_tcp;
    s->process.kinds[1] = &traffic_probe;
    s->process.kinds[2] = &traffic_stream;
    s->process.kinds[3] = &traffic_sessions;
    int error = traffic_plan_load(&s->process.plan, file, &s->error);
    if (!error)
        error = catch_signals(s);
    if (!error)
        error = open_loops(s);
    if (!error)
        error = create_kinds(s);
    if (!error)
        error = check_descriptors(s);
    if (!error)
        error = open_sockets(s);
    return error ? error : start_loops(s);
}

// ---- answers ----

static void say(struct session *s, json_t *event) {
    int error = mqoe_control_send(&s->control, event);
    if (error == -ENOMEM) // nothing was written; the owner is still there
        fprintf(stderr, "mqoe-native traffic: an answer was lost: %s\n", strerror(-error));
    else if (error)
        s->lost_owner = true;
}

static json_t *describe_segments(const struct session *s) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->process.loop_count; i++) {
        const struct traffic_loop *loop = &s->process.loops[i];
        for (uint32_t k = 0; k < loop->segment_count; k++) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), loop->segments[k].fd);
            json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type", loop->segments[k].header->type,
                                                  "writer", loop->segments[k].header->writer, "path", path));
        }
    }
    return list;
}

static json_t *congestion_list(void) {
    char text[256];
    traffic_congestion_available(text, sizeof text);
    json_t *list = json_array();
    char *rest = NULL;
    for (char *name = strtok_r(text, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        json_array_append_new(list, json_string(name));
    return list;
}

static json_t *counters(const struct session *s) {
    json_int_t sockets = 0, sent = 0, errors = 0, strays = 0;
    for (uint32_t i = 0; i < s->process.loop_count; i++) {
        const struct traffic_loop *loop = &s->process.loops[i];
        sockets += (json_int_t)atomic_load(&loop->sockets);
        sent += (json_int_t)atomic_load(&loop->probes_sent);
        errors += (json_int_t)atomic_load(&loop->send_errors);
        strays += (json_int_t)atomic_load(&loop->strays);
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "sockets", sockets, "probes_sent", sent, "send_errors", errors,
                     "strays", strays);
}

static void say_ready(struct session *s) {
    struct utsname kernel;
    uname(&kernel);
    json_t *info = counters(s);
    json_object_set_new(info, "reactors", json_integer(s->process.loop_count));
    json_object_set_new(info, "congestion_control", congestion_list());
    json_object_set_new(
        info, "descriptors",
        json_pack("{s:I, s:I}", "needed", (json_int_t)s->needed, "limit", (json_int_t)s->limit));
    json_object_set_new(info, "kernel", json_string(kernel.release));
    say(s, json_pack("{s:s, s:i, s:o, s:o}", "event", "ready", "pid", (int)getpid(), "segments",
                     describe_segments(s), "info", info));
}

static void refuse(struct session *s, int errnum, const char *object, const char *hint) {
    struct mqoe_error e;
    mqoe_fail(&e, errnum, "control", hint, "%s", object);
    say(s, mqoe_control_error(&e, false, -1));
}

// ---- commands ----

static void tell_loops(struct session *s, enum traffic_message_type type) {
    const struct traffic_message m = {.type = (uint16_t)type, .clock = s->clock};
    for (uint32_t i = 0; i < s->process.loop_count; i++)
        if (s->process.loops[i].running)
            traffic_deliver_message(s->process.loops[i].inbox[1], &m);
}

static void do_go(struct session *s, const json_t *command) {
    struct mqoe_error e;
    int64_t t0;
    if (mqoe_control_go(command, s->clock.t0 != 0, traffic_monotonic(), &t0, &e)) {
        say(s, mqoe_control_error(&e, false, -1));
        return;
    }
    s->clock.t0 = t0;
    s->clock.real = t0 + traffic_clock_offset();
    tell_loops(s, TRAFFIC_GO);
}

static void execute(struct session *s, const json_t *command) {
    const char *op = json_string_value(json_object_get(command, "op"));
    if (op && !strcmp(op, "go"))
        do_go(s, command);
    else if (op && !strcmp(op, "stop"))
        s->stop = true;
    else if (op && !strcmp(op, "stats"))
        say(s, json_pack("{s:s, s:o}", "event", "stats", "info", counters(s)));
    else
        refuse(s, EOPNOTSUPP, op ? op : "op", "traffic knows go, stats and stop");
}

static void read_commands(struct session *s) {
    json_t *command;
    while (!s->stop && (command = mqoe_control_next(&s->control))) {
        execute(s, command);
        json_decref(command);
    }
}

static void read_outbox(struct session *s) {
    struct traffic_message m;
    while (read(s->process.outbox[0], &m, sizeof m) == (ssize_t)sizeof m)
        if (m.type == TRAFFIC_OVER && ++s->over == s->process.loop_count)
            say(s, json_pack("{s:s}", "event", "done"));
}

static void serve(struct session *s) {
    struct pollfd waits[] = {{.fd = s->control.in, .events = POLLIN},
                             {.fd = s->signals, .events = POLLIN},
                             {.fd = s->process.outbox[0], .events = POLLIN}};
    while (!s->stop && !s->lost_owner) {
        if (poll(waits, 3, -1) < 0)
            continue;
        if (waits[2].revents)
            read_outbox(s);
        if (waits[0].revents)
            read_commands(s);
        if (waits[1].revents)
            s->stop = true;
    }
}

// ---- the end ----

static void finish(struct session *s) {
    struct traffic_process *p = &s->process;
    tell_loops(s, TRAFFIC_STOP);
    for (uint32_t i = 0; i < p->loop_count; i++) {
        if (p->loops[i].running)
            pthread_join(p->loops[i].thread, NULL);
        p->loops[i].running = false;
    }
}

static void clean_up(struct session *s) {
    struct traffic_process *p = &s->process;
    for (uint32_t i = 0; p->loops && i < p->loop_count; i++)
        traffic_loop_close(&p->loops[i]);
    for (int k = 0; k < TRAFFIC_KINDS; k++)
        if (p->kinds[k])
            p->kinds[k]->destroy(p->states[k]);
    free(p->loops);
    traffic_plan_free(&p->plan);
    mqoe_control_close(&s->control);
}

static int fatal(struct session *s) {
    fprintf(stderr, "mqoe-native traffic: %s: %s: %s%s%s\n", s->error.syscall, s->error.object,
            strerror(s->error.errnum), s->error.hint[0] ? "; " : "", s->error.hint);
    say(s, mqoe_control_error(&s->error, true, -1));
    return EXIT_FATAL;
}

int mqoe_traffic_main(int argc, char **argv) {
    if (argc != 3 || strcmp(argv[1], "--blueprint")) {
        fprintf(stderr, "usage: mqoe-native traffic --blueprint FILE\n");
        return 2;
    }
    struct session s = {.signals = -1, .process.outbox = {-1, -1}};
    int code = 0;
    int error = mqoe_control_open(&s.control);
    if (error) {
        fprintf(stderr, "mqoe-native traffic: standard input: %s\n", strerror(-error));
        return EXIT_FATAL;
    }
    if (set_up(&s, argv[2])) {
        code = fatal(&s);
        finish(&s);
    } else {
        say_ready(&s);
        serve(&s);
        finish(&s);
        say(&s, json_pack("{s:s, s:o}", "event", "stopped", "info", counters(&s)));
        code = s.control.broken ? EXIT_FATAL : 0;
    }
    clean_up(&s);
    return code;
}
