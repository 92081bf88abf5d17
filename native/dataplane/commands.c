#include "dataplane/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/config_path.h"
#include "dataplane/config_tree.h"
#include "record/clock.h"

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static json_t *describe_segment(const struct mqoe_segment *s, const char *type, const char *writer) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), s->fd);
    return json_pack("{s:s, s:s, s:s}", "type", type, "writer", writer, "path", path);
}

static json_t *describe_reactor(const struct mqoe_reactor *r) {
    const struct mqoe_thread_grant *g = &r->grant;
    return json_pack("{s:i, s:i, s:s, s:i, s:i, s:s, s:i, s:i, s:{s:s, s:s}}", "id", (int)r->id, "core",
                     g->core, "policy", g->policy, "priority", g->priority, "timer_slack", (int)g->slack_ns,
                     "note", g->note, "frames", (int)r->umem.count, "ring", (int)r->ring, "xdp", "access",
                     "native", "core", "native"); // mqoe_xdp_attach knows no other mode
}

int mqoe_dataplane_ready(struct mqoe_dataplane *d) {
    json_t *segments = json_array(), *reactors = json_array();
    for (uint32_t i = 0; i < d->config.reactor_count; i++) {
        const struct mqoe_recorder *rec = &d->reactors[i].recorder;
        if (d->config.kind == MQOE_KIND_AFXDP) {
            json_array_append_new(segments, describe_segment(&rec->clients, "dp_client", rec->writer));
            json_array_append_new(segments, describe_segment(&rec->reactor, "dp_reactor", rec->writer));
            json_array_append_new(segments, describe_segment(&rec->tins, "dp_tin", rec->writer));
        }
        json_array_append_new(reactors, describe_reactor(&d->reactors[i]));
    }
    return mqoe_control_send(&d->control,
                             json_pack("{s:s, s:i, s:o, s:{s:o}}", "event", "ready", "pid", (int)getpid(),
                                       "segments", segments, "info", "reactors", reactors));
}

static void add(struct mqoe_accounting *sum, const struct mqoe_accounting *a) {
    for (int side = MQOE_ACCESS; side <= MQOE_CORE; side++) {
        sum->received[side] += a->received[side];
        sum->sent[side] += a->sent[side];
        sum->kernel[side].rx_dropped += a->kernel[side].rx_dropped;
        sum->kernel[side].rx_invalid += a->kernel[side].rx_invalid;
        sum->kernel[side].fill_empty += a->kernel[side].fill_empty;
        sum->kernel[side].tx_invalid += a->kernel[side].tx_invalid;
    }
    sum->aqm += a->aqm;
    sum->overflow += a->overflow;
    sum->path += a->path;
    sum->rig += a->rig;
    sum->duplicated += a->duplicated;
    sum->on_paths.corrupted += a->on_paths.corrupted;
    sum->on_paths.reorders_refused += a->on_paths.reorders_refused;
    sum->unclassified += a->unclassified;
    sum->leaf += a->leaf;
    sum->line += a->line;
    sum->in_transmit += a->in_transmit;
    sum->flows_exhausted += a->flows_exhausted;
    sum->histograms_exhausted += a->histograms_exhausted;
}

static json_t *describe_accounting(const struct mqoe_accounting *a) {
    const struct mqoe_port_kernel *ka = &a->kernel[MQOE_ACCESS], *kc = &a->kernel[MQOE_CORE];
    json_t *dropped =
        json_pack("{s:I, s:I, s:I, s:I}", "aqm", (json_int_t)a->aqm, "overflow", (json_int_t)a->overflow,
                  "path", (json_int_t)a->path, "rig", (json_int_t)a->rig);
    json_t *kernel =
        json_pack("{s:I, s:I, s:I, s:I}", "rx_dropped", (json_int_t)(ka->rx_dropped + kc->rx_dropped),
                  "rx_invalid", (json_int_t)(ka->rx_invalid + kc->rx_invalid), "fill_empty",
                  (json_int_t)(ka->fill_empty + kc->fill_empty), "tx_invalid",
                  (json_int_t)(ka->tx_invalid + kc->tx_invalid));
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:o}", "in",
                     (json_int_t)(a->received[MQOE_ACCESS] + a->received[MQOE_CORE]), "duplicated",
                     (json_int_t)a->duplicated, "corrupted", (json_int_t)a->on_paths.corrupted, "out",
                     (json_int_t)(a->sent[MQOE_ACCESS] + a->sent[MQOE_CORE]), "dropped", dropped, "held",
                     (json_int_t)a->leaf + a->line + a->in_transmit, "unclassified",
                     (json_int_t)a->unclassified, "kernel", kernel);
}

