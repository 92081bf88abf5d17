#include "kernel/xstats.h"

#include <linux/pkt_sched.h>
#include <string.h>

#include "kernel/attr.h"

// struct tc_dualpi2_xstats of linux/pkt_sched.h (6.17), which the headers here lack.
struct dualpi2_xstats {
    uint32_t prob, delay_c, delay_l, packets_in_c, packets_in_l, maxq, ecn_mark, step_marks;
    int32_t credit;
    uint32_t memory_used, max_memory_used, memory_limit;
};

struct mqoe_xstats mqoe_xstats_split(const struct nlattr *stats2) {
    struct mqoe_xstats p = {0};
    const struct nlattr *a;
    mnl_attr_for_each_nested(a, stats2) {
        switch (mnl_attr_get_type(a)) {
        case TCA_STATS_BASIC:
            mqoe_attr_copy(&p.basic, sizeof p.basic, a);
            break;
        case TCA_STATS_QUEUE:
            mqoe_attr_copy(&p.queue, sizeof p.queue, a);
            break;
        case TCA_STATS_PKT64:
            mqoe_attr_copy(&p.packets64, sizeof p.packets64, a);
            break;
        case TCA_STATS_APP:
            p.app = a;
            break;
        }
    }
    return p;
}

static bool is(const char *kind, const char *name) {
    return strcmp(kind, name) == 0;
}

// ---- cake: nested attributes instead of a struct ----

static uint64_t sum_tins(const struct nlattr *app, uint16_t type) {
    const struct nlattr *tins = mqoe_attr_find(app, TCA_CAKE_STATS_TIN_STATS), *tin;
    uint64_t sum = 0;
    if (tins)
        mnl_attr_for_each_nested(tin, tins) sum += mqoe_attr_number(tin, type);
    return sum;
}

static json_t *describe_numbers(const struct nlattr *nest, const char *const names[], size_t count) {
    json_t *o = json_object();
    for (size_t i = 0; i < count; i++)
        if (names[i] && mqoe_attr_find(nest, (uint16_t)i))
            json_object_set_new(o, names[i], json_integer((json_int_t)mqoe_attr_number(nest, (uint16_t)i)));
    return o;
}

static void describe_cake(const struct nlattr *app, json_t *into) {
    static const char *const names[] = {
        [TCA_CAKE_STATS_CAPACITY_ESTIMATE64] = "capacity_estimate",
        [TCA_CAKE_STATS_MEMORY_LIMIT] = "memory_limit",
        [TCA_CAKE_STATS_MEMORY_USED] = "memory_used",
        [TCA_CAKE_STATS_AVG_NETOFF] = "avg_hdr_offset",
        [TCA_CAKE_STATS_MIN_NETLEN] = "min_network_size",
        [TCA_CAKE_STATS_MAX_NETLEN] = "max_network_size",
        [TCA_CAKE_STATS_MIN_ADJLEN] = "min_adj_size",
        [TCA_CAKE_STATS_MAX_ADJLEN] = "max_adj_size",
    };
    static const char *const tin_names[] = {
        [TCA_CAKE_TIN_STATS_THRESHOLD_RATE64] = "threshold_rate",
        [TCA_CAKE_TIN_STATS_TARGET_US] = "target_us",
        [TCA_CAKE_TIN_STATS_INTERVAL_US] = "interval_us",
        [TCA_CAKE_TIN_STATS_PEAK_DELAY_US] = "peak_delay_us",
        [TCA_CAKE_TIN_STATS_AVG_DELAY_US] = "avg_delay_us",
        [TCA_CAKE_TIN_STATS_BASE_DELAY_US] = "base_delay_us",
        [TCA_CAKE_TIN_STATS_SENT_PACKETS] = "sent_packets",
        [TCA_CAKE_TIN_STATS_SENT_BYTES64] = "sent_bytes",
        [TCA_CAKE_TIN_STATS_WAY_INDIRECT_HITS] = "way_indirect_hits",
        [TCA_CAKE_TIN_STATS_WAY_MISSES] = "way_misses",
        [TCA_CAKE_TIN_STATS_WAY_COLLISIONS] = "way_collisions",
        [TCA_CAKE_TIN_STATS_DROPPED_PACKETS] = "drops",
        [TCA_CAKE_TIN_STATS_ECN_MARKED_PACKETS] = "ecn_mark",
        [TCA_CAKE_TIN_STATS_ACKS_DROPPED_PACKETS] = "ack_drops",
        [TCA_CAKE_TIN_STATS_SPARSE_FLOWS] = "sparse_flows",
        [TCA_CAKE_TIN_STATS_BULK_FLOWS] = "bulk_flows",
        [TCA_CAKE_TIN_STATS_UNRESPONSIVE_FLOWS] = "unresponsive_flows",
        [TCA_CAKE_TIN_STATS_MAX_SKBLEN] = "max_pkt_len",
        [TCA_CAKE_TIN_STATS_FLOW_QUANTUM] = "flow_quantum",
    };
    const struct nlattr *tins = mqoe_attr_find(app, TCA_CAKE_STATS_TIN_STATS), *tin;
    json_t *list = json_array(), *own = describe_numbers(app, names, sizeof names / sizeof *names);
    json_object_update(into, own);
    json_decref(own);
    if (tins)
        mnl_attr_for_each_nested(tin, tins) json_array_append_new(
            list, describe_numbers(tin, tin_names, sizeof tin_names / sizeof *tin_names));
    json_object_set_new(into, "tins", list);
}

