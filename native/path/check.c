#include <errno.h>

#include "path/config.h"

static int refuse(struct mqoe_error *e, const char *what, double found, const char *allowed) {
    return mqoe_fail(e, EINVAL, "path", allowed, "%s = %.17g", what, found);
}

static int check_share(struct mqoe_error *e, const char *what, double value) {
    return value >= 0 && value <= 1 ? 0 : refuse(e, what, value, "A share is from 0 to 1.");
}

static int check_chance(struct mqoe_error *e, const char *what, const struct mqoe_path_chance *c) {
    int r = check_share(e, what, c->probability);
    return r ? r : check_share(e, what, c->correlation);
}

static int check_time(struct mqoe_error *e, const char *what, uint64_t value) {
    return value <= MQOE_PATH_TIME_MAX
               ? 0
               : refuse(e, what, (double)value, "A time is at most 2^53 ns (104 days).");
}

static int check_rate(struct mqoe_error *e, const char *what, uint64_t value) {
    return value <= MQOE_PATH_RATE_MAX ? 0 : refuse(e, what, (double)value, "A rate is at most 1 Tbit/s.");
}

static int check_table(struct mqoe_error *e, const char *what, const struct mqoe_path_spread *s) {
    if (!s->table || !s->table_size || s->table_size > MQOE_PATH_TABLE_MAX)
        return mqoe_fail(e, EINVAL, "path", "A table has 1 to 16384 values.", "%s: a table of %u values",
                         what, s->table ? s->table_size : 0);
    for (uint32_t i = 1; s->correlation > 0 && i < s->table_size; i++)
        if (s->table[i] < s->table[i - 1])
            return mqoe_fail(
                e, EINVAL, "path", "With a correlation the values of a table must ascend; sort them.",
                "%s: value %d of the table, %d after %d", what, (int)i, s->table[i], s->table[i - 1]);
    return 0;
}

static int check_spread(struct mqoe_error *e, const char *what, const struct mqoe_path_spread *s) {
    int r = check_time(e, what, s->mean);
    if (!r)
        r = check_time(e, what, s->jitter);
    if (!r)
        r = check_share(e, what, s->correlation);
    if (!r && s->distribution > MQOE_PATH_TABLE)
        r = refuse(e, what, s->distribution, "There is no such distribution.");
    return r || s->distribution != MQOE_PATH_TABLE ? r : check_table(e, what, s);
}

static int check_gemodel(struct mqoe_error *e, const struct mqoe_path_loss *l) {
    int r = check_share(e, "gemodel p", l->gemodel.p);
    if (!r)
        r = check_share(e, "gemodel r", l->gemodel.r);
    if (!r)
        r = check_share(e, "gemodel 1-h", l->gemodel.bad_loss);
    return r ? r : check_share(e, "gemodel 1-k", l->gemodel.good_loss);
}

// Sums may exceed 1 by what decimal fractions lose in binary.
static int check_sum(struct mqoe_error *e, const char *what, double sum) {
    return sum <= 1 + 1e-9 ? 0 : refuse(e, what, sum, "Both leave the same state: together at most 1.");
}

static int check_state(struct mqoe_error *e, const struct mqoe_path_loss *l) {
    const double value[] = {l->state.p13, l->state.p31, l->state.p32, l->state.p23, l->state.p14};
    static const char *const name[] = {"state p13", "state p31", "state p32", "state p23", "state p14"};
    for (int i = 0; i < 5; i++) {
        int r = check_share(e, name[i], value[i]);
        if (r)
            return r;
    }
    int r = check_sum(e, "state p13 + p14", l->state.p13 + l->state.p14);
    return r ? r : check_sum(e, "state p31 + p32", l->state.p31 + l->state.p32);
}

static int check_packets(struct mqoe_error *e, const struct mqoe_path_loss *l) {
    for (uint32_t i = 1; i < l->packet_count; i++)
        if (l->packets[i] <= l->packets[i - 1])
            return refuse(e, "loss packets", (double)l->packets[i],
                          "The numbers of lost packets ascend, each once.");
    return 0;
}

static int check_loss(struct mqoe_error *e, const struct mqoe_path_loss *l) {
    switch (l->model) {
    case MQOE_PATH_LOSS_NONE:
        return 0;
    case MQOE_PATH_LOSS_RANDOM:
        return check_chance(e, "loss", &l->random);
    case MQOE_PATH_LOSS_GEMODEL:
        return check_gemodel(e, l);
    case MQOE_PATH_LOSS_STATE:
        return check_state(e, l);
    case MQOE_PATH_LOSS_PACKETS:
        return check_packets(e, l);
    }
    return refuse(e, "loss model", l->model, "There is no such model.");
}

