// Emulated paths: one line for each direction of each server, site and client that has one.
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "dataplane/engine_parts.h"
#include "dataplane/engine_tap.h"

#define LINE_QUOTA 64u // frames of one stretch in a round

// Whose line it is; with the owner's number in the blueprint and the direction it names the line's random
// numbers, so that they are the same whether paths are fused or a stage of their own, and on whichever
// reactor sites and clients are. Servers have a line on each reactor: those of the first have these numbers,
// too, and those of others their own.
enum owner { OWNER_SERVER, OWNER_SITE, OWNER_CLIENT };

// ---- frames ----

// A frame of its own for a duplicate, in a chunk of this reactor.
static struct mqoe_frame *copy_frame(void *engine, const struct mqoe_frame *f) {
    struct mqoe_umem *umem = ((struct mqoe_engine *)engine)->umem;
    if (!umem->in_place[MQOE_FREE])
        return NULL;
    uint32_t chunk = mqoe_umem_take(umem, MQOE_LINE);
    const uint8_t *from = mqoe_umem_data(umem, mqoe_umem_chunk(umem, f));
    struct mqoe_frame *copy = &umem->frames[chunk];
    *copy = *f;
    copy->next = NULL;
    copy->data = mqoe_umem_data(umem, chunk) + (f->data - from);
    memcpy(copy->data, f->data, f->len);
    mqoe_engine_show_copied(engine, f, copy);
    return copy;
}

// Adds what the line has counted since it was last asked to the engine's sum.
static void tell(struct mqoe_engine *e, struct mqoe_stretch *s) {
    const struct mqoe_path_counters *now = &s->line.counters, *old = &s->told;
    e->on_paths.lost += now->lost - old->lost;
    e->on_paths.overflow += now->overflow - old->overflow;
    e->on_paths.down += now->down - old->down;
    e->on_paths.duplicated += now->duplicated - old->duplicated;
    e->on_paths.duplicates_refused += now->duplicates_refused - old->duplicates_refused;
    e->on_paths.corrupted += now->corrupted - old->corrupted;
    e->on_paths.marked += now->marked - old->marked;
    e->on_paths.reordered += now->reordered - old->reordered;
    e->on_paths.reorders_refused += now->reorders_refused - old->reorders_refused;
    s->told = *now;
}

static void settle(struct mqoe_engine *e, struct mqoe_stretch *s, struct mqoe_frame_list *dropped) {
    mqoe_engine_free_dropped(e, dropped, MQOE_LINE);
    tell(e, s);
}

void mqoe_engine_enter_stretch(struct mqoe_engine *e, struct mqoe_stretch *s, struct mqoe_frame *f,
                               uint64_t arrival) {
    struct mqoe_frame_list dropped = {0};
    mqoe_umem_move(e->umem, mqoe_umem_chunk(e->umem, f), MQOE_HAND, MQOE_LINE);
    mqoe_path_line_enqueue(&s->line, f, arrival, &e->copier, &dropped);
    settle(e, s, &dropped);
    uint64_t next = mqoe_path_line_next(&s->line);
    if (next < mqoe_timer_due(&e->timers, &s->timer))
        mqoe_heap_arm(&e->timers, &s->timer, next);
}

unsigned mqoe_engine_serve_stretch(struct mqoe_engine *e, struct mqoe_stretch *s) {
    struct mqoe_frame_list dropped = {0};
    struct mqoe_frame *f;
    unsigned released = 0;
    while (released < LINE_QUOTA && (f = mqoe_path_line_dequeue(&s->line, e->now, &dropped))) {
        mqoe_umem_move(e->umem, mqoe_umem_chunk(e->umem, f), MQOE_LINE, MQOE_HAND);
        mqoe_engine_advance(e, f, f->time);
        released++;
    }
    settle(e, s, &dropped);
    mqoe_heap_arm(&e->timers, &s->timer, mqoe_path_line_next(&s->line));
    return released;
}

// ---- change ----

static int change_stretch(struct mqoe_engine *e, struct mqoe_stretch *s, const struct mqoe_path_config *line,
                          struct mqoe_error *error) {
    struct mqoe_frame_list dropped = {0};
    int err = mqoe_path_line_set(&s->line, line, e->now, &dropped, error);
    settle(e, s, &dropped);
    mqoe_heap_arm(&e->timers, &s->timer, mqoe_path_line_next(&s->line));
    return err;
}

int mqoe_engine_change_path(struct mqoe_engine *e, const struct mqoe_change *change,
                            struct mqoe_error *error) {
    int err = 0;
    for (uint32_t i = 0; i < e->stretch_count && !err; i++) {
        struct mqoe_stretch *s = &e->stretches[i];
        if (s->path == change->index)
            err = change_stretch(e, s, &change->lines[s->direction], error);
    }
    return err;
}

void mqoe_engine_start(struct mqoe_engine *e, uint64_t t0, uint64_t now) {
    e->now = now;
    for (uint32_t i = 0; i < e->stretch_count; i++) {
        struct mqoe_stretch *s = &e->stretches[i];
        mqoe_path_line_start(&s->line, t0);
        mqoe_heap_arm(&e->timers, &s->timer, mqoe_path_line_next(&s->line));
    }
}

// ---- set-up ----

static uint64_t number_of_line(const struct mqoe_engine *e, enum owner owner, uint32_t number,
                               int direction) {
    uint64_t reactor = owner == OWNER_SERVER ? e->reactor : 0;
    return (reactor << 40 | (uint64_t)owner << 32 | number) * 2 + (uint64_t)direction;
}

