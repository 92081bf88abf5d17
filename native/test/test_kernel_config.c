// The kernel dataplane without a kernel: what its blueprint may say, what HTB is told, which tree stands
// where.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "kernel/recorder.h"
#include "kernel_blueprint.h"

static void reads_a_whole_blueprint(void **state) {
    (void)state;
    static const char *const sqms[] = {SQM_CAKE,    SQM_FQ_CODEL, SQM_CODEL, SQM_PFIFO,
                                       SQM_DUALPI2, SQM_BFIFO,    SQM_TC};
    struct mqoe_kernel_config c;
    struct mqoe_error e;
    assert_int_equal(mqoe_kernel_config_read(&c, blueprint("kernel", sqms, 7, 20000000), &e), 0);
    assert_true(c.shapes);
    assert_int_equal(c.client_count, 7);
    assert_int_equal(c.client_prefix_count, 14);
    assert_int_equal(c.server_prefix_count, 2);
    assert_int_equal(c.client_prefixes[13].value, 6);
    assert_string_equal(c.interface[MQOE_KERNEL_UP], "cor");
    assert_int_equal(c.mac[5], 1);
    const struct mqoe_kernel_shaper *cake = &c.clients[0].shaper[MQOE_KERNEL_DOWN];
    assert_int_equal(cake->rate, 20000000);
    assert_int_equal(cake->cake.tins, CAKE_DIFFSERV_DIFFSERV4);
    assert_int_equal(cake->cake.isolation, CAKE_FLOW_DUAL_DST);
    assert_int_equal(cake->cake.ack_filter, CAKE_ACK_AGGRESSIVE);
    assert_false(cake->cake.autorate_ingress);
    const struct mqoe_kernel_dualpi2 *dualpi2 = &c.clients[4].shaper[MQOE_KERNEL_UP].dualpi2;
    assert_int_equal(dualpi2->memory_limit, 30280000);
    assert_int_equal(dualpi2->alpha, 41);
    assert_int_equal(dualpi2->beta, 819);
    assert_false(dualpi2->step_in_packets);
    assert_int_equal(dualpi2->step_threshold, 1000000);
    assert_int_equal(dualpi2->min_qlen_step, 3);
    assert_int_equal(dualpi2->coupling, 2);
    assert_int_equal(dualpi2->classic_protection, 10);
    assert_true(dualpi2->drop_on_overload);
    assert_false(dualpi2->drop_early);
    assert_int_equal(dualpi2->ecn_mask, 1);
    assert_int_equal(c.clients[5].shaper[MQOE_KERNEL_UP].bfifo_limit, 250000);
    assert_string_equal(c.clients[6].shaper[MQOE_KERNEL_UP].tc.args, "pfifo limit 77");
    mqoe_kernel_config_free(&c);
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
    {"kind", "\"afxdp\"", "$.kind", "must be one of kernel, none"},
    {"netns", "\"\"", "$.netns", "not empty"},
    {"link", "null", "$.link", "must be an object"},
    {"link.mac", "\"01:00:00:00:00:01\"", "$.link", "unicast"},
    {"link.mac", "\"02:00:00:00:00:01x\"", "$.link", "unicast"},
    {"link.core", "\"acc\"", "$.link", "two interfaces"},
    {"link.access", "\"an-interface-name\"", "$.link", "1 to 15"},
    {"link.mtu", "67", "$.link.mtu", "from 68"},
    {"reactors", "[{}]", "$.reactors", "at most 0"},
    {"paths", "[{}]", "$.paths", "at most 0"},
    {"external", "{}", "$.external", "must be null"},
    {"clients.1.path", "0", "$.clients[1].path", "must be -1"},
    {"clients.1.id", "2", "$.clients[1]", "ids count from 0"},
    {"clients.1.addresses.0", "\"10.0.0.1/33\"", "$.clients[1].addresses[0]", "an IPv4 or IPv6 address"},
    {"clients.0.down.rate", "7", "$.clients[0].down", "8 bit/s or more"},
    {"clients.0.down.sqm.discipline", "\"red\"", "$.clients[0].down.sqm.discipline", "one of fq_codel"},
    {"clients.0.down.sqm.tins", "\"diffserv5\"", "$.clients[0].down.sqm.tins", "besteffort"},
    {"clients.0.down.sqm.limit", "1", "$.clients[0].down.sqm.limit", "is unknown here"},
    {"clients.1.down.sqm",
     "{\"discipline\":\"codel\",\"target\":1,\"interval\":1999,\"limit\":1,\"ecn\":true,\"ceThreshold\":1}",
     "$.clients[1].down.sqm.interval", "from 2000"},
    {"clients.0.down.sqm.nat", NULL, "$.clients[0].down.sqm.nat", "is missing"},
    {"clients.0.down.sqm.autorateIngress", NULL, "$.clients[0].down.sqm.autorateIngress", "is missing"},
    {"clients.0.down.sqm", "{\"discipline\":\"bfifo\",\"limit\":0}", "$.clients[0].down.sqm.limit", "from 1"},
    {"clients.2.down.sqm.discipline", "\"cobalt\"", "$.clients[2].down.sqm.discipline", "one of fq_codel"},
    {"clients.2.down.sqm.step", "1000000", "$.clients[2].down.sqm.step", "must be an object"},
    {"clients.2.down.sqm.step.unit", "\"us\"", "$.clients[2].down.sqm.step.unit", "time, packets"},
    {"clients.2.down.sqm.step", "{\"unit\":\"packets\",\"threshold\":4294967296}",
     "$.clients[2].down.sqm.step", "32 bits"},
    {"clients.2.down.sqm.ecnMask", "\"none\"", "$.clients[2].down.sqm.ecnMask", "l4s, any"},
    {"clients.2.down.sqm.coupling", "0", "$.clients[2].down.sqm.coupling", "from 1 to 255"},
    {"clients.2.down.sqm.alpha", "0", "$.clients[2].down.sqm.alpha", "from 1"},
    {"clients.2.down.sqm.classicProtection", "101", "$.clients[2].down.sqm.classicProtection", "to 100"},
    {"clients.2.down.sqm.stepThreshold", "1", "$.clients[2].down.sqm.stepThreshold", "is unknown here"},
    {"clients.0.down.sqm", "{\"discipline\":\"none\"}", "$.clients[0].down", "rate must be 0"},
    {"clients.0.down.sqm", "{\"discipline\":\"tc\",\"args\":\"\",\"rate\":0}", "$.clients[0].down.sqm.args",
     "not empty"},
};

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const char *const sqms[] = {SQM_CAKE, SQM_PFIFO, SQM_DUALPI2};
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        const struct wrong *w = &wrongs[i];
        char last[64];
        json_t *document = blueprint("kernel", sqms, 3, 20000000);
        json_t *parent = parent_of(document, w->at, last);
        json_t *value = w->value ? json_loads(w->value, JSON_DECODE_ANY, NULL) : NULL;
        if (json_is_array(parent))
            json_array_set_new(parent, (size_t)atoi(last), value);
        else if (value)
            json_object_set_new(parent, last, value);
        else
            json_object_del(parent, last);
        struct mqoe_kernel_config c;
        struct mqoe_error e;
        assert_int_equal(mqoe_kernel_config_read(&c, document, &e), -EINVAL);
        assert_string_equal(e.object, w->path);
        if (!strstr(e.hint, w->says))
            fail_msg("%s: \"%s\" does not say \"%s\"", w->at, e.hint, w->says);
        mqoe_kernel_config_free(&c);
    }
}

