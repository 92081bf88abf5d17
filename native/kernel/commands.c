#include "kernel/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "record/clock.h"

#define KEYS(...)       ((const char *const[]){__VA_ARGS__, NULL})
#define DETAILS_CLIENTS 1000    // at most so many in `stats`: a line holds 16 MiB
#define SETTLE_STEP     5000000 // ns
#define SETTLE_STEPS    10

// ---- answers ----

static json_t *describe_segment(const struct mqoe_segment *s, const char *type) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), s->fd);
    return json_pack("{s:s, s:s, s:s}", "type", type, "writer", MQOE_KERNEL_WRITER, "path", path);
}

int mqoe_kernel_ready(struct mqoe_kernel_dataplane *d) {
    static const char *const modes[] = {"none", "root", "class", "classes"};
    struct utsname system;
    uname(&system);
    json_t *segments = json_array(), *queues = json_array();
    json_array_append_new(segments, describe_segment(&d->recorder.clients, "dp_client"));
    json_array_append_new(segments, describe_segment(&d->recorder.reactor, "dp_reactor"));
    json_array_append_new(segments, describe_segment(&d->recorder.tins, "dp_tin"));
    for (int i = 0; i < 2; i++)
        json_array_append_new(queues,
                              json_pack("{s:s, s:s, s:s}", "direction", i ? "up" : "down", "interface",
                                        d->devices[i].name, "tree", modes[d->tree.mode[i]]));
    return mqoe_control_send(&d->control, json_pack("{s:s, s:i, s:o, s:{s:s, s:o}}", "event", "ready", "pid",
                                                    (int)getpid(), "segments", segments, "info", "kernel",
                                                    system.release, "queues", queues));
}

// What the lab reads off the links itself (rx_dropped, tx_dropped) is not said again here: whoever adds both
// up would count it twice.
static json_t *describe_accounting(const struct mqoe_kernel_accounting *a) {
    json_t *dropped = json_pack("{s:I, s:I, s:i, s:I}", "aqm", (json_int_t)a->aqm, "overflow",
                                (json_int_t)a->overflow, "path", 0, "rig", (json_int_t)a->rig);
    json_t *kernel =
        json_pack("{s:i, s:i, s:i, s:i}", "rx_dropped", 0, "rx_invalid", 0, "fill_empty", 0, "tx_invalid", 0);
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:o}", "in", (json_int_t)a->in, "out", (json_int_t)a->out,
                     "dropped", dropped, "held", (json_int_t)a->held, "unclassified",
                     (json_int_t)a->unclassified, "kernel", kernel);
}

static json_t *describe_links(const struct mqoe_kernel_dataplane *d) {
    json_t *links = json_object();
    for (int i = 0; i < 2; i++) {
        const struct mqoe_link_count *n = &d->reader.now.link[i], *s = &d->reader.start.link[i];
        json_object_set_new(links, d->devices[i].name,
                            json_pack("{s:I, s:I, s:I, s:I}", "rx", (json_int_t)(n->rx - s->rx), "tx",
                                      (json_int_t)(n->tx - s->tx), "rx_dropped",
                                      (json_int_t)(n->rx_dropped - s->rx_dropped), "tx_dropped",
                                      (json_int_t)(n->tx_dropped - s->tx_dropped)));
    }
    return links;
}

static int answer_stats(struct mqoe_kernel_dataplane *d, struct mqoe_error *e) {
    json_t *info = json_object();
    if (d->config.client_count <= DETAILS_CLIENTS) {
        json_t *details = mqoe_kernel_read_details(&d->reader, e);
        if (!details) {
            json_decref(info);
            return -e->errnum;
        }
        json_object_set_new(info, "queues", details);
    } else if (mqoe_kernel_read(&d->reader, e) < 0) {
        json_decref(info);
        return -e->errnum;
    }
    const struct mqoe_kernel_accounting a = mqoe_kernel_account(&d->reader);
    json_object_set_new(info, "links", describe_links(d));
    json_object_set_new(info, "own_frames",
                        json_integer((json_int_t)(d->reader.now.own - d->reader.start.own)));
    mqoe_control_send(&d->control, json_pack("{s:s, s:o, s:o}", "event", "stats", "accounting",
                                             describe_accounting(&a), "info", info));
    return 0;
}

