// The XDP switches of a lab (native/bpf/redirect.bpf.c): loaded once per side, because a device map resolves
// interface numbers in the namespace that it is filled from, and filled port by port.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/counters.h"
#include "bpf/embed.h"
#include "lab/internal.h"

EMBED_BPF(redirect, "redirect.bpf.o");

#define MAX_PORTS 65536

static const char *const side_names[] = {"access", "core"};
static const char *const program_names[] = {"port", "trunk", "stub", "pass"};

struct side {
    struct bpf_object *object;
    int programs[4];
    int port_devices, trunk_devices, port_shards;
    int ports4, ports6, shards4, shards6;
    int counters;
    uint32_t ports, shards; // sizes of the device maps
    uint32_t next_slot;
};

struct lab_xdp {
    char access[LAB_PATH], core[LAB_PATH];
    struct side sides[2];
};

// What libbpf last complained about: the only place where it says why. The engine has one thread.
static char complaint[160];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list ap) {
    if (level == LIBBPF_WARN && !complaint[0]) {
        vsnprintf(complaint, sizeof complaint, format, ap);
        complaint[strcspn(complaint, "\n")] = 0;
    }
    return 0;
}

static int bpf_error(struct lab *lab, int errnum, const char *call, const char *object, enum lab_side side) {
    const char *hint =
        errnum == EPERM ? "loading XDP programs needs CAP_BPF and CAP_NET_ADMIN; run as root" : complaint;
    return mqoe_fail(&lab->error, errnum, call, hint, "%s of %s", object, side_names[side]);
}

// ---- loading ----

static int set_sizes(struct lab *lab, struct side *s, enum lab_side side) {
    static const struct {
        const char *map;
        bool per_port;
    } sizes[] = {{"port_devices", true}, {"port_shards", true}, {"trunk_devices", false}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bpf_map *map = bpf_object__find_map_by_name(s->object, sizes[i].map);
        int status = map ? bpf_map__set_max_entries(map, sizes[i].per_port ? s->ports : s->shards) : -ENOENT;
        if (status < 0)
            return bpf_error(lab, -status, "bpf_map__set_max_entries", sizes[i].map, side);
    }
    return 0;
}

// `is_core` is the object's only constant; set before loading, the verifier drops the other side's branch.
static int set_side(struct lab *lab, struct side *s, enum lab_side side) {
    struct bpf_map *map;
    bpf_object__for_each_map(map, s->object) {
        size_t bytes;
        if (!strstr(bpf_map__name(map), ".rodata"))
            continue;
        uint32_t is_core = side == LAB_CORE;
        if (bpf_map__initial_value(map, &bytes) && bytes == sizeof is_core)
            return bpf_map__set_initial_value(map, &is_core, sizeof is_core);
    }
    return bpf_error(lab, ENOENT, "bpf_object__open_mem", "constant is_core", side);
}

static int find_parts(struct lab *lab, struct side *s, enum lab_side side) {
    const struct {
        const char *name;
        int *fd;
    } maps[] = {{"port_devices", &s->port_devices},
                {"trunk_devices", &s->trunk_devices},
                {"port_shards", &s->port_shards},
                {"ports4", &s->ports4},
                {"ports6", &s->ports6},
                {"shards4", &s->shards4},
                {"shards6", &s->shards6},
                {"counters", &s->counters}};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        if ((*maps[i].fd = bpf_object__find_map_fd_by_name(s->object, maps[i].name)) < 0)
            return bpf_error(lab, ENOENT, "bpf_object__load", maps[i].name, side);
    for (size_t i = 0; i < sizeof program_names / sizeof *program_names; i++) {
        struct bpf_program *program = bpf_object__find_program_by_name(s->object, program_names[i]);
        if (!program || (s->programs[i] = bpf_program__fd(program)) < 0)
            return bpf_error(lab, ENOENT, "bpf_object__load", program_names[i], side);
    }
    return 0;
}

static int load_side(struct lab *lab, struct side *s, enum lab_side side) {
    int status;
    complaint[0] = 0;
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "mqoe_redirect");
    s->object = bpf_object__open_mem(redirect_start, (size_t)(redirect_end - redirect_start), &options);
    if (!s->object)
        return bpf_error(lab, errno, "bpf_object__open_mem", "redirect.bpf.o", side);
    if ((status = set_sizes(lab, s, side)) < 0 || (status = set_side(lab, s, side)) < 0)
        return status;
    if ((status = bpf_object__load(s->object)) < 0)
        return bpf_error(lab, -status, "BPF_PROG_LOAD", "redirect.bpf.o", side);
    return find_parts(lab, s, side);
}

