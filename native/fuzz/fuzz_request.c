// fuzz-sources: traffic/request.c
// Whatever a connection carries: decoding reads only what is there, and what it accepts is exactly what
// encodes to the same bytes.
#include <stdlib.h>
#include <string.h>

#include "traffic/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok) {
    if (!ok)
        abort();
}

static void request(const uint8_t *data) {
    struct traffic_request_header h;
    uint8_t again[TRAFFIC_REQUEST_HEADER];
    if (!traffic_request_decode(data, &h))
        return;
    check(h.up <= TRAFFIC_REQUEST_BYTES && h.down <= TRAFFIC_REQUEST_BYTES);
    traffic_request_encode(again, &h);
    check(memcmp(again, data, sizeof again) == 0);
}

static void answer(const uint8_t *data) {
    struct traffic_answer_header h;
    uint8_t again[TRAFFIC_ANSWER_HEADER];
    if (!traffic_answer_decode(data, &h))
        return;
    check(h.bytes <= TRAFFIC_REQUEST_BYTES);
    traffic_answer_encode(again, &h);
    check(memcmp(again, data, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // A copy of exactly this size, so that the sanitizer sees a read beyond it.
    uint8_t *copy = malloc(size ? size : 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    if (size >= TRAFFIC_REQUEST_HEADER)
        request(copy);
    if (size >= TRAFFIC_ANSWER_HEADER)
        answer(copy);
    free(copy);
    return 0;
}
