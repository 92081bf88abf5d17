#include "dataplane/config_sqm.h"

#define MAX_INTEGER ((int64_t)1 << 53)
#define MAX_DELAY   (int64_t)60000000000   // 60 s
#define MAX_RTT     (int64_t)1000000000000 // 1,000 s: tc's "interplanetary"
#define MAX_GAIN    (65535 * 256)          // 1/256 Hz

#define KEYS(...)   ((const char *const[]){__VA_ARGS__, NULL})

// ---- CoDel and what is built of it ----

static void read_fq_codel(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    struct mqoe_fq_codel_config *q = &out->fq_codel;
    q->target = (uint64_t)mqoe_node_int(n, "target", 1, MAX_DELAY);
    q->interval = (uint64_t)mqoe_node_int(n, "interval", 1, MAX_DELAY);
    q->quantum = (uint32_t)mqoe_node_int(n, "quantum", 1, 1 << 20);
    q->flows = (uint32_t)mqoe_node_int(n, "flows", 1, 65536);
    q->limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    q->memory_limit = (uint64_t)mqoe_node_int(n, "memoryLimit", 1, MAX_INTEGER);
    q->ecn = mqoe_node_bool(n, "ecn");
    q->ce_threshold = mqoe_node_int(n, "ceThreshold", -1, MAX_DELAY);
    mqoe_node_only(n, KEYS("discipline", "target", "interval", "quantum", "flows", "limit", "memoryLimit",
                           "ecn", "ceThreshold"));
}

static void read_codel(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    struct mqoe_codel_config *q = &out->codel;
    q->target = (uint64_t)mqoe_node_int(n, "target", 1, MAX_DELAY);
    q->interval = (uint64_t)mqoe_node_int(n, "interval", 1, MAX_DELAY);
    q->limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    q->ecn = mqoe_node_bool(n, "ecn");
    q->ce_threshold = mqoe_node_int(n, "ceThreshold", -1, MAX_DELAY);
    mqoe_node_only(n, KEYS("discipline", "target", "interval", "limit", "ecn", "ceThreshold"));
}

static void read_cobalt(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    struct mqoe_cobalt_config *q = &out->cobalt;
    q->target = (uint64_t)mqoe_node_int(n, "target", 1, MAX_DELAY);
    q->interval = (uint64_t)mqoe_node_int(n, "interval", 1, MAX_DELAY);
    q->limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    q->ecn = mqoe_node_bool(n, "ecn");
    mqoe_node_only(n, KEYS("discipline", "target", "interval", "limit", "ecn"));
}

// ---- CAKE ----

static void read_cake(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    struct mqoe_cake_config *q = &out->cake;
    // In the order of the enumerations of cake.h and ack_filter.h.
    q->tins = (enum mqoe_cake_tins)mqoe_node_enum(
        n, "tins", KEYS("besteffort", "precedence", "diffserv3", "diffserv4", "diffserv8"));
    q->isolation =
        (enum mqoe_cake_isolation)mqoe_node_enum(n, "isolation",
                                                 KEYS("flowblind", "srchost", "dsthost", "hosts", "flows",
                                                      "dual-srchost", "dual-dsthost", "triple-isolate"));
    q->ack_filter = (enum mqoe_ack_filter)mqoe_node_enum(n, "ackFilter", KEYS("off", "on", "aggressive"));
    q->rtt = (uint64_t)mqoe_node_int(n, "rtt", 1000, MAX_RTT);
    q->memory_limit = (uint64_t)mqoe_node_int(n, "memoryLimit", 0, MAX_INTEGER);
    q->wash = mqoe_node_bool(n, "wash");
    q->ingress = mqoe_node_bool(n, "ingress");
    q->autorate_ingress = mqoe_node_bool(n, "autorateIngress");
    // Offloads are off in the lab and no frame is larger than the MTU: there is nothing to split either way.
    mqoe_node_bool(n, "splitGso");
    if (mqoe_node_bool(n, "nat")) {
        struct mqoe_node nat = mqoe_node_member(n, "nat");
        mqoe_node_fail(&nat,
                       "is true; afxdp has no conntrack to look behind NAT with: it must be false, or the "
                       "dataplane `kernel`");
    }
    mqoe_node_only(n, KEYS("discipline", "tins", "rtt", "isolation", "nat", "wash", "ackFilter", "ingress",
                           "splitGso", "memoryLimit", "autorateIngress"));
}

// ---- DualPI2 ----