void lab_xdp_close(struct lab *lab) {
    if (!lab->xdp)
        return;
    for (int i = 0; i < 2; i++)
        bpf_object__close(lab->xdp->sides[i].object); // attached programs stay with their interfaces
    free(lab->xdp);
    lab->xdp = NULL;
}

int lab_op_xdp_open(struct lab *lab, json_t *op, json_t *result) {
    (void)result;
    const char *paths[2];
    int64_t ports, shards;
    int status;
    if ((status = lab_path(lab, op, "access", &paths[LAB_ACCESS])) < 0 ||
        (status = lab_path(lab, op, "core", &paths[LAB_CORE])) < 0 ||
        (status = lab_number(lab, op, "ports", 1, MAX_PORTS, &ports)) < 0 ||
        (status = lab_number(lab, op, "shards", 1, LAB_SHARDS, &shards)) < 0)
        return status;
    lab_xdp_close(lab);
    libbpf_set_print(keep_complaint);
    if (!(lab->xdp = calloc(1, sizeof *lab->xdp)))
        return mqoe_fail(&lab->error, ENOMEM, "calloc", "", "XDP state");
    snprintf(lab->xdp->access, LAB_PATH, "%s", paths[LAB_ACCESS]);
    snprintf(lab->xdp->core, LAB_PATH, "%s", paths[LAB_CORE]);
    for (int i = 0; i < 2; i++) {
        struct side *s = &lab->xdp->sides[i];
        s->ports = (uint32_t)ports;
        s->shards = (uint32_t)shards;
        if ((status = lab_enter(lab, paths[i])) < 0 || (status = load_side(lab, s, (enum lab_side)i)) < 0) {
            lab_xdp_close(lab);
            return status;
        }
    }
    return 0;
}

// ---- filling ----

static struct side *side_of(struct lab *lab, enum lab_side side) {
    if (lab->xdp)
        return &lab->xdp->sides[side];
    mqoe_fail(&lab->error, EBADF, "lab", "do the operation xdp_open first", "%s: the XDP programs", lab->op);
    return NULL;
}

// Ports and trunks must be made in the namespace that xdp_open named: elsewhere the same ifindex is another
// interface.
static int check_namespace(struct lab *lab, enum lab_side side) {
    const char *path = side == LAB_CORE ? lab->xdp->core : lab->xdp->access;
    return strcmp(path, lab->current)
               ? lab_field_error(lab, "netns", "the namespace that xdp_open was given for this side")
               : 0;
}

static int update(struct lab *lab, enum lab_side side, int map, const char *name, const void *key,
                  uint32_t value) {
    if (bpf_map_update_elem(map, key, &value, BPF_ANY) == 0)
        return 0;
    complaint[0] = 0;
    return bpf_error(lab, errno, "BPF_MAP_UPDATE_ELEM", name, side);
}

int lab_xdp_program(struct lab *lab, enum lab_side side, enum lab_program program) {
    struct side *s = side_of(lab, side);
    return s ? s->programs[program] : -EBADF;
}

int lab_xdp_add_port(struct lab *lab, enum lab_side side, int ifindex, uint32_t shard) {
    struct side *s = side_of(lab, side);
    int status;
    if (!s || (status = check_namespace(lab, side)) < 0)
        return -lab->error.errnum;
    if (s->next_slot == s->ports)
        return mqoe_fail(&lab->error, ENOSPC, "lab", "xdp_open was told fewer ports", "port %u of %s",
                         s->next_slot + 1, side_names[side]);
    if (shard >= s->shards)
        return lab_field_error(lab, "shard", "below the number of shards given to xdp_open");
    uint32_t slot = s->next_slot, key = (uint32_t)ifindex;
    if ((status = update(lab, side, s->port_devices, "port_devices", &slot, (uint32_t)ifindex)) < 0 ||
        (status = update(lab, side, s->port_shards, "port_shards", &key, shard)) < 0)
        return status;
    s->next_slot++;
    return (int)slot;
}

int lab_xdp_set_trunk(struct lab *lab, enum lab_side side, uint32_t shard, int ifindex) {
    struct side *s = side_of(lab, side);
    int status;
    if (!s || (status = check_namespace(lab, side)) < 0)
        return -lab->error.errnum;
    if (shard >= s->shards)
        return lab_field_error(lab, "shard", "below the number of shards given to xdp_open");
    return update(lab, side, s->trunk_devices, "trunk_devices", &shard, (uint32_t)ifindex);
}

struct trie {
    int map;
    const char *name, *field, *allowed;
    int family;
};

