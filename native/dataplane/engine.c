#include "dataplane/engine.h"

#include <string.h>

#include "dataplane/engine_parts.h"
#include "dataplane/engine_tap.h"
#include "packet/hash.h"
#include "packet/parse.h"

// Bounds of one round, in frames: what is due never waits for more than this much other work.
#define LEAF_QUOTA  64u
#define ROUND_QUOTA 256u
#define STUCK_RETRY 100000u // ns until a device that took nothing is asked again

static inline bool passes_through(const struct mqoe_circuit *c) {
    return c->leaf.discipline.kind == MQOE_NONE && !c->leaf.shaper.rate && !c->leaf.stats.backlog_packets;
}

void mqoe_engine_free_dropped(struct mqoe_engine *e, struct mqoe_frame_list *dropped, enum mqoe_place from) {
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(dropped));) {
        e->drops[f->cause]++;
        mqoe_engine_show_dropped(e, f, (enum mqoe_drop_cause)f->cause);
        mqoe_umem_give(e->umem, mqoe_umem_chunk(e->umem, f), from);
    }
}

static void send_burst(struct mqoe_engine *e, enum mqoe_side side) {
    struct mqoe_burst *out = &e->out[side];
    if (!out->count)
        return;
    unsigned taken = e->ports[side]->ops->send(e->ports[side], out->frames, out->count);
    for (unsigned i = 0; e->tap && i < taken; i++)
        mqoe_engine_show_sent(e, out->frames[i], side);
    for (unsigned i = taken; i < out->count; i++) {
        e->drops[MQOE_DROP_NONE]++;
        mqoe_engine_show_dropped(e, out->frames[i], MQOE_DROP_NONE);
        mqoe_umem_give(e->umem, mqoe_umem_chunk(e->umem, out->frames[i]), MQOE_HAND);
    }
    out->count = 0;
}

static void transmit(struct mqoe_engine *e, struct mqoe_frame *f) {
    enum mqoe_side side = f->direction == MQOE_DOWN ? MQOE_ACCESS : MQOE_CORE;
    struct mqoe_burst *out = &e->out[side];
    out->frames[out->count++] = f;
    if (out->count == MQOE_BATCH)
        send_burst(e, side);
}

// Arms the circuit for `due`; what may go at once joins the ready list, which costs no heap operation.
void mqoe_engine_schedule(struct mqoe_engine *e, struct mqoe_circuit *c, uint64_t due) {
    if (c->ready)
        return; // will be served in this round, and scheduled again then
    if (due > e->now) {
        mqoe_heap_arm(&e->timers, &c->timer, due);
        return;
    }
    mqoe_heap_disarm(&e->timers, &c->timer);
    c->ready = true;
    c->next_ready = NULL;
    if (e->ready_head)
        e->ready_tail->next_ready = c;
    else
        e->ready_head = c;
    e->ready_tail = c;
}

static bool send_one(struct mqoe_engine *e, struct mqoe_circuit *c, struct mqoe_frame_list *dropped) {
    uint64_t next;
    struct mqoe_frame *f = mqoe_leaf_dequeue(&c->leaf, e->now, &next, dropped);
    if (!f)
        return false;
    mqoe_umem_move(e->umem, mqoe_umem_chunk(e->umem, f), MQOE_LEAF, MQOE_HAND);
    mqoe_engine_advance(e, f, f->time);
    return true;
}

// Sends what a late link owes from before `arrival`: those frames had their turn when the newcomer was not
// there yet. If it overtook them now, the link would count as idle until then and lose that time. Ends with
// the backlog.
static void catch_up(struct mqoe_engine *e, struct mqoe_circuit *c, uint64_t arrival) {
    struct mqoe_frame_list dropped = {0};
    while (mqoe_leaf_next(&c->leaf) < arrival && send_one(e, c, &dropped))
        ;
    mqoe_engine_free_dropped(e, &dropped, MQOE_LEAF);
    mqoe_engine_schedule(e, c, mqoe_leaf_next(&c->leaf));
}

