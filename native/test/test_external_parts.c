// The parts of `mqoe-native external` that need no process: its blueprint, its plan, its ledger, its lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "external/ledger.h"
#include "external/output.h"
#include "external/plan.h"

#define MS INT64_C(1000000)

static json_t *shaper(int64_t rate) {
    return json_pack("{s:I, s:{s:s, s:i, s:i, s:s}, s:{s:s, s:i}}", "rate", (json_int_t)rate, "framing",
                     "base", "frame", "overhead", 0, "mpu", 0, "cell", "none", "sqm", "discipline", "not-yet",
                     "x", 1);
}

static json_t *blueprint(void) {
    json_t *client = json_pack("{s:i, s:s, s:i, s:[s, s], s:i, s:o, s:o}", "id", 0, "name", "home-1",
                               "reactor", 0, "addresses", "10.0.0.2", "fd00::2", "path", -1, "down",
                               shaper(20000000), "up", shaper(5000000));
    json_t *server =
        json_pack("{s:i, s:s, s:[s], s:i}", "id", 0, "name", "web", "addresses", "10.9.0.1", "path", -1);
    json_t *link = json_pack("{s:s, s:s, s:s, s:i}", "access", "xa", "core", "xc", "mac", "02:00:00:00:00:01",
                             "mtu", 1500);
    json_t *external =
        json_pack("{s:[s, s], s:s, s:s}", "command", "./mine", "-v", "ready", "line", "xdp", "stub");
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:[], s:[], s:[o], s:[o], s:o, s:o}", "schema",
                     "mqoe-dataplane/1", "kind", "external", "lab", "mq-x", "netns", "/proc/self/ns/net",
                     "seed", 7, "reactors", "paths", "servers", server, "clients", client, "link", link,
                     "external", external);
}

// ---- blueprint ----

static void reads_a_blueprint(void **state) {
    (void)state;
    struct mqoe_external_config c;
    struct mqoe_error e;
    assert_int_equal(mqoe_external_config_read(&c, blueprint(), &e), 0);
    assert_string_equal(c.command[0], "./mine");
    assert_string_equal(c.command[1], "-v");
    assert_null(c.command[2]);
    assert_true(c.ready == MQOE_READY_BY_LINE);
    assert_string_equal(c.interface[MQOE_EXTERNAL_CORE], "xc");
    mqoe_external_config_free(&c);
    json_t *timed = blueprint();
    json_object_set_new(json_object_get(timed, "external"), "ready", json_integer(5));
    assert_int_equal(mqoe_external_config_read(&c, timed, &e), 0);
    assert_true(c.ready == 5);
    mqoe_external_config_free(&c);
}

// Sets $.<part>.<key> (or $.<key>) to `value` and expects an error that names it.
static void refuses(const char *part, const char *key, json_t *value, const char *object, const char *hint) {
    struct mqoe_external_config c;
    struct mqoe_error e;
    json_t *document = blueprint();
    json_object_set_new(part ? json_object_get(document, part) : document, key, value);
    assert_int_equal(mqoe_external_config_read(&c, document, &e), -EINVAL);
    assert_string_equal(e.object, object);
    assert_non_null(strstr(e.hint, hint));
    mqoe_external_config_free(&c);
}

static void names_what_is_wrong_in_a_blueprint(void **state) {
    (void)state;
    refuses(NULL, "kind", json_string("afxdp"), "$.kind", "one of external");
    refuses(NULL, "link", json_null(), "$.link", "an object");
    refuses(NULL, "external", json_null(), "$.external", "an object");
    refuses("link", "access", json_string("a-name-much-too-long"), "$.link", "1 to 15 characters");
    refuses("external", "command", json_array(), "$.external.command", "a program and its arguments");
    refuses("external", "command", json_pack("[s, i]", "./mine", 1), "$.external.command[1]", "a text");
    refuses("external", "command", json_pack("[s]", ""), "$.external.command[0]", "a program");
    refuses("external", "ready", json_string("soon"), "$.external", "\"line\" or nanoseconds");
    refuses("external", "ready", json_integer(-1), "$.external.ready", "an integer from 0");
    refuses("external", "shell", json_true(), "$.external.shell", "unknown");
    refuses(NULL, "clients", json_pack("[{s:s, s:[s]}]", "name", "a b", "addresses", "10.0.0.2"),
            "$.clients[0].name", "without white space");
    refuses(NULL, "servers", json_pack("[{s:s, s:[i]}]", "name", "web", "addresses", 3),
            "$.servers[0].addresses[0]", "without white space");
    refuses(NULL, "clients", json_pack("[{s:s, s:[s]}]", "name", "a", "addresses", "10.0.0.2"),
            "$.clients[0].down", "is missing");
}

// ---- plan ----

static void assert_file(const char *path, const char *content) {
    char text[512];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_string_equal(text, content);
}

static const char *variable(const struct mqoe_external_plan *p, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; p->environment[i]; i++)
        if (!strncmp(p->environment[i], name, length) && p->environment[i][length] == '=')
            return p->environment[i] + length + 1;
    return NULL;
}

