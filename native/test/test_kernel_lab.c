// The kernel dataplane in real namespaces. Needs root; as anyone else every test is skipped. What this kernel
// lacks must be refused by name: on a kernel that has everything (the hermetic guest's) the same tests read
// the settings back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>

#include "kernel_lab.h"

#define QUIET 300 // ms

static struct kernel_lab lab;

static int setup(void **state) {
    (void)state;
    if (geteuid() == 0)
        lab_open(&lab, 3);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    if (geteuid() == 0)
        lab_close(&lab);
    return 0;
}

static void need_root(void) {
    if (geteuid() != 0)
        skip();
}

// Starts with these disciplines. False when this kernel lacks `kind`, which it then must have said in full.
static bool start(const char *kind, const char *const sqms[], size_t clients, const char *needs) {
    struct mqoe_error e;
    int err = lab_start(&lab, blueprint(kind, sqms, clients, 20000000), &e);
    if (err == -EOPNOTSUPP) {
        char object[64], hint[64];
        snprintf(object, sizeof object, "qdisc %s on acc", needs);
        snprintf(hint, sizeof hint, "has no sch_%s", needs);
        assert_string_equal(e.object, object);
        assert_non_null(strstr(e.hint, hint));
        assert_null(strstr(e.hint, "world")); // who else has it is not this process's to know
        return false;
    }
    if (err)
        fail_msg("%s: %s: %s", e.object, e.syscall, e.hint);
    return true;
}

