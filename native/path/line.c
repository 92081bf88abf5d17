#include "path/line.h"

#include <stdlib.h>
#include <string.h>

#include "packet/ecn.h"

#define ETHERNET 14u

enum happening { NOTHING, LEAVES, TRANSMITTED, STEP, ARRIVES };

// ---- the trace of steps ----

static inline bool has_steps(const struct mqoe_path_line *line) {
    return line->config.trace.kind == MQOE_PATH_TRACE_STEPS;
}

// When step `number` of the trace, counted on through its repetitions, begins; MQOE_NEVER: there is none.
static uint64_t step_at(const struct mqoe_path_line *line, uint64_t number) {
    const struct mqoe_path_trace *t = &line->config.trace;
    if (!t->period && number >= t->step_count)
        return MQOE_NEVER;
    return line->origin + number / t->step_count * t->period + t->steps[number % t->step_count].time;
}

// Values of the step before `line->step`, or the line's own.
static void take_values(struct mqoe_path_line *line, uint64_t now) {
    const struct mqoe_path_config *c = &line->config;
    uint64_t rate = c->link.rate;
    line->mean = c->delay.mean;
    line->random_loss = (struct mqoe_path_chance){0};
    if (c->loss.model == MQOE_PATH_LOSS_RANDOM)
        line->random_loss = c->loss.random;
    if (has_steps(line) && line->step) {
        const struct mqoe_path_step *s = &c->trace.steps[(line->step - 1) % c->trace.step_count];
        rate = s->rate == MQOE_PATH_KEEP ? rate : s->rate;
        line->mean = s->delay == MQOE_PATH_KEEP ? line->mean : s->delay;
        if (s->loss >= 0)
            line->random_loss.probability = s->loss;
    }
    mqoe_path_server_set_rate(&line->server, rate, now);
}

// Goes to the last step that begins at `until` or before, one cycle of the trace at a time.
static void pass_steps(struct mqoe_path_line *line, uint64_t until) {
    const struct mqoe_path_trace *t = &line->config.trace;
    if (t->period && until > line->origin) {
        uint64_t first = (until - line->origin) / t->period * t->step_count;
        if (first > line->step)
            line->step = first; // the step before it is the last one of the cycle before
    }
    uint64_t at = line->clock;
    for (uint64_t begins; (begins = step_at(line, line->step)) <= until; line->step++)
        at = begins > at ? begins : at;
    take_values(line, at);
}

// ---- the link ----

static inline bool has_link(const struct mqoe_path_line *line) {
    return line->server.rate || line->config.trace.kind == MQOE_PATH_TRACE_MAHIMAHI ||
           line->config.slot.enabled;
}

static void drop(struct mqoe_path_line *line, struct mqoe_frame *frame, uint64_t *counter,
                 struct mqoe_frame_list *dropped) {
    line->held--;
    (*counter)++;
    mqoe_frame_drop(dropped, frame, MQOE_DROP_PATH);
}

static void transmit_next(struct mqoe_path_line *line) {
    const struct mqoe_frame *frame = line->buffer.head;
    line->transmitting = frame != NULL;
    if (frame)
        mqoe_path_transmit(&line->server, &line->config, line->origin, frame->time, frame->len);
}

static bool is_full(const struct mqoe_path_line *line, uint32_t len) {
    const struct mqoe_path_link *l = &line->config.link;
    return (l->limit_packets && line->backlog >= l->limit_packets) ||
           (l->limit_bytes && line->backlog_bytes + len > l->limit_bytes);
}

static void release(struct mqoe_path_line *line, struct mqoe_frame *frame) {
    mqoe_frame_list_push(&line->ready, frame);
}

static inline struct mqoe_frame *land(struct mqoe_path_line *line) {
    struct mqoe_frame *frame = mqoe_path_store_pop(&line->flight);
    if (frame->time < line->last_release) // of a link that is gone
        frame->time = line->last_release;
    return frame;
}

// A frame has the delay behind it.
static void arrive(struct mqoe_path_line *line, struct mqoe_frame_list *dropped) {
    const struct mqoe_path_link *l = &line->config.link;
    if (!line->backlog && !has_link(line)) {
        release(line, land(line));
        return;
    }
    struct mqoe_frame *frame = mqoe_path_store_pop(&line->flight);
    if (is_full(line, frame->len)) {
        drop(line, frame, &line->counters.overflow, dropped);
        return;
    }
    if (l->ecn_threshold && line->backlog_bytes >= l->ecn_threshold)
        line->counters.marked += mqoe_frame_mark_ce(frame);
    mqoe_frame_list_push(&line->buffer, frame);
    line->backlog++;
    line->backlog_bytes += frame->len;
    if (!line->transmitting)
        transmit_next(line);
}

