// The dataplane's blueprint: what is right is read, what is wrong is named by its JSON path.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/synthetic.h"
#include "dataplane/config.h"

static json_t *good(void) {
    struct mqoe_synthetic s = {.clients = 3,
                               .frames = 4096,
                               .rate = 20000000,
                               .discipline = "fq_codel",
                               .server_delay = 10000000,
                               .server_rate = 1000000000,
                               .netns = "/run/netns/x",
                               .access = "a0",
                               .core = "c0"};
    return mqoe_synthetic_blueprint(&s);
}

static void reads_a_whole_blueprint(void **state) {
    (void)state;
    struct mqoe_dp_config c;
    struct mqoe_error e;
    assert_int_equal(mqoe_dp_config_read(&c, good(), &e), 0);
    assert_string_equal(c.netns, "/run/netns/x");
    assert_int_equal(c.client_count, 3);
    assert_int_equal(c.client_prefix_count, 3);
    assert_int_equal(c.client_prefixes[2].value, 2);
    assert_string_equal(c.reactors[0].interface[1], "c0");
    assert_int_equal(c.paths[0].lines[MQOE_UP].delay.mean, 10000000);
    assert_int_equal(c.paths[0].lines[MQOE_DOWN].link.rate, 1000000000);
    assert_int_equal(c.paths[1].lines[MQOE_DOWN].link.rate, 0);
    assert_int_equal(c.servers[0].path, 0);
    assert_int_equal(c.clients[1].path, MQOE_NO_PATH);
    const struct mqoe_leaf_config *l = &c.clients[1].shaper[MQOE_UP];
    assert_int_equal(l->rate, 20000000);
    assert_int_equal(l->discipline.kind, MQOE_FQ_CODEL);
    assert_int_equal(l->discipline.fq_codel.interval, 100000000);
    assert_int_equal(l->discipline.fq_codel.mtu, 1514);
    mqoe_dp_config_set_max_frame(&c, 1792);
    assert_int_equal(l->discipline.fq_codel.mtu, 1792);
    mqoe_dp_config_free(&c);
}

// Finds "clients.1.down.rate" in a document, up to its last component, which *last receives.
static json_t *parent_of(json_t *at, const char *path, char *last) {
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        char part[32] = {0};
        memcpy(part, path, (size_t)(dot - path));
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part)) : json_object_get(at, part);
    }
    strcpy(last, path);
    return at;
}

