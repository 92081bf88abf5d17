// How frames leave our shaper: is the rate the one that is set, and does it ever send two frames where one
// was due? First on memory ports and a virtual clock, where the answer is exact; then live, where a wake-up
// is late and the frames that were due meanwhile leave together. So many and no more: a shaper without a
// bucket that wakes up late by L sends 1 + L / (time of a frame) frames at once.
#include "bench/gaps.h"

#include <math.h>

// Times the rate. What comes on top must be more than CoDel learns to drop within a row, so that the queue
// outlasts a pause of the generator; where frames are many, offering them costs the CPU that is measured.
static const struct {
    uint64_t below; // bit/s
    double times;
} offers[] = {{10000000, 4}, {200000000, 1.5}, {UINT64_MAX, 1.15}};

static const uint64_t rates[] = {1000000, 5000000, 20000000, 50000000, 100000000, 500000000, 1000000000};
static const uint64_t quick_rates[] = {1000000, 100000000};
static const char *const disciplines[] = {"fq_codel", "cake"};

struct plan {
    const uint64_t *rates;
    unsigned rate_count;
    double memory_seconds, live_seconds;
};

double mqoe_gaps_frame_ns(uint64_t rate) {
    const struct mqoe_framing framing = MQOE_GAPS_FRAMING;
    return mqoe_framing_adjust(&framing, MQOE_GAPS_FRAME, 14) * 8e9 / (double)rate;
}

double mqoe_gaps_offered(uint64_t rate) {
    unsigned i = 0;
    while (rate >= offers[i].below)
        i++;
    return offers[i].times * 1e9 / mqoe_gaps_frame_ns(rate);
}

static json_t *row_json(const struct mqoe_gaps_row *row, const struct mqoe_gaps *g) {
    json_t *r = mqoe_gaps_json(g, mqoe_gaps_frame_ns(row->rate));
    json_object_set_new(r, "rate", json_integer((json_int_t)row->rate));
    json_object_set_new(r, "discipline", json_string(row->discipline));
    return r;
}

static int run_memory(const struct mqoe_bench *b, const struct plan *p, json_t *rows, struct mqoe_error *e) {
    struct mqoe_departures d = {0};
    int err = 0;
    fprintf(
        b->table,
        "\nDepartures from the shaper, frames of %u B (1,538 accounted), on a virtual clock; gaps in frame "
        "times\n  discipline   Mbit/s   rate error    gap p1   median      p99      max     burst\n",
        MQOE_GAPS_FRAME);
    for (unsigned i = 0; i < p->rate_count * 2 && !err; i++) {
        const struct mqoe_gaps_row row = {p->rates[i / 2], disciplines[i % 2]};
        const double frame = mqoe_gaps_frame_ns(row.rate);
        if ((err = mqoe_gaps_memory(&row, p->memory_seconds, &d, e)) != 0)
            break;
        struct mqoe_gaps g = mqoe_gaps_measure(&d, frame);
        fprintf(b->table, "  %-10s %8.0f   %9.5f%%   %.5f  %.5f  %.5f  %.5f   %.5f\n", row.discipline,
                (double)row.rate / 1e6, g.rate_error * 100, g.p1 / frame, g.median / frame, g.p99 / frame,
                g.max / frame, g.burst);
        json_array_append_new(rows, row_json(&row, &g));
    }
    mqoe_departures_free(&d);
    return err;
}

static void print_live(const struct mqoe_bench *b, const struct mqoe_gaps_row *row, const struct mqoe_gaps *g,
                       const struct mqoe_gaps_lateness *l) {
    const double frame = mqoe_gaps_frame_ns(row->rate);
    fprintf(b->table, "  %-10s %8.0f   ", row->discipline, (double)row->rate / 1e6);
    if (l->invalid) {
        fprintf(b->table, "invalid: %s (link idle at %.2f %% of looks, CPU %.0f %%)\n", l->invalid,
                l->idle * 100, l->cpu * 100);
        return;
    }
    fprintf(b->table, "%9.4f%%   %6.3f  %6.3f  %6.3f  %7.3f   %5u   %6.2f   %6.2f   %6.0f   %3.0f %%\n",
            g->rate_error * 100, g->p1 / frame, g->median / frame, g->p99 / frame, g->max / frame,
            g->together, g->burst, 1 + (double)l->timer / frame, (double)l->timer / 1e3, l->cpu * 100);
}

static json_t *live_json(const struct mqoe_gaps_row *row, const struct mqoe_gaps *g,
                         const struct mqoe_gaps_lateness *l) {
    json_t *r;
    if (l->invalid)
        r = json_pack("{s:I, s:s, s:s}", "rate", (json_int_t)row->rate, "discipline", row->discipline,
                      "invalid", l->invalid);
    else
        r = row_json(row, g);
    json_object_set_new(r, "timer_late_us", json_real((double)l->timer / 1e3));
    json_object_set_new(r, "burst_allowed_frames",
                        json_real(1 + (double)l->timer / mqoe_gaps_frame_ns(row->rate)));
    json_object_set_new(r, "idle", json_real(l->idle));
    json_object_set_new(r, "cpu", json_real(l->cpu));
    json_object_set_new(r, "wakeups_per_second", json_real(l->wakeups));
    return r;
}

static int run_live(const struct mqoe_bench *b, const struct plan *p, json_t *rows, struct mqoe_error *e) {
    struct mqoe_gaps_live *live = NULL;
    struct mqoe_departures d = {0};
    int err = mqoe_gaps_live_open(&live, e);
    fprintf(
        b->table,
        "\nThe same live, stamped by the receiving kernel (veth, AF_XDP), %.1f s a row; allowed: 1 + "
        "largest lateness of a timer / frame time\n(sending begins some µs later). Above 20,000 wake-ups a "
        "second the reactor takes "
        "frames in groups of 50 µs (native/reactor/pace.h).\n"
        "  discipline   Mbit/s   rate error   gap p1  median     p99      max   together  burst  allowed  "
        "late µs   CPU\n",
        p->live_seconds);
    for (unsigned i = 0; i < p->rate_count * 2 && !err; i++) {
        const struct mqoe_gaps_row row = {p->rates[i / 2], disciplines[i % 2]};
        struct mqoe_gaps_lateness l;
        if ((err = mqoe_gaps_live_run(live, &row, p->live_seconds, &d, &l, e)) != 0)
            break;
        struct mqoe_gaps g = mqoe_gaps_measure(&d, mqoe_gaps_frame_ns(row.rate));
        if (!l.invalid && g.frames < 2)
            l.invalid = "no frame came through";
        print_live(b, &row, &g, &l);
        fflush(b->table);
        json_array_append_new(rows, live_json(&row, &g, &l));
    }
    mqoe_departures_free(&d);
    mqoe_gaps_live_close(live);
    return err;
}

json_t *mqoe_bench_gaps(const struct mqoe_bench *b, struct mqoe_error *e) {
    const struct plan full = {rates, sizeof rates / sizeof *rates, 2, 2},
                      quick = {quick_rates, sizeof quick_rates / sizeof *quick_rates, 0.3, 0.5},
                      *p = b->quick ? &quick : &full;
    json_t *memory = json_array(), *live = json_array();
    if (run_memory(b, p, memory, e) == 0 && run_live(b, p, live, e) == 0)
        return json_pack("{s:i, s:o, s:o}", "frame_bytes", (int)MQOE_GAPS_FRAME, "memory", memory, "live",
                         live);
    json_decref(memory);
    json_decref(live);
    return NULL;
}
