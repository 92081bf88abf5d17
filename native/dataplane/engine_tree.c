// Circuits under sites: one shaper tree for each root and direction, with one timer each.
#include <stdlib.h>

#include <errno.h>

#include "dataplane/engine_parts.h"

#define TREE_QUOTA 128u // frames of one tree in a round

// ---- frames ----

static void schedule(struct mqoe_engine *e, struct mqoe_tree *t) {
    if (t->ready)
        return; // will be served in this round, and scheduled again then
    uint64_t due = mqoe_htb_next(&t->htb);
    if (due > e->now) {
        mqoe_heap_arm(&e->timers, &t->timer, due);
        return;
    }
    mqoe_heap_disarm(&e->timers, &t->timer);
    t->ready = true;
    t->next_ready = e->ready_trees;
    e->ready_trees = t;
}

static bool send_one(struct mqoe_engine *e, struct mqoe_tree *t, uint64_t until,
                     struct mqoe_frame_list *dropped) {
    struct mqoe_frame *f = mqoe_htb_dequeue(&t->htb, until, NULL, dropped);
    if (!f)
        return false;
    mqoe_umem_move(e->umem, mqoe_umem_chunk(e->umem, f), MQOE_LEAF, MQOE_HAND);
    mqoe_engine_advance(e, f, f->time);
    return true;
}

unsigned mqoe_engine_serve_tree(struct mqoe_engine *e, struct mqoe_tree *t) {
    struct mqoe_frame_list dropped = {0};
    unsigned served = 0;
    while (served < TREE_QUOTA && send_one(e, t, e->now, &dropped))
        served++;
    mqoe_engine_free_dropped(e, &dropped, MQOE_LEAF);
    schedule(e, t);
    return served;
}

void mqoe_engine_catch_up_tree(struct mqoe_engine *e, struct mqoe_tree *t, uint64_t until) {
    struct mqoe_frame_list dropped = {0};
    while (mqoe_htb_next(&t->htb) < until && send_one(e, t, until, &dropped))
        ;
    mqoe_engine_free_dropped(e, &dropped, MQOE_LEAF);
}

void mqoe_engine_enter_tree(struct mqoe_engine *e, struct mqoe_circuit *c, struct mqoe_frame *f,
                            uint64_t arrival) {
    struct mqoe_frame_list dropped = {0};
    // What had its turn before the newcomer was there goes first, however late we are.
    mqoe_engine_catch_up_tree(e, c->tree, arrival);
    mqoe_umem_move(e->umem, mqoe_umem_chunk(e->umem, f), MQOE_HAND, MQOE_LEAF);
    mqoe_leaf_enqueue(&c->leaf, f, arrival, &dropped);
    mqoe_engine_free_dropped(e, &dropped, MQOE_LEAF);
    mqoe_htb_activate(&c->tree->htb, c->node, arrival);
    schedule(e, c->tree);
}

// ---- change ----

void mqoe_engine_tree_changed(struct mqoe_engine *e, struct mqoe_circuit *c) {
    mqoe_htb_activate(&c->tree->htb, c->node, e->now);
    schedule(e, c->tree);
}

int mqoe_engine_change_node(struct mqoe_engine *e, const struct mqoe_change *change,
                            struct mqoe_error *error) {
    bool site = change->kind == MQOE_CHANGE_SITE;
    uint32_t index = site ? e->site_roots[change->index] : e->local[change->index];
    if (index == UINT32_MAX)
        return 0; // another reactor's
    uint32_t entry = index * 2 + (uint32_t)change->direction;
    struct mqoe_tree *t = site ? &e->trees[entry] : e->circuits[entry].tree;
    uint32_t node = site ? e->site_nodes[change->index] : e->circuits[entry].node;
    mqoe_engine_catch_up_tree(e, t, e->now);
    int err = mqoe_htb_change(&t->htb, node, &change->class, e->now, error);
    schedule(e, t);
    return err;
}

// ---- set-up ----