static const struct wrong {
    const char *at, *value; // value NULL: the field is left out
    const char *path, *says;
} wrongs[] = {
    {"schema", "\"mqoe-dataplane/2\"", "$.schema", "must be one of mqoe-dataplane/1"},
    {"kind", "\"kernel\"", "$.kind", "must be one of afxdp"},
    {"netns", NULL, "$.netns", "is missing"},
    {"seed", "1.5", "$.seed", "found 1.5, must be an integer from 0"},
    {"sead", "1", "$.sead", "is unknown here; known: schema, kind"},
    {"reactors", "[]", "$.reactors", "has 0 entries"},
    {"reactors.0.id", "3", "$.reactors[0]", "ids count from 0"},
    {"reactors.0.frameSize", "4096", "$.reactors[0].frameSize", "found 4096, must be 2048"},
    {"reactors.0.frames", "10", "$.reactors[0].frames", "found 10, must be an integer from 256"},
    {"reactors.0.access", "\"an-interface-name\"", "$.reactors[0]", "1 to 15 characters"},
    {"paths.0.down", NULL, "$.paths[0].down", "is missing, must be an object"},
    {"paths.0.up.delay", "-1", "$.paths[0].up.delay", "found -1, must be an integer from 0"},
    {"paths.1.down.rate", NULL, "$.paths[1].down.rate", "is missing, must be an integer from 0"},
    {"paths.1.down.rate", "-1", "$.paths[1].down.rate", "found -1, must be an integer from 0"},
    {"servers.0.path", "2", "$.servers[0].path", "found 2, must be an integer from -1 to 1"},
    {"servers.0.addresses.0", "\"10.0.0.\"", "$.servers[0].addresses[0]", "found \"10.0.0.\""},
    {"clients.1.addresses.0", "7", "$.clients[1].addresses[0]", "found 7, must be an IPv4 or IPv6 address"},
    {"clients.2.reactor", "1", "$.clients[2].reactor", "found 1, must be 0"},
    {"clients.1.down.rate", "\"20mbit\"", "$.clients[1].down.rate", "found \"20mbit\", must be an integer"},
    {"clients.1.down.rate", "-5", "$.clients[1].down.rate", "found -5"},
    {"clients.1.up.framing.cell", "\"atn\"", "$.clients[1].up.framing.cell",
     "found \"atn\", must be one of none, atm, ptm"},
    {"clients.1.up.framing.overhead", "300", "$.clients[1].up.framing.overhead",
     "found 300, must be an integer from -64 to 256"},
    {"clients.0.up.sqm.discipline", "\"tc\"", "$.clients[0].up.sqm.discipline",
     "none, pfifo, fq_codel, cake, codel, cobalt, bfifo, dualpi2"},
    {"clients.0.up.sqm.ecn", "1", "$.clients[0].up.sqm.ecn", "found 1, must be true or false"},
    {"clients.0.up.sqm.target", NULL, "$.clients[0].up.sqm.target", "is missing, must be an integer"},
    {"clients.0.up.sqm", "{\"discipline\":\"none\"}", "$.clients[0].up", "rate must be 0"},
    {"clients.0.up.sqm", "{\"discipline\":\"pfifo\",\"limit\":0}", "$.clients[0].up.sqm.limit", "found 0"},
    {"clients.0.up.framing.cell", "3", "$.clients[0].up.framing.cell", "found 3, must be one of none"},
    {"clients.0", "true", "$.clients[0]", "found true, must be an object"},
};

static json_t *node(int rate, int ceil) {
    return json_pack("{s:i, s:i, s:i, s:i, s:i}", "rate", rate, "ceil", ceil, "quantum", 0, "priority", 0,
                     "burst", 0);
}

static json_t *site(int id, const char *name, int parent) {
    int rate = parent < 0 ? 100000000 : 0;
    return json_pack("{s:i, s:s, s:i, s:i, s:o, s:o}", "id", id, "name", name, "parent", parent, "reactor", 0,
                     "down", node(rate, 100000000), "up", node(rate, 100000000));
}

// Two reactors, a tower with an access point, clients 0 and 1 below that one and client 2 by itself.
static json_t *good_tree(void) {
    json_t *document = good(), *client;
    json_t *path = json_array_get(json_object_get(document, "paths"), 0);
    json_object_set_new(path, "down", mqoe_synthetic_line(10000000, 0));
    json_object_set_new(path, "up", mqoe_synthetic_line(10000000, 0));
    json_t *reactors = json_object_get(document, "reactors");
    json_t *second = json_deep_copy(json_array_get(reactors, 0));
    json_object_set_new(second, "id", json_integer(1));
    json_array_append_new(reactors, second);
    json_object_set_new(document, "sites", json_pack("[o, o]", site(0, "tower", -1), site(1, "ap", 0)));
    size_t i;
    json_array_foreach(json_object_get(document, "clients"), i, client) {
        json_object_set_new(client, "site", json_integer(i < 2 ? 1 : -1));
        json_object_set_new(
            client, "node",
            i < 2 ? json_pack("{s:o, s:o}", "down", node(1000, 20000000), "up", node(0, 5000000))
                  : json_null());
    }
    return document;
}

static void reads_a_tree(void **state) {
    (void)state;
    struct mqoe_dp_config c;
    struct mqoe_error e;
    assert_int_equal(mqoe_dp_config_read(&c, good_tree(), &e), 0);
    assert_int_equal(c.site_count, 2);
    assert_int_equal(c.sites[0].parent, MQOE_NO_SITE);
    assert_int_equal(c.sites[1].parent, 0);
    assert_int_equal(c.sites[0].class[MQOE_UP].rate, 100000000);
    assert_int_equal(c.clients[1].site, 1);
    assert_int_equal(c.clients[1].class[MQOE_UP].ceil, 5000000);
    assert_int_equal(c.clients[2].site, MQOE_NO_SITE);
    mqoe_dp_config_free(&c);
}

