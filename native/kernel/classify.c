#include "kernel/classify.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/embed.h"

EMBED_BPF(mqoe_classify_program, "classify.bpf.o");

static const char *const program_names[] = {"from_access", "from_core", "own_frames", "to_class"};

// What libbpf last complained about: the only place where it says why. The process has one thread.
static char complaint[160];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list ap) {
    if (level == LIBBPF_WARN && !complaint[0]) {
        vsnprintf(complaint, sizeof complaint, format, ap);
        complaint[strcspn(complaint, "\n")] = 0;
    }
    return 0;
}

static int bpf_error(struct mqoe_error *e, int errnum, const char *call, const char *what) {
    const char *hint = errnum == EPERM ? "needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or root)" : complaint;
    return mqoe_fail(e, errnum, call, hint, "%s of the classifier", what);
}

static int set_map_size(struct bpf_object *object, const char *name, uint32_t entries, struct mqoe_error *e) {
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);
    int err = map ? bpf_map__set_max_entries(map, entries ? entries : 1) : -ENOENT;
    return err ? bpf_error(e, -err, "bpf_map__set_max_entries", name) : 0;
}

static uint32_t count_family(const struct mqoe_prefix *prefixes, uint32_t count, uint8_t family) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += prefixes[i].family == family;
    return n;
}

static int set_sizes(struct mqoe_classify *c, const struct mqoe_kernel_config *k, unsigned counting,
                     struct mqoe_error *e) {
    const struct {
        const char *map;
        uint32_t entries;
    } sizes[] = {
        {"clients4", count_family(k->client_prefixes, k->client_prefix_count, 4)},
        {"clients6", count_family(k->client_prefixes, k->client_prefix_count, 6)},
        {"servers4", count_family(k->server_prefixes, k->server_prefix_count, 4)},
        {"servers6", count_family(k->server_prefixes, k->server_prefix_count, 6)},
        {"passed", counting ? k->client_count * 2 : 1},
    };
    int err = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !err; i++)
        err = set_map_size(c->object, sizes[i].map, sizes[i].entries, e);
    return err;
}

// `settings` is the object's only constant.
static int set_settings(struct mqoe_classify *c, uint32_t mtu, uint32_t counting, struct mqoe_error *e) {
    const uint32_t settings[2] = {mtu, counting};
    struct bpf_map *map;
    bpf_object__for_each_map(map, c->object) {
        size_t bytes;
        if (strstr(bpf_map__name(map), ".rodata") && bpf_map__initial_value(map, &bytes) &&
            bytes == sizeof settings) {
            int err = bpf_map__set_initial_value(map, settings, sizeof settings);
            return err ? bpf_error(e, -err, "bpf_map__set_initial_value", "constant settings") : 0;
        }
    }
    return bpf_error(e, ENOENT, "bpf_object__open_mem", "constant settings");
}

static int find_parts(struct mqoe_classify *c, struct mqoe_error *e) {
    for (size_t i = 0; i < MQOE_CLASSIFY_PROGRAMS; i++) {
        struct bpf_program *program = bpf_object__find_program_by_name(c->object, program_names[i]);
        if (!program || (c->programs[i] = bpf_program__fd(program)) < 0)
            return bpf_error(e, ENOENT, "bpf_object__load", program_names[i]);
    }
    c->counters = bpf_object__find_map_fd_by_name(c->object, "counters");
    c->passed = bpf_object__find_map_fd_by_name(c->object, "passed");
    if (c->counters < 0 || c->passed < 0)
        return bpf_error(e, ENOENT, "bpf_object__load", "counters");
    return 0;
}

// Keys as struct prefix4 / prefix6 of classify.bpf.c: the length in host order, then the address.
static int enter_prefixes(struct mqoe_classify *c, const char *v4, const char *v6,
                          const struct mqoe_prefix *prefixes, uint32_t count, struct mqoe_error *e) {
    int tries[] = {bpf_object__find_map_fd_by_name(c->object, v4),
                   bpf_object__find_map_fd_by_name(c->object, v6)};
    for (uint32_t i = 0; i < count; i++) {
        struct {
            uint32_t length;
            uint8_t address[16];
        } key = {.length = prefixes[i].length};
        memcpy(key.address, prefixes[i].address.bytes, sizeof key.address);
        // Only a client's address must be its alone.
        uint64_t flag = v4[0] == 'c' ? BPF_NOEXIST : BPF_ANY;
        if (bpf_map_update_elem(tries[prefixes[i].family == 6], &key, &prefixes[i].value, flag) == 0)
            continue;
        return mqoe_fail(e, errno, "bpf(BPF_MAP_UPDATE_ELEM)",
                         errno == EEXIST ? "another client has the same address or prefix" : "",
                         "address of %s %u", v4[0] == 'c' ? "client" : "server", prefixes[i].value);
    }
    return 0;
}

