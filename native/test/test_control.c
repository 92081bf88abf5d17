// The control channel over pipes: whatever the pieces in which lines arrive.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/control.h"
#include "record/clock.h"

struct channel {
    struct mqoe_control control;
    int to, from; // the owner's ends
};

static void channel_open(struct channel *ch) {
    int commands[2], answers[2];
    assert_int_equal(pipe2(commands, O_CLOEXEC), 0);
    assert_int_equal(pipe2(answers, O_CLOEXEC), 0);
    assert_int_equal(mqoe_control_open(&ch->control), 0);
    ch->control.in = commands[0];
    ch->control.out = answers[1];
    ch->to = commands[1];
    ch->from = answers[0];
}

static void channel_close(struct channel *ch) {
    const int ends[] = {ch->control.in, ch->control.out, ch->to, ch->from};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    mqoe_control_close(&ch->control);
}

static void put(const struct channel *ch, const char *text) {
    assert_int_equal(write(ch->to, text, strlen(text)), strlen(text));
}

// The next command is {"op":op}; NULL: there is none yet.
static void expect(struct channel *ch, const char *op) {
    json_t *command = mqoe_control_next(&ch->control);
    if (!op) {
        assert_null(command);
        return;
    }
    assert_non_null(command);
    assert_string_equal(json_string_value(json_object_get(command, "op")), op);
    json_decref(command);
}

static void expect_error(const struct channel *ch, const char *code, bool fatal) {
    char line[1024];
    ssize_t n = read(ch->from, line, sizeof line - 1);
    assert_true(n > 0);
    json_t *event = json_loadb(line, (size_t)n, JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(json_string_value(json_object_get(event, "event")), "error");
    assert_string_equal(json_string_value(json_object_get(event, "code")), code);
    assert_int_equal(json_is_true(json_object_get(event, "fatal")), fatal);
    json_decref(event);
}

static void lines_may_come_in_any_pieces(void **state) {
    (void)state;
    struct channel ch;
    channel_open(&ch);
    expect(&ch, NULL); // nothing there, and it does not wait
    put(&ch, "{\"op\":");
    expect(&ch, NULL);
    put(&ch, "\"a\"}");
    expect(&ch, NULL);
    put(&ch, "\n{\"op\":\"b\"}\n{\"op\":\"c\"}\n{\"o");
    expect(&ch, "a");
    expect(&ch, "b");
    expect(&ch, "c");
    expect(&ch, NULL);
    put(&ch, "p\":\"d\"}\n");
    expect(&ch, "d");
    expect(&ch, NULL);
    channel_close(&ch);
}

static void what_is_no_object_is_answered_and_skipped(void **state) {
    static const char *const lines[] = {"nonsense\n", "[1]\n", "\n", "{\"op\":\"x\"} {}\n"};
    (void)state;
    struct channel ch;
    channel_open(&ch);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        put(&ch, lines[i]);
        put(&ch, "{\"op\":\"next\"}\n");
        expect(&ch, "next");
        expect_error(&ch, "EINVAL", false);
    }
    assert_false(ch.control.broken);
    channel_close(&ch);
}

static void end_of_input_is_a_stop(void **state) {
    (void)state;
    struct channel ch;
    channel_open(&ch);
    put(&ch, "{\"op\":\"a\"}\n{\"op\":\"unfinished\"}");
    close(ch.to);
    ch.to = -1;
    expect(&ch, "a");
    expect(&ch, "stop");
    expect(&ch, NULL);
    assert_true(ch.control.eof);
    assert_false(ch.control.broken);
    channel_close(&ch);
}

struct flood {
    int fd;
    size_t bytes;
    const char *end;
};

// {"op":"xxx… of so many bytes, then the end.
static void *pour(void *argument) {
    struct flood *f = argument;
    size_t length = f->bytes;
    char *text = malloc(length + 1);
    memset(text, 'x', length);
    memcpy(text, "{\"op\":\"", 7);
    memcpy(text + length - strlen(f->end), f->end, strlen(f->end));
    for (size_t done = 0; done < length;) {
        ssize_t n = write(f->fd, text + done, length - done);
        if (n < 0)
            break; // EPIPE: the reader has had enough
        done += (size_t)n;
    }
    free(text);
    return NULL;
}

static json_t *next_of_flood(struct channel *ch, size_t bytes) {
    struct flood flood = {ch->to, bytes, "\"}\n"};
    pthread_t thread;
    json_t *command;
    assert_int_equal(pthread_create(&thread, NULL, pour, &flood), 0);
    while (!(command = mqoe_control_next(&ch->control)))
        usleep(100);
    if (ch->control.eof) { // lets the writer go
        close(ch->control.in);
        ch->control.in = -1;
    }
    pthread_join(thread, NULL);
    return command;
}

