// fuzz-sources: traffic/payload.c
// Whatever arrives on a port: decoding reads only what is there, and what it accepts is exactly what encodes
// to the same bytes.
#include <stdlib.h>
#include <string.h>

#include "traffic/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok) {
    if (!ok)
        abort();
}

static void probe(const uint8_t *data, size_t size) {
    struct traffic_probe_header h;
    uint8_t again[TRAFFIC_PROBE_HEADER];
    if (!traffic_probe_decode(data, size, &h))
        return;
    check(h.size == size && size >= TRAFFIC_PROBE_HEADER);
    traffic_probe_encode(again, &h);
    check(memcmp(again, data, sizeof again) == 0);
}

static void flow(const uint8_t *data, size_t size) {
    struct traffic_flow_header h;
    uint8_t again[TRAFFIC_FLOW_HEADER];
    if (size < TRAFFIC_FLOW_HEADER || !traffic_flow_header_decode(data, &h))
        return;
    check(h.direction <= 1);
    traffic_flow_header_encode(again, &h);
    check(memcmp(again, data, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // A copy of exactly this size, so that the sanitizer sees a read beyond it.
    uint8_t *copy = malloc(size ? size : 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    probe(copy, size);
    flow(copy, size);
    free(copy);
    return 0;
}