static int load(struct mqoe_classify *c, const struct mqoe_kernel_config *k, unsigned counting,
                struct mqoe_error *e) {
    complaint[0] = 0;
    libbpf_set_print(keep_complaint);
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "mqoe_classify");
    c->object =
        bpf_object__open_mem(mqoe_classify_program_start,
                             (size_t)(mqoe_classify_program_end - mqoe_classify_program_start), &options);
    if (!c->object)
        return bpf_error(e, errno, "bpf_object__open_mem", "object");
    int err = set_sizes(c, k, counting, e);
    err = err ? err : set_settings(c, k->mtu, counting, e);
    if (err)
        return err;
    err = bpf_object__load(c->object);
    return err ? bpf_error(e, -err, "bpf(BPF_PROG_LOAD)", "programs") : find_parts(c, e);
}

int mqoe_classify_open(struct mqoe_classify *c, const struct mqoe_kernel_config *k, unsigned counting,
                       struct mqoe_error *e) {
    *c = (struct mqoe_classify){.cpus = libbpf_num_possible_cpus()};
    size_t cpus = c->cpus > 0 ? (size_t)c->cpus : 1;
    c->values = calloc(cpus, sizeof(struct guard_passed));
    if (c->cpus < 0 || !c->values)
        return mqoe_fail(e, c->cpus < 0 ? -c->cpus : ENOMEM, "calloc", "", "counters of %zu CPUs", cpus);
    int err = load(c, k, counting, e);
    err =
        err ? err : enter_prefixes(c, "clients4", "clients6", k->client_prefixes, k->client_prefix_count, e);
    return err ? err
               : enter_prefixes(c, "servers4", "servers6", k->server_prefixes, k->server_prefix_count, e);
}

void mqoe_classify_close(struct mqoe_classify *c) {
    if (c->object)
        bpf_object__close(c->object); // attached filters stay with their interfaces
    free(c->values);
    *c = (struct mqoe_classify){0};
}

int mqoe_classify_attach(const struct mqoe_classify *c, struct netlink *nl,
                         const struct mqoe_tc_device devices[2], struct mqoe_error *e) {
    static const enum mqoe_classify_program entrance[] = {MQOE_FROM_ACCESS, MQOE_FROM_CORE};
    const uint32_t ingress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
                   egress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
    for (int i = 0; i < 2; i++) // both first: removing sends at once, and forgets what is refused
        mqoe_qdisc_remove(nl, &devices[i], TC_H_CLSACT, 0); // with the filters of an earlier run
    for (int i = 0; i < 2; i++) {
        mqoe_qdisc_add_clsact(nl, &devices[i]);
        mqoe_filter_add_bpf(nl, &devices[i], ingress, c->programs[entrance[i]], program_names[entrance[i]],
                            0);
        mqoe_filter_add_bpf(nl, &devices[i], egress, c->programs[MQOE_OWN_FRAMES], "own_frames", 0);
    }
    return mqoe_tc_flush(nl, e);
}

int mqoe_classify_counters(const struct mqoe_classify *c, uint64_t counts[GUARD_COUNTERS],
                           struct mqoe_error *e) {
    for (uint32_t i = 0; i < GUARD_COUNTERS; i++) {
        counts[i] = 0;
        complaint[0] = 0;
        if (bpf_map_lookup_elem(c->counters, &i, c->values) < 0)
            return bpf_error(e, errno, "bpf(BPF_MAP_LOOKUP_ELEM)", "counters");
        for (int cpu = 0; cpu < c->cpus; cpu++)
            counts[i] += c->values[cpu];
    }
    return 0;
}

int mqoe_classify_passed(const struct mqoe_classify *c, uint32_t client, unsigned direction,
                         struct guard_passed *sum, struct mqoe_error *e) {
    const struct guard_passed *values = (const void *)c->values;
    uint32_t index = client * 2 + direction;
    *sum = (struct guard_passed){0};
    complaint[0] = 0;
    if (bpf_map_lookup_elem(c->passed, &index, c->values) < 0)
        return bpf_error(e, errno, "bpf(BPF_MAP_LOOKUP_ELEM)", "passed");
    for (int cpu = 0; cpu < c->cpus; cpu++) {
        sum->packets += values[cpu].packets;
        sum->bytes += values[cpu].bytes;
    }
    return 0;
}
