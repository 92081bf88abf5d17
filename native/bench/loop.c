#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/synthetic.h"
#include "dataplane/engine.h"
#include "packet/random.h"
#include "port/memory.h"

#define FRAME_LEN  1514u
#define FRAMES     16384u
#define RING       128u
#define FLOWS      8u // per client
#define LEAF_BATCH 64u
#define ROUNDS     5u

// The dataplane on memory ports, and the frames that it is fed with.
struct bench_loop {
    struct mqoe_dp_config config;
    struct mqoe_umem umem;
    struct mqoe_memory port[2];
    struct mqoe_engine engine;
    struct mqoe_random random;
    uint64_t now;        // virtual, ns
    uint64_t round_time; // virtual ns per batch
};

enum variant { BARE, FQ_CODEL, SHAPED, VARIANTS };

static const struct {
    const char *discipline;
    uint64_t total_rate; // bit/s over all clients; 0 = unlimited
} variants[VARIANTS] = {{"none", 0}, {"fq_codel", 0}, {"fq_codel", 100000000000}};

static int open_loop(struct bench_loop *l, uint32_t clients, enum variant v, struct mqoe_error *e) {
    const struct mqoe_synthetic s = {.clients = clients,
                                     .frames = FRAMES,
                                     .discipline = variants[v].discipline,
                                     .rate = variants[v].total_rate / clients,
                                     .netns = "-",
                                     .access = "a",
                                     .core = "c"};
    memset(l, 0, sizeof *l);
    l->now = 1000000000;
    // Offered at 90 % of what the shapers let through, so that most frames wait for a timer and none is lost.
    if (s.rate)
        l->round_time =
            (uint64_t)MQOE_BATCH * FRAME_LEN * 8 * 1000000000u / (variants[v].total_rate / 10 * 9);
    mqoe_random_seed(&l->random, 1);
    int err = mqoe_dp_config_read(&l->config, mqoe_synthetic_blueprint(&s), e);
    err = err ? err : mqoe_umem_init(&l->umem, FRAMES, 2048, e);
    for (int side = 0; side < 2 && !err; side++)
        if (mqoe_memory_open(&l->port[side], &l->umem, RING) != 0)
            err = mqoe_fail(e, ENOMEM, "calloc", NULL, "memory port");
    return err ? err
               : mqoe_engine_init(&l->engine, &l->config, 0, &l->umem, &l->port[0].port, &l->port[1].port,
                                  l->now, e);
}

static void close_loop(struct bench_loop *l) {
    mqoe_engine_free(&l->engine);
    for (int side = 0; side < 2; side++)
        if (l->port[side].port.ops)
            l->port[side].port.ops->close(&l->port[side].port);
    mqoe_umem_free(&l->umem);
    mqoe_dp_config_free(&l->config);
}

static void feed(struct bench_loop *l) {
    static uint8_t bytes[FRAME_LEN];
    for (unsigned i = 0; i < MQOE_BATCH; i++) {
        uint32_t client = mqoe_random_below(&l->random, l->config.client_count);
        uint16_t flow = (uint16_t)mqoe_random_below(&l->random, FLOWS);
        mqoe_synthetic_frame(bytes, MQOE_SYNTHETIC_SERVER, mqoe_synthetic_client(client), flow, flow,
                             FRAME_LEN);
        mqoe_memory_arrive(&l->port[MQOE_CORE], bytes, FRAME_LEN);
    }
}

// Runs everything that is due up to `end` and leaves the clock there.
static void run_until(struct bench_loop *l, uint64_t end) {
    for (uint64_t next = l->now; next <= end; next = mqoe_engine_round(&l->engine, l->now))
        if (next > l->now)
            l->now = next;
    l->now = end;
}

