// One reactor: a pinned thread that owns its sockets, frames, queues, timers and counters, and shares
// nothing.
#pragma once

#include <pthread.h>

#include "dataplane/engine.h"
#include "dataplane/recorder.h"
#include "port/afxdp.h"
#include "reactor/mailbox.h"
#include "reactor/pace.h"
#include "reactor/thread.h"

struct mqoe_reactor {
    uint32_t id;
    int core;
    uint32_t ring; // entries of each AF_XDP ring
    struct mqoe_umem umem;
    struct mqoe_afxdp port[2]; // by enum mqoe_side
    struct mqoe_engine engine;
    struct mqoe_recorder recorder;
    struct mqoe_mailbox mailbox;
    struct mqoe_thread_grant grant;
    pthread_t thread;
    bool started, stop;
    struct mqoe_pace pace;
    uint64_t check_due;        // when the sockets are next asked whether their interface still exists
    int failure_fd;            // eventfd: readable when `failure` is set
    struct mqoe_error failure; // a trunk went away; written once by the thread, before failure_fd
};

// A reactor that holds nothing: mqoe_reactor_close has nothing to do.
#define MQOE_REACTOR_CLOSED                                                                                  \
    {                                                                                                        \
        .mailbox = {.wake = -1, .done = -1},                                                                 \
        .recorder = {.clients = {.fd = -1}, .reactor = {.fd = -1}, .tins = {.fd = -1}},                      \
        .port = {{.port = {.fd = -1}}, {.port = {.fd = -1}}}, .failure_fd = -1                               \
    }

// Opens everything reactor `id` of the config needs, in the caller's network namespace; the thread does not
// run yet. Returns 0, or −errno with *e filled; mqoe_reactor_close is right in both cases.
int mqoe_reactor_open(struct mqoe_reactor *r, const struct mqoe_dp_config *config, uint32_t id,
                      struct mqoe_error *e);

// Starts the thread; it forwards from now on. Returns once `grant` is filled: 0, or −errno with *e filled.
int mqoe_reactor_start(struct mqoe_reactor *r, struct mqoe_error *e);

// The following are called by the control thread, carried out by the reactor's, and return when done.
void mqoe_reactor_go(struct mqoe_reactor *r, uint64_t t0);
int mqoe_reactor_change(struct mqoe_reactor *r, const struct mqoe_change *changes, size_t count,
                        struct mqoe_error *e);
void mqoe_reactor_account(struct mqoe_reactor *r, struct mqoe_accounting *out);
// Takes in what has arrived, waits (≤ 20 ms) until the kernel has completed what it was given, writes the
// last records, counts, and ends the thread.
void mqoe_reactor_stop(struct mqoe_reactor *r, struct mqoe_accounting *out);

void mqoe_reactor_close(struct mqoe_reactor *r);
