// Setting up an AF_XDP socket call by call, so that an error can say which call refused what (libxdp's set-up
// functions return a bare −errno). The rings themselves are accessed through libxdp's inline functions.
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "port/afxdp.h"
#include "port/afxdp_io.h"

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET                                                                                \
    9 // linux/if_xdp.h since 6.17: descriptors per sendto in copy mode, 32 by default
#endif
#define TX_SKB_BUDGET 2048u
#define SEND_BUFFER   (16 << 20) // frames in flight are charged to the socket; the default holds about 80
#define BIND_PATIENCE 2000u      // ms

static int option(struct mqoe_afxdp *x, int name, const char *what, uint32_t value, struct mqoe_error *e) {
    if (setsockopt(x->port.fd, SOL_XDP, name, &value, sizeof value) == 0)
        return 0;
    return mqoe_fail(e, errno, what, NULL, "AF_XDP socket %s", x->name);
}

// `query` is any socket that answers interface ioctls (AF_XDP ones do not).
static int check_interface(struct mqoe_afxdp *x, int query, struct mqoe_error *e) {
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", x->name);
    if (ioctl(query, SIOCGIFINDEX, &r) != 0)
        return mqoe_fail(e, errno, "SIOCGIFINDEX",
                         "the blueprint names an interface that this namespace lacks", "interface %s",
                         x->name);
    x->ifindex = r.ifr_ifindex;
    if (ioctl(query, SIOCGIFFLAGS, &r) != 0 || !(r.ifr_flags & IFF_UP))
        return mqoe_fail(e, ENETDOWN, "SIOCGIFFLAGS", "a trunk must be up before the dataplane starts",
                         "interface %s", x->name);
    if (ioctl(query, SIOCGIFMTU, &r) != 0)
        return mqoe_fail(e, errno, "SIOCGIFMTU", NULL, "interface %s", x->name);
    char hint[128];
    snprintf(hint, sizeof hint, "the MTU is %d; a 2 KiB chunk holds frames of MTU up to %u", r.ifr_mtu,
             MQOE_AFXDP_MTU);
    if (r.ifr_mtu > (int)MQOE_AFXDP_MTU)
        return mqoe_fail(e, EMSGSIZE, "SIOCGIFMTU", hint, "interface %s", x->name);
    return 0;
}

static int look_up_interface(struct mqoe_afxdp *x, struct mqoe_error *e) {
    int query = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (query < 0)
        return mqoe_fail(e, errno, "socket", NULL, "interface %s", x->name);
    int err = check_interface(x, query, e);
    close(query);
    return err;
}

static int register_umem(struct mqoe_afxdp *x, struct mqoe_error *e) {
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &unlimited); // best effort: with CAP_IPC_LOCK the limit does not bind anyway
    const struct mqoe_umem *p = x->port.umem;
    struct xdp_umem_reg reg = {.addr = (uintptr_t)p->area, .len = p->area_bytes, .chunk_size = p->frame_size};
    if (setsockopt(x->port.fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof reg) == 0)
        return 0;
    int err = errno;
    struct rlimit have = {0};
    getrlimit(RLIMIT_MEMLOCK, &have);
    char hint[160];
    snprintf(hint, sizeof hint,
             "locked memory is limited to %lu KiB: raise it (ulimit -l) or grant CAP_IPC_LOCK",
             (unsigned long)(have.rlim_cur >> 10));
    return mqoe_fail(e, err, "setsockopt(XDP_UMEM_REG)", err == ENOBUFS || err == ENOMEM ? hint : NULL,
                     "UMEM of %u frames, %lu MiB", p->count, (unsigned long)(p->area_bytes >> 20));
}

// What all four rings have in common in memory.
struct mapped_ring {
    void *ring;
    uint32_t *producer, *consumer, *flags;
};

static int map_ring(struct mqoe_afxdp *x, unsigned slot, const struct xdp_ring_offset *at, uint64_t bytes,
                    off_t page, struct mapped_ring *out, struct mqoe_error *e) {
    uint8_t *m =
        mmap(NULL, at->desc + bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->port.fd, page);
    if (m == MAP_FAILED)
        return mqoe_fail(e, errno, "mmap", NULL, "ring %u of AF_XDP socket %s", slot, x->name);
    x->maps[slot].at = m;
    x->maps[slot].bytes = at->desc + bytes;
    *out = (struct mapped_ring){m + at->desc, (uint32_t *)(m + at->producer), (uint32_t *)(m + at->consumer),
                                (uint32_t *)(m + at->flags)};
    return 0;
}

// A producer's cached consumer is biased by the ring's size, so that a difference is the free room (libxdp's
// form).
static struct xsk_ring_prod producer(const struct mapped_ring *m, uint32_t size) {
    return (struct xsk_ring_prod){.mask = size - 1,
                                  .size = size,
                                  .producer = m->producer,
                                  .consumer = m->consumer,
                                  .ring = m->ring,
                                  .flags = m->flags,
                                  .cached_prod = *m->producer,
                                  .cached_cons = *m->consumer + size};
}

static struct xsk_ring_cons consumer(const struct mapped_ring *m, uint32_t size) {
    return (struct xsk_ring_cons){.mask = size - 1,
                                  .size = size,
                                  .producer = m->producer,
                                  .consumer = m->consumer,
                                  .ring = m->ring,
                                  .flags = m->flags,
                                  .cached_prod = *m->producer,
                                  .cached_cons = *m->consumer};
}

