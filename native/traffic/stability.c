#include "traffic/stability.h"

#include <math.h>

#define TOLERANCE   0.05 // SDT
#define SHARE       0.05 // PTC
#define SECOND      INT64_C(1000000000)
#define LONGEST_GAP SECOND // a line that carries next to nothing is asked, too

// IP bytes of a probe, both ways, in the mean: a new connection takes about 650 (SYN to FIN, with a request
// and an answer), a request over a connection that there is about 270.
#define PROBE_BYTES 460

static double mean(const double *values, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    return sum / count;
}

static double deviation(const double *values, uint32_t count) {
    double middle = mean(values, count), sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (values[i] - middle) * (values[i] - middle);
    return sqrt(sum / count);
}

void traffic_stability_open(struct traffic_stability *s, uint32_t window) {
    *s = (struct traffic_stability){.window = window};
}

struct traffic_stability_state traffic_stability_add(struct traffic_stability *s, double value) {
    uint32_t at = s->count % s->window;
    s->values[at] = value;
    s->count++;
    uint32_t known = s->count < s->window ? s->count : s->window;
    double average = s->averages[at] = mean(s->values, known);
    struct traffic_stability_state state = {.average = average, .deviation = deviation(s->averages, known)};
    state.stable = known == s->window && state.deviation < TOLERANCE * average;
    return state;
}

int64_t traffic_probe_gap(uint32_t per_second, double goodput) {
    double least = (double)SECOND / per_second;
    double fair = goodput > 0 ? PROBE_BYTES * 8 / (SHARE * goodput) * (double)SECOND : (double)LONGEST_GAP;
    double gap = fair > least ? fair : least;
    return gap < (double)LONGEST_GAP ? (int64_t)gap : LONGEST_GAP;
}
