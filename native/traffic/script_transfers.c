// Transfers of given sizes, each over a connection of its own: one after another (closed loop), or each at
// its time (open loop).
#include <errno.h>

#include "traffic/script.h"

#define AT_ONCE 128u               // of an open loop; who wants more has a loop that does not keep up
#define PAUSE   INT64_C(100000000) // after a failure: a server that refuses is not asked without end

struct transfers {
    struct traffic_script_timer next;
    uint32_t at; // index into the list
};

static const struct traffic_transfers_plan *list_of(const struct traffic_session *s) {
    return s->plan->script;
}

static struct traffic_needs needs(const struct traffic_session_plan *plan) {
    const struct traffic_transfers_plan *list = plan->script;
    uint32_t most = list->count < AT_ONCE ? list->count : AT_ONCE;
    uint32_t connections = list->open ? most : 1;
    return (struct traffic_needs){.connections = connections, .requests = connections, .timers = 1};
}

static void begin(struct traffic_session *s, const struct traffic_transfer_plan *transfer, int64_t now) {
    const struct traffic_ask ask = {.up = transfer->request.up, .down = transfer->request.down};
    struct traffic_exchange *x = traffic_exchange_open(s, NULL, now);
    if (x)
        traffic_exchange_ask(x, &ask, now);
    else
        traffic_exchange_miss(s, &ask, EMFILE, now);
}

// ---- one after another ----

// The next one, `pause` or what its plan says after now.
static void arm_next(struct traffic_session *s, int64_t pause, int64_t now) {
    struct transfers *t = s->state;
    int64_t wait = list_of(s)->list[t->at].wait;
    traffic_loop_arm(s->loop, &t->next.timer, now + (wait > pause ? wait : pause));
}

static void begin_one(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)loop;
    struct traffic_session *s = ((struct traffic_script_timer *)timer)->session;
    struct transfers *t = s->state;
    begin(s, &list_of(s)->list[t->at], now);
    t->at = (t->at + 1) % list_of(s)->count;
}

// ---- each at its time ----

static void begin_due(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    struct traffic_session *s = ((struct traffic_script_timer *)timer)->session;
    struct transfers *t = s->state;
    const struct traffic_transfers_plan *list = list_of(s);
    int64_t start = s->plan->pair.start;
    while (t->at < list->count && start + list->list[t->at].wait <= now)
        begin(s, &list->list[t->at++], now);
    if (t->at < list->count)
        traffic_loop_arm(loop, timer, start + list->list[t->at].wait);
}

// ---- the script ----

static void start(struct traffic_session *s, int64_t now) {
    struct transfers *t = s->state;
    t->next.session = s;
    t->next.timer.fire = list_of(s)->open ? begin_due : begin_one;
    if (list_of(s)->open)
        begin_due(s->loop, &t->next.timer, now);
    else
        arm_next(s, 0, now);
}

static void done(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                 int64_t now) {
    (void)r;
    traffic_exchange_close(x, now);
    if (!list_of(s)->open)
        arm_next(s, 0, now);
}

static void failed(struct traffic_session *s, struct traffic_exchange *x, int errnum, int64_t now) {
    (void)x, (void)errnum;
    if (!list_of(s)->open)
        arm_next(s, PAUSE, now);
}

static void stop(struct traffic_session *s, int64_t now) {
    (void)now;
    struct transfers *t = s->state;
    traffic_loop_cancel(s->loop, &t->next.timer);
}

const struct traffic_script traffic_script_transfers = {
    .kind = "transfers",
    .state_bytes = sizeof(struct transfers),
    .needs = needs,
    .start = start,
    .done = done,
    .failed = failed,
    .stop = stop,
};
