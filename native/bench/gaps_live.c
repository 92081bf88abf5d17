// The shaper as it runs: generator (core ns) ═ veth ═ the reactor's own thread on AF_XDP ═ veth ═ a UDP
// socket (access ns) whose kernel stamps every frame when it comes out of the veth pair. One thread offers
// the frames, reads the stamps and looks whether the queue has ever run empty.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/gaps.h"
#include "bench/lab_client.h"
#include "bench/synthetic.h"
#include "bench/trunks.h"
#include "dataplane/reactor.h"
#include "lab/enter.h"

#define FRAMES     32768u
#define RING       2048u
#define MOST_OWED  1024u     // frames at once after a pause: half of what the receive ring holds
#define STEP       500000    // ns between two looks
#define AHEAD      50000000  // ns of the load that are offered at once, to begin with
#define SETTLE     300000000 // ns before the stamps count: the queue has filled
#define FLUSH      50000000  // ns after a row: what is queued leaves at full speed
#define PORT       9000u
#define SOCKET_BUF (64 << 20)
#define BUSY       0.95 // of a CPU: the thread has no time left to be on time
#define READ_BATCH 64u
#define OFFER_NICE (-15)

struct mqoe_gaps_live {
    int home, socket, nice;
    struct mqoe_trunks trunks;
    struct mqoe_dp_config config;
    struct mqoe_reactor reactor;
    struct mqoe_umem umem; // of the generator
    struct mqoe_afxdp generator;
    uint64_t overflowed; // by the socket's own count, since it was opened
    uint16_t flow;
    bool lab_open, reactor_open;
};

static uint64_t mono(void) {
    return mqoe_clock(CLOCK_MONOTONIC);
}

static void sleep_ns(long ns) {
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

// ---- the receiving end ----

static int set_options(int fd) {
    const int on = 1, size = SOCKET_BUF;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0)
        return -errno;
    return setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0 ? 0 : -errno;
}

static int set_address(int fd) {
    struct ifreq r = {.ifr_name = "g0"};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(mqoe_synthetic_client(0))};
    memcpy(&r.ifr_addr, &a, sizeof a);
    return ioctl(fd, SIOCSIFADDR, &r) == 0 ? 0 : -errno;
}

// No XDP on this end, as the trunks leave it: the frame is stamped within the reactor's own send call, so
// that no soft interrupt's delay is taken for the shaper's.
static int open_socket(struct mqoe_gaps_live *l, struct mqoe_error *e) {
    json_t *sysctl =
        json_pack("[{s:s, s:s, s:{s:s, s:s}}]", "op", "sysctl", "netns", l->trunks.access, "values",
                  "net/ipv4/conf/all/rp_filter", "0", "net/ipv4/conf/g0/rp_filter", "0");
    int err = mqoe_lab_client_do(sysctl, e);
    err = err ? err : mqoe_netns_enter(l->trunks.access, e);
    if (err)
        return err;
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    l->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    err = l->socket < 0 ? -errno : set_options(l->socket);
    err = err ? err : set_address(l->socket);
    if (!err && bind(l->socket, (const struct sockaddr *)&any, sizeof any) != 0)
        err = -errno;
    return err ? mqoe_fail(e, -err, "socket", NULL, "the gap bench's receiving end") : 0;
}

static void read_stamp(struct mqoe_gaps_live *l, struct msghdr *m, uint64_t from,
                       struct mqoe_departures *out) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct timespec t;
        uint32_t lost;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&t, CMSG_DATA(c), sizeof t);
            uint64_t at = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
            if (out && at >= from)
                mqoe_departures_add(out, at);
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&lost, CMSG_DATA(c), sizeof lost);
            l->overflowed = lost;
        }
    }
}

// Reads all that waits; the stamps from `from` (ns, CLOCK_REALTIME) on go to `out`, unless NULL.
static void receive(struct mqoe_gaps_live *l, uint64_t from, struct mqoe_departures *out) {
    static char payload[READ_BATCH][4], control[READ_BATCH][128];
    struct mmsghdr m[READ_BATCH];
    struct iovec v[READ_BATCH];
    for (int got = READ_BATCH; got == (int)READ_BATCH;) {
        for (unsigned i = 0; i < READ_BATCH; i++) {
            v[i] = (struct iovec){payload[i], sizeof payload[i]};
            m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i],
                                           .msg_iovlen = 1,
                                           .msg_control = control[i],
                                           .msg_controllen = sizeof control[i]};
        }
        got = recvmmsg(l->socket, m, READ_BATCH, 0, NULL);
        for (int i = 0; i < got; i++)
            read_stamp(l, &m[i].msg_hdr, from, out);
    }
}