// ---- change ----

static void read_change(const struct mqoe_node *n, const struct mqoe_kernel_dataplane *d,
                        struct mqoe_tree_change *c) {
    if (mqoe_node_has(n, "path")) {
        mqoe_node_fail(n, "is of a path; this dataplane has none: paths are stages of their own");
        return;
    }
    c->client = (uint32_t)mqoe_node_int(n, "client", 0, (int64_t)d->config.client_count - 1);
    c->direction = (enum mqoe_kernel_direction)mqoe_node_enum(n, "direction", KEYS("down", "up"));
    struct mqoe_node shaper = mqoe_node_object(n, "shaper");
    mqoe_kernel_read_shaper(&shaper, d->config.shapes, &c->shaper);
    mqoe_node_only(n, KEYS("client", "direction", "shaper"));
}

// Reads and checks the whole command before anything is applied. *changes is the caller's to free.
static int read_changes(const json_t *command, const struct mqoe_kernel_dataplane *d,
                        struct mqoe_tree_change **changes, size_t *count, struct mqoe_error *e) {
    struct mqoe_node root = mqoe_node_root(command, e);
    struct mqoe_node set = mqoe_node_array(&root, "set", count);
    mqoe_node_only(&root, KEYS("op", "id", "set"));
    *changes = calloc(*count ? *count : 1, sizeof **changes);
    if (!*changes)
        return mqoe_fail(e, ENOMEM, "change", NULL, "%zu changes", *count);
    for (size_t i = 0; i < *count && mqoe_node_ok(&root); i++) {
        struct mqoe_node item = mqoe_node_element_object(&set, i);
        if (item.json)
            read_change(&item, d, &(*changes)[i]);
    }
    for (size_t i = 0; i < *count && mqoe_node_ok(&root); i++)
        mqoe_tree_check(&d->tree, &(*changes)[i], e);
    if (e->errnum)
        snprintf(e->syscall, sizeof e->syscall, "change");
    return -e->errnum;
}

static bool is_reframed(const struct mqoe_kernel_dataplane *d, const struct mqoe_tree_change *c) {
    const struct mqoe_framing *old = &d->config.clients[c->client].shaper[c->direction].framing,
                              *new = &c->shaper.framing;
    return old->base != new->base || old->cell != new->cell || old->overhead != new->overhead ||
           old->mpu != new->mpu;
}

// What left up to now is billed as it was sent. Asks the kernel only when there is something to bill anew.
static int settle(struct mqoe_kernel_dataplane *d, const struct mqoe_tree_change *changes, size_t count,
                  struct mqoe_error *e) {
    bool reframed = false;
    for (size_t i = 0; i < count && d->config.shapes; i++)
        reframed |= is_reframed(d, &changes[i]);
    int err = reframed ? mqoe_kernel_read(&d->reader, e) : 0;
    if (reframed && !err)
        mqoe_kernel_recorder_settle(&d->recorder, &d->reader);
    return err;
}

static int apply_changes(struct mqoe_kernel_dataplane *d, const struct mqoe_tree_change *changes,
                         size_t count, struct mqoe_error *e) {
    size_t i = 0;
    int err = 0;
    for (; i < count && !err; i++)
        err = mqoe_tree_apply(&d->tree, &changes[i], e);
    for (size_t k = 0; err && k < i; k++) { // the config still has what was there before
        struct mqoe_tree_change back = changes[k];
        struct mqoe_error ignored;
        back.shaper = d->config.clients[back.client].shaper[back.direction];
        mqoe_tree_apply(&d->tree, &back, &ignored);
    }
    return err;
}

static void remember(struct mqoe_kernel_config *config, const struct mqoe_tree_change *c) {
    struct mqoe_kernel_shaper *to = &config->clients[c->client].shaper[c->direction];
    const char *args = to->discipline == MQOE_KERNEL_TC ? to->tc.args : NULL; // the command's are gone soon
    *to = c->shaper;
    if (args)
        to->tc.args = args;
}