static void transmitted(struct mqoe_path_line *line) {
    struct mqoe_path_server *s = &line->server;
    struct mqoe_frame *frame = mqoe_frame_list_pop(&line->buffer);
    frame->time = s->free_at;
    if (line->config.slot.enabled)
        frame->time = mqoe_path_slot_leave(s, &line->config.slot, s->free_at, frame->len);
    if (frame->time < line->last_release) // of one that waits for a slot since before a change
        frame->time = line->last_release;
    line->last_release = frame->time;
    mqoe_frame_list_push(&line->slotted, frame);
    transmit_next(line);
}

static void leave(struct mqoe_path_line *line) {
    struct mqoe_frame *frame = mqoe_frame_list_pop(&line->slotted);
    line->backlog--;
    line->backlog_bytes -= frame->len;
    release(line, frame);
}

// ---- what happens next ----

static inline bool is_sooner(uint64_t due, uint64_t *at) {
    if (due >= *at)
        return false;
    *at = due;
    return true;
}

// Of what happens at the same time, room in the buffer comes first.
static enum happening next_happening(const struct mqoe_path_line *line, uint64_t *at) {
    enum happening next = NOTHING;
    *at = MQOE_NEVER;
    if (line->slotted.head && is_sooner(line->slotted.head->time, at))
        next = LEAVES;
    if (line->transmitting && is_sooner(line->server.free_at, at))
        next = TRANSMITTED;
    uint64_t flight = mqoe_path_store_next(&line->flight);
    bool watched = has_steps(line) && (line->transmitting || flight != MQOE_NEVER);
    if (watched && is_sooner(step_at(line, line->step), at))
        next = STEP;
    if (is_sooner(flight, at))
        next = ARRIVES;
    return next;
}

static void happen(struct mqoe_path_line *line, enum happening what, uint64_t at, uint64_t until,
                   struct mqoe_frame_list *dropped) {
    uint64_t flight = mqoe_path_store_next(&line->flight);
    switch (what) {
    case LEAVES:
        leave(line);
        break;
    case TRANSMITTED:
        transmitted(line);
        break;
    case STEP: // several at once when nobody sees those between
        pass_steps(line, line->transmitting ? at : until < flight ? until : flight);
        break;
    default:
        arrive(line, dropped);
    }
}

static void advance(struct mqoe_path_line *line, uint64_t until, struct mqoe_frame_list *dropped) {
    uint64_t at;
    for (enum happening what; (what = next_happening(line, &at)) && at <= until;) {
        if (at > line->clock)
            line->clock = at;
        happen(line, what, at, until, dropped);
    }
    if (until > line->clock && until != MQOE_NEVER)
        line->clock = until;
}

// To the values of the trace at `until`, too, which nobody inside may have been waiting for.
static void catch_up(struct mqoe_path_line *line, uint64_t until, struct mqoe_frame_list *dropped) {
    advance(line, until, dropped);
    if (has_steps(line) && step_at(line, line->step) <= until)
        pass_steps(line, until);
}

uint64_t mqoe_path_line_next(const struct mqoe_path_line *line) {
    if (line->ready.head)
        return line->ready.head->time;
    if (line->slotted.head)
        return line->slotted.head->time;
    if (!line->transmitting)
        return mqoe_path_store_next(&line->flight);
    uint64_t next = line->server.free_at;
    if (has_steps(line))
        is_sooner(step_at(line, line->step), &next);
    return next;
}

struct mqoe_frame *mqoe_path_line_dequeue(struct mqoe_path_line *line, uint64_t now,
                                          struct mqoe_frame_list *dropped) {
    struct mqoe_frame *frame = NULL;
    if (line->ready.head || line->backlog || has_link(line) || has_steps(line)) {
        if (!line->ready.head && line->held)
            advance(line, now, dropped);
        frame = mqoe_frame_list_pop(&line->ready);
    } else if (line->held && mqoe_path_store_next(&line->flight) <= now) { // the same, without the detour
        frame = land(line);
    }
    if (frame) {
        line->held--;
        line->counters.out++;
    }
    return frame;
}

// ---- entering ----

