// How the control thread has something done in a reactor's thread: one call at a time, between two rounds of
// its loop, so that the reactor's data needs no lock.
#pragma once

#include <stdbool.h>

typedef void mqoe_call_fn(void *reactor, void *argument);

struct mqoe_call {
    mqoe_call_fn *run;
    void *argument;
};

struct mqoe_mailbox {
    _Atomic(struct mqoe_call *) call; // waiting to be run
    int wake, done;                   // eventfds: a call waits; it has been run
};

// Returns 0 or −errno.
int mqoe_mailbox_open(struct mqoe_mailbox *m);
void mqoe_mailbox_close(struct mqoe_mailbox *m);

// Control thread: has `run(reactor, argument)` done in the reactor's thread and waits for it.
void mqoe_mailbox_call(struct mqoe_mailbox *m, mqoe_call_fn *run, void *argument);

// Reactor's thread: to be called when `wake` polled as readable, before the next mqoe_mailbox_serve. Apart
// from it, because a busy reactor serves the call before it ever polls.
void mqoe_mailbox_woken(struct mqoe_mailbox *m);

// Reactor's thread: runs the call that waits; false when there is none.
bool mqoe_mailbox_serve(struct mqoe_mailbox *m, void *reactor);
