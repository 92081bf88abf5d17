#include "port/afxdp.h"

#include <errno.h>
#include <sys/socket.h>

#include "port/afxdp_io.h"

// Kicks of one flush without any progress: copy mode transmits inside the call, so a device that takes
// nothing three times in a row is stuck for now, and the reactor has other things to do.
#define STALLED_KICKS 3u

void mqoe_afxdp_refill(struct mqoe_afxdp *x, uint32_t count) {
    struct mqoe_umem *umem = x->port.umem;
    uint32_t at, room = xsk_prod_nb_free(&x->fill, count);
    count = count < room ? count : room;
    count = count < umem->in_place[MQOE_FREE] ? count : umem->in_place[MQOE_FREE];
    if (!count || !xsk_ring_prod__reserve(&x->fill, count, &at))
        return;
    for (uint32_t i = 0; i < count; i++)
        *xsk_ring_prod__fill_addr(&x->fill, at + i) =
            (uint64_t)mqoe_umem_take(umem, MQOE_FILL) * umem->frame_size;
    xsk_ring_prod__submit(&x->fill, count);
}

static struct mqoe_frame *receive_one(struct mqoe_afxdp *x, const struct xdp_desc *desc) {
    struct mqoe_umem *umem = x->port.umem;
    uint32_t chunk = (uint32_t)(desc->addr / umem->frame_size);
    mqoe_umem_move(umem, chunk, MQOE_FILL, MQOE_HAND);
    struct mqoe_frame *f = &umem->frames[chunk];
    f->data = umem->area + desc->addr;
    f->len = desc->len;
    return f;
}

// The fill ring stays as full as it was: where no free frame can replace a received one, the received one
// itself goes back and its packet is lost, counted. So an exhausted umem never starves the receive side
// silently.
static unsigned receive(struct mqoe_port *port, struct mqoe_frame **frames, unsigned max) {
    struct mqoe_afxdp *x = (struct mqoe_afxdp *)port;
    uint32_t at, got = xsk_ring_cons__peek(&x->rx, max, &at);
    if (!got)
        return 0;
    unsigned keep = got < port->umem->in_place[MQOE_FREE] ? got : port->umem->in_place[MQOE_FREE];
    for (unsigned i = 0; i < got; i++) {
        struct mqoe_frame *f = receive_one(x, xsk_ring_cons__rx_desc(&x->rx, at + i));
        if (i < keep)
            frames[i] = f;
        else
            mqoe_umem_give(port->umem, mqoe_umem_chunk(port->umem, f), MQOE_HAND);
    }
    xsk_ring_cons__release(&x->rx, got);
    mqoe_afxdp_refill(x, got);
    port->received += got;
    port->no_frame += got - keep;
    return keep;
}

static void reap(struct mqoe_afxdp *x) {
    struct mqoe_umem *umem = x->port.umem;
    uint32_t at, done = xsk_ring_cons__peek(&x->completion, x->completion.size, &at);
    if (!done)
        return;
    for (uint32_t i = 0; i < done; i++)
        mqoe_umem_give(umem, (uint32_t)(*xsk_ring_cons__comp_addr(&x->completion, at + i) / umem->frame_size),
                       MQOE_SENT);
    xsk_ring_cons__release(&x->completion, done);
    x->completed += done;
    // A refused frame may complete a moment after the call that reported it: never count it as sent
    // meanwhile.
    x->port.sent = x->completed > x->port.refused ? x->completed - x->port.refused : 0;
}

static uint32_t untaken(const struct mqoe_afxdp *x) {
    return x->tx.cached_prod - __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
}

// Makes the kernel transmit. In copy mode it takes its budget of descriptors per call; EAGAIN means more are
// left or the completion ring is full, EBUSY that the device dropped the frame it was given (the kernel
// completes it all the same), anything else that the device is going away.
static void kick(struct mqoe_afxdp *x) {
    uint32_t before = untaken(x);
    for (unsigned stalled = 0; before && stalled < STALLED_KICKS;) {
        x->port.kicks++;
        int err = sendto(x->port.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? errno : 0;
        if (err == EBUSY)
            x->port.refused++;
        reap(x);
        uint32_t left = untaken(x);
        stalled = left < before ? 0 : stalled + 1;
        before = left;
        if (err && err != EAGAIN && err != EBUSY && err != ENOBUFS && err != EINTR)
            break;
    }
}

static unsigned flush(struct mqoe_port *port) {
    struct mqoe_afxdp *x = (struct mqoe_afxdp *)port;
    if (untaken(x))
        kick(x);
    else
        reap(x);
    return untaken(x);
}

static unsigned send_frames(struct mqoe_port *port, struct mqoe_frame **frames, unsigned count) {
    struct mqoe_afxdp *x = (struct mqoe_afxdp *)port;
    struct mqoe_umem *umem = port->umem;
    if (xsk_prod_nb_free(&x->tx, count) < count)
        kick(x);
    uint32_t at, room = xsk_prod_nb_free(&x->tx, count);
    count = count < room ? count : room;
    if (!count || !xsk_ring_prod__reserve(&x->tx, count, &at))
        return 0;
    for (unsigned i = 0; i < count; i++) {
        mqoe_umem_move(umem, mqoe_umem_chunk(umem, frames[i]), MQOE_HAND, MQOE_SENT);
        *xsk_ring_prod__tx_desc(&x->tx, at + i) =
            (struct xdp_desc){.addr = (uint64_t)(frames[i]->data - umem->area), .len = frames[i]->len};
    }
    xsk_ring_prod__submit(&x->tx, count);
    return count;
}

static void kernel(struct mqoe_port *port, struct mqoe_port_kernel *out) {
    struct xdp_statistics s = {0};
    socklen_t length = sizeof s;
    getsockopt(port->fd, SOL_XDP, XDP_STATISTICS, &s, &length);
    *out = (struct mqoe_port_kernel){.rx_dropped = s.rx_dropped + s.rx_ring_full,
                                     .rx_invalid = s.rx_invalid_descs,
                                     .fill_empty = s.rx_fill_ring_empty_descs,
                                     .tx_invalid = s.tx_invalid_descs};
}

const struct mqoe_port_ops mqoe_afxdp_ops = {
    .receive = receive, .send = send_frames, .flush = flush, .kernel = kernel, .close = mqoe_afxdp_close};
