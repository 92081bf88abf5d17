#include <errno.h>
#include <stdlib.h>

#include "dataplane/engine_parts.h"
#include "packet/pages.h"

#define PURPOSE_FLOW_HASH 1u
#define PURPOSE_POOL      2u

// The clients of one reactor, renumbered from 0.
static int choose_clients(struct mqoe_engine *e, struct mqoe_error *error) {
    const struct mqoe_dp_config *c = e->config;
    size_t all = c->client_count ? c->client_count : 1;
    e->client_ids = calloc(all, sizeof *e->client_ids);
    e->local = calloc(all, sizeof *e->local);
    if (!e->client_ids || !e->local)
        return mqoe_fail(error, ENOMEM, "calloc", NULL, "%u clients", c->client_count);
    for (uint32_t i = 0; i < c->client_count; i++) {
        e->local[i] = c->clients[i].reactor == e->reactor ? e->client_count : UINT32_MAX;
        if (c->clients[i].reactor == e->reactor)
            e->client_ids[e->client_count++] = i;
    }
    return 0;
}

static int build_client_table(struct mqoe_engine *e, struct mqoe_error *error) {
    const struct mqoe_dp_config *c = e->config;
    struct mqoe_prefix *ours = calloc(c->client_prefix_count ? c->client_prefix_count : 1, sizeof *ours);
    if (!ours)
        return mqoe_fail(error, ENOMEM, "calloc", NULL, "%u client addresses", c->client_prefix_count);
    size_t count = 0;
    for (uint32_t i = 0; i < c->client_prefix_count; i++) {
        uint32_t local = e->local[c->client_prefixes[i].value];
        if (local == UINT32_MAX)
            continue;
        ours[count] = c->client_prefixes[i];
        ours[count++].value = local;
    }
    int err = mqoe_lpm_build(&e->clients, ours, count, c->seed, error);
    free(ours);
    return err;
}

// Sticks once it is needed: frames that are queued without hosts would not be told apart.
static void note_isolation(struct mqoe_engine *e, const struct mqoe_discipline_config *config) {
    if (config->kind == MQOE_CAKE && config->cake.isolation & MQOE_CAKE_HOSTS)
        e->tells_hosts_apart = true;
}

static int build_circuits(struct mqoe_engine *e, uint64_t now, struct mqoe_error *error) {
    uint32_t leaves = e->client_count * 2;
    // A flow per frame and one in reserve per leaf is always enough; two more let a leaf change its
    // discipline.
    const struct mqoe_sqm_pool_config sizes = {.flows = e->umem->count + leaves + 2,
                                               .histograms = leaves ? leaves : 1,
                                               .cake_tins = MQOE_MAX_TINS * (leaves + 1),
                                               .seed = e->config->seed + PURPOSE_POOL};
    int err = mqoe_sqm_pool_init(&e->queues, &sizes, error);
    if (err)
        return err;
    bool fq_codel = false, cake = false;
    e->circuits = mqoe_pages_alloc(leaves * sizeof *e->circuits);
    if (!e->circuits)
        return mqoe_fail(error, ENOMEM, "calloc", NULL, "%u shapers", leaves);
    for (uint32_t i = 0; i < leaves && !err; i++) {
        e->circuits[i].timer.kind = MQOE_TIMER_CIRCUIT;
        const struct mqoe_leaf_config *shaper = &e->config->clients[e->client_ids[i / 2]].shaper[i % 2];
        note_isolation(e, &shaper->discipline);
        err = mqoe_leaf_init(&e->circuits[i].leaf, shaper, &e->queues, now, error);
        fq_codel |= shaper->discipline.kind == MQOE_FQ_CODEL;
        cake |= shaper->discipline.kind == MQOE_CAKE;
    }
    if (!err)
        mqoe_sqm_pool_ready(&e->queues, leaves, fq_codel, cake);
    return err;
}

