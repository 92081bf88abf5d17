// The queue disciplines alone: enqueue and dequeue of leaves with a standing queue, for every discipline,
// frame size, number of flows and number of clients. What belongs to the loop around them (parsing,
// classification, timers, ports) is measured by loop.c.
//
// Each client of a cell has frames waiting, so that a packet meets what others have left: flow records,
// descriptors and leaves that are out of the caches when there are many. The sojourn stays below every
// target: the AQM looks at each packet and lets it pass.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/series.h"
#include "bench/synthetic.h"
#include "dataplane/engine.h"
#include "packet/pages.h"
#include "packet/random.h"

#define BURST       MQOE_BATCH // packets enqueued before as many are dequeued, as the loop does
#define PACKET_TIME 32u        // virtual ns that a packet takes: 1,514 bytes at SHAPED_RATE, and some
#define MAX_STAND   61440u     // frames waiting, at most; a quarter of a reactor's usual UMEM
#define FRAMES      (MAX_STAND + 2 * MQOE_SERIES_BATCH)
#define ROUNDS      5u
#define HEADER_ROOM 64u // bytes of data that a discipline may look at: no payload
#define SHAPED_RATE 400000000000u

static const struct {
    const char *name, *preset;
    uint64_t rate; // bit/s; 0 = unlimited, as under a shaper tree
} rows[] = {
    {"bare", "none", 0},
    {"pfifo", "pfifo", 0},
    {"codel", "codel", 0},
    {"cobalt", "cobalt", 0},
    {"fq_codel", "fq_codel", 0},
    {"fq_codel, shaped", "fq_codel", SHAPED_RATE},
    {"cake", "cake", 0},
    {"cake, shaped", "cake", SHAPED_RATE},
    {"cake, flows only", "cake_flows", SHAPED_RATE},
    {"dualpi2", "dualpi2", 0},
};

#define ROWS (sizeof rows / sizeof *rows)

static const uint32_t client_counts[] = {1, 100, 10000}, flow_counts[] = {1, 32, 1000, 10000},
                      sizes[] = {64, 1514};

// What all disciplines of a cell share: they are measured in turn.
struct cell {
    uint32_t clients, flows, len, stand;
};

// One discipline in one cell.
struct rig {
    struct mqoe_sqm_pool pool;
    struct mqoe_circuit *circuits;
    struct mqoe_frame *frames;
    uint8_t *data;
    struct mqoe_circuit **waiting; // ring: whose frames wait, in order of arrival
    struct mqoe_frame **spare;     // stack of frames that nobody holds
    uint32_t waiting_head, waiting_count, spare_count;
    struct mqoe_random random;
    struct mqoe_series series;
    uint64_t now, dropped, missed; // missed: asked for a frame and got none
};

static size_t circuit_bytes(const struct cell *cell) {
    return (size_t)cell->clients * 2 * sizeof(struct mqoe_circuit);
}

static int open_leaves(struct rig *r, const struct cell *cell, size_t row, struct mqoe_error *e) {
    struct mqoe_leaf_config config = {0};
    json_t *shaper = mqoe_synthetic_shaper(rows[row].rate, rows[row].preset, 10240);
    struct mqoe_node n = mqoe_node_root(shaper, e);
    mqoe_dp_read_shaper(&n, 1514, &config);
    json_decref(shaper);
    for (uint32_t i = 0; i < cell->clients && !e->errnum; i++)
        mqoe_leaf_init(&r->circuits[i * 2].leaf, &config, &r->pool, r->now, e);
    mqoe_sqm_pool_ready(&r->pool, cell->clients, config.discipline.kind == MQOE_FQ_CODEL,
                        config.discipline.kind == MQOE_CAKE);
    return -e->errnum;
}

static int open_rig(struct rig *r, const struct cell *cell, size_t row, struct mqoe_error *e) {
    const struct mqoe_sqm_pool_config sizes_of_pool = {
        .flows = FRAMES + cell->clients * 2 + 2, .histograms = cell->clients * 2, .seed = 1};
    memset(r, 0, sizeof *r);
    r->now = 1000000000;
    mqoe_random_seed(&r->random, 1);
    int err = mqoe_sqm_pool_init(&r->pool, &sizes_of_pool, e);
    if (err)
        return err;
    r->circuits = mqoe_pages_alloc(circuit_bytes(cell));
    r->frames = mqoe_pages_alloc(FRAMES * sizeof *r->frames);
    r->data = calloc(FRAMES, HEADER_ROOM);
    r->waiting = calloc(FRAMES, sizeof *r->waiting);
    r->spare = calloc(FRAMES, sizeof *r->spare);
    if (!r->circuits || !r->frames || !r->data || !r->waiting || !r->spare)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "bench of %u clients", cell->clients);
    for (uint32_t i = 0; i < FRAMES; i++) {
        r->frames[i].data = r->data + (size_t)i * HEADER_ROOM;
        mqoe_synthetic_frame(r->frames[i].data, MQOE_SYNTHETIC_SERVER, mqoe_synthetic_client(i), 1, 1,
                             cell->len);
        r->spare[r->spare_count++] = &r->frames[i];
    }
    return open_leaves(r, cell, row, e);
}