static void answer_change(struct mqoe_kernel_dataplane *d, const json_t *command) {
    const json_t *id_json = json_object_get(command, "id");
    long id = json_is_integer(id_json) ? (long)json_integer_value(id_json) : -1;
    struct mqoe_tree_change *changes = NULL;
    size_t count = 0;
    struct mqoe_error e;
    int err = read_changes(command, d, &changes, &count, &e);
    err = err ? err : settle(d, changes, count, &e);
    err = err ? err : apply_changes(d, changes, count, &e);
    for (size_t i = 0; i < count && !err && d->config.shapes; i++)
        remember(&d->config, &changes[i]);
    free(changes);
    mqoe_control_send(&d->control, err ? mqoe_control_error(&e, false, id)
                                       : json_pack("{s:s, s:I}", "event", "changed", "id", (json_int_t)id));
}

// ---- go, stats, stop ----

static void carry_out_go(struct mqoe_kernel_dataplane *d, const json_t *command) {
    struct mqoe_error e;
    int64_t t0, now = (int64_t)mqoe_clock(CLOCK_MONOTONIC);
    if (mqoe_control_go(command, d->recorder.running, now, &t0, &e))
        mqoe_control_send(&d->control, mqoe_control_error(&e, false, -1));
    else
        mqoe_kernel_recorder_go(&d->recorder, (uint64_t)t0, (uint64_t)now);
}

static void refuse(struct mqoe_kernel_dataplane *d, const char *op) {
    struct mqoe_error e;
    mqoe_fail(&e, EINVAL, "control", "known: go, change, stats, stop (docs/control.md)", "op \"%s\"", op);
    mqoe_control_send(&d->control, mqoe_control_error(&e, false, -1));
}

int mqoe_kernel_command(struct mqoe_kernel_dataplane *d, json_t *command, struct mqoe_error *e) {
    const char *op = json_string_value(json_object_get(command, "op"));
    int err = 0;
    op = op ? op : "";
    if (!strcmp(op, "go"))
        carry_out_go(d, command);
    else if (!strcmp(op, "change"))
        answer_change(d, command);
    else if (!strcmp(op, "stats"))
        err = answer_stats(d, e);
    else if (!strcmp(op, "stop"))
        d->stopping = true;
    else
        refuse(d, op);
    json_decref(command);
    return err;
}

static void write_records(struct mqoe_kernel_dataplane *d) {
    // Of this process only: what the kernel does for packets it does in softirq, on whoever's time it is.
    mqoe_kernel_recorder_write(&d->recorder, &d->reader, mqoe_clock(CLOCK_MONOTONIC),
                               mqoe_clock(CLOCK_THREAD_CPUTIME_ID));
}

int mqoe_kernel_record(struct mqoe_kernel_dataplane *d, struct mqoe_error *e) {
    int err = mqoe_kernel_recorder_read(&d->recorder, &d->reader, mqoe_clock(CLOCK_MONOTONIC), false, e);
    if (!err)
        write_records(d);
    return err;
}

int mqoe_kernel_stop(struct mqoe_kernel_dataplane *d, int64_t *missing, struct mqoe_error *e) {
    struct mqoe_kernel_accounting a;
    for (int i = 0; i <= SETTLE_STEPS; i++) {
        int err = mqoe_kernel_read(&d->reader, e);
        if (err)
            return err;
        a = mqoe_kernel_account(&d->reader);
        // A veth counts a frame as sent when its other end has taken it: what lies between is on no counter.
        if (!(*missing = mqoe_kernel_missing(&a)) || i == SETTLE_STEPS)
            break;
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_STEP}, NULL);
    }
    if (d->recorder.running) {
        int err = mqoe_kernel_recorder_read(&d->recorder, &d->reader, mqoe_clock(CLOCK_MONOTONIC), true, e);
        if (err)
            return err;
        a = mqoe_kernel_account(&d->reader);
        *missing = mqoe_kernel_missing(&a);
        write_records(d);
    }
    mqoe_control_send(&d->control,
                      json_pack("{s:s, s:o}", "event", "stopped", "accounting", describe_accounting(&a)));
    return 0;
}