static int map_rings(struct mqoe_afxdp *x, uint32_t size, struct mqoe_error *e) {
    struct xdp_mmap_offsets at;
    socklen_t length = sizeof at;
    if (getsockopt(x->port.fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &length) != 0)
        return mqoe_fail(e, errno, "getsockopt(XDP_MMAP_OFFSETS)", NULL, "AF_XDP socket %s", x->name);
    struct mapped_ring m;
    const uint64_t descs = (uint64_t)size * sizeof(struct xdp_desc),
                   addrs = (uint64_t)size * sizeof(uint64_t);
    int err = map_ring(x, 0, &at.rx, descs, XDP_PGOFF_RX_RING, &m, e);
    if (!err) {
        x->rx = consumer(&m, size);
        err = map_ring(x, 1, &at.tx, descs, XDP_PGOFF_TX_RING, &m, e);
    }
    if (!err) {
        x->tx = producer(&m, size);
        err = map_ring(x, 2, &at.fr, addrs, (off_t)XDP_UMEM_PGOFF_FILL_RING, &m, e);
    }
    if (!err) {
        x->fill = producer(&m, size);
        err = map_ring(x, 3, &at.cr, addrs, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, &m, e);
    }
    if (!err)
        x->completion = consumer(&m, size);
    return err;
}

static int make_rings(struct mqoe_afxdp *x, uint32_t size, struct mqoe_error *e) {
    int err = option(x, XDP_RX_RING, "setsockopt(XDP_RX_RING)", size, e);
    err = err ? err : option(x, XDP_TX_RING, "setsockopt(XDP_TX_RING)", size, e);
    err = err ? err : option(x, XDP_UMEM_FILL_RING, "setsockopt(XDP_UMEM_FILL_RING)", size, e);
    err = err ? err : option(x, XDP_UMEM_COMPLETION_RING, "setsockopt(XDP_UMEM_COMPLETION_RING)", size, e);
    return err ? err : map_rings(x, size, e);
}

// The kernel frees a closed socket's queue a little later; until then bind says EBUSY.
static int bind_patiently(struct mqoe_afxdp *x, const struct mqoe_afxdp *first, struct mqoe_error *e) {
    struct sockaddr_xdp a = {.sxdp_family = AF_XDP,
                             .sxdp_ifindex = (uint32_t)x->ifindex,
                             .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP};
    if (first) { // inherits the mode of the first socket
        a.sxdp_flags = XDP_SHARED_UMEM;
        a.sxdp_shared_umem_fd = (uint32_t)first->port.fd;
    }
    int err = EBUSY;
    for (unsigned waited = 0, step = 5; waited <= BIND_PATIENCE;
         waited += step, step = step < 160 ? step * 2 : step) {
        if (bind(x->port.fd, (struct sockaddr *)&a, sizeof a) == 0)
            return 0;
        err = errno;
        if (err != EBUSY)
            break;
        nanosleep(&(struct timespec){.tv_nsec = (long)step * 1000000}, NULL);
    }
    return mqoe_fail(e, err, "bind",
                     err == EBUSY ? "another AF_XDP socket holds this queue: stop that program" : NULL,
                     "AF_XDP socket %s queue 0", x->name);
}

static int open_socket(struct mqoe_afxdp *x, uint32_t ring, struct mqoe_afxdp *first, struct mqoe_error *e) {
    int err = look_up_interface(x, e);
    if (err)
        return err;
    x->port.fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (x->port.fd < 0)
        return mqoe_fail(e, errno, "socket(AF_XDP)",
                         errno == EAFNOSUPPORT ? "this kernel lacks CONFIG_XDP_SOCKETS"
                                               : "needs CAP_NET_RAW (or root)",
                         "AF_XDP socket %s", x->name);
    if (!first)
        err = register_umem(x, e);
    err = err ? err : make_rings(x, ring, e);
    err = err ? err : bind_patiently(x, first, e);
    if (err)
        return err;
    uint32_t budget = TX_SKB_BUDGET; // older kernels lack it: then a kick takes more calls
    setsockopt(x->port.fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget);
    int buffer = SEND_BUFFER;
    if (setsockopt(x->port.fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0)
        setsockopt(x->port.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    return 0;
}

void mqoe_afxdp_close(struct mqoe_port *port) {
    struct mqoe_afxdp *x = (struct mqoe_afxdp *)port;
    mqoe_xdp_detach(&x->xdp);
    for (unsigned i = 0; i < 4; i++)
        if (x->maps[i].at)
            munmap(x->maps[i].at, x->maps[i].bytes);
    if (port->fd >= 0)
        close(port->fd);
    memset(x->maps, 0, sizeof x->maps);
    port->fd = -1;
}

int mqoe_afxdp_open(struct mqoe_afxdp *x, const char *interface, struct mqoe_umem *umem, uint32_t ring,
                    struct mqoe_afxdp *first, struct mqoe_error *e) {
    memset(x, 0,
           sizeof *x); // ring structures must start from zero: stale cached indexes are phantom completions
    x->port = (struct mqoe_port){.ops = &mqoe_afxdp_ops, .umem = umem, .fd = -1};
    x->xdp.link = -1;
    snprintf(x->name, sizeof x->name, "%s", interface);
    int err = open_socket(x, ring, first, e);
    if (!err) {
        mqoe_afxdp_refill(x, ring);
        err = mqoe_xdp_attach(&x->xdp, x->name, x->ifindex, x->port.fd, e);
    }
    if (err)
        mqoe_afxdp_close(&x->port);
    return err;
}
