#include "reactor/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mqoe_mailbox_open(struct mqoe_mailbox *m) {
    atomic_init(&m->call, NULL);
    m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->done = eventfd(0, EFD_CLOEXEC);
    if (m->wake >= 0 && m->done >= 0)
        return 0;
    int err = -errno;
    mqoe_mailbox_close(m);
    return err;
}

void mqoe_mailbox_close(struct mqoe_mailbox *m) {
    if (m->wake >= 0)
        close(m->wake);
    if (m->done >= 0)
        close(m->done);
    m->wake = m->done = -1;
}

static void signal_fd(int fd) {
    const uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void drain_fd(int fd) {
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

void mqoe_mailbox_call(struct mqoe_mailbox *m, mqoe_call_fn *run, void *argument) {
    struct mqoe_call call = {run, argument};
    atomic_store_explicit(&m->call, &call, memory_order_release);
    signal_fd(m->wake);
    drain_fd(m->done); // blocks until the reactor has signalled
}

void mqoe_mailbox_woken(struct mqoe_mailbox *m) {
    drain_fd(m->wake);
}

bool mqoe_mailbox_serve(struct mqoe_mailbox *m, void *reactor) {
    if (!atomic_load_explicit(&m->call, memory_order_relaxed))
        return false;
    struct mqoe_call *call = atomic_exchange_explicit(&m->call, NULL, memory_order_acquire);
    call->run(reactor, call->argument);
    signal_fd(m->done);
    return true;
}
