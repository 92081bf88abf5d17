// mqoe-native external --blueprint FILE: runs the user's command as the dataplane of a lab.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "external/external.h"
#include "external/main.h"
#include "lab/enter.h"

#define EXIT_USAGE   2
#define EXIT_RIG     3
#define SECOND       INT64_C(1000000000)
#define GRACE        (2 * SECOND)       // between SIGTERM and SIGKILL at an orderly stop
#define SHORT_GRACE  INT64_C(200000000) // the same when the run is lost anyway
#define HISTORY      30u // records that the segment holds: 3 s; the reader drains it every second
#define SETTLE_STEP  INT64_C(20000000) // ns; queues of the kernel may still run empty behind a dead command
#define SETTLE_STEPS 25

static int usage(void) {
    fprintf(
        stderr,
        "usage: mqoe-native external --blueprint FILE\n\n"
        "FILE is the `dataplane` part of a blueprint of kind \"external\" (harness/blueprint/types.ts): its\n"
        "command runs in the dataplane's namespace (docs/external-dataplane.md). Commands on standard\n"
        "input, answers on standard output, one JSON object a line (docs/control.md).\n");
    return EXIT_USAGE;
}

// ---- start ----

static int block_signals(struct mqoe_error *e) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd >= 0 ? fd : mqoe_fail(e, errno, "signalfd", NULL, "SIGINT, SIGTERM and SIGCHLD");
}

static int start(struct mqoe_external *x, const char *file, struct mqoe_error *e) {
    struct mqoe_link_counters counters[2];
    int err = mqoe_external_config_load(&x->config, file, e);
    err = err ? err : mqoe_external_plan_write(&x->plan, &x->config, file, e);
    err = err ? err : mqoe_netns_enter(x->config.netns, e);
    err = err ? err : mqoe_links_open(&x->links, x->config.interface, x->config.netns, e);
    err = err ? err : mqoe_links_read(&x->links, counters, e);
    if (err)
        return err;
    mqoe_ledger_begin(&x->ledger, counters, mqoe_external_now());
    err = mqoe_segment_create(&x->segment, "dp_reactor", "dataplane-0", HISTORY);
    if (err)
        return mqoe_fail(e, -err, "memfd_create", NULL, "segment dp_reactor");
    err = mqoe_command_start(&x->command, x->config.command, x->plan.environment, e);
    x->ready_at = (int64_t)x->command.started + x->config.ready;
    return err;
}

// ---- while it runs ----

// A sentence of its own, because the command's last words do not fit an error's hint.
struct trouble {
    struct mqoe_error error;
    bool command; // it is the command's doing: its words belong to it
};

static int died(struct mqoe_external *x, struct trouble *t) {
    const char *advice = x->command.status == 0
                             ? "; it must run until it gets SIGTERM: a script that only sets things up ends "
                               "with: exec sleep infinity"
                             : "";
    char how[64], hint[200];
    mqoe_command_death(&x->command, how, sizeof how);
    snprintf(hint, sizeof hint, "it %s%s%s", how, x->ready ? "" : ", before it was ready", advice);
    t->command = true;
    return mqoe_fail(&t->error, ESRCH, "external", hint, "%s", x->command.text);
}

// Ready by its word, or by the clock. Returns 0, or −errno when it is not and will not be.
static int check_ready(struct mqoe_external *x, int64_t now, struct trouble *t) {
    bool by_line = x->config.ready == MQOE_READY_BY_LINE;
    int64_t limit = (int64_t)x->command.started + x->ready_limit;
    x->ready = by_line ? x->command.output.ready : now >= x->ready_at;
    int err = x->ready ? mqoe_external_say_ready(x) : 0;
    if (err)
        return mqoe_fail(&t->error, -err, "write", err == -EPIPE ? "the owner is gone" : NULL,
                         "standard output");
    if (x->ready || !by_line || now < limit)
        return 0;
    char hint[200];
    snprintf(hint, sizeof hint,
             "it printed no line \"ready\" within %.3g s of its start (is its output flushed?); "
             "dataplane.ready can also be a time, such as \"1s\"",
             (double)x->ready_limit / 1e9);
    t->command = true;
    return mqoe_fail(&t->error, ETIME, "external", hint, "%s", x->command.text);
}

static int64_t next_due(const struct mqoe_external *x) {
    if (!x->ready)
        return x->config.ready == MQOE_READY_BY_LINE ? (int64_t)x->command.started + x->ready_limit
                                                     : x->ready_at;
    return x->went ? x->due : MQOE_NOT_DUE;
}

static int record_if_due(struct mqoe_external *x, struct trouble *t) {
    int64_t now = mqoe_external_now();
    if (!x->went || now < x->due)
        return 0;
    int err = mqoe_external_count(x, &t->error);
    if (err)
        return err;
    if (now - x->due > x->late_max)
        x->late_max = now - x->due;
    mqoe_external_record(x, now);
    x->due += ((now - x->due) / MQOE_EXTERNAL_INTERVAL + 1) * MQOE_EXTERNAL_INTERVAL;
    return 0;
}

