// What the dataplane answers to commands, without a reactor: whatever is refused never reaches one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/commands.h"

#define SECOND INT64_C(1000000000)

struct owner {
    struct mqoe_dataplane dataplane;
    int answers; // read end, non-blocking
};

static struct owner open_owner(void) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    return (struct owner){.dataplane.control = {.in = -1, .out = ends[1]}, .answers = ends[0]};
}

static void close_owner(struct owner *o) {
    close(o->answers);
    close(o->dataplane.control.out);
}

// The answer to `command`, or NULL when there is none.
static json_t *ask(struct owner *o, json_t *command) {
    char text[4096];
    assert_non_null(command);
    mqoe_dataplane_command(&o->dataplane, command);
    ssize_t n = read(o->answers, text, sizeof text);
    return n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
}

static void assert_refused(json_t *answer, int errnum, const char *object, const char *hint) {
    assert_non_null(answer);
    assert_string_equal(json_string_value(json_object_get(answer, "event")), "error");
    assert_true(json_is_false(json_object_get(answer, "fatal")));
    assert_int_equal(json_integer_value(json_object_get(answer, "errno")), errnum);
    assert_string_equal(json_string_value(json_object_get(answer, "object")), object);
    assert_non_null(strstr(json_string_value(json_object_get(answer, "message")), hint));
    json_decref(answer);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static json_t *go(int64_t t0) {
    return json_pack("{s:s, s:I}", "op", "go", "t0", (json_int_t)t0);
}

static void goes_once_and_near_now(void **state) {
    (void)state;
    struct owner o = open_owner();
    assert_refused(ask(&o, json_pack("{s:s}", "op", "go")), EINVAL, "$.t0", "missing");
    assert_refused(ask(&o, go(now() - 5 * SECOND)), EINVAL, "$.t0", "at most 1 s in the past");
    assert_refused(ask(&o, go(now() + 3700 * SECOND)), EINVAL, "$.t0", "1 h in the future");
    json_t *extra = go(now());
    json_object_set_new(extra, "at", json_integer(1));
    assert_refused(ask(&o, extra), EINVAL, "$.at", "known: op, t0");
    assert_null(ask(&o, go(now() + SECOND / 2)));
    assert_refused(ask(&o, go(now() + SECOND / 2)), EALREADY, "go", "already");
    close_owner(&o);
}

static void stats_tell_what_ran_out(void **state) {
    (void)state;
    struct owner o = open_owner();
    json_t *answer = ask(&o, json_pack("{s:s}", "op", "stats")), *info = json_object_get(answer, "info");
    assert_true(json_is_integer(json_object_get(info, "flows_exhausted")));
    assert_true(json_is_integer(json_object_get(info, "histograms_exhausted")));
    assert_true(json_is_integer(json_object_get(info, "reorders_refused")));
    json_decref(answer);
    close_owner(&o);
}

static void names_the_commands_it_knows(void **state) {
    (void)state;
    struct owner o = open_owner();
    assert_refused(ask(&o, json_pack("{s:s}", "op", "fly")), EINVAL, "op \"fly\"", "go, change, stats, stop");
    close_owner(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_once_and_near_now),
        cmocka_unit_test(stats_tell_what_ran_out),
        cmocka_unit_test(names_the_commands_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
