// Paths of a blueprint, read strictly, and what the engine makes of them: in which order servers', sites' and
// clients' lines follow each other, which frames are whose, and what a change does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/config_path.h"
#include "packet/random.h"
#include "rig.h"

#define MS 1000000u
#define S  1000000000u

static struct rig rig;

// ---- reading ----

static json_t *lines_json(const char *down_member, const char *value) {
    json_t *path =
        json_pack("{s:o, s:o}", "down", mqoe_synthetic_line(MS, 0), "up", mqoe_synthetic_line(MS, 0));
    if (down_member)
        json_object_set_new(json_object_get(path, "down"), down_member,
                            json_loads(value, JSON_DECODE_ANY, NULL));
    return path;
}

static int read_lines(const char *member, const char *value, struct mqoe_path_config lines[2],
                      struct mqoe_error *e) {
    json_t *json = lines_json(member, value);
    struct mqoe_node n = mqoe_node_root(json, e);
    mqoe_dp_read_lines(&n, lines);
    json_decref(json);
    return e->errnum;
}

static void reads_every_part(void **state) {
    (void)state;
    struct mqoe_path_config l[2];
    struct mqoe_error e;
    assert_int_equal(
        read_lines("loss", "{\"model\":\"gemodel\",\"p\":0.01,\"r\":0.25,\"oneMinusH\":1,\"oneMinusK\":0}", l,
                   &e),
        0);
    assert_int_equal(l[0].loss.model, MQOE_PATH_LOSS_GEMODEL);
    assert_true(l[0].loss.gemodel.r == 0.25 && l[0].loss.gemodel.bad_loss == 1);
    assert_true(l[1].up && l[1].keep_order && l[1].delay.mean == MS);
    mqoe_dp_free_lines_but(l, NULL);
    assert_int_equal(read_lines("distribution", "{\"table\":[-8192,0,8192]}", l, &e), 0);
    assert_int_equal(l[0].delay.distribution, MQOE_PATH_TABLE);
    assert_int_equal(l[0].delay.table_size, 3);
    assert_int_equal(l[0].delay.table[0], -8192);
    mqoe_dp_free_lines_but(l, NULL);
    assert_int_equal(read_lines("slot", "{\"min\":5,\"max\":9,\"packets\":2,\"bytes\":0}", l, &e), 0);
    assert_true(l[0].slot.enabled && !l[0].slot.distributed && l[0].slot.max_delay == 9);
    mqoe_dp_free_lines_but(l, NULL);
    assert_int_equal(
        read_lines(
            "trace",
            "{\"format\":\"steps\",\"loop\":9,\"steps\":[{\"at\":0,\"rate\":8},{\"at\":5,\"loss\":0.5}]}", l,
            &e),
        0);
    assert_int_equal(l[0].trace.kind, MQOE_PATH_TRACE_STEPS);
    assert_true(l[0].trace.steps[0].delay == MQOE_PATH_KEEP && l[0].trace.steps[1].rate == MQOE_PATH_KEEP);
    assert_true(l[0].trace.steps[1].loss == 0.5 && l[0].trace.period == 9);
    mqoe_dp_free_lines_but(l, NULL);
}