static void expect_mode(const char *kind, const char *const sqms[], size_t clients, uint64_t rate,
                        enum mqoe_tree_mode mode) {
    struct mqoe_kernel_config c;
    struct mqoe_error e;
    assert_int_equal(mqoe_kernel_config_read(&c, blueprint(kind, sqms, clients, rate), &e), 0);
    assert_int_equal(mqoe_tree_mode(&c, MQOE_KERNEL_DOWN), mode);
    assert_int_equal(mqoe_tree_uncounted(&c), mode == MQOE_TREE_NONE ? 3 : 0);
    mqoe_kernel_config_free(&c);
}

static void one_circuit_is_what_anybody_would_type(void **state) {
    (void)state;
    static const char *const cake[] = {SQM_CAKE, SQM_CAKE}, *const fq[] = {SQM_FQ_CODEL},
                             *const none[] = {SQM_NONE, SQM_NONE}, *const some[] = {SQM_NONE, SQM_FQ_CODEL},
                             *const tc[] = {SQM_TC}, *const own[] = {SQM_TC_OWN};
    expect_mode("kernel", cake, 1, 20000000, MQOE_TREE_ROOT);
    expect_mode("kernel", fq, 1, 20000000, MQOE_TREE_CLASS);
    expect_mode("kernel", fq, 1, 0, MQOE_TREE_ROOT);
    expect_mode("kernel", tc, 1, 20000000, MQOE_TREE_CLASS);
    expect_mode("kernel", own, 1, 20000000, MQOE_TREE_ROOT); // it shapes itself
    expect_mode("kernel", none, 1, 0, MQOE_TREE_NONE);
    expect_mode("kernel", none, 2, 0, MQOE_TREE_NONE);
    expect_mode("kernel", some, 2, 20000000, MQOE_TREE_MANY);
    expect_mode("kernel", cake, 2, 20000000, MQOE_TREE_MANY);
    expect_mode("none", cake, 2, 20000000, MQOE_TREE_NONE);
    expect_mode("kernel", cake, 0, 20000000, MQOE_TREE_NONE);
}