static void a_long_line_is_read_and_a_longer_one_is_fatal(void **state) {
    (void)state;
    struct channel ch;
    channel_open(&ch);
    json_t *command = next_of_flood(&ch, MQOE_CONTROL_LINE);
    assert_int_equal(json_string_length(json_object_get(command, "op")), MQOE_CONTROL_LINE - 10);
    json_decref(command);
    expect(&ch, NULL);
    command = next_of_flood(&ch, MQOE_CONTROL_LINE + 1);
    assert_string_equal(json_string_value(json_object_get(command, "op")), "stop");
    json_decref(command);
    expect_error(&ch, "EMSGSIZE", true);
    assert_true(ch.control.broken);
    channel_close(&ch);
}

// A terminal is one open file description for both: a flag set on one end shows on the other.
static void descriptors_keep_their_flags(void **state) {
    (void)state;
    int saved = dup(STDIN_FILENO), ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    struct mqoe_control c;
    assert_int_equal(mqoe_control_open(&c), 0);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    assert_null(mqoe_control_next(&c));
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(ends[0]);
    close(ends[1]);
    mqoe_control_close(&c);
}

static void *read_later(void *argument) {
    char text[65536];
    usleep(50000);
    assert_true(read(*(int *)argument, text, sizeof text) > 0);
    return NULL;
}

static void a_slow_owner_is_waited_for_and_a_gone_one_is_an_error(void **state) {
    (void)state;
    struct channel ch;
    pthread_t thread;
    channel_open(&ch);
    assert_int_equal(fcntl(ch.control.out, F_SETFL, O_NONBLOCK), 0);
    while (write(ch.control.out, "x", 1) == 1)
        ;
    assert_int_equal(pthread_create(&thread, NULL, read_later, &ch.from), 0);
    assert_int_equal(mqoe_control_send(&ch.control, json_pack("{s:s}", "event", "done")), 0);
    pthread_join(thread, NULL);
    close(ch.from);
    ch.from = -1;
    assert_int_equal(mqoe_control_send(&ch.control, json_pack("{s:s}", "event", "done")), -EPIPE);
    assert_int_equal(mqoe_control_send(&ch.control, NULL), -ENOMEM);
    channel_close(&ch);
}

static int go(json_int_t t0, bool went, struct mqoe_error *e) {
    int64_t read;
    json_t *command = json_pack("{s:s, s:I}", "op", "go", "t0", t0);
    int err = mqoe_control_go(command, went, INT64_C(5000000000), &read, e);
    assert_int_equal(read, t0);
    assert_string_equal(err ? e->syscall : "go", "go");
    json_decref(command);
    return err;
}

static void a_go_is_for_once_and_for_about_now(void **state) {
    (void)state;
    struct mqoe_error e;
    assert_int_equal(go(5000000000, false, &e), 0);
    assert_int_equal(go(4000000000, false, &e), 0);
    assert_int_equal(go(3605000000000, false, &e), 0);
    assert_int_equal(go(3999999999, false, &e), -EINVAL);
    assert_string_equal(e.object, "$.t0");
    assert_int_equal(go(3605000000001, false, &e), -EINVAL);
    assert_int_equal(go(5000000000, true, &e), -EALREADY);
    json_t *command = json_pack("{s:s, s:s}", "op", "go", "t0", "now");
    int64_t t0;
    assert_int_equal(mqoe_control_go(command, false, 0, &t0, &e), -EINVAL);
    assert_string_equal(e.syscall, "go");
    json_decref(command);
}

static void what_is_told_late_begins_with_the_next_multiple(void **state) {
    (void)state;
    assert_int_equal(mqoe_clock_due(1050, 0, 100), 1050);
    assert_int_equal(mqoe_clock_due(1050, 1050, 100), 1050);
    assert_int_equal(mqoe_clock_due(1050, 1051, 100), 1150);
    assert_int_equal(mqoe_clock_due(1050, 1150, 100), 1150);
    assert_int_equal(mqoe_clock_due(1050, 1999, 100), 2050);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_may_come_in_any_pieces),
        cmocka_unit_test(what_is_no_object_is_answered_and_skipped),
        cmocka_unit_test(end_of_input_is_a_stop),
        cmocka_unit_test(a_long_line_is_read_and_a_longer_one_is_fatal),
        cmocka_unit_test(descriptors_keep_their_flags),
        cmocka_unit_test(a_slow_owner_is_waited_for_and_a_gone_one_is_an_error),
        cmocka_unit_test(a_go_is_for_once_and_for_about_now),
        cmocka_unit_test(what_is_told_late_begins_with_the_next_multiple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
