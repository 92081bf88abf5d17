// Streams over loopback, on two reactors: every slot is accounted for, whatever the machine is doing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/records.h"
#include "traffic/kind.h"

#define STREAMS 5
#define VARIES  4   // the one whose rate, gaps and sizes do
#define PACKETS 300 // of each
#define PORT    39501

// The last one's rate, gaps and sizes vary; what it sends is known from the pure part, packet by packet.
#define VARIED                                                                                               \
    "'gaps':'poisson','mix':[{'size':12,'weight':2},{'size':900,'weight':1}],"                               \
    "'pattern':{'period':100000000,'pieces':[{'from':0,'interval':400000},{'from':60000000,'interval':0}]},"

// `'` for `"`. Three up, two down; the smallest size there is, and a large one; IPv6 beside IPv4.
#define STREAM(id, direction, family, port, client_port, size, more)                                         \
    "{'id':" #id ",'traffic':'flood','client':0,'server':0,'direction':'" direction "','family':'" family    \
    "','port':" #port ",'clientPort':" #client_port ",'host':0,'interval':1000000,'size':" #size "," more    \
    "'dscp':46,'start':20000000,'stop':320000000}"
// clang-format off
static const char PLAN[] =
    "{'schema':'mqoe-traffic/1','lab':'l','seed':35,'cores':[-1,-1],"
    "'clients':[{'id':0,'name':'c','netns':'-','ipv4':['127.0.0.2'],'ipv6':['::1']}],"
    "'servers':[{'id':0,'name':'s','netns':'-','ipv4':['127.0.0.3'],'ipv6':['::1']}],"
    "'flows':[],'probes':[],'streams':["
    STREAM(10, "down", "ipv4", 39501, 39601, 12, "") ","
    STREAM(11, "up", "ipv4", 39502, 39602, 12, "") ","
    STREAM(12, "up", "ipv4", 39502, 39603, 1200, "") ","
    STREAM(13, "down", "ipv6", 39504, 39604, 1200, "") ","
    STREAM(14, "up", "ipv4", 39502, 39605, 308, VARIED) "],"
    "'sampleInterval':50000000,'duration':400000000}";
// clang-format on

static int open_streams(struct traffic_process *p, struct traffic_loop *loops, struct mqoe_error *e) {
    char text[sizeof PLAN];
    for (size_t i = 0; i < sizeof PLAN; i++)
        text[i] = PLAN[i] == '\'' ? '"' : PLAN[i];
    *p = (struct traffic_process){
        .key = 0x1234567890abcdef, .loops = loops, .loop_count = 2, .kinds = {&traffic_stream}};
    assert_int_equal(pipe(p->outbox), 0);
    int error = traffic_plan_read(&p->plan, json_loads(text, 0, NULL), "plan", e);
    for (uint32_t i = 0; !error && i < 2; i++)
        error = traffic_loop_open(&loops[i], p, i, -1, false, e);
    if (!error)
        error = traffic_stream.create(p, 0, &p->states[0], e);
    for (int role = TRAFFIC_SERVER; !error && role >= TRAFFIC_CLIENT; role--)
        error = traffic_stream.open(p->states[0], (enum traffic_role)role, p->plan.endpoints[role], e);
    for (uint32_t i = 0; !error && i < 2; i++)
        error = traffic_loop_start(&loops[i], e);
    return error;
}

static void tell(struct traffic_loop *loops, const struct traffic_message *m) {
    for (int i = 0; i < 2; i++)
        assert_int_equal(traffic_deliver_message(loops[i].inbox[1], m), 0);
}

static void close_streams(struct traffic_process *p, struct traffic_loop *loops) {
    tell(loops, &(struct traffic_message){.type = TRAFFIC_STOP});
    for (int i = 0; i < 2; i++)
        traffic_loop_close(&loops[i]);
    traffic_stream.destroy(p->states[0]);
    traffic_plan_free(&p->plan);
    close(p->outbox[0]);
    close(p->outbox[1]);
}

struct sum {
    uint64_t packets, bytes, lost, pending, unsent, late, arrived, arrived_bytes, bad;
};

static void add_up(const struct traffic_loop *loop, struct sum *sums) {
    for (uint32_t i = 0; i < loop->segment_count; i++) {
        const struct mqoe_segment_header *header = loop->segments[i].header;
        for (uint64_t k = 0; !strcmp(header->type, "udp_bin") && k < header->head; k++) {
            const struct mqoe_record_udp_bin *r = (const void *)loop->segments[i].records;
            struct sum *s = &sums[r[k].stream - 10];
            s->arrived += r[k].packets;
            s->arrived_bytes += r[k].bytes;
            s->late += r[k].late;
            s->bad += r[k].duplicates + r[k].reordered;
        }
        for (uint64_t k = 0; !strcmp(header->type, "udp_sent") && k < header->head; k++) {
            const struct mqoe_record_udp_sent *r = (const void *)loop->segments[i].records;
            struct sum *s = &sums[r[k].stream - 10];
            s->packets += r[k].packets;
            s->bytes += r[k].bytes;
            s->lost += r[k].lost;
            s->pending += r[k].pending;
            s->unsent += r[k].refused + r[k].skipped;
        }
    }
}

