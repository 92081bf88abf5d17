#include "dataplane/reactor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "record/clock.h"

#define MAX_RING      2048u
#define CHECK_EVERY   1000000000u // ns between two looks at whether the trunks exist
#define SETTLE_STEP   200000u     // ns
#define SETTLE_STEPS  100u        // at stop: × SETTLE_STEP = 20 ms
#define SETTLE_ROUNDS 64u

static uint64_t now_ns(void) {
    return mqoe_clock(CLOCK_MONOTONIC);
}
static uint64_t cpu_ns(void) {
    return mqoe_clock(CLOCK_THREAD_CPUTIME_ID);
}

// Two fill rings take half of the frames at most: the rest is for the queues. (Blueprints count 4,096 frames
// for them.)
static uint32_t ring_size(uint32_t frames) {
    uint32_t ring = 32;
    while (ring < MAX_RING && ring * 2 <= frames / 4)
        ring *= 2;
    return ring;
}

static int open_ports(struct mqoe_reactor *r, const struct mqoe_dp_reactor *config, struct mqoe_error *e) {
    int err =
        mqoe_afxdp_open(&r->port[MQOE_ACCESS], config->interface[MQOE_ACCESS], &r->umem, r->ring, NULL, e);
    if (err)
        return err;
    return mqoe_afxdp_open(&r->port[MQOE_CORE], config->interface[MQOE_CORE], &r->umem, r->ring,
                           &r->port[MQOE_ACCESS], e);
}

int mqoe_reactor_open(struct mqoe_reactor *r, const struct mqoe_dp_config *config, uint32_t id,
                      struct mqoe_error *e) {
    const struct mqoe_dp_reactor *mine = &config->reactors[id];
    *r = (struct mqoe_reactor)MQOE_REACTOR_CLOSED;
    r->id = id;
    r->core = mine->core;
    r->ring = ring_size(mine->frames);
    r->failure_fd = eventfd(0, EFD_CLOEXEC);
    int err = r->failure_fd < 0 ? -errno : mqoe_mailbox_open(&r->mailbox);
    if (err)
        return mqoe_fail(e, -err, "eventfd", NULL, "reactor %u", id);
    err = mqoe_umem_init(&r->umem, mine->frames, mine->frame_size, e);
    err = err ? err : open_ports(r, mine, e);
    err = err ? err
              : mqoe_engine_init(&r->engine, config, id, &r->umem, &r->port[MQOE_ACCESS].port,
                                 &r->port[MQOE_CORE].port, now_ns(), e);
    err = err ? err
              : mqoe_tap_open(&r->engine.tap, &config->captures, id, config->reactor_count, mine->frames, e);
    if (err || config->kind == MQOE_KIND_PATH)
        return err; // a stage records nothing
    return mqoe_recorder_open(&r->recorder, &r->engine, e);
}

// An interface that is deleted leaves its socket silent, not failing: without this the run would show a dead
// network and no reason for it.
static void check_ports(struct mqoe_reactor *r) {
    for (int side = MQOE_ACCESS; side <= MQOE_CORE && !r->failure.errnum; side++) {
        int err = 0;
        socklen_t length = sizeof err;
        if (getsockopt(r->port[side].port.fd, SOL_SOCKET, SO_ERROR, &err, &length) != 0 || !err)
            continue;
        mqoe_fail(&r->failure, err, "AF_XDP socket",
                  "the interface was removed or set down while the dataplane ran", "trunk %s",
                  r->port[side].name);
        const uint64_t one = 1;
        if (write(r->failure_fd, &one, sizeof one) < 0)
            perror("mqoe-native: eventfd");
    }
}

static void sleep_until(struct mqoe_reactor *r, uint64_t now, uint64_t until, bool frames_wake) {
    struct pollfd fds[3] = {{r->mailbox.wake, POLLIN, 0},
                            {r->port[MQOE_ACCESS].port.fd, POLLIN, 0},
                            {r->port[MQOE_CORE].port.fd, POLLIN, 0}};
    if (until <= now)
        return;
    uint64_t left = until - now;
    struct timespec timeout = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    if (ppoll(fds, frames_wake ? 3 : 1, &timeout, NULL) > 0 && fds[0].revents)
        mqoe_mailbox_woken(&r->mailbox);
    r->recorder.wakeups++;
}