static void flip_bit(struct mqoe_random *random, struct mqoe_frame *frame) {
    uint32_t bit = mqoe_random_below(random, (frame->len - ETHERNET) * 8);
    frame->data[ETHERNET + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

// Whether it is this frame's turn not to be delayed.
static bool skips_delay(struct mqoe_path_line *line) {
    const struct mqoe_path_reorder *r = &line->config.reorder;
    if (!r->gap)
        return false;
    if (line->since_reorder + 1 >= r->gap && mqoe_path_happens(&line->reorder, &r->chance)) {
        line->since_reorder = 0;
        return true;
    }
    line->since_reorder += line->since_reorder < UINT32_MAX;
    return false;
}

static void take_off(struct mqoe_path_line *line, struct mqoe_path_fate *fate, struct mqoe_frame *frame,
                     uint64_t arrival, bool at_once) {
    frame->time = arrival;
    if (!at_once) {
        frame->time += mqoe_path_spreader_next(&fate->delay, &line->config.delay, line->mean);
        if ((line->config.keep_order || !line->config.delay.jitter) && frame->time < line->last_due)
            frame->time = line->last_due;
        if (frame->time > line->last_due)
            line->last_due = frame->time;
    }
    int pushed = mqoe_path_store_push(&line->flight, frame);
    line->counters.reordered += pushed > 0;
    line->counters.reorders_refused += pushed < 0;
}

static void enter(struct mqoe_path_line *line, struct mqoe_path_fate *fate, struct mqoe_frame *frame,
                  uint64_t arrival, struct mqoe_frame_list *dropped) {
    const struct mqoe_path_config *c = &line->config;
    bool original = fate == &line->originals, at_once = original && skips_delay(line);
    line->held++;
    if ((original || c->loss.model != MQOE_PATH_LOSS_PACKETS) &&
        mqoe_path_loses(&fate->loser, &c->loss, &line->random_loss)) {
        if (!c->loss.ecn || !mqoe_frame_mark_ce(frame)) {
            drop(line, frame, &line->counters.lost, dropped);
            return;
        }
        line->counters.marked++;
    }
    if (mqoe_path_happens(&fate->corrupt, &c->corrupt) && frame->len > ETHERNET) {
        flip_bit(&fate->bit, frame);
        line->counters.corrupted++;
    }
    take_off(line, fate, frame, arrival, at_once);
}

static struct mqoe_frame *duplicate(struct mqoe_path_line *line, const struct mqoe_frame *frame,
                                    const struct mqoe_path_copier *copier) {
    if (!mqoe_path_happens(&line->duplicate, &line->config.duplicate))
        return NULL;
    struct mqoe_frame *copy = copier ? copier->copy(copier->context, frame) : NULL;
    line->counters.duplicated += copy != NULL;
    line->counters.duplicates_refused += copy == NULL;
    return copy;
}

// Whether what happened up to a frame's arrival matters to it or its owner: a trace says which delay and loss
// there are now, and what a full buffer loses is to be given back at once, not when the next frame leaves.
static inline bool needs_present(const struct mqoe_path_line *line) {
    return has_steps(line) ||
           (line->backlog && (line->config.link.limit_packets || line->config.link.limit_bytes));
}

void mqoe_path_line_enqueue(struct mqoe_path_line *line, struct mqoe_frame *frame, uint64_t arrival,
                            const struct mqoe_path_copier *copier, struct mqoe_frame_list *dropped) {
    line->counters.in++;
    if (!line->config.up) {
        line->counters.down++;
        mqoe_frame_drop(dropped, frame, MQOE_DROP_PATH);
        return;
    }
    if (needs_present(line) && arrival > line->clock)
        catch_up(line, arrival, dropped);
    if (line->only_delays) {
        line->originals.loser.number++;
        line->held++;
        take_off(line, &line->originals, frame, arrival, false);
        return;
    }
    struct mqoe_frame *copy = duplicate(line, frame, copier);
    enter(line, &line->originals, frame, arrival, dropped);
    if (copy)
        enter(line, &line->copies, copy, arrival, dropped);
}

// ---- the owner's side ----

static void seed_fate(struct mqoe_path_fate *f, uint64_t seed, uint64_t number, unsigned copies) {
    mqoe_path_stream(&f->loser.dice.random, seed, number, MQOE_PATH_FOR_LOSS + copies);
    mqoe_path_stream(&f->corrupt.random, seed, number, MQOE_PATH_FOR_CORRUPT + copies);
    mqoe_path_stream(&f->bit, seed, number, MQOE_PATH_FOR_BIT + copies);
    mqoe_path_stream(&f->delay.random, seed, number, MQOE_PATH_FOR_DELAY + copies);
}

static bool only_delays(const struct mqoe_path_config *c) {
    return c->up && c->loss.model == MQOE_PATH_LOSS_NONE && c->duplicate.probability <= 0 &&
           c->corrupt.probability <= 0 && !c->reorder.gap && c->trace.kind != MQOE_PATH_TRACE_STEPS;
}

static void adopt(struct mqoe_path_line *line, const struct mqoe_path_config *config) {
    line->config = *config;
    line->only_delays = only_delays(config);
    line->plain = line->only_delays && !config->delay.mean && !config->delay.jitter && !config->link.rate &&
                  !config->slot.enabled && config->trace.kind == MQOE_PATH_TRACE_NONE;
    mqoe_path_spreader_set(&line->originals.delay, &config->delay);
    mqoe_path_spreader_set(&line->copies.delay, &config->delay);
    mqoe_path_spreader_set(&line->server.slot, &config->slot.spread);
}

int mqoe_path_line_init(struct mqoe_path_line *line, const struct mqoe_path_config *config, uint64_t seed,
                        uint64_t number, uint64_t now, struct mqoe_error *e) {
    *line = (struct mqoe_path_line){.origin = now, .clock = now};
    int r = mqoe_path_config_check(config, e);
    if (r < 0)
        return r;
    seed_fate(&line->originals, seed, number, 0);
    seed_fate(&line->copies, seed, number, MQOE_PATH_FOR_COPIES);
    mqoe_path_stream(&line->duplicate.random, seed, number, MQOE_PATH_FOR_DUPLICATE);
    mqoe_path_stream(&line->reorder.random, seed, number, MQOE_PATH_FOR_REORDER);
    mqoe_path_stream(&line->server.slot.random, seed, number, MQOE_PATH_FOR_SLOT);
    adopt(line, config);
    mqoe_path_line_start(line, now);
    return 0;
}

void mqoe_path_line_free(struct mqoe_path_line *line) {
    mqoe_path_store_free(&line->flight);
}

void mqoe_path_line_start(struct mqoe_path_line *line, uint64_t origin) {
    line->origin = origin;
    line->step = 0;
    mqoe_path_server_reset_trace(&line->server);
    if (has_steps(line))
        pass_steps(line, line->clock);
    else
        take_values(line, line->clock);
}

// Everything inside that has not left is lost.
static void cut(struct mqoe_path_line *line, struct mqoe_frame_list *dropped) {
    struct mqoe_frame_list inside = line->slotted;
    mqoe_frame_list_splice(&inside, &line->buffer);
    while (mqoe_path_store_next(&line->flight) != MQOE_NEVER)
        mqoe_frame_list_push(&inside, mqoe_path_store_pop(&line->flight));
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&inside));)
        drop(line, f, &line->counters.down, dropped);
    line->slotted.head = NULL;
    line->transmitting = false;
    line->backlog = line->backlog_bytes = line->last_due = line->last_release = 0;
    line->server.free_at = line->server.fraction = line->server.slot_at = line->server.slot_packets = 0;
}

