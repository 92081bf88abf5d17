// One session over loopback with a script of the test's, on a reactor of its own, and the records it leaves.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "record/records.h"
#include "traffic/kind.h"

#define MS           INT64_C(1000000)
#define BED_START    (10 * MS)
#define BED_CLIENT   "127.0.0.2"
#define BED_SERVER   "127.0.0.3"
#define BED_ENDPOINT "\"netns\":\"/proc/self/ns/net\",\"ipv6\":[],\"id\":0"

struct session_bed {
    struct traffic_process process;
    struct traffic_loop loop;
};

// `script` with ' for ". The session lives from 10 ms to `stop`.
static inline json_t *bed_plan(const char *script, int port, int64_t stop) {
    char text[8192];
    int n = snprintf(text, sizeof text,
                     "{\"schema\":\"mqoe-traffic/1\",\"lab\":\"l\",\"seed\":35,\"cores\":[-1],"
                     "\"clients\":[{\"name\":\"c\",\"ipv4\":[\"" BED_CLIENT "\"]," BED_ENDPOINT "}],"
                     "\"servers\":[{\"name\":\"s\",\"ipv4\":[\"" BED_SERVER "\"]," BED_ENDPOINT "}],"
                     "\"flows\":[],\"probes\":[],\"streams\":[],\"sampleInterval\":100000000,"
                     "\"duration\":%lld,\"sessions\":[{\"id\":9,\"traffic\":\"t\",\"client\":0,\"server\":0,"
                     "\"family\":\"ipv4\",\"port\":%d,\"host\":0,\"congestionControl\":\"cubic\",\"dscp\":0,"
                     "\"ecn\":false,\"rtt\":0,\"start\":%lld,\"stop\":%lld,\"script\":%s}]}",
                     (long long)stop, port, (long long)BED_START, (long long)stop, script);
    assert_true(n > 0 && (size_t)n < sizeof text);
    for (char *c = strchr(text, '\''); c; c = strchr(c, '\''))
        *c = '"';
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static inline void bed_open(struct session_bed *b, const char *script, int port, int64_t stop) {
    struct mqoe_error e;
    *b = (struct session_bed){
        .process = {
            .loops = &b->loop, .key = 77, .loop_count = 1, .outbox = {-1, -1}, .kinds = {&traffic_sessions}}};
    if (traffic_plan_read(&b->process.plan, bed_plan(script, port, stop), "plan", &e))
        fail_msg("%s: %s", e.object, e.hint);
    assert_int_equal(traffic_loop_open(&b->loop, &b->process, 0, -1, false, &e), 0);
    assert_int_equal(traffic_sessions.create(&b->process, 0, &b->process.states[0], &e), 0);
}

static inline void bed_listen(struct session_bed *b, enum traffic_role role) {
    struct mqoe_error e;
    if (traffic_sessions.open(b->process.states[0], role, b->process.plan.endpoints[role], &e))
        fail_msg("%s %s: %s", e.syscall, e.object, e.hint);
}

static inline void bed_run(struct session_bed *b, int64_t time) {
    struct mqoe_error e;
    assert_int_equal(traffic_loop_start(&b->loop, &e), 0);
    int64_t t0 = traffic_monotonic();
    const struct traffic_message go = {.type = TRAFFIC_GO, .clock = {t0, t0 + traffic_clock_offset()}};
    const struct traffic_message stop = {.type = TRAFFIC_STOP};
    traffic_deliver_message(b->loop.inbox[1], &go);
    usleep((useconds_t)(time / 1000));
    traffic_deliver_message(b->loop.inbox[1], &stop);
    pthread_join(b->loop.thread, NULL);
    b->loop.running = false;
    assert_int_equal(atomic_load(&b->loop.sockets), 0);
}

static inline void bed_close(struct session_bed *b) {
    traffic_loop_close(&b->loop);
    traffic_sessions.destroy(b->process.states[0]);
    traffic_plan_free(&b->process.plan);
}

// The records of a type; *count of them.
static inline const void *bed_records(const struct session_bed *b, const char *type, uint64_t *count) {
    *count = 0;
    for (uint32_t i = 0; i < b->loop.segment_count; i++) {
        const struct mqoe_segment *s = &b->loop.segments[i];
        if (strcmp(s->header->type, type))
            continue;
        *count = s->header->head;
        return (const void *)s->records;
    }
    fail_msg("no segment %s", type);
    return NULL;
}
