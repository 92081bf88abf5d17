// A reactor of the traffic process: one thread with one epoll set, one timer heap and one timerfd, which owns
// the sockets given to it. Nothing is shared with other reactors; what must cross (an accepted connection
// whose flow lives elsewhere) travels as a message through a pipe. It sleeps until something is due and never
// polls for time.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "reactor/heap.h"
#include "reactor/pace.h"
#include "record/error.h"
#include "record/segment.h"

struct traffic_loop;
struct traffic_process;

// Something with a descriptor in the epoll set; embedded in its owner. fd −1 = closed. `ready` may be called
// once more after it was closed in the same round, and must then do nothing.
struct traffic_source {
    int fd;
    void (*ready)(struct traffic_loop *loop, struct traffic_source *source, uint32_t events, int64_t now);
};

// A timer whose owner is told when it is due; embedded in its owner.
struct traffic_timer {
    struct mqoe_timer heap;
    void (*fire)(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now);
};

// Where time starts; `real` is what CLOCK_REALTIME shows at t0. All zero before `go`.
struct traffic_clock {
    int64_t t0;   // CLOCK_MONOTONIC
    int64_t real; // CLOCK_REALTIME
};

enum traffic_message_type {
    TRAFFIC_GO,    // main → reactor: `clock` says when time starts
    TRAFFIC_STOP,  // main → reactor: finish and end the thread
    TRAFFIC_ADOPT, // reactor → reactor: item `item` of kind `kind` gets descriptor `fd`
    TRAFFIC_OVER,  // reactor → main: all that was planned is over
};

// Written to a pipe in one piece (less than PIPE_BUF), so writers need no lock.
struct traffic_message {
    uint16_t type;
    uint16_t kind;
    uint32_t item;
    int32_t fd;
    struct traffic_clock clock;
};

#define TRAFFIC_LOOP_SEGMENTS 16

struct traffic_loop {
    struct traffic_process *process;
    uint32_t id;
    int core;
    bool punctual;
    int epoll, timerfd;
    int inbox[2];
    struct traffic_clock clock;
    struct mqoe_pace pace;
    struct mqoe_heap timers;
    uint32_t timer_count;   // timers that the kinds announced
    uint64_t armed;         // what the timerfd is set to
    bool stopping, running; // running: the thread exists
    bool duration_over;
    uint32_t active; // items that are not over yet
    pthread_t thread;
    struct mqoe_segment segments[TRAFFIC_LOOP_SEGMENTS];
    uint32_t segment_count;
    struct mqoe_segment *record; // traffic_reactor
    struct traffic_source timer_source, inbox_source;
    struct traffic_timer sample, end;
    int64_t late_max;         // of this 100 ms
    _Atomic uint32_t sockets; // open ones; the counters are written here and may be read by main
    _Atomic uint64_t probes_sent, send_errors, strays;
};

// ---- set-up, called by main before the thread runs ----

// `punctual`: the thread asks for a real-time priority. Measured here with two busy loops beside it, 1,000
// probes of 100 ms: lateness p99 0.03 – 0.13 ms instead of 4 – 60 ms. Only for work that is short by nature.
int traffic_loop_open(struct traffic_loop *loop, struct traffic_process *process, uint32_t id, int core,
                      bool punctual, struct mqoe_error *e);

// A new segment of this reactor that holds two seconds of `per_second` records and `extra` more, so that a
// spool every second never finds it overrun. Kinds may have segments of one type; each is a writer. NULL with
// *e set when it cannot be made.
struct mqoe_segment *traffic_loop_segment(struct traffic_loop *loop, const char *type, double per_second,
                                          uint64_t extra, struct mqoe_error *e);

// Starts the thread; from now on only it touches the loop.
int traffic_loop_start(struct traffic_loop *loop, struct mqoe_error *e);

// Waits for the thread (after TRAFFIC_STOP) and frees what the loop holds.
void traffic_loop_close(struct traffic_loop *loop);

// ---- any thread ----

// Returns 0 or −errno (−EAGAIN: the pipe is full).
int traffic_send_message(int pipe, const struct traffic_message *message);

// The same for a message that must arrive: waits while the pipe is full. Only for main, whom no reactor waits
// for; two reactors could wait for each other.
int traffic_deliver_message(int pipe, const struct traffic_message *message);

// CLOCK_MONOTONIC and CLOCK_REALTIME, ns.
int64_t traffic_monotonic(void);
int64_t traffic_realtime(void);

// CLOCK_REALTIME − CLOCK_MONOTONIC: the tightest of several samples, so that being preempted between the two
// reads does not look like a clock step.
int64_t traffic_clock_offset(void);

// ---- the reactor's own thread ----

// ns since t0 (before go: of CLOCK_MONOTONIC)
int64_t traffic_loop_now(const struct traffic_loop *loop);

// Arms (or moves) a timer for `due`, ns since t0; may be in the past. Cancelling an idle one is fine.
void traffic_loop_arm(struct traffic_loop *loop, struct traffic_timer *timer, int64_t due);
void traffic_loop_cancel(struct traffic_loop *loop, struct traffic_timer *timer);

// Adds the source to the epoll set, changes what it waits for, closes it. 0 or −errno.
int traffic_loop_watch(struct traffic_loop *loop, struct traffic_source *source, uint32_t events);
int traffic_loop_rewatch(struct traffic_loop *loop, struct traffic_source *source, uint32_t events);
void traffic_loop_forget(struct traffic_loop *loop, struct traffic_source *source);

// One item is over; when all are and the duration has passed, main hears of it.
void traffic_loop_retire(struct traffic_loop *loop);