static bool same_trace(const struct mqoe_path_trace *a, const struct mqoe_path_trace *b) {
    return a->kind == b->kind && a->opportunities == b->opportunities && a->steps == b->steps &&
           a->opportunity_count == b->opportunity_count && a->step_count == b->step_count &&
           a->period == b->period;
}

// The frame in transmission begins anew when the link has become another one, not only faster or slower.
static void change_trace(struct mqoe_path_line *line, bool other_link, uint64_t now) {
    bool again = line->transmitting && other_link;
    if (again)
        line->server.free_at = now;
    mqoe_path_line_start(line, now);
    if (again)
        transmit_next(line);
}

int mqoe_path_line_set(struct mqoe_path_line *line, const struct mqoe_path_config *config, uint64_t now,
                       struct mqoe_frame_list *dropped, struct mqoe_error *e) {
    int r = mqoe_path_config_check(config, e);
    if (r < 0)
        return r;
    catch_up(line, now, dropped);
    bool other_trace = !same_trace(&config->trace, &line->config.trace);
    bool other_link =
        config->trace.kind == MQOE_PATH_TRACE_MAHIMAHI || line->config.trace.kind == MQOE_PATH_TRACE_MAHIMAHI;
    bool other_loss =
        config->loss.model != line->config.loss.model || config->loss.packets != line->config.loss.packets;
    if (!config->up)
        cut(line, dropped);
    adopt(line, config);
    if (other_loss) {
        mqoe_path_loser_reset(&line->originals.loser, &config->loss);
        mqoe_path_loser_reset(&line->copies.loser, &config->loss);
    }
    if (other_trace)
        change_trace(line, other_link, line->clock);
    else
        take_values(line, line->clock);
    return 0;
}

void mqoe_path_line_drain(struct mqoe_path_line *line, struct mqoe_frame_list *frames) {
    mqoe_frame_list_splice(frames, &line->ready);
    mqoe_frame_list_splice(frames, &line->slotted);
    mqoe_frame_list_splice(frames, &line->buffer);
    while (mqoe_path_store_next(&line->flight) != MQOE_NEVER)
        mqoe_frame_list_push(frames, mqoe_path_store_pop(&line->flight));
    line->held = 0;
    line->backlog = line->backlog_bytes = 0;
    line->transmitting = false;
}
