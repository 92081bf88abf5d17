// What an RPM test (script_rpm.h) decides while it runs, by draft-ietf-ippm-responsiveness-09: has the
// goodput become stable, and how often may it probe? Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_STABILITY_WINDOW 16 // intervals at most

// The last values and the last moving averages of them, each the mean of the values that were there then.
struct traffic_stability {
    uint32_t window; // the draft's MAD
    uint32_t count;  // values so far
    double values[TRAFFIC_STABILITY_WINDOW], averages[TRAFFIC_STABILITY_WINDOW];
};

struct traffic_stability_state {
    double average;   // of the last `window` values, or of as many as there are
    double deviation; // standard deviation of the last `window` averages
    bool stable;      // there are `window` averages, and they deviate by less than 5 % (SDT) of the last one
};

// `window`: 1 to TRAFFIC_STABILITY_WINDOW.
void traffic_stability_open(struct traffic_stability *s, uint32_t window);
struct traffic_stability_state traffic_stability_add(struct traffic_stability *s, double value);

// ns between two probes: not more of them than `per_second`, and together not more than 5 % (PTC) of the
// capacity, as far as the goodput (bit/s) shows it.
int64_t traffic_probe_gap(uint32_t per_second, double goodput);
