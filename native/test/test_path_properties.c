// What holds for every path line: random configurations, traffic, visits and changes. Every frame and every
// copy comes back exactly once, in time; the counters say where; and the same seed does the same again.
#include "path_bed.h"

enum { FRAMES = 600, OPERATIONS = 4000 };

struct world {
    struct path_bed bed;
    struct mqoe_random r;
    struct mqoe_path_config config;
    uint64_t opportunities[4], packets[8];
    struct mqoe_path_step steps[4];
    int16_t table[16];
    bool inside[FRAMES];
    uint64_t now, in, back, copies, digest;
    uint64_t last_time, last_serial; // of originals that left
};

static uint32_t below(struct world *w, uint32_t n) {
    return mqoe_random_below(&w->r, n);
}

static struct mqoe_path_chance any_chance(struct world *w) {
    struct mqoe_path_chance c = {0};
    if (below(w, 3) == 0)
        c = (struct mqoe_path_chance){below(w, 101) / 100.0, below(w, 2) * below(w, 100) / 100.0};
    return c;
}

static struct mqoe_path_spread any_spread(struct world *w) {
    struct mqoe_path_spread s = {.mean = below(w, 20 * MS), .jitter = below(w, 2) * below(w, 30 * MS)};
    s.distribution = (enum mqoe_path_distribution)below(w, MQOE_PATH_TABLE + 1);
    s.correlation = below(w, 3) ? 0 : below(w, 101) / 100.0;
    s.table = w->table;
    s.table_size = 16;
    return s;
}

static void any_loss(struct world *w, struct mqoe_path_loss *l) {
    l->model = (enum mqoe_path_loss_model)below(w, MQOE_PATH_LOSS_PACKETS + 1);
    l->ecn = below(w, 2);
    l->random = any_chance(w);
    l->gemodel.p = below(w, 101) / 100.0;
    l->gemodel.r = below(w, 101) / 100.0;
    l->gemodel.bad_loss = below(w, 101) / 100.0;
    l->state.p13 = below(w, 51) / 100.0;
    l->state.p14 = below(w, 51) / 100.0;
    l->state.p31 = below(w, 101) / 100.0;
    l->state.p23 = below(w, 101) / 100.0;
    l->packets = w->packets;
    l->packet_count = below(w, 9);
}

static void any_trace(struct world *w, struct mqoe_path_config *c) {
    c->trace.kind = (enum mqoe_path_trace_kind)(below(w, 3) ? 0 : 1 + below(w, 2));
    c->trace.opportunities = w->opportunities;
    c->trace.opportunity_count = 4;
    c->trace.steps = w->steps;
    c->trace.step_count = 1 + below(w, 4);
    c->trace.period = below(w, 2) * 100 * MS;
    if (c->trace.kind == MQOE_PATH_TRACE_MAHIMAHI)
        c->link.rate = 0;
    if (c->trace.kind == MQOE_PATH_TRACE_STEPS && c->loss.model > MQOE_PATH_LOSS_RANDOM)
        c->loss.model = MQOE_PATH_LOSS_NONE;
}

static void any_config(struct world *w) {
    struct mqoe_path_config *c = &w->config;
    *c =
        (struct mqoe_path_config){.up = below(w, 10) != 0, .keep_order = below(w, 2), .delay = any_spread(w)};
    any_loss(w, &c->loss);
    c->duplicate = any_chance(w);
    c->corrupt = any_chance(w);
    c->reorder = (struct mqoe_path_reorder){any_chance(w), below(w, 2) * below(w, 5)};
    c->link = (struct mqoe_path_link){
        .rate = below(w, 2) * (1 + mqoe_random_u64(&w->r) % (below(w, 2) ? 1000000000 : 1000)),
        .packet_overhead = (int32_t)below(w, 100) - 50,
        .cell_size = below(w, 2) * below(w, 100),
        .cell_overhead = (int32_t)below(w, 10),
        .limit_packets = below(w, 2) * below(w, 50),
        .limit_bytes = below(w, 2) * below(w, 20000),
        .ecn_threshold = below(w, 2) * below(w, 10000)};
    c->slot = (struct mqoe_path_slot){.enabled = below(w, 3) == 0,
                                      .distributed = below(w, 2),
                                      .min_delay = below(w, MS),
                                      .max_delay = MS + below(w, 5 * MS),
                                      .spread = any_spread(w),
                                      .packets = below(w, 2) * below(w, 20),
                                      .bytes = below(w, 2) * below(w, 9000)};
    any_trace(w, c);
}

static void any_arrays(struct world *w) {
    uint64_t at = 0;
    for (int i = 0; i < 16; i++)
        w->table[i] = (int16_t)(i * 2000 - 16000);
    for (int i = 0; i < 8; i++)
        w->packets[i] = (at += 1 + below(w, 100));
    at = 0;
    for (int i = 0; i < 4; i++) {
        w->opportunities[i] = 1 + (at += below(w, 10));
        w->steps[i] = (struct mqoe_path_step){(uint64_t)i * 25 * MS + below(w, 25 * MS), MQOE_PATH_KEEP,
                                              MQOE_PATH_KEEP, below(w, 2) ? MQOE_PATH_KEEP_LOSS : 0.3};
        if (below(w, 2))
            w->steps[i].rate = below(w, 4) * below(w, 50000000);
        if (below(w, 2))
            w->steps[i].delay = below(w, 30 * MS);
    }
}