static void writes_the_plan_beside_the_blueprint(void **state) {
    (void)state;
    char folder[] = "/tmp/mqoe-plan-XXXXXX", file[64], path[128];
    struct mqoe_external_config c;
    struct mqoe_external_plan p;
    struct mqoe_error e;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/dataplane.json", folder);
    json_t *document = blueprint();
    assert_int_equal(json_dump_file(document, file, 0), 0);
    assert_int_equal(mqoe_external_config_read(&c, document, &e), 0);
    assert_int_equal(setenv("MQOE_TEST_SECRET", "x", 1), 0);
    assert_int_equal(mqoe_external_plan_write(&p, &c, file, &e), 0);

    snprintf(path, sizeof path, "%s/dataplane.plan.json", folder);
    assert_string_equal(variable(&p, "MQOE_PLAN"), path);
    json_t *plan = json_load_file(path, 0, NULL),
           *client = json_array_get(json_object_get(plan, "clients"), 0);
    assert_string_equal(json_string_value(json_object_get(plan, "schema")), "mqoe-plan/1");
    assert_int_equal(json_integer_value(json_object_get(plan, "mtu")), 1500);
    assert_string_equal(json_string_value(json_object_get(json_object_get(plan, "interfaces"), "access")),
                        "xa");
    json_t *down = shaper(20000000); // disciplines that mqoe itself does not know are handed over as they are
    assert_true(json_equal(json_object_get(client, "down"), down));
    assert_null(json_object_get(client, "reactor")); // ours alone
    json_decref(down);
    json_decref(plan);
    assert_file(variable(&p, "MQOE_CLIENTS"),
                "home-1 10.0.0.2 20000000 5000000\nhome-1 fd00::2 20000000 5000000\n");
    assert_file(variable(&p, "MQOE_SERVERS"), "web 10.9.0.1\n");
    assert_string_equal(variable(&p, "MQOE_ACCESS_IF"), "xa");
    assert_string_equal(variable(&p, "MQOE_SEED"), "7");
    assert_non_null(strstr(variable(&p, "PATH"), "/usr/sbin"));
    assert_null(variable(&p, "MQOE_TEST_SECRET")); // nothing leaks in from whoever runs mqoe

    unlink(file);
    unlink(p.file);
    unlink(p.clients);
    unlink(p.servers);
    assert_int_equal(rmdir(folder), 0);
    mqoe_external_plan_free(&p);
    mqoe_external_config_free(&c);
}

// ---- ledger ----

// Counters of the access and of the core side; all frames go up.
static void update(struct mqoe_ledger *l, uint64_t in, uint64_t out, int64_t now) {
    struct mqoe_link_counters counters[2] = {{.received = in}, {.sent = out}};
    mqoe_ledger_update(l, counters, now);
}

static void expect(const struct mqoe_ledger *l, uint64_t in, uint64_t out, uint64_t dropped, uint64_t held) {
    struct mqoe_ledger_sums s = mqoe_ledger_sum(l);
    assert_int_equal(s.in, in);
    assert_int_equal(s.out, out);
    assert_int_equal(s.dropped, dropped);
    assert_int_equal(s.held, held);
}

static void what_is_missing_is_held_until_nothing_moves(void **state) {
    (void)state;
    struct mqoe_ledger l;
    struct mqoe_link_counters base[2] = {{.received = 1000}, {.sent = 900}};
    mqoe_ledger_begin(&l, base, 0);
    expect(&l, 0, 0, 0, 0); // what was before is no business of the run's
    update(&l, 1100, 960, 100 * MS);
    expect(&l, 100, 60, 0, 40);
    update(&l, 1100, 970, 390 * MS);
    expect(&l, 100, 70, 0, 30);
    update(&l, 1100, 970, 689 * MS);
    expect(&l, 100, 70, 0, 30);
    update(&l, 1100, 970, 690 * MS);
    expect(&l, 100, 70, 30, 0);
    update(&l, 1110, 975, 700 * MS);
    expect(&l, 110, 75, 30, 5);
    update(&l, 1110, 990, 710 * MS); // it had kept them for longer than we waited
    expect(&l, 110, 90, 20, 0);
    update(&l, 1120, 990, 720 * MS);
    expect(&l, 120, 90, 20, 10);
    mqoe_ledger_close(&l);
    expect(&l, 120, 90, 30, 0);
}

static void the_wait_begins_with_the_missing_frame(void **state) {
    (void)state;
    struct mqoe_ledger l;
    struct mqoe_link_counters base[2] = {{0}};
    mqoe_ledger_begin(&l, base, 0);
    update(&l, 10, 10, 100 * MS);
    update(&l, 10, 10, 5000 * MS); // a quiet spell
    update(&l, 11, 10, 5100 * MS); // a frame on its way through the command
    expect(&l, 11, 10, 0, 1);
    update(&l, 12, 11, 5200 * MS);
    expect(&l, 12, 11, 0, 1);
    update(&l, 12, 11, 5500 * MS);
    expect(&l, 12, 11, 1, 0);
    update(&l, 12, 11, 9000 * MS); // decided: a quiet spell again
    update(&l, 13, 11, 9100 * MS);
    expect(&l, 13, 11, 1, 1);
    update(&l, 13, 12, 9200 * MS);
    expect(&l, 13, 12, 1, 0);
}

