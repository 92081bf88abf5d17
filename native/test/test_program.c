// A program of a scenario: what it may do, what becomes of what it starts, and how its end is told. Needs
// root.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program/program.h"

#define OWN_NETNS "/proc/self/ns/net"
#define PATIENCE  10000 // ms

struct bed {
    pid_t pid;
    int report, output;
    char home[64];
};

// Capabilities that a change of user does not take, and that an execve keeps. False where this is not
// allowed.
static bool make_capabilities_stick(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct mine[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, mine) < 0)
        return false;
    mine[0].inheritable |= 1u << CAP_NET_ADMIN;
    return syscall(SYS_capset, &header, mine) == 0 &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0 &&
           prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0;
}

static bool sticking; // of the next start

static struct bed start(const char *uid, const char *script) {
    struct bed bed;
    int report[2], output[2];
    if (geteuid() != 0)
        skip();
    snprintf(bed.home, sizeof bed.home, "/tmp/mqoe-test-program-XXXXXX");
    assert_non_null(mkdtemp(bed.home));
    chmod(bed.home, 0755);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    bed.pid = fork();
    if (bed.pid == 0) {
        char fd[16];
        snprintf(fd, sizeof fd, "%d", report[1]);
        dup2(output[1], STDOUT_FILENO);
        close(output[1]);
        close(report[0]);
        if (sticking && !make_capabilities_stick())
            _exit(77);
        char *argv[] = {"program", "--netns", OWN_NETNS,      "--uid",    (char *)uid, "--gid",
                        "65534",   "--home",  bed.home,       "--report", fd,          "--",
                        "/bin/sh", "-c",      (char *)script, NULL};
        _exit(mqoe_program_main(sizeof argv / sizeof *argv - 1, argv));
    }
    close(report[1]);
    close(output[1]);
    bed.report = report[0];
    bed.output = output[0];
    return bed;
}

// All that comes until the other end is closed by whoever holds it.
static void read_all(int fd, char *text, size_t size) {
    size_t used = 0;
    struct pollfd p = {fd, POLLIN, 0};
    while (used + 1 < size) {
        assert_int_equal(poll(&p, 1, PATIENCE), 1);
        ssize_t n = read(fd, text + used, size - 1 - used);
        assert_true(n >= 0);
        if (n == 0)
            break;
        used += (size_t)n;
    }
    text[used] = '\0';
    close(fd);
}