static void answer_stats(struct mqoe_dataplane *d) {
    struct mqoe_accounting sum = {0}, one;
    for (uint32_t i = 0; i < d->config.reactor_count; i++) {
        mqoe_reactor_account(&d->reactors[i], &one);
        add(&sum, &one);
    }
    json_t *info = json_pack("{s:I, s:I, s:I}", "flows_exhausted", (json_int_t)sum.flows_exhausted,
                             "histograms_exhausted", (json_int_t)sum.histograms_exhausted, "reorders_refused",
                             (json_int_t)sum.on_paths.reorders_refused);
    mqoe_control_send(&d->control, json_pack("{s:s, s:o, s:o}", "event", "stats", "accounting",
                                             describe_accounting(&sum), "info", info));
}

// The reactors have ended: what their taps hold is ours.
static json_t *write_captures(const struct mqoe_dataplane *d) {
    char folder[4096];
    json_t *described = json_array();
    struct mqoe_tap **taps = calloc(d->config.reactor_count, sizeof(struct mqoe_tap *));
    for (uint32_t i = 0; taps && i < d->config.reactor_count; i++)
        taps[i] = d->reactors[i].engine.tap;
    mqoe_capture_folder(d->file, folder, sizeof folder);
    if (taps)
        mqoe_tap_write(taps, d->config.reactor_count, folder, mqoe_clock(CLOCK_REALTIME), described);
    free(taps);
    return described;
}

int64_t mqoe_dataplane_stop(struct mqoe_dataplane *d) {
    struct mqoe_accounting sum = {0}, one;
    for (uint32_t i = 0; i < d->config.reactor_count; i++) {
        mqoe_reactor_stop(&d->reactors[i], &one);
        add(&sum, &one);
    }
    json_t *stopped = json_pack("{s:s, s:o}", "event", "stopped", "accounting", describe_accounting(&sum));
    if (d->config.captures.count)
        json_object_set_new(stopped, "captures", write_captures(d));
    mqoe_control_send(&d->control, stopped);
    return mqoe_accounting_missing(&sum);
}

// Each reactor has its own line to a server, and so its own rate (the same rule as in config.c).
static bool is_shared(const struct mqoe_dp_config *config, uint32_t path) {
    bool shared = false;
    for (uint32_t i = 0; i < config->server_count && config->reactor_count > 1; i++)
        shared |= config->servers[i].path == (int)path;
    return shared;
}

static void read_path_change(const struct mqoe_node *n, const struct mqoe_dp_config *config,
                             struct mqoe_change *c) {
    c->kind = MQOE_CHANGE_PATH;
    c->index = (uint32_t)mqoe_node_int(n, "path", 0, (int64_t)config->path_count - 1);
    c->lines = calloc(2, sizeof *c->lines);
    if (!c->lines)
        mqoe_node_fail(n, "no memory for its lines");
    if (!mqoe_node_ok(n))
        return;
    mqoe_dp_read_lines(n, c->lines);
    if (mqoe_dp_lines_have_rate(c->lines) && is_shared(config, c->index))
        mqoe_node_fail(n, "is the path of a server; it can have a rate with one reactor only");
    mqoe_node_only(n, KEYS("path", "down", "up"));
    mqoe_dp_share_arrays(c->lines, config->paths[c->index].lines);
}

static void read_node(const struct mqoe_node *n, bool root, struct mqoe_change *c) {
    struct mqoe_node node = mqoe_node_object(n, "node");
    mqoe_dp_read_class(&node, root, &c->class);
}