// ---- all kinds ----

static void read_drops(const char *kind, const struct mqoe_xstats *p, struct mqoe_queue_count *to) {
    uint64_t drops = p->queue.drops, overflow = 0;
    if (is(kind, "fq_codel") && p->app) {
        struct tc_fq_codel_xstats x;
        mqoe_attr_copy(&x, sizeof x, p->app);
        overflow = x.qdisc_stats.drop_overlimit;
        to->marks = (uint64_t)x.qdisc_stats.ecn_mark + x.qdisc_stats.ce_mark;
    } else if (is(kind, "codel") && p->app) {
        struct tc_codel_xstats x;
        mqoe_attr_copy(&x, sizeof x, p->app);
        overflow = x.drop_overlimit;
        to->marks = (uint64_t)x.ecn_mark + x.ce_mark;
    } else if (is(kind, "dualpi2") && p->app) {
        struct dualpi2_xstats x;
        mqoe_attr_copy(&x, sizeof x, p->app);
        overflow = p->queue.overlimits;
        to->marks = (uint64_t)x.ecn_mark + x.step_marks;
    } else if (is(kind, "cake")) {
        to->marks = sum_tins(p->app, TCA_CAKE_TIN_STATS_ECN_MARKED_PACKETS);
        to->ack_drops = sum_tins(p->app, TCA_CAKE_TIN_STATS_ACKS_DROPPED_PACKETS);
    } else if (strstr(kind, "fifo") || is(kind, "tbf") || is(kind, "htb") || is(kind, "prio")) {
        overflow = drops;
    }
    to->overflow = overflow < drops ? overflow : drops;
    to->aqm = drops - to->overflow;
}

void mqoe_xstats_read(const char *kind, const struct nlattr *stats2, struct mqoe_queue_count *to) {
    struct mqoe_xstats p = mqoe_xstats_split(stats2);
    *to = (struct mqoe_queue_count){.out_packets = p.packets64 ? p.packets64 : p.basic.packets,
                                    .out_bytes = p.basic.bytes,
                                    .backlog_packets = p.queue.qlen,
                                    .backlog_bytes = p.queue.backlog};
    read_drops(kind, &p, to);
}

static void put(json_t *into, const char *name, uint64_t value) {
    json_object_set_new(into, name, json_integer((json_int_t)value));
}

static void describe_fq_codel(const struct nlattr *app, json_t *into) {
    struct tc_fq_codel_xstats x;
    mqoe_attr_copy(&x, sizeof x, app);
    put(into, "maxpacket", x.qdisc_stats.maxpacket);
    put(into, "drop_overlimit", x.qdisc_stats.drop_overlimit);
    put(into, "new_flow_count", x.qdisc_stats.new_flow_count);
    put(into, "ecn_mark", x.qdisc_stats.ecn_mark);
    put(into, "ce_mark", x.qdisc_stats.ce_mark);
    put(into, "drop_overmemory", x.qdisc_stats.drop_overmemory);
    put(into, "memory_used", x.qdisc_stats.memory_usage);
    put(into, "new_flows_len", x.qdisc_stats.new_flows_len);
    put(into, "old_flows_len", x.qdisc_stats.old_flows_len);
}

static void describe_codel(const struct nlattr *app, json_t *into) {
    struct tc_codel_xstats x;
    mqoe_attr_copy(&x, sizeof x, app);
    put(into, "count", x.count);
    put(into, "lastcount", x.lastcount);
    put(into, "ldelay", x.ldelay);
    put(into, "maxpacket", x.maxpacket);
    put(into, "drop_overlimit", x.drop_overlimit);
    put(into, "ecn_mark", x.ecn_mark);
    put(into, "ce_mark", x.ce_mark);
    put(into, "dropping", x.dropping != 0);
}

static void describe_dualpi2(const struct nlattr *app, json_t *into) {
    struct dualpi2_xstats x;
    mqoe_attr_copy(&x, sizeof x, app);
    put(into, "prob", x.prob);
    put(into, "delay_c_us", x.delay_c);
    put(into, "delay_l_us", x.delay_l);
    put(into, "pkts_in_c", x.packets_in_c);
    put(into, "pkts_in_l", x.packets_in_l);
    put(into, "maxq", x.maxq);
    put(into, "ecn_mark", x.ecn_mark);
    put(into, "step_marks", x.step_marks);
    json_object_set_new(into, "credit", json_integer(x.credit));
    put(into, "memory_used", x.memory_used);
    put(into, "max_memory_used", x.max_memory_used);
    put(into, "memory_limit", x.memory_limit);
}

void mqoe_xstats_describe(const char *kind, const struct nlattr *stats2, json_t *into) {
    struct mqoe_xstats p = mqoe_xstats_split(stats2);
    put(into, "drops", p.queue.drops);
    put(into, "overlimits", p.queue.overlimits);
    put(into, "requeues", p.queue.requeues);
    if (!p.app)
        return;
    if (is(kind, "cake"))
        describe_cake(p.app, into);
    else if (is(kind, "fq_codel"))
        describe_fq_codel(p.app, into);
    else if (is(kind, "codel"))
        describe_codel(p.app, into);
    else if (is(kind, "dualpi2"))
        describe_dualpi2(p.app, into);
}
