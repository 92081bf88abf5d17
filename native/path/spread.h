// Times that vary: delays and the distances of slots.
#pragma once

#include "packet/random.h"
#include "path/config.h"

struct mqoe_path_spreader {
    struct mqoe_random random;
    bool started;
    double normal;      // of the frame before, standard normal: correlation is made there
    double correlation; // of those, such that the times have the one that was asked for
};

// Works out the correlation; the random numbers go on.
void mqoe_path_spreader_set(struct mqoe_path_spreader *s, const struct mqoe_path_spread *spread);

// The next time around `mean` (not spread->mean: a trace may say so), ns, at least 0.
uint64_t mqoe_path_spreader_next(struct mqoe_path_spreader *s, const struct mqoe_path_spread *spread,
                                 uint64_t mean);
