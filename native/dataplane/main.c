// mqoe-native dataplane --blueprint FILE: shapes between the trunks of a lab (and, as native/path/main.c
// calls it, emulates distance there). The main thread only listens to its owner; frames are the business of
// the reactors' threads.
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/commands.h"
#include "lab/enter.h"

#define EXIT_USAGE      2
#define EXIT_RIG        3
#define ETHERNET_HEADER 14u

int mqoe_dataplane_main(int argc, char **argv);

static int usage(const char *part, enum mqoe_dp_kind kind) {
    fprintf(stderr,
            "usage: mqoe-native %s --blueprint FILE\n\n"
            "FILE is %s of a blueprint (harness/blueprint/types.ts). Commands on standard\n"
            "input, answers on standard output, one JSON object a line (docs/control.md).\n",
            part, kind == MQOE_KIND_PATH ? "the `process` of a path stage" : "the `dataplane` part");
    return EXIT_USAGE;
}

// The largest frame of a trunk; where it cannot be told the default stays, and opening the port says why.
static void learn_max_frame(struct mqoe_dp_config *config) {
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", config->reactors[0].interface[MQOE_ACCESS]);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ioctl(fd, SIOCGIFMTU, &r) == 0)
        mqoe_dp_config_set_max_frame(config, (uint32_t)r.ifr_mtu + ETHERNET_HEADER);
    if (fd >= 0)
        close(fd);
}

static int open_reactors(struct mqoe_dataplane *d, struct mqoe_error *e) {
    d->reactors = calloc(d->config.reactor_count, sizeof *d->reactors);
    if (!d->reactors)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "%u reactors", d->config.reactor_count);
    int err = 0;
    for (uint32_t i = 0; i < d->config.reactor_count; i++) // a reactor that is not opened can still be closed
        d->reactors[i] = (struct mqoe_reactor)MQOE_REACTOR_CLOSED;
    for (uint32_t i = 0; i < d->config.reactor_count && !err; i++)
        err = mqoe_reactor_open(&d->reactors[i], &d->config, i, e);
    for (uint32_t i = 0; i < d->config.reactor_count && !err; i++)
        err = mqoe_reactor_start(&d->reactors[i], e);
    return err;
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

static int start(struct mqoe_dataplane *d, const char *file, enum mqoe_dp_kind kind, struct mqoe_error *e) {
    int err = mqoe_dp_config_load(&d->config, file, kind, e);
    err = err ? err : mqoe_netns_enter(d->config.netns, e); // before any thread exists: they inherit it
    if (err)
        return err;
    learn_max_frame(&d->config);
    err = open_reactors(d, e);
    if (!err && mqoe_dataplane_ready(d) != 0)
        err = mqoe_fail(e, EPIPE, "write", "the owner is gone", "standard output");
    return err;
}

// Listens until told to stop, or until a reactor reports that it cannot go on (*e filled, returns −errno).
static int listen_to_owner(struct mqoe_dataplane *d, int signals, struct mqoe_error *e) {
    uint32_t count = d->config.reactor_count;
    struct pollfd *fds = calloc(count + 2, sizeof *fds);
    if (!fds)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "poll table");
    fds[0] = (struct pollfd){d->control.in, POLLIN, 0};
    fds[1] = (struct pollfd){signals, POLLIN, 0};
    for (uint32_t i = 0; i < count; i++)
        fds[i + 2] = (struct pollfd){d->reactors[i].failure_fd, POLLIN, 0};
    int err = 0;
    while (!d->stopping && !err) {
        if (poll(fds, count + 2, -1) < 0)
            continue; // EINTR
        for (json_t *c; fds[0].revents && !d->stopping && (c = mqoe_control_next(&d->control));)
            mqoe_dataplane_command(d, c);
        d->stopping |= fds[1].revents != 0;
        for (uint32_t i = 0; i < count && !err; i++)
            if (fds[i + 2].revents) {
                *e = d->reactors[i].failure;
                err = -e->errnum;
            }
    }
    free(fds);
    return err;
}

static int report(struct mqoe_dataplane *d, const struct mqoe_error *e) {
    mqoe_control_send(&d->control, mqoe_control_error(e, true, -1));
    fprintf(stderr, "mqoe-native %s: %s: %s: %s%s%s\n", d->part, e->object, e->syscall, strerror(e->errnum),
            e->hint[0] ? "; " : "", e->hint);
    return EXIT_RIG;
}

static int run(struct mqoe_dataplane *d, const char *file, enum mqoe_dp_kind kind) {
    struct mqoe_error e;
    int signals = block_signals(&e);
    int err = signals < 0 ? signals : start(d, file, kind, &e);
    err = err ? err : listen_to_owner(d, signals, &e);
    if (err)
        return report(d, &e);
    int64_t missing = mqoe_dataplane_stop(d);
    if (missing)
        fprintf(stderr, "mqoe-native %s: %lld frames are unaccounted for. This is a bug of mqoe.\n", d->part,
                (long long)missing);
    return d->control.broken ? EXIT_RIG : 0;
}

int mqoe_dataplane_run(const char *part, enum mqoe_dp_kind kind, int argc, char **argv) {
    if (argc != 3 || strcmp(argv[1], "--blueprint"))
        return usage(part, kind);
    struct mqoe_dataplane d = {.part = part, .file = argv[2]};
    if (mqoe_control_open(&d.control) != 0) {
        fprintf(stderr, "mqoe-native %s: standard input: %s\n", part, strerror(errno));
        return EXIT_RIG;
    }
    int code = run(&d, argv[2], kind);
    for (uint32_t i = 0; d.reactors && i < d.config.reactor_count; i++)
        mqoe_reactor_close(&d.reactors[i]);
    free(d.reactors);
    mqoe_dp_config_free(&d.config);
    mqoe_control_close(&d.control);
    return code;
}

int mqoe_dataplane_main(int argc, char **argv) {
    return mqoe_dataplane_run("dataplane", MQOE_KIND_AFXDP, argc, argv);
}
