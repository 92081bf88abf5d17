// Responsiveness under working conditions (draft-ietf-ippm-responsiveness-09, without TLS and HTTP):
// connections that generate load, one more each interval until the goodput is stable; and probes, in turn a
// foreign one (a connection of its own, and a request for one byte) and one's own (a request for one byte
// over a connection that generates load). What the records say of responsiveness is worked out from them
// (metrics/rpm.ts); the load does not depend on it.
#include "traffic/script_rpm.h"

#include <stddef.h>

#include "record/records.h"
#include "traffic/script.h"
#include "traffic/stability.h"

#define ENDLESS     TRAFFIC_REQUEST_BYTES
#define FIRST_GAP   INT64_C(100000000) // between probes while the capacity is not known
#define AT_ONCE     256u               // probes of one kind; where that many wait, the next is left out
#define PER_SECOND  16.0               // records: intervals are 100 ms at least
#define PROBE_BYTES 1

enum label { LABEL_FOREIGN = 1, LABEL_SELF = 2, LABEL_LOAD = 3 };

struct rpm {
    struct traffic_script_timer interval, probe;
    struct traffic_stability goodput;
    struct traffic_exchange *load[TRAFFIC_RPM_CONNECTIONS];
    uint32_t wanted;                // load connections
    uint32_t number;                // of the interval: 0, 1, 2 …
    bool saturated;                 // the goodput has been stable
    bool own;                       // the next probe is one of its own
    uint32_t last;                  // load connection that was probed
    uint64_t received;              // by the session at the interval's start
    int64_t gap, due;               // of probes
    uint32_t foreign, self, missed; // probes of this interval; those left out
};

static const struct traffic_rpm_plan *plan_of(const struct traffic_session *s) {
    return s->plan->script;
}

// ---- load ----

// Uploads are asked for frame by frame: the client's requests go out in order, and a probe's must not wait
// for more than a frame.
static void feed(struct traffic_session *s, struct traffic_exchange *x, int64_t now) {
    const struct traffic_rpm_plan *plan = plan_of(s);
    const struct traffic_ask ask = {
        .up = plan->up ? plan->frame : 0,
        .down = plan->up ? 0 : ENDLESS,
        .frame = plan->frame,
        .label = LABEL_LOAD,
        .silent = plan->up,
        .unrecorded = true,
    };
    traffic_exchange_ask(x, &ask, now);
}

// Connections that broke are replaced, too.
static void generate(struct traffic_session *s, struct rpm *t, int64_t now) {
    for (uint32_t i = 0; i < t->wanted; i++) {
        if (t->load[i])
            continue;
        t->load[i] = traffic_exchange_open(s, &t->load[i], now);
        if (t->load[i])
            feed(s, t->load[i], now);
    }
}

static uint32_t count_open(const struct rpm *t) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->wanted; i++)
        count += t->load[i] && t->load[i]->state == EXCHANGE_OPEN;
    return count;
}

// ---- probes ----

static bool probe_foreign(struct traffic_session *s, struct rpm *t, int64_t now) {
    const struct traffic_ask ask = {.down = PROBE_BYTES, .group = t->number, .label = LABEL_FOREIGN};
    struct traffic_exchange *x = traffic_exchange_open(s, NULL, now);
    if (x && traffic_exchange_ask(x, &ask, now))
        return true;
    if (x)
        traffic_exchange_abort(x, now);
    return false;
}

// Over each of the load's connections in turn.
static struct traffic_exchange *next_load(struct rpm *t) {
    for (uint32_t i = 0; i < t->wanted; i++) {
        t->last = (t->last + 1) % t->wanted;
        struct traffic_exchange *x = t->load[t->last];
        if (x && x->state == EXCHANGE_OPEN)
            return x;
    }
    return NULL;
}

static bool probe_self(struct traffic_session *s, struct rpm *t, int64_t now) {
    const struct traffic_ask ask = {
        .down = PROBE_BYTES, .frame = plan_of(s)->frame, .group = t->number, .label = LABEL_SELF};
    struct traffic_exchange *x = next_load(t);
    return x && traffic_exchange_ask(x, &ask, now);
}