// `check` lets every discipline through where plans are not enforced, also ours that no kernel has.
static void plans_that_nobody_enforces_may_say_anything(void **state) {
    (void)state;
    static const char *const cobalt = "{\"discipline\":\"cobalt\",\"target\":5000000,\"rate\":\"?\"}",
                             *const anything[] = {cobalt, SQM_CAKE, SQM_NONE};
    struct mqoe_kernel_config c;
    struct mqoe_error e;
    assert_int_equal(mqoe_kernel_config_read(&c, blueprint("none", anything, 3, 20000000), &e), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(c.clients[i].shaper[MQOE_KERNEL_UP].discipline, MQOE_KERNEL_NONE);
    assert_int_equal(c.clients[0].shaper[MQOE_KERNEL_UP].rate, 20000000);
    mqoe_kernel_config_free(&c);
    assert_int_equal(mqoe_kernel_config_read(&c, blueprint("kernel", anything, 3, 20000000), &e), -EINVAL);
    assert_string_equal(e.object, "$.clients[0].down.sqm.discipline");
    mqoe_kernel_config_free(&c);
    json_t *without = blueprint("none", anything, 1, 0);
    json_t *down = json_object_get(json_array_get(json_object_get(without, "clients"), 0), "down");
    json_object_del(json_object_get(down, "sqm"), "discipline");
    assert_int_equal(mqoe_kernel_config_read(&c, without, &e), -EINVAL);
    assert_string_equal(e.object, "$.clients[0].down.sqm.discipline");
    mqoe_kernel_config_free(&c);
}

static void htb_is_told_the_framing_it_can_count(void **state) {
    (void)state;
    const struct mqoe_psched psched = MQOE_PSCHED_USUAL, coarse = {15.625, 250};
    const struct mqoe_framing raw = {0}, ethernet = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 84},
                              adsl = {MQOE_FRAMING_IP, MQOE_CELL_ATM, 44, 0},
                              small = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 13, 0},
                              ptm = {MQOE_FRAMING_FRAME, MQOE_CELL_PTM, 0, 0};
    struct mqoe_htb_class c;
    struct mqoe_error e;
    assert_int_equal(mqoe_htb_class(&c, 20000000, &raw, &psched, "x", &e), 0);
    assert_int_equal(c.options.rate.rate, 2500000);
    assert_int_equal(c.options.buffer, 10000); // 1600 bytes are 640 µs are 10,000 ticks
    assert_int_equal(c.options.quantum, 200000);
    assert_int_equal(c.rate64, 0);
    assert_int_equal(mqoe_htb_class(&c, 20000000, &raw, &coarse, "x", &e), 0);
    assert_int_equal(c.options.buffer, 72500); // 10,000 bytes more, one tick of the clock
    assert_int_equal(mqoe_htb_class(&c, 1000000, &ethernet, &psched, "x", &e), 0);
    assert_int_equal(c.options.rate.overhead, 24);
    assert_int_equal(c.options.ceil.mpu, 84);
    assert_int_equal(c.options.quantum, 12500);
    assert_int_equal(mqoe_htb_class(&c, 1000000, &adsl, &psched, "x", &e), 0);
    assert_int_equal(c.options.rate.linklayer, TC_LINKLAYER_ATM);
    assert_int_equal(mqoe_htb_class(&c, 40000000000, &raw, &psched, "x", &e), 0);
    assert_int_equal(c.options.rate.rate, UINT32_MAX);
    assert_true(c.rate64 == 5000000000);
    assert_int_equal(mqoe_htb_class(&c, 1000000, &small, &psched, "client a, down", &e), -EOPNOTSUPP);
    assert_string_equal(e.object, "client a, down");
    assert_int_equal(mqoe_htb_class(&c, 1000000, &ptm, &psched, "x", &e), -EOPNOTSUPP);
    assert_int_equal(mqoe_htb_class(&c, 0, &ptm, &psched, "x", &e), 0); // never limits: nothing to count
}