static void wait_for_news(struct mqoe_external *x, struct pollfd fds[3]) {
    fds[0] = (struct pollfd){x->control.in, POLLIN, 0};
    fds[1] = (struct pollfd){x->signals, POLLIN, 0};
    fds[2] = (struct pollfd){x->command.output.in, POLLIN, 0};
    int64_t due = next_due(x), left = due - mqoe_external_now();
    struct timespec timeout = {left > 0 ? left / SECOND : 0, left > 0 ? left % SECOND : 0};
    if (ppoll(fds, 3, due == MQOE_NOT_DUE ? NULL : &timeout, NULL) < 0)
        fds[0].revents = fds[1].revents = fds[2].revents = 0; // EINTR
    x->wakeups++;
}

static void take_signal(struct mqoe_external *x) {
    struct signalfd_siginfo s;
    if (read(x->signals, &s, sizeof s) != sizeof s)
        return;
    x->stopping |= s.ssi_signo != SIGCHLD;
    mqoe_command_reap(&x->command);
}

// Until told to stop, or until the command or an interface is gone (returns −errno, *t filled).
static int serve(struct mqoe_external *x, struct trouble *t) {
    int err = 0;
    while (!x->stopping && !err) {
        struct pollfd fds[3];
        wait_for_news(x, fds);
        if (fds[1].revents)
            take_signal(x);
        if (fds[2].revents || !x->command.alive) // its last words, too
            mqoe_output_read(&x->command.output);
        if (!x->command.alive && !x->stopping)
            return died(x, t);
        if (!x->ready)
            err = check_ready(x, mqoe_external_now(), t);
        for (json_t *c; !err && fds[0].revents && !x->stopping && (c = mqoe_control_next(&x->control));)
            err = mqoe_external_obey(x, c, &t->error);
        err = err ? err : record_if_due(x, t);
    }
    return err;
}

// ---- the end ----

// Waits until nothing moves any more: what the kernel still holds for the command (the queue of a tc qdisc)
// comes out by itself.
static int settle(struct mqoe_external *x, struct mqoe_error *e) {
    int err = mqoe_external_count(x, e);
    for (int i = 0; i < SETTLE_STEPS && !err; i++) {
        struct mqoe_ledger_sums before = mqoe_ledger_sum(&x->ledger), after;
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_STEP}, NULL);
        err = mqoe_external_count(x, e);
        after = mqoe_ledger_sum(&x->ledger);
        if (before.in == after.in && before.out == after.out)
            break;
    }
    mqoe_ledger_close(&x->ledger);
    return err;
}

static int stop(struct mqoe_external *x, struct trouble *t) {
    mqoe_command_reap(&x->command);
    if (!x->command.alive && x->ready)
        return died(x, t); // before it was told
    if (mqoe_command_end(&x->command, GRACE, x->signals))
        fprintf(stderr,
                "mqoe-native external: %s: had to be killed: not all of it ended within 2 s of SIGTERM\n",
                x->command.text);
    int err = settle(x, &t->error);
    if (err)
        return err;
    if (x->went)
        mqoe_external_record(x, mqoe_external_now());
    mqoe_external_say_stopped(x);
    return 0;
}

// The owner ends us as soon as it hears of a fatal error: all that the command started must be gone before.
static int report(struct mqoe_external *x, const struct trouble *t) {
    const struct mqoe_error *e = &t->error;
    char words[sizeof x->command.output.words + 64] = "";
    mqoe_command_end(&x->command, SHORT_GRACE, x->signals);
    if (t->command)
        mqoe_output_words(&x->command.output, words, sizeof words);
    json_t *event = mqoe_control_error(e, true, -1);
    if (event && t->command) // errno says nothing of a command
        json_object_set_new(event, "message", json_sprintf("%s; %s", e->hint, words));
    fprintf(stderr, "mqoe-native external: %s: %s\n", e->object,
            json_string_value(json_object_get(event, "message")));
    mqoe_control_send(&x->control, event);
    return EXIT_RIG;
}

static void release(struct mqoe_external *x) {
    if (x->segment.fd >= 0)
        mqoe_segment_close(&x->segment);
    if (x->signals >= 0)
        close(x->signals);
    mqoe_links_close(&x->links);
    mqoe_external_plan_free(&x->plan);
    mqoe_external_config_free(&x->config);
    mqoe_control_close(&x->control);
}

int mqoe_external_run(const char *blueprint, int64_t ready_limit) {
    struct mqoe_external x = {.ready_limit = ready_limit, .segment.fd = -1, .links.socket = -1};
    struct trouble t = {0};
    if (mqoe_control_open(&x.control) != 0) {
        perror("mqoe-native external: standard input");
        return EXIT_RIG;
    }
    x.signals = block_signals(&t.error);
    int err = x.signals < 0 ? x.signals : start(&x, blueprint, &t.error);
    err = err ? err : serve(&x, &t);
    err = err ? err : stop(&x, &t);
    int code = err ? report(&x, &t) : x.control.broken ? EXIT_RIG : 0;
    release(&x);
    return code;
}

int mqoe_external_main(int argc, char **argv) {
    if (argc != 3 || strcmp(argv[1], "--blueprint"))
        return usage();
    return mqoe_external_run(argv[2], MQOE_EXTERNAL_READY_LIMIT);
}
