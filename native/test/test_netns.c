// Making namespaces, in a mount namespace and a /run of its own. Needs root; skipped otherwise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bench/lab_client.h"

#define DIRECTORY "/run/netns"

static bool is_shared(const char *point) {
    char line[1024], at[512];
    bool shared = false;
    FILE *f = fopen("/proc/thread-self/mountinfo", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%*d %*d %*s %*s %511s", at) == 1 && !strcmp(at, point))
            shared = strstr(line, " shared:") != NULL; // the last one is on top
    fclose(f);
    return shared;
}

static void do_one(const char *op, const char *path) {
    struct mqoe_error e;
    assert_int_equal(mqoe_lab_client_do(json_pack("[{s:s, s:s}]", "op", op, "path", path), &e), 0);
}

// Sharing /run/netns walks every namespace mounted there: done for each, set-up is quadratic.
static void shares_the_directory_once_and_again_when_it_was_unmounted(void **state) {
    (void)state;
    struct mqoe_error e;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0)
        skip();
    assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("test", "/run", "tmpfs", 0, NULL), 0);
    assert_int_equal(mqoe_lab_client_open(&e), 0);
    do_one("netns_add", DIRECTORY "/one");
    assert_true(is_shared(DIRECTORY));
    assert_int_equal(mount("none", DIRECTORY, NULL, MS_PRIVATE, NULL), 0);
    do_one("netns_add", DIRECTORY "/two");
    assert_false(is_shared(DIRECTORY)); // nobody touched it a second time
    do_one("netns_del", DIRECTORY "/two");
    do_one("netns_del", DIRECTORY "/one");
    assert_int_equal(umount2(DIRECTORY, MNT_DETACH), 0);
    do_one("netns_add", DIRECTORY "/three");
    assert_true(is_shared(DIRECTORY));
    do_one("netns_del", DIRECTORY "/three");
    mqoe_lab_client_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_the_directory_once_and_again_when_it_was_unmounted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
