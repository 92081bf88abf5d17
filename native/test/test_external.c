// `mqoe-native external` with real processes between two real interfaces. Needs root; skipped otherwise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "external/main.h"
#include "reactor/json.h"
#include "record/clock.h"

#define PATIENCE    10000              // ms that a test waits for an event before it fails
#define READY_LIMIT INT64_C(500000000) // ns

static char folder[] = "/tmp/mqoe-external-XXXXXX";

#include "test/owned.h"

// ---- the lab ----

static void shell(const char *command) {
    if (system(command) != 0)
        fail_msg("%s", command);
}

// A namespace of the test's own with both interfaces; IPv6 is off, so that every frame is the test's.
static int make_lab(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
        return 0; // the tests skip
    shell("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 "
          ">/proc/sys/net/ipv6/conf/default/disable_ipv6");
    shell("ip link add xa type veth peer name pa && ip link add xc type veth peer name pc");
    shell("for i in xa pa xc pc; do ip link set $i up; done");
    return 0;
}

static void need_lab(void) {
    if (geteuid() != 0 || !if_nametoindex("xa"))
        skip();
}

static void write_blueprint(const char *file, json_t *command, json_t *ready, const char *access) {
    json_t *link = json_pack("{s:s, s:s, s:s, s:i}", "access", access, "core", "xc", "mac",
                             "02:00:00:00:00:01", "mtu", 1500);
    json_t *external = json_pack("{s:o, s:o, s:s}", "command", command, "ready", ready, "xdp", "stub");
    char netns[64];
    snprintf(netns, sizeof netns, "/proc/%d/ns/net", (int)getpid());
    json_t *b = json_pack("{s:s, s:s, s:s, s:s, s:i, s:[], s:[], s:[], s:[], s:o, s:o}", "schema",
                          "mqoe-dataplane/1", "kind", "external", "lab", "test", "netns", netns, "seed", 42,
                          "reactors", "paths", "servers", "clients", "link", link, "external", external);
    assert_int_equal(json_dump_file(b, file, 0), 0);
    json_decref(b);
}

// ---- one run ----

static struct run launch_command(json_t *command, json_t *ready, const char *access) {
    int in[2], out[2], err[2];
    char file[128];
    in_folder(file, sizeof file, "dataplane.json");
    write_blueprint(file, command, ready, access);
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); // a test that fails leaves nothing behind
        close(in[1]);                     // or the owner's end would never be the last one
        close(out[0]);
        close(err[0]);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        _exit(mqoe_external_run(file, READY_LIMIT));
    }
    assert_true(pid > 0);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    return (struct run){.pid = pid, .to = in[1], .from = out[0], .said = err[0]};
}

static struct run launch(const char *script, json_t *ready) {
    return launch_command(json_pack("[s, s, s]", "sh", "-c", script), ready, "xa");
}

// The next event; NULL at the end of the answers.
static json_t *next_event(struct run *r) {
    for (;;) {
        char *end = memchr(r->line, '\n', r->used);
        if (end) {
            json_t *event = json_loadb(r->line, (size_t)(end - r->line), 0, NULL);
            assert_non_null(event);
            r->used -= (size_t)(end + 1 - r->line);
            memmove(r->line, end + 1, r->used);
            return event;
        }
        struct pollfd wait = {r->from, POLLIN, 0};
        if (poll(&wait, 1, PATIENCE) <= 0)
            fail_msg("no event within %d ms", PATIENCE);
        ssize_t n = read(r->from, r->line + r->used, sizeof r->line - r->used);
        assert_true(n >= 0);
        if (n == 0)
            return NULL;
        r->used += (size_t)n;
    }
}