static void close_rig(struct rig *r, const struct cell *cell) {
    mqoe_pages_free(r->circuits, circuit_bytes(cell));
    mqoe_sqm_pool_free(&r->pool);
    mqoe_pages_free(r->frames, FRAMES * sizeof *r->frames);
    free(r->data);
    free(r->waiting);
    free(r->spare);
    mqoe_series_free(&r->series);
}

// A spare frame, described as the parser would; *circuit receives whose it is.
static struct mqoe_frame *describe(struct rig *r, const struct cell *cell, struct mqoe_circuit **circuit) {
    struct mqoe_frame *f = r->spare[--r->spare_count];
    uint32_t client = mqoe_random_below(&r->random, cell->clients);
    uint32_t flow = mqoe_random_below(&r->random, cell->flows);
    uint64_t mix = (uint64_t)client << 32 | flow;
    f->hash = (uint32_t)mqoe_splitmix64(&mix);
    f->tos = *(volatile const uint8_t *)(f->data + 15); // its headers are in the cache
    f->src_host = 0x5bd1e995u * (flow % 4 + 1);         // four servers
    f->dst_host = 0x85ebca6bu * (client + 1);
    f->client = client;
    f->len = cell->len;
    f->l3_offset = 14;
    f->family = 4;
    *circuit = &r->circuits[client * 2];
    return f;
}

// The next `count` packets go in, in the steps that the engine takes them in.
static void enqueue(struct rig *r, const struct cell *cell, struct mqoe_frame **frames,
                    struct mqoe_circuit **circuits, unsigned count, struct mqoe_frame_list *dropped) {
    const unsigned fetch = mqoe_leaf_prefetch_pays(&r->pool, cell->clients * 2) ? count : 0;
    for (unsigned i = 0; i < fetch; i++)
        mqoe_leaf_prefetch(&circuits[i]->leaf);
    for (unsigned i = 0; i < fetch; i++)
        mqoe_leaf_prefetch_slot(&circuits[i]->leaf, frames[i]);
    for (unsigned i = 0; i < fetch; i++)
        mqoe_leaf_prefetch_flow(&circuits[i]->leaf, frames[i]);
    for (unsigned i = 0; i < fetch; i++)
        mqoe_leaf_prefetch_tail(&circuits[i]->leaf, frames[i]);
    for (unsigned i = 0; i < count; i++) {
        mqoe_leaf_enqueue(&circuits[i]->leaf, frames[i], r->now, dropped);
        r->waiting[(r->waiting_head + r->waiting_count++) % FRAMES] = circuits[i];
    }
}

// The engine, too, knows whose turn comes next: from its list of ready circuits.
static inline void look_ahead(const struct rig *r) {
    mqoe_leaf_prefetch(&r->waiting[(r->waiting_head + 24) % FRAMES]->leaf);
    mqoe_leaf_prefetch_head(&r->waiting[(r->waiting_head + 16) % FRAMES]->leaf);
    mqoe_leaf_prefetch_first(&r->waiting[(r->waiting_head + 8) % FRAMES]->leaf);
    mqoe_leaf_prefetch_frame(&r->waiting[(r->waiting_head + 4) % FRAMES]->leaf);
}

static void dequeue(struct rig *r, const struct cell *cell, unsigned count, struct mqoe_frame_list *dropped) {
    const bool ahead = mqoe_leaf_prefetch_pays(&r->pool, cell->clients * 2);
    uint64_t next;
    for (unsigned i = 0; i < count; i++) {
        if (ahead)
            look_ahead(r);
        struct mqoe_circuit *c = r->waiting[r->waiting_head];
        r->waiting_head = r->waiting_head + 1 == FRAMES ? 0 : r->waiting_head + 1;
        r->waiting_count--;
        r->now += PACKET_TIME;
        struct mqoe_frame *f = mqoe_leaf_dequeue(&c->leaf, r->now, &next, dropped);
        if (f) {
            r->spare[r->spare_count++] = f;
            continue;
        }
        r->missed++; // its link is still busy, or the AQM has dropped what it had
        if (c->leaf.stats.backlog_packets)
            r->waiting[(r->waiting_head + r->waiting_count++) % FRAMES] = c;
    }
}

static void take_back(struct rig *r, struct mqoe_frame_list *dropped) {
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(dropped)); r->dropped++)
        r->spare[r->spare_count++] = f;
}