static void enter_leaf(struct mqoe_engine *e, struct mqoe_circuit *c, struct mqoe_frame *f,
                       uint64_t arrival) {
    struct mqoe_frame_list dropped = {0};
    if (c->leaf.shaper.rate && mqoe_leaf_next(&c->leaf) < arrival)
        catch_up(e, c, arrival);
    bool idle = !c->leaf.stats.backlog_packets;
    mqoe_umem_move(e->umem, mqoe_umem_chunk(e->umem, f), MQOE_HAND, MQOE_LEAF);
    mqoe_leaf_enqueue(&c->leaf, f, arrival, &dropped);
    mqoe_engine_free_dropped(e, &dropped, MQOE_LEAF);
    // While a timer is armed the link is busy until then, whatever arrives; unless nothing was held, when it
    // may only be for the state that CAKE's queues leave behind, or the rate has just gone up.
    if (idle || !mqoe_timer_armed(&c->timer) || mqoe_leaf_hurries(&c->leaf))
        mqoe_engine_schedule(e, c, mqoe_leaf_next(&c->leaf));
}

// A circuit without queue and rate only counts.
static void count_through(struct mqoe_circuit *c, const struct mqoe_frame *f) {
    struct mqoe_queue_stats *s = &c->leaf.stats;
    s->in_packets++;
    s->out_packets++;
    s->in_bytes += f->len;
    s->out_bytes += f->len;
    s->out_shaped_bytes += mqoe_framing_adjust(&c->leaf.framing, f->len, f->l3_offset);
}

// The stretch at a stage that is not the leaf's.
static inline uint32_t stretch_at(const struct mqoe_circuit *c, const struct mqoe_frame *f, unsigned stage) {
    if (f->direction == MQOE_DOWN)
        return stage == 0 ? (uint32_t)f->user : c->hops[stage - 2];
    return stage < c->hop_count ? c->hops[stage] : (uint32_t)f->user;
}

// True when the leaf or its tree has taken the frame.
static bool enter_circuit(struct mqoe_engine *e, struct mqoe_circuit *c, struct mqoe_frame *f,
                          uint64_t arrival) {
    if (c->tree) {
        mqoe_engine_enter_tree(e, c, f, arrival);
        return true;
    }
    if (!passes_through(c)) {
        enter_leaf(e, c, f, arrival);
        return true;
    }
    count_through(c, f);
    return false;
}

// Takes a frame in hand from stage to stage until one holds it. Down they are: the server's path, the leaf,
// the hops of the circuit; up: the hops, the leaf, the server's path.
void mqoe_engine_advance(struct mqoe_engine *e, struct mqoe_frame *f, uint64_t arrival) {
    struct mqoe_circuit *c = &e->circuits[f->client * 2 + f->direction];
    const unsigned leaf = f->direction == MQOE_DOWN ? 1 : c->hop_count, end = c->hop_count + 2;
    while (f->stage < end) {
        unsigned stage = f->stage++;
        if (stage == leaf) {
            if (enter_circuit(e, c, f, arrival))
                return;
            continue;
        }
        uint32_t stretch = stretch_at(c, f, stage);
        if (stretch == MQOE_NO_STRETCH || mqoe_path_line_idle(&e->stretches[stretch].line))
            continue;
        mqoe_engine_enter_stretch(e, &e->stretches[stretch], f, arrival);
        return;
    }
    transmit(e, f);
}

// Whose the frame is and which way it goes. False when nobody's.
static bool classify(struct mqoe_engine *e, struct mqoe_frame *f, const struct mqoe_packet *p,
                     enum mqoe_direction direction) {
    const union mqoe_address *near = direction == MQOE_UP ? &p->src : &p->dst;
    const union mqoe_address *far = direction == MQOE_UP ? &p->dst : &p->src;
    uint32_t client = p->family ? mqoe_lpm_lookup(e->clients, p->family, near) : MQOE_LPM_NONE;
    if (client == MQOE_LPM_NONE)
        return false;
    uint32_t server = mqoe_lpm_lookup(e->servers, p->family, far);
    f->client = client;
    f->direction = (uint8_t)direction;
    f->stage = 0;
    f->user = MQOE_NO_STRETCH;
    if (server != MQOE_LPM_NONE && e->server_stretches[server] != MQOE_NO_STRETCH)
        f->user = e->server_stretches[server] + (uint32_t)direction;
    return true;
}

