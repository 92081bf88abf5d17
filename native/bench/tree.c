// What a packet costs in a shaper tree of 10, 1,000 and 10,000 leaves: out of the tree and back into its
// leaf, on a virtual clock. Three levels, ten leaves a site; ceils lie around the fair part, so that some
// nodes wait for their own time and others for their turn. The queues are plain FIFOs: what differs is the
// tree.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/series.h"
#include "packet/random.h"
#include "sqm/htb.h"

#define ROOT_RATE UINT64_C(10000000000) // bit/s
#define WIDTH     10u                   // leaves of a site
#define HELD      4u                    // frames of a leaf
#define FRAME     1514u                 // bytes

static const uint32_t leaf_counts[] = {10, 1000, 10000};

struct rig {
    struct mqoe_sqm_pool pool;
    struct mqoe_htb tree;
    struct mqoe_htb_plan *plans;
    struct mqoe_leaf *leaves; // by node
    struct mqoe_frame *frames;
    uint8_t data[64]; // of every frame: no queue here looks at it
    struct mqoe_series series;
    uint64_t now;
};

// Between half and four times a fair part.
static struct mqoe_htb_class any_class(struct mqoe_random *random, uint32_t parts) {
    uint64_t ceil = ROOT_RATE / parts * (50 + mqoe_random_below(random, 350)) / 100;
    return (struct mqoe_htb_class){.ceil = ceil < ROOT_RATE ? ceil : ROOT_RATE};
}

static int plan(struct rig *r, uint32_t sites, struct mqoe_error *e) {
    const struct mqoe_leaf_config config = {.discipline.kind = MQOE_PFIFO,
                                            .discipline.pfifo.limit = 2 * HELD};
    struct mqoe_random random;
    mqoe_random_seed(&random, sites);
    r->plans[0] =
        (struct mqoe_htb_plan){.class = {.rate = ROOT_RATE, .ceil = ROOT_RATE}, .parent = MQOE_HTB_NOBODY};
    for (uint32_t i = 1; i <= sites; i++)
        r->plans[i] = (struct mqoe_htb_plan){.class = any_class(&random, sites)};
    int err = 0;
    for (uint32_t i = 0; i < sites * WIDTH && !err; i++) {
        uint32_t node = 1 + sites + i;
        r->plans[node] =
            (struct mqoe_htb_plan){any_class(&random, sites * WIDTH), 1 + i / WIDTH, &r->leaves[node]};
        err = mqoe_leaf_init(&r->leaves[node], &config, &r->pool, r->now, e);
    }
    return err;
}

static void put(struct rig *r, struct mqoe_frame *f, struct mqoe_frame_list *dropped) {
    mqoe_leaf_enqueue(&r->leaves[f->client], f, r->now, dropped);
    mqoe_htb_activate(&r->tree, f->client, r->now);
}

static int open_rig(struct rig *r, uint32_t leaves, struct mqoe_error *e) {
    uint32_t sites = leaves / WIDTH, nodes = 1 + sites + leaves;
    const struct mqoe_sqm_pool_config sizes = {.flows = leaves * (HELD + 1), .histograms = leaves, .seed = 1};
    struct mqoe_frame_list dropped = {0};
    memset(r, 0, sizeof *r);
    r->now = 1000000000;
    r->plans = calloc(nodes, sizeof *r->plans);
    r->leaves = aligned_alloc(64, nodes * sizeof *r->leaves);
    r->frames = aligned_alloc(64, (size_t)leaves * HELD * sizeof *r->frames);
    if (!r->plans || !r->leaves || !r->frames)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "bench of a tree of %u leaves", leaves);
    int err = mqoe_sqm_pool_init(&r->pool, &sizes, e);
    err = err ? err : plan(r, sites, e);
    err = err ? err : mqoe_htb_init(&r->tree, r->plans, nodes, FRAME, r->now, e);
    for (uint32_t i = 0; i < leaves * HELD && !err; i++) {
        r->frames[i] =
            (struct mqoe_frame){.data = r->data, .len = FRAME, .client = 1 + sites + i % leaves, .hash = i};
        put(r, &r->frames[i], &dropped);
    }
    return err;
}

static void close_rig(struct rig *r) {
    mqoe_htb_free(&r->tree);
    mqoe_sqm_pool_free(&r->pool);
    free(r->plans);
    free(r->leaves);
    free(r->frames);
    mqoe_series_free(&r->series);
}

// Returns the CPU time of `count` packets.
static uint64_t pass(struct rig *r, uint32_t count) {
    struct mqoe_frame_list dropped = {0};
    uint64_t start = mqoe_series_clock();
    while (count) {
        struct mqoe_frame *f = mqoe_htb_dequeue(&r->tree, r->now, NULL, &dropped);
        if (f) {
            put(r, f, &dropped);
            count--;
        } else {
            r->now = mqoe_htb_next(&r->tree);
        }
    }
    return mqoe_series_clock() - start;
}

static json_t *report(struct rig *r, uint32_t leaves, double *first, FILE *table) {
    struct mqoe_summary s = mqoe_series_summary(&r->series);
    *first = *first > 0 ? *first : s.median;
    fprintf(table, "  %7u %8.0f %8.0f %10.2f\n", leaves, s.median, s.p99, s.median / *first);
    return json_pack("{s:i, s:f, s:f, s:f, s:f}", "leaves", (int)leaves, "p5_ns", s.p5, "median_ns", s.median,
                     "p99_ns", s.p99, "ratio_to_ten", s.median / *first);
}

json_t *mqoe_bench_tree(const struct mqoe_bench *b, struct mqoe_error *e) {
    static struct rig r;
    json_t *out = json_array();
    double first = 0;
    fprintf(b->table, "\nOut of a shaper tree and back into its leaf, CPU ns per packet\n"
                      "   leaves   median      p99  to the first\n");
    for (size_t i = 0; i < sizeof leaf_counts / sizeof *leaf_counts && !e->errnum; i++) {
        uint32_t leaves = leaf_counts[i], packets = b->quick ? 5120 : 512000;
        if (b->clients && b->clients != leaves)
            continue;
        if (open_rig(&r, leaves, e) == 0) {
            pass(&r, leaves * HELD * 4); // past the start, when all send at once
            for (uint32_t done = 0; done < packets; done += MQOE_SERIES_BATCH)
                mqoe_series_add(&r.series, pass(&r, MQOE_SERIES_BATCH), 1, MQOE_SERIES_BATCH);
            json_array_append_new(out, report(&r, leaves, &first, b->table));
        }
        close_rig(&r);
    }
    if (!e->errnum)
        return out;
    json_decref(out);
    return NULL;
}