// Numbers the roots of this reactor, and each site within its tree: parents before children, as in the
// blueprint. A path stage has the paths of sites, but no tree. sizes[root] receives how many sites it has.
static void number_sites(struct mqoe_engine *e, uint32_t *sizes) {
    const struct mqoe_dp_config *c = e->config;
    for (uint32_t i = 0; i < c->site_count; i++) {
        const struct mqoe_dp_site *s = &c->sites[i];
        e->site_roots[i] = s->parent != MQOE_NO_SITE ? e->site_roots[s->parent] : UINT32_MAX;
        if (s->parent == MQOE_NO_SITE && s->reactor == e->reactor && c->kind != MQOE_KIND_PATH)
            e->site_roots[i] = e->root_count++;
        if (e->site_roots[i] != UINT32_MAX)
            e->site_nodes[i] = sizes[e->site_roots[i]]++;
    }
}

// Gives each circuit its place behind the sites of its tree; sizes[] grows by them.
static void place_circuits(struct mqoe_engine *e, uint32_t *sizes) {
    for (uint32_t i = 0; i < e->client_count; i++) {
        int site = e->config->clients[e->client_ids[i]].site;
        if (site == MQOE_NO_SITE || e->site_roots[site] == UINT32_MAX)
            continue;
        uint32_t root = e->site_roots[site], node = sizes[root]++;
        for (uint32_t d = MQOE_DOWN; d <= MQOE_UP; d++) {
            e->circuits[i * 2 + d].tree = &e->trees[root * 2 + d];
            e->circuits[i * 2 + d].node = node;
        }
    }
}

static void plan_tree(struct mqoe_engine *e, uint32_t root, uint32_t direction, struct mqoe_htb_plan *plans) {
    const struct mqoe_dp_config *c = e->config;
    for (uint32_t i = 0; i < c->site_count; i++)
        if (e->site_roots[i] == root) {
            const struct mqoe_dp_site *s = &c->sites[i];
            uint32_t parent = s->parent == MQOE_NO_SITE ? MQOE_HTB_NOBODY : e->site_nodes[s->parent];
            plans[e->site_nodes[i]] = (struct mqoe_htb_plan){s->class[direction], parent, NULL};
        }
    for (uint32_t i = 0; i < e->client_count; i++) {
        struct mqoe_circuit *circuit = &e->circuits[i * 2 + direction];
        const struct mqoe_dp_client *k = &c->clients[e->client_ids[i]];
        if (circuit->tree == &e->trees[root * 2 + direction])
            plans[circuit->node] =
                (struct mqoe_htb_plan){k->class[direction], e -> site_nodes[k->site], &circuit -> leaf};
    }
}

static int build_trees(struct mqoe_engine *e, const uint32_t *sizes, uint64_t now, struct mqoe_error *error) {
    int err = 0;
    for (uint32_t i = 0; i < e->root_count * 2 && !err; i++) {
        struct mqoe_htb_plan *plans = calloc(sizes[i / 2], sizeof *plans);
        if (!plans)
            return mqoe_fail(error, ENOMEM, "calloc", NULL, "a shaper tree of %u nodes", sizes[i / 2]);
        plan_tree(e, i / 2, i % 2, plans);
        e->trees[i].timer.kind = MQOE_TIMER_TREE;
        err = mqoe_htb_init(&e->trees[i].htb, plans, sizes[i / 2], e->config->max_frame, now, error);
        free(plans);
    }
    return err;
}

int mqoe_engine_build_trees(struct mqoe_engine *e, uint64_t now, struct mqoe_error *error) {
    uint32_t sites = e->config->site_count ? e->config->site_count : 1;
    uint32_t *sizes = calloc(sites, sizeof *sizes);
    e->site_nodes = calloc(sites, sizeof *e->site_nodes);
    e->site_roots = calloc(sites, sizeof *e->site_roots);
    if (sizes && e->site_nodes && e->site_roots) {
        number_sites(e, sizes);
        e->trees = calloc(e->root_count ? e->root_count * 2 : 1, sizeof *e->trees);
    }
    int err = 0;
    if (!e->trees) {
        err = mqoe_fail(error, ENOMEM, "calloc", NULL, "shaper trees of %u sites", sites);
    } else {
        place_circuits(e, sizes);
        err = build_trees(e, sizes, now, error);
    }
    free(sizes);
    return err;
}

void mqoe_engine_free_trees(struct mqoe_engine *e) {
    for (uint32_t i = 0; e->trees && i < e->root_count * 2; i++)
        mqoe_htb_free(&e->trees[i].htb);
    free(e->trees);
    free(e->site_nodes);
    free(e->site_roots);
}