static void probe(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct rpm *t = (struct rpm *)((char *)timer - offsetof(struct rpm, probe.timer));
    struct traffic_session *s = t->probe.session;
    bool sent = t->own ? probe_self(s, t, now) : probe_foreign(s, t, now);
    if (!sent)
        t->missed++;
    else if (t->own)
        t->self++;
    else
        t->foreign++;
    t->own = !t->own;
    t->due += t->gap;
    if (t->due <= now)
        t->due = now + t->gap; // a late one does not make the next ones early
    traffic_loop_arm(loop, timer, t->due);
}

// ---- intervals ----

static void record(struct traffic_session *s, const struct rpm *t, int64_t time, uint64_t bytes,
                   const struct traffic_stability_state *state) {
    struct mqoe_record_rpm *r = mqoe_segment_next(s->record);
    *r = (struct mqoe_record_rpm){
        .time = time,
        .session = traffic_session_id(s),
        .interval = t->number,
        .connections = count_open(t),
        .stable = state->stable,
        .foreign = t->foreign,
        .self = t->self,
        .missed = t->missed,
        .probe_gap = (uint32_t)(t->gap / 1000),
        .bytes = bytes,
        .goodput = (uint64_t)state->average,
        .deviation = (uint64_t)state->deviation,
    };
    mqoe_segment_publish(s->record);
}

static int64_t end_of(const struct traffic_session *s, const struct rpm *t) {
    return s->plan->pair.start + (t->number + 1) * plan_of(s)->interval;
}

static void end_interval(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct rpm *t = (struct rpm *)((char *)timer - offsetof(struct rpm, interval.timer));
    struct traffic_session *s = t->interval.session;
    const struct traffic_rpm_plan *plan = plan_of(s);
    uint64_t bytes = s->received - t->received;
    double rate = (double)bytes * 8e9 / (double)plan->interval;
    const struct traffic_stability_state state = traffic_stability_add(&t->goodput, rate);
    record(s, t, end_of(s, t), bytes, &state);
    t->received = s->received;
    t->foreign = t->self = t->missed = 0;
    t->number++;
    t->gap = traffic_probe_gap(plan->probes, state.average);
    t->saturated |= state.stable;
    if (!t->saturated && t->wanted < plan->connections)
        t->wanted++;
    generate(s, t, now);
    traffic_loop_arm(loop, timer, end_of(s, t));
}

// ---- the script ----

// Uploads hold two requests of a connection for a moment: the frame that was sent, and the next one.
static struct traffic_needs needs(const struct traffic_session_plan *plan) {
    const struct traffic_rpm_plan *rpm = plan->script;
    return (struct traffic_needs){.connections = rpm->connections + AT_ONCE,
                                  .requests = 2 * rpm->connections + 2 * AT_ONCE,
                                  .timers = 2};
}

static void start(struct traffic_session *s, int64_t now) {
    struct rpm *t = s->state;
    const struct traffic_rpm_plan *plan = plan_of(s);
    t->interval = (struct traffic_script_timer){{.fire = end_interval}, s};
    t->probe = (struct traffic_script_timer){{.fire = probe}, s};
    traffic_stability_open(&t->goodput, plan->window);
    t->wanted = 1;
    t->received = s->received;
    int64_t least = traffic_probe_gap(plan->probes, 1e15);
    t->gap = least > FIRST_GAP ? least : FIRST_GAP;
    t->due = now + t->gap;
    generate(s, t, now);
    traffic_loop_arm(s->loop, &t->probe.timer, t->due);
    traffic_loop_arm(s->loop, &t->interval.timer, end_of(s, t));
}

static void done(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                 int64_t now) {
    if (r->ask.label == LABEL_LOAD)
        feed(s, x, now);
    else if (r->ask.label == LABEL_FOREIGN)
        traffic_exchange_close(x, now);
}

static void failed(struct traffic_session *s, struct traffic_exchange *x, int errnum, int64_t now) {
    (void)s, (void)errnum, (void)now;
    struct traffic_exchange **load = x->context;
    if (load)
        *load = NULL;
}

static void stop(struct traffic_session *s, int64_t now) {
    (void)now;
    struct rpm *t = s->state;
    traffic_loop_cancel(s->loop, &t->interval.timer);
    traffic_loop_cancel(s->loop, &t->probe.timer);
}

const struct traffic_script traffic_script_rpm = {
    .kind = "rpm",
    .state_bytes = sizeof(struct rpm),
    .record = "rpm",
    .records = PER_SECOND,
    .needs = needs,
    .start = start,
    .done = done,
    .failed = failed,
    .stop = stop,
};
