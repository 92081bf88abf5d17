#include "kernel/tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/tc.h"

#define UNSHAPED_QUEUE 1000 // packets; below a class that never limits it holds none

static const char *const direction_names[] = {"down", "up"};

static const struct mqoe_kernel_shaper *shaper_of(const struct mqoe_tree *t, uint32_t client, int direction) {
    return &t->config->clients[client].shaper[direction];
}

// bit/s of the HTB class above a shaper's qdisc; 0 = needs none, or one that never limits.
static uint64_t class_rate(const struct mqoe_kernel_shaper *s) {
    if (s->discipline == MQOE_KERNEL_TC)
        return s->tc.rate;
    return s->discipline == MQOE_KERNEL_CAKE ? 0 : s->rate;
}

enum mqoe_tree_mode mqoe_tree_mode(const struct mqoe_kernel_config *c, enum mqoe_kernel_direction direction) {
    uint32_t queues = 0;
    for (uint32_t i = 0; i < c->client_count && c->shapes; i++)
        queues += c->clients[i].shaper[direction].discipline != MQOE_KERNEL_NONE;
    if (!queues)
        return MQOE_TREE_NONE;
    if (c->client_count > 1)
        return MQOE_TREE_MANY;
    return class_rate(&c->clients[0].shaper[direction]) ? MQOE_TREE_CLASS : MQOE_TREE_ROOT;
}

unsigned mqoe_tree_uncounted(const struct mqoe_kernel_config *c) {
    return (mqoe_tree_mode(c, MQOE_KERNEL_DOWN) == MQOE_TREE_NONE ? 1u : 0u) |
           (mqoe_tree_mode(c, MQOE_KERNEL_UP) == MQOE_TREE_NONE ? 2u : 0u);
}

static int describe_class(const struct mqoe_tree *t, uint32_t client, int direction,
                          const struct mqoe_kernel_shaper *s, struct mqoe_htb_class *c,
                          struct mqoe_error *e) {
    char object[128];
    snprintf(object, sizeof object, "framing of client %s, %s", t->config->clients[client].name,
             direction_names[direction]);
    return mqoe_htb_class(c, class_rate(s), &s->framing, &t->psched, object, e);
}

// ---- building ----

// What tc refuses is what the user wrote: the plan says where, the interface would not.
static int blame_plan(const struct mqoe_tree *t, uint32_t client, int direction, struct mqoe_error *e) {
    const struct mqoe_error said = *e;
    return mqoe_fail(e, said.errnum, said.syscall, said.hint, "sqm \"tc\" of client %s, %s: %s",
                     t->config->clients[client].name, direction_names[direction],
                     shaper_of(t, client, direction)->tc.args);
}

static int run_tc(const struct mqoe_tree *t, uint32_t client, int direction, struct mqoe_error *e) {
    const struct mqoe_kernel_shaper *s = shaper_of(t, client, direction);
    char parent[16], handle[16];
    int err = mqoe_tc_flush(t->nl, e); // the class must be there
    snprintf(parent, sizeof parent, "1:%x", MQOE_KERNEL_MINOR + client);
    snprintf(handle, sizeof handle, "%x:", MQOE_KERNEL_MINOR + client);
    bool root = t->mode[direction] == MQOE_TREE_ROOT;
    if (err)
        return err;
    err = mqoe_tc_run(t->nl, t->devices[direction].name, root ? NULL : parent, root ? "1:" : handle,
                      s->tc.args, e);
    return err == -EINVAL || err == -E2BIG ? blame_plan(t, client, direction, e) : err;
}

static int add_leaf(const struct mqoe_tree *t, uint32_t client, int direction, struct mqoe_error *e) {
    static const struct mqoe_kernel_shaper unshaped = {.discipline = MQOE_KERNEL_PFIFO,
                                                       .pfifo_limit = UNSHAPED_QUEUE};
    const struct mqoe_kernel_shaper *s = shaper_of(t, client, direction);
    bool root = t->mode[direction] == MQOE_TREE_ROOT;
    if (s->discipline == MQOE_KERNEL_TC)
        return run_tc(t, client, direction, e);
    // Without one of its own a class has the kernel's default leaf, which no dump shows.
    mqoe_qdisc_set(t->nl, &t->devices[direction], root ? TC_H_ROOT : mqoe_kernel_class(client),
                   root ? MQOE_HTB_HANDLE : mqoe_kernel_leaf(client),
                   s->discipline == MQOE_KERNEL_NONE ? &unshaped : s, true);
    return 0;
}

static int add_circuit(const struct mqoe_tree *t, uint32_t client, int direction, struct mqoe_error *e) {
    struct mqoe_htb_class class;
    int err = 0;
    if (t->mode[direction] != MQOE_TREE_ROOT) {
        err = describe_class(t, client, direction, shaper_of(t, client, direction), &class, e);
        if (!err)
            mqoe_class_set(t->nl, &t->devices[direction], mqoe_kernel_class(client), &class, true);
    }
    return err ? err : add_leaf(t, client, direction, e);
}