static struct mqoe_kernel_accounting account(void) {
    struct mqoe_error e;
    lab_go(lab.dataplane);
    struct mqoe_kernel_accounting a;
    for (int i = 0; i < 50; i++) { // a veth counts as sent what its other end has taken
        assert_int_equal(mqoe_kernel_read(&lab.d.reader, &e), 0);
        a = mqoe_kernel_account(&lab.d.reader);
        if (!mqoe_kernel_missing(&a) && !a.held)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_int_equal(mqoe_kernel_missing(&a), 0);
    return a;
}

static const struct mqoe_queue_count *queue(unsigned client, enum mqoe_kernel_direction direction) {
    return &lab.d.reader.now.queues[client * 2 + (unsigned)direction];
}

// ---- what stands there ----

// Settings of `sqm` as `tc -j qdisc show` prints them: alone, and as one of two.
static const struct {
    const char *sqm, *kind, *options;
} settings[] = {
    {SQM_PFIFO, "pfifo", "{\"limit\":100}"},
    {SQM_BFIFO, "bfifo", "{\"limit\":250000}"},
    {SQM_FQ_CODEL, "fq_codel",
     "{\"limit\":4000,\"flows\":512,\"quantum\":300,\"target\":4999,\"interval\":99999,"
     "\"memory_limit\":4194304}"},
    {SQM_CODEL, "codel", "{\"limit\":500,\"target\":7999,\"interval\":119999,\"ecn\":true}"},
    {SQM_CAKE, "cake",
     "{\"bandwidth\":2500000,\"diffserv\":\"diffserv4\",\"flowmode\":\"dual-dsthost\",\"nat\":false,"
     "\"wash\":true,\"ingress\":true,\"ack-filter\":\"aggressive\",\"split_gso\":false,\"rtt\":50000,"
     "\"raw\":true,\"memlimit\":5000000}"},
    {SQM_TC, "pfifo", "{\"limit\":77}"},
    {SQM_TC_OWN, "tbf", "{\"rate\":1125000}"},
};

static void expect_options(json_t *qdisc, const char *text) {
    json_t *want = json_loads(text, 0, NULL), *have = json_object_get(qdisc, "options"), *value;
    const char *name;
    assert_non_null(want);
    json_object_foreach(want, name, value) {
        if (!json_equal(json_object_get(have, name), value)) {
            char *all = json_dumps(have, 0);
            fail_msg("%s is not as set in %s", name, all);
        }
    }
    json_decref(want);
}

static void the_kernel_has_what_the_blueprint_says(void **state) {
    (void)state;
    need_root();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        for (size_t clients = 1; clients <= 2; clients++) {
            const char *const sqms[] = {settings[i].sqm, settings[i].sqm};
            if (start("kernel", sqms, clients, settings[i].kind)) {
                json_t *list = lab_tc(&lab, "qdisc show dev acc");
                json_t *found = lab_find_kind(list, settings[i].kind);
                assert_non_null(found);
                expect_options(found, settings[i].options);
                json_decref(list);
            }
            lab_stop(&lab);
        }
}

static void what_this_kernel_lacks_is_named(void **state) {
    (void)state;
    need_root();
    const char *const dualpi2[] = {SQM_DUALPI2},
                      *const unknown[] = {"{\"discipline\":\"tc\",\"args\":\"nosuch 1\",\"rate\":0}"},
                      *const wrong[] = {"{\"discipline\":\"tc\",\"args\":\"pfifo limit many\",\"rate\":0}"};
    struct mqoe_error e;
    start("kernel", dualpi2, 1, "dualpi2");
    lab_stop(&lab);
    assert_int_equal(lab_start(&lab, blueprint("kernel", unknown, 1, 20000000), &e), -EOPNOTSUPP);
    assert_string_equal(e.object, "qdisc nosuch on acc");
    lab_stop(&lab);
    assert_int_equal(lab_start(&lab, blueprint("kernel", wrong, 1, 20000000), &e), -EINVAL);
    assert_string_equal(e.syscall, "tc");
    assert_non_null(strstr(e.hint, "limit")); // tc's own words
    assert_string_equal(e.object, "sqm \"tc\" of client home-1, down: pfifo limit many");
    lab_stop(&lab);
}

// Kinds are asked for at `lo`, which is left as it was.
static void a_kind_is_known_or_not(void **state) {
    (void)state;
    need_root();
    struct netlink nl;
    struct mqoe_error e;
    lab_go(lab.dataplane);
    assert_int_equal(netlink_open(&nl, "here", &e), 0);
    assert_true(mqoe_tc_knows(&nl, "pfifo"));  // stands without options
    assert_true(mqoe_tc_knows(&nl, "htb"));    // needs some
    assert_true(mqoe_tc_knows(&nl, "clsact")); // of another place
    assert_false(mqoe_tc_knows(&nl, "nosuch"));
    netlink_close(&nl);
    json_t *list = lab_tc(&lab, "qdisc show dev lo");
    assert_null(lab_find_kind(list, "pfifo"));
    assert_null(lab_find_kind(list, "htb"));
    json_decref(list);
}

static void nothing_of_an_earlier_run_stays(void **state) {
    (void)state;
    need_root();
    static const char *const one[] = {SQM_PFIFO}, *const none[] = {SQM_NONE};
    assert_true(start("kernel", one, 1, "htb"));
    lab_stop(&lab);
    lab_run(lab.dataplane, "tc qdisc replace dev cor root pfifo limit 55"); // the lab's own
    assert_true(start("none", none, 1, "clsact"));
    json_t *access = lab_tc(&lab, "qdisc show dev acc"), *core = lab_tc(&lab, "qdisc show dev cor");
    assert_null(lab_find_kind(access, "htb"));
    assert_non_null(lab_find_kind(access, "clsact"));
    expect_options(lab_find_kind(core, "pfifo"), "{\"limit\":55}");
    json_decref(access);
    json_decref(core);
    lab_stop(&lab);
}

// ---- the class as tc would make it ----

struct class_options {
    struct tc_htb_opt parameters;
    uint64_t rate64, ceil64;
};

static int keep_options(const struct nlmsghdr *m, void *data) {
    const struct tcmsg *t = mnl_nlmsg_get_payload(m);
    struct class_options *to = data; // of 1:10, then of 1:99
    const struct nlattr *a, *o;
    to += TC_H_MIN(t->tcm_handle) != 0x10;
    mnl_attr_for_each(a, m, sizeof *t) {
        if (mnl_attr_get_type(a) != TCA_OPTIONS)
            continue;
        mnl_attr_for_each_nested(o, a) {
            if (mnl_attr_get_type(o) == TCA_HTB_PARMS)
                memcpy(&to->parameters, mnl_attr_get_payload(o), sizeof to->parameters);
            else if (mnl_attr_get_type(o) == TCA_HTB_RATE64)
                to->rate64 = mnl_attr_get_u64(o);
            else if (mnl_attr_get_type(o) == TCA_HTB_CEIL64)
                to->ceil64 = mnl_attr_get_u64(o);
        }
    }
    return MNL_CB_OK;
}

static void read_classes(int direction, struct class_options found[2]) {
    struct mqoe_error e;
    struct nlmsghdr *m = netlink_begin(lab.d.tree.nl, RTM_GETTCLASS, NLM_F_DUMP, "classes");
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
    t->tcm_ifindex = lab.d.devices[direction].ifindex;
    memset(found, 0, 2 * sizeof *found);
    assert_int_equal(netlink_ask(lab.d.tree.nl, m, keep_options, found, &e), 0);
}

static void expect_same_class(uint64_t rate, const struct mqoe_framing *framing, const char *words) {
    const struct mqoe_kernel_dataplane *d = &lab.d;
    struct mqoe_htb_class class;
    struct mqoe_error e;
    struct class_options found[2];
    lab_run(lab.dataplane, "tc class replace dev acc parent 1: classid 1:99 htb rate %llubit %s 2>/dev/null",
            (unsigned long long)rate, words);
    assert_int_equal(mqoe_htb_class(&class, rate, framing, &d->tree.psched, "x", &e), 0);
    mqoe_class_set(d->tree.nl, &d->devices[0], TC_H_MAKE(1u << 16, 0x10), &class, false);
    assert_int_equal(mqoe_tc_flush(d->tree.nl, &e), 0);
    read_classes(0, found);
    struct tc_htb_opt *ours = &found[0].parameters, *theirs = &found[1].parameters;
    assert_true(ours->rate.rate > 0);
    // tc 6.1 cuts bursts to whole microseconds (16 ticks), which at 40 Gbit/s leaves nothing of them.
    assert_in_range(ours->buffer - theirs->buffer, 0, 16);
    assert_in_range(ours->cbuffer - theirs->cbuffer, 0, 16);
    ours->buffer = theirs->buffer;
    ours->cbuffer = theirs->cbuffer;
    assert_memory_equal(&found[0], &found[1], sizeof found[0]);
}

static void a_class_is_what_tc_makes(void **state) {
    (void)state;
    need_root();
    static const char *const sqms[] = {SQM_PFIFO};
    const struct mqoe_framing raw = {0}, ethernet = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 84},
                              adsl = {MQOE_FRAMING_IP, MQOE_CELL_ATM, 44, 0};
    static const uint64_t rates[] = {100000, 1000000, 20000000, 33333336, 1000000000, 40000000000};
    assert_true(start("kernel", sqms, 1, "htb"));
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        expect_same_class(rates[i], &raw, "");
        expect_same_class(rates[i], &ethernet, "overhead 24 mpu 84");
        expect_same_class(rates[i], &adsl, "overhead 30 linklayer atm");
    }
    lab_stop(&lab);
}