// Sleeps until a frame arrives, the control thread calls, or `until`. Never spins: in a guest on virtual
// time, time only passes while everybody sleeps.
static void wait_until(struct mqoe_reactor *r, uint64_t until) {
    uint64_t now = now_ns();
    uint64_t pause = mqoe_pace_next(&r->pace, now);
    sleep_until(r, now, pause ? pause : until, !pause);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// The work that is not frames; returns when it is next due.
static uint64_t housekeep(struct mqoe_reactor *r, uint64_t now) {
    if (now >= r->check_due) {
        check_ports(r);
        r->check_due = now + CHECK_EVERY;
    }
    uint64_t record_due =
        r->recorder.running ? mqoe_recorder_run(&r->recorder, &r->engine, now, cpu_ns()) : MQOE_NEVER;
    return earlier(record_due, r->check_due);
}

static void *run_thread(void *argument) {
    struct mqoe_reactor *r = argument;
    mqoe_thread_tune(r->core, &r->grant);
    uint64_t other_due = 0;
    while (!r->stop) {
        uint64_t now = now_ns();
        uint64_t next = mqoe_engine_round(&r->engine, now);
        if (now >= other_due)
            other_due = housekeep(r, now);
        if (mqoe_mailbox_serve(&r->mailbox, r))
            other_due = 0; // a call may have changed anything
        else if (next > now)
            wait_until(r, earlier(next, other_due));
    }
    return NULL;
}

static void call_nothing(void *reactor, void *argument) {
    (void)reactor;
    (void)argument;
}

int mqoe_reactor_start(struct mqoe_reactor *r, struct mqoe_error *e) {
    int err = pthread_create(&r->thread, NULL, run_thread, r);
    if (err)
        return mqoe_fail(e, err, "pthread_create", NULL, "reactor %u", r->id);
    r->started = true;
    mqoe_mailbox_call(&r->mailbox, call_nothing, NULL); // answered by the loop: the grant is filled
    return 0;
}

static void call_go(void *reactor, void *t0) {
    struct mqoe_reactor *r = reactor;
    mqoe_engine_start(&r->engine, *(uint64_t *)t0, now_ns());
    if (r->engine.config->kind == MQOE_KIND_PATH)
        return;
    mqoe_recorder_go(&r->recorder, &r->engine, *(uint64_t *)t0, now_ns());
    if (r->engine.tap)
        mqoe_tap_go(r->engine.tap, *(uint64_t *)t0, mqoe_clock(CLOCK_REALTIME) - now_ns());
}

void mqoe_reactor_go(struct mqoe_reactor *r, uint64_t t0) {
    mqoe_mailbox_call(&r->mailbox, call_go, &t0);
}

struct change_call {
    const struct mqoe_change *changes;
    size_t count;
    struct mqoe_error *error;
    int result;
};

static void call_change(void *reactor, void *argument) {
    struct mqoe_reactor *r = reactor;
    struct change_call *c = argument;
    c->result = mqoe_engine_change(&r->engine, c->changes, c->count, now_ns(), c->error);
}

int mqoe_reactor_change(struct mqoe_reactor *r, const struct mqoe_change *changes, size_t count,
                        struct mqoe_error *e) {
    struct change_call c = {changes, count, e, 0};
    mqoe_mailbox_call(&r->mailbox, call_change, &c);
    return c.result;
}

static void call_account(void *reactor, void *out) {
    struct mqoe_reactor *r = reactor;
    mqoe_engine_account(&r->engine, out);
}

void mqoe_reactor_account(struct mqoe_reactor *r, struct mqoe_accounting *out) {
    mqoe_mailbox_call(&r->mailbox, call_account, out);
}

static void call_stop(void *reactor, void *out) {
    struct mqoe_reactor *r = reactor;
    uint64_t now = now_ns();
    for (unsigned i = 0; i < SETTLE_ROUNDS && mqoe_engine_round(&r->engine, now) <= now; i++)
        now = now_ns();
    for (unsigned i = 0; i < SETTLE_STEPS && r->umem.in_place[MQOE_SENT]; i++) {
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_STEP}, NULL);
        for (int side = MQOE_ACCESS; side <= MQOE_CORE; side++)
            r->port[side].port.ops->flush(&r->port[side].port);
    }
    mqoe_recorder_finish(&r->recorder, &r->engine, now_ns(), cpu_ns());
    mqoe_engine_account(&r->engine, out);
    r->stop = true;
}

void mqoe_reactor_stop(struct mqoe_reactor *r, struct mqoe_accounting *out) {
    mqoe_mailbox_call(&r->mailbox, call_stop, out);
    pthread_join(r->thread, NULL);
    r->started = false;
}

static void close_port(struct mqoe_port *port) {
    if (port->fd >= 0)
        port->ops->close(port);
}

void mqoe_reactor_close(struct mqoe_reactor *r) {
    struct mqoe_accounting ignored;
    if (r->started)
        mqoe_reactor_stop(r, &ignored);
    mqoe_recorder_close(&r->recorder);
    mqoe_tap_close(r->engine.tap);
    mqoe_engine_free(&r->engine);
    close_port(&r->port[MQOE_CORE].port);
    close_port(&r->port[MQOE_ACCESS].port);
    mqoe_umem_free(&r->umem);
    mqoe_mailbox_close(&r->mailbox);
    if (r->failure_fd >= 0)
        close(r->failure_fd);
}
