// Frames through AF_XDP:  generator (core ns) ═ veth ═ dataplane ═ veth ═ sink (access ns). The generator
// first fills the dataplane's receive ring; then the clock starts and the dataplane's own loop runs until all
// is forwarded. So the loop is what is measured, never the generator (which costs more per frame than the
// loop and would be the limit), and one CPU is enough. The same sockets are switched between nothing,
// fq_codel and CAKE, round by round.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/lab_client.h"
#include "bench/series.h"
#include "bench/synthetic.h"
#include "bench/trunks.h"
#include "dataplane/reactor.h"
#include "lab/enter.h"

#define CLIENTS 100u
#define FLOWS   32u
#define FRAMES  16384u
#define RING    2048u
#define BURST   1536u   // frames a burst: what the receive ring holds, with room to spare
#define SETTLE  1000000 // ns
#define ROUNDS  11u

struct forward {
    struct mqoe_trunks trunks;
    struct mqoe_dp_config config;
    struct mqoe_reactor reactor;
    struct mqoe_umem umem; // of generator and sink
    struct mqoe_afxdp generator, sink;
    uint32_t next_client, len;
    uint64_t lost; // received by the dataplane and not forwarded
    bool reactor_open;
};

static int open_dataplane(struct forward *f, struct mqoe_error *e) {
    const struct mqoe_synthetic s = {.clients = CLIENTS,
                                     .frames = FRAMES,
                                     .discipline = "none",
                                     .netns = f->trunks.middle,
                                     .access = "a0",
                                     .core = "c0"};
    int err = mqoe_dp_config_read(&f->config, mqoe_synthetic_blueprint(&s), e);
    err = err ? err : mqoe_netns_enter(f->trunks.middle, e);
    if (err)
        return err;
    f->reactor_open = true;
    return mqoe_reactor_open(&f->reactor, &f->config, 0, e); // its thread stays off: this one runs its loop
}

static int open_ends(struct forward *f, struct mqoe_error *e) {
    f->generator.port.fd = f->sink.port.fd = -1;
    int err = mqoe_umem_init(&f->umem, FRAMES, 2048, e);
    err = err ? err : mqoe_netns_enter(f->trunks.core, e);
    err = err ? err : mqoe_afxdp_open(&f->generator, "g1", &f->umem, RING, NULL, e);
    err = err ? err : mqoe_netns_enter(f->trunks.access, e);
    return err ? err : mqoe_afxdp_open(&f->sink, "g0", &f->umem, RING, &f->generator, e);
}

static void pause_ns(long ns) {
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void generate(struct forward *f, unsigned count) {
    struct mqoe_frame *batch[MQOE_BATCH];
    for (unsigned i = 0; i < count; i++) {
        uint32_t chunk = mqoe_umem_take(&f->umem, MQOE_HAND);
        uint16_t flow = (uint16_t)(1024 + f->next_client % FLOWS);
        batch[i] = &f->umem.frames[chunk];
        batch[i]->data = mqoe_umem_data(&f->umem, chunk);
        batch[i]->len =
            mqoe_synthetic_frame(batch[i]->data, MQOE_SYNTHETIC_SERVER,
                                 mqoe_synthetic_client(f->next_client++ % CLIENTS), flow, flow, f->len);
    }
    unsigned taken = f->generator.port.ops->send(&f->generator.port, batch, count);
    for (unsigned i = taken; i < count; i++)
        mqoe_umem_give(&f->umem, mqoe_umem_chunk(&f->umem, batch[i]), MQOE_HAND);
    f->generator.port.ops->flush(&f->generator.port);
}

static void drain_sink(struct forward *f) {
    struct mqoe_frame *batch[MQOE_BATCH];
    for (unsigned got; (got = f->sink.port.ops->receive(&f->sink.port, batch, MQOE_BATCH)) > 0;)
        for (unsigned i = 0; i < got; i++)
            mqoe_umem_give(&f->umem, mqoe_umem_chunk(&f->umem, batch[i]), MQOE_HAND);
}

// Fills the receive ring, lets the kernel finish, and returns the CPU time (ns) that the loop takes to get
// all of it out, the kernel's part within its system calls included; *frames receives how many it were.
static uint64_t burst(struct forward *f, uint64_t *frames) {
    for (unsigned i = 0; i < BURST; i += MQOE_BATCH)
        generate(f, MQOE_BATCH);
    pause_ns(SETTLE);
    struct mqoe_port *in = &f->reactor.port[MQOE_CORE].port, *out = &f->reactor.port[MQOE_ACCESS].port;
    uint64_t before = out->sent, received = in->received, start = mqoe_series_clock(), last;
    do {
        last = in->received;
        mqoe_engine_round(&f->reactor.engine, mqoe_clock(CLOCK_MONOTONIC));
    } while (in->received != last || f->reactor.engine.ready_head);
    uint64_t elapsed = mqoe_series_clock() - start;
    pause_ns(SETTLE); // completions that were still on their way
    out->ops->flush(out);
    drain_sink(f);
    *frames = out->sent - before;
    f->lost += in->received - received - *frames;
    return elapsed;
}

static int set_discipline(struct forward *f, const char *discipline, struct mqoe_error *e) {
    static struct mqoe_change changes[CLIENTS];
    json_t *shaper = mqoe_synthetic_shaper(0, discipline, 0);
    struct mqoe_node n = mqoe_node_root(shaper, e);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        changes[i] = (struct mqoe_change){.kind = MQOE_CHANGE_SHAPER, .index = i, .direction = MQOE_DOWN};
        mqoe_dp_read_shaper(&n, f->config.max_frame, &changes[i].shaper);
    }
    json_decref(shaper);
    return e->errnum
               ? -e->errnum
               : mqoe_engine_change(&f->reactor.engine, changes, CLIENTS, mqoe_clock(CLOCK_MONOTONIC), e);
}

