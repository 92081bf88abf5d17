// Finds an operation by its name, and refuses fields that it does not know: a misspelt one must not be
// ignored.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lab/internal.h"

static const struct operation {
    const char *name;
    lab_operation *run;
    const char *fields; // besides "op", separated and enclosed by spaces
} operations[] = {
    {"netns_add", lab_op_netns_add, " path "},
    {"netns_del", lab_op_netns_del, " path missing_ok "},
    {"sysctl", lab_op_sysctl, " netns values "},
    {"veth_add", lab_op_veth_add, " mtu a b "},
    {"xdp_open", lab_op_xdp_open, " access core ports shards "},
    {"endpoint", lab_op_endpoint, " netns ifname mac mtu ipv4 ipv6 gateway4 gateway6 sysctl initcwnd "},
    {"port", lab_op_port, " side netns ifname shard ipv4 ipv6 "},
    {"route", lab_op_route, " side shard ipv4 ipv6 "},
    {"trunk", lab_op_trunk, " side netns ifname shard "},
    {"trunk_peer", lab_op_trunk_peer, " netns ifname mac stub "},
    {"silence", lab_op_silence, " netns families "},
    {"counters", lab_op_counters, " namespaces "},
};

static bool is_field(const struct operation *operation, const char *name) {
    char padded[64];
    return !strcmp(name, "op") || ((size_t)snprintf(padded, sizeof padded, " %s ", name) < sizeof padded &&
                                   strstr(operation->fields, padded));
}

static int check_fields(struct lab *lab, const struct operation *operation, json_t *op) {
    const char *name;
    json_t *value;
    json_object_foreach(op, name, value) {
        if (!is_field(operation, name))
            return mqoe_fail(&lab->error, EINVAL, "lab", "", "%s: unknown field \"%.40s\"; it takes:%s",
                             operation->name, name, operation->fields);
    }
    return 0;
}

static int unknown(struct lab *lab, const char *name) {
    char hint[sizeof lab->error.hint] = "it is one of";
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        size_t used = strlen(hint);
        snprintf(hint + used, sizeof hint - used, " %s", operations[i].name);
    }
    return mqoe_fail(&lab->error, EINVAL, "lab", hint, "unknown operation \"%.60s\"", name);
}

int lab_do(struct lab *lab, json_t *op, json_t *result) {
    const char *name = json_string_value(json_object_get(op, "op"));
    lab->op = name ? name : "operation";
    if (!name)
        return lab_field_error(lab, "op", "the operation's name");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name))
            continue;
        int status = check_fields(lab, &operations[i], op);
        return status < 0 ? status : operations[i].run(lab, op, result);
    }
    return unknown(lab, name);
}