static inline struct mqoe_circuit *circuit_of(const struct mqoe_engine *e, const struct mqoe_frame *f) {
    return &e->circuits[f->client * 2 + f->direction];
}

static inline void prefetch_circuit(const struct mqoe_circuit *c) {
    __builtin_prefetch(c, 1);
    mqoe_leaf_prefetch(&c->leaf);
}

// Describes the frame and fetches the circuit it is going to; frees it and returns false when it is nobody's.
static bool identify(struct mqoe_engine *e, struct mqoe_frame *f, enum mqoe_direction direction) {
    struct mqoe_packet p;
    mqoe_parse(&p, f->data, f->len);
    bool known = classify(e, f, &p, direction);
    mqoe_engine_show_received(e, f, direction, known);
    if (!known) {
        mqoe_engine_show_unclassified(e, f);
        // A foreign dataplane beside a path stage sends frames of its own to groups (MLD, ARP). They are no
        // traffic. Elsewhere nobody makes any: the lab lets no endpoint's in.
        if (e->config->kind == MQOE_KIND_PATH && f->data[0] & 1)
            e->control[direction == MQOE_UP ? MQOE_ACCESS : MQOE_CORE]++;
        else
            e->unclassified++;
        mqoe_umem_give(e->umem, mqoe_umem_chunk(e->umem, f), MQOE_HAND);
        return false;
    }
    prefetch_circuit(circuit_of(e, f));
    mqoe_frame_describe(f, &p, mqoe_hash_flow(&e->hash_key, &p));
    if (e->tells_hosts_apart) // not the circuit's own wish: it is still on its way from memory
        mqoe_hash_hosts(&e->hash_key, &p, f);
    return true;
}

// The queues that the frames of a batch go to, step by step (sqm/leaf.h).
static void prefetch_queues(const struct mqoe_engine *e, struct mqoe_frame *const *frames, unsigned count) {
    if (!mqoe_leaf_prefetch_pays(&e->queues, e->client_count * 2))
        return;
    for (unsigned i = 0; i < count; i++)
        mqoe_leaf_prefetch_slot(&circuit_of(e, frames[i])->leaf, frames[i]);
    for (unsigned i = 0; i < count; i++)
        mqoe_leaf_prefetch_flow(&circuit_of(e, frames[i])->leaf, frames[i]);
    for (unsigned i = 0; i < count; i++)
        mqoe_leaf_prefetch_tail(&circuit_of(e, frames[i])->leaf, frames[i]);
}

// In several passes, so that with thousands of clients the circuits and their queues are on their way from
// memory while the rest of the batch is parsed.
static unsigned receive(struct mqoe_engine *e, enum mqoe_side side) {
    struct mqoe_frame *frames[MQOE_BATCH];
    unsigned got = e->ports[side]->ops->receive(e->ports[side], frames, MQOE_BATCH), known = 0;
    for (unsigned i = 0; i < got; i++) {
        if (i + 2 < got)
            __builtin_prefetch(frames[i + 2]->data + 14);
        if (identify(e, frames[i], side == MQOE_CORE ? MQOE_DOWN : MQOE_UP))
            frames[known++] = frames[i];
    }
    prefetch_queues(e, frames, known);
    for (unsigned i = 0; i < known; i++)
        mqoe_engine_advance(e, frames[i], e->now);
    return got;
}

static unsigned serve(struct mqoe_engine *e, struct mqoe_circuit *c) {
    struct mqoe_frame_list dropped = {0};
    unsigned served = 0;
    while (served < LEAF_QUOTA && send_one(e, c, &dropped))
        served++;
    mqoe_engine_free_dropped(e, &dropped, MQOE_LEAF);
    mqoe_engine_schedule(e, c, mqoe_leaf_next(&c->leaf));
    return served;
}

// While one circuit is served, the one after it comes into the cache, if its time has come too.
static void prefetch_soon(const struct mqoe_engine *e) {
    const struct mqoe_timer *t = mqoe_heap_next(&e->timers) <= e->now ? e->timers.slots[0].timer : NULL;
    if (t && t->kind == MQOE_TIMER_CIRCUIT)
        prefetch_circuit((const struct mqoe_circuit *)t);
}

