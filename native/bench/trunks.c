#include "bench/trunks.h"

#include <stdio.h>
#include <unistd.h>

#include "bench/lab_client.h"

static json_t *end_of(const char *netns, const char *name) {
    return json_pack("{s:s, s:s}", "netns", netns, "name", name);
}

int mqoe_trunks_build(struct mqoe_trunks *t, struct mqoe_error *e) {
    snprintf(t->access, sizeof t->access, "/run/netns/mqb-%d-access", (int)getpid());
    snprintf(t->core, sizeof t->core, "/run/netns/mqb-%d-core", (int)getpid());
    snprintf(t->middle, sizeof t->middle, "/run/netns/mqb-%d-dataplane", (int)getpid());
    json_t *ops = json_array();
    const char *const paths[] = {t->access, t->core, t->middle};
    for (int i = 0; i < 3; i++) {
        json_array_append_new(ops, json_pack("{s:s, s:s}", "op", "netns_add", "path", paths[i]));
        json_array_append_new(ops, json_pack("{s:s, s:s, s:{s:s}}", "op", "sysctl", "netns", paths[i],
                                             "values", "net/ipv6/conf/default/disable_ipv6", "1"));
    }
    for (int side = 0; side < 2; side++) {
        const char *far = side ? t->core : t->access, *far_name = side ? "g1" : "g0",
                   *near_name = side ? "c0" : "a0";
        json_array_append_new(ops, json_pack("{s:s, s:i, s:o, s:o}", "op", "veth_add", "mtu", 1500, "a",
                                             end_of(far, far_name), "b", end_of(t->middle, near_name)));
        json_array_append_new(ops, json_pack("{s:s, s:s, s:s, s:s}", "op", "trunk_peer", "netns", far,
                                             "ifname", far_name, "mac", "02:00:00:00:00:01"));
        json_array_append_new(ops, json_pack("{s:s, s:s, s:s, s:s}", "op", "trunk_peer", "netns", t->middle,
                                             "ifname", near_name, "mac", "02:00:00:00:00:01"));
    }
    t->open = true;
    return mqoe_lab_client_do(ops, e);
}

void mqoe_trunks_remove(struct mqoe_trunks *t) {
    if (!t->open)
        return;
    const char *const paths[] = {t->access, t->core, t->middle};
    json_t *ops = json_array();
    for (int i = 0; i < 3; i++)
        json_array_append_new(
            ops, json_pack("{s:s, s:s, s:b}", "op", "netns_del", "path", paths[i], "missing_ok", 1));
    struct mqoe_error e;
    if (mqoe_lab_client_do(ops, &e) != 0)
        fprintf(stderr, "mqoe-native bench: %s is left behind: ip netns del\n", e.object);
    t->open = false;
}
