#include "bench/departures.h"

#include <math.h>
#include <stdlib.h>

// Upper edges of the histogram's buckets, in frame times; the last has none.
static const double edges[MQOE_GAP_BUCKETS - 1] = {0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 1.5, 2};

bool mqoe_departures_add(struct mqoe_departures *d, uint64_t at) {
    if (d->count == d->capacity) {
        uint32_t capacity = d->capacity ? d->capacity * 2 : 4096;
        uint64_t *bigger = capacity > d->capacity ? realloc(d->at, capacity * sizeof *bigger) : NULL;
        if (!bigger)
            return false;
        d->at = bigger;
        d->capacity = capacity;
    }
    d->at[d->count++] = at;
    return true;
}

void mqoe_departures_clear(struct mqoe_departures *d) {
    d->count = 0;
}

void mqoe_departures_free(struct mqoe_departures *d) {
    free(d->at);
    *d = (struct mqoe_departures){0};
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static unsigned bucket_of(double gap) {
    unsigned i = 0;
    while (i < MQOE_GAP_BUCKETS - 1 && gap >= edges[i])
        i++;
    return i;
}

// Nearest rank of ascending values.
static double quantile(const uint64_t *sorted, uint32_t count, double q) {
    uint32_t rank = (uint32_t)ceil(q * count);
    return (double)sorted[rank ? rank - 1 : 0];
}

static void rank_gaps(const struct mqoe_departures *d, struct mqoe_gaps *g) {
    uint32_t count = d->count - 1;
    uint64_t *gaps = malloc(count * sizeof *gaps);
    if (!gaps)
        return;
    for (uint32_t i = 0; i < count; i++)
        gaps[i] = d->at[i + 1] - d->at[i];
    qsort(gaps, count, sizeof *gaps, compare);
    g->p1 = quantile(gaps, count, 0.01);
    g->median = quantile(gaps, count, 0.5);
    g->p99 = quantile(gaps, count, 0.99);
    g->max = (double)gaps[count - 1];
    free(gaps);
}

struct mqoe_gaps mqoe_gaps_measure(struct mqoe_departures *d, double frame_ns) {
    struct mqoe_gaps g = {.frames = d->count};
    if (d->count < 2)
        return g;
    // The receiving end may stamp two frames on two CPUs.
    qsort(d->at, d->count, sizeof *d->at, compare);
    double ahead = 0; // frames that the bucket holds beside the one that just left
    uint32_t run = 1;
    g.burst = g.together = 1;
    for (uint32_t i = 1; i < d->count; i++) {
        double gap = (double)(d->at[i] - d->at[i - 1]) / frame_ns;
        g.buckets[bucket_of(gap)]++;
        g.below_half += gap < 0.5;
        run = gap < 0.5 ? run + 1 : 1;
        g.together = run > g.together ? run : g.together;
        ahead = fmax(0, ahead + 1 - gap);
        g.burst = fmax(g.burst, 1 + ahead);
    }
    double span = (double)(d->at[d->count - 1] - d->at[0]);
    g.rate_error = span > 0 ? (d->count - 1) * frame_ns / span - 1 : INFINITY;
    rank_gaps(d, &g);
    return g;
}

json_t *mqoe_gaps_json(const struct mqoe_gaps *g, double frame_ns) {
    json_t *histogram = json_array();
    for (unsigned i = 0; i < MQOE_GAP_BUCKETS; i++) {
        json_t *bucket = json_pack("{s:I}", "gaps", (json_int_t)g->buckets[i]);
        if (i < MQOE_GAP_BUCKETS - 1)
            json_object_set_new(bucket, "below", json_real(edges[i]));
        json_array_append_new(histogram, bucket);
    }
    return json_pack("{s:I, s:f, s:f, s:{s:f, s:f, s:f, s:f}, s:f, s:I, s:o}", "frames",
                     (json_int_t)g->frames, "frame_ns", frame_ns, "rate_error", g->rate_error, "gap", "p1",
                     g->p1 / frame_ns, "median", g->median / frame_ns, "p99", g->p99 / frame_ns, "max",
                     g->max / frame_ns, "burst_frames", g->burst, "together", (json_int_t)g->together,
                     "histogram", histogram);
}