static int build_side(const struct mqoe_tree *t, int direction, const struct mqoe_classify *classify,
                      struct mqoe_error *e) {
    const struct mqoe_tc_device *dev = &t->devices[direction];
    bool many = t->mode[direction] == MQOE_TREE_MANY;
    // Ours of an earlier run would stay, or be changed instead of replaced. The lab's, where we need none,
    // has another handle and stays.
    bool none = t->mode[direction] == MQOE_TREE_NONE;
    mqoe_qdisc_remove(t->nl, dev, TC_H_ROOT, none ? MQOE_HTB_HANDLE : 0);
    if (none)
        return 0;
    if (t->mode[direction] != MQOE_TREE_ROOT)
        mqoe_qdisc_add_htb(t->nl, dev, many ? 0 : MQOE_KERNEL_MINOR);
    if (many)
        mqoe_filter_add_bpf(t->nl, dev, MQOE_HTB_HANDLE, classify->programs[MQOE_TO_CLASS], "to_class",
                            MQOE_HTB_HANDLE);
    int err = mqoe_tc_flush(t->nl, e);
    for (uint32_t i = 0; i < t->config->client_count && !err; i++)
        err = add_circuit(t, i, direction, e);
    if (err)
        netlink_discard(t->nl);
    return err ? err : mqoe_tc_flush(t->nl, e);
}

int mqoe_tree_build(struct mqoe_tree *t, const struct mqoe_kernel_config *c, struct netlink *nl,
                    const struct mqoe_tc_device devices[2], const struct mqoe_classify *classify,
                    struct mqoe_error *e) {
    *t = (struct mqoe_tree){.config = c, .devices = devices, .nl = nl};
    int err = mqoe_psched_read(&t->psched, e);
    for (int d = MQOE_KERNEL_DOWN; d <= MQOE_KERNEL_UP && !err; d++) {
        t->mode[d] = mqoe_tree_mode(c, (enum mqoe_kernel_direction)d);
        err = build_side(t, d, classify, e);
    }
    return err;
}

// ---- change ----

static int refuse(const struct mqoe_tree *t, const struct mqoe_tree_change *c, const char *why,
                  struct mqoe_error *e) {
    return mqoe_fail(e, EINVAL, "change", why, "client %s, %s", t->config->clients[c->client].name,
                     direction_names[c->direction]);
}

static bool is_codel(const struct mqoe_kernel_shaper *s) {
    return s->discipline == MQOE_KERNEL_CODEL || s->discipline == MQOE_KERNEL_FQ_CODEL;
}

// Why the discipline cannot go from `old` to `new`; NULL when it can.
static const char *obstacle(const struct mqoe_kernel_shaper *old, const struct mqoe_kernel_shaper *new) {
    if (old->discipline != new->discipline)
        return "another discipline would lose the queued packets; only its settings and the rate can change";
    if (old->discipline == MQOE_KERNEL_FQ_CODEL && old->codel.flows != new->codel.flows)
        return "the kernel's fq_codel cannot change its number of flows";
    if (is_codel(old) && old->codel.ce_threshold >= 0 && new->codel.ce_threshold < 0)
        return "the kernel cannot take a CE threshold back";
    if (old->discipline == MQOE_KERNEL_CAKE && old->cake.nat && !new->cake.nat)
        return "nat cannot be taken back";
    if (old->discipline != MQOE_KERNEL_TC)
        return NULL;
    if (strcmp(old->tc.args, new->tc.args))
        return "the arguments of a tc qdisc cannot change";
    if (!new->tc.rate && (old->tc.rate || old->rate != new->rate))
        return "this tc qdisc shapes itself: give it a rate of its own, which an HTB class above it then has";
    return NULL;
}

int mqoe_tree_check(const struct mqoe_tree *t, const struct mqoe_tree_change *c, struct mqoe_error *e) {
    const struct mqoe_kernel_shaper *old = shaper_of(t, c->client, c->direction);
    struct mqoe_htb_class ignored;
    if (!t->config->shapes)
        return 0; // kind "none" has no plans, so none is broken
    const char *why = obstacle(old, &c->shaper);
    if (!why && t->mode[c->direction] == MQOE_TREE_ROOT && class_rate(&c->shaper))
        why = "it began without a limit, and putting an HTB class above it would lose the queued packets";
    if (why)
        return refuse(t, c, why, e);
    return describe_class(t, c->client, c->direction, &c->shaper, &ignored, e);
}

int mqoe_tree_apply(const struct mqoe_tree *t, const struct mqoe_tree_change *c, struct mqoe_error *e) {
    const struct mqoe_tc_device *dev = &t->devices[c->direction];
    enum mqoe_tree_mode mode = t->mode[c->direction];
    bool root = mode == MQOE_TREE_ROOT;
    struct mqoe_htb_class class;
    if (mode == MQOE_TREE_NONE)
        return 0;
    int err = describe_class(t, c->client, c->direction, &c->shaper, &class, e);
    if (err)
        return err;
    if (!root)
        mqoe_class_set(t->nl, dev, mqoe_kernel_class(c->client), &class, false);
    if (c->shaper.discipline != MQOE_KERNEL_NONE && c->shaper.discipline != MQOE_KERNEL_TC)
        mqoe_qdisc_set(t->nl, dev, root ? TC_H_ROOT : mqoe_kernel_class(c->client),
                       root ? MQOE_HTB_HANDLE : mqoe_kernel_leaf(c->client), &c->shaper, false);
    return mqoe_tc_flush(t->nl, e);
}
