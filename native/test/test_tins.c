// Linux's qdisc statistics as our own records: from netlink attributes built here as the kernel builds them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "kernel/attr.h"
#include "kernel/tins.h"
#include "record/tins.h"
#include "sqm/discipline.h"

static _Alignas(8) char buffer[16384];
static struct nlmsghdr *message;

static void begin(uint64_t bytes, uint32_t packets, const struct gnet_stats_queue *queue) {
    message = mnl_nlmsg_put_header(buffer);
    mnl_attr_nest_start(message, TCA_STATS2); // left open: the application's part follows
    const struct gnet_stats_basic basic = {.bytes = bytes, .packets = packets};
    mnl_attr_put(message, TCA_STATS_BASIC, sizeof basic, &basic);
    mnl_attr_put(message, TCA_STATS_QUEUE, sizeof *queue, queue);
}

static struct nlattr *first(void) {
    return mnl_nlmsg_get_payload(message);
}

// What was counted, read by the code under test.
static void read_as(const char *kind, uint64_t rate, const struct nlattr *options,
                    struct mqoe_qdisc_tins *out) {
    memset(out, 0xff, sizeof *out);
    mqoe_tins_read(kind, first(), options, rate, out);
}

struct tin {
    uint32_t packets, drops, ack_drops, marks, backlog;
    uint64_t bytes;
};

static void put_tin(uint16_t number, const struct tin *t) {
    struct nlattr *nest = mnl_attr_nest_start(message, number);
    mnl_attr_put_u64(message, TCA_CAKE_TIN_STATS_THRESHOLD_RATE64, 2500000);
    mnl_attr_put_u64(message, TCA_CAKE_TIN_STATS_SENT_BYTES64, t->bytes);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_SENT_PACKETS, t->packets);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_DROPPED_PACKETS, t->drops);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_ACKS_DROPPED_PACKETS, t->ack_drops);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_ECN_MARKED_PACKETS, t->marks);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_BACKLOG_BYTES, t->backlog);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_TARGET_US, 5000);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_INTERVAL_US, 100000);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_PEAK_DELAY_US, 8900 + number);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_WAY_MISSES, 22);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_SPARSE_FLOWS, 3);
    mnl_attr_put_u32(message, TCA_CAKE_TIN_STATS_FLOW_QUANTUM, 610);
    mnl_attr_nest_end(message, nest);
}

static void end_nest(struct nlattr *nest) {
    mnl_attr_nest_end(message, nest);
}

// The whole of a cake with these tins, and what its options say besides.
static void read_cake(const struct tin *tins, uint16_t count, uint64_t bytes,
                      const struct gnet_stats_queue *q, bool autorate, struct mqoe_qdisc_tins *out) {
    begin(bytes, 0, q);
    struct nlattr *stats = first(), *app = mnl_attr_nest_start(message, TCA_STATS_APP);
    mnl_attr_put_u64(message, TCA_CAKE_STATS_CAPACITY_ESTIMATE64, 1000000);
    mnl_attr_put_u32(message, TCA_CAKE_STATS_MEMORY_LIMIT, 4194304);
    mnl_attr_put_u32(message, TCA_CAKE_STATS_MEMORY_USED, 4224);
    struct nlattr *list = mnl_attr_nest_start(message, TCA_CAKE_STATS_TIN_STATS);
    for (uint16_t i = 0; i < count; i++)
        put_tin(i + 1, &tins[i]);
    end_nest(list);
    end_nest(app);
    end_nest(stats);
    struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS);
    mnl_attr_put_u64(message, TCA_CAKE_BASE_RATE64, 2500000);
    mnl_attr_put_u32(message, TCA_CAKE_AUTORATE, autorate);
    end_nest(options);
    read_as("cake", 1, options, out);
}

// cake counts what comes in; delivered is that without what was dropped and what waits.
static void cake_with_one_busy_tin_is_exact(void **state) {
    (void)state;
    const struct tin tins[] = {{0}, {1000, 30, 20, 7, 9084, 1000 * 1514 - 20 * 1448}, {0}};
    const struct gnet_stats_queue q = {.qlen = 6, .backlog = 9084, .drops = 50};
    const uint64_t delivered = 950 * 1514 - 9084;
    struct mqoe_qdisc_tins out;
    read_cake(tins, 3, delivered, &q, false, &out);
    assert_int_equal(out.discipline, MQOE_CAKE);
    assert_int_equal(out.count, 3);
    assert_int_equal(out.qdisc.tins, 3);
    assert_int_equal(out.qdisc.capacity_estimate, 20000000);
    assert_int_equal(out.qdisc.memory_used, 4224);
    assert_int_equal(out.qdisc.memory_limit, 4194304);
    const struct mqoe_tin_stats *t = &out.tins[1];
    assert_int_equal(t->out_packets, 944);
    assert_int_equal(t->out_bytes, delivered);
    assert_int_equal(t->backlog_packets, 6);
    assert_int_equal(t->backlog_bytes, 9084);
    assert_int_equal(t->drops, 30);
    assert_int_equal(t->ack_drops, 20);
    assert_int_equal(t->marks, 7);
    assert_int_equal(t->threshold, 20000000);
    assert_int_equal(t->target, 5000000);
    assert_int_equal(t->interval, 100000000);
    assert_int_equal(t->delay_peak, 8902000);
    assert_int_equal(t->way_misses, 22);
    assert_int_equal(t->sparse_flows, 3);
    assert_int_equal(t->quantum, 610);
    assert_int_equal(out.tins[0].out_packets + out.tins[2].out_packets, 0);
}