// Keys as struct prefix4 / prefix6 of redirect.bpf.c: the length in host order, then the address.
static int add_to_trie(struct lab *lab, enum lab_side side, const struct trie *trie, json_t *prefixes,
                       uint32_t value) {
    size_t i;
    json_t *item;
    json_array_foreach(prefixes, i, item) {
        struct {
            uint32_t length;
            uint8_t address[16];
        } key = {0};
        uint8_t length;
        if (!lab_parse_prefix(json_string_value(item), trie->family, key.address, &length))
            return lab_field_error(lab, trie->field, trie->allowed);
        key.length = length;
        int status = update(lab, side, trie->map, trie->name, &key, value);
        if (status < 0)
            return status;
    }
    return 0;
}

static int add_both(struct lab *lab, enum lab_side side, int map4, int map6, json_t *ipv4, json_t *ipv6,
                    uint32_t value) {
    const struct trie v4 = {map4, "IPv4 prefixes", "ipv4",
                            "IPv4 addresses or prefixes: \"10.0.0.1\", \"10.1.0.0/16\"", AF_INET};
    const struct trie v6 = {map6, "IPv6 prefixes", "ipv6",
                            "IPv6 addresses or prefixes: \"fd00::1\", \"fd00:1::/56\"", AF_INET6};
    int status = add_to_trie(lab, side, &v4, ipv4, value);
    return status < 0 ? status : add_to_trie(lab, side, &v6, ipv6, value);
}

int lab_xdp_add_prefixes(struct lab *lab, enum lab_side side, json_t *ipv4, json_t *ipv6, uint32_t slot) {
    struct side *s = side_of(lab, side);
    return s ? add_both(lab, side, s->ports4, s->ports6, ipv4, ipv6, slot) : -EBADF;
}

int lab_xdp_add_shard_prefixes(struct lab *lab, enum lab_side side, json_t *ipv4, json_t *ipv6,
                               uint32_t shard) {
    struct side *s = side_of(lab, side);
    if (!s)
        return -EBADF;
    if (shard >= s->shards)
        return lab_field_error(lab, "shard", "below the number of shards given to xdp_open");
    return add_both(lab, side, s->shards4, s->shards6, ipv4, ipv6, shard);
}

int lab_op_route(struct lab *lab, json_t *op, json_t *result) {
    (void)result;
    enum lab_side side;
    int64_t shard;
    json_t *ipv4, *ipv6;
    int status;
    if ((status = lab_side(lab, op, &side)) < 0 ||
        (status = lab_number(lab, op, "shard", 0, LAB_SHARDS - 1, &shard)) < 0 ||
        (status = lab_strings(lab, op, "ipv4", &ipv4)) < 0 ||
        (status = lab_strings(lab, op, "ipv6", &ipv6)) < 0)
        return status;
    if (side != LAB_CORE)
        return lab_field_error(lab, "side", "\"core\": in access a port is its client, and needs no route");
    return lab_xdp_add_shard_prefixes(lab, side, ipv4, ipv6, (uint32_t)shard);
}

// ---- counters ----

static int read_counters(struct lab *lab, enum lab_side side, uint64_t sums[COUNTERS]) {
    int cpus = libbpf_num_possible_cpus();
    uint64_t *values = cpus > 0 ? calloc((size_t)cpus, sizeof *values) : NULL;
    if (!values)
        return mqoe_fail(&lab->error, cpus < 0 ? -cpus : ENOMEM, "lab", "", "counters of %s",
                         side_names[side]);
    int status = 0;
    for (uint32_t i = 0; i < COUNTERS && status == 0; i++) {
        sums[i] = 0;
        if (bpf_map_lookup_elem(lab->xdp->sides[side].counters, &i, values) < 0)
            status = bpf_error(lab, errno, "BPF_MAP_LOOKUP_ELEM", "counters", side);
        for (int cpu = 0; cpu < cpus; cpu++)
            sums[i] += values[cpu];
    }
    free(values);
    return status;
}

int lab_xdp_counters(struct lab *lab, json_t *into) {
    uint64_t delivered = 0;
    for (int i = 0; lab->xdp && i < 2; i++) {
        uint64_t n[COUNTERS];
        int status = read_counters(lab, (enum lab_side)i, n);
        if (status < 0)
            return status;
        delivered += n[COUNT_DELIVERED];
        json_object_set_new(
            into, side_names[i],
            json_pack("{s:I, s:I, s:I, s:I, s:I}", "in", (json_int_t)n[COUNT_IN], "redirected_to_trunks",
                      (json_int_t)n[COUNT_TO_TRUNK], "redirected_to_ports", (json_int_t)n[COUNT_TO_PORT],
                      "control", (json_int_t)n[COUNT_CONTROL], "unmatched", (json_int_t)n[COUNT_UNMATCHED]));
    }
    if (lab->xdp)
        json_object_set_new(into, "delivered", json_integer((json_int_t)delivered));
    return 0;
}