static void read_site_change(const struct mqoe_node *n, const struct mqoe_dp_config *config,
                             struct mqoe_change *c) {
    c->kind = MQOE_CHANGE_SITE;
    c->index = (uint32_t)mqoe_node_int(n, "site", 0, (int64_t)config->site_count - 1);
    c->direction = (enum mqoe_direction)mqoe_node_enum(n, "direction", KEYS("down", "up"));
    if (mqoe_node_ok(n))
        read_node(n, config->sites[c->index].parent == MQOE_NO_SITE, c);
    mqoe_node_only(n, KEYS("site", "direction", "node"));
}

// A client's shaper, or its place in the tree.
static void read_client_change(const struct mqoe_node *n, const struct mqoe_dp_config *config,
                               struct mqoe_change *c) {
    bool node = mqoe_node_has(n, "node");
    c->kind = node ? MQOE_CHANGE_LEAF_NODE : MQOE_CHANGE_SHAPER;
    c->index = (uint32_t)mqoe_node_int(n, "client", 0, (int64_t)config->client_count - 1);
    c->direction = (enum mqoe_direction)mqoe_node_enum(n, "direction", KEYS("down", "up"));
    bool under_site = mqoe_node_ok(n) && config->clients[c->index].site != MQOE_NO_SITE;
    if (node && mqoe_node_ok(n) && !under_site)
        mqoe_node_fail(n, "is of client \"%s\", which is under no site and has no node",
                       config->clients[c->index].name);
    if (node) {
        read_node(n, false, c);
        mqoe_node_only(n, KEYS("client", "direction", "node"));
        return;
    }
    struct mqoe_node shaper = mqoe_node_object(n, "shaper");
    mqoe_dp_read_shaper(&shaper, config->max_frame, &c->shaper);
    if (under_site)
        mqoe_dp_check_queues(&shaper, &c->shaper);
    mqoe_node_only(n, KEYS("client", "direction", "shaper"));
}

static void read_change(const struct mqoe_node *n, const struct mqoe_dp_config *config,
                        struct mqoe_change *c) {
    if (mqoe_node_has(n, "path")) {
        read_path_change(n, config, c);
        return;
    }
    if (config->kind == MQOE_KIND_PATH) {
        mqoe_node_fail(n, "is for a dataplane; a path stage knows changes of paths only");
        return;
    }
    if (mqoe_node_has(n, "site"))
        read_site_change(n, config, c);
    else
        read_client_change(n, config, c);
}

// A path that is to be two things at once: which one would not be said.
static void refuse_twice(const struct mqoe_node *n, const struct mqoe_change *changes, size_t i) {
    for (size_t k = 0; k < i && changes[i].kind == MQOE_CHANGE_PATH; k++)
        if (changes[k].kind == MQOE_CHANGE_PATH && changes[k].index == changes[i].index)
            mqoe_node_fail(n, "changes path %u a second time; one command changes a path once",
                           changes[i].index);
}

// Reads and checks the whole command before anything is applied. *changes is the caller's to free.
static int read_changes(const json_t *command, const struct mqoe_dp_config *config,
                        struct mqoe_change **changes, size_t *count, struct mqoe_error *e) {
    struct mqoe_node root = mqoe_node_root(command, e);
    struct mqoe_node set = mqoe_node_array(&root, "set", count);
    mqoe_node_only(&root, KEYS("op", "id", "set"));
    *changes = calloc(*count ? *count : 1, sizeof **changes);
    if (!*changes)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "%zu changes", *count);
    for (size_t i = 0; i < *count && mqoe_node_ok(&root); i++) {
        struct mqoe_node item = mqoe_node_element(&set, i);
        if (json_is_object(item.json))
            read_change(&item, config, &(*changes)[i]);
        else
            mqoe_node_fail(&item, "must be an object");
        refuse_twice(&item, *changes, i);
    }
    if (e->errnum)
        snprintf(e->syscall, sizeof e->syscall, "change");
    return -e->errnum;
}

