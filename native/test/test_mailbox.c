// Calls from a control thread into a reactor's thread: each runs once, there, and is over when the caller
// goes on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include "reactor/mailbox.h"

#define CALLS 20000

struct reactor {
    struct mqoe_mailbox mailbox;
    pthread_t thread;
    bool busy; // never sleeps, as a loaded reactor
    bool stop;
    unsigned sum, wrong_thread, idle_wakes;
};

static void *run(void *argument) {
    struct reactor *r = argument;
    while (!r->stop) {
        if (mqoe_mailbox_serve(&r->mailbox, r) || r->busy)
            continue;
        struct pollfd fd = {r->mailbox.wake, POLLIN, 0};
        if (poll(&fd, 1, -1) > 0)
            mqoe_mailbox_woken(&r->mailbox);
        r->idle_wakes++;
    }
    return NULL;
}

static void add(void *reactor, void *value) {
    struct reactor *r = reactor;
    r->sum += *(unsigned *)value; // not atomic: the mailbox orders it
    r->wrong_thread += !pthread_equal(pthread_self(), r->thread);
}

static void stop(void *reactor, void *nothing) {
    (void)nothing;
    ((struct reactor *)reactor)->stop = true;
}

static void calls_run_once_and_in_the_reactor(bool busy) {
    struct reactor r = {.busy = busy};
    unsigned expected = 0;
    assert_int_equal(mqoe_mailbox_open(&r.mailbox), 0);
    assert_int_equal(pthread_create(&r.thread, NULL, run, &r), 0);
    for (unsigned i = 0; i < CALLS; i++) {
        mqoe_mailbox_call(&r.mailbox, add, &i);
        expected += i;
        assert_int_equal(r.sum, expected);
    }
    mqoe_mailbox_call(&r.mailbox, stop, NULL);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.wrong_thread, 0);
    assert_true(r.idle_wakes <= 2 * (CALLS + 1)); // a wake-up that is never taken off would poll for ever
    mqoe_mailbox_close(&r.mailbox);
}

static void a_sleeping_reactor_answers(void **state) {
    (void)state;
    calls_run_once_and_in_the_reactor(false);
}

static void a_busy_reactor_answers(void **state) {
    (void)state;
    calls_run_once_and_in_the_reactor(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sleeping_reactor_answers),
        cmocka_unit_test(a_busy_reactor_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
