#include "traffic/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "reactor/thread.h"
#include "record/clock.h"
#include "traffic/kind.h"

#define EVENTS_PER_ROUND 64
#define TIMERS_PER_ROUND 64
#define RECORD_INTERVAL  INT64_C(100000000)
#define INBOX_BYTES      (1 << 20)
#define SMALLEST_SEGMENT UINT64_C(4096) // a small run fits whole, however late its spool is
#define STACK_BYTES      (256 * 1024)

static_assert(sizeof(struct traffic_message) <= PIPE_BUF, "messages are written in one piece");

// ---- clocks ----

int64_t traffic_monotonic(void) {
    return (int64_t)mqoe_clock(CLOCK_MONOTONIC);
}
int64_t traffic_realtime(void) {
    return (int64_t)mqoe_clock(CLOCK_REALTIME);
}

int64_t traffic_clock_offset(void) {
    int64_t best = 0, tightest = INT64_MAX;
    for (int i = 0; i < 8; i++) {
        int64_t before = traffic_monotonic(), real = traffic_realtime(), after = traffic_monotonic();
        if (after - before < tightest) {
            tightest = after - before;
            best = real - (before + tightest / 2);
        }
    }
    return best;
}

int64_t traffic_loop_now(const struct traffic_loop *loop) {
    return traffic_monotonic() - loop->clock.t0;
}

// ---- timers ----

void traffic_loop_arm(struct traffic_loop *loop, struct traffic_timer *timer, int64_t due) {
    mqoe_heap_arm(&loop->timers, &timer->heap, (uint64_t)(loop->clock.t0 + due));
}

void traffic_loop_cancel(struct traffic_loop *loop, struct traffic_timer *timer) {
    mqoe_heap_disarm(&loop->timers, &timer->heap);
}

// Fires what is due, but only so many in one go: sockets get their turn even when the machine is behind its
// timers.
static void fire_due(struct traffic_loop *loop) {
    for (int i = 0; i < TIMERS_PER_ROUND && !loop->stopping; i++) {
        int64_t now = traffic_monotonic();
        uint64_t due;
        struct mqoe_timer *timer = mqoe_heap_pop(&loop->timers, (uint64_t)now, &due);
        if (!timer)
            return;
        struct traffic_timer *owner =
            (struct traffic_timer *)((char *)timer - offsetof(struct traffic_timer, heap));
        owner->fire(loop, owner, now - loop->clock.t0);
    }
}

// The timerfd, not epoll's timeout: the latter may be stretched by 0.1 % of the wait on top of the timer
// slack (select_estimate_accuracy in fs/select.c), which is 100 µs on a 100 ms probe.
static void set_timerfd(struct traffic_loop *loop) {
    uint64_t next = mqoe_heap_next(&loop->timers);
    if (next == loop->armed)
        return;
    loop->armed = next;
    struct itimerspec at = {0}; // all zero disarms
    if (next != MQOE_NEVER) {
        at.it_value.tv_sec = (time_t)(next / 1000000000);
        at.it_value.tv_nsec = (long)(next % 1000000000);
    }
    timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &at, NULL);
}

// Edge-triggered, so the descriptor need not be read: every expiry is one event, and setting it clears the
// last.
static void timer_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                        int64_t now) {
    (void)source, (void)events, (void)now;
    loop->armed = MQOE_NEVER; // it has fired; what is due is fired by the round
}

// ---- records ----

static void sample(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    const struct traffic_clock *clock = &loop->clock;
    struct mqoe_record_traffic_reactor *r = mqoe_segment_next(loop->record);
    *r = (struct mqoe_record_traffic_reactor){
        .time = now,
        .reactor = loop->id,
        .open_sockets = atomic_load(&loop->sockets),
        .cpu = mqoe_clock(CLOCK_THREAD_CPUTIME_ID),
        .late_max = (uint64_t)loop->late_max,
        .probes_sent = atomic_load(&loop->probes_sent),
        .send_errors = atomic_load(&loop->send_errors),
        .clock_offset = traffic_clock_offset() - (clock->real - clock->t0),
    };
    mqoe_segment_publish(loop->record);
    loop->late_max = 0;
    traffic_loop_arm(loop, timer, (now / RECORD_INTERVAL + 1) * RECORD_INTERVAL);
}