static void note(struct world *w, uint64_t number) {
    uint64_t state = w->digest ^ number;
    w->digest = mqoe_splitmix64(&state);
}

static void come_back(struct world *w, struct mqoe_frame *f) {
    size_t i = (size_t)(f - w->bed.frames);
    assert_true(i < FRAMES && w->inside[i]);
    w->inside[i] = false;
    w->back++;
    note(w, f->user << 2 | f->stage << 1 | f->cause);
    mqoe_frame_list_push(&w->bed.spare, f);
}

static void take_dropped(struct world *w) {
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&w->bed.dropped)); come_back(w, f))
        assert_int_equal(f->cause, MQOE_DROP_PATH);
}

static struct mqoe_frame *copy_and_note(void *context, const struct mqoe_frame *frame) {
    struct world *w = context;
    struct mqoe_frame *copy = path_bed_copy(&w->bed, frame);
    if (copy)
        w->inside[copy - w->bed.frames] = true;
    w->copies += copy != NULL;
    return copy;
}

static void send(struct world *w, bool ordered) {
    struct mqoe_frame *f = w->bed.spare.head;
    if (!f)
        return;
    w->inside[f - w->bed.frames] = true;
    uint64_t early = ordered ? 0 : below(w, 100000); // logical departures of several leaves, a bit mixed
    path_arrive(&w->bed, w->now > early ? w->now - early : 0, 60 + below(w, 1455), (uint8_t)below(w, 4));
    w->in++;
    take_dropped(w);
}

// Everything that is due, or some of it.
static void visit(struct world *w, uint32_t quota, bool ordered) {
    for (struct mqoe_frame *f; quota-- && (f = path_leave(&w->bed, w->now));) {
        assert_int_equal(f->cause, MQOE_DROP_NONE);
        if (ordered) {
            assert_true(f->time >= w->last_time && (f->stage || f->user >= w->last_serial));
            w->last_serial = f->user;
            w->last_time = f->time;
        }
        note(w, f->time);
        come_back(w, f);
    }
    take_dropped(w);
}

static void change(struct world *w) {
    struct mqoe_error e;
    any_config(w);
    assert_int_equal(mqoe_path_line_set(&w->bed.line, &w->config, w->now, &w->bed.dropped, &e), 0);
    take_dropped(w);
}

static void check_counters(const struct world *w) {
    const struct mqoe_path_line *line = &w->bed.line;
    path_assert_conserved(line);
    assert_int_equal(line->counters.in, w->in);
    assert_int_equal(line->counters.duplicated, w->copies);
    assert_int_equal(w->in + w->copies - w->back, line->held);
    assert_int_equal(mqoe_path_line_next(line) == MQOE_NEVER, line->held == 0);
    assert_true(line->backlog <= line->held && (line->backlog || !line->backlog_bytes));
}

static void open_world(struct world *w, uint64_t seed) {
    *w = (struct world){0};
    mqoe_random_seed(&w->r, seed);
    any_arrays(w);
    any_config(w);
    path_bed_open(&w->bed, &w->config, seed, FRAMES);
    w->bed.copier = (struct mqoe_path_copier){copy_and_note, w};
}

// Whatever is inside comes out when its time comes.
static void run_empty(struct world *w) {
    for (uint64_t next; (next = mqoe_path_line_next(&w->bed.line)) != MQOE_NEVER; visit(w, FRAMES, false))
        w->now = next > w->now ? next : w->now;
    check_counters(w);
    assert_int_equal(w->bed.line.held, 0);
    assert_int_equal(w->bed.line.backlog_bytes, 0);
}

static uint64_t run(uint64_t seed, bool changes) {
    struct world w;
    open_world(&w, seed);
    bool ordered = !changes && w.config.keep_order && !w.config.reorder.gap;
    for (int i = 0; i < OPERATIONS; i++) {
        uint32_t what = below(&w, 1000);
        w.now += below(&w, 3) ? below(&w, 300000) : 0;
        if (what < 600)
            send(&w, ordered);
        else if (what < 995)
            visit(&w, 1 + below(&w, 20), ordered);
        else if (what < 999 && changes)
            change(&w);
        else
            w.now += below(&w, 200 * MS);
        check_counters(&w);
    }
    run_empty(&w);
    path_bed_close(&w.bed);
    return w.digest;
}

static void nothing_is_lost_or_made(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++)
        run(seed, true);
}

static void a_line_that_keeps_the_order_does(void **state) {
    (void)state;
    for (uint64_t seed = 1000; seed < 1300; seed++)
        run(seed, false);
}

static void the_same_seed_does_the_same(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_int_equal(run(seed, true), run(seed, true));
        assert_true(run(seed, true) != run(seed + 1, true));
    }
}

static void draining_returns_everything(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct world w;
        struct mqoe_frame_list rest = {0};
        open_world(&w, seed);
        for (int i = 0; i < 300; i++, w.now += below(&w, 200000))
            send(&w, false);
        uint64_t held = w.bed.line.held, back = w.back;
        mqoe_path_line_drain(&w.bed.line, &rest);
        for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&rest));)
            come_back(&w, f);
        assert_int_equal(w.back - back, held);
        assert_true(mqoe_path_line_next(&w.bed.line) == MQOE_NEVER);
        path_bed_close(&w.bed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_or_made),
        cmocka_unit_test(a_line_that_keeps_the_order_does),
        cmocka_unit_test(the_same_seed_does_the_same),
        cmocka_unit_test(draining_returns_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
