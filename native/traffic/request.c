#include "traffic/request.h"

#include "traffic/wire.h"

#define REQUEST_MAGIC   0x6d715452u // "mqTR"
#define ANSWER_MAGIC    0x6d715441u // "mqTA"
#define REQUEST_VERSION 1u

void traffic_request_encode(uint8_t out[TRAFFIC_REQUEST_HEADER], const struct traffic_request_header *h) {
    put32(out, REQUEST_MAGIC);
    put32(out + 4, REQUEST_VERSION << 24 | (uint32_t)h->flags << 16);
    put64(out + 8, h->key);
    put32(out + 16, h->session);
    put32(out + 20, h->request);
    put64(out + 24, h->up);
    put64(out + 32, h->down);
    put32(out + 40, h->frame);
}

bool traffic_request_decode(const uint8_t in[TRAFFIC_REQUEST_HEADER], struct traffic_request_header *h) {
    uint32_t word = get32(in + 4);
    if (get32(in) != REQUEST_MAGIC || word >> 24 != REQUEST_VERSION || word & 0xffff)
        return false;
    *h = (struct traffic_request_header){
        .key = get64(in + 8),
        .session = get32(in + 16),
        .request = get32(in + 20),
        .up = get64(in + 24),
        .down = get64(in + 32),
        .frame = get32(in + 40),
        .flags = (uint8_t)(word >> 16),
    };
    return !(h->flags & ~TRAFFIC_REQUEST_SILENT) && h->up <= TRAFFIC_REQUEST_BYTES &&
           h->down <= TRAFFIC_REQUEST_BYTES;
}

void traffic_answer_encode(uint8_t out[TRAFFIC_ANSWER_HEADER], const struct traffic_answer_header *h) {
    put32(out, ANSWER_MAGIC);
    put32(out + 4, h->request);
    put64(out + 8, h->bytes);
}

bool traffic_answer_decode(const uint8_t in[TRAFFIC_ANSWER_HEADER], struct traffic_answer_header *h) {
    if (get32(in) != ANSWER_MAGIC)
        return false;
    *h = (struct traffic_answer_header){.request = get32(in + 4), .bytes = get64(in + 8)};
    return h->bytes <= TRAFFIC_REQUEST_BYTES;
}