// ---- traffic ----

static void each_packet_finds_its_clients_class(void **state) {
    (void)state;
    need_root();
    const char *const sqms[] = {SQM_PFIFO, SQM_NONE, SQM_TC};
    assert_true(start("kernel", sqms, 3, "htb"));
    for (int six = 0; six < 2; six++) {
        int family = six ? AF_INET6 : AF_INET;
        const char *server_address = six ? "fd00:9::1" : "10.9.0.1";
        int server = lab_socket(lab.server, family, server_address, LAB_PORT);
        for (unsigned i = 1; i <= 3; i++) {
            char own[32];
            snprintf(own, sizeof own, six ? "fd00:1::%u" : "10.16.0.%u", six ? i : i + 1);
            int client = lab_socket(lab.client, family, own, LAB_PORT);
            lab_send(client, family, server_address, 10 * i, 100);
            assert_int_equal(lab_receive(server, QUIET), 10 * i);
            lab_send(server, family, own, i, 100);
            assert_int_equal(lab_receive(client, QUIET), i);
            close(client);
        }
        close(server);
    }
    const struct mqoe_kernel_accounting a = account();
    assert_int_equal(a.in, 2 * (60 + 6));
    assert_int_equal(a.out, a.in);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(queue(i, MQOE_KERNEL_UP)->out_packets, 20 * (i + 1));
        assert_int_equal(queue(i, MQOE_KERNEL_DOWN)->out_packets, 2 * (i + 1));
        assert_int_equal(queue(i, MQOE_KERNEL_DOWN)->out_bytes, (i + 1) * (142 + 162));
    }
    lab_stop(&lab);
}

