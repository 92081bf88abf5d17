#include "kernel/config.h"

#include <linux/pkt_sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqm/framing_read.h"

#define MAX_INTEGER ((int64_t)1 << 53)
#define MAX_RATE    (int64_t)1000000000000 // 1 Tbit/s
#define MAX_DELAY   (int64_t)60000000000   // 60 s
#define MAX_RTT     (int64_t)1000000000000 // 1,000 s: tc's "interplanetary"
#define MAX_GAIN    (65535 * 256)          // 1/256 Hz
#define MIN_PERIOD  2000 // ns; CoDel counts in 1,024 ns, and with an interval of 0 it drops whole queues
#define MAX_SERVERS 1000000
#define MAX_MTU     65535

#define KEYS(...)   ((const char *const[]){__VA_ARGS__, NULL})

const char *mqoe_kernel_kind(enum mqoe_kernel_discipline discipline) {
    static const char *const kinds[] = {
        [MQOE_KERNEL_FQ_CODEL] = "fq_codel", [MQOE_KERNEL_PFIFO] = "pfifo", [MQOE_KERNEL_NONE] = "",
        [MQOE_KERNEL_CAKE] = "cake",         [MQOE_KERNEL_CODEL] = "codel", [MQOE_KERNEL_DUALPI2] = "dualpi2",
        [MQOE_KERNEL_BFIFO] = "bfifo",       [MQOE_KERNEL_TC] = "",
    };
    return kinds[discipline];
}

// ---- one shaper ----

static void read_codel(const struct mqoe_node *n, struct mqoe_kernel_codel *q) {
    q->target = (uint64_t)mqoe_node_int(n, "target", 1, MAX_DELAY);
    q->interval = (uint64_t)mqoe_node_int(n, "interval", MIN_PERIOD, MAX_DELAY);
    q->limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    q->ecn = mqoe_node_bool(n, "ecn");
    q->ce_threshold = mqoe_node_int(n, "ceThreshold", -1, MAX_DELAY);
}

static void read_fq_codel(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    struct mqoe_kernel_codel *q = &out->codel;
    read_codel(n, q);
    q->quantum = (uint32_t)mqoe_node_int(n, "quantum", 256, 1 << 20); // what the kernel's qdisc takes
    q->flows = (uint32_t)mqoe_node_int(n, "flows", 1, 65536);
    q->memory_limit = (uint64_t)mqoe_node_int(n, "memoryLimit", 1, MAX_INTEGER);
    mqoe_node_only(n, KEYS("discipline", "target", "interval", "quantum", "flows", "limit", "memoryLimit",
                           "ecn", "ceThreshold"));
}

static void read_plain_codel(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    read_codel(n, &out->codel);
    mqoe_node_only(n, KEYS("discipline", "target", "interval", "limit", "ecn", "ceThreshold"));
}

static void read_pfifo(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    out->pfifo_limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    mqoe_node_only(n, KEYS("discipline", "limit"));
}

static void read_bfifo(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    out->bfifo_limit = (uint32_t)mqoe_node_int(n, "limit", 1, UINT32_MAX);
    mqoe_node_only(n, KEYS("discipline", "limit"));
}

static void read_none(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    (void)out;
    mqoe_node_only(n, KEYS("discipline"));
}

static void read_cake(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    static const uint32_t tins[] = {CAKE_DIFFSERV_BESTEFFORT, CAKE_DIFFSERV_PRECEDENCE,
                                    CAKE_DIFFSERV_DIFFSERV3, CAKE_DIFFSERV_DIFFSERV4,
                                    CAKE_DIFFSERV_DIFFSERV8};
    static const uint32_t isolations[] = {CAKE_FLOW_NONE,     CAKE_FLOW_SRC_IP, CAKE_FLOW_DST_IP,
                                          CAKE_FLOW_HOSTS,    CAKE_FLOW_FLOWS,  CAKE_FLOW_DUAL_SRC,
                                          CAKE_FLOW_DUAL_DST, CAKE_FLOW_TRIPLE};
    static const uint32_t filters[] = {CAKE_ACK_NONE, CAKE_ACK_FILTER, CAKE_ACK_AGGRESSIVE};
    struct mqoe_kernel_cake *q = &out->cake;
    q->tins = tins[mqoe_node_enum(n, "tins",
                                  KEYS("besteffort", "precedence", "diffserv3", "diffserv4", "diffserv8"))];
    q->rtt = (uint64_t)mqoe_node_int(n, "rtt", 1000, MAX_RTT);
    q->isolation = isolations[mqoe_node_enum(n, "isolation",
                                             KEYS("flowblind", "srchost", "dsthost", "hosts", "flows",
                                                  "dual-srchost", "dual-dsthost", "triple-isolate"))];
    q->nat = mqoe_node_bool(n, "nat");
    q->wash = mqoe_node_bool(n, "wash");
    q->ack_filter = filters[mqoe_node_enum(n, "ackFilter", KEYS("off", "on", "aggressive"))];
    q->ingress = mqoe_node_bool(n, "ingress");
    q->split_gso = mqoe_node_bool(n, "splitGso");
    q->autorate_ingress = mqoe_node_bool(n, "autorateIngress");
    q->memory_limit = (uint64_t)mqoe_node_int(n, "memoryLimit", 0, UINT32_MAX);
    mqoe_node_only(n, KEYS("discipline", "tins", "rtt", "isolation", "nat", "wash", "ackFilter", "ingress",
                           "splitGso", "memoryLimit", "autorateIngress"));
}