static const struct wrong {
    const char *member, *value, *object, *says;
} wrongs[] = {
    {"delay", "-1", "$.down.delay", "found -1"},
    {"up", "1", "$.down.up", "true or false"},
    {"delayCorrelation", "1.5", "$.down.delayCorrelation", "found 1.5, must be a number from 0 to 1"},
    {"duplicate", "{\"probability\":\"1%\",\"correlation\":0}", "$.down.duplicate.probability",
     "from 0 to 1"},
    {"duplicate", "{\"probability\":0}", "$.down.duplicate.correlation", "is missing"},
    {"loss", "{\"model\":\"some\"}", "$.down.loss.model", "none, random, gemodel, state, packets"},
    {"loss", "{\"model\":\"none\",\"p\":1}", "$.down.loss.p", "is unknown here"},
    {"loss", "{\"model\":\"packets\",\"packets\":[7,3]}", "$.down", "ascend"},
    {"loss", "{\"model\":\"packets\",\"packets\":[-1]}", "$.down.loss.packets[0]", "from 0"},
    {"distribution", "\"cauchy\"", "$.down.distribution", "uniform, normal, pareto, paretonormal"},
    {"distribution", "{\"table\":[]}", "$.down.distribution.table", "has 0 entries"},
    {"distribution", "{\"table\":[40000]}", "$.down.distribution.table[0]", "from -32768 to 32767"},
    {"slot", "{\"min\":5,\"max\":3,\"packets\":0,\"bytes\":0}", "$.down", "slot min"},
    {"slot", "7", "$.down.slot", "must be an object"},
    {"trace", "{\"format\":\"pcap\"}", "$.down.trace.format", "mahimahi, steps"},
    {"trace", "{\"format\":\"mahimahi\",\"opportunities\":[5,4]}", "$.down", "do not decrease"},
    {"trace", "{\"format\":\"steps\",\"loop\":0,\"steps\":[{\"at\":0,\"speed\":1}]}",
     "$.down.trace.steps[0].speed", "is unknown here"},
    {"rate", "2000000000000", "$.down.rate", "from 0 to 1000000000000"},
    {"speed", "1", "$.down.speed", "is unknown here"},
};

static void names_what_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct mqoe_path_config l[2];
        struct mqoe_error e;
        assert_int_not_equal(read_lines(wrongs[i].member, wrongs[i].value, l, &e), 0);
        if (strcmp(e.object, wrongs[i].object) || !strstr(e.hint, wrongs[i].says))
            fail_msg("%s = %s: \"%s: %s\"", wrongs[i].member, wrongs[i].value, e.object, e.hint);
        mqoe_dp_free_lines_but(l, NULL);
    }
}

// A change that says the same trace again is the same trace, and each array is freed once.
static void alike_arrays_are_shared(void **state) {
    (void)state;
    const char *trace = "{\"format\":\"mahimahi\",\"opportunities\":[1,2,3]}";
    struct mqoe_path_config old[2], again[2], other[2];
    struct mqoe_error e;
    assert_int_equal(read_lines("trace", trace, old, &e), 0);
    assert_int_equal(read_lines("trace", trace, again, &e), 0);
    assert_int_equal(read_lines("trace", "{\"format\":\"mahimahi\",\"opportunities\":[1,2,4]}", other, &e),
                     0);
    mqoe_dp_share_arrays(again, old);
    mqoe_dp_share_arrays(other, old);
    assert_ptr_equal(again[0].trace.opportunities, old[0].trace.opportunities);
    assert_ptr_not_equal(other[0].trace.opportunities, old[0].trace.opportunities);
    mqoe_dp_free_lines_but(other, old);
    mqoe_dp_free_lines_but(again, old);
    assert_int_equal(old[0].trace.opportunities[2], 3);
    mqoe_dp_free_lines_but(old, NULL);
}

// ---- the engine ----

static json_t *node(int rate) {
    return json_pack("{s:i, s:i, s:i, s:i, s:i}", "rate", rate, "ceil", 1000000000, "quantum", 0, "priority",
                     0, "burst", 0);
}

static json_t *site(int id, int parent, int path) {
    int rate = parent < 0 ? 1000000000 : 0;
    return json_pack("{s:i, s:s, s:i, s:i, s:i, s:o, s:o}", "id", id, "name", id ? "ap" : "tower", "parent",
                     parent, "path", path, "reactor", 0, "down", node(rate), "up", node(rate));
}

static json_t *path_of(int id, json_t *down, json_t *up) {
    return json_pack("{s:i, s:s, s:o, s:o}", "id", id, "name", "p", "down", down, "up", up);
}