// Waits for its end; returns its exit code, the first line of the report as *event, and what it printed.
static int finish(struct bed *bed, json_t **event, char *output, size_t size) {
    char report[4096];
    int status;
    read_all(bed->output, output, size);
    read_all(bed->report, report, sizeof report);
    *event = json_loads(report, JSON_DISABLE_EOF_CHECK, NULL);
    assert_int_equal(waitpid(bed->pid, &status, 0), bed->pid);
    assert_int_equal(rmdir(bed->home), 0); // its own file system went with it: nothing is in there
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static long number(const json_t *event, const char *key) {
    return (long)json_integer_value(json_object_get(event, key));
}

static void it_is_an_ordinary_user_alone_in_its_namespaces(void **state) {
    (void)state;
    char output[4096];
    json_t *event;
    struct bed bed =
        start("65534", "id -u; id -G; grep -E '^(CapEff|CapPrm|CapAmb|NoNewPrivs)' /proc/self/status; "
                       "ls /proc | grep -c '^[0-9]'; echo x > file && cat file; pwd; exit 7");
    assert_int_equal(finish(&bed, &event, output, sizeof output), 0);
    assert_int_equal(number(event, "code"), 7);
    assert_int_equal(number(event, "signal"), 0);
    assert_true(number(event, "ended") > number(event, "started"));
    char expected[512];
    snprintf(expected, sizeof expected,
             "65534\n65534\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n"
             "NoNewPrivs:\t1\n");
    assert_memory_equal(output, expected, strlen(expected));
    // Init, the shell, ls and grep: nobody of ours or the machine's.
    assert_string_equal(output + strlen(expected) + 1, strstr(output, "\nx\n"));
    assert_in_range(output[strlen(expected)], '3', '4');
    assert_non_null(strstr(output, bed.home));
    json_decref(event);
}

static void capabilities_that_stick_are_dropped_too(void **state) {
    (void)state;
    char output[4096];
    json_t *event;
    sticking = true;
    struct bed bed =
        start("65534", "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | grep -v 0000000000000000; "
                       "echo asked");
    sticking = false;
    int code = finish(&bed, &event, output, sizeof output);
    json_decref(event);
    if (code == 77)
        skip();
    assert_int_equal(code, 0);
    assert_string_equal(output, "asked\n");
}

static void it_never_runs_as_root(void **state) {
    (void)state;
    char output[256];
    json_t *event;
    struct bed bed = start("0", "echo ran");
    assert_int_equal(finish(&bed, &event, output, sizeof output), 2);
    assert_string_equal(output, "");
    assert_null(event);
}

static void what_cannot_run_is_named(void **state) {
    (void)state;
    char report[1024];
    int fds[2], status;
    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char fd[16];
        snprintf(fd, sizeof fd, "%d", fds[1]);
        char *argv[] = {"program", "--netns", OWN_NETNS,  "--uid", "65534", "--gid",    "65534",
                        "--home",  "/mnt",    "--report", fd,      "--",    "/no/such", NULL};
        _exit(mqoe_program_main(sizeof argv / sizeof *argv - 1, argv));
    }
    close(fds[1]);
    read_all(fds[0], report, sizeof report);
    waitpid(pid, &status, 0);
    json_t *event = json_loads(report, JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(json_string_value(json_object_get(event, "event")), "error");
    assert_string_equal(json_string_value(json_object_get(event, "object")), "/no/such");
    assert_string_equal(json_string_value(json_object_get(event, "code")), "ENOENT");
    json_decref(event);
}

// The daemon holds the output: its end of file is the proof that it is gone.
static void what_it_leaves_behind_ends_with_it(void **state) {
    (void)state;
    char output[256];
    json_t *event;
    struct bed bed = start("65534", "setsid sleep 1000 & echo left");
    assert_int_equal(finish(&bed, &event, output, sizeof output), 0);
    assert_string_equal(output, "left\n");
    assert_int_equal(number(event, "code"), 0);
    json_decref(event);
}

static void await_word(const struct bed *bed) {
    char word[3];
    struct pollfd p = {bed->output, POLLIN, 0};
    assert_int_equal(poll(&p, 1, PATIENCE), 1);
    assert_true(read(bed->output, word, sizeof word) > 0);
}

static void a_wish_to_end_reaches_all_of_it(void **state) {
    (void)state;
    char output[256];
    json_t *event;
    struct bed bed = start("65534", "trap 'echo bye; exit 5' TERM; echo up; sleep 1000 & wait");
    await_word(&bed);
    kill(bed.pid, SIGTERM);
    assert_int_equal(finish(&bed, &event, output, sizeof output), 0);
    assert_string_equal(output, "bye\n");
    assert_int_equal(number(event, "code"), 5);
    json_decref(event);
}

static void who_does_not_end_is_killed(void **state) {
    (void)state;
    char output[256];
    json_t *event;
    struct bed bed = start("65534", "trap '' TERM; echo up; setsid sleep 1000; sleep 1000");
    await_word(&bed);
    kill(bed.pid, SIGTERM);
    assert_int_equal(finish(&bed, &event, output, sizeof output), 0);
    assert_int_equal(number(event, "signal"), SIGKILL);
    assert_true(number(event, "ended") - number(event, "started") >= 2000000000L);
    json_decref(event);
}

static void a_killed_keeper_takes_all_with_it(void **state) {
    (void)state;
    char output[256];
    json_t *event;
    struct bed bed = start("65534", "trap '' TERM; echo up; setsid sleep 1000; sleep 1000");
    await_word(&bed);
    kill(bed.pid, SIGKILL);
    assert_int_equal(finish(&bed, &event, output, sizeof output), -1); // the end of its output, too
    assert_null(event);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_an_ordinary_user_alone_in_its_namespaces),
        cmocka_unit_test(capabilities_that_stick_are_dropped_too),
        cmocka_unit_test(it_never_runs_as_root),
        cmocka_unit_test(what_cannot_run_is_named),
        cmocka_unit_test(what_it_leaves_behind_ends_with_it),
        cmocka_unit_test(a_wish_to_end_reaches_all_of_it),
        cmocka_unit_test(who_does_not_end_is_killed),
        cmocka_unit_test(a_killed_keeper_takes_all_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
