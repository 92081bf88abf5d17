// The trunk's XDP program: attached natively, or an error that says so. Needs root; skipped otherwise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/xdp.h"

#define LOOPBACK 1 // its driver has no XDP of its own, only the generic kind

static void refuses_what_only_generic_xdp_could_do(void **state) {
    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) // a loopback of our own
        skip();
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct mqoe_xdp x;
    struct mqoe_error e = {0};
    int err = mqoe_xdp_attach(&x, "lo", LOOPBACK, fd, &e);
    assert_int_equal(err, -EOPNOTSUPP);
    assert_int_equal(e.errnum, EOPNOTSUPP);
    assert_string_equal(e.syscall, "bpf(BPF_LINK_CREATE)");
    assert_string_equal(e.object, "native XDP on lo");
    assert_non_null(strstr(e.hint, "veth"));
    assert_int_equal(x.link, -1);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(refuses_what_only_generic_xdp_could_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
