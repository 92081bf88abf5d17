#include "port/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void refill(struct mqoe_memory *m) {
    while (m->fill_count + m->arrived_count < m->ring && m->port.umem->in_place[MQOE_FREE])
        m->fill[m->fill_count++] = mqoe_umem_take(m->port.umem, MQOE_FILL);
}

bool mqoe_memory_arrive(struct mqoe_memory *m, const void *bytes, uint32_t len) {
    if (!m->fill_count || len > m->port.umem->frame_size)
        return false;
    uint32_t chunk = m->fill[--m->fill_count];
    struct mqoe_frame *f = &m->port.umem->frames[chunk];
    f->data = mqoe_umem_data(m->port.umem, chunk);
    f->len = len;
    memcpy(f->data, bytes, len);
    m->arrived[(m->arrived_head + m->arrived_count++) % m->ring] = chunk;
    return true;
}

// As the AF_XDP port: a frame that no free one can replace goes back to the fill ring, and its packet is
// lost.
static unsigned receive(struct mqoe_port *port, struct mqoe_frame **frames, unsigned max) {
    struct mqoe_memory *m = (struct mqoe_memory *)port;
    struct mqoe_umem *umem = port->umem;
    unsigned got = m->arrived_count < max ? m->arrived_count : max;
    unsigned keep = got < umem->in_place[MQOE_FREE] ? got : umem->in_place[MQOE_FREE];
    for (unsigned i = 0; i < got; i++) {
        uint32_t chunk = m->arrived[m->arrived_head];
        m->arrived_head = (m->arrived_head + 1) % m->ring;
        m->arrived_count--;
        mqoe_umem_move(umem, chunk, MQOE_FILL, MQOE_HAND);
        if (i < keep)
            frames[i] = &umem->frames[chunk];
        else
            mqoe_umem_give(umem, chunk, MQOE_HAND);
    }
    refill(m);
    port->received += got;
    port->no_frame += got - keep;
    return keep;
}

static unsigned send_frames(struct mqoe_port *port, struct mqoe_frame **frames, unsigned count) {
    struct mqoe_memory *m = (struct mqoe_memory *)port;
    unsigned room = m->send_room - m->taken_count;
    count = count < room ? count : room;
    for (unsigned i = 0; i < count; i++) {
        uint32_t chunk = mqoe_umem_chunk(port->umem, frames[i]);
        mqoe_umem_move(port->umem, chunk, MQOE_HAND, MQOE_SENT);
        m->taken[m->taken_count++] = chunk;
    }
    return count;
}

static unsigned flush(struct mqoe_port *port) {
    struct mqoe_memory *m = (struct mqoe_memory *)port;
    if (m->stuck || !m->taken_count)
        return m->taken_count;
    port->kicks++;
    for (uint32_t i = 0; i < m->taken_count; i++) {
        if (m->on_sent)
            m->on_sent(m->context, &port->umem->frames[m->taken[i]]);
        mqoe_umem_give(port->umem, m->taken[i], MQOE_SENT);
    }
    port->sent += m->taken_count;
    m->taken_count = 0;
    return 0;
}

static void kernel(struct mqoe_port *port, struct mqoe_port_kernel *out) {
    (void)port;
    *out = (struct mqoe_port_kernel){0};
}

static void close_memory(struct mqoe_port *port) {
    struct mqoe_memory *m = (struct mqoe_memory *)port;
    free(m->fill);
    free(m->arrived);
    free(m->taken);
    m->fill = m->arrived = m->taken = NULL;
}

static const struct mqoe_port_ops memory_ops = {
    .receive = receive, .send = send_frames, .flush = flush, .kernel = kernel, .close = close_memory};

int mqoe_memory_open(struct mqoe_memory *m, struct mqoe_umem *umem, uint32_t ring) {
    *m = (struct mqoe_memory){
        .port = {.ops = &memory_ops, .umem = umem, .fd = -1}, .ring = ring, .send_room = ring};
    m->fill = calloc(ring, sizeof *m->fill);
    m->arrived = calloc(ring, sizeof *m->arrived);
    m->taken = calloc(ring, sizeof *m->taken);
    int err = m->fill && m->arrived && m->taken ? 0 : -ENOMEM;
    if (!err && umem->in_place[MQOE_FREE] < ring)
        err = -ENOBUFS;
    if (err)
        close_memory(&m->port);
    else
        refill(m);
    return err;
}