static void frames_of_its_own_make_nothing_negative(void **state) {
    (void)state;
    struct mqoe_ledger l;
    struct mqoe_link_counters base[2] = {{0}},
                              now[2] = {{.received = 10, .sent = 3}, {.received = 5, .sent = 20}};
    mqoe_ledger_begin(&l, base, 0);
    mqoe_ledger_update(&l, now, MS);
    expect(&l, 15, 23, 0, 0);
    now[1].own = 20; // MLD and ND of the kernel are no frames of the command
    mqoe_ledger_update(&l, now, 2 * MS);
    expect(&l, 15, 3, 0, 12);
    assert_int_equal(mqoe_ledger_sent(&l, MQOE_EXTERNAL_CORE), 0);
}

static void what_an_interface_lost_is_not_the_commands_doing(void **state) {
    (void)state;
    struct mqoe_ledger l;
    struct mqoe_link_counters base[2] = {{.lost = 2}, {0}};
    struct mqoe_link_counters now[2] = {{.received = 10, .lost = 5}, {.sent = 6, .lost = 1}};
    mqoe_ledger_begin(&l, base, 0);
    mqoe_ledger_update(&l, now, MS);
    mqoe_ledger_close(&l);
    expect(&l, 6, 6, 0, 0);
}

// ---- lines ----

struct listener {
    struct mqoe_output output;
    int command, passed_on;
};

static void listener_open(struct listener *l) {
    int said[2], passed[2];
    assert_int_equal(pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(pipe2(passed, O_CLOEXEC | O_NONBLOCK), 0);
    *l = (struct listener){
        .output = {.in = said[0], .to = passed[1]}, .command = said[1], .passed_on = passed[0]};
}

static void listener_close(struct listener *l) {
    if (l->output.in >= 0)
        close(l->output.in);
    if (l->command >= 0)
        close(l->command);
    close(l->output.to);
    close(l->passed_on);
}

static void say(struct listener *l, const char *text) {
    assert_int_equal(write(l->command, text, strlen(text)), strlen(text));
    mqoe_output_read(&l->output);
}

static void assert_passed_on(struct listener *l, const char *text) {
    char got[2 * MQOE_OUTPUT_LINE];
    ssize_t n = read(l->passed_on, got, sizeof got - 1);
    got[n > 0 ? n : 0] = '\0';
    assert_string_equal(got, text);
}

static void ready_is_a_line_of_its_own(void **state) {
    static const char *const others[] = {"not ready\n", "ready!\n", " ready\n", "Ready\n", "\n"};
    (void)state;
    struct listener l;
    listener_open(&l);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        say(&l, others[i]);
        assert_false(l.output.ready);
        assert_passed_on(&l, others[i]);
    }
    say(&l, "one\nrea");
    say(&l, "dy");
    assert_false(l.output.ready);
    assert_passed_on(&l, "one\n");
    say(&l, "\n");
    assert_true(l.output.ready);
    assert_passed_on(&l, "ready\n");
    listener_close(&l);
}

static void remembers_its_last_words(void **state) {
    (void)state;
    struct listener l;
    char words[700];
    listener_open(&l);
    mqoe_output_words(&l.output, words, sizeof words);
    assert_string_equal(words, "it said nothing");
    say(&l, "1\n2\n\n3\n\xff"
            "4");
    close(l.command);
    l.command = -1;
    assert_false(mqoe_output_read(&l.output)); // the end completes the last line
    assert_int_equal(l.output.in, -1);
    mqoe_output_words(&l.output, words, sizeof words);
    assert_string_equal(words, "its last words: 2 / 3 / ?4"); // JSON carries UTF-8 only
    listener_close(&l);
}

static void a_line_without_end_is_passed_on_in_pieces(void **state) {
    (void)state;
    struct listener l;
    char text[MQOE_OUTPUT_LINE + 2], piece[MQOE_OUTPUT_LINE + 1];
    listener_open(&l);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    say(&l, text);
    memset(piece, 'x', sizeof piece);
    piece[MQOE_OUTPUT_LINE - 1] = '\n';
    piece[MQOE_OUTPUT_LINE] = '\0';
    assert_passed_on(&l, piece);
    listener_close(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_blueprint),
        cmocka_unit_test(names_what_is_wrong_in_a_blueprint),
        cmocka_unit_test(writes_the_plan_beside_the_blueprint),
        cmocka_unit_test(what_is_missing_is_held_until_nothing_moves),
        cmocka_unit_test(the_wait_begins_with_the_missing_frame),
        cmocka_unit_test(frames_of_its_own_make_nothing_negative),
        cmocka_unit_test(what_an_interface_lost_is_not_the_commands_doing),
        cmocka_unit_test(ready_is_a_line_of_its_own),
        cmocka_unit_test(remembers_its_last_words),
        cmocka_unit_test(a_line_without_end_is_passed_on_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