// 4,000 packets at once into a queue of 100: most are lost, and every one is on a counter.
static void every_frame_is_accounted_for(const char *sqm, const char *kind, size_t clients) {
    const char *const sqms[] = {sqm, sqm, sqm};
    if (!start("kernel", sqms, clients, kind)) {
        lab_stop(&lab);
        return;
    }
    unsigned received = 0;
    for (int six = 0; six < 2; six++) {
        int family = six ? AF_INET6 : AF_INET;
        int server = lab_socket(lab.server, family, six ? "fd00:9::1" : "10.9.0.1", LAB_PORT);
        int client = lab_socket(lab.client, family, six ? "fd00:1::1" : "10.16.0.2", LAB_PORT);
        lab_send(client, family, six ? "fd00:9::1" : "10.9.0.1", 2000, 1000);
        received += lab_receive(server, QUIET);
        close(client);
        close(server);
    }
    const struct mqoe_kernel_accounting a = account();
    assert_int_equal(a.in, 4000);
    assert_int_equal(a.out, received);
    assert_int_equal(a.in, a.out + a.aqm + a.overflow);
    assert_int_equal(a.held, 0);
    assert_int_equal(queue(0, MQOE_KERNEL_UP)->aqm + queue(0, MQOE_KERNEL_UP)->overflow, 4000 - received);
    if (!strcmp(kind, "pfifo"))
        assert_true(a.overflow > 1000 && a.aqm == 0);
    lab_stop(&lab);
}

static void overload_loses_no_count(void **state) {
    (void)state;
    need_root();
    for (size_t clients = 1; clients <= 3; clients += 2) {
        every_frame_is_accounted_for(SQM_PFIFO, "pfifo", clients);
        every_frame_is_accounted_for(SQM_FQ_CODEL, "fq_codel", clients);
        every_frame_is_accounted_for(SQM_CODEL, "codel", clients);
        every_frame_is_accounted_for(SQM_CAKE, "cake", clients);
    }
}

// A cake that must wait for its rate returns nothing when HTB asks it; HTB goes on to the next class.
static void a_waiting_cake_holds_up_nobody(void **state) {
    (void)state;
    need_root();
    const char *const sqms[] = {SQM_CAKE, SQM_PFIFO};
    json_t *document = blueprint("kernel", sqms, 2, 200000);
    json_t *up = json_object_get(json_array_get(json_object_get(document, "clients"), 1), "up");
    json_object_set_new(up, "rate", json_integer(20000000));
    struct mqoe_error e;
    int err = lab_start(&lab, document, &e);
    if (!err) {
        int server = lab_socket(lab.server, AF_INET, "10.9.0.1", LAB_PORT);
        int slow = lab_socket(lab.client, AF_INET, "10.16.0.2", LAB_PORT);
        int fast = lab_socket(lab.client, AF_INET, "10.16.0.3", LAB_PORT);
        lab_send(slow, AF_INET, "10.9.0.1", 60, 1000); // 2.5 s
        lab_send(fast, AF_INET, "10.9.0.1", 90, 1000); // 38 ms
        do {
            lab_receive(server, 1);
            assert_int_equal(mqoe_kernel_read(&lab.d.reader, &e), 0);
        } while (queue(1, MQOE_KERNEL_UP)->backlog_packets);
        assert_true(queue(0, MQOE_KERNEL_UP)->backlog_packets > 0);
        assert_int_equal(queue(1, MQOE_KERNEL_UP)->out_packets, 90);
        lab_receive(server, 1000);
        const struct mqoe_kernel_accounting a = account();
        assert_int_equal(a.in, 150);
        assert_int_equal(a.out + a.aqm, 150);
        close(slow);
        close(fast);
        close(server);
    } else {
        assert_int_equal(err, -EOPNOTSUPP);
    }
    lab_stop(&lab);
}