static void read_step(const struct mqoe_node *n, struct mqoe_kernel_dualpi2 *q) {
    struct mqoe_node step = mqoe_node_object(n, "step");
    q->step_in_packets = mqoe_node_enum(&step, "unit", KEYS("time", "packets"));
    q->step_threshold = (uint64_t)mqoe_node_int(&step, "threshold", 0, MAX_DELAY);
    if (mqoe_node_ok(n) && q->step_in_packets && q->step_threshold > UINT32_MAX)
        mqoe_node_fail(&step, "has threshold %llu; the kernel counts packets in 32 bits",
                       (unsigned long long)q->step_threshold);
    mqoe_node_only(&step, KEYS("unit", "threshold"));
}

static void read_dualpi2(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    struct mqoe_kernel_dualpi2 *q = &out->dualpi2;
    static const uint8_t masks[] = {1, 3};
    q->limit = (uint32_t)mqoe_node_int(n, "limit", 1, INT32_MAX);
    q->memory_limit = (uint64_t)mqoe_node_int(n, "memoryLimit", 1, MAX_INTEGER);
    q->target = (uint64_t)mqoe_node_int(n, "target", 1000, MAX_DELAY);
    q->tupdate = (uint64_t)mqoe_node_int(n, "tupdate", 1000, MAX_DELAY);
    q->alpha = (uint32_t)mqoe_node_int(n, "alpha", 1, MAX_GAIN);
    q->beta = (uint32_t)mqoe_node_int(n, "beta", 1, MAX_GAIN);
    read_step(n, q);
    q->min_qlen_step = (uint32_t)mqoe_node_int(n, "minQlenStep", 0, INT32_MAX);
    q->coupling = (uint8_t)mqoe_node_int(n, "coupling", 1, 255);
    q->classic_protection = (uint8_t)mqoe_node_int(n, "classicProtection", 0, 100);
    q->drop_on_overload = mqoe_node_bool(n, "dropOnOverload");
    q->drop_early = mqoe_node_bool(n, "dropEarly");
    // The kernel refuses a mask of nothing.
    q->ecn_mask = masks[mqoe_node_enum(n, "ecnMask", KEYS("l4s", "any"))];
    mqoe_node_only(n, KEYS("discipline", "limit", "memoryLimit", "target", "tupdate", "alpha", "beta", "step",
                           "minQlenStep", "coupling", "classicProtection", "dropOnOverload", "dropEarly",
                           "ecnMask"));
}

static void read_tc(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    out->tc.args = mqoe_node_text(n, "args");
    out->tc.rate = (uint64_t)mqoe_node_int(n, "rate", 0, MAX_RATE);
    mqoe_node_only(n, KEYS("discipline", "args", "rate"));
}

// Plans that nobody enforces: whatever a queue is called and set to, there is none.
static void read_unenforced(const struct mqoe_node *n) {
    struct mqoe_node sqm = mqoe_node_object(n, "sqm");
    mqoe_node_string(&sqm, "discipline");
}