static void measure(struct forward *f, unsigned bursts, struct mqoe_series *series) {
    uint64_t frames;
    for (unsigned i = 0; i < bursts; i++) {
        uint64_t spent = burst(f, &frames);
        if (series)
            mqoe_series_add(series, spent, 1, frames);
    }
}

static const char *const disciplines[] = {"none", "fq_codel", "cake"};

#define DISCIPLINES (sizeof disciplines / sizeof *disciplines)

// Interleaved rounds, so that a change of the machine's mood meets all alike; medians of bursts.
static int compare(struct forward *f, const struct mqoe_bench *b, double ns[DISCIPLINES],
                   struct mqoe_error *e) {
    struct mqoe_series series[DISCIPLINES] = {0};
    const unsigned rounds = b->quick ? 3 : ROUNDS, bursts = b->quick ? 5 : 16;
    for (unsigned round = 0; round < rounds && !e->errnum; round++)
        for (size_t d = 0; d < DISCIPLINES; d++) {
            if (set_discipline(f, disciplines[d], e) != 0)
                break;
            measure(f, 2, NULL); // settle
            measure(f, bursts, &series[d]);
        }
    for (size_t d = 0; d < DISCIPLINES; d++) {
        ns[d] = mqoe_series_summary(&series[d]).median;
        mqoe_series_free(&series[d]);
    }
    return -e->errnum;
}

static json_t *run_sizes(struct forward *f, const struct mqoe_bench *b, struct mqoe_error *e) {
    static const uint32_t sizes[] = {64, 1514};
    json_t *rows = json_array();
    fprintf(
        b->table,
        "\nThrough AF_XDP on two veth trunks (native XDP), %u clients, frames per CPU second of one reactor\n"
        "  frame   bare forwarder   fq_codel   ratio   ns more       cake   ratio   ns more\n",
        CLIENTS);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double ns[DISCIPLINES] = {0};
        f->len = sizes[i];
        if (compare(f, b, ns, e) != 0 || ns[0] <= 0 || ns[1] <= 0 || ns[2] <= 0) {
            if (!e->errnum)
                mqoe_fail(e, EIO, "AF_XDP", "see mqoe doctor", "no frame came through the bench's trunks");
            json_decref(rows);
            return NULL;
        }
        fprintf(b->table, "  %5u   %14.0f   %8.0f   %.3f   %7.0f   %8.0f   %.3f   %7.0f\n", sizes[i],
                1e9 / ns[0], 1e9 / ns[1], ns[0] / ns[1], ns[1] - ns[0], 1e9 / ns[2], ns[0] / ns[2],
                ns[2] - ns[0]);
        json_array_append_new(rows,
                              json_pack("{s:i, s:f, s:f, s:f, s:f, s:f}", "frame_bytes", (int)sizes[i],
                                        "bare_fps", 1e9 / ns[0], "fq_codel_fps", 1e9 / ns[1], "ratio",
                                        ns[0] / ns[1], "cake_fps", 1e9 / ns[2], "cake_ratio", ns[0] / ns[2]));
    }
    return json_pack("{s:o, s:I}", "sizes", rows, "lost_frames", (json_int_t)f->lost);
}

static void close_all(struct forward *f) {
    if (f->generator.port.fd >= 0)
        f->generator.port.ops->close(&f->generator.port);
    if (f->sink.port.fd >= 0)
        f->sink.port.ops->close(&f->sink.port);
    mqoe_umem_free(&f->umem);
    if (f->reactor_open)
        mqoe_reactor_close(&f->reactor);
    mqoe_dp_config_free(&f->config);
    mqoe_trunks_remove(&f->trunks);
}

json_t *mqoe_bench_forward(const struct mqoe_bench *b, struct mqoe_error *e) {
    static struct forward f;
    f = (struct forward){.generator = {.port = {.fd = -1}}, .sink = {.port = {.fd = -1}}};
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (mqoe_lab_client_open(e) != 0)
        return NULL;
    int err = mqoe_trunks_build(&f.trunks, e);
    err = err ? err : open_dataplane(&f, e);
    err = err ? err : open_ends(&f, e);
    json_t *rows = err ? NULL : run_sizes(&f, b, e);
    close_all(&f);
    if (setns(home, CLONE_NEWNET) != 0)
        perror("mqoe-native bench: setns");
    close(home);
    mqoe_lab_client_close();
    return rows;
}