// A spool file is named after its writer and type.
static void name_writer(const struct traffic_loop *loop, const char *type, char *name, size_t size) {
    uint32_t others = 0;
    for (uint32_t i = 0; i < loop->segment_count; i++)
        others += !strcmp(loop->segments[i].header->type, type);
    if (others)
        snprintf(name, size, "traffic-%u-%u", loop->id, others);
    else
        snprintf(name, size, "traffic-%u", loop->id);
}

struct mqoe_segment *traffic_loop_segment(struct traffic_loop *loop, const char *type, double per_second,
                                          uint64_t extra, struct mqoe_error *e) {
    char writer[32];
    name_writer(loop, type, writer, sizeof writer);
    struct mqoe_segment *segment = &loop->segments[loop->segment_count];
    uint64_t capacity = (uint64_t)(per_second * 2) + extra;
    if (capacity < SMALLEST_SEGMENT)
        capacity = SMALLEST_SEGMENT;
    int error = loop->segment_count == TRAFFIC_LOOP_SEGMENTS
                    ? -ENOSPC
                    : mqoe_segment_create(segment, type, writer, capacity);
    if (error) {
        mqoe_fail(e, -error, "memfd_create",
                  "its size follows from the number and interval of flows and probes",
                  "segment %s of %s for %llu records", type, writer, (unsigned long long)capacity);
        return NULL;
    }
    loop->segment_count++;
    return segment;
}

// ---- over ----

static void announce_over(struct traffic_loop *loop) {
    if (loop->active == 0 && loop->duration_over)
        traffic_send_message(loop->process->outbox[1], &(struct traffic_message){.type = TRAFFIC_OVER});
}

void traffic_loop_retire(struct traffic_loop *loop) {
    loop->active--;
    announce_over(loop);
}

static void duration_over(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)timer, (void)now;
    loop->duration_over = true;
    announce_over(loop);
}

// ---- messages ----