static void read_enforced(const struct mqoe_node *n, struct mqoe_kernel_shaper *out) {
    // In the order of enum mqoe_kernel_discipline.
    static void (*const readers[])(const struct mqoe_node *, struct mqoe_kernel_shaper *) = {
        read_fq_codel, read_pfifo, read_none, read_cake, read_plain_codel, read_dualpi2, read_bfifo, read_tc};
    struct mqoe_node sqm = mqoe_node_object(n, "sqm");
    out->discipline = (enum mqoe_kernel_discipline)mqoe_node_enum(
        &sqm, "discipline", KEYS("fq_codel", "pfifo", "none", "cake", "codel", "dualpi2", "bfifo", "tc"));
    readers[out->discipline](&sqm, out);
    if (out->discipline == MQOE_KERNEL_NONE && out->rate)
        mqoe_node_fail(n, "has discipline \"none\" and a rate; \"none\" does not shape: rate must be 0");
    if (mqoe_node_ok(n) && out->rate && out->rate < 8)
        mqoe_node_fail(n,
                       "has rate %llu; the kernel counts whole bytes/s: 8 bit/s or more, or 0 for no limit",
                       (unsigned long long)out->rate);
}

void mqoe_kernel_read_shaper(const struct mqoe_node *n, bool shapes, struct mqoe_kernel_shaper *out) {
    *out = (struct mqoe_kernel_shaper){.discipline = MQOE_KERNEL_NONE};
    out->rate = (uint64_t)mqoe_node_int(n, "rate", 0, MAX_RATE);
    out->framing = mqoe_framing_read(n);
    if (shapes)
        read_enforced(n, out);
    else
        read_unenforced(n);
    mqoe_node_only(n, KEYS("rate", "framing", "sqm"));
}

// ---- the whole blueprint ----

static void read_interface(const struct mqoe_node *n, const char *key, char to[16]) {
    const char *text = mqoe_node_text(n, key);
    if (mqoe_node_ok(n) && strlen(text) > 15)
        mqoe_node_fail(n, "has %s \"%s\"; an interface name has 1 to 15 characters", key, text);
    snprintf(to, 16, "%s", text);
}

static void read_mac(const struct mqoe_node *n, uint8_t mac[6]) {
    const char *text = mqoe_node_text(n, "mac");
    int end = 0;
    if (mqoe_node_ok(n) && (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
                                   &mac[3], &mac[4], &mac[5], &end) != 6 ||
                            end != 17 || text[end] || mac[0] & 1))
        mqoe_node_fail(n, "has mac \"%.20s\"; must be a unicast address such as \"02:00:00:00:00:01\"", text);
}

static void read_link(const struct mqoe_node *root, struct mqoe_kernel_config *c) {
    struct mqoe_node n = mqoe_node_object(root, "link");
    read_interface(&n, "access", c->interface[MQOE_KERNEL_DOWN]);
    read_interface(&n, "core", c->interface[MQOE_KERNEL_UP]);
    read_mac(&n, c->mac);
    c->mtu = (uint32_t)mqoe_node_int(&n, "mtu", 68, MAX_MTU);
    mqoe_node_only(&n, KEYS("access", "core", "mac", "mtu"));
    if (mqoe_node_ok(root) && !strcmp(c->interface[0], c->interface[1]))
        mqoe_node_fail(&n, "has \"%s\" as access and as core; they must be two interfaces", c->interface[0]);
}

// Ids are indexes.
static void read_id(const struct mqoe_node *n, size_t index) {
    int64_t id = mqoe_node_int(n, "id", 0, MAX_INTEGER);
    if (mqoe_node_ok(n) && (size_t)id != index)
        mqoe_node_fail(n, "has id %ld; ids count from 0 in order, here %zu", (long)id, index);
}

// Appends the addresses of owner `value` to a table that grows by doubling.
static void read_addresses(const struct mqoe_node *n, uint32_t value, struct mqoe_prefix **table,
                           uint32_t *count) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(n, "addresses", &length);
    for (size_t i = 0; i < length && mqoe_node_ok(n); i++) {
        struct mqoe_node item = mqoe_node_element(&list, i);
        const char *text = json_string_value(item.json);
        struct mqoe_error e;
        if (!(*count & (*count - 1))) { // 0 or a power of two: full
            struct mqoe_prefix *bigger = reallocarray(*table, *count ? *count * 2 : 1, sizeof **table);
            if (!bigger) {
                mqoe_node_fail(&list, "no memory for %zu addresses", length);
                return;
            }
            *table = bigger;
        }
        struct mqoe_prefix *p = &(*table)[*count];
        if (!text || mqoe_prefix_parse(p, text, &e) != 0) {
            mqoe_node_wrong(&item, "an IPv4 or IPv6 address, or a prefix");
            return;
        }
        p->value = value;
        (*count)++;
    }
}

