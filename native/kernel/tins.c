#include "kernel/tins.h"

#include <linux/pkt_sched.h>

#include "kernel/attr.h"
#include "kernel/xstats.h"
#include "sqm/discipline.h"

#define US UINT64_C(1000) // ns

static uint32_t kind_of(const char *name) {
    static const struct {
        const char *name;
        uint32_t kind;
    } kinds[] = {{"pfifo", MQOE_PFIFO}, {"fq_codel", MQOE_FQ_CODEL}, {"cake", MQOE_CAKE},
                 {"codel", MQOE_CODEL}, {"bfifo", MQOE_BFIFO},       {"dualpi2", MQOE_DUALPI2}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    return MQOE_TINS_OTHER_KIND;
}

// ---- cake ----

// As cake tells it: out_packets and out_bytes are what came in.
static void read_cake_tin(const struct nlattr *a, struct mqoe_tin_stats *t) {
#define TIN(name) mqoe_attr_number(a, TCA_CAKE_TIN_STATS_##name)
    *t = (struct mqoe_tin_stats){
        .threshold = TIN(THRESHOLD_RATE64) * 8,
        .target = TIN(TARGET_US) * US,
        .interval = TIN(INTERVAL_US) * US,
        .delay_peak = TIN(PEAK_DELAY_US) * US,
        .delay_average = TIN(AVG_DELAY_US) * US,
        .delay_base = TIN(BASE_DELAY_US) * US,
        .out_packets = TIN(SENT_PACKETS),
        .out_bytes = TIN(SENT_BYTES64),
        .drops = TIN(DROPPED_PACKETS),
        .marks = TIN(ECN_MARKED_PACKETS),
        .ack_drops = TIN(ACKS_DROPPED_PACKETS),
        .way_hits = TIN(WAY_INDIRECT_HITS),
        .way_misses = TIN(WAY_MISSES),
        .way_collisions = TIN(WAY_COLLISIONS),
        .backlog_bytes = (uint32_t)TIN(BACKLOG_BYTES),
        .sparse_flows = (uint32_t)TIN(SPARSE_FLOWS),
        .bulk_flows = (uint32_t)TIN(BULK_FLOWS),
        .unresponsive_flows = (uint32_t)TIN(UNRESPONSIVE_FLOWS),
        .max_len = (uint32_t)TIN(MAX_SKBLEN),
        .quantum = (uint32_t)TIN(FLOW_QUANTUM),
    };
#undef TIN
}

static uint64_t less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

// `part` of `whole` of `amount`; what rounding leaves goes to whoever asks last, with part = whole.
static uint64_t take(uint64_t *amount, uint64_t part, uint64_t *whole) {
    uint64_t taken = *whole ? (uint64_t)((double)*amount * ((double)part / (double)*whole) + 0.5) : 0;
    taken = taken < *amount ? taken : *amount;
    *amount -= taken;
    *whole -= part;
    return taken;
}

// As many bytes as a tin's dropped packets have if they are as long as the mean of those that came in.
static uint64_t dropped_weight(const struct mqoe_tin_stats *t) {
    uint64_t lost = t->drops + t->ack_drops;
    return t->out_packets ? lost * t->out_bytes / t->out_packets : lost;
}

// From what came into each tin to what was delivered of it.
static void settle_cake(const struct mqoe_xstats *x, struct mqoe_qdisc_tins *to) {
    uint64_t in_bytes = 0, waiting = 0, drops = 0;
    for (uint32_t i = 0; i < to->count; i++) {
        in_bytes += to->tins[i].out_bytes;
        waiting += to->tins[i].backlog_bytes;
        drops += dropped_weight(&to->tins[i]);
    }
    uint64_t dropped_bytes = less(in_bytes, x->basic.bytes + waiting), packets = x->queue.qlen;
    for (uint32_t i = 0; i < to->count; i++) {
        struct mqoe_tin_stats *t = &to->tins[i];
        uint64_t lost = t->drops + t->ack_drops, weight = dropped_weight(t);
        t->backlog_packets = (uint32_t)take(&packets, t->backlog_bytes, &waiting);
        t->out_packets = less(t->out_packets, lost + t->backlog_packets);
        t->out_bytes = less(t->out_bytes, t->backlog_bytes + take(&dropped_bytes, weight, &drops));
    }
}

static void read_cake(const struct mqoe_xstats *x, const struct nlattr *options, struct mqoe_qdisc_tins *to) {
    const struct nlattr *nest = mqoe_attr_find(x->app, TCA_CAKE_STATS_TIN_STATS), *tin;
    uint64_t estimate = mqoe_attr_number(x->app, TCA_CAKE_STATS_CAPACITY_ESTIMATE64) * 8;
    uint64_t bandwidth = mqoe_attr_number(options, TCA_CAKE_BASE_RATE64) * 8;
    to->qdisc.memory_used = mqoe_attr_number(x->app, TCA_CAKE_STATS_MEMORY_USED);
    to->qdisc.memory_limit = mqoe_attr_number(x->app, TCA_CAKE_STATS_MEMORY_LIMIT);
    if (estimate || bandwidth)
        to->qdisc.capacity_estimate =
            estimate && mqoe_attr_number(options, TCA_CAKE_AUTORATE) ? estimate : bandwidth;
    to->count = 0;
    if (nest)
        mnl_attr_for_each_nested(tin, nest) {
            if (to->count < MQOE_MAX_TINS)
                read_cake_tin(tin, &to->tins[to->count++]);
        }
    settle_cake(x, to);
}

// ---- disciplines with one queue ----

static void read_fq_codel(const struct mqoe_xstats *x, const struct nlattr *options,
                          struct mqoe_qdisc_tins *to) {
    struct mqoe_tin_stats *t = to->tins;
    t->target = mqoe_attr_number(options, TCA_FQ_CODEL_TARGET) * US;
    t->interval = mqoe_attr_number(options, TCA_FQ_CODEL_INTERVAL) * US;
    t->quantum = (uint32_t)mqoe_attr_number(options, TCA_FQ_CODEL_QUANTUM);
    to->qdisc.memory_limit = mqoe_attr_number(options, TCA_FQ_CODEL_MEMORY_LIMIT);
    if (!x->app)
        return;
    struct tc_fq_codel_xstats s;
    mqoe_attr_copy(&s, sizeof s, x->app);
    t->marks = (uint64_t)s.qdisc_stats.ecn_mark + s.qdisc_stats.ce_mark;
    t->max_len = s.qdisc_stats.maxpacket;
    t->sparse_flows = s.qdisc_stats.new_flows_len;
    t->bulk_flows = s.qdisc_stats.old_flows_len;
    t->new_flow_count = s.qdisc_stats.new_flow_count;
    to->qdisc.memory_used = s.qdisc_stats.memory_usage;
    to->qdisc.drop_overlimit = s.qdisc_stats.drop_overlimit;
}

static void read_codel(const struct mqoe_xstats *x, const struct nlattr *options,
                       struct mqoe_qdisc_tins *to) {
    struct mqoe_tin_stats *t = to->tins;
    t->target = mqoe_attr_number(options, TCA_CODEL_TARGET) * US;
    t->interval = mqoe_attr_number(options, TCA_CODEL_INTERVAL) * US;
    if (!x->app)
        return;
    struct tc_codel_xstats s;
    mqoe_attr_copy(&s, sizeof s, x->app);
    t->marks = (uint64_t)s.ecn_mark + s.ce_mark;
    t->max_len = s.maxpacket;
    to->qdisc.drop_overlimit = s.drop_overlimit;
}

void mqoe_tins_read(const char *kind, const struct nlattr *stats2, const struct nlattr *options,
                    uint64_t rate, struct mqoe_qdisc_tins *to) {
    const struct mqoe_xstats x = mqoe_xstats_split(stats2);
    struct mqoe_queue_count all;
    mqoe_xstats_read(kind, stats2, &all);
    *to = (struct mqoe_qdisc_tins){.discipline = kind_of(kind), .qdisc.capacity_estimate = rate, .count = 1};
    to->tins[0] = (struct mqoe_tin_stats){.out_packets = all.out_packets,
                                          .out_bytes = all.out_bytes,
                                          .drops = all.aqm + all.overflow,
                                          .marks = all.marks,
                                          .backlog_packets = all.backlog_packets,
                                          .backlog_bytes = all.backlog_bytes};
    to->qdisc.drop_overlimit = all.overflow;
    if (to->discipline == MQOE_CAKE)
        read_cake(&x, options, to);
    else if (to->discipline == MQOE_FQ_CODEL)
        read_fq_codel(&x, options, to);
    else if (to->discipline == MQOE_CODEL)
        read_codel(&x, options, to);
    to->qdisc.tins = to->count;
}

uint32_t mqoe_tins_expected(const struct mqoe_kernel_config *c) {
    static const uint32_t tins[] = {[CAKE_DIFFSERV_DIFFSERV3] = 3,
                                    [CAKE_DIFFSERV_DIFFSERV4] = 4,
                                    [CAKE_DIFFSERV_DIFFSERV8] = 8,
                                    [CAKE_DIFFSERV_BESTEFFORT] = 1,
                                    [CAKE_DIFFSERV_PRECEDENCE] = 8};
    uint32_t most = 1;
    for (uint32_t i = 0; i < c->client_count * 2; i++) {
        const struct mqoe_kernel_shaper *s = &c->clients[i / 2].shaper[i % 2];
        uint32_t its = s->discipline == MQOE_KERNEL_TC     ? MQOE_MAX_TINS // may be a cake of any kind
                       : s->discipline == MQOE_KERNEL_CAKE ? tins[s->cake.tins % CAKE_DIFFSERV_MAX]
                                                           : 1;
        most = its > most ? its : most;
    }
    return most;
}
