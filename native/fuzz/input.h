// What the fuzzers of queues share: their input as a stream of numbers, and a check that ends the process.
#pragma once

#include <stdint.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            __builtin_trap();                                                                                \
    } while (0)

struct fuzz_input {
    const uint8_t *at, *end;
};

// The next byte; 0 when there is none left.
static inline uint8_t fuzz_byte(struct fuzz_input *in) {
    return in->at < in->end ? *in->at++ : 0;
}

// The next `bytes` of them, the first is the highest.
static inline uint64_t fuzz_number(struct fuzz_input *in, int bytes) {
    uint64_t n = 0;
    while (bytes--)
        n = n << 8 | fuzz_byte(in);
    return n;
}