static void without_queues_the_classifier_counts(void **state) {
    (void)state;
    need_root();
    const char *const sqms[] = {SQM_CAKE, SQM_CAKE};
    lab_run(lab.dataplane,
            "tc qdisc del dev acc root 2>/dev/null; tc qdisc del dev cor root 2>/dev/null; true");
    assert_true(start("none", sqms, 2, "none"));
    int server = lab_socket(lab.server, AF_INET, "10.9.0.1", LAB_PORT);
    int client = lab_socket(lab.client, AF_INET, "10.16.0.3", LAB_PORT);
    lab_send(client, AF_INET, "10.9.0.1", 100, 1000);
    assert_int_equal(lab_receive(server, QUIET), 100);
    assert_int_equal(account().out, 100);
    assert_int_equal(queue(1, MQOE_KERNEL_UP)->out_packets, 100);
    assert_int_equal(queue(1, MQOE_KERNEL_UP)->out_bytes, 100 * 1042);
    assert_int_equal(queue(1, MQOE_KERNEL_DOWN)->out_packets, 0);
    close(client);
    close(server);
    lab_stop(&lab);
}

// A frame as it is, out of an interface of `ns`.
static void send_frame(int ns, const char *interface, const uint8_t *frame, size_t size) {
    lab_go(ns);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    assert_true(sendto(fd, frame, size, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)size);
    close(fd);
}

// 10.16.0.2 → 10.9.0.1, or as a test changes it.
static const uint8_t udp_frame[64] = {
    2,    0,    0,    0,    0, 1, 2, 0, 0,  0,  0,    1,    8,  0,  // Ethernet
    0x45, 0,    0,    50,   0, 0, 0, 0, 64, 17, 0x66, 0xa0, 10, 16, // IPv4
    0,    2,    10,   9,    0, 1,                                   //
    0x1b, 0x58, 0x1b, 0x58, 0, 30};

static void foreign_frames_are_dropped_and_counted(void **state) {
    (void)state;
    need_root();
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {22, 1},    // TTL: the stack would answer
        {29, 9},    // no client of ours
        {33, 9},    // no server of ours
        {30, 10},   // 10.9.0.1 → 10.9.0.1 …
        {12, 0x86}, // not IP
        {14, 0x65}, // says IPv6 in an IPv4 frame
    };
    const char *const sqms[] = {SQM_PFIFO};
    assert_true(start("kernel", sqms, 1, "pfifo"));
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint8_t frame[64];
        memcpy(frame, udp_frame, sizeof frame);
        frame[changes[i].at] = changes[i].value;
        if (changes[i].at == 30)
            frame[26] = 10, frame[27] = 9, frame[28] = 0, frame[29] = 1;
        send_frame(lab.client, "eth0", frame, sizeof frame);
    }
    // What our own stack says goes nowhere and is neither in nor out.
    uint8_t own[64];
    memcpy(own, udp_frame, sizeof own);
    send_frame(lab.dataplane, "cor", own, sizeof own);
    const struct mqoe_kernel_accounting a = account();
    assert_int_equal(a.in, sizeof changes / sizeof *changes);
    assert_int_equal(a.unclassified, sizeof changes / sizeof *changes);
    assert_int_equal(a.out, 0);
    assert_true(lab.d.reader.now.own - lab.d.reader.start.own >= 1);
    lab_stop(&lab);
}

