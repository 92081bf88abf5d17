// A TCP flow over loopback whose reactor is late: what its last bin may count.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/records.h"
#include "traffic/kind.h"
#include "traffic/payload.h"

#define MS   INT64_C(1000000)
#define PORT 39471 // as in the plan

// With this seed the timer that closes bins fires 200 to 203 ms after the start.
static const char *const PLAN =
    "{\"schema\":\"mqoe-traffic/1\",\"lab\":\"l\",\"seed\":35,\"cores\":[-1],"
    "\"clients\":[{\"id\":0,\"name\":\"c\",\"netns\":\"-\",\"ipv4\":[\"127.0.0.2\"],\"ipv6\":[]}],"
    "\"servers\":[{\"id\":0,\"name\":\"s\",\"netns\":\"-\",\"ipv4\":[\"127.0.0.3\"],\"ipv6\":[]}],"
    "\"flows\":[{\"id\":1,\"traffic\":\"bulk\",\"client\":0,\"server\":0,\"direction\":\"up\",\"family\":"
    "\"ipv4\","
    "\"port\":39471,\"clientPort\":0,\"host\":0,\"congestionControl\":\"cubic\",\"dscp\":0,\"ecn\":true,"
    "\"start\":0,"
    "\"stop\":300000000}],\"probes\":[],\"streams\":[],\"sampleInterval\":100000000,\"duration\":300000000}";

static int stalled_at; // ms since t0
static bool sent_late;
static uint64_t taken_in_time;

// The flow's socket at the server: connected, and on the server's port.
static int server_socket(void) {
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in own = {0}, peer = {0};
        socklen_t own_length = sizeof own, peer_length = sizeof peer;
        if (getsockname(fd, (struct sockaddr *)&own, &own_length) == 0 && own.sin_port == htons(PORT) &&
            getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0)
            return fd;
    }
    return -1;
}

// What the flow has taken from its socket, without the header, which is no data.
static uint64_t taken(int fd) {
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    int waiting = 0;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    assert_int_equal(ioctl(fd, FIONREAD, &waiting), 0);
    return info.tcpi_bytes_received - (uint64_t)waiting - TRAFFIC_FLOW_HEADER;
}

// In the last bin, after its timer: the reactor's thread sleeps until long after the stop, and then data
// arrives.
static void stall(void *state, struct traffic_loop *loop, uint32_t item, int fd) {
    (void)state, (void)item, (void)fd;
    stalled_at = (int)(traffic_loop_now(loop) / MS);
    int server = server_socket();
    taken_in_time = taken(server);
    if (stalled_at < 370)
        usleep((useconds_t)(370 - stalled_at) * 1000);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    getpeername(server, (struct sockaddr *)&peer, &length);
    for (int client = 3; client < 256 && !sent_late; client++) {
        struct sockaddr_in own = {0};
        length = sizeof own;
        sent_late = getsockname(client, (struct sockaddr *)&own, &length) == 0 &&
                    own.sin_port == peer.sin_port && send(client, "late", 4, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
    }
}

static void nothing_to_do(void *state, struct traffic_loop *loop) {
    (void)state, (void)loop;
}

static void nothing_to_stop(void *state, struct traffic_loop *loop, int64_t now) {
    (void)state, (void)loop, (void)now;
}

static const struct traffic_kind stalling = {.go = nothing_to_do, .adopt = stall, .stop = nothing_to_stop};

static void open_flow(struct traffic_process *p, struct traffic_loop *loop) {
    struct mqoe_error e;
    *p = (struct traffic_process){
        .loops = loop, .loop_count = 1, .outbox = {-1, -1}, .kinds = {&traffic_tcp, &stalling}};
    json_t *json = json_loads(PLAN, 0, NULL);
    assert_int_equal(traffic_plan_read(&p->plan, json, "plan", &e), 0);
    assert_int_equal(traffic_loop_open(loop, p, 0, -1, false, &e), 0);
    assert_int_equal(traffic_tcp.create(p, 0, &p->states[0], &e), 0);
    for (int role = TRAFFIC_SERVER; role >= TRAFFIC_CLIENT; role--)
        if (traffic_tcp.open(p->states[0], (enum traffic_role)role, p->plan.endpoints[role], &e))
            fail_msg("%s %s: %s", e.syscall, e.object, e.hint);
    assert_int_equal(traffic_loop_start(loop, &e), 0);
}

static uint64_t bytes_in_bins(const struct traffic_loop *loop) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < loop->segment_count; i++) {
        const struct mqoe_segment_header *header = loop->segments[i].header;
        const struct mqoe_record_tcp_bin *bins = (const void *)loop->segments[i].records;
        for (uint64_t k = 0; !strcmp(header->type, "tcp_bin") && k < header->head; k++)
            sum += bins[k].bytes;
    }
    return sum;
}

static void a_late_stop_counts_nothing_that_may_be_from_after_it(void **state) {
    (void)state;
    struct traffic_process p;
    struct traffic_loop loop;
    open_flow(&p, &loop);
    int64_t t0 = traffic_monotonic();
    const struct traffic_message go = {.type = TRAFFIC_GO, .clock = {t0, t0 + traffic_clock_offset()}};
    const struct traffic_message late = {.type = TRAFFIC_ADOPT, .kind = 1};
    const struct traffic_message stop = {.type = TRAFFIC_STOP};
    traffic_deliver_message(loop.inbox[1], &go);
    usleep(230000);
    traffic_deliver_message(loop.inbox[1], &late);
    usleep(500000);
    traffic_deliver_message(loop.inbox[1], &stop);
    pthread_join(loop.thread, NULL);
    loop.running = false;
    uint64_t counted = bytes_in_bins(&loop);
    traffic_loop_close(&loop);
    traffic_tcp.destroy(p.states[0]);
    traffic_plan_free(&p.plan);
    if (stalled_at < 205 || stalled_at >= 300)
        skip(); // the machine is too busy to show anything
    assert_true(sent_late);
    assert_true(counted > 0);
    assert_int_equal(counted, taken_in_time);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_stop_counts_nothing_that_may_be_from_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
