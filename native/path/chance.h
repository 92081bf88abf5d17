// Things that happen to a frame with a probability. Each kind of event of each line has a stream of random
// numbers of its own and takes exactly one number a frame: switching one on moves no other.
#pragma once

#include "packet/random.h"
#include "path/config.h"

// Why a line rolls dice; each is a stream.
enum mqoe_path_purpose {
    MQOE_PATH_FOR_DUPLICATE,
    MQOE_PATH_FOR_LOSS,
    MQOE_PATH_FOR_CORRUPT,
    MQOE_PATH_FOR_BIT,
    MQOE_PATH_FOR_REORDER,
    MQOE_PATH_FOR_DELAY,
    MQOE_PATH_FOR_SLOT,
    MQOE_PATH_FOR_COPIES = 16, // added for what happens to duplicates
};

struct mqoe_path_dice {
    struct mqoe_random random;
    bool rolled, last; // whether there was a frame before, and what happened to it
};

// The stream of one purpose of one line of the run with `seed`.
void mqoe_path_stream(struct mqoe_random *stream, uint64_t seed, uint64_t line, unsigned purpose);

// True for the share `probability` of 32-bit numbers, to the nearest: never with 0, always with 1 (netem's
// `>=` lets each frame through with 2^-32 at least).
static inline bool mqoe_path_below(uint32_t number, double probability) {
    return number < (uint64_t)(probability * 4294967296.0 + 0.5);
}

// A chain of two states with the chance's stationary probability: with probability `correlation` the frame
// fares as the one before, else it is decided anew. netem mixes the random numbers instead, which narrows
// their distribution and so makes what is rare much rarer.
bool mqoe_path_happens(struct mqoe_path_dice *dice, const struct mqoe_path_chance *chance);