static const char *text_of(const json_t *event, const char *key) {
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

static json_t *expect_event(struct run *r, const char *name) {
    json_t *event = next_event(r);
    assert_non_null(event);
    if (strcmp(text_of(event, "event"), name))
        fail_msg("expected %s, got %s: %s", name, text_of(event, "event"), text_of(event, "message"));
    return event;
}

static void drop_event(struct run *r, const char *name) {
    json_decref(expect_event(r, name));
}

static void expect_refusal(struct run *r, const char *code, const char *words) {
    json_t *event = expect_event(r, "error");
    assert_true(json_is_false(json_object_get(event, "fatal")));
    assert_string_equal(text_of(event, "code"), code);
    assert_non_null(strstr(text_of(event, "message"), words));
    json_decref(event);
}

// A fatal error about `object` whose message holds all of `words` (NULL-terminated); then exit code 3.
static void expect_fatal(struct run *r, const char *code, const char *object, const char *const *words) {
    json_t *event = expect_event(r, "error");
    assert_true(json_is_true(json_object_get(event, "fatal")));
    assert_string_equal(text_of(event, "code"), code);
    assert_non_null(strstr(text_of(event, "object"), object));
    for (; *words; words++)
        if (!strstr(text_of(event, "message"), *words))
            fail_msg("\"%s\" is not in \"%s\"", *words, text_of(event, "message"));
    json_decref(event);
    assert_null(next_event(r));
    assert_int_equal(finish(r), 3);
}

static json_t *stop(struct run *r) {
    tell(r, "{\"op\":\"stop\"}\n");
    json_t *stopped = expect_event(r, "stopped");
    assert_null(next_event(r));
    assert_int_equal(finish(r), 0);
    return stopped;
}

static void go(struct run *r) {
    char line[80];
    snprintf(line, sizeof line, "{\"op\":\"go\",\"t0\":%lld}\n", (long long)mqoe_clock(CLOCK_MONOTONIC));
    tell(r, line);
}

static json_t *by_line(void) {
    return json_string("line");
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

// ---- start ----

static void runs_in_its_namespace_with_what_it_is_told(void **state) {
    (void)state;
    need_lab();
    char script[512], path[128], text[2048];
    in_folder(path, sizeof path, "seen");
    snprintf(script, sizeof script,
             "{ echo $MQOE_ACCESS_IF $MQOE_CORE_IF $MQOE_MAC $MQOE_MTU $MQOE_SEED; ls /sys/class/net | tr "
             "'\\n' ' ';"
             " cat $MQOE_PLAN | head -c 1; readlink /proc/self/fd/0; } >%s; echo ready; exec sleep 1000",
             path);
    struct run r = launch(script, by_line());
    json_t *ready = expect_event(&r, "ready"), *info = json_object_get(ready, "info");
    json_t *segment = json_array_get(json_object_get(ready, "segments"), 0);
    assert_string_equal(text_of(segment, "type"), "dp_reactor");
    assert_string_equal(text_of(segment, "writer"), "dataplane-0");
    pid_t pid = (pid_t)json_integer_value(json_object_get(info, "pid"));
    assert_int_equal(getpgid(pid), pid);
    assert_non_null(strstr(text_of(info, "command"), "sh -c"));
    json_decref(ready);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    assert_memory_equal(text, "xa xc 02:00:00:00:00:01 1500 42\n", 32);
    assert_non_null(strstr(text, " pc xa xc {/dev/null")); // /sys shows this namespace's interfaces
    json_decref(stop(&r));
}

static void a_long_command_line_is_cut_between_characters(void **state) {
    (void)state;
    need_lab();
    char script[200], expected[256];
    for (size_t i = 0; i < 2; i++) { // one of the two cuts a character: each has two bytes
        snprintf(script, sizeof script, "echo ready; exec sleep 1000 #%s%s", i ? "-" : "",
                 "üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü");
        struct run r = launch(script, by_line());
        json_t *ready = expect_event(&r, "ready"), *info = json_object_get(ready, "info");
        snprintf(expected, sizeof expected, "sh -c %s", script);
        assert_memory_equal(text_of(info, "command"), expected, strlen(text_of(info, "command")));
        assert_true(strlen(text_of(info, "command")) >= 118);
        assert_true(json_integer_value(json_object_get(info, "ready_after")) > 0); // ns
        json_decref(ready);
        json_decref(stop(&r));
    }
}

static void is_ready_by_the_clock(void **state) {
    (void)state;
    need_lab();
    uint64_t before = mqoe_clock(CLOCK_MONOTONIC);
    struct run r = launch("exec sleep 1000", json_integer(300000000));
    drop_event(&r, "ready");
    assert_true(mqoe_clock(CLOCK_MONOTONIC) - before >= 300000000);
    json_decref(stop(&r));
}

static void a_command_that_is_never_ready_is_named(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("echo hello; exec sleep 1000", by_line());
    expect_fatal(&r, "ETIME", "sh -c echo hello",
                 WORDS("no line \"ready\" within 0.5 s", "its last words: hello"));
}

static void an_early_death_is_told_with_its_last_words(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("echo one; echo two; echo three; echo four >&2; exit 7", by_line());
    expect_fatal(&r, "ESRCH", "sh -c", WORDS("exit code 7", "before it was ready", "two / three / four"));
    r = launch("exit 0", json_integer(300000000));
    expect_fatal(&r, "ESRCH", "sh -c", WORDS("exit code 0", "exec sleep infinity", "it said nothing"));
}

static void a_program_that_cannot_run_is_named(void **state) {
    (void)state;
    need_lab();
    struct run r = launch_command(json_pack("[s]", "/no/such/program"), by_line(), "xa");
    expect_fatal(&r, "ENOENT", "/no/such/program", WORDS("no such program"));
    r = launch_command(json_pack("[s]", "/etc/passwd"), by_line(), "xa");
    expect_fatal(&r, "EACCES", "/etc/passwd", WORDS("chmod +x"));
}

static void an_interface_that_is_not_there_is_named(void **state) {
    (void)state;
    need_lab();
    struct run r = launch_command(json_pack("[s]", "true"), by_line(), "xz");
    expect_fatal(&r, "ENODEV", "xz in /proc/", WORDS("the lab makes it"));
}

static void refuses_what_it_cannot_do(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("sleep 0.2; echo ready; exec sleep 1000", by_line());
    go(&r);
    expect_refusal(&r, "EAGAIN", "wait for the event");
    drop_event(&r, "ready");
    tell(&r, "{\"op\":\"change\",\"id\":3,\"set\":[]}\n");
    json_t *refusal = expect_event(&r, "error");
    assert_int_equal(json_integer_value(json_object_get(refusal, "id")), 3);
    assert_string_equal(text_of(refusal, "code"), "EOPNOTSUPP");
    json_decref(refusal);
    tell(&r, "{\"op\":\"fly\"}\n");
    expect_refusal(&r, "EINVAL", "go, stats, stop");
    go(&r);
    go(&r);
    expect_refusal(&r, "EALREADY", "already");
    json_decref(stop(&r));
}

// ---- the end ----

static void a_death_under_way_is_told(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("echo ready; sleep 0.3; echo oh no; kill -SEGV $$", by_line());
    drop_event(&r, "ready");
    go(&r);
    expect_fatal(&r, "ESRCH", "sh -c", WORDS("was killed by SIGSEGV after 0.", "ready / oh no"));
}

static pid_t pid_in(const char *name) {
    char path[128], text[32] = "";
    in_folder(path, sizeof path, name);
    int fd = open(path, O_RDONLY);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return (pid_t)atoi(text);
}

static bool is_running(pid_t pid) {
    return kill(pid, 0) == 0;
}

// `tail` comes after three helpers: one in the command's group, one in a session of its own, and one in a
// session of its own whose parent is gone already; the last two ignore SIGTERM.
static void family(char *script, size_t size, const char *tail) {
    snprintf(script, size,
             "cd %s; sleep 1001 & echo $! >child;"
             "setsid sh -c 'trap \"\" TERM; echo $$ >session; while :; do sleep 1; done' &"
             "(setsid sh -c 'trap \"\" TERM; echo $$ >orphan; while :; do sleep 1; done' &);"
             "while [ ! -s session ] || [ ! -s orphan ]; do sleep 0.05; done; %s",
             folder, tail);
}

static void assert_family_gone(void) {
    static const char *const names[] = {"child", "session", "orphan"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        if (is_running(pid_in(names[i])))
            fail_msg("%s is still there", names[i]);
        in_folder(path, sizeof path, names[i]);
        unlink(path);
    }
}

static void nothing_it_started_is_left_after_a_stop(void **state) {
    (void)state;
    need_lab();
    char script[640];
    family(script, sizeof script, "echo ready; wait");
    struct run r = launch(script, by_line());
    drop_event(&r, "ready");
    assert_true(is_running(pid_in("session")));
    json_decref(stop(&r));
    assert_family_gone();
}

static void nothing_it_started_is_left_after_its_death(void **state) {
    (void)state;
    need_lab();
    char script[640];
    family(script, sizeof script, "exit 1");
    struct run r = launch(script, by_line());
    expect_fatal(&r, "ESRCH", "sh -c", WORDS("exit code 1"));
    assert_family_gone();
}

static void a_stubborn_command_is_killed_after_two_seconds(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("trap '' TERM; echo ready; while :; do sleep 0.2; done", by_line());
    drop_event(&r, "ready");
    char said[512];
    uint64_t before = mqoe_clock(CLOCK_MONOTONIC);
    tell(&r, "{\"op\":\"stop\"}\n");
    drop_event(&r, "stopped");
    assert_true(mqoe_clock(CLOCK_MONOTONIC) - before >= 2000000000);
    ssize_t n = read(r.said, said, sizeof said - 1);
    said[n > 0 ? n : 0] = '\0';
    assert_non_null(strstr(said, "ready\n")); // what the command prints is passed on
    assert_non_null(strstr(said, "had to be killed"));
    assert_int_equal(finish(&r), 0);
}

static void a_gone_owner_ends_it(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("echo ready; exec sleep 1000", by_line());
    json_t *ready = expect_event(&r, "ready");
    pid_t pid = (pid_t)json_integer_value(json_object_get(json_object_get(ready, "info"), "pid"));
    json_decref(ready);
    close(r.to);
    r.to = -1;
    drop_event(&r, "stopped");
    assert_int_equal(finish(&r), 0);
    assert_false(is_running(pid));
}

static void a_kill_takes_the_command_along(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("echo ready; exec sleep 1000", by_line());
    json_t *ready = expect_event(&r, "ready");
    pid_t pid = (pid_t)json_integer_value(json_object_get(json_object_get(ready, "info"), "pid"));
    json_decref(ready);
    kill(r.pid, SIGKILL);
    assert_null(next_event(&r));
    waitpid(r.pid, NULL, 0);
    for (int i = 0; i < 100 && is_running(pid); i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_false(is_running(pid));
    close(r.to);
    close(r.from);
    close(r.said);
}

// ---- frames ----

// Ten UDP-sized frames into the far end of an interface.
static void send_ten(const char *ifname) {
    uint8_t frame[100] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname)};
    for (int i = 0; i < 10; i++)
        assert_int_equal(sendto(fd, frame, sizeof frame, 0, (struct sockaddr *)&to, sizeof to), sizeof frame);
    close(fd);
}

static json_t *ask_stats(struct run *r) {
    tell(r, "{\"op\":\"stats\"}\n");
    return expect_event(r, "stats");
}

static int64_t count_of(const json_t *event, const char *key) {
    return json_integer_value(json_object_get(json_object_get(event, "accounting"), key));
}

static int64_t aqm_of(const json_t *event) {
    const json_t *dropped = json_object_get(json_object_get(event, "accounting"), "dropped");
    return json_integer_value(json_object_get(dropped, "aqm"));
}

static void frames_it_loses_are_its_drops(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("echo ready; exec sleep 1000", by_line());
    drop_event(&r, "ready");
    send_ten("pa"); // before go: no business of the run's
    go(&r);
    json_decref(ask_stats(&r)); // it went
    send_ten("pa");
    send_ten("pc");
    json_t *stats = ask_stats(&r), *stopped;
    assert_int_equal(count_of(stats, "in"), aqm_of(stats) + count_of(stats, "held"));
    json_decref(stats);
    stopped = stop(&r);
    assert_int_equal(count_of(stopped, "in"), 20);
    assert_int_equal(count_of(stopped, "out"), 0);
    assert_int_equal(count_of(stopped, "held"), 0);
    assert_int_equal(aqm_of(stopped), count_of(stopped, "in"));
    json_decref(stopped);
}

static void an_interface_that_it_removes_is_named(void **state) {
    (void)state;
    need_lab();
    struct run r = launch("echo ready; sleep 0.3; ip link del xa; exec sleep 1000", by_line());
    drop_event(&r, "ready");
    go(&r);
    expect_fatal(&r, "ENODEV", "xa", WORDS("No such device"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_in_its_namespace_with_what_it_is_told),
        cmocka_unit_test(a_long_command_line_is_cut_between_characters),
        cmocka_unit_test(is_ready_by_the_clock),
        cmocka_unit_test(a_command_that_is_never_ready_is_named),
        cmocka_unit_test(an_early_death_is_told_with_its_last_words),
        cmocka_unit_test(a_program_that_cannot_run_is_named),
        cmocka_unit_test(an_interface_that_is_not_there_is_named),
        cmocka_unit_test(refuses_what_it_cannot_do),
        cmocka_unit_test(a_death_under_way_is_told),
        cmocka_unit_test(nothing_it_started_is_left_after_a_stop),
        cmocka_unit_test(nothing_it_started_is_left_after_its_death),
        cmocka_unit_test(a_stubborn_command_is_killed_after_two_seconds),
        cmocka_unit_test(a_gone_owner_ends_it),
        cmocka_unit_test(a_kill_takes_the_command_along),
        cmocka_unit_test(frames_it_loses_are_its_drops),
        cmocka_unit_test(an_interface_that_it_removes_is_named), // the last one: it spoils the lab
    };
    return cmocka_run_group_tests(tests, make_lab, remove_folder);
}
