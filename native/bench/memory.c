// What a client costs in the dataplane's memory, both directions together: never used, busy with 32 flows
// each way, and idle again. Counted in the pool after real frames went through real leaves: records in use
// with their share of the indexes, and the circuits. Frames are not in it: the UMEM is there whoever uses it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/synthetic.h"
#include "dataplane/engine.h"
#include "packet/random.h"

#define CLIENTS 100u
#define LEAVES  (CLIENTS * 2)
#define FLOWS   32u
#define FRAMES  (LEAVES * FLOWS)
#define RATE    20000000u // bit/s

static const char *const presets[] = {"pfifo",      "codel", "cobalt", "fq_codel",
                                      "cake_flows", "cake",  "dualpi2"};

struct world {
    struct mqoe_sqm_pool pool;
    struct mqoe_leaf leaves[LEAVES];
    struct mqoe_frame *frames;
    uint8_t *data;
};

// Bytes for each client.
static uint64_t in_use(const struct mqoe_sqm_pool *pool) {
    const struct mqoe_cake_store *s = &pool->cake;
    uint64_t flows = pool->fresh_flow;
    for (uint32_t i = pool->free_flow; i != MQOE_NO_FLOW; i = pool->flows[i].next)
        flows--;
    uint64_t groups = pool->histograms.fresh;
    for (uint32_t i = pool->histograms.free; i; i = pool->histograms.groups[i - 1].counts[0])
        groups--;
    uint64_t records =
        flows * (sizeof(struct mqoe_flow) + 4 * sizeof *pool->index) + groups * sizeof(struct mqoe_octaves) +
        (uint64_t)s->flows.used * s->flows.size + (uint64_t)s->hosts.used * s->hosts.size +
        (uint64_t)s->tins.used * (s->tins.size + s->flows.size) + // each with its reserve queue
        (uint64_t)s->accounts.used * s->accounts.size;
    uint64_t indexes = 2 * ((uint64_t)s->index_mask + 1) * sizeof *s->flow_index;
    return 2 * sizeof(struct mqoe_circuit) + (records + indexes * s->flows.used / s->flows.count) / CLIENTS;
}

static int open_world(struct world *w, const char *preset, struct mqoe_error *e) {
    const struct mqoe_sqm_pool_config sizes = {.flows = FRAMES + LEAVES, .histograms = LEAVES, .seed = 1};
    struct mqoe_leaf_config config = {0};
    memset(w, 0, sizeof *w);
    w->frames = aligned_alloc(64, FRAMES * sizeof *w->frames);
    w->data = calloc(1, 2048);
    if (!w->frames || !w->data)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "%u frames", FRAMES);
    memset(w->frames, 0, FRAMES * sizeof *w->frames);
    json_t *shaper = mqoe_synthetic_shaper(RATE, preset, 1000);
    struct mqoe_node n = mqoe_node_root(shaper, e);
    mqoe_dp_read_shaper(&n, 1514, &config);
    json_decref(shaper);
    int err = e->errnum ? -e->errnum : mqoe_sqm_pool_init(&w->pool, &sizes, e);
    for (uint32_t i = 0; i < LEAVES && !err; i++)
        err = mqoe_leaf_init(&w->leaves[i], &config, &w->pool, 0, e);
    return err;
}

// A frame of each flow into each leaf, in all of CAKE's four classes, to and from as many hosts as flows.
static void fill(struct world *w, uint64_t now, struct mqoe_frame_list *dropped) {
    static const uint8_t tos[] = {0, 8 << 2, 34 << 2, 46 << 2}; // best effort, CS1, AF41, EF
    uint64_t next;
    mqoe_synthetic_frame(w->data, MQOE_SYNTHETIC_SERVER, mqoe_synthetic_client(0), 1, 1, 1514);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct mqoe_frame *f = &w->frames[i];
        uint64_t mix = i;
        *f = (struct mqoe_frame){.data = w->data, .len = 1514, .l3_offset = 14, .family = 4};
        f->tos = tos[i % 4];
        f->hash = (uint32_t)mqoe_splitmix64(&mix);
        f->src_host = (uint32_t)mqoe_splitmix64(&mix);
        f->dst_host = (uint32_t)mqoe_splitmix64(&mix);
        mqoe_leaf_enqueue(&w->leaves[i / FLOWS], f, now, dropped);
    }
    for (uint32_t i = 0; i < LEAVES; i++)
        mqoe_leaf_dequeue(&w->leaves[i], now, &next, dropped); // opens the histogram
}

static void empty(struct mqoe_leaf *leaf, uint64_t now, struct mqoe_frame_list *dropped) {
    struct mqoe_sojourn ignored;
    for (uint64_t next; (next = mqoe_leaf_next(leaf)) != MQOE_NEVER;) {
        now = next > now ? next : now;
        mqoe_leaf_dequeue(leaf, now, &next, dropped);
    }
    mqoe_leaf_interval(leaf, &ignored);
}

static int measure(const char *preset, uint64_t bytes[3], struct mqoe_error *e) {
    static struct world w;
    struct mqoe_frame_list dropped = {0};
    int err = open_world(&w, preset, e);
    if (!err) {
        bytes[0] = in_use(&w.pool);
        fill(&w, 1000000, &dropped);
        bytes[1] = in_use(&w.pool);
        for (uint32_t i = 0; i < LEAVES; i++)
            empty(&w.leaves[i], 1000000, &dropped);
        bytes[2] = in_use(&w.pool);
    }
    mqoe_sqm_pool_free(&w.pool);
    free(w.frames);
    free(w.data);
    return err;
}

json_t *mqoe_bench_memory(const struct mqoe_bench *b, struct mqoe_error *e) {
    json_t *out = json_array();
    fprintf(b->table,
            "\nMemory of a client, both directions, bytes (%u flows each way when busy, from and to as many "
            "hosts)\n  discipline    unused     busy   idle again\n",
            FLOWS);
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        uint64_t bytes[3] = {0};
        if (measure(presets[i], bytes, e) != 0) {
            json_decref(out);
            return NULL;
        }
        fprintf(b->table, "  %-11s  %7lu  %7lu      %7lu\n", presets[i], (unsigned long)bytes[0],
                (unsigned long)bytes[1], (unsigned long)bytes[2]);
        json_array_append_new(out, json_pack("{s:s, s:I, s:I, s:I}", "discipline", presets[i], "unused_bytes",
                                             (json_int_t)bytes[0], "busy_bytes", (json_int_t)bytes[1],
                                             "idle_bytes", (json_int_t)bytes[2]));
    }
    return out;
}
