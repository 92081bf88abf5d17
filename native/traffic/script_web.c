// Pages: the document over one connection, then its objects over several at once, each next object over
// whichever connection is free; then time to read. An object that fails is not asked for again, and a page
// without its document is over.
#include "traffic/script_web.h"

#include <stddef.h>

#include "record/records.h"
#include "traffic/script.h"

#define PAGES_PER_SECOND 64                  // that are recorded without loss
#define AFTER_FAILURE    INT64_C(1000000000) // a server that refuses is left alone for so long
#define NO_CONNECTION    INT64_C(100000000)  // until one that is closing may be gone

enum label { LABEL_DOCUMENT = 1, LABEL_OBJECT = 2 };

struct slot {
    struct traffic_exchange *exchange; // NULL: none is open
    bool busy;
};

struct web {
    struct traffic_script_timer next; // while loading: tries again for a connection; else: the next page
    struct slot slots[TRAFFIC_WEB_CONNECTIONS];
    uint32_t page;          // 0, 1, 2 …: that is loading, or the next
    bool loading, document; // document: it is there
    int64_t started;
    uint32_t asked, over, failed; // objects
    uint64_t bytes;
};

static const struct traffic_web_plan *plan_of(const struct traffic_session *s) {
    return s->plan->script;
}

static const struct traffic_web_page *page_of(const struct traffic_session *s, const struct web *w) {
    const struct traffic_web_plan *plan = plan_of(s);
    return &plan->pages[w->page % plan->page_count];
}

static void record(struct traffic_session *s, struct web *w, enum traffic_result result, int64_t now) {
    struct mqoe_record_page *r = mqoe_segment_next(s->record);
    *r = (struct mqoe_record_page){
        .time = now,
        .session = traffic_session_id(s),
        .page = w->page,
        .started = w->started,
        .objects = page_of(s, w)->count,
        .failed = w->failed,
        .bytes = w->bytes,
        .variant = w->page % plan_of(s)->page_count,
        .result = result,
    };
    mqoe_segment_publish(s->record);
}

static void close_all(struct traffic_session *s, struct web *w, int64_t now) {
    for (uint32_t i = 0; i < plan_of(s)->connections; i++) {
        if (w->slots[i].exchange)
            traffic_exchange_close(w->slots[i].exchange, now);
        w->slots[i] = (struct slot){0};
    }
}

static void end_page(struct traffic_session *s, struct web *w, int64_t now) {
    const struct traffic_web_plan *plan = plan_of(s);
    int64_t think = plan->thinks[w->page % plan->think_count];
    record(s, w, w->failed ? TRAFFIC_FAILED : TRAFFIC_COMPLETE, now);
    if (!plan->reuse)
        close_all(s, w, now);
    if (w->failed && think < AFTER_FAILURE)
        think = AFTER_FAILURE;
    w->loading = false;
    w->page++;
    traffic_loop_arm(s->loop, &w->next.timer, now + think);
}

// Asks for the next object over the connection of a slot, which is opened where there is none. False when
// there is no connection to be had.
static bool ask(struct traffic_session *s, struct web *w, struct slot *slot, int64_t now) {
    const struct traffic_web_page *page = page_of(s, w);
    if (!slot->exchange)
        slot->exchange = traffic_exchange_open(s, slot, now);
    if (!slot->exchange)
        return false;
    const struct traffic_ask ask = {
        .down = plan_of(s)->sizes[page->first + w->asked],
        .group = w->page,
        .label = w->asked ? LABEL_OBJECT : LABEL_DOCUMENT,
    };
    if (!traffic_exchange_ask(slot->exchange, &ask, now))
        return false;
    slot->busy = true;
    w->asked++;
    return true;
}

// Puts every free connection to work, as far as there is something to ask for.
static void feed(struct traffic_session *s, struct web *w, int64_t now) {
    uint32_t known = w->document ? page_of(s, w)->count : 1; // the document says what else there is
    for (uint32_t i = 0; i < plan_of(s)->connections && w->asked < known; i++)
        if (!w->slots[i].busy && !ask(s, w, &w->slots[i], now))
            break;
    if (w->asked == w->over && w->asked < known) // not one under way whose end would call again
        traffic_loop_arm(s->loop, &w->next.timer, now + NO_CONNECTION);
}

static void begin_page(struct traffic_session *s, struct web *w, int64_t now) {
    w->loading = true;
    w->document = false;
    w->started = now;
    w->asked = w->over = w->failed = 0;
    w->bytes = 0;
    feed(s, w, now);
}

static void next(struct traffic_loop *loop, struct traffic_timer *timer, int64_t now) {
    (void)loop;
    struct web *w = (struct web *)((char *)timer - offsetof(struct web, next.timer));
    if (w->loading)
        feed(w->next.session, w, now);
    else
        begin_page(w->next.session, w, now);
}

// ---- the script ----

static struct traffic_needs needs(const struct traffic_session_plan *plan) {
    const struct traffic_web_plan *web = plan->script;
    return (struct traffic_needs){.connections = web->connections, .requests = web->connections, .timers = 1};
}

static void start(struct traffic_session *s, int64_t now) {
    struct web *w = s->state;
    w->next = (struct traffic_script_timer){{.fire = next}, s};
    begin_page(s, w, now);
}

static void done(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                 int64_t now) {
    struct web *w = s->state;
    ((struct slot *)x->context)->busy = false;
    w->over++;
    w->bytes += r->ask.down;
    w->document = true; // it is the first to be done
    if (w->over == page_of(s, w)->count)
        end_page(s, w, now);
    else
        feed(s, w, now);
}

static void broken(struct traffic_session *s, struct traffic_exchange *x, struct traffic_request *r,
                   int errnum, int64_t now) {
    (void)x, (void)r, (void)errnum, (void)now;
    struct web *w = s->state;
    w->over++;
    w->failed++;
}

// One that nothing was asked of was kept for the next page, which opens another.
static void failed(struct traffic_session *s, struct traffic_exchange *x, int errnum, int64_t now) {
    (void)errnum;
    struct web *w = s->state;
    struct slot *slot = x->context;
    bool was_busy = slot->busy;
    *slot = (struct slot){0};
    if (!w->loading || !was_busy)
        return;
    if (!w->document || w->over == page_of(s, w)->count)
        end_page(s, w, now);
    else
        feed(s, w, now);
}

static void stop(struct traffic_session *s, int64_t now) {
    struct web *w = s->state;
    traffic_loop_cancel(s->loop, &w->next.timer);
    if (w->loading)
        record(s, w, TRAFFIC_BROKEN_OFF, now);
    w->loading = false;
}

const struct traffic_script traffic_script_web = {
    .kind = "web",
    .state_bytes = sizeof(struct web),
    .record = "page",
    .records = PAGES_PER_SECOND,
    .needs = needs,
    .start = start,
    .done = done,
    .broken = broken,
    .failed = failed,
    .stop = stop,
};
