// The shaper on memory ports and a virtual clock: every wake-up comes when it is due, so what is seen is the
// shaper's own doing.
#include <errno.h>
#include <string.h>

#include "bench/gaps.h"
#include "bench/synthetic.h"
#include "dataplane/engine.h"
#include "port/memory.h"

#define FRAMES 65536u
#define RING   128u
#define START  1000000000u // ns

struct bench_gaps {
    struct mqoe_dp_config config;
    struct mqoe_umem umem;
    struct mqoe_memory port[2];
    struct mqoe_engine engine;
    struct mqoe_departures *out;
    uint64_t now;
    uint16_t flow;
};

static void on_sent(void *context, const struct mqoe_frame *frame) {
    struct bench_gaps *g = context;
    (void)frame;
    mqoe_departures_add(g->out, g->now);
}

static int open_memory(struct bench_gaps *g, const struct mqoe_gaps_row *row, struct mqoe_error *e) {
    const struct mqoe_synthetic s = {.clients = 1,
                                     .frames = FRAMES,
                                     .rate = row->rate,
                                     .discipline = row->discipline,
                                     .netns = "-",
                                     .access = "a",
                                     .core = "c"};
    int err = mqoe_dp_config_read(&g->config, mqoe_synthetic_blueprint(&s), e);
    if (err)
        return err;
    g->config.clients[0].shaper[MQOE_DOWN].framing = MQOE_GAPS_FRAMING;
    err = mqoe_umem_init(&g->umem, FRAMES, 2048, e);
    for (int side = 0; side < 2 && !err; side++)
        if (mqoe_memory_open(&g->port[side], &g->umem, RING) != 0)
            err = mqoe_fail(e, ENOMEM, "calloc", NULL, "memory port");
    g->port[MQOE_ACCESS].on_sent = on_sent;
    g->port[MQOE_ACCESS].context = g;
    return err ? err
               : mqoe_engine_init(&g->engine, &g->config, 0, &g->umem, &g->port[0].port, &g->port[1].port,
                                  g->now, e);
}

static void close_memory(struct bench_gaps *g) {
    mqoe_engine_free(&g->engine);
    for (int side = 0; side < 2; side++)
        if (g->port[side].port.ops)
            g->port[side].port.ops->close(&g->port[side].port);
    mqoe_umem_free(&g->umem);
    mqoe_dp_config_free(&g->config);
}

static void arrive(struct bench_gaps *g) {
    uint8_t bytes[MQOE_GAPS_FRAME] = {0};
    g->flow = (uint16_t)((g->flow + 1) % MQOE_GAPS_FLOWS);
    mqoe_synthetic_frame(bytes, MQOE_SYNTHETIC_SERVER, mqoe_synthetic_client(0), g->flow, g->flow,
                         MQOE_GAPS_FRAME);
    mqoe_memory_arrive(&g->port[MQOE_CORE], bytes, MQOE_GAPS_FRAME);
}

// The next of a frame that arrives and a timer that is due, until the end.
static void run(struct bench_gaps *g, double spacing, uint64_t end) {
    double arrival = (double)g->now;
    uint64_t wake = MQOE_NEVER;
    while (g->now < end) {
        if ((uint64_t)arrival <= wake) {
            g->now = (uint64_t)arrival;
            arrive(g);
            arrival += spacing;
        } else {
            g->now = wake;
        }
        while ((wake = mqoe_engine_round(&g->engine, g->now)) <= g->now)
            ;
    }
}

int mqoe_gaps_memory(const struct mqoe_gaps_row *row, double seconds, struct mqoe_departures *out,
                     struct mqoe_error *e) {
    static struct bench_gaps g;
    g = (struct bench_gaps){.out = out, .now = START};
    mqoe_departures_clear(out);
    int err = open_memory(&g, row, e);
    if (!err)
        run(&g, 1e9 / mqoe_gaps_offered(row->rate), START + (uint64_t)(seconds * 1e9));
    close_memory(&g);
    return err;
}
