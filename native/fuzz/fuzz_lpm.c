// fuzz-sources: packet/lpm.c packet/hash.c record/error.c
//
// Any set of prefixes against a linear search, and any text as a prefix.
#include <stdlib.h>
#include <string.h>

#include "packet/lpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            __builtin_trap();                                                                                \
    } while (0)

enum { ENTRY = 8, MOST = 64 };

static bool covers(const struct mqoe_prefix *p, uint8_t family, const union mqoe_address *a) {
    bool same = p->family == family;
    for (uint32_t bit = 0; bit < p->length && same; bit++)
        same = !((p->address.bytes[bit / 8] ^ a->bytes[bit / 8]) & 0x80 >> bit % 8);
    return same;
}

static void check_lookup(const struct mqoe_lpm *lpm, const struct mqoe_prefix *p, size_t count,
                         uint8_t family, const union mqoe_address *a) {
    int best = -1;
    uint32_t value = MQOE_LPM_NONE;
    for (size_t i = 0; i < count; i++)
        if (covers(&p[i], family, a) && p[i].length > best) {
            best = p[i].length;
            value = p[i].value;
        }
    CHECK(mqoe_lpm_lookup(lpm, family, a) == value);
}

// Eight bytes make a prefix: family and length, then the address from both its ends.
static struct mqoe_prefix decode(const uint8_t *in, uint32_t value) {
    struct mqoe_prefix p = {.family = in[0] & 1 ? 6 : 4, .length = in[1], .value = value};
    memcpy(p.address.bytes, in + 2, 4);
    if (p.family == 6)
        memcpy(p.address.bytes + 14, in + 6, 2);
    return p;
}

static void check_text(const uint8_t *input, size_t size) {
    struct mqoe_prefix p;
    struct mqoe_error e;
    char *text = malloc(size + 1);
    memcpy(text, input, size);
    text[size] = 0;
    if (mqoe_prefix_parse(&p, text, &e) == 0)
        CHECK((p.family == 4 && p.length <= 32) || (p.family == 6 && p.length <= 128));
    else
        CHECK(e.errnum && e.object[0]);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    struct mqoe_prefix p[MOST];
    struct mqoe_error e;
    struct mqoe_lpm *lpm;
    check_text(input, size);
    size_t count = size / ENTRY < MOST ? size / ENTRY : MOST;
    for (size_t i = 0; i < count; i++)
        p[i] = decode(input + i * ENTRY, (uint32_t)i);
    if (mqoe_lpm_build(&lpm, p, count, 1, &e)) {
        CHECK(e.errnum && e.object[0] && e.hint[0]);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        for (int flip = -1; flip < 8; flip++) {
            union mqoe_address a = p[i].address;
            if (flip >= 0)
                a.bytes[flip % 4] ^= 1u << flip;
            check_lookup(lpm, p, count, p[i].family, &a);
        }
    mqoe_lpm_free(lpm);
    return 0;
}
