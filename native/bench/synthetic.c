#include "bench/synthetic.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// Each discipline's settings when a scenario names none (harness/scenario/schema-sqm.ts); limits are the
// caller's. Two of CAKE: with everything, and as a plain queue.
static const struct {
    const char *name, *sqm;
} presets[] = {
    {"none", "{'discipline': 'none'}"},
    {"pfifo", "{'discipline': 'pfifo'}"},
    {"bfifo", "{'discipline': 'bfifo', 'limit': 15360000}"},
    {"codel", "{'discipline': 'codel', 'target': 5000000, 'interval': 100000000, 'ecn': false,"
              " 'ceThreshold': -1, 'limit': 1000}"},
    {"cobalt", "{'discipline': 'cobalt', 'target': 5000000, 'interval': 100000000, 'ecn': true,"
               " 'limit': 10240}"},
    {"fq_codel", "{'discipline': 'fq_codel', 'target': 5000000, 'interval': 100000000, 'quantum': 1514,"
                 " 'flows': 1024, 'limit': 10240, 'memoryLimit': 33554432, 'ecn': true, 'ceThreshold': -1}"},
    {"cake", "{'discipline': 'cake', 'tins': 'diffserv4', 'rtt': 100000000, 'isolation': 'triple-isolate',"
             " 'nat': false, 'wash': false, 'ackFilter': 'on', 'ingress': false, 'splitGso': false,"
             " 'memoryLimit': 0, 'autorateIngress': false}"},
    {"cake_flows", "{'discipline': 'cake', 'tins': 'besteffort', 'rtt': 100000000, 'isolation': 'flows',"
                   " 'nat': false, 'wash': false, 'ackFilter': 'off', 'ingress': false, 'splitGso': false,"
                   " 'memoryLimit': 0, 'autorateIngress': false}"},
    {"dualpi2", "{'discipline': 'dualpi2', 'limit': 10000, 'memoryLimit': 30280000, 'target': 15000000,"
                " 'tupdate': 16000000, 'alpha': 41, 'beta': 819,"
                " 'step': {'unit': 'time', 'threshold': 1000000}, 'minQlenStep': 0, 'coupling': 2,"
                " 'classicProtection': 10, 'dropOnOverload': true, 'dropEarly': false, 'ecnMask': 'l4s'}"},
};

static json_t *preset(const char *name) {
    char text[512];
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(presets[i].name, name) != 0)
            continue;
        snprintf(text, sizeof text, "%s", presets[i].sqm);
        for (char *c = text; *c; c++) // quotes that need no escape above
            *c = *c == '\'' ? '"' : *c;
        return json_loads(text, 0, NULL);
    }
    return json_pack("{s:s}", "discipline", name); // the reader says what is wrong with it
}

json_t *mqoe_synthetic_shaper(uint64_t rate, const char *discipline, uint32_t limit) {
    json_t *sqm = preset(discipline);
    if (!strcmp(discipline, "pfifo"))
        json_object_set_new(sqm, "limit", json_integer(limit));
    return json_pack("{s:I, s:{s:s, s:i, s:i, s:s}, s:o}", "rate", (json_int_t)rate, "framing", "base",
                     "frame", "overhead", 0, "mpu", 0, "cell", "none", "sqm", sqm);
}

static json_t *client(const struct mqoe_synthetic *s, uint32_t i) {
    char name[16], address[INET_ADDRSTRLEN];
    struct in_addr a = {htonl(mqoe_synthetic_client(i))};
    snprintf(name, sizeof name, "c%u", i);
    inet_ntop(AF_INET, &a, address, sizeof address);
    return json_pack("{s:i, s:s, s:i, s:[s], s:i, s:o, s:o}", "id", (int)i, "name", name, "reactor", 0,
                     "addresses", address, "path", s->client_delay ? 1 : -1, "down",
                     mqoe_synthetic_shaper(s->rate, s->discipline, s->limit), "up",
                     mqoe_synthetic_shaper(s->rate, s->discipline, s->limit));
}

json_t *mqoe_synthetic_line(uint64_t delay, uint64_t rate) {
    static const char *const zeros[] = {"delayCorrelation", "packetOverhead", "cellSize",     "cellOverhead",
                                        "limitPackets",     "limitBytes",     "ecnThreshold", "jitter"};
    json_t *line = json_pack(
        "{s:b, s:b, s:b, s:{s:s}, s:{s:i, s:i}, s:{s:i, s:i}, s:{s:i, s:i, s:i}, s:I, s:s, s:I, s:n, s:n}",
        "up", true, "ecn", false, "keepOrder", true, "loss", "model", "none", "duplicate", "probability", 0,
        "correlation", 0, "corrupt", "probability", 0, "correlation", 0, "reorder", "probability", 0,
        "correlation", 0, "gap", 0, "delay", (json_int_t)delay, "distribution", "uniform", "rate",
        (json_int_t)rate, "slot", "trace");
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        json_object_set_new(line, zeros[i], json_integer(0));
    return line;
}

static json_t *path(int id, const char *name, uint64_t delay, uint64_t rate) {
    return json_pack("{s:i, s:s, s:o, s:o}", "id", id, "name", name, "down", mqoe_synthetic_line(delay, rate),
                     "up", mqoe_synthetic_line(delay, rate));
}

json_t *mqoe_synthetic_blueprint(const struct mqoe_synthetic *s) {
    json_t *clients = json_array();
    for (uint32_t i = 0; i < s->clients; i++)
        json_array_append_new(clients, client(s, i));
    json_t *reactor = json_pack("{s:i, s:i, s:s, s:s, s:i, s:i}", "id", 0, "core", -1, "access", s->access,
                                "coreTrunk", s->core, "frames", (int)s->frames, "frameSize", 2048);
    json_t *server = json_pack("{s:i, s:s, s:[s], s:i}", "id", 0, "name", "server", "addresses", "198.18.0.1",
                               "path", s->server_delay || s->server_rate ? 0 : -1);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:[o], s:[o, o], s:[o], s:o}", "schema", "mqoe-dataplane/1",
                     "kind", "afxdp", "lab", "synthetic", "netns", s->netns, "seed", 1, "reactors", reactor,
                     "paths", path(0, "server", s->server_delay, s->server_rate),
                     path(1, "client", s->client_delay, 0), "servers", server, "clients", clients);
}

static void put16(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value) {
    put16(to, value >> 16);
    put16(to + 2, value);
}

static uint16_t ip_checksum(const uint8_t *header) { // RFC 1071
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)header[i] << 8 | header[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

uint32_t mqoe_synthetic_frame(uint8_t *to, uint32_t src, uint32_t dst, uint16_t src_port, uint16_t dst_port,
                              uint32_t len) {
    static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x08, 0x00};
    memcpy(to, ethernet, sizeof ethernet);
    uint8_t *ip = to + 14, *udp = ip + 20;
    memset(ip, 0, 28);
    ip[0] = 0x45;
    put16(ip + 2, len - 14);
    ip[8] = 64; // TTL
    ip[9] = 17; // UDP; its checksum stays 0: not computed
    put32(ip + 12, src);
    put32(ip + 16, dst);
    put16(ip + 10, ip_checksum(ip));
    put16(udp, src_port);
    put16(udp + 2, dst_port);
    put16(udp + 4, len - 34);
    return len;
}