// ---- the sending end ----

static void generate(struct mqoe_gaps_live *l, unsigned count) {
    struct mqoe_frame *batch[MQOE_BATCH];
    unsigned made = 0;
    for (; made < count && l->umem.in_place[MQOE_FREE]; made++) {
        uint32_t chunk = mqoe_umem_take(&l->umem, MQOE_HAND);
        l->flow = (uint16_t)((l->flow + 1) % MQOE_GAPS_FLOWS);
        batch[made] = &l->umem.frames[chunk];
        batch[made]->data = mqoe_umem_data(&l->umem, chunk);
        batch[made]->len =
            mqoe_synthetic_frame(batch[made]->data, MQOE_SYNTHETIC_SERVER, mqoe_synthetic_client(0),
                                 (uint16_t)(1024 + l->flow), PORT, MQOE_GAPS_FRAME);
    }
    struct mqoe_port *port = &l->generator.port;
    for (unsigned taken = port->ops->send(port, batch, made); taken < made; taken++)
        mqoe_umem_give(&l->umem, mqoe_umem_chunk(&l->umem, batch[taken]), MQOE_HAND);
    port->ops->flush(port);
}

static int open_dataplane(struct mqoe_gaps_live *l, struct mqoe_error *e) {
    const struct mqoe_synthetic s = {.clients = 1,
                                     .frames = FRAMES,
                                     .discipline = "none",
                                     .netns = l->trunks.middle,
                                     .access = "a0",
                                     .core = "c0"};
    int err = mqoe_dp_config_read(&l->config, mqoe_synthetic_blueprint(&s), e);
    err = err ? err : mqoe_netns_enter(l->trunks.middle, e);
    if (err)
        return err;
    l->reactor_open = true;
    err = mqoe_reactor_open(&l->reactor, &l->config, 0, e);
    return err ? err : mqoe_reactor_start(&l->reactor, e);
}

static int open_generator(struct mqoe_gaps_live *l, struct mqoe_error *e) {
    int err = mqoe_umem_init(&l->umem, 2 * RING, 2048, e);
    err = err ? err : mqoe_netns_enter(l->trunks.core, e);
    return err ? err : mqoe_afxdp_open(&l->generator, "g1", &l->umem, RING / 2, NULL, e);
}

int mqoe_gaps_live_open(struct mqoe_gaps_live **live, struct mqoe_error *e) {
    struct mqoe_gaps_live *l = *live = calloc(1, sizeof *l);
    if (!l)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "the gap bench");
    l->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    l->socket = l->generator.port.fd = -1;
    // The thread that offers the frames competes with the rest of the machine, not with the reactor
    // (SCHED_RR).
    prctl(PR_SET_TIMERSLACK, 1);
    l->nice = getpriority(PRIO_PROCESS, 0);
    setpriority(PRIO_PROCESS, 0, OFFER_NICE);
    int err = mqoe_lab_client_open(e);
    if (err)
        return err;
    l->lab_open = true;
    err = mqoe_trunks_build(&l->trunks, e);
    err = err ? err : open_dataplane(l, e);
    err = err ? err : open_socket(l, e);
    return err ? err : open_generator(l, e);
}

void mqoe_gaps_live_close(struct mqoe_gaps_live *l) {
    if (!l)
        return;
    if (l->generator.port.fd >= 0)
        l->generator.port.ops->close(&l->generator.port);
    mqoe_umem_free(&l->umem);
    if (l->reactor_open)
        mqoe_reactor_close(&l->reactor);
    if (l->socket >= 0)
        close(l->socket);
    mqoe_dp_config_free(&l->config);
    mqoe_trunks_remove(&l->trunks);
    setpriority(PRIO_PROCESS, 0, l->nice);
    if (setns(l->home, CLONE_NEWNET) != 0)
        perror("mqoe-native bench: setns");
    close(l->home);
    if (l->lab_open)
        mqoe_lab_client_close();
    free(l);
}

// ---- a row ----

