// Entering a namespace: what is wrong is named with what to do about it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/enter.h"

#define OWN "/proc/thread-self/ns/net"

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *path, *syscall, *hint;
        int errnum;
    } cases[] = {
        {"/run/netns/mqoe-no-such", "open", "ls /run/netns", ENOENT},
        {"/proc/self/status", "setns", "no network namespace", EINVAL},
        {"/proc/self/ns/uts", "setns", "no network namespace", EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqoe_error e;
        int before = dup(0), after;
        close(before);
        assert_int_equal(mqoe_netns_enter(cases[i].path, &e), -cases[i].errnum);
        assert_string_equal(e.syscall, cases[i].syscall);
        assert_memory_equal(e.object, "namespace /", 11);
        assert_non_null(strstr(e.hint, cases[i].hint));
        after = dup(0);
        close(after);
        assert_int_equal(after, before); // no descriptor is left open
    }
}

static void a_namespace_is_entered(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    struct mqoe_error e;
    struct stat before, after;
    assert_int_equal(stat(OWN, &before), 0);
    assert_int_equal(mqoe_netns_enter(OWN, &e), 0);
    assert_int_equal(stat(OWN, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_namespace_is_entered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