// What several tins wait for and lost is divided among them, and the sums stay those of the qdisc.
static void cake_with_several_tins_keeps_the_sums(void **state) {
    (void)state;
    const struct tin tins[] = {
        {500, 10, 0, 0, 3000, 500000}, {900, 0, 0, 0, 6000, 900000}, {100, 0, 40, 0, 0, 10000}};
    const struct gnet_stats_queue q = {.qlen = 9, .backlog = 9000, .drops = 50};
    const uint64_t dropped_bytes = 10 * 1000 + 40 * 100;
    const uint64_t delivered = 1410000 - 9000 - dropped_bytes;
    struct mqoe_qdisc_tins out;
    read_cake(tins, 3, delivered, &q, true, &out);
    assert_int_equal(out.qdisc.capacity_estimate, 8000000); // the estimate, with autorate-ingress
    uint64_t packets = 0, bytes = 0, waiting = 0;
    for (uint32_t i = 0; i < out.count; i++) {
        packets += out.tins[i].out_packets;
        bytes += out.tins[i].out_bytes;
        waiting += out.tins[i].backlog_packets;
    }
    assert_int_equal(packets, 1500 - 50 - 9);
    assert_int_equal(bytes, delivered);
    assert_int_equal(waiting, 9);
    assert_int_equal(out.tins[0].backlog_packets, 3);
    assert_int_equal(out.tins[1].out_bytes, 900000 - 6000);
}

static void fq_codel_has_one_tin_in_tcs_words(void **state) {
    (void)state;
    const struct gnet_stats_queue q = {.qlen = 4, .backlog = 6056, .drops = 12};
    const struct tc_fq_codel_xstats x = {.type = TCA_FQ_CODEL_XSTATS_QDISC,
                                         .qdisc_stats = {.maxpacket = 1514,
                                                         .drop_overlimit = 2,
                                                         .ecn_mark = 5,
                                                         .ce_mark = 1,
                                                         .new_flow_count = 17,
                                                         .new_flows_len = 1,
                                                         .old_flows_len = 3,
                                                         .memory_usage = 9216}};
    struct mqoe_qdisc_tins out;
    begin(151400, 100, &q);
    struct nlattr *stats = first();
    mnl_attr_put(message, TCA_STATS_APP, sizeof x, &x);
    end_nest(stats);
    struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS);
    mnl_attr_put_u32(message, TCA_FQ_CODEL_TARGET, 4999);
    mnl_attr_put_u32(message, TCA_FQ_CODEL_INTERVAL, 99999);
    mnl_attr_put_u32(message, TCA_FQ_CODEL_QUANTUM, 1514);
    mnl_attr_put_u32(message, TCA_FQ_CODEL_MEMORY_LIMIT, 33554432);
    end_nest(options);
    read_as("fq_codel", 20000000, options, &out);
    assert_int_equal(out.discipline, MQOE_FQ_CODEL);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.qdisc.capacity_estimate, 20000000); // of the class above it
    assert_int_equal(out.qdisc.drop_overlimit, 2);
    assert_int_equal(out.qdisc.memory_limit, 33554432);
    const struct mqoe_tin_stats *t = out.tins;
    assert_int_equal(t->out_packets, 100);
    assert_int_equal(t->out_bytes, 151400);
    assert_int_equal(t->drops, 12);
    assert_int_equal(t->marks, 6);
    assert_int_equal(t->target, 4999000);
    assert_int_equal(t->max_len, 1514);
    assert_int_equal(t->new_flow_count, 17);
    assert_int_equal(t->sparse_flows, 1);
    assert_int_equal(t->bulk_flows, 3);
    assert_int_equal(t->backlog_packets, 4);
}

static void a_foreign_qdisc_counts_what_all_count(void **state) {
    (void)state;
    const struct gnet_stats_queue q = {.drops = 12};
    struct mqoe_qdisc_tins out;
    begin(1000, 10, &q);
    end_nest(first());
    read_as("sfq", 0, NULL, &out);
    assert_int_equal(out.discipline, MQOE_TINS_OTHER_KIND);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.tins[0].out_packets, 10);
    assert_int_equal(out.tins[0].drops, 12);
    assert_int_equal(out.tins[0].target, 0);
}

static void tins_stand_as_tc_shows_them(void **state) {
    (void)state;
    const uint16_t diffserv4[] = {1, 0, 2, 3};
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(mqoe_tin_shown(true, 4, i), diffserv4[i]);
    assert_int_equal(mqoe_tin_shown(true, 3, 0), 1);
    assert_int_equal(mqoe_tin_shown(true, 3, 2), 2);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(mqoe_tin_shown(true, 8, i), i);
    assert_int_equal(mqoe_tin_shown(true, 1, 0), 0);
    assert_int_equal(mqoe_tin_shown(false, 4, 1), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cake_with_one_busy_tin_is_exact),
        cmocka_unit_test(cake_with_several_tins_keeps_the_sums),
        cmocka_unit_test(fq_codel_has_one_tin_in_tcs_words),
        cmocka_unit_test(tins_stand_as_tc_shows_them),
        cmocka_unit_test(a_foreign_qdisc_counts_what_all_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