static void read_step(const struct mqoe_node *n, struct mqoe_dualpi2_config *q) {
    struct mqoe_node step = mqoe_node_object(n, "step");
    q->step_in_packets = mqoe_node_enum(&step, "unit", KEYS("time", "packets"));
    q->step_threshold = (uint64_t)mqoe_node_int(&step, "threshold", 0, MAX_DELAY);
    mqoe_node_only(&step, KEYS("unit", "threshold"));
}

static void read_dualpi2(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    static const enum mqoe_dualpi2_ecn masks[] = {MQOE_DUALPI2_L4S, MQOE_DUALPI2_ANY, MQOE_DUALPI2_NONE};
    struct mqoe_dualpi2_config *q = &out->dualpi2;
    q->limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    q->memory_limit = (uint64_t)mqoe_node_int(n, "memoryLimit", 1, MAX_INTEGER);
    q->target = (uint64_t)mqoe_node_int(n, "target", 1, MAX_DELAY);
    q->tupdate = (uint64_t)mqoe_node_int(n, "tupdate", 1000, MAX_DELAY);
    q->alpha = (uint32_t)mqoe_node_int(n, "alpha", 1, MAX_GAIN);
    q->beta = (uint32_t)mqoe_node_int(n, "beta", 1, MAX_GAIN);
    read_step(n, q);
    q->min_qlen_step = (uint32_t)mqoe_node_int(n, "minQlenStep", 0, INT32_MAX);
    q->coupling = (uint8_t)mqoe_node_int(n, "coupling", 1, 255);
    q->classic_protection = (uint8_t)mqoe_node_int(n, "classicProtection", 0, 100);
    q->drop_on_overload = mqoe_node_bool(n, "dropOnOverload");
    q->drop_early = mqoe_node_bool(n, "dropEarly");
    q->ecn_mask = masks[mqoe_node_enum(n, "ecnMask", KEYS("l4s", "any", "none"))];
    mqoe_node_only(n, KEYS("discipline", "limit", "memoryLimit", "target", "tupdate", "alpha", "beta", "step",
                           "minQlenStep", "coupling", "classicProtection", "dropOnOverload", "dropEarly",
                           "ecnMask"));
}

// ---- queues without an AQM ----

static void read_pfifo(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    out->pfifo.limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    mqoe_node_only(n, KEYS("discipline", "limit"));
}

static void read_bfifo(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    out->bfifo.limit = (uint32_t)mqoe_node_int(n, "limit", 1, UINT32_MAX);
    mqoe_node_only(n, KEYS("discipline", "limit"));
}

static void read_none(const struct mqoe_node *n, struct mqoe_discipline_config *out) {
    (void)out;
    mqoe_node_only(n, KEYS("discipline"));
}

// ---- all ----

void mqoe_dp_read_sqm(const struct mqoe_node *shaper, uint32_t max_frame,
                      struct mqoe_discipline_config *out) {
    // By enum mqoe_discipline_kind.
    static void (*const readers[])(const struct mqoe_node *, struct mqoe_discipline_config *) = {
        [MQOE_NONE] = read_none,   [MQOE_PFIFO] = read_pfifo,     [MQOE_FQ_CODEL] = read_fq_codel,
        [MQOE_CAKE] = read_cake,   [MQOE_CODEL] = read_codel,     [MQOE_COBALT] = read_cobalt,
        [MQOE_BFIFO] = read_bfifo, [MQOE_DUALPI2] = read_dualpi2,
    };
    struct mqoe_node sqm = mqoe_node_object(shaper, "sqm");
    *out = (struct mqoe_discipline_config){0};
    out->kind = (enum mqoe_discipline_kind)mqoe_node_enum(
        &sqm, "discipline", KEYS("none", "pfifo", "fq_codel", "cake", "codel", "cobalt", "bfifo", "dualpi2"));
    readers[out->kind](&sqm, out);
    mqoe_dp_sqm_set_max_frame(out, max_frame);
}

void mqoe_dp_sqm_set_max_frame(struct mqoe_discipline_config *config, uint32_t bytes) {
    switch (config->kind) {
    case MQOE_FQ_CODEL:
        config->fq_codel.mtu = bytes;
        break;
    case MQOE_CAKE:
        config->cake.mtu = bytes;
        break;
    case MQOE_CODEL:
        config->codel.mtu = bytes;
        break;
    case MQOE_COBALT:
        config->cobalt.mtu = bytes;
        break;
    case MQOE_DUALPI2:
        config->dualpi2.mtu = bytes;
        break;
    case MQOE_NONE:
    case MQOE_PFIFO:
    case MQOE_BFIFO:
        break;
    }
}