static int set_shaper(struct mqoe_gaps_live *l, uint64_t rate, const char *discipline, struct mqoe_error *e) {
    json_t *shaper = mqoe_synthetic_shaper(rate, discipline, 0);
    struct mqoe_node n = mqoe_node_root(shaper, e);
    struct mqoe_change change = {.kind = MQOE_CHANGE_SHAPER, .direction = MQOE_DOWN};
    mqoe_dp_read_shaper(&n, l->config.max_frame, &change.shaper);
    json_decref(shaper);
    change.shaper.framing = MQOE_GAPS_FRAMING;
    return e->errnum ? -e->errnum : mqoe_reactor_change(&l->reactor, &change, 1, e);
}

struct look { // in the reactor's thread, between two of its rounds
    uint64_t late, cpu, wakeups;
};

static void look(void *reactor, void *argument) {
    struct mqoe_reactor *r = reactor;
    *(struct look *)argument =
        (struct look){r->engine.late_max, mqoe_clock(CLOCK_THREAD_CPUTIME_ID), r->recorder.wakeups};
    r->engine.late_max = 0;
}

// Has the link nothing to do now? Read beside the reactor, which writes: a glance, good enough to say that
// the load was not there.
static bool is_idle(const struct mqoe_gaps_live *l) {
    const struct mqoe_leaf *leaf = &l->reactor.engine.circuits[MQOE_DOWN].leaf;
    uint64_t now = mono();
    return !__atomic_load_n(&leaf->stats.backlog_packets, __ATOMIC_RELAXED) &&
           __atomic_load_n(&leaf->shaper.next, __ATOMIC_RELAXED) < now;
}

struct load {
    double per_second; // frames
    uint64_t start, offered, idle, looks;
};

// Offers what is owed and reads what has come, until `end`.
static void offer(struct mqoe_gaps_live *l, struct load *load, uint64_t end, uint64_t from,
                  struct mqoe_departures *out) {
    for (uint64_t now; (now = mono()) < end; sleep_ns(STEP)) {
        uint64_t due = (uint64_t)((double)(now - load->start) * load->per_second / 1e9) + 1;
        unsigned owed = (unsigned)(due - load->offered < MOST_OWED ? due - load->offered : MOST_OWED);
        load->offered += owed;
        load->looks++;
        load->idle += is_idle(l);
        for (unsigned count; owed; owed -= count)
            generate(l, count = owed < MQOE_BATCH ? owed : MQOE_BATCH);
        receive(l, from, out);
    }
}

static void judge(struct mqoe_gaps_lateness *lateness, uint64_t overflowed) {
    lateness->invalid = overflowed              ? "the receiving socket lost frames"
                        : lateness->idle > 0    ? "the offered load did not fill the queue all the time"
                        : lateness->cpu >= BUSY ? "the reactor had no CPU time left"
                                                : NULL;
}

static int empty_queue(struct mqoe_gaps_live *l, struct mqoe_error *e) {
    int err = set_shaper(l, 0, "none", e);
    sleep_ns(FLUSH);
    receive(l, 0, NULL);
    return err;
}

int mqoe_gaps_live_run(struct mqoe_gaps_live *l, const struct mqoe_gaps_row *row, double seconds,
                       struct mqoe_departures *out, struct mqoe_gaps_lateness *lateness,
                       struct mqoe_error *e) {
    mqoe_departures_clear(out);
    int err = set_shaper(l, row->rate, row->discipline, e);
    if (err)
        return err;
    struct load load = {.per_second = mqoe_gaps_offered(row->rate), .start = mono() - AHEAD};
    offer(l, &load, mono() + SETTLE, 0, NULL);
    struct look before, after;
    load.idle = load.looks = 0;
    uint64_t overflowed = l->overflowed, window = (uint64_t)(seconds * 1e9);
    mqoe_mailbox_call(&l->reactor.mailbox, look, &before);
    uint64_t from = mqoe_clock(CLOCK_REALTIME);
    offer(l, &load, mono() + window, from, out);
    mqoe_mailbox_call(&l->reactor.mailbox, look, &after);
    *lateness = (struct mqoe_gaps_lateness){.timer = after.late,
                                            .cpu = (double)(after.cpu - before.cpu) / (double)window,
                                            .wakeups = (double)(after.wakeups - before.wakeups) / seconds};
    lateness->idle = load.looks ? (double)load.idle / (double)load.looks : 1;
    judge(lateness, l->overflowed - overflowed);
    return empty_queue(l, e);
}
