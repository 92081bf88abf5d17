// mqoe-native kernel --blueprint FILE: Linux routes and queues, this process sets it up, changes it while it
// runs and writes down what it counted. One thread, which sleeps.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kernel/commands.h"
#include "kernel/routes.h"
#include "kernel/tins.h"
#include "lab/enter.h"
#include "record/clock.h"

#define EXIT_USAGE 2
#define EXIT_RIG   3

int mqoe_kernel_main(int argc, char **argv);

static int usage(void) {
    fprintf(stderr,
            "usage: mqoe-native kernel --blueprint FILE\n\n"
            "FILE is the `dataplane` part of a blueprint (harness/blueprint/types.ts) of kind \"kernel\" or\n"
            "\"none\". Commands on standard input, answers on standard output, one JSON object a line\n"
            "(docs/control.md, docs/kernel-dataplane.md).\n");
    return EXIT_USAGE;
}

static int block_signals(struct mqoe_error *e) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd >= 0 ? fd : mqoe_fail(e, errno, "signalfd", NULL, "SIGINT and SIGTERM");
}

// The guards stand before anything is forwarded, and the counting starts when all stands.
static int build(struct mqoe_kernel_dataplane *d, struct mqoe_error *e) {
    int err = netlink_open(&d->netlink, d->config.netns, e);
    err = err ? err : mqoe_routes_find(&d->config, d->devices, e);
    err = err ? err : mqoe_classify_open(&d->classify, &d->config, mqoe_tree_uncounted(&d->config), e);
    err = err ? err : mqoe_classify_attach(&d->classify, &d->netlink, d->devices, e);
    err = err ? err : mqoe_tree_build(&d->tree, &d->config, &d->netlink, d->devices, &d->classify, e);
    err = err ? err : mqoe_routes_set(&d->config, &d->netlink, d->devices, e);
    err = err ? err : mqoe_kernel_reader_open(&d->reader, &d->tree, &d->classify, e);
    return err ? err
               : mqoe_kernel_recorder_open(&d->recorder, d->config.client_count * 2,
                                           mqoe_tins_expected(&d->config), e);
}

static int start(struct mqoe_kernel_dataplane *d, const char *file, struct mqoe_error *e) {
    int err = mqoe_kernel_config_load(&d->config, file, e);
    err = err ? err : mqoe_netns_enter(d->config.netns, e);
    err = err ? err : build(d, e);
    if (!err && mqoe_kernel_ready(d) != 0)
        err = mqoe_fail(e, EPIPE, "write", "the owner is gone", "standard output");
    return err;
}

static void set_timer(int timer, const struct mqoe_kernel_recorder *r) {
    struct itimerspec when = {0};
    if (r->running)
        when.it_value = (struct timespec){(time_t)(r->due / 1000000000), (long)(r->due % 1000000000)};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int handle(struct mqoe_kernel_dataplane *d, const struct pollfd fds[3], struct mqoe_error *e) {
    int err = 0;
    for (json_t *c; fds[0].revents && !d->stopping && !err && (c = mqoe_control_next(&d->control));)
        err = mqoe_kernel_command(d, c, e);
    d->stopping |= fds[1].revents != 0;
    if (!err && d->recorder.running && mqoe_clock(CLOCK_MONOTONIC) >= d->recorder.due)
        err = mqoe_kernel_record(d, e);
    return err;
}

static int serve(struct mqoe_kernel_dataplane *d, int signals, int timer, struct mqoe_error *e) {
    int err = 0;
    while (!d->stopping && !err) {
        struct pollfd fds[] = {{d->control.in, POLLIN, 0}, {signals, POLLIN, 0}, {timer, POLLIN, 0}};
        set_timer(timer, &d->recorder);
        if (poll(fds, 3, -1) < 0)
            continue; // EINTR
        d->recorder.wakeups++;
        err = handle(d, fds, e);
    }
    return err;
}

static int report(struct mqoe_kernel_dataplane *d, const struct mqoe_error *e) {
    mqoe_control_send(&d->control, mqoe_control_error(e, true, -1));
    fprintf(stderr, "mqoe-native kernel: %s: %s: %s%s%s\n", e->object, e->syscall, strerror(e->errnum),
            e->hint[0] ? "; " : "", e->hint);
    return EXIT_RIG;
}

static int run(struct mqoe_kernel_dataplane *d, const char *file) {
    struct mqoe_error e;
    int64_t missing = 0;
    int signals = block_signals(&e), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    int err = signals < 0 ? signals : 0;
    if (timer < 0)
        err = mqoe_fail(&e, errno, "timerfd_create", NULL, "timer");
    err = err ? err : start(d, file, &e);
    err = err ? err : serve(d, signals, timer, &e);
    err = err ? err : mqoe_kernel_stop(d, &missing, &e);
    if (err)
        return report(d, &e);
    if (missing)
        fprintf(stderr, "mqoe-native kernel: %lld frames are on no counter of the kernel's\n",
                (long long)missing);
    return d->control.broken ? EXIT_RIG : 0;
}

int mqoe_kernel_main(int argc, char **argv) {
    if (argc != 3 || strcmp(argv[1], "--blueprint"))
        return usage();
    static struct mqoe_kernel_dataplane d; // 32 KiB of netlink buffer
    d.reader = (struct mqoe_kernel_reader){.snmp = -1, .snmp6 = -1};
    d.recorder = (struct mqoe_kernel_recorder){.clients.fd = -1, .reactor.fd = -1, .tins.fd = -1};
    if (mqoe_control_open(&d.control) != 0) {
        perror("mqoe-native kernel: standard input");
        return EXIT_RIG;
    }
    int code = run(&d, argv[2]);
    mqoe_kernel_recorder_close(&d.recorder);
    mqoe_kernel_reader_close(&d.reader);
    mqoe_classify_close(&d.classify);
    netlink_close(&d.netlink);
    mqoe_kernel_config_free(&d.config);
    mqoe_control_close(&d.control);
    return code;
}
