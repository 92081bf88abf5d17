// fuzz-sources: path/line.c path/link.c path/spread.c path/loss.c path/chance.c path/store.c path/check.c
// fuzz-sources: packet/ecn.c packet/checksum.c record/error.c
//
// Random configurations and operations of a path line: what is refused changes nothing; every frame and every
// copy comes back exactly once and never before its time; a line that holds frames always has a next time, at
// which it makes progress; and the counters agree with what was seen.
#include <string.h>

#include "fuzz/input.h"
#include "path/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { FRAMES = 64, BYTES = 80, ENTRIES = 8 };

struct world {
    struct fuzz_input in;
    struct mqoe_frame frames[FRAMES];
    uint8_t bytes[FRAMES][BYTES];
    struct mqoe_frame_list spare, dropped;
    struct mqoe_path_line line;
    struct mqoe_path_config config;
    struct mqoe_path_copier copier;
    uint64_t opportunities[ENTRIES], packets[ENTRIES];
    struct mqoe_path_step steps[ENTRIES];
    int16_t table[ENTRIES];
    uint64_t now, arrived, copies, out, lost;
};

// ---- any configuration, also impossible ones ----

static double any_share(struct world *w) {
    static const double shares[] = {0, 1, 0.5, 0.01, 0.99, 1.5};
    uint8_t what = fuzz_byte(&w->in);
    return what < 250 ? what / 250.0 : shares[what - 250];
}

static struct mqoe_path_chance any_chance(struct world *w) {
    struct mqoe_path_chance c = {any_share(w), 0};
    c.correlation = fuzz_byte(&w->in) & 1 ? any_share(w) : 0;
    return c;
}

static struct mqoe_path_spread any_spread(struct world *w) {
    struct mqoe_path_spread s = {.mean = fuzz_number(&w->in, 3), .table = w->table};
    uint8_t what = fuzz_byte(&w->in);
    s.distribution = (enum mqoe_path_distribution)(what % 6);
    s.jitter = what & 64 ? fuzz_number(&w->in, 4) : 0;
    s.correlation = what & 128 ? any_share(w) : 0;
    s.table_size = what & 32 ? ENTRIES : 1;
    return s;
}

static void any_loss(struct world *w, struct mqoe_path_loss *l) {
    l->model = (enum mqoe_path_loss_model)(fuzz_byte(&w->in) % 6);
    l->ecn = fuzz_byte(&w->in) & 1;
    l->random = any_chance(w);
    double *shares[] = {&l->gemodel.p,         &l->gemodel.r, &l->gemodel.bad_loss,
                        &l->gemodel.good_loss, &l->state.p13, &l->state.p31,
                        &l->state.p32,         &l->state.p23, &l->state.p14};
    for (int i = 0; i < 9 && l->model > MQOE_PATH_LOSS_RANDOM; i++)
        *shares[i] = any_share(w);
    l->packets = w->packets;
    l->packet_count = fuzz_byte(&w->in) % (ENTRIES + 1);
}

static void any_link(struct world *w, struct mqoe_path_link *l) {
    uint8_t what = fuzz_byte(&w->in);
    l->rate = what & 1 ? fuzz_number(&w->in, 1 + what % 5) : 0;
    l->packet_overhead = what & 2 ? (int8_t)fuzz_byte(&w->in) : 0;
    l->cell_size = what & 4 ? fuzz_byte(&w->in) : 0;
    l->cell_overhead = what & 4 ? (int8_t)fuzz_byte(&w->in) : 0;
    l->limit_packets = what & 8 ? fuzz_byte(&w->in) : 0;
    l->limit_bytes = what & 16 ? fuzz_number(&w->in, 2) : 0;
    l->ecn_threshold = what & 32 ? fuzz_number(&w->in, 2) : 0;
}

