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
    "'congestionControl':'cubic','dscp':46,'host':1,'ecn':true,'start':5,'stop':9}"
#define PROBE                                                                                                \
    "{'id':2,'traffic':'ping','client':8,'server':1,'family':'ipv4','port':9100,'clientPort':0,'interval':"  \
    "10000000,"                                                                                              \
    "'size':64,'dscp':0,'host':0,'ecn':2,'start':0,'stop':100,'timeout':2000000000}"
#define STREAM                                                                                               \
    "{'id':6,'traffic':'flood','client':8,'server':1,'direction':'down','family':'ipv4','port':9200,'"       \
    "clientPort':10001,"                                                                                     \
    "'interval':33333,'size':12,'dscp':8,'host':0,'start':1,'stop':90}"
#define PLAN                                                                                                 \
    "{'schema':'mqoe-traffic/1','lab':'l','seed':3,'cores':[-1,0],'clients':[" ENDPOINT(                     \
        7, "a",                                                                                              \
        "10.0.0.7','10.0.0.9") "," ENDPOINT(8, "b",                                                          \
                                            "10.0.0.8") "],'servers':[" ENDPOINT(1, "s",                     \
                                                                                 "10.0.1.1") "],'flows':"    \
                                                                                             "[" FLOW        \
                                                                                             "],'probes':"   \
                                                                                             "[" PROBE       \
                                                                                             "],'streams':"  \
                                                                                             "[" STREAM      \
                                                                                             "],'"           \
                                                                                             "sampleInterva" \
                                                                                             "l':"           \
                                                                                             "100000000,'"   \
                                                                                             "duration':"    \
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
    assert_int_equal(plan.stream_count, 1);
    assert_int_equal(plan.streams[0].direction, TRAFFIC_DOWN);
    assert_int_equal(plan.streams[0].pace.pieces[0].interval, 33333);
    assert_int_equal(plan.streams[0].sizes[0].size, 12);
    assert_int_equal(plan.streams[0].pair.client_port, 10001);
    assert_int_equal(plan.endpoints[TRAFFIC_SERVER][0].streams, 0);
    assert_int_equal(plan.endpoints[TRAFFIC_CLIENT][0].streams, TRAFFIC_NONE);
    assert_int_equal(plan.endpoints[TRAFFIC_CLIENT][1].streams, 0);
    struct sockaddr_storage address;
    struct traffic_place place = traffic_client_place(&plan, flow);
    traffic_place_address(&place, &address);
    assert_int_equal(ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr), 0x0a000009);
    place = traffic_server_place(&plan, flow);
    assert_int_equal(traffic_place_address(&place, &address), sizeof(struct sockaddr_in));
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
        {"'seed':3", "'seed':-3", "$.seed in f", "found -3, must be an integer from 0 to 9007199254740992"},
        {"'seed':3,", "", "$.seed in f", "is missing, must be an integer"},
        {"'seed':3", "'seed':3.5", "$.seed in f", "found 3.5,"},
        {"'lab':'l'", "'lab':''", "$.lab in f", "found \"\", must be a text that is not empty"},
        {"'lab':'l'", "'lab':'l','labb':1", "$.labb in f", "is unknown here; known: schema, lab,"},
        {"mqoe-traffic/1", "mqoe-traffic/2", "$.schema in f",
         "found \"mqoe-traffic/2\", must be one of mqoe-traffic/1"},
        {"[-1,0]", "[]", "$.cores in f", "has 0 entries, must have 1 to 256 CPU numbers"},
        {"[-1,0]", "[-2]", "$.cores[0] in f", "found -2,"},
        {"[-1,0]", "null", "$.cores in f", "found null, must be an array"},
        {"'id':8,'name'", "'id':7,'name'", "$.clients[1].id in f", "stands once"},
        {"'name':'b'", "'name':'b','x':1", "$.clients[1].x in f", "is unknown here; known: id, name"},
        {"'ipv4':['10.0.0.8']", "'ipv4':['10.0.0.800']", "$.clients[1].ipv4[0] in f",
         "found \"10.0.0.800\", must be an IPv4 address"},
        {"'ipv6':[]", "'ipv6':[6]", "$.clients[0].ipv6[0] in f", "found 6, must be an IPv6 address"},
        {"'client':7", "'client':9", "$.flows[0].client in f", "found 9, must be the id of one of $.clients"},
        {"'client':7", "'client':'a'", "$.flows[0].client in f", "found \"a\", must be an integer"},
        {"'direction':'up'", "'direction':'both'", "$.flows[0].direction in f",
         "found \"both\", must be one of down, up"},
        {"'family':'ipv4'", "'family':'ipv6'", "$.flows[0].family in f",
         "found \"ipv6\", but client \"a\" has no address of that family"},
        {"'ecn':true", "'ecn':1", "$.flows[0].ecn in f", "found 1, must be true or false"},
        {"'host':1", "'host':2", "$.flows[0].host in f",
         "found 2, but client \"a\" has 2 ipv4 addresses, counted from 0"},
        {"'dscp':8,'host':0", "'dscp':8,'host':1", "$.streams[0].host in f", "has 1 ipv4 address, counted"},
        {"'host':1", "'host':-1", "$.flows[0].host in f", "found -1, must be an integer from 0"},
        {"'host':1,", "", "$.flows[0].host in f", "is missing, must be an integer"},
        {"'stop':9", "'stop':5", "$.flows[0].stop in f", "found 5, must be after start"},
        {"'port':9000", "'port':0", "$.flows[0].port in f", "found 0, must be an integer from 1 to 65535"},
        {"'size':64", "'size':47", "$.probes[0].size in f", "found 47, must be an integer from 48"},
        {"'interval':10000000", "'interval':0", "$.probes[0].interval in f", "found 0, must be an integer"},
        {"'timeout':2000000000", "'timeout':9007199254740992", "$.probes[0].timeout in f", "2^20"},
        {"[" PROBE "]", "[null]", "$.probes[0] in f", "found null, must be an object"},
        {"'size':12", "'size':11", "$.streams[0].size in f", "found 11, must be an integer from 12"},
        {"'interval':33333", "'interval':999", "$.streams[0].interval in f",
         "found 999, must be an integer from 1000"},
        {"'size':12,'dscp':8", "'size':12,'gaps':'even','dscp':8", "$.streams[0].gaps in f",
         "found \"even\", must be one of poisson"},
        {"'size':12,'dscp':8", "'size':12,'mix':[],'dscp':8", "$.streams[0].mix in f",
         "has 0 entries, must have 1 to 64"},
        {"'size':12,'dscp':8", "'size':12,'mix':[{'size':11,'weight':1}],'dscp':8",
         "$.streams[0].mix[0].size in f", "found 11, must be an integer from 12"},
        {"'size':12,'dscp':8", "'size':12,'mix':[{'size':12,'weight':0}],'dscp':8",
         "$.streams[0].mix[0].weight in f", "found 0, must be an integer from 1"},
        {"'size':12,'dscp':8", "'size':12,'pattern':{'period':0,'pieces':[]},'dscp':8",
         "$.streams[0].pattern.period in f", "found 0, must be an integer from 1"},
        {"'size':12,'dscp':8",
         "'size':12,'pattern':{'period':9000,'pieces':[{'from':1,'interval':0}]},'dscp':8",
         "$.streams[0].pattern.pieces[0].from in f", "found 1, must be"},
        {"'size':12,'dscp':8",
         "'size':12,'pattern':{'period':9000,'pieces':[{'from':0,'interval':999}]},'dscp':8",
         "$.streams[0].pattern.pieces[0].interval in f",
         "found 999, must be 0 (silence), or 1000 ns and more"},
        {"'size':12,'dscp':8",
         "'size':12,'pattern':{'period':9000,'pieces':[{'from':0,'interval':0}]},'dscp':8",
         "$.streams[0].pattern.pieces in f", "nothing is ever sent"},
        {"'size':12,'dscp':8",
         "'size':12,'pattern':{'period':1999,'pieces':[{'from':0,'interval':0},{'from':1000,'interval':1000}]"
         "},"
         "'dscp':8",
         "$.streams[0].pattern.pieces in f", "is not over within the period of 1999 ns"},
        {"'clientPort':10001", "'clientPort':0", "$.streams[0].clientPort in f", "found 0, must be a port"},
        {"'direction':'down'", "'direction':'sideways'", "$.streams[0].direction in f",
         "found \"sideways\", must be one of down, up"},
        {"'size':12,'dscp':8", "'size':12,'ecn':1,'dscp':8", "$.streams[0].ecn in f", "is unknown here"},
        {",'streams':[" STREAM "]", "", "$.streams in f", "is missing, must be an array"},
        {"[" PROBE "]", "{}", "$.probes in f", "found an object, must be an array"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[4096];
        struct traffic_plan plan;
        struct mqoe_error e = {0};
        edit(text, sizeof text, cases[i].from, cases[i].to);
        assert_true(read_text(&plan, text, &e) < 0);
        if (strcmp(e.object, cases[i].object) || !strstr(e.hint, cases[i].hint))
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
