// The owner's side: answers, accounting and records.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "external/external.h"
#include "record/clock.h"

int64_t mqoe_external_now(void) {
    return (int64_t)mqoe_clock(CLOCK_MONOTONIC);
}

int mqoe_external_say_ready(struct mqoe_external *x) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), x->segment.fd);
    json_t *segment =
        json_pack("{s:s, s:s, s:s}", "type", "dp_reactor", "writer", "dataplane-0", "path", path);
    char plan[PATH_MAX];
    snprintf(plan, sizeof plan, "%s", x->plan.file);
    mqoe_make_utf8(plan);
    json_t *info =
        json_pack("{s:s, s:i, s:s, s:I}", "command", x->command.text, "pid", (int)x->command.pid, "plan",
                  plan, "ready_after", (json_int_t)(mqoe_external_now() - (int64_t)x->command.started));
    return mqoe_control_send(&x->control, json_pack("{s:s, s:i, s:[o], s:o}", "event", "ready", "pid",
                                                    (int)getpid(), "segments", segment, "info", info));
}

int mqoe_external_count(struct mqoe_external *x, struct mqoe_error *e) {
    struct mqoe_link_counters counters[2];
    int err = mqoe_links_read(&x->links, counters, e);
    if (!err)
        mqoe_ledger_update(&x->ledger, counters, mqoe_external_now());
    return err;
}

// `kernel` is zero: the harness reads the interfaces' own counters and would count twice.
static json_t *describe_accounting(const struct mqoe_external *x) {
    struct mqoe_ledger_sums s = mqoe_ledger_sum(&x->ledger);
    json_t *dropped =
        json_pack("{s:I, s:i, s:i, s:i}", "aqm", (json_int_t)s.dropped, "overflow", 0, "path", 0, "rig", 0);
    json_t *kernel =
        json_pack("{s:i, s:i, s:i, s:i}", "rx_dropped", 0, "rx_invalid", 0, "fill_empty", 0, "tx_invalid", 0);
    return json_pack("{s:I, s:I, s:o, s:I, s:i, s:o}", "in", (json_int_t)s.in, "out", (json_int_t)s.out,
                     "dropped", dropped, "held", (json_int_t)s.held, "unclassified", 0, "kernel", kernel);
}

void mqoe_external_say_stopped(struct mqoe_external *x) {
    mqoe_control_send(&x->control,
                      json_pack("{s:s, s:o}", "event", "stopped", "accounting", describe_accounting(x)));
}

void mqoe_external_record(struct mqoe_external *x, int64_t now) {
    struct mqoe_ledger_sums s = mqoe_ledger_sum(&x->ledger);
    struct mqoe_record_dp_reactor *to = mqoe_segment_next(&x->segment);
    *to = (struct mqoe_record_dp_reactor){
        .time = now - x->t0,
        .held = s.held < UINT32_MAX ? (uint32_t)s.held : UINT32_MAX,
        .rx_access = mqoe_ledger_received(&x->ledger, MQOE_EXTERNAL_ACCESS),
        .rx_core = mqoe_ledger_received(&x->ledger, MQOE_EXTERNAL_CORE),
        .tx_access = mqoe_ledger_sent(&x->ledger, MQOE_EXTERNAL_ACCESS),
        .tx_core = mqoe_ledger_sent(&x->ledger, MQOE_EXTERNAL_CORE),
        .drop_aqm = s.dropped,
        .wakeups = x->wakeups,
        .cpu = mqoe_clock(CLOCK_THREAD_CPUTIME_ID), // ours: how busy the command may be is its own affair
        .timer_late_max = (uint64_t)x->late_max};
    mqoe_segment_publish(&x->segment);
    x->late_max = 0;
}

// ---- commands ----

static void refuse(struct mqoe_external *x, const struct mqoe_error *e, const json_t *command) {
    const json_t *id = json_object_get(command, "id");
    mqoe_control_send(&x->control,
                      mqoe_control_error(e, false, json_is_integer(id) ? (long)json_integer_value(id) : -1));
}

static int answer_stats(struct mqoe_external *x, struct mqoe_error *e) {
    int err = mqoe_external_count(x, e);
    if (err)
        return err;
    json_t *info = json_pack("{s:I}", "cpu", (json_int_t)mqoe_command_cpu(&x->command));
    mqoe_control_send(&x->control, json_pack("{s:s, s:o, s:o}", "event", "stats", "accounting",
                                             describe_accounting(x), "info", info));
    return 0;
}

// Counting begins here: what the command and its interfaces said to each other while they started is no
// traffic of the run.
static int go(struct mqoe_external *x, int64_t t0, struct mqoe_error *e) {
    struct mqoe_link_counters counters[2];
    int err = mqoe_links_read(&x->links, counters, e);
    int64_t now = mqoe_external_now();
    if (err)
        return err;
    mqoe_ledger_begin(&x->ledger, counters, now);
    x->went = true;
    x->t0 = t0;
    x->due = (int64_t)mqoe_clock_due((uint64_t)t0, (uint64_t)now, MQOE_EXTERNAL_INTERVAL);
    return 0;
}

static int answer_go(struct mqoe_external *x, const json_t *command, struct mqoe_error *e) {
    struct mqoe_error wrong;
    int64_t t0;
    int err = mqoe_control_go(command, x->went, mqoe_external_now(), &t0, &wrong);
    if (!err && !x->ready)
        err = mqoe_fail(&wrong, EAGAIN, "go", "wait for the event \"ready\"", "go");
    if (!err)
        return go(x, t0, e);
    refuse(x, &wrong, command);
    return 0;
}

static void refuse_op(struct mqoe_external *x, const json_t *command, const char *op) {
    struct mqoe_error e;
    if (!strcmp(op, "change"))
        mqoe_fail(&e, EOPNOTSUPP, "change", "a command is told its plans once, when it starts", "%s",
                  x->command.text);
    else
        mqoe_fail(&e, EINVAL, "control", "known: go, stats, stop (docs/control.md)", "op \"%s\"", op);
    refuse(x, &e, command);
}

int mqoe_external_obey(struct mqoe_external *x, json_t *command, struct mqoe_error *e) {
    const char *op = json_string_value(json_object_get(command, "op"));
    int err = 0;
    op = op ? op : "";
    if (!strcmp(op, "go"))
        err = answer_go(x, command, e);
    else if (!strcmp(op, "stats"))
        err = answer_stats(x, e);
    else if (!strcmp(op, "stop"))
        x->stopping = true;
    else
        refuse_op(x, command, op);
    json_decref(command);
    return err;
}
