#include "traffic/sequence.h"

#include <errno.h>
#include <stdlib.h>

#define WORD 64u

int traffic_sequence_open(struct traffic_sequence *s, uint64_t window) {
    uint64_t size = WORD;
    while (size < window)
        size *= 2;
    *s = (struct traffic_sequence){.mask = size - 1, .bits = calloc(size / WORD, sizeof *s->bits)};
    return s->bits ? 0 : -ENOMEM;
}

void traffic_sequence_close(struct traffic_sequence *s) {
    free(s->bits);
    s->bits = NULL;
}

static uint64_t *word_of(const struct traffic_sequence *s, uint64_t number) {
    return &s->bits[(number & s->mask) / WORD];
}

static uint64_t bit_of(uint64_t number) {
    return UINT64_C(1) << number % WORD;
}

uint64_t traffic_sequence_room(const struct traffic_sequence *s) {
    return s->mask + 1 - (s->next - s->decided);
}

void traffic_sequence_sent(struct traffic_sequence *s, uint64_t count) {
    for (; count > 0; count--, s->next++)
        *word_of(s, s->next) &= ~bit_of(s->next);
}

uint64_t traffic_sequence_expand(const struct traffic_sequence *s, uint32_t low) {
    // Before `next` by less than 2^32; what was never sent comes out at or after it.
    uint64_t behind = (uint32_t)((uint32_t)s->next - low);
    return behind && behind <= s->next ? s->next - behind : s->next + (uint32_t)(low - (uint32_t)s->next);
}

enum traffic_arrival traffic_sequence_arrive(struct traffic_sequence *s, uint64_t number) {
    if (number >= s->next)
        return TRAFFIC_UNSENT;
    if (number < s->decided)
        return TRAFFIC_LATE;
    uint64_t *word = word_of(s, number);
    if (*word & bit_of(number))
        return TRAFFIC_DUPLICATE;
    *word |= bit_of(number);
    if (number < s->expected)
        return TRAFFIC_REORDERED;
    s->expected = number + 1;
    return TRAFFIC_IN_ORDER;
}

uint64_t traffic_sequence_missing(const struct traffic_sequence *s, uint64_t first, uint64_t end) {
    uint64_t missing = 0;
    while (first < end) {
        uint64_t in_word = WORD - first % WORD;
        uint64_t count = in_word < end - first ? in_word : end - first;
        uint64_t wanted = (count == WORD ? UINT64_MAX : (UINT64_C(1) << count) - 1) << first % WORD;
        missing += (uint64_t)__builtin_popcountll(~*word_of(s, first) & wanted);
        first += count;
    }
    return missing;
}

void traffic_sequence_decide(struct traffic_sequence *s, uint64_t end) {
    if (end > s->decided)
        s->decided = end;
}