static void any_slot(struct world *w, struct mqoe_path_slot *s) {
    uint8_t what = fuzz_byte(&w->in);
    if (!(what & 1))
        return;
    s->enabled = true;
    s->distributed = what & 2;
    s->min_delay = fuzz_number(&w->in, 2);
    s->max_delay = fuzz_number(&w->in, 3);
    s->spread = any_spread(w);
    s->packets = what & 4 ? fuzz_byte(&w->in) : 0;
    s->bytes = what & 8 ? fuzz_number(&w->in, 2) : 0;
}

static void any_steps(struct world *w) {
    uint64_t at = 0;
    for (int i = 0; i < ENTRIES; i++) {
        uint8_t what = fuzz_byte(&w->in);
        w->steps[i].time = at += fuzz_number(&w->in, 2);
        w->steps[i].rate = what & 1 ? fuzz_number(&w->in, 3) : MQOE_PATH_KEEP;
        w->steps[i].delay = what & 2 ? fuzz_number(&w->in, 3) : MQOE_PATH_KEEP;
        w->steps[i].loss = what & 4 ? any_share(w) : MQOE_PATH_KEEP_LOSS;
    }
}

static void any_trace(struct world *w, struct mqoe_path_trace *t) {
    uint8_t what = fuzz_byte(&w->in);
    t->kind = (enum mqoe_path_trace_kind)(what % 4);
    t->opportunities = w->opportunities;
    t->opportunity_count = what >> 4;
    t->steps = w->steps;
    t->step_count = (what >> 4) % (ENTRIES + 1);
    t->period = what & 4 ? fuzz_number(&w->in, 3) : 0;
    if (t->opportunity_count > ENTRIES)
        t->opportunity_count = ENTRIES;
}

static void any_config(struct world *w) {
    struct mqoe_path_config *c = &w->config;
    *c = (struct mqoe_path_config){.up = fuzz_byte(&w->in) % 8 != 7, .keep_order = fuzz_byte(&w->in) & 1};
    c->delay = any_spread(w);
    any_loss(w, &c->loss);
    c->duplicate = any_chance(w);
    c->corrupt = any_chance(w);
    c->reorder = (struct mqoe_path_reorder){any_chance(w), fuzz_byte(&w->in) % 8};
    any_link(w, &c->link);
    any_slot(w, &c->slot);
    any_trace(w, &c->trace);
}

static void any_arrays(struct world *w) {
    uint64_t ms = 0, number = 0;
    for (int i = 0; i < ENTRIES; i++) {
        w->opportunities[i] = ms += fuzz_byte(&w->in) % 4;
        w->packets[i] = number += fuzz_byte(&w->in) % 16;
        w->table[i] = (int16_t)fuzz_number(&w->in, 2);
    }
    any_steps(w);
}

// ---- operations ----

static void come_back(struct world *w, struct mqoe_frame *f) {
    CHECK(f->user == 1);
    f->user = 0;
    mqoe_frame_list_push(&w->spare, f);
}

static void take_dropped(struct world *w) {
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&w->dropped)); w->lost++) {
        CHECK(f->cause == MQOE_DROP_PATH);
        come_back(w, f);
    }
}

static struct mqoe_frame *copy_frame(void *context, const struct mqoe_frame *frame) {
    struct world *w = context;
    struct mqoe_frame *copy = mqoe_frame_list_pop(&w->spare);
    if (!copy)
        return NULL;
    uint8_t *data = copy->data;
    *copy = *frame;
    copy->data = memcpy(data, frame->data, frame->len);
    w->copies++;
    return copy;
}

static void send(struct world *w) {
    struct mqoe_frame *f = mqoe_frame_list_pop(&w->spare);
    if (!f)
        return;
    uint8_t what = fuzz_byte(&w->in);
    *f = (struct mqoe_frame){.data = f->data, .len = what % (BYTES + 1), .tos = what & 3, .user = 1};
    if (f->len >= 34) {
        f->l3_offset = 14;
        f->family = 4;
    }
    uint64_t early = fuzz_byte(&w->in);
    w->arrived++;
    mqoe_path_line_enqueue(&w->line, f, w->now > early ? w->now - early : 0, what & 128 ? NULL : &w->copier,
                           &w->dropped);
    take_dropped(w);
}