static const struct wrong wrong_trees[] = {
    {"sites.0.id", "1", "$.sites[0]", "ids count from 0"},
    {"sites.0.parent", "0", "$.sites[0].parent", "found 0, must be -1"},
    {"sites.1.parent", "1", "$.sites[1].parent", "found 1, must be an integer from -1 to 0"},
    {"sites.1.reactor", "1", "$.sites[1]", "its parent \"tower\" has 0; a tree belongs to one reactor"},
    {"sites.1.speed", "1", "$.sites[1].speed", "is unknown here"},
    {"sites.0.down.rate", "1000", "$.sites[0].down", "a root has nobody to borrow from"},
    {"sites.1.up.rate", "100000001", "$.sites[1].up", "512 bit/s … its ceil"},
    {"sites.1.up.ceil", "0", "$.sites[1].up", "512 bit/s … 1 Tbit/s"},
    {"sites.1.up.quantum", "999", "$.sites[1].up", "1000 … 1048576 bytes"},
    {"sites.1.up.priority", "8", "$.sites[1].up.priority", "found 8, must be an integer from 0 to 7"},
    {"sites.1.up.burst", NULL, "$.sites[1].up.burst", "is missing"},
    {"clients.0.site", "2", "$.clients[0].site", "found 2, must be an integer from -1 to 1"},
    {"clients.0.reactor", "1", "$.clients[0]", "its site \"ap\" has 0; a tree belongs to one reactor"},
    {"clients.0.node", "null", "$.clients[0].node", "must be an object"},
    {"clients.2.node", "{}", "$.clients[2].node", "null for a client without a site"},
    {"clients.0.node.up.cell", "1", "$.clients[0].node.up.cell", "is unknown here"},
    {"clients.0.up",
     "{\"rate\":0,\"framing\":{\"base\":\"frame\",\"overhead\":0,\"mpu\":0,\"cell\":\"none\"},"
     "\"sqm\":{\"discipline\":\"none\"}}",
     "$.clients[0]", "which has no queue to wait in"},
};

static void names_what_is_wrong_with(json_t *(*good_document)(void), const struct wrong *w) {
    char last[32];
    json_t *document = good_document(), *parent = parent_of(document, w->at, last);
    json_t *value = w->value ? json_loads(w->value, JSON_DECODE_ANY, NULL) : NULL;
    assert_non_null(parent);
    if (!value)
        json_object_del(parent, last);
    else if (json_is_array(parent))
        json_array_set_new(parent, (size_t)atoi(last), value);
    else
        json_object_set_new(parent, last, value);
    struct mqoe_dp_config c;
    struct mqoe_error e = {0};
    assert_int_not_equal(mqoe_dp_config_read(&c, document, &e), 0);
    assert_string_equal(e.object, w->path);
    if (!strstr(e.hint, w->says))
        fail_msg("%s: \"%s\" does not say \"%s\"", w->at, e.hint, w->says);
    mqoe_dp_config_free(&c);
}

static void names_what_is_wrong_with_a_tree(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong_trees / sizeof *wrong_trees; i++)
        names_what_is_wrong_with(good_tree, &wrong_trees[i]);
}

// A leaf at the eighth level fits; a site there has no room for clients.
static void a_tree_has_eight_levels(void **state) {
    (void)state;
    for (int sites = 7; sites <= 8; sites++) {
        struct mqoe_dp_config c;
        struct mqoe_error e = {0};
        json_t *document = good(), *list = json_array();
        for (int i = 0; i < sites; i++)
            json_array_append_new(list, site(i, "s", i - 1));
        json_object_set_new(document, "sites", list);
        assert_int_equal(mqoe_dp_config_read(&c, document, &e) != 0, sites == 8);
        if (sites == 8)
            assert_non_null(strstr(e.hint, "8 levels at most, clients included"));
        mqoe_dp_config_free(&c);
    }
}