static int check_link(struct mqoe_error *e, const struct mqoe_path_link *l) {
    int r = check_rate(e, "rate", l->rate);
    if (!r && l->cell_size > 65536)
        r = refuse(e, "cell size", l->cell_size, "A cell has at most 65536 bytes.");
    if (!r && l->cell_size && (int64_t)l->cell_size + l->cell_overhead <= 0)
        r = refuse(e, "cell overhead", l->cell_overhead, "A cell with its overhead has at least 1 byte.");
    if (!r && (l->packet_overhead > 65536 || l->packet_overhead < -65536))
        r = refuse(e, "packet overhead", l->packet_overhead, "From -65536 to 65536 bytes.");
    if (!r && l->cell_overhead > 65536)
        r = refuse(e, "cell overhead", l->cell_overhead, "At most 65536 bytes.");
    return r;
}

static int check_slot(struct mqoe_error *e, const struct mqoe_path_slot *s) {
    if (!s->enabled)
        return 0;
    if (s->distributed)
        return check_spread(e, "slot", &s->spread);
    int r = check_time(e, "slot max", s->max_delay);
    if (!r && s->min_delay > s->max_delay)
        r = refuse(e, "slot min", (double)s->min_delay, "The least delay of a slot is at most its greatest.");
    return r;
}

static int check_opportunities(struct mqoe_error *e, const struct mqoe_path_trace *t) {
    if (!t->opportunity_count || !t->opportunities[t->opportunity_count - 1])
        return mqoe_fail(e, EINVAL, "path", "The last time is the period of the trace: at least 1 ms.",
                         "mahimahi trace without an opportunity after 0 ms");
    for (uint32_t i = 1; i < t->opportunity_count; i++)
        if (t->opportunities[i] < t->opportunities[i - 1])
            return refuse(e, "mahimahi trace, ms", (double)t->opportunities[i], "Times do not decrease.");
    uint64_t last = t->opportunities[t->opportunity_count - 1];
    return last <= MQOE_PATH_TIME_MAX / 1000000
               ? 0
               : refuse(e, "mahimahi trace, ms", (double)last, "A trace lasts at most 104 days.");
}

static int check_step(struct mqoe_error *e, const struct mqoe_path_config *c, uint32_t i) {
    const struct mqoe_path_step *s = &c->trace.steps[i];
    int r = check_time(e, "trace time", s->time);
    if (!r && i && s->time <= s[-1].time)
        r = refuse(e, "trace time", (double)s->time, "Times of a trace ascend.");
    if (!r && s->rate != MQOE_PATH_KEEP)
        r = check_rate(e, "trace rate", s->rate);
    if (!r && s->delay != MQOE_PATH_KEEP)
        r = check_time(e, "trace delay", s->delay);
    if (r || s->loss == MQOE_PATH_KEEP_LOSS)
        return r;
    if (c->loss.model != MQOE_PATH_LOSS_NONE && c->loss.model != MQOE_PATH_LOSS_RANDOM)
        return refuse(e, "trace loss", s->loss, "A trace with loss goes with random loss or none.");
    return check_share(e, "trace loss", s->loss);
}

static int check_steps(struct mqoe_error *e, const struct mqoe_path_config *c) {
    const struct mqoe_path_trace *t = &c->trace;
    if (!t->step_count)
        return mqoe_fail(e, EINVAL, "path", "A trace has at least one step.", "trace without steps");
    for (uint32_t i = 0; i < t->step_count; i++) {
        int r = check_step(e, c, i);
        if (r)
            return r;
    }
    if (t->period && t->period <= t->steps[t->step_count - 1].time)
        return refuse(e, "trace period", (double)t->period, "A trace repeats after its last step begins.");
    return check_time(e, "trace period", t->period);
}

static int check_trace(struct mqoe_error *e, const struct mqoe_path_config *c) {
    switch (c->trace.kind) {
    case MQOE_PATH_TRACE_NONE:
        return 0;
    case MQOE_PATH_TRACE_MAHIMAHI:
        if (c->link.rate)
            return refuse(e, "rate", (double)c->link.rate,
                          "A mahimahi trace is the rate: leave out this one.");
        return check_opportunities(e, &c->trace);
    case MQOE_PATH_TRACE_STEPS:
        return check_steps(e, c);
    }
    return refuse(e, "trace kind", c->trace.kind, "There is no such kind.");
}

int mqoe_path_config_check(const struct mqoe_path_config *c, struct mqoe_error *e) {
    int r = check_spread(e, "delay", &c->delay);
    if (!r)
        r = check_loss(e, &c->loss);
    if (!r)
        r = check_chance(e, "duplicate", &c->duplicate);
    if (!r)
        r = check_chance(e, "corrupt", &c->corrupt);
    if (!r)
        r = check_chance(e, "reorder", &c->reorder.chance);
    if (!r)
        r = check_link(e, &c->link);
    if (!r)
        r = check_slot(e, &c->slot);
    return r ? r : check_trace(e, c);
}
