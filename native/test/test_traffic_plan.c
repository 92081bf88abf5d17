// Reading the traffic part of a blueprint: what is right is resolved, what is wrong is named by its JSON
// path.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "traffic/plan.h"

#define ENDPOINT(id, name, address)                                                                          \
    "{'id':" #id ",'name':'" name "','netns':'/run/netns/l-" name "','ipv4':['" address "'],'ipv6':[]}"
#define FLOW                                                                                                 \
    "{'id':4,'traffic':'bulk','client':7,'server':1,'direction':'up','family':'ipv4','port':9000,'"          \
    "clientPort':0,"                                                                                         \
    "'congestionControl':'cubic','dscp':46,'ecn':true,'start':5,'stop':9}"
#define PROBE                                                                                                \
    "{'id':2,'traffic':'ping','client':8,'server':1,'family':'ipv4','port':9100,'clientPort':0,'interval':"  \
    "10000000,"                                                                                              \
    "'size':64,'dscp':0,'ecn':2,'start':0,'stop':100,'timeout':2000000000}"
#define PLAN                                                                                                 \
    "{'schema':'mqoe-traffic/1','lab':'l','seed':3,'cores':[-1,0],'clients':[" ENDPOINT(                     \
        7, "a",                                                                                              \
        "10.0.0.7") "," ENDPOINT(8, "b",                                                                     \
                                 "10.0.0.8") "],'servers':[" ENDPOINT(1, "s",                                \
                                                                      "10.0.1.1") "],'flows':[" FLOW         \
                                                                                  "],'probes':[" PROBE       \
                                                                                  "],'sampleInterval':"      \
                                                                                  "100000000,'duration':"    \
                                                                                  "100}"

// Reads `text` with ' for ".
static int read_text(struct traffic_plan *plan, const char *text, struct mqoe_error *e) {
    char json[4096];
    size_t length = strlen(text);
    assert_true(length < sizeof json);
    for (size_t i = 0; i <= length; i++)
        json[i] = text[i] == '\'' ? '"' : text[i];
    json_error_t where;
    json_t *value = json_loads(json, JSON_REJECT_DUPLICATES, &where);
    if (!value)
        fail_msg("not JSON: %s at %d", where.text, where.column);
    return traffic_plan_read(plan, value, "f", e);
}

static void a_right_plan_is_resolved(void **state) {
    (void)state;
    struct traffic_plan plan;
    struct mqoe_error e;
    assert_int_equal(read_text(&plan, PLAN, &e), 0);
    assert_int_equal(plan.core_count, 2);
    assert_int_equal(plan.cores[0], -1);
    assert_int_equal(plan.flow_count, 1);
    const struct traffic_pair *flow = &plan.flows[0].pair;
    assert_string_equal(plan.endpoints[TRAFFIC_CLIENT][flow->client].name, "a");
    assert_int_equal(plan.flows[0].direction, TRAFFIC_UP);
    assert_int_equal(flow->dscp, 46);
    assert_int_equal(plan.endpoints[TRAFFIC_SERVER][0].flows, 0);
    assert_int_equal(plan.endpoints[TRAFFIC_CLIENT][0].probes, TRAFFIC_NONE);
    assert_int_equal(plan.endpoints[TRAFFIC_CLIENT][1].probes, 0);
    struct sockaddr_storage address;
    socklen_t length =
        traffic_endpoint_address(&plan.endpoints[TRAFFIC_SERVER][0], TRAFFIC_IPV4, flow->port, &address);
    assert_int_equal(length, sizeof(struct sockaddr_in));
    assert_int_equal(ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr), 0x0a000101);
    assert_int_equal(ntohs(((struct sockaddr_in *)&address)->sin_port), 9000);
    traffic_plan_free(&plan);
}

// Replaces the first `from` in the right plan.
static void edit(char *out, size_t size, const char *from, const char *to) {
    const char *at = strstr(PLAN, from);
    assert_non_null(at);
    snprintf(out, size, "%.*s%s%s", (int)(at - PLAN), PLAN, to, at + strlen(from));
}

static void wrong_fields_are_named(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *object, *hint;
    } cases[] = {
        {"'seed':3", "'seed':-3", "f $.seed", "found -3; allowed: an integer from 0 to 9007199254740992"},
        {"'seed':3,", "", "f $.seed", "found nothing;"},
        {"'seed':3", "'seed':3.5", "f $.seed", "found 3.5;"},
        {"'lab':'l'", "'lab':''", "f $.lab", "found \"\"; allowed: a text that is not empty"},
        {"'lab':'l'", "'lab':'l','labb':1", "f $.labb", "unknown field; known: schema, lab,"},
        {"mqoe-traffic/1", "mqoe-traffic/2", "f $.schema",
         "found \"mqoe-traffic/2\"; allowed: mqoe-traffic/1"},
        {"[-1,0]", "[]", "f $.cores", "allowed: 1 to 256 CPU numbers"},
        {"[-1,0]", "[-2]", "f $.cores[0]", "found -2;"},
        {"'id':8,'name'", "'id':7,'name'", "f $.clients[1].id", "stands once"},
        {"'ipv4':['10.0.0.8']", "'ipv4':['10.0.0.800']", "f $.clients[1].ipv4[0]",
         "found \"10.0.0.800\"; allowed: an IPv4 address"},
        {"'client':7", "'client':9", "f $.flows[0].client = 9 (not in $.clients)",
         "an id that no endpoint has"},
        {"'direction':'up'", "'direction':'both'", "f $.flows[0].direction",
         "found \"both\"; allowed: down, up"},
        {"'family':'ipv4'", "'family':'ipv6'", "f $.flows[0].family", "no address of that family"},
        {"'ecn':true", "'ecn':1", "f $.flows[0].ecn", "found 1; allowed: true or false"},
        {"'stop':9", "'stop':5", "f $.flows[0].stop = 5", "stop must be after start"},
        {"'port':9000", "'port':0", "f $.flows[0].port", "found 0; allowed: an integer from 1 to 65535"},
        {"'size':64", "'size':47", "f $.probes[0].size", "found 47; allowed: an integer from 48"},
        {"'timeout':2000000000", "'timeout':9007199254740992", "f $.probes[0].timeout", "2^20"},
        {"[" PROBE "]", "[null]", "f $.probes[0]", "found null; allowed: an object"},
        {"[" PROBE "]", "{}", "f $.probes", "found an object; allowed: an array"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[4096];
        struct traffic_plan plan;
        struct mqoe_error e = {0};
        edit(text, sizeof text, cases[i].from, cases[i].to);
        assert_true(read_text(&plan, text, &e) < 0);
        if (!strstr(e.object, cases[i].object) || !strstr(e.hint, cases[i].hint))
            fail_msg("case %zu: \"%s\" · \"%s\"", i, e.object, e.hint);
        traffic_plan_free(&plan);
    }
}

static void a_missing_file_and_a_syntax_error_are_named(void **state) {
    (void)state;
    struct traffic_plan plan;
    struct mqoe_error e;
    assert_int_equal(traffic_plan_load(&plan, "/nonexistent/traffic.json", &e), -2);
    assert_string_equal(e.object, "/nonexistent/traffic.json");
    traffic_plan_free(&plan);
    char file[] = "/tmp/mqoe-test-plan-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    FILE *stream = fdopen(fd, "w");
    fputs("{\n  \"lab\": ,\n}", stream);
    fclose(stream);
    assert_true(traffic_plan_load(&plan, file, &e) < 0);
    assert_non_null(strstr(e.object, ":2:"));
    remove(file);
    traffic_plan_free(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_plan_is_resolved),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(a_missing_file_and_a_syntax_error_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
