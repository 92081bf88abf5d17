#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/series.h"
#include "bench/synthetic.h"
#include "dataplane/engine.h"
#include "packet/random.h"
#include "port/memory.h"

#define FRAME_LEN  1514u
#define FRAMES     65536u
#define RING       128u
#define FLOWS      32u // per client
#define ROUNDS     5u
#define TOTAL_RATE 100000000000u // bit/s over all clients, where they are shaped
#define LOAD       8u            // tenths of that rate that are offered

// The dataplane on memory ports, and the frames that it is fed with.
struct bench_loop {
    struct mqoe_dp_config config;
    struct mqoe_umem umem;
    struct mqoe_memory port[2];
    struct mqoe_engine engine;
    struct mqoe_random random;
    struct mqoe_series series;
    uint64_t now;        // virtual, ns
    uint64_t round_time; // virtual ns per batch
    uint64_t fed;        // frames that the ports took
};

static const struct {
    const char *name, *preset;
    bool shaped;
} rows[] = {
    {"bare", "none", false},         {"pfifo", "pfifo", false},
    {"fq_codel", "fq_codel", false}, {"fq_codel, shaped", "fq_codel", true},
    {"cake", "cake", false},         {"cake, shaped", "cake", true},
};

#define ROWS (sizeof rows / sizeof *rows)

static int open_loop(struct bench_loop *l, uint32_t clients, size_t row, struct mqoe_error *e) {
    const struct mqoe_synthetic s = {.clients = clients,
                                     .frames = FRAMES,
                                     .discipline = rows[row].preset,
                                     .limit = 10240,
                                     .rate = rows[row].shaped ? TOTAL_RATE / clients : 0,
                                     .netns = "-",
                                     .access = "a",
                                     .core = "c"};
    memset(l, 0, sizeof *l);
    l->now = 1000000000;
    l->round_time = (uint64_t)MQOE_BATCH * FRAME_LEN * 8 * 1000000000u / (TOTAL_RATE / 10 * LOAD);
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
    mqoe_series_free(&l->series);
}

static void feed(struct bench_loop *l) {
    static uint8_t bytes[FRAME_LEN];
    for (unsigned i = 0; i < MQOE_BATCH; i++) {
        uint32_t client = mqoe_random_below(&l->random, l->config.client_count);
        uint16_t flow = (uint16_t)mqoe_random_below(&l->random, FLOWS);
        mqoe_synthetic_frame(bytes, MQOE_SYNTHETIC_SERVER, mqoe_synthetic_client(client), flow, flow,
                             FRAME_LEN);
        l->fed += mqoe_memory_arrive(&l->port[MQOE_CORE], bytes, FRAME_LEN);
    }
}

// A batch has come in and its time has passed: all that is due is done. At this load a reactor does not
// sleep, so that it finds what has become due since its last round, not one timer at a time.
static void run_round(struct bench_loop *l) {
    l->now += l->round_time;
    while (mqoe_engine_round(&l->engine, l->now) <= l->now)
        ;
}

// CPU time of the loop alone (making the frames is not timed), in means over some batches.
static void measure_loop(struct bench_loop *l, uint64_t packets) {
    const unsigned together = MQOE_SERIES_BATCH / MQOE_BATCH;
    for (uint64_t done = 0; done < packets; done += MQOE_SERIES_BATCH) {
        uint64_t spent = 0, before = l->port[MQOE_ACCESS].port.sent;
        for (unsigned i = 0; i < together; i++) {
            feed(l);
            uint64_t start = mqoe_series_clock();
            run_round(l);
            spent += mqoe_series_clock() - start;
        }
        mqoe_series_add(&l->series, spent, together, l->port[MQOE_ACCESS].port.sent - before);
    }
}

static json_t *report_loops(struct bench_loop *loops, const struct mqoe_bench *b) {
    json_t *results = json_array();
    double bare = 1;
    fprintf(b->table, "  %7u ", loops[0].config.client_count);
    for (size_t row = 0; row < ROWS; row++) {
        struct mqoe_summary s = mqoe_series_summary(&loops[row].series);
        if (row == 0)
            bare = s.median;
        fprintf(b->table, " %10.0f/%5.0f", s.median, s.p99);
        json_array_append_new(results,
                              json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:I, s:I}", "discipline",
                                        rows[row].name, "clients", (int)loops[row].config.client_count,
                                        "flows", (int)FLOWS, "frame_bytes", (int)FRAME_LEN, "p5_ns", s.p5,
                                        "median_ns", s.median, "p99_ns", s.p99, "ratio_to_bare",
                                        s.median / bare, "fed", (json_int_t)loops[row].fed, "sent",
                                        (json_int_t)loops[row].port[MQOE_ACCESS].port.sent));
    }
    fputc('\n', b->table);
    fflush(b->table);
    return results;
}

// Interleaved rounds, so that a change of the machine's mood meets all rows alike.
static int measure_clients(uint32_t clients, const struct mqoe_bench *b, json_t *out, struct mqoe_error *e) {
    static struct bench_loop loops[ROWS];
    const unsigned rounds = b->quick ? 1 : ROUNDS;
    const uint64_t packets = b->quick ? 20480 : 102400;
    int err = 0;
    for (size_t row = 0; row < ROWS && !err; row++)
        err = open_loop(&loops[row], clients, row, e);
    for (size_t row = 0; row < ROWS && !err; row++) { // warm up
        measure_loop(&loops[row], packets);
        mqoe_series_free(&loops[row].series);
    }
    for (unsigned round = 0; round < rounds && !err; round++)
        for (size_t row = 0; row < ROWS; row++)
            measure_loop(&loops[row], packets);
    if (!err) {
        json_t *results = report_loops(loops, b);
        json_array_extend(out, results);
        json_decref(results);
    }
    for (size_t row = 0; row < ROWS; row++)
        close_loop(&loops[row]);
    return err;
}

json_t *mqoe_bench_loop(const struct mqoe_bench *b, struct mqoe_error *e) {
    static const uint32_t counts[] = {1, 100, 10000};
    json_t *out = json_array();
    fprintf(b->table,
            "\nThe whole loop in memory (no kernel), CPU ns per packet of 1,514 B, %u flows a client\n"
            "  clients ",
            FLOWS);
    for (size_t row = 0; row < ROWS; row++)
        fprintf(b->table, " %16s", rows[row].name);
    fputc('\n', b->table);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (measure_clients(counts[i], b, out, e) != 0) {
            json_decref(out);
            return NULL;
        }
    return out;
}
