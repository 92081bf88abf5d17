#include "sqm/shaper.h"

// The slowest rate in the conversion to time; below it durations would exceed the shaper's 34 bits of
// rate_ns.
#define MIN_RATE 64u // bytes/s

void mqoe_shaper_convert(uint64_t *rate, uint64_t *rate_ns, uint8_t *shift) {
    if (*rate < MIN_RATE)
        *rate = MIN_RATE;
    *shift = 34;
    __uint128_t ns = ((__uint128_t)1000000000u << 34) / *rate;
    for (; ns >> 34; ns >>= 1)
        --*shift;
    *rate_ns = (uint64_t)ns;
}

static void convert_rate(struct mqoe_shaper *shaper, uint64_t rate_bits) {
    shaper->rate = rate_bits / 8;
    shaper->rate_ns = 0;
    shaper->shift = 34;
    shaper->fraction = 0;
    if (rate_bits)
        mqoe_shaper_convert(&shaper->rate, &shaper->rate_ns, &shaper->shift);
}

void mqoe_shaper_init(struct mqoe_shaper *shaper, uint64_t rate_bits, uint64_t now) {
    convert_rate(shaper, rate_bits);
    shaper->next = shaper->failsafe = now;
}

// `clock` moved so that its distance from now, in bytes at the old rate, is the same in bytes at the new one.
static uint64_t rescale(uint64_t clock, uint64_t now, uint64_t from, uint64_t to) {
    __int128_t distance = ((__int128_t)clock - now) * from / to;
    return distance < -(__int128_t)now ? 0 : (uint64_t)(now + distance);
}

void mqoe_shaper_set_rate(struct mqoe_shaper *shaper, uint64_t rate_bits, uint64_t now) {
    uint64_t old = shaper->rate;
    convert_rate(shaper, rate_bits);
    if (old && shaper->rate) {
        shaper->next = rescale(shaper->next, now, old, shaper->rate);
        shaper->failsafe = rescale(shaper->failsafe, now, old, shaper->rate);
    } else {
        shaper->next = shaper->failsafe = now;
    }
}