static void shaped_bytes_follow_the_framing(void **state) {
    (void)state;
    const struct mqoe_framing raw = {0}, ip = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 0},
                              mpu = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 84},
                              less = {MQOE_FRAMING_IP, MQOE_CELL_NONE, -64, 0},
                              atm = {MQOE_FRAMING_FRAME, MQOE_CELL_ATM, 0, 0};
    assert_int_equal(mqoe_kernel_shaped_bytes(&raw, 10, 15140), 15140);
    assert_int_equal(mqoe_kernel_shaped_bytes(&ip, 10, 15140), 15380);
    assert_int_equal(mqoe_kernel_shaped_bytes(&mpu, 10, 15140), 15380);
    assert_int_equal(mqoe_kernel_shaped_bytes(&mpu, 10, 420), 840);
    assert_int_equal(mqoe_kernel_shaped_bytes(&less, 10, 420), 0);
    assert_int_equal(mqoe_kernel_shaped_bytes(&atm, 10, 960), 10 * 2 * 53);
    assert_int_equal(mqoe_kernel_shaped_bytes(&atm, 0, 0), 0);
}

// A link with cells, whose packets' mean drifts across the border of a cell, and back.
static void what_was_billed_stays_billed(void **state) {
    (void)state;
    const struct mqoe_framing atm = {MQOE_FRAMING_FRAME, MQOE_CELL_ATM, 0, 0},
                              more = {MQOE_FRAMING_FRAME, MQOE_CELL_NONE, 100, 0}, none = {0};
    struct mqoe_kernel_bill b = {0};
    struct mqoe_queue_count q = {0};
    static const uint32_t lengths[] = {96, 97, 1500, 60, 48, 1514, 49};
    uint64_t expected = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        q.out_packets += 1000;
        q.out_bytes += 1000 * lengths[i];
        mqoe_kernel_bill_settle(&b, &atm, &q);
        expected += UINT64_C(1000) * ((lengths[i] + 47) / 48 * 53);
        assert_int_equal(b.shaped_bytes, expected);
    }
    mqoe_kernel_bill_settle(&b, &none, &q); // a change of framing by itself costs nothing
    assert_int_equal(b.shaped_bytes, expected);
    q.out_packets += 10;
    q.out_bytes += 1000;
    mqoe_kernel_bill_settle(&b, &more, &q);
    assert_int_equal(b.shaped_bytes, expected + 2000);
}

static void what_came_in_only_grows(void **state) {
    (void)state;
    const struct mqoe_framing raw = {0};
    struct mqoe_kernel_bill b = {0};
    struct mqoe_queue_count q = {.backlog_packets = 2, .backlog_bytes = 2000, .overflow = 3};
    mqoe_kernel_bill_settle(&b, &raw, &q); // nothing left yet: as long as what waits
    assert_int_equal(b.in_bytes, 5000);
    q.out_packets = 100, q.out_bytes = 150000;
    q.overflow += 10;
    mqoe_kernel_bill_settle(&b, &raw, &q);
    assert_int_equal(b.in_bytes, 170000);
    q.out_packets += 10000,
        q.out_bytes += 10000 * 60; // the mean falls: earlier drops stay as long as they were
    mqoe_kernel_bill_settle(&b, &raw, &q);
    assert_int_equal(b.in_bytes, 770000);
    q.aqm = 2, q.backlog_packets = 0, q.backlog_bytes = 0; // 2 × 1000 bytes go, estimated as 2 × 74
    mqoe_kernel_bill_settle(&b, &raw, &q);
    assert_int_equal(b.in_bytes, 770000);
    assert_int_equal(b.dropped_bytes, 3000 + 15000 + 2 * 74);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_whole_blueprint),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(one_circuit_is_what_anybody_would_type),
        cmocka_unit_test(plans_that_nobody_enforces_may_say_anything),
        cmocka_unit_test(htb_is_told_the_framing_it_can_count),
        cmocka_unit_test(shaped_bytes_follow_the_framing),
        cmocka_unit_test(what_was_billed_stays_billed),
        cmocka_unit_test(what_came_in_only_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