// What a stranger sends: too short, of no stream, of a stream that is another socket's, of a packet that was
// never sent.
static int send_strangers(void) {
    static const struct {
        uint32_t tag, seq;
        size_t size;
    } packets[] = {{0x90abcdef, 0, 4},
                   {0x90abcdef + 100, 0, 12},
                   {0x90abcdef + 0, 0, 12},
                   {0x90abcdef + 1, 1000000, 12},
                   {0x90abcdef + 1, 0, 13}};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), count = sizeof packets / sizeof *packets;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(39502)};
    inet_pton(AF_INET, "127.0.0.3", &to.sin_addr);
    for (int i = 0; i < count; i++) {
        uint32_t bytes[4] = {htonl(packets[i].tag), htonl(packets[i].seq)};
        assert_true(sendto(fd, bytes, packets[i].size, 0, (struct sockaddr *)&to, sizeof to) > 0);
    }
    close(fd);
    return count;
}

static void go(struct traffic_loop *loops) {
    int64_t t0 = traffic_monotonic();
    tell(loops, &(struct traffic_message){.type = TRAFFIC_GO, .clock = {t0, t0 + traffic_clock_offset()}});
}

static uint64_t packets_of(const struct traffic_stream_plan *plan) {
    struct traffic_pace pace;
    uint64_t packets = 0;
    for (traffic_pace_open(&pace, &plan->pace); !traffic_pace_over(&pace); traffic_pace_next(&pace))
        packets++;
    return packets;
}

// Of the first `packets`: what was not sent has no number, and so no size.
static uint64_t bytes_of(const struct traffic_stream_plan *plan, uint64_t packets) {
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < packets; i++)
        bytes += traffic_pace_size(plan->sizes, plan->size_count, plan->seed, i);
    return bytes;
}

static void every_slot_is_accounted_for(void **state) {
    (void)state;
    struct traffic_process p;
    struct traffic_loop loops[2];
    struct mqoe_error e = {0};
    struct sum sums[STREAMS] = {0};
    struct traffic_message over;
    if (open_streams(&p, loops, &e))
        fail_msg("%s %s: %s", e.syscall, e.object, e.hint);
    go(loops);
    usleep(100000);
    uint64_t strangers = (uint64_t)send_strangers();
    for (int i = 0; i < 2; i++) { // both reactors say that they are over
        assert_int_equal(read(p.outbox[0], &over, sizeof over), sizeof over);
        assert_int_equal(over.type, TRAFFIC_OVER);
    }
    uint64_t strays = atomic_load(&loops[0].strays) + atomic_load(&loops[1].strays);
    for (int i = 0; i < 2; i++)
        add_up(&loops[i], sums);
    for (int i = 0; i < STREAMS; i++) {
        const struct sum *s = &sums[i];
        const struct traffic_stream_plan *plan = &p.plan.streams[i];
        assert_int_equal(s->packets + s->unsent, i < VARIES ? PACKETS : packets_of(plan));
        assert_int_equal(s->bytes, bytes_of(plan, s->packets));
        assert_int_equal(s->arrived + s->lost, s->packets);
        assert_int_equal(s->lost + s->pending + s->bad + s->late, 0); // loopback loses nothing
        assert_int_equal(s->arrived_bytes, s->bytes);
    }
    assert_true(sums[VARIES].packets > 300 && sums[VARIES].bytes > sums[VARIES].packets * 250);
    close_streams(&p, loops);
    assert_int_equal(strays, strangers);
}

static void a_stop_ends_it_at_any_time(void **state) {
    (void)state;
    for (int when = 0; when < 3; when++) { // before go, at once, in the middle
        struct traffic_process p;
        struct traffic_loop loops[2];
        struct mqoe_error e = {0};
        struct sum sums[STREAMS] = {0};
        if (open_streams(&p, loops, &e))
            fail_msg("%s %s: %s", e.syscall, e.object, e.hint);
        if (when)
            go(loops);
        if (when == 2)
            usleep(150000);
        tell(loops, &(struct traffic_message){.type = TRAFFIC_STOP});
        for (int i = 0; i < 2; i++) {
            pthread_join(loops[i].thread, NULL);
            loops[i].running = false;
            add_up(&loops[i], sums);
            assert_int_equal(atomic_load(&loops[i].sockets), 0);
        }
        for (int i = 0; i < STREAMS; i++)
            assert_true(sums[i].packets <= (i < VARIES ? 150 : 400) && sums[i].lost == 0 &&
                        sums[i].pending <= sums[i].packets);
        close_streams(&p, loops);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_is_accounted_for),
        cmocka_unit_test(a_stop_ends_it_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
