// What a session does: a script decides when its client opens connections and what it asks for. Each kind is
// one file, script_<kind>.c, with one of these; its part of the plan is read in plan_session.c
// (plan_session.h). Scripts are called on the session's reactor, never wait, and read no clock: `now` is an
// argument.
#pragma once

#include "traffic/exchange.h"
#include "traffic/session.h"

// What one session of the script may need at one time; all of it is made before the run.
struct traffic_needs {
    uint32_t connections; // those that the script holds; ones that are closing come on top
    uint32_t requests;
    uint32_t timers; // that its state holds
};

struct traffic_script {
    const char *kind;   // as in the blueprint
    size_t state_bytes; // of session->state, zeroed before `start`
    const char *record; // type of the records of its own that it writes to session->record, or NULL
    double records;     // of these: a session's in a second, at most

    struct traffic_needs (*needs)(const struct traffic_session_plan *plan);

    // The session begins (pair.start). Its timers get their `fire` here.
    void (*start)(struct traffic_session *s, int64_t now);

    // ---- each of these may be NULL ----

    // Established. What was asked before goes out now.
    void (*connected)(struct traffic_session *s, struct traffic_exchange *x, int64_t now);
    // The kernel has taken the request's last byte.
    void (*sent)(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                 int64_t now);
    // The answer begins.
    void (*first_byte)(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                       int64_t now);
    // `bytes` more of the answer's body.
    void (*progress)(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                     uint64_t bytes, int64_t now);
    // The answer is whole (of a silent request: it is sent). It is recorded already; the script may ask again
    // or end the connection. One that it neither closes nor asks again stays open.
    void (*done)(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                 int64_t now);
    // The connection broke: a refusal, a reset, a time-out. First `broken` for each of its requests, which
    // are recorded as failed, then `failed`; afterwards the connection does not exist any more.
    void (*broken)(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                   int errnum, int64_t now);
    void (*failed)(struct traffic_session *s, struct traffic_exchange *x, int errnum, int64_t now);

    // The session is over (pair.stop, or an early end): last records of its own. Its connections are ended
    // after it, what is under way is recorded as broken off. Timers must be cancelled here.
    void (*stop)(struct traffic_session *s, int64_t now);
};

extern const struct traffic_script traffic_script_transfers, traffic_script_web, traffic_script_video,
    traffic_script_rpm;

// A timer of a script that knows its session: put it into the state, set `timer.fire` and `session` at start,
// and arm `timer` with traffic_loop_arm(s->loop, &t->timer, due). In `fire`: (struct traffic_script_timer
// *)timer.
struct traffic_script_timer {
    struct traffic_timer timer;
    struct traffic_session *session;
};