// Two clients below an access point below a tower; paths of the server, the tower, the access point and the
// first client of 1, 2, 4 and 8 ms towards the clients and ten times that from them.
static json_t *chain(bool stage) {
    struct mqoe_synthetic s = {.clients = 2,
                               .frames = 8192,
                               .discipline = stage ? "none" : "pfifo",
                               .limit = 1000,
                               .netns = "/run/netns/none",
                               .access = "a",
                               .core = "c"};
    json_t *document = mqoe_synthetic_blueprint(&s), *paths = json_array(), *client;
    for (int i = 0; i < 4; i++)
        json_array_append_new(paths, path_of(i, mqoe_synthetic_line((uint64_t)MS << i, 0),
                                             mqoe_synthetic_line(((uint64_t)MS << i) * 10, 0)));
    json_object_set_new(document, "paths", paths);
    json_object_set_new(json_array_get(json_object_get(document, "servers"), 0), "path", json_integer(0));
    json_object_set_new(document, "sites", json_pack("[o, o]", site(0, -1, 1), site(1, 0, 2)));
    size_t i;
    json_array_foreach(json_object_get(document, "clients"), i, client) {
        json_object_set_new(client, "site", json_integer(1));
        json_object_set_new(client, "node", json_pack("{s:o, s:o}", "down", node(0), "up", node(0)));
        json_object_set_new(client, "path", json_integer(i == 0 ? 3 : -1));
    }
    return document;
}

static void assert_accounted(void) {
    struct mqoe_accounting a;
    mqoe_engine_account(&rig.engine, &a);
    assert_int_equal(mqoe_accounting_missing(&a), 0);
    assert_int_equal(rig.umem.in_place[MQOE_HAND], 0);
}

static void lines_follow_each_other(void **state) {
    (void)state;
    rig_open(&rig, chain(false), 64);
    uint64_t start = rig.now;
    for (uint32_t client = 0; client < 2; client++)
        for (uint32_t d = 0; d < 2; d++)
            rig_arrive(&rig, client, d ? MQOE_UP : MQOE_DOWN, 1, 100, client * 2 + d);
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out_count, 4);
    const uint64_t expected[4] = {15 * MS, 150 * MS, 7 * MS, 70 * MS};
    for (size_t i = 0; i < 4; i++)
        // The tree adds what a frame takes at 1 Gbit/s.
        assert_in_range(rig.out[i].time - start, expected[rig.out[i].tag], expected[rig.out[i].tag] + 10000);
    assert_accounted();
    rig_close(&rig);
}

// The rate of a site's path is one line: two clients of it share it.
static void a_site_has_one_line(void **state) {
    (void)state;
    json_t *document = chain(false), *paths = json_object_get(document, "paths");
    json_object_set_new(json_array_get(paths, 2), "down", mqoe_synthetic_line(0, 10000000));
    rig_open(&rig, document, 256);
    uint64_t start = rig.now;
    for (uint32_t i = 0; i < 100; i++)
        rig_arrive(&rig, i % 2, MQOE_DOWN, 1, 1250, i); // a millisecond each at 10 Mbit/s
    rig_run(&rig, rig.now + 2ull * S);
    assert_int_equal(rig.out_count, 100);
    uint64_t last = 0;
    for (size_t i = 0; i < 100; i++)
        last = rig.out[i].time > last ? rig.out[i].time : last;
    assert_in_range(last - start, 100 * MS, 100 * MS + 12 * MS);
    assert_accounted();
    rig_close(&rig);
}

