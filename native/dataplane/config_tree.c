#include "dataplane/config_tree.h"

#define MAX_RATE  (int64_t)1000000000000 // 1 Tbit/s
#define MAX_BYTES (1 << 24)
#define MAX_DEPTH (MQOE_HTB_LEVELS - 2) // of a site below its root: a client must fit below it

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

void mqoe_dp_read_class(const struct mqoe_node *n, bool root, struct mqoe_htb_class *out) {
    *out = (struct mqoe_htb_class){0};
    out->rate = (uint64_t)mqoe_node_int(n, "rate", 0, MAX_RATE);
    out->ceil = (uint64_t)mqoe_node_int(n, "ceil", 0, MAX_RATE);
    out->quantum = (uint32_t)mqoe_node_int(n, "quantum", 0, MAX_BYTES);
    out->priority = (uint8_t)mqoe_node_int(n, "priority", 0, 7);
    out->burst = (uint32_t)mqoe_node_int(n, "burst", 0, MAX_BYTES);
    mqoe_node_only(n, KEYS("rate", "ceil", "quantum", "priority", "burst"));
    struct mqoe_error e;
    if (mqoe_node_ok(n) && mqoe_htb_check(out, root, &e) != 0)
        mqoe_node_fail(n, "has %s: %s", e.object, e.hint);
}

static void read_parent(const struct mqoe_node *n, struct mqoe_dp_config *c, uint32_t i) {
    struct mqoe_dp_site *s = &c->sites[i];
    s->parent = (int)mqoe_node_int(n, "parent", MQOE_NO_SITE, (int64_t)i - 1);
    s->reactor = (uint32_t)mqoe_node_int(n, "reactor", 0, (int64_t)c->reactor_count - 1);
    if (!mqoe_node_ok(n) || s->parent == MQOE_NO_SITE)
        return;
    const struct mqoe_dp_site *parent = &c->sites[s->parent];
    s->depth = parent->depth + 1;
    if (s->depth > MAX_DEPTH)
        mqoe_node_fail(n, "is %u sites below its root; a tree has %u levels at most, clients included",
                       s->depth, MQOE_HTB_LEVELS);
    else if (s->reactor != parent->reactor)
        mqoe_node_fail(n, "has reactor %u, its parent \"%s\" has %u; a tree belongs to one reactor",
                       s->reactor, parent->name, parent->reactor);
}

void mqoe_dp_read_site(const struct mqoe_node *n, struct mqoe_dp_config *c, uint32_t i) {
    struct mqoe_dp_site *s = &c->sites[i];
    s->name = mqoe_node_string(n, "name");
    read_parent(n, c, i);
    struct mqoe_node down = mqoe_node_object(n, "down"), up = mqoe_node_object(n, "up");
    mqoe_dp_read_class(&down, s->parent == MQOE_NO_SITE, &s->class[MQOE_DOWN]);
    mqoe_dp_read_class(&up, s->parent == MQOE_NO_SITE, &s->class[MQOE_UP]);
    mqoe_node_only(n, KEYS("id", "name", "parent", "path", "reactor", "down", "up"));
}

void mqoe_dp_check_queues(const struct mqoe_node *n, const struct mqoe_leaf_config *leaf) {
    if (mqoe_node_ok(n) && leaf->discipline.kind == MQOE_NONE)
        mqoe_node_fail(n, "is under a site and has discipline \"none\", which has no queue to wait in; "
                          "choose one that has, or take the client out of the site");
}

void mqoe_dp_read_place(const struct mqoe_node *n, const struct mqoe_dp_config *c, struct mqoe_dp_client *k) {
    k->site = MQOE_NO_SITE;
    if (mqoe_node_has(n, "site"))
        k->site = (int)mqoe_node_int(n, "site", MQOE_NO_SITE, (int64_t)c->site_count - 1);
    if (!mqoe_node_ok(n))
        return;
    if (k->site == MQOE_NO_SITE || c->kind == MQOE_KIND_PATH) { // a stage has the paths of sites, and no tree
        struct mqoe_node none = mqoe_node_member(n, "node");
        if (none.json && !json_is_null(none.json))
            mqoe_node_wrong(&none, "null for a client without a site, and in a path stage");
        return;
    }
    const struct mqoe_dp_site *site = &c->sites[k->site];
    if (k->reactor != site->reactor)
        mqoe_node_fail(n, "has reactor %u, its site \"%s\" has %u; a tree belongs to one reactor", k->reactor,
                       site->name, site->reactor);
    struct mqoe_node node = mqoe_node_object(n, "node");
    struct mqoe_node down = mqoe_node_object(&node, "down"), up = mqoe_node_object(&node, "up");
    mqoe_dp_read_class(&down, false, &k->class[MQOE_DOWN]);
    mqoe_dp_read_class(&up, false, &k->class[MQOE_UP]);
    mqoe_node_only(&node, KEYS("down", "up"));
    mqoe_dp_check_queues(n, &k->shaper[MQOE_DOWN]);
    mqoe_dp_check_queues(n, &k->shaper[MQOE_UP]);
}