// All reactors or none: those that had applied the change take it back when a later one cannot.
static int apply_changes(struct mqoe_dataplane *d, const struct mqoe_change *changes, size_t count,
                         struct mqoe_error *e) {
    uint32_t i = 0;
    int err = 0;
    for (; i < d->config.reactor_count && !err; i++)
        err = mqoe_reactor_change(&d->reactors[i], changes, count, e);
    for (uint32_t undo = 0; err && undo + 1 < i; undo++)
        for (size_t k = 0; k < count; k++) {
            struct mqoe_change back = mqoe_change_undo(&d->config, &changes[k]);
            struct mqoe_error ignored;
            mqoe_reactor_change(&d->reactors[undo], &back, 1, &ignored);
        }
    return err;
}

static void remember(struct mqoe_dp_config *config, const struct mqoe_change *c) {
    if (c->kind == MQOE_CHANGE_SHAPER) {
        config->clients[c->index].shaper[c->direction] = c->shaper;
        return;
    }
    if (c->kind == MQOE_CHANGE_LEAF_NODE) {
        config->clients[c->index].class[c->direction] = c->class;
        return;
    }
    if (c->kind == MQOE_CHANGE_SITE) {
        config->sites[c->index].class[c->direction] = c->class;
        return;
    }
    struct mqoe_path_config *lines = config->paths[c->index].lines;
    mqoe_dp_free_lines_but(lines, c->lines);
    memcpy(lines, c->lines, 2 * sizeof *lines);
}

// Of changes that were applied the config has the arrays now; of others it has those that they shared with
// it.
static void free_changes(struct mqoe_change *changes, size_t count, const struct mqoe_dp_config *config) {
    for (size_t i = 0; changes && i < count; i++) {
        if (changes[i].lines)
            mqoe_dp_free_lines_but(changes[i].lines, config->paths[changes[i].index].lines);
        free(changes[i].lines);
    }
    free(changes);
}

static void answer_change(struct mqoe_dataplane *d, const json_t *command) {
    const json_t *id_json = json_object_get(command, "id");
    long id = json_is_integer(id_json) ? (long)json_integer_value(id_json) : -1;
    struct mqoe_change *changes = NULL;
    size_t count = 0;
    struct mqoe_error e;
    int err = read_changes(command, &d->config, &changes, &count, &e);
    err = err ? err : apply_changes(d, changes, count, &e);
    for (size_t i = 0; i < count && !err; i++)
        remember(&d->config, &changes[i]);
    free_changes(changes, count, &d->config);
    mqoe_control_send(&d->control, err ? mqoe_control_error(&e, false, id)
                                       : json_pack("{s:s, s:I}", "event", "changed", "id", (json_int_t)id));
}

static void carry_out_go(struct mqoe_dataplane *d, const json_t *command) {
    struct mqoe_error e;
    int64_t t0;
    if (mqoe_control_go(command, d->went, (int64_t)mqoe_clock(CLOCK_MONOTONIC), &t0, &e)) {
        mqoe_control_send(&d->control, mqoe_control_error(&e, false, -1));
        return;
    }
    d->went = true;
    for (uint32_t i = 0; i < d->config.reactor_count; i++)
        mqoe_reactor_go(&d->reactors[i], (uint64_t)t0);
}

static void refuse(struct mqoe_dataplane *d, const char *op) {
    struct mqoe_error e;
    mqoe_fail(&e, EINVAL, "control", "known: go, change, stats, stop (docs/control.md)", "op \"%s\"", op);
    mqoe_control_send(&d->control, mqoe_control_error(&e, false, -1));
}

void mqoe_dataplane_command(struct mqoe_dataplane *d, json_t *command) {
    const char *op = json_string_value(json_object_get(command, "op"));
    op = op ? op : "";
    if (!strcmp(op, "go"))
        carry_out_go(d, command);
    else if (!strcmp(op, "change"))
        answer_change(d, command);
    else if (!strcmp(op, "stats"))
        answer_stats(d);
    else if (!strcmp(op, "stop"))
        d->stopping = true;
    else
        refuse(d, op);
    json_decref(command);
}
