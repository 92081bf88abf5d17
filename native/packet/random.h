// A seeded generator (xoshiro256++ of Blackman and Vigna, seeded by splitmix64). Nothing here reads a device:
// the same seed gives the same numbers, on every machine.
#pragma once

#include <stdint.h>

struct mqoe_random {
    uint64_t s[4];
};

static inline uint64_t mqoe_splitmix64(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void mqoe_random_seed(struct mqoe_random *r, uint64_t seed) {
    for (int i = 0; i < 4; i++)
        r->s[i] = mqoe_splitmix64(&seed);
}

static inline uint64_t mqoe_random_u64(struct mqoe_random *r) {
    uint64_t *s = r->s, sum = s[0] + s[3];
    uint64_t result = (sum << 23 | sum >> 41) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

static inline uint32_t mqoe_random_u32(struct mqoe_random *r) {
    return (uint32_t)(mqoe_random_u64(r) >> 32);
}

// Uniform in 0 … n − 1 (n > 0); the bias of scaling is below 2^-32 · n.
static inline uint32_t mqoe_random_below(struct mqoe_random *r, uint32_t n) {
    return (uint32_t)(((mqoe_random_u64(r) >> 32) * n) >> 32);
}