// CPU nanoseconds per packet of the loop alone (making the frames is not timed).
static double measure_loop(struct bench_loop *l, uint64_t packets) {
    uint64_t spent = 0, before = l->port[MQOE_ACCESS].port.sent;
    for (uint64_t done = 0; done < packets; done += MQOE_BATCH) {
        feed(l);
        uint64_t start = mqoe_clock(CLOCK_THREAD_CPUTIME_ID);
        run_until(l, l->now + l->round_time);
        spent += mqoe_clock(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    uint64_t sent = l->port[MQOE_ACCESS].port.sent - before;
    return sent ? (double)spent / (double)sent : 0;
}

// A leaf alone: enqueue a batch over the clients, dequeue it.
static double measure_leaf(struct bench_loop *l, uint64_t packets) {
    struct mqoe_frame_list dropped = {0};
    uint32_t chosen[LEAF_BATCH];
    uint64_t spent = 0, next, taken = 0;
    for (uint64_t done = 0; done < packets; done += LEAF_BATCH) {
        for (unsigned i = 0; i < LEAF_BATCH; i++) {
            struct mqoe_frame *f = &l->umem.frames[i];
            chosen[i] = mqoe_random_below(&l->random, l->config.client_count) * 2;
            f->hash = chosen[i] * 2654435761u + mqoe_random_below(&l->random, FLOWS);
            f->len = FRAME_LEN;
            f->l3_offset = 14;
        }
        uint64_t start = mqoe_clock(CLOCK_THREAD_CPUTIME_ID);
        for (unsigned i = 0; i < LEAF_BATCH; i++)
            mqoe_leaf_enqueue(&l->engine.circuits[chosen[i]].leaf, &l->umem.frames[i], l->now, &dropped);
        for (unsigned i = 0; i < LEAF_BATCH; i++)
            while (mqoe_leaf_dequeue(&l->engine.circuits[chosen[i]].leaf, l->now, &next, &dropped))
                taken++;
        spent += mqoe_clock(CLOCK_THREAD_CPUTIME_ID) - start;
        l->now += 1000;
    }
    return taken ? (double)spent / (double)taken : 0;
}

// Medians of `count` interleaved rounds, so that a change of the machine's mood meets all variants alike.
static int measure_clients(uint32_t clients, const struct mqoe_bench *b, double out[VARIANTS + 1],
                           struct mqoe_error *e) {
    static struct bench_loop loops[VARIANTS];
    double ns[VARIANTS + 1][ROUNDS];
    const unsigned rounds = b->quick ? 3 : ROUNDS;
    const uint64_t packets = b->quick ? 20000 : 400000;
    int err = 0;
    for (int v = 0; v < VARIANTS && !err; v++)
        err = open_loop(&loops[v], clients, v, e);
    for (int v = 0; v < VARIANTS && !err; v++)
        measure_loop(&loops[v], packets / 4); // warm up
    for (unsigned round = 0; round < rounds && !err; round++) {
        for (int v = 0; v < VARIANTS; v++)
            ns[v][round] = measure_loop(&loops[v], packets);
        ns[VARIANTS][round] = measure_leaf(&loops[FQ_CODEL], packets);
    }
    for (int v = 0; v <= VARIANTS && !err; v++)
        out[v] = mqoe_bench_median(ns[v], rounds);
    for (int v = 0; v < VARIANTS; v++)
        close_loop(&loops[v]);
    return err;
}

json_t *mqoe_bench_loop(const struct mqoe_bench *b, struct mqoe_error *e) {
    static const uint32_t counts[] = {1, 100, 10000};
    json_t *rows = json_array();
    fprintf(b->table,
            "\nThe loop in memory (no kernel), CPU ns per packet of 1,514 B, %u flows a client\n"
            "  clients   bare forwarder   fq_codel   fq_codel, shaped   leaf alone\n",
            FLOWS);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        double ns[VARIANTS + 1];
        if (measure_clients(counts[i], b, ns, e) != 0) {
            json_decref(rows);
            return NULL;
        }
        fprintf(b->table, "  %7u   %14.0f   %8.0f   %16.0f   %10.0f\n", counts[i], ns[BARE], ns[FQ_CODEL],
                ns[SHAPED], ns[VARIANTS]);
        json_array_append_new(rows, json_pack("{s:i, s:f, s:f, s:f, s:f}", "clients", (int)counts[i],
                                              "bare_ns", ns[BARE], "fq_codel_ns", ns[FQ_CODEL], "shaped_ns",
                                              ns[SHAPED], "leaf_ns", ns[VARIANTS]));
    }
    return rows;
}
