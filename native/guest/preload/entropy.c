// Preloaded into the guest kernel's process, this makes its entropy a function of MQOE_GUEST_SEED
// (splitmix64, Steele et al. 2014): hash secrets, port choice and sequence numbers of the guest then repeat.
// Built as a library of its own (libmqoe-entropy.so); nothing else may link it.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

ssize_t getrandom(void *buffer, size_t size, unsigned flags);

static uint64_t next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

ssize_t getrandom(void *buffer, size_t size, unsigned flags) {
    static uint64_t state;
    static int seeded;
    (void)flags;
    if (!seeded) {
        const char *seed = getenv("MQOE_GUEST_SEED");
        state = seed ? strtoull(seed, NULL, 10) : 1;
        seeded = 1;
    }
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)next(&state);
    return (ssize_t)size;
}