static void read_server(const struct mqoe_node *n, size_t i, struct mqoe_kernel_config *c) {
    read_id(n, i);
    mqoe_node_string(n, "name");
    mqoe_node_int(n, "path", -1, -1); // distance is a stage of its own here
    read_addresses(n, (uint32_t)i, &c->server_prefixes, &c->server_prefix_count);
    mqoe_node_only(n, KEYS("id", "name", "addresses", "path"));
}

static void read_client(const struct mqoe_node *n, size_t i, struct mqoe_kernel_config *c) {
    struct mqoe_kernel_client *k = &c->clients[i];
    read_id(n, i);
    k->name = mqoe_node_string(n, "name");
    mqoe_node_int(n, "reactor", 0, 0);
    mqoe_node_int(n, "path", -1, -1);
    read_addresses(n, (uint32_t)i, &c->client_prefixes, &c->client_prefix_count);
    struct mqoe_node down = mqoe_node_object(n, "down"), up = mqoe_node_object(n, "up");
    mqoe_kernel_read_shaper(&down, c->shapes, &k->shaper[MQOE_KERNEL_DOWN]);
    mqoe_kernel_read_shaper(&up, c->shapes, &k->shaper[MQOE_KERNEL_UP]);
    mqoe_node_only(n, KEYS("id", "name", "reactor", "addresses", "path", "site", "node", "down", "up"));
}

static struct mqoe_node read_list(const struct mqoe_node *root, const char *key, size_t max, size_t *length) {
    struct mqoe_node list = mqoe_node_array(root, key, length);
    if (mqoe_node_ok(root) && *length > max)
        mqoe_node_fail(&list, "has %zu entries, must have at most %zu", *length, max);
    if (!mqoe_node_ok(root))
        *length = 0;
    return list;
}

static void read_endpoints(const struct mqoe_node *root, struct mqoe_kernel_config *c) {
    size_t servers, clients;
    struct mqoe_node list = read_list(root, "servers", MAX_SERVERS, &servers);
    for (size_t i = 0; i < servers && mqoe_node_ok(root); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        read_server(&item, i, c);
    }
    c->server_count = (uint32_t)servers;
    list = read_list(root, "clients", MQOE_KERNEL_MAX_CLIENTS, &clients);
    c->clients = calloc(clients ? clients : 1, sizeof *c->clients);
    if (!c->clients) {
        mqoe_node_fail(&list, "no memory for %zu clients", clients);
        return;
    }
    for (size_t i = 0; i < clients && mqoe_node_ok(root); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        read_client(&item, i, c);
    }
    c->client_count = (uint32_t)clients;
}

// What other kinds use must be there (the schema is one), and empty.
static void read_unused(const struct mqoe_node *root) {
    size_t reactors, paths;
    read_list(root, "reactors", 0, &reactors);
    read_list(root, "paths", 0, &paths);
    struct mqoe_node external = mqoe_node_member(root, "external");
    if (!json_is_null(external.json))
        mqoe_node_wrong(&external, "null for this kind");
}

static int read_document(struct mqoe_kernel_config *c, json_t *document, const char *file,
                         struct mqoe_error *e) {
    *c = (struct mqoe_kernel_config){.document = document};
    struct mqoe_node root = mqoe_node_file(document, file, e);
    mqoe_node_enum(&root, "schema", KEYS("mqoe-dataplane/1"));
    c->shapes = mqoe_node_enum(&root, "kind", KEYS("kernel", "none")) == 0;
    c->lab = mqoe_node_string(&root, "lab");
    c->netns = mqoe_node_text(&root, "netns");
    mqoe_node_int(&root, "seed", 0, MAX_INTEGER);
    read_unused(&root);
    read_endpoints(&root, c);
    read_link(&root, c);
    mqoe_node_only(&root, KEYS("schema", "kind", "lab", "netns", "seed", "reactors", "paths", "servers",
                               "clients", "sites", "link", "external"));
    return -e->errnum;
}

int mqoe_kernel_config_read(struct mqoe_kernel_config *c, json_t *document, struct mqoe_error *e) {
    return read_document(c, document, NULL, e);
}

int mqoe_kernel_config_load(struct mqoe_kernel_config *c, const char *file, struct mqoe_error *e) {
    *c = (struct mqoe_kernel_config){0};
    json_t *document;
    int err = mqoe_document_load(file, &document, e);
    return err ? err : read_document(c, document, file, e);
}

void mqoe_kernel_config_free(struct mqoe_kernel_config *c) {
    free(c->clients);
    free(c->client_prefixes);
    free(c->server_prefixes);
    json_decref(c->document);
    *c = (struct mqoe_kernel_config){0};
}