// Frames of the whole, of what was lost, corrupted and doubled: all of it is in the accounting, and when the
// UMEM has no frame for a copy, the rig is to blame.
static void copies_are_accounted_for(void **state) {
    (void)state;
    for (int scarce = 0; scarce < 2; scarce++) {
        json_t *document = chain(false), *paths = json_object_get(document, "paths");
        json_t *down = mqoe_synthetic_line(scarce ? 100 * MS : MS, 0);
        json_object_set_new(down, "duplicate", json_pack("{s:f, s:i}", "probability", 0.5, "correlation", 0));
        json_object_set_new(down, "corrupt", json_pack("{s:f, s:i}", "probability", 0.1, "correlation", 0));
        json_object_set_new(
            down, "loss",
            json_pack("{s:s, s:f, s:i}", "model", "random", "probability", 0.1, "correlation", 0));
        json_object_set_new(json_array_get(paths, 3), "down", down);
        if (scarce)
            json_object_set_new(json_array_get(json_object_get(document, "reactors"), 0), "frames",
                                json_integer(1024));
        rig_open(&rig, document, 128);
        uint64_t arrived = 0;
        for (uint32_t i = 0; i < 2000; i++) {
            arrived += rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, i);
            rig_run(&rig, rig.now + 20000);
            if (i % 100 == 0)
                assert_accounted();
        }
        rig_run(&rig, rig.now + S);
        struct mqoe_accounting a;
        mqoe_engine_account(&rig.engine, &a);
        assert_int_equal(mqoe_accounting_missing(&a), 0);
        assert_in_range(a.duplicated, 1, arrived);
        assert_in_range(a.duplicated * 100, (arrived - a.rig) * 45, arrived * 55);
        assert_true(a.on_paths.corrupted > 0 && a.path == a.on_paths.lost && a.path > 0);
        assert_int_equal(a.on_paths.duplicates_refused > 0, scarce);
        assert_true(a.rig >= a.on_paths.duplicates_refused);
        assert_int_equal(rig_held(&rig), 0);
        rig_close(&rig);
    }
}

// The cable is pulled: what is under way and what comes is lost; plugged in again, frames pass.
static void a_link_goes_down_and_up(void **state) {
    (void)state;
    rig_open(&rig, chain(false), 64);
    struct mqoe_path_config lines[2];
    memcpy(lines, rig.config.paths[0].lines, sizeof lines);
    lines[MQOE_DOWN].up = false;
    struct mqoe_change change = {.kind = MQOE_CHANGE_PATH, .index = 0, .lines = lines};
    struct mqoe_error e;
    rig_arrive(&rig, 1, MQOE_DOWN, 1, 100, 0);
    rig_run(&rig, rig.now);
    assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
    rig_arrive(&rig, 1, MQOE_DOWN, 1, 100, 1);
    rig_arrive(&rig, 1, MQOE_UP, 1, 100, 2);
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out_count, 1);
    assert_int_equal(rig.out[0].tag, 2);
    assert_int_equal(rig.engine.on_paths.down, 2);
    struct mqoe_change undo = mqoe_change_undo(&rig.config, &change);
    assert_int_equal(mqoe_engine_change(&rig.engine, &undo, 1, rig.now, &e), 0);
    rig_arrive(&rig, 1, MQOE_DOWN, 1, 100, 3);
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out[rig.out_count - 1].tag, 3);
    assert_accounted();
    rig_close(&rig);
}

// A stage of its own has the same random numbers as paths that are fused: the same frames are lost.
static void seeds_are_the_owners(void **state) {
    (void)state;
    bool out[2][1000] = {0};
    for (int other = 0; other < 2; other++) {
        json_t *document = chain(false), *paths = json_object_get(document, "paths");
        json_t *down = mqoe_synthetic_line(MS, 0);
        json_object_set_new(
            down, "loss",
            json_pack("{s:s, s:f, s:i}", "model", "random", "probability", 0.3, "correlation", 0));
        json_object_set_new(json_array_get(paths, 3), "down", down);
        if (other) // without the server's and a site's path, as in a stage on the clients' side
            json_object_set_new(json_array_get(json_object_get(document, "servers"), 0), "path",
                                json_integer(-1));
        rig_open(&rig, document, 64);
        for (uint32_t i = 0; i < 1000; i++) {
            rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, i);
            rig_run(&rig, rig.now + MS);
        }
        rig_run(&rig, rig.now + S);
        for (size_t i = 0; i < rig.out_count; i++)
            out[other][rig.out[i].tag] = true;
        assert_in_range(rig.out_count, 600, 800);
        rig_close(&rig);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
}