// `count` packets in, and when `cell->stand` wait, as many out. Returns the CPU time of both.
static uint64_t pass(struct rig *r, const struct cell *cell, unsigned count) {
    struct mqoe_frame *frames[MQOE_SERIES_BATCH];
    struct mqoe_circuit *circuits[MQOE_SERIES_BATCH];
    struct mqoe_frame_list dropped = {0};
    for (unsigned i = 0; i < count; i++)
        frames[i] = describe(r, cell, &circuits[i]);
    uint64_t start = mqoe_series_clock();
    for (unsigned at = 0; at < count; at += BURST) {
        enqueue(r, cell, frames + at, circuits + at, BURST, &dropped);
        if (r->waiting_count > cell->stand)
            dequeue(r, cell, r->waiting_count - cell->stand, &dropped);
    }
    uint64_t elapsed = mqoe_series_clock() - start;
    take_back(r, &dropped);
    return elapsed;
}

// Some batches to warm up (the first time until the standing queue is there), then those that count.
static void measure(struct rig *r, const struct cell *cell, uint64_t packets) {
    while (r->waiting_count < cell->stand)
        pass(r, cell, MQOE_SERIES_BATCH);
    for (uint64_t done = 0; done < cell->stand; done += MQOE_SERIES_BATCH)
        pass(r, cell, MQOE_SERIES_BATCH);
    for (uint64_t done = 0; done < packets; done += MQOE_SERIES_BATCH)
        mqoe_series_add(&r->series, pass(r, cell, MQOE_SERIES_BATCH), 1, MQOE_SERIES_BATCH);
}

static json_t *report(struct rig *rigs, const struct cell *cell, const struct mqoe_bench *b) {
    json_t *results = json_array();
    double bare = 1;
    fprintf(b->table, "  %7u %6u %5u ", cell->clients, cell->flows, cell->len);
    for (size_t row = 0; row < ROWS; row++) {
        struct mqoe_summary s = mqoe_series_summary(&rigs[row].series);
        if (row == 0)
            bare = s.median;
        fprintf(b->table, " %10.0f/%5.0f", s.median, s.p99);
        json_array_append_new(
            results,
            json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:I, s:I}", "discipline", rows[row].name,
                      "clients", (int)cell->clients, "flows", (int)cell->flows, "frame_bytes", (int)cell->len,
                      "p5_ns", s.p5, "median_ns", s.median, "p99_ns", s.p99, "ratio_to_bare", s.median / bare,
                      "dropped", (json_int_t)rigs[row].dropped, "missed", (json_int_t)rigs[row].missed));
    }
    fputc('\n', b->table);
    fflush(b->table);
    return results;
}

static int measure_cell(const struct cell *cell, const struct mqoe_bench *b, json_t *out,
                        struct mqoe_error *e) {
    static struct rig rigs[ROWS];
    const unsigned rounds = b->quick ? 1 : ROUNDS;
    const uint64_t packets = b->quick ? 2560 : 51200;
    int err = 0;
    for (size_t row = 0; row < ROWS && !err; row++)
        err = open_rig(&rigs[row], cell, row, e);
    // Interleaved, so that a change of the machine's mood meets all disciplines alike.
    for (unsigned round = 0; round < rounds && !err; round++)
        for (size_t row = 0; row < ROWS; row++)
            measure(&rigs[row], cell, packets);
    if (!err) {
        json_t *results = report(rigs, cell, b);
        json_array_extend(out, results);
        json_decref(results);
    }
    for (size_t row = 0; row < ROWS; row++)
        close_rig(&rigs[row], cell);
    return err;
}

static uint32_t standing(uint32_t clients) {
    uint32_t frames = clients * 32;
    return frames < 1024 ? 1024 : frames > MAX_STAND ? MAX_STAND : frames;
}

static void print_head(FILE *table) {
    fprintf(table,
            "\nEnqueue + dequeue of a leaf, CPU ns per packet: median / p99 of means of %u packets\n"
            "  clients  flows frame ",
            MQOE_SERIES_BATCH);
    for (size_t row = 0; row < ROWS; row++)
        fprintf(table, " %16s", rows[row].name);
    fputc('\n', table);
}

json_t *mqoe_bench_sqm(const struct mqoe_bench *b, struct mqoe_error *e) {
    json_t *out = json_array();
    print_head(b->table);
    for (size_t c = 0; c < sizeof client_counts / sizeof *client_counts; c++)
        for (size_t f = 0; f < sizeof flow_counts / sizeof *flow_counts; f++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                const struct cell cell = {client_counts[c], flow_counts[f], sizes[s],
                                          standing(client_counts[c])};
                if ((b->clients && b->clients != cell.clients) || (b->flows && b->flows != cell.flows) ||
                    (b->frame && b->frame != cell.len))
                    continue;
                if (measure_cell(&cell, b, out, e) == 0)
                    continue;
                json_decref(out);
                return NULL;
            }
    return out;
}