static const void *last_record(const struct mqoe_segment *s, size_t bytes, uint64_t back) {
    uint64_t head = atomic_load(&s->header->head);
    assert_true(head > back);
    return s->records + ((head - 1 - back) & s->mask) * bytes;
}

static void records_say_what_the_counters_say(void **state) {
    (void)state;
    need_root();
    const char *const sqms[] = {SQM_PFIFO, SQM_PFIFO};
    struct mqoe_error e;
    assert_true(start("kernel", sqms, 2, "pfifo"));
    struct mqoe_kernel_recorder *r = &lab.d.recorder;
    assert_int_equal(mqoe_kernel_recorder_open(r, 4, 1, &e), 0);
    mqoe_kernel_recorder_go(r, 1, 1);
    int server = lab_socket(lab.server, AF_INET, "10.9.0.1", LAB_PORT);
    int client = lab_socket(lab.client, AF_INET, "10.16.0.3", LAB_PORT);
    lab_send(client, AF_INET, "10.9.0.1", 500, 1000);
    unsigned received = lab_receive(server, QUIET);
    account();
    assert_int_equal(mqoe_kernel_record(&lab.d, &e), 0);
    const struct mqoe_record_dp_client *up = last_record(&r->clients, sizeof *up, 0), // client 1, up
        *down = last_record(&r->clients, sizeof *down, 1);
    const struct mqoe_record_dp_reactor *all = last_record(&r->reactor, sizeof *all, 0);
    assert_int_equal(up->client, 1);
    assert_int_equal(up->direction, 1);
    assert_int_equal(up->in_packets, 500);
    assert_int_equal(up->in_bytes, 500 * 1042);
    assert_int_equal(up->out_packets, received);
    assert_int_equal(up->out_shaped_bytes, received * 1042);
    assert_int_equal(up->drop_overflow, 500 - received);
    assert_int_equal(down->in_packets, 0);
    assert_int_equal(all->rx_access, 500);
    assert_int_equal(all->tx_core, received);
    assert_int_equal(all->drop_overflow, 500 - received);
    assert_true(r->due > (uint64_t)up->time); // the next multiple, whatever was missed
    mqoe_kernel_recorder_close(r);
    close(client);
    close(server);
    lab_stop(&lab);
}

// ---- change ----

static uint32_t class_rate(void) {
    struct class_options found[2];
    read_classes(1, found);
    return found[0].parameters.rate.rate;
}

static json_t *ask_shaper(json_t *shaper, int answers) {
    char text[1024];
    struct mqoe_error e;
    json_t *command = json_pack("{s:s, s:i, s:[{s:i, s:s, s:o}]}", "op", "change", "id", 7, "set", "client",
                                0, "direction", "up", "shaper", shaper);
    lab_go(lab.dataplane);
    assert_int_equal(mqoe_kernel_command(&lab.d, command, &e), 0);
    ssize_t n = read(answers, text, sizeof text);
    assert_true(n > 0);
    return json_loadb(text, (size_t)n, 0, NULL);
}

static json_t *ask(const char *sqm, uint64_t rate, int answers) {
    return ask_shaper(blueprint_shaper(sqm, rate), answers);
}

static void expect_answer(json_t *answer, const char *event, const char *message) {
    assert_string_equal(json_string_value(json_object_get(answer, "event")), event);
    assert_int_equal(json_integer_value(json_object_get(answer, "id")), 7);
    if (message)
        assert_non_null(strstr(json_string_value(json_object_get(answer, "message")), message));
    json_decref(answer);
}