// The next two stretches, of an owner with `path`; MQOE_NO_STRETCH in *at when it has none.
static int add_stretches(struct mqoe_engine *e, int path, enum owner owner, uint32_t number, uint64_t now,
                         uint32_t *at, struct mqoe_error *error) {
    *at = MQOE_NO_STRETCH;
    if (path == MQOE_NO_PATH)
        return 0;
    *at = e->stretch_count;
    int err = 0;
    for (int d = MQOE_DOWN; d <= MQOE_UP && !err; d++) {
        struct mqoe_stretch *s = &e->stretches[e->stretch_count++];
        s->timer.kind = MQOE_TIMER_STRETCH;
        s->path = (uint32_t)path;
        s->direction = (enum mqoe_direction)d;
        err = mqoe_path_line_init(&s->line, &e->config->paths[path].lines[d], e->config->seed,
                                  number_of_line(e, owner, number, d), now, error);
    }
    return err;
}

// How many stretches servers, sites and the clients of this reactor may have, and hops its circuits.
static void count(const struct mqoe_engine *e, size_t *stretches, size_t *hops) {
    const struct mqoe_dp_config *c = e->config;
    *stretches = *hops = 0;
    for (uint32_t i = 0; i < c->server_count; i++)
        *stretches += c->servers[i].path != MQOE_NO_PATH ? 2 : 0;
    for (uint32_t i = 0; i < c->site_count; i++)
        *stretches += c->sites[i].path != MQOE_NO_PATH ? 2 : 0;
    for (uint32_t i = 0; i < e->client_count; i++) {
        const struct mqoe_dp_client *k = &c->clients[e->client_ids[i]];
        *stretches += k->path != MQOE_NO_PATH ? 2 : 0;
        *hops += k->path != MQOE_NO_PATH ? 2 : 0;
        for (int s = k->site; s != MQOE_NO_SITE; s = c->sites[s].parent)
            *hops += c->sites[s].path != MQOE_NO_PATH ? 2 : 0;
    }
}

// The hops of both directions of client `local`, whose own stretches are at `own`; `free` is where there is
// room. Returns the end of it.
static uint32_t *lay_hops(struct mqoe_engine *e, uint32_t local, uint32_t own, const uint32_t *sites,
                          uint32_t *room) {
    const struct mqoe_dp_config *c = e->config;
    struct mqoe_circuit *circuits = &e->circuits[local * 2];
    uint32_t n = 0, *up = room; // from the client to the root
    if (own != MQOE_NO_STRETCH)
        up[n++] = own + MQOE_UP;
    for (int s = c->clients[e->client_ids[local]].site; s != MQOE_NO_SITE; s = c->sites[s].parent)
        if (sites[s] != MQOE_NO_STRETCH)
            up[n++] = sites[s] + MQOE_UP;
    uint32_t *down = room + n;
    for (uint32_t i = 0; i < n; i++)
        down[i] = up[n - 1 - i] - MQOE_UP + MQOE_DOWN;
    circuits[MQOE_UP].hops = up;
    circuits[MQOE_DOWN].hops = down;
    circuits[MQOE_UP].hop_count = circuits[MQOE_DOWN].hop_count = n;
    return down + n;
}

static int build(struct mqoe_engine *e, uint32_t *sites, uint64_t now, struct mqoe_error *error) {
    const struct mqoe_dp_config *c = e->config;
    uint32_t own, *room = e->hops;
    int err = 0;
    for (uint32_t i = 0; i < c->server_count && !err; i++)
        err = add_stretches(e, c->servers[i].path, OWNER_SERVER, i, now, &e->server_stretches[i], error);
    for (uint32_t i = 0; i < c->site_count && !err; i++) {
        int path = c->sites[i].reactor == e->reactor ? c->sites[i].path : MQOE_NO_PATH;
        err = add_stretches(e, path, OWNER_SITE, i, now, &sites[i], error);
    }
    for (uint32_t i = 0; i < e->client_count && !err; i++) {
        uint32_t id = e->client_ids[i];
        err = add_stretches(e, c->clients[id].path, OWNER_CLIENT, id, now, &own, error);
        if (!err)
            room = lay_hops(e, i, own, sites, room);
    }
    return err;
}

int mqoe_engine_build_paths(struct mqoe_engine *e, uint64_t now, struct mqoe_error *error) {
    const struct mqoe_dp_config *c = e->config;
    size_t stretches, hops;
    count(e, &stretches, &hops);
    e->copier = (struct mqoe_path_copier){copy_frame, e};
    e->stretches = calloc(stretches ? stretches : 1, sizeof *e->stretches);
    e->server_stretches = calloc(c->server_count ? c->server_count : 1, sizeof *e->server_stretches);
    e->hops = calloc(hops ? hops : 1, sizeof *e->hops);
    uint32_t *sites = calloc(c->site_count ? c->site_count : 1, sizeof *sites);
    int err = 0;
    if (!e->stretches || !e->server_stretches || !e->hops || !sites)
        err = mqoe_fail(error, ENOMEM, "calloc", NULL, "%zu lines of paths", stretches);
    err = err ? err : build(e, sites, now, error);
    free(sites);
    return err;
}

void mqoe_engine_free_paths(struct mqoe_engine *e) {
    for (uint32_t i = 0; e->stretches && i < e->stretch_count; i++)
        mqoe_path_line_free(&e->stretches[i].line);
    free(e->stretches);
    free(e->server_stretches);
    free(e->hops);
}
