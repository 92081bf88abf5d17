#include "traffic/payload.h"

#include "traffic/wire.h"

#define FLOW_MAGIC    0x6d715446u // "mqTF"
#define PROBE_MAGIC   0x6d715052u // "mqPR"
#define FLOW_VERSION  1u
#define PROBE_VERSION 1u
#define PROBE_FLAGS   (TRAFFIC_PROBE_ECHO | TRAFFIC_PROBE_T2_USER)

void traffic_flow_header_encode(uint8_t out[TRAFFIC_FLOW_HEADER], const struct traffic_flow_header *h) {
    put32(out, FLOW_MAGIC);
    out[4] = FLOW_VERSION;
    out[5] = h->direction;
    put16(out + 6, 0);
    put64(out + 8, h->key);
    put32(out + 16, h->flow);
}

bool traffic_flow_header_decode(const uint8_t in[TRAFFIC_FLOW_HEADER], struct traffic_flow_header *h) {
    if (get32(in) != FLOW_MAGIC || in[4] != FLOW_VERSION || in[5] > 1 || get16(in + 6) != 0)
        return false;
    h->direction = in[5];
    h->key = get64(in + 8);
    h->flow = get32(in + 16);
    return true;
}

void traffic_probe_encode(uint8_t out[TRAFFIC_PROBE_HEADER], const struct traffic_probe_header *h) {
    put32(out, PROBE_MAGIC);
    out[4] = (uint8_t)(PROBE_VERSION << 4 | (h->flags & PROBE_FLAGS));
    out[TRAFFIC_PROBE_REACTOR] = h->reactor;
    put16(out + 6, h->size);
    put64(out + 8, h->key);
    put32(out + 16, h->probe);
    put32(out + 20, h->seq);
    put64(out + 24, (uint64_t)h->t1);
    put64(out + 32, (uint64_t)h->t2);
    put64(out + 40, (uint64_t)h->t3);
}

bool traffic_probe_decode(const uint8_t *in, size_t length, struct traffic_probe_header *h) {
    if (length < TRAFFIC_PROBE_HEADER || get32(in) != PROBE_MAGIC)
        return false;
    if (in[4] >> 4 != PROBE_VERSION || (in[4] & 0xf & ~PROBE_FLAGS) || get16(in + 6) != length)
        return false;
    *h = (struct traffic_probe_header){
        .key = get64(in + 8),
        .probe = get32(in + 16),
        .seq = get32(in + 20),
        .t1 = (int64_t)get64(in + 24),
        .t2 = (int64_t)get64(in + 32),
        .t3 = (int64_t)get64(in + 40),
        .size = get16(in + 6),
        .reactor = in[TRAFFIC_PROBE_REACTOR],
        .flags = in[4] & PROBE_FLAGS,
    };
    return true;
}

void traffic_stream_encode(uint8_t out[TRAFFIC_STREAM_HEADER], const struct traffic_stream_header *h) {
    put32(out, h->tag);
    put32(out + 4, h->seq);
    put32(out + 8, h->sent);
}

void traffic_stream_decode(const uint8_t in[TRAFFIC_STREAM_HEADER], struct traffic_stream_header *h) {
    *h = (struct traffic_stream_header){get32(in), get32(in + 4), get32(in + 8)};
}