int mqoe_engine_init(struct mqoe_engine *e, const struct mqoe_dp_config *config, uint32_t reactor,
                     struct mqoe_umem *umem, struct mqoe_port *access, struct mqoe_port *core, uint64_t now,
                     struct mqoe_error *error) {
    *e = (struct mqoe_engine){.config = config,
                              .reactor = reactor,
                              .umem = umem,
                              .ports = {access, core},
                              .now = now,
                              .hash_key = mqoe_hash_key(config->seed, PURPOSE_FLOW_HASH)};
    int err = choose_clients(e, error);
    err = err ? err : build_client_table(e, error);
    err = err ? err
              : mqoe_lpm_build(&e->servers, config->server_prefixes, config->server_prefix_count,
                               config->seed, error);
    err = err ? err : build_circuits(e, now, error);
    err = err ? err : mqoe_engine_build_paths(e, now, error);
    err = err ? err : mqoe_engine_build_trees(e, now, error);
    uint32_t timers = e->client_count * 2 + e->stretch_count + e->root_count * 2;
    if (!err && mqoe_heap_init(&e->timers, timers) != 0)
        err = mqoe_fail(error, ENOMEM, "calloc", NULL, "%u timers", timers);
    return err;
}

void mqoe_engine_free(struct mqoe_engine *e) {
    mqoe_heap_free(&e->timers);
    mqoe_engine_free_trees(e);
    mqoe_sqm_pool_free(&e->queues);
    mqoe_lpm_free(e->clients);
    mqoe_lpm_free(e->servers);
    mqoe_pages_free(e->circuits, e->client_count * 2 * sizeof *e->circuits);
    mqoe_engine_free_paths(e);
    free(e->client_ids);
    free(e->local);
    *e = (struct mqoe_engine){0};
}

struct mqoe_change mqoe_change_undo(const struct mqoe_dp_config *config, const struct mqoe_change *change) {
    struct mqoe_change undo = *change;
    if (change->kind == MQOE_CHANGE_SHAPER)
        undo.shaper = config->clients[change->index].shaper[change->direction];
    if (change->kind == MQOE_CHANGE_LEAF_NODE)
        undo.class = config->clients[change->index].class[change->direction];
    if (change->kind == MQOE_CHANGE_SITE)
        undo.class = config->sites[change->index].class[change->direction];
    if (change->kind == MQOE_CHANGE_PATH)
        undo.lines = (struct mqoe_path_config *)config->paths[change->index].lines;
    return undo;
}

static int change_shaper(struct mqoe_engine *e, const struct mqoe_change *change, struct mqoe_error *error) {
    uint32_t local = e->local[change->index];
    if (local == UINT32_MAX)
        return 0; // another reactor's client
    struct mqoe_circuit *c = &e->circuits[local * 2 + change->direction];
    struct mqoe_frame_list dropped = {0};
    if (c->tree)
        mqoe_engine_catch_up_tree(e, c->tree, e->now);
    int err = mqoe_leaf_change(&c->leaf, &change->shaper, e->now, &dropped, error);
    note_isolation(e, &change->shaper.discipline);
    mqoe_engine_free_dropped(e, &dropped, MQOE_LEAF);
    if (c->tree)
        mqoe_engine_tree_changed(e, c);
    else
        mqoe_engine_schedule(e, c, mqoe_leaf_next(&c->leaf));
    return err;
}

static int apply(struct mqoe_engine *e, const struct mqoe_change *change, struct mqoe_error *error) {
    if (change->kind == MQOE_CHANGE_SHAPER)
        return change_shaper(e, change, error);
    if (change->kind == MQOE_CHANGE_PATH)
        return mqoe_engine_change_path(e, change, error);
    return mqoe_engine_change_node(e, change, error);
}

int mqoe_engine_change(struct mqoe_engine *e, const struct mqoe_change *changes, size_t count, uint64_t now,
                       struct mqoe_error *error) {
    e->now = now;
    for (size_t i = 0; i < count; i++) {
        int err = apply(e, &changes[i], error);
        if (!err)
            continue;
        struct mqoe_error ignored; // of going back to what was there a moment ago
        for (size_t k = 0; k < i; k++) {
            struct mqoe_change undo = mqoe_change_undo(e->config, &changes[k]);
            apply(e, &undo, &ignored);
        }
        return err;
    }
    return 0;
}