static void names_what_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++)
        names_what_is_wrong_with(good, &wrongs[i]);
}

// Two reactors would have two lines to the server, and so twice its rate.
static void a_rate_is_of_one_line(void **state) {
    (void)state;
    for (int rated = 0; rated < 2; rated++) {
        struct mqoe_dp_config c;
        struct mqoe_error e = {0};
        json_t *document = good(), *reactors = json_object_get(document, "reactors");
        json_t *second = json_deep_copy(json_array_get(reactors, 0));
        json_object_set_new(second, "id", json_integer(1));
        json_array_append_new(reactors, second);
        if (!rated)
            for (int d = 0; d < 2; d++)
                json_object_set_new(json_array_get(json_object_get(document, "paths"), 0), d ? "up" : "down",
                                    mqoe_synthetic_line(10000000, 0));
        assert_int_equal(mqoe_dp_config_read(&c, document, &e) != 0, rated);
        if (rated) {
            assert_string_equal(e.object, "$.servers[0]");
            assert_non_null(strstr(e.hint, "2 reactors"));
        }
        mqoe_dp_config_free(&c);
    }
}

static void names_file_and_line(void **state) {
    (void)state;
    struct mqoe_dp_config c;
    struct mqoe_error e;
    assert_int_equal(mqoe_dp_config_load(&c, "/nonexistent/dp.json", MQOE_KIND_AFXDP, &e), -2);
    assert_non_null(strstr(e.object, "/nonexistent/dp.json"));
    mqoe_dp_config_free(&c);
    char file[] = "/tmp/mqoe-test-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0 && write(fd, "{\n  \"schema\": nope\n}", 20) == 20);
    close(fd);
    assert_int_not_equal(mqoe_dp_config_load(&c, file, MQOE_KIND_AFXDP, &e), 0);
    assert_non_null(strstr(e.object, "line 2"));
    mqoe_dp_config_free(&c);
    json_t *document = json_pack("{s:i}", "schema", 1);
    assert_int_equal(json_dump_file(document, file, 0), 0);
    json_decref(document);
    assert_int_not_equal(mqoe_dp_config_load(&c, file, MQOE_KIND_AFXDP, &e), 0);
    assert_memory_equal(e.object, "$.schema in /tmp/mqoe-test-", 27);
    mqoe_dp_config_free(&c);
    unlink(file);
}

static int load_kind(const char *written, enum mqoe_dp_kind wanted, struct mqoe_error *e) {
    char file[] = "/tmp/mqoe-test-XXXXXX";
    close(mkstemp(file));
    json_t *document = good();
    json_object_set_new(document, "kind", json_string(written));
    assert_int_equal(json_dump_file(document, file, 0), 0);
    json_decref(document);
    struct mqoe_dp_config c;
    int err = mqoe_dp_config_load(&c, file, wanted, e);
    assert_true(err || c.kind == wanted);
    mqoe_dp_config_free(&c);
    unlink(file);
    return err;
}

// A file handed to the wrong program must not run as something else.
static void each_program_takes_its_own_kind(void **state) {
    (void)state;
    struct mqoe_error e;
    assert_int_equal(load_kind("afxdp", MQOE_KIND_AFXDP, &e), 0);
    assert_int_equal(load_kind("path", MQOE_KIND_PATH, &e), 0);
    assert_int_not_equal(load_kind("path", MQOE_KIND_AFXDP, &e), 0);
    assert_non_null(strstr(e.hint, "found \"path\", must be one of afxdp"));
    assert_int_not_equal(load_kind("kernel", MQOE_KIND_PATH, &e), 0);
    assert_non_null(strstr(e.hint, "found \"kernel\", must be one of path"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_tree),
        cmocka_unit_test(names_what_is_wrong_with_a_tree),
        cmocka_unit_test(a_tree_has_eight_levels),
        cmocka_unit_test(reads_a_whole_blueprint),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(a_rate_is_of_one_line),
        cmocka_unit_test(names_file_and_line),
        cmocka_unit_test(each_program_takes_its_own_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
