// Adaptive video: one segment after the other over one connection, each asked for as soon as the player has
// room for it, at the bitrate that the player chooses. A segment whose connection breaks is asked for again.
#include "traffic/script_video.h"

#include <stddef.h>

#include "record/records.h"
#include "traffic/script.h"

#define EVENTS_PER_SECOND 64                  // that are recorded without loss
#define AFTER_FAILURE     INT64_C(1000000000) // before a new connection is tried

// As video.event.
enum event {
    EVENT_STARTED = 1,
    EVENT_SEGMENT = 2,
    EVENT_PLAYING = 3,
    EVENT_STALLED = 4,
    EVENT_FAILED = 5,
    EVENT_ENDED = 6,
};

struct video {
    struct traffic_script_timer next; // the next segment
    struct traffic_player player;
    struct traffic_exchange *exchange;
    uint32_t segment, rung; // that is asked for, or will be
};

static const struct traffic_video_plan *plan_of(const struct traffic_session *s) {
    return s->plan->script;
}

static void record(struct traffic_session *s, const struct video *v, enum event event, int64_t time,
                   uint64_t value) {
    struct mqoe_record_video *r = mqoe_segment_next(s->record);
    *r = (struct mqoe_record_video){
        .time = time,
        .session = traffic_session_id(s),
        .event = event,
        .rung = (uint16_t)v->rung,
        .value = value,
        .buffered = (uint64_t)v->player.buffered,
    };
    mqoe_segment_publish(s->record);
}

static void advance(struct traffic_session *s, struct video *v, int64_t now) {
    struct traffic_player_change change;
    if (traffic_player_advance(&v->player, now, &change))
        record(s, v, EVENT_STALLED, change.time, 0);
}

static uint64_t bytes_of(const struct traffic_session *s, const struct video *v) {
    const struct traffic_video_plan *plan = plan_of(s);
    double bits = (double)plan->player.bitrates[v->rung] * (double)plan->player.segment / 1e9;
    uint64_t bytes = (uint64_t)(bits / 8 * plan->sizes[v->segment % plan->size_count] / 1000);
    return bytes ? bytes : 1;
}

static void fetch(struct traffic_session *s, struct video *v, int64_t now) {
    advance(s, v, now);
    v->rung = traffic_player_choose(&v->player);
    if (!v->exchange)
        v->exchange = traffic_exchange_open(s, NULL, now);
    const struct traffic_ask ask = {.down = bytes_of(s, v), .group = v->segment, .label = (uint16_t)v->rung};
    if (!v->exchange || !traffic_exchange_ask(v->exchange, &ask, now))
        traffic_loop_arm(s->loop, &v->next.timer, now + AFTER_FAILURE);
}

static void next(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)loop;
    struct video *v = (struct video *)((char *)timer - offsetof(struct video, next.timer));
    fetch(v->next.session, v, now);
}

// ---- the script ----

static struct traffic_needs needs(const struct traffic_session_plan *plan) {
    (void)plan;
    return (struct traffic_needs){.connections = 1, .requests = 1, .timers = 1};
}

static void start(struct traffic_session *s, int64_t now) {
    struct video *v = s->state;
    v->next = (struct traffic_script_timer){{.fire = next}, s};
    traffic_player_open(&v->player, &plan_of(s)->player, now);
    record(s, v, EVENT_STARTED, now, 0);
    fetch(s, v, now);
}

static void done(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                 int64_t now) {
    (void)x;
    struct video *v = s->state;
    struct traffic_player_change change;
    advance(s, v, now);
    bool plays = traffic_player_arrived(&v->player, r->ask.down, now - r->asked, &change);
    record(s, v, EVENT_SEGMENT, now, plan_of(s)->player.bitrates[v->rung]);
    if (plays)
        record(s, v, EVENT_PLAYING, change.time, (uint64_t)change.waited);
    v->segment++;
    int64_t room = traffic_player_room(&v->player);
    if (room <= now)
        fetch(s, v, now);
    else
        traffic_loop_arm(s->loop, &v->next.timer, room);
}

// A connection that broke while nothing was asked for is only opened anew; the timer for the next segment
// stands.
static void broken(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                   int errnum, int64_t now) {
    (void)x, (void)r;
    struct video *v = s->state;
    advance(s, v, now);
    record(s, v, EVENT_FAILED, now, (uint64_t)errnum);
    traffic_loop_arm(s->loop, &v->next.timer, now + AFTER_FAILURE);
}

static void failed(struct traffic_session *s, struct traffic_exchange *x, int errnum, int64_t now) {
    (void)x, (void)errnum, (void)now;
    ((struct video *)s->state)->exchange = NULL;
}

static void stop(struct traffic_session *s, int64_t now) {
    struct video *v = s->state;
    traffic_loop_cancel(s->loop, &v->next.timer);
    advance(s, v, now);
    record(s, v, EVENT_ENDED, now, 0);
}

const struct traffic_script traffic_script_video = {
    .kind = "video",
    .state_bytes = sizeof(struct video),
    .record = "video",
    .records = EVENTS_PER_SECOND,
    .needs = needs,
    .start = start,
    .done = done,
    .broken = broken,
    .failed = failed,
    .stop = stop,
};