// A server whose path loses 30 %, and a client on each of `reactors` reactors.
static json_t *lossy_server(int reactors) {
    struct mqoe_synthetic s = {.clients = (uint32_t)reactors,
                               .frames = 4096,
                               .discipline = "none",
                               .netns = "/run/netns/none",
                               .access = "a",
                               .core = "c",
                               .server_delay = MS};
    json_t *document = mqoe_synthetic_blueprint(&s), *list = json_object_get(document, "reactors");
    json_t *path = json_array_get(json_object_get(document, "paths"), 0),
           *down = json_object_get(path, "down");
    json_object_set_new(
        down, "loss", json_pack("{s:s, s:f, s:i}", "model", "random", "probability", 0.3, "correlation", 0));
    for (int i = 1; i < reactors; i++) {
        json_t *reactor = json_deep_copy(json_array_get(list, 0));
        json_object_set_new(reactor, "id", json_integer(i));
        json_array_append_new(list, reactor);
        json_object_set_new(json_array_get(json_object_get(document, "clients"), (size_t)i), "reactor",
                            json_integer(i));
    }
    return document;
}

// Which of 1,000 frames to its client leave reactor `reactor`.
static void let_through(int reactors, uint32_t reactor, bool out[1000]) {
    rig_open_reactor(&rig, lossy_server(reactors), 64, reactor);
    memset(out, 0, 1000 * sizeof *out);
    for (uint32_t i = 0; i < 1000; i++) {
        rig_arrive(&rig, reactor, MQOE_DOWN, 1, 100, i);
        rig_run(&rig, rig.now + 2 * MS);
    }
    assert_in_range(rig.out_count, 600, 800);
    for (size_t i = 0; i < rig.out_count; i++)
        out[rig.out[i].tag] = true;
    assert_accounted();
    rig_close(&rig);
}

// What is lost on one reactor says nothing about the others; with one reactor nothing is different.
static void reactors_have_lines_of_their_own_to_a_server(void **state) {
    (void)state;
    bool alone[1000], first[1000], second[1000];
    let_through(1, 0, alone);
    let_through(2, 0, first);
    let_through(2, 1, second);
    assert_memory_equal(alone, first, sizeof alone);
    uint32_t both = 0, either = 0;
    for (size_t i = 0; i < 1000; i++) {
        both += !first[i] && !second[i];
        either += !first[i] || !second[i];
    }
    assert_in_range(both, 50, 140); // 90 of 1,000 when they are independent; all that either lost before
    assert_true(both < either);
}

// No frame is lost by it, so it is in no sum; but it is told.
static void refused_reorders_are_told(void **state) {
    (void)state;
    struct mqoe_accounting a;
    rig_open(&rig, chain(false), 64);
    for (uint32_t i = 0; i < rig.engine.stretch_count; i++)
        rig.engine.stretches[i].line.counters.reorders_refused = 3;
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, 0);
    rig_run(&rig, rig.now + S);
    mqoe_engine_account(&rig.engine, &a);
    assert_int_equal(a.on_paths.reorders_refused, 4 * 3); // of the lines that the frame passed, once
    assert_accounted();
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_part),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(alike_arrays_are_shared),
        cmocka_unit_test(lines_follow_each_other),
        cmocka_unit_test(a_site_has_one_line),
        cmocka_unit_test(copies_are_accounted_for),
        cmocka_unit_test(a_link_goes_down_and_up),
        cmocka_unit_test(seeds_are_the_owners),
        cmocka_unit_test(reactors_have_lines_of_their_own_to_a_server),
        cmocka_unit_test(refused_reorders_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
