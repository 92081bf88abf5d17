// Blueprints for the tests of the kernel dataplane: clients 10.16.x.y and fd00:1::n, one server.
#pragma once

#include <jansson.h>
#include <stdio.h>

#define SQM_CAKE                                                                                             \
    "{\"discipline\":\"cake\",\"tins\":\"diffserv4\",\"rtt\":50000000,\"isolation\":\"dual-dsthost\","       \
    "\"nat\":false,\"wash\":true,\"ackFilter\":\"aggressive\",\"ingress\":true,\"splitGso\":false,"          \
    "\"memoryLimit\":5000000,\"autorateIngress\":false}"
#define SQM_FQ_CODEL                                                                                         \
    "{\"discipline\":\"fq_codel\",\"target\":5000000,\"interval\":100000000,\"quantum\":300,\"flows\":512,"  \
    "\"limit\":4000,\"memoryLimit\":4194304,\"ecn\":false,\"ceThreshold\":-1}"
#define SQM_CODEL                                                                                            \
    "{\"discipline\":\"codel\",\"target\":8000000,\"interval\":120000000,\"limit\":500,\"ecn\":true,"        \
    "\"ceThreshold\":-1}"
#define SQM_PFIFO "{\"discipline\":\"pfifo\",\"limit\":100}"
#define SQM_DUALPI2                                                                                          \
    "{\"discipline\":\"dualpi2\",\"target\":15000000,\"tupdate\":16000000,\"limit\":10000,"                  \
    "\"memoryLimit\":30280000,\"alpha\":41,\"beta\":819,\"step\":{\"unit\":\"time\",\"threshold\":1000000}," \
    "\"minQlenStep\":3,\"coupling\":2,\"classicProtection\":10,\"dropOnOverload\":true,\"dropEarly\":false," \
    "\"ecnMask\":\"l4s\"}"
#define SQM_BFIFO  "{\"discipline\":\"bfifo\",\"limit\":250000}"
#define SQM_TC     "{\"discipline\":\"tc\",\"args\":\"pfifo limit 77\",\"rate\":9000000}"
#define SQM_TC_OWN "{\"discipline\":\"tc\",\"args\":\"tbf rate 9mbit burst 5kb latency 50ms\",\"rate\":0}"
#define SQM_NONE   "{\"discipline\":\"none\"}"

static inline json_t *blueprint_shaper(const char *sqm, uint64_t rate) {
    json_t *discipline = json_loads(sqm, 0, NULL);
    return json_pack("{s:I, s:{s:s, s:i, s:i, s:s}, s:o}", "rate", (json_int_t)rate, "framing", "base",
                     "frame", "overhead", 0, "mpu", 0, "cell", "none", "sqm", discipline);
}

// Client i has sqms[i] both ways, with `rate` bit/s unless it is "none".
static inline json_t *blueprint(const char *kind, const char *const sqms[], size_t clients, uint64_t rate) {
    json_t *list = json_array();
    for (size_t i = 0; i < clients; i++) {
        char name[16], v4[32], v6[32];
        uint64_t own = __builtin_strcmp(sqms[i], SQM_NONE) ? rate : 0;
        snprintf(name, sizeof name, "home-%zu", i + 1);
        snprintf(v4, sizeof v4, "10.16.%zu.%zu", (i + 1) / 250, (i + 1) % 250 + 1);
        snprintf(v6, sizeof v6, "fd00:1::%zx", i + 1);
        json_array_append_new(list, json_pack("{s:i, s:s, s:i, s:[s, s], s:i, s:o, s:o}", "id", (int)i,
                                              "name", name, "reactor", 0, "addresses", v4, v6, "path", -1,
                                              "down", blueprint_shaper(sqms[i], own), "up",
                                              blueprint_shaper(sqms[i], own)));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:[], s:[], s:[{s:i, s:s, s:[s, s], s:i}], s:o,"
                     " s:{s:s, s:s, s:s, s:i}, s:n}",
                     "schema", "mqoe-dataplane/1", "kind", kind, "lab", "t", "netns", "/run/netns/t", "seed",
                     1, "reactors", "paths", "servers", "id", 0, "name", "web", "addresses", "10.9.0.1",
                     "fd00:9::1", "path", -1, "clients", list, "link", "access", "acc", "core", "cor", "mac",
                     "02:00:00:00:00:01", "mtu", 1500, "external");
}