static void run_timers(struct mqoe_engine *e) {
    struct mqoe_timer *t;
    uint64_t due;
    for (unsigned done = 0; done < ROUND_QUOTA && (t = mqoe_heap_pop(&e->timers, e->now, &due));) {
        if (e->now - due > e->late_max)
            e->late_max = e->now - due;
        prefetch_soon(e);
        if (t->kind == MQOE_TIMER_CIRCUIT)
            done += 1 + serve(e, (struct mqoe_circuit *)t);
        else if (t->kind == MQOE_TIMER_TREE)
            done += 1 + mqoe_engine_serve_tree(e, (struct mqoe_tree *)t);
        else
            done += 1 + mqoe_engine_serve_stretch(e, (struct mqoe_stretch *)t);
    }
}

static void run_ready(struct mqoe_engine *e) {
    for (unsigned done = 0; done < ROUND_QUOTA && e->ready_head;) {
        struct mqoe_circuit *c = e->ready_head;
        e->ready_head = c->next_ready;
        c->ready = false;
        done += 1 + serve(e, c);
    }
}

// Each tree once: there are few of them, and one that may send more is asked again in the next round.
static void run_ready_trees(struct mqoe_engine *e) {
    struct mqoe_tree *trees = e->ready_trees;
    e->ready_trees = NULL;
    while (trees) {
        struct mqoe_tree *t = trees;
        trees = t->next_ready;
        t->ready = false;
        mqoe_engine_serve_tree(e, t);
    }
}

uint64_t mqoe_engine_round(struct mqoe_engine *e, uint64_t now) {
    e->now = now;
    run_timers(e);
    unsigned most = 0, untaken = 0;
    for (int side = MQOE_ACCESS; side <= MQOE_CORE; side++) {
        unsigned got = receive(e, side);
        most = got > most ? got : most;
    }
    run_ready(e);
    run_ready_trees(e);
    for (int side = MQOE_ACCESS; side <= MQOE_CORE; side++) {
        send_burst(e, side);
        untaken += e->ports[side]->ops->flush(e->ports[side]);
    }
    if (most == MQOE_BATCH || e->ready_head || e->ready_trees)
        return now;
    uint64_t next = mqoe_heap_next(&e->timers);
    return untaken && next > now + STUCK_RETRY ? now + STUCK_RETRY : next;
}

void mqoe_engine_account(const struct mqoe_engine *e, struct mqoe_accounting *out) {
    *out = (struct mqoe_accounting){.aqm = e->drops[MQOE_DROP_AQM],
                                    .overflow = e->drops[MQOE_DROP_OVERFLOW],
                                    .path = e->drops[MQOE_DROP_PATH],
                                    .rig = e->drops[MQOE_DROP_NONE],
                                    .unclassified = e->unclassified,
                                    .leaf = e->umem->in_place[MQOE_LEAF],
                                    .line = e->umem->in_place[MQOE_LINE],
                                    .in_transmit = e->umem->in_place[MQOE_SENT],
                                    .flows_exhausted = e->queues.flows_exhausted,
                                    .histograms_exhausted = e->queues.histograms_exhausted};
    for (int side = MQOE_ACCESS; side <= MQOE_CORE; side++) {
        struct mqoe_port *port = e->ports[side];
        out->received[side] = port->received - e->control[side];
        out->sent[side] = port->sent;
        out->rig += mqoe_port_rig(port);
        port->ops->kernel(port, &out->kernel[side]);
    }
    out->rig += e->on_paths.duplicates_refused;
    out->duplicated = e->on_paths.duplicated + e->on_paths.duplicates_refused;
    out->on_paths = e->on_paths;
}

int64_t mqoe_accounting_missing(const struct mqoe_accounting *a) {
    uint64_t in = a->received[MQOE_ACCESS] + a->received[MQOE_CORE] + a->duplicated;
    uint64_t gone =
        a->sent[MQOE_ACCESS] + a->sent[MQOE_CORE] + a->aqm + a->overflow + a->path + a->rig + a->unclassified;
    return (int64_t)(in - gone - a->leaf - a->line - a->in_transmit);
}