int traffic_send_message(int pipe, const struct traffic_message *message) {
    ssize_t n;
    do
        n = write(pipe, message, sizeof *message);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int traffic_deliver_message(int pipe, const struct traffic_message *message) {
    int error;
    while ((error = traffic_send_message(pipe, message)) == -EAGAIN)
        (void)poll(&(struct pollfd){.fd = pipe, .events = POLLOUT}, 1, -1);
    return error;
}

static void go(struct traffic_loop *loop) {
    struct traffic_process *p = loop->process;
    for (int k = 0; k < TRAFFIC_KINDS && p->kinds[k]; k++)
        p->kinds[k]->go(p->states[k], loop);
    traffic_loop_arm(loop, &loop->sample, 0);
    traffic_loop_arm(loop, &loop->end, p->plan.duration);
}

static void stop(struct traffic_loop *loop) {
    struct traffic_process *p = loop->process;
    int64_t now = loop->clock.t0 ? traffic_loop_now(loop) : INT64_MIN;
    for (int k = 0; k < TRAFFIC_KINDS && p->kinds[k]; k++)
        p->kinds[k]->stop(p->states[k], loop, now);
    loop->stopping = true;
}

static void inbox_ready(struct traffic_loop *loop, struct traffic_source *source, uint32_t events,
                        int64_t now) {
    (void)events, (void)now;
    struct traffic_message m;
    if (read(source->fd, &m, sizeof m) != (ssize_t)sizeof m)
        return;
    if (m.type == TRAFFIC_GO) {
        loop->clock = m.clock;
        go(loop);
    } else if (m.type == TRAFFIC_STOP)
        stop(loop);
    else if (m.type == TRAFFIC_ADOPT)
        loop->process->kinds[m.kind]->adopt(loop->process->states[m.kind], loop, m.item, m.fd);
}

// ---- sources ----

int traffic_loop_watch(struct traffic_loop *loop, struct traffic_source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

int traffic_loop_rewatch(struct traffic_loop *loop, struct traffic_source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

void traffic_loop_forget(struct traffic_loop *loop, struct traffic_source *source) {
    if (source->fd < 0)
        return;
    close(source->fd); // leaves the epoll set by itself: no other descriptor refers to the socket
    source->fd = -1;
    atomic_fetch_sub(&loop->sockets, 1);
}

// ---- the thread ----

static void tune(const struct traffic_loop *loop) {
    if (!loop->punctual) {
        prctl(PR_SET_TIMERSLACK, 1);
        return;
    }
    struct mqoe_thread_grant grant;
    mqoe_thread_tune(loop->core, &grant);
    if (grant.note[0])
        fprintf(stderr, "mqoe-native traffic: reactor %u: %s\n", loop->id, grant.note);
}

// Bulk data takes its time; a punctual loop never waits for more.
static void pace(struct traffic_loop *loop) {
    uint64_t until = loop->punctual ? 0 : mqoe_pace_next(&loop->pace, mqoe_clock(CLOCK_MONOTONIC));
    const struct timespec at = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
    if (until)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void *run(void *argument) {
    struct traffic_loop *loop = argument;
    struct epoll_event events[EVENTS_PER_ROUND];
    tune(loop);
    while (!loop->stopping) {
        pace(loop);
        set_timerfd(loop);
        int n = epoll_wait(loop->epoll, events, EVENTS_PER_ROUND, -1);
        fire_due(loop);
        for (int i = 0; i < n && !loop->stopping; i++) {
            struct traffic_source *source = events[i].data.ptr;
            int64_t now = traffic_loop_now(loop);
            source->ready(loop, source, events[i].events, now);
            // Between two sockets, so that a probe waits for one write of bulk data, not for a round of them.
            fire_due(loop);
        }
    }
    return NULL;
}

static int open_descriptors(struct traffic_loop *loop, struct mqoe_error *e) {
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    loop->timer_source = (struct traffic_source){loop->timerfd, timer_ready};
    if (loop->epoll < 0 || loop->timerfd < 0 || pipe2(loop->inbox, O_NONBLOCK | O_CLOEXEC) < 0)
        return mqoe_fail(e, errno, "epoll_create1, timerfd_create or pipe2", "", "traffic reactor %u",
                         loop->id);
    // One message per accepted connection may wait; a refusal (pipe-user-pages-soft) leaves the default of 64
    // KiB.
    (void)fcntl(loop->inbox[1], F_SETPIPE_SZ, INBOX_BYTES);
    loop->inbox_source = (struct traffic_source){loop->inbox[0], inbox_ready};
    int error = traffic_loop_watch(loop, &loop->timer_source, EPOLLIN | EPOLLET);
    if (!error)
        error = traffic_loop_watch(loop, &loop->inbox_source, EPOLLIN);
    return error ? mqoe_fail(e, -error, "epoll_ctl", "", "traffic reactor %u", loop->id) : 0;
}

int traffic_loop_open(struct traffic_loop *loop, struct traffic_process *process, uint32_t id, int core,
                      bool punctual, struct mqoe_error *e) {
    *loop = (struct traffic_loop){.process = process,
                                  .id = id,
                                  .core = core,
                                  .punctual = punctual,
                                  .epoll = -1,
                                  .timerfd = -1,
                                  .inbox = {-1, -1},
                                  .armed = MQOE_NEVER,
                                  .timer_count = 2,
                                  .sample = {.fire = sample},
                                  .end = {.fire = duration_over}};
    int error = open_descriptors(loop, e);
    if (error)
        return error;
    loop->record = traffic_loop_segment(loop, "traffic_reactor", 10, 64, e);
    return loop->record ? 0 : -e->errnum;
}

// The thread starts on its CPU rather than moving there, so its stack and heap are local.
static int pin(pthread_attr_t *attributes, int core) {
    if (core < 0)
        return 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    return pthread_attr_setaffinity_np(attributes, sizeof set, &set);
}

int traffic_loop_start(struct traffic_loop *loop, struct mqoe_error *e) {
    if (mqoe_heap_init(&loop->timers, loop->timer_count))
        return mqoe_fail(e, ENOMEM, "calloc", "", "%u timers of traffic reactor %u", loop->timer_count,
                         loop->id);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int error = pin(&attributes, loop->core);
    if (!error)
        error = pthread_create(&loop->thread, &attributes, run, loop);
    pthread_attr_destroy(&attributes);
    if (error)
        return mqoe_fail(e, error, "pthread_create",
                         error == EINVAL ? "is that CPU online and allowed? see nproc" : "",
                         "traffic reactor %u on CPU %d", loop->id, loop->core);
    loop->running = true;
    return 0;
}

static void close_if_open(int fd) {
    if (fd >= 0)
        close(fd);
}

void traffic_loop_close(struct traffic_loop *loop) {
    if (loop->running)
        pthread_join(loop->thread, NULL);
    for (uint32_t i = 0; i < loop->segment_count; i++)
        mqoe_segment_close(&loop->segments[i]);
    mqoe_heap_free(&loop->timers);
    close_if_open(loop->epoll);
    close_if_open(loop->timerfd);
    close_if_open(loop->inbox[0]);
    close_if_open(loop->inbox[1]);
}