static void a_rate_changes_with_packets_queued(void **state) {
    (void)state;
    need_root();
    const char *const sqms[] = {SQM_PFIFO};
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(start("kernel", sqms, 1, "pfifo"));
    lab.d.control.out = ends[1];
    expect_answer(ask(SQM_PFIFO, 100000, ends[0]), "changed", NULL);
    assert_int_equal(class_rate(), 12500);
    int server = lab_socket(lab.server, AF_INET, "10.9.0.1", LAB_PORT);
    int client = lab_socket(lab.client, AF_INET, "10.16.0.2", LAB_PORT);
    lab_send(client, AF_INET, "10.9.0.1", 50, 1000); // 4 s at this rate
    expect_answer(ask(SQM_PFIFO, 40000000000, ends[0]), "changed", NULL);
    assert_int_equal(lab_receive(server, 1000), 50);
    expect_answer(ask(SQM_FQ_CODEL, 100000, ends[0]), "error", "queued packets");
    assert_int_equal(class_rate(), UINT32_MAX);
    assert_int_equal(account().out, 50);
    close(client);
    close(server);
    close(ends[0]);
    close(ends[1]);
    lab_stop(&lab);
}

static void another_framing_bills_no_earlier_packet(void **state) {
    (void)state;
    need_root();
    const char *const sqms[] = {SQM_PFIFO};
    struct mqoe_error e;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(start("kernel", sqms, 1, "pfifo"));
    lab.d.control.out = ends[1];
    struct mqoe_kernel_recorder *r = &lab.d.recorder;
    assert_int_equal(mqoe_kernel_recorder_open(r, 2, 1, &e), 0);
    mqoe_kernel_recorder_go(r, 1, 1);
    int server = lab_socket(lab.server, AF_INET, "10.9.0.1", LAB_PORT);
    int client = lab_socket(lab.client, AF_INET, "10.16.0.2", LAB_PORT);
    for (unsigned i = 0; i < 2; i++) {
        lab_send(client, AF_INET, "10.9.0.1", 50, 1000);
        assert_int_equal(lab_receive(server, QUIET), 50);
        json_t *shaper = blueprint_shaper(SQM_PFIFO, 20000000);
        json_object_set_new(json_object_get(shaper, "framing"), "overhead", json_integer(100));
        expect_answer(ask_shaper(shaper, ends[0]), "changed", NULL);
    }
    assert_int_equal(mqoe_kernel_record(&lab.d, &e), 0);
    const struct mqoe_record_dp_client *up = last_record(&r->clients, sizeof *up, 0);
    assert_int_equal(up->out_shaped_bytes, 50 * 1042 + 50 * 1142);
    mqoe_kernel_recorder_close(r);
    close(client);
    close(server);
    close(ends[0]);
    close(ends[1]);
    lab_stop(&lab);
}

static void a_cake_changes_its_own_rate(void **state) {
    (void)state;
    need_root();
    for (size_t clients = 1; clients <= 2; clients++) {
        const char *const sqms[] = {SQM_CAKE, SQM_PFIFO};
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        if (start("kernel", sqms, clients, "cake")) {
            lab.d.control.out = ends[1];
            expect_answer(ask(SQM_CAKE, 5000000, ends[0]), "changed", NULL);
            json_t *list = lab_tc(&lab, "qdisc show dev cor");
            expect_options(lab_find_kind(list, "cake"),
                           "{\"bandwidth\":625000,\"flowmode\":\"dual-dsthost\"}");
            json_decref(list);
        }
        close(ends[0]);
        close(ends[1]);
        lab_stop(&lab);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_has_what_the_blueprint_says),
        cmocka_unit_test(what_this_kernel_lacks_is_named),
        cmocka_unit_test(a_kind_is_known_or_not),
        cmocka_unit_test(nothing_of_an_earlier_run_stays),
        cmocka_unit_test(a_class_is_what_tc_makes),
        cmocka_unit_test(each_packet_finds_its_clients_class),
        cmocka_unit_test(overload_loses_no_count),
        cmocka_unit_test(a_waiting_cake_holds_up_nobody),
        cmocka_unit_test(without_queues_the_classifier_counts),
        cmocka_unit_test(foreign_frames_are_dropped_and_counted),
        cmocka_unit_test(records_say_what_the_counters_say),
        cmocka_unit_test(a_rate_changes_with_packets_queued),
        cmocka_unit_test(another_framing_bills_no_earlier_packet),
        cmocka_unit_test(a_cake_changes_its_own_rate),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
