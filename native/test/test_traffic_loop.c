// What a reactor of the traffic process must survive: no descriptors left to accept with, a full inbox.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "traffic/kind.h"
#include "traffic/listen.h"

#define KEY 77

// The library's own calls come here.
static _Atomic int accept_errno, accepts, identified;

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    atomic_fetch_add(&accepts, 1);
    if (atomic_load(&accept_errno)) {
        errno = atomic_load(&accept_errno);
        return -1;
    }
    return (int)syscall(SYS_accept4, fd, address, length, flags);
}

static void kind_go(void *state, struct traffic_loop *loop) {
    (void)state, (void)loop;
}

static void kind_stop(void *state, struct traffic_loop *loop, int64_t now) {
    (void)state, (void)loop, (void)now;
}

static bool take_connection(void *context, struct traffic_loop *loop, const struct traffic_listener *listener,
                            const struct traffic_flow_header *header, int fd) {
    (void)context, (void)loop, (void)listener;
    if (header->flow != 5)
        return false;
    close(fd);
    atomic_fetch_add(&identified, 1);
    return true;
}

struct world {
    struct traffic_process process;
    struct traffic_loop loop;
    struct traffic_endpoint server;
    struct traffic_arrivals arrivals;
    struct traffic_listener listener;
    struct traffic_kind kind;
    struct sockaddr_in address;
};

static void listen_on_loopback(struct world *w) {
    struct mqoe_error e;
    w->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof w->address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&w->address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&w->address, &length), 0);
    assert_int_equal(traffic_arrivals_create(&w->arrivals, &w->loop, 1, take_connection, w), 0);
    w->loop.timer_count++;
    assert_int_equal(traffic_listener_start(&w->listener, &w->arrivals, fd, &e), 0);
}

static void world_open(struct world *w) {
    struct mqoe_error e;
    memset(w, 0, sizeof *w);
    w->server.name = "s";
    w->process.key = KEY;
    w->process.outbox[0] = w->process.outbox[1] = -1;
    w->process.plan.endpoints[TRAFFIC_SERVER] = &w->server;
    w->kind = (struct traffic_kind){.go = kind_go, .stop = kind_stop};
    w->process.kinds[0] = w->process.kinds[1] = &w->kind;
    assert_int_equal(traffic_loop_open(&w->loop, &w->process, 0, -1, false, &e), 0);
    listen_on_loopback(w);
}

static void world_close(struct world *w) {
    const struct traffic_message stop = {.type = TRAFFIC_STOP};
    if (w->loop.running)
        assert_int_equal(traffic_deliver_message(w->loop.inbox[1], &stop), 0);
    traffic_loop_close(&w->loop);
    traffic_arrivals_stop(&w->arrivals);
    traffic_arrivals_destroy(&w->arrivals);
    close(w->listener.source.fd);
}

static int say_hello(const struct world *w) {
    uint8_t header[TRAFFIC_FLOW_HEADER];
    traffic_flow_header_encode(header, &(struct traffic_flow_header){.key = KEY, .flow = 5});
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&w->address, sizeof w->address), 0);
    assert_int_equal(write(fd, header, sizeof header), sizeof header);
    return fd;
}

static void accept_without_descriptors_waits_and_goes_on(void **state) {
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct world w;
        struct mqoe_error e;
        world_open(&w);
        atomic_store(&accepts, 0);
        atomic_store(&identified, 0);
        atomic_store(&accept_errno, errors[i]);
        assert_int_equal(traffic_loop_start(&w.loop, &e), 0);
        int fd = say_hello(&w);
        usleep(250000);
        int tries = atomic_load(&accepts);
        if (tries < 1 || tries > 4)
            fail_msg("%d tries in 250 ms", tries);
        atomic_store(&accept_errno, 0);
        for (int wait = 0; wait < 200 && !atomic_load(&identified); wait++)
            usleep(10000);
        assert_int_equal(atomic_load(&identified), 1);
        close(fd);
        world_close(&w);
    }
}

// The reactor starts when its inbox is full already, of messages that mean nothing to it.
static void a_stop_gets_through_a_full_inbox(void **state) {
    (void)state;
    struct world w;
    struct mqoe_error e;
    const struct traffic_message nothing = {.type = UINT16_MAX};
    world_open(&w);
    while (traffic_send_message(w.loop.inbox[1], &nothing) == 0)
        ;
    assert_int_equal(traffic_send_message(w.loop.inbox[1], &nothing), -EAGAIN);
    assert_int_equal(traffic_loop_start(&w.loop, &e), 0);
    alarm(20); // a message that is lost is a test that hangs
    world_close(&w);
    alarm(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_without_descriptors_waits_and_goes_on),
        cmocka_unit_test(a_stop_gets_through_a_full_inbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