static bool leave(struct world *w) {
    struct mqoe_frame *f = mqoe_path_line_dequeue(&w->line, w->now, &w->dropped);
    take_dropped(w);
    if (!f) {
        CHECK(mqoe_path_line_next(&w->line) > w->now);
        return false;
    }
    CHECK(f->time <= w->now);
    w->out++;
    come_back(w, f);
    return true;
}

static void change(struct world *w) {
    struct mqoe_error e;
    any_config(w);
    uint32_t held = w->line.held;
    if (mqoe_path_line_set(&w->line, &w->config, w->now, &w->dropped, &e) < 0)
        CHECK(w->line.held == held && !w->dropped.head && e.object[0] && e.hint[0]);
    take_dropped(w);
}

static void check_line(const struct world *w) {
    const struct mqoe_path_counters *c = &w->line.counters;
    CHECK(c->in == w->arrived && c->duplicated == w->copies && c->out == w->out);
    CHECK(c->lost + c->overflow + c->down == w->lost);
    CHECK(c->in + c->duplicated == c->out + c->lost + c->overflow + c->down + w->line.held);
    CHECK((mqoe_path_line_next(&w->line) == MQOE_NEVER) == !w->line.held);
    CHECK(w->line.backlog <= w->line.held);
    const struct mqoe_path_store *s = &w->line.flight;
    for (uint32_t i = 1; i < s->size; i++)
        CHECK(s->heap[(i - 1) / 2].due <= s->heap[i].due);
    CHECK(s->fifo.head || !s->size);
}

static void step(struct world *w) {
    switch (fuzz_byte(&w->in) & 15) {
    case 0 ... 6:
        send(w);
        break;
    case 7 ... 9:
        leave(w);
        break;
    case 10:
        w->now += fuzz_number(&w->in, 2);
        break;
    case 11:
        w->now += fuzz_number(&w->in, 4);
        break;
    case 12:
        mqoe_path_line_start(&w->line, w->now + fuzz_number(&w->in, 2) - (w->now < 65536 ? 0 : 32768));
        break;
    case 13:
        change(w);
        break;
    default:
        while (leave(w))
            ;
    }
    check_line(w);
}

static bool open_world(struct world *w, const uint8_t *input, size_t size) {
    struct mqoe_error e;
    *w = (struct world){.in = {input, input + size}};
    w->copier = (struct mqoe_path_copier){copy_frame, w};
    for (int i = 0; i < FRAMES; i++) {
        w->frames[i].data = w->bytes[i];
        mqoe_frame_list_push(&w->spare, &w->frames[i]);
    }
    w->now = fuzz_number(&w->in, 4);
    any_arrays(w);
    any_config(w);
    return mqoe_path_line_init(&w->line, &w->config, fuzz_byte(&w->in), 0, w->now, &e) == 0;
}

// Nothing is forgotten: each next time brings a frame out, or what happens inside a step on.
static void run_empty(struct world *w) {
    uint32_t idle = 0;
    for (uint64_t next; (next = mqoe_path_line_next(&w->line)) != MQOE_NEVER; check_line(w)) {
        w->now = next > w->now ? next : w->now;
        uint64_t out = w->out;
        while (leave(w))
            ;
        idle = w->out == out ? idle + 1 : 0;
        if (idle > 10000) // a frame at 1 bit/s beside a trace with a step each nanosecond
            break;
    }
    struct mqoe_frame_list rest = {0};
    mqoe_path_line_drain(&w->line, &rest);
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&rest));)
        come_back(w, f);
    int spare = 0;
    while (mqoe_frame_list_pop(&w->spare))
        spare++;
    CHECK(spare == FRAMES);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct world w;
    bool built = open_world(&w, input, size);
    while (built && w.in.at < w.in.end)
        step(&w);
    if (built)
        run_empty(&w);
    mqoe_path_line_free(&w.line);
    return 0;
}
