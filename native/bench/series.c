#include "bench/series.h"

#include <stdlib.h>

#include "bench/bench.h"

#define CLOCK_PROBES 1001u

uint64_t mqoe_series_clock(void) {
    return mqoe_clock(CLOCK_THREAD_CPUTIME_ID);
}

// What two readings in a row differ by. CPU time is a system call, some hundred nanoseconds.
static double clock_cost(void) {
    static double cost = -1;
    double probes[CLOCK_PROBES];
    if (cost >= 0)
        return cost;
    for (unsigned i = 0; i < CLOCK_PROBES; i++) {
        uint64_t start = mqoe_series_clock();
        probes[i] = (double)(mqoe_series_clock() - start);
    }
    return cost = mqoe_bench_median(probes, CLOCK_PROBES);
}

void mqoe_series_add(struct mqoe_series *s, uint64_t ns, unsigned parts, uint64_t packets) {
    if (!packets)
        return;
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 1024;
        s->values = realloc(s->values, s->capacity * sizeof *s->values);
        if (!s->values)
            abort();
    }
    double net = (double)ns - clock_cost() * parts;
    s->values[s->count++] = (net > 0 ? net : 0) / (double)packets;
}

struct mqoe_summary mqoe_series_summary(struct mqoe_series *s) {
    if (!s->count)
        return (struct mqoe_summary){0};
    struct mqoe_summary out = {.median = mqoe_bench_median(s->values, s->count)};
    out.p5 = s->values[(s->count * 5 + 99) / 100 - 1];
    out.p99 = s->values[(s->count * 99 + 99) / 100 - 1];
    return out;
}

void mqoe_series_free(struct mqoe_series *s) {
    free(s->values);
    *s = (struct mqoe_series){0};
}
