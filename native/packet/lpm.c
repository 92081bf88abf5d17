#include "packet/lpm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// An address as two host-order words, most significant bit first; IPv4 in the upper 32 bits of `high`.
struct bits {
    uint64_t high, low;
};

struct slot {
    struct bits key;
    uint32_t value; // MQOE_LPM_NONE: empty
};

// All prefixes of one family and length: open addressing, at most half full, so a probe sequence ends early.
struct level {
    struct slot *slots;
    struct bits mask; // of the prefix length
    uint32_t slot_mask;
    uint32_t length;
    uint32_t count;
};

struct family {
    struct level *levels; // longest first
    uint32_t count;
};

struct mqoe_lpm {
    uint64_t salt;
    struct family v4, v6;
};

static struct bits to_bits(uint8_t family, const union mqoe_address *a) {
    if (family == 4)
        return (struct bits){__builtin_bswap64(a->words[0]) & 0xffffffff00000000u, 0};
    return (struct bits){__builtin_bswap64(a->words[0]), __builtin_bswap64(a->words[1])};
}

static struct bits mask_of(uint32_t length) {
    uint64_t all = UINT64_MAX;
    if (length <= 64)
        return (struct bits){length ? all << (64 - length) : 0, 0};
    return (struct bits){all, all << (128 - length)};
}

static struct bits masked(struct bits a, struct bits mask) {
    return (struct bits){a.high & mask.high, a.low & mask.low};
}

static uint32_t start_slot(struct bits key, uint64_t salt, uint32_t mask) {
    // Two rounds of multiply and fold; the table is built from the blueprint, nobody can aim at it from
    // outside.
    __uint128_t m = (__uint128_t)(key.high ^ salt) * ((key.low ^ 0x9e3779b97f4a7c15u) | 1);
    uint64_t h = ((uint64_t)m ^ (uint64_t)(m >> 64)) * 0xd6e8feb86659fd93u;
    return (uint32_t)(h >> 32) & mask;
}

// The slot that holds `key`, or the empty one where it would go.
static struct slot *find_slot(const struct level *level, struct bits key, uint64_t salt) {
    uint32_t i = start_slot(key, salt, level->slot_mask);
    for (;; i = (i + 1) & level->slot_mask) {
        struct slot *s = &level->slots[i];
        if (s->value == MQOE_LPM_NONE || (s->key.high == key.high && s->key.low == key.low))
            return s;
    }
}

uint32_t mqoe_lpm_lookup(const struct mqoe_lpm *lpm, uint8_t family, const union mqoe_address *address) {
    const struct family *f = family == 4 ? &lpm->v4 : family == 6 ? &lpm->v6 : NULL;
    if (!f)
        return MQOE_LPM_NONE;
    struct bits key = to_bits(family, address);
    for (uint32_t i = 0; i < f->count; i++) {
        const struct slot *s = find_slot(&f->levels[i], masked(key, f->levels[i].mask), lpm->salt);
        if (s->value != MQOE_LPM_NONE)
            return s->value;
    }
    return MQOE_LPM_NONE;
}

// ---- building ----

static const char *prefix_text(const struct mqoe_prefix *p, char *buffer, size_t size) {
    char address[INET6_ADDRSTRLEN] = "?";
    inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->address.bytes, address, sizeof address);
    snprintf(buffer, size, "%s/%u", address, p->length);
    return buffer;
}

static int check_prefix(const struct mqoe_prefix *p, struct mqoe_error *e) {
    char text[64];
    uint32_t longest = p->family == 4 ? 32 : 128;
    if (p->family != 4 && p->family != 6)
        return mqoe_fail(e, EINVAL, "lpm", "a prefix has family 4 or 6", "family %u", p->family);
    if (p->length > longest || p->value == MQOE_LPM_NONE)
        return mqoe_fail(e, EINVAL, "lpm",
                         "the length is at most 32 (IPv4) or 128 (IPv6), the value below 2^32 - 1",
                         "prefix %s", prefix_text(p, text, sizeof text));
    return 0;
}

static uint32_t table_size(uint32_t count) {
    uint32_t size = 4;
    while (size < 2 * count)
        size *= 2;
    return size;
}

static int level_open(struct level *level, uint32_t length, uint32_t count, struct mqoe_error *e) {
    uint32_t size = table_size(count);
    *level = (struct level){.mask = mask_of(length), .slot_mask = size - 1, .length = length, .count = count};
    level->slots = malloc(size * sizeof *level->slots);
    if (!level->slots)
        return mqoe_fail(e, ENOMEM, "malloc", "", "%u prefixes of length %u", count, length);
    for (uint32_t i = 0; i < size; i++)
        level->slots[i].value = MQOE_LPM_NONE;
    return 0;
}

// One level per length that occurs, longest first.
static int family_open(struct family *f, uint8_t family, const struct mqoe_prefix *prefixes, size_t count,
                       struct mqoe_error *e) {
    uint32_t of_length[129] = {0}, lengths = 0;
    for (size_t i = 0; i < count; i++)
        if (prefixes[i].family == family)
            lengths += of_length[prefixes[i].length]++ == 0;
    f->levels = calloc(lengths ? lengths : 1, sizeof *f->levels);
    if (!f->levels)
        return mqoe_fail(e, ENOMEM, "calloc", "", "%u prefix lengths", lengths);
    for (int length = 128; length >= 0; length--) {
        if (!of_length[length])
            continue;
        int error = level_open(&f->levels[f->count++], (uint32_t)length, of_length[length], e);
        if (error)
            return error;
    }
    return 0;
}

static int insert(struct mqoe_lpm *lpm, const struct mqoe_prefix *p, struct mqoe_error *e) {
    struct family *f = p->family == 4 ? &lpm->v4 : &lpm->v6;
    struct level *level = f->levels;
    while (level->length != p->length)
        level++;
    struct bits key = masked(to_bits(p->family, &p->address), level->mask);
    struct slot *s = find_slot(level, key, lpm->salt);
    char text[64];
    if (s->value != MQOE_LPM_NONE)
        return mqoe_fail(e, EEXIST, "lpm", "each prefix belongs to one client",
                         "prefix %s, of both %u and %u", prefix_text(p, text, sizeof text), s->value,
                         p->value);
    *s = (struct slot){key, p->value};
    return 0;
}

int mqoe_lpm_build(struct mqoe_lpm **lpm, const struct mqoe_prefix *prefixes, size_t count, uint64_t seed,
                   struct mqoe_error *e) {
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        error = check_prefix(&prefixes[i], e);
    struct mqoe_lpm *table = error ? NULL : calloc(1, sizeof *table);
    if (!table)
        return error ? error : mqoe_fail(e, ENOMEM, "calloc", "", "longest-prefix table");
    table->salt = mqoe_hash_key(seed, 'l').k0;
    if (!(error = family_open(&table->v4, 4, prefixes, count, e)))
        error = family_open(&table->v6, 6, prefixes, count, e);
    for (size_t i = 0; i < count && !error; i++)
        error = insert(table, &prefixes[i], e);
    if (error) {
        mqoe_lpm_free(table);
        return error;
    }
    *lpm = table;
    return 0;
}

static void family_free(struct family *f) {
    for (uint32_t i = 0; i < f->count; i++)
        free(f->levels[i].slots);
    free(f->levels);
}

void mqoe_lpm_free(struct mqoe_lpm *lpm) {
    if (!lpm)
        return;
    family_free(&lpm->v4);
    family_free(&lpm->v6);
    free(lpm);
}

static bool host_bits_clear(const struct mqoe_prefix *p) {
    struct bits all = to_bits(p->family, &p->address), kept = masked(all, mask_of(p->length));
    return all.high == kept.high && all.low == kept.low;
}

int mqoe_prefix_parse(struct mqoe_prefix *prefix, const char *text, struct mqoe_error *e) {
    char address[INET6_ADDRSTRLEN + 1], *end = NULL;
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    *prefix = (struct mqoe_prefix){0};
    if (size < sizeof address) {
        memcpy(address, text, size);
        address[size] = 0;
        prefix->family = inet_pton(AF_INET, address, prefix->address.bytes) == 1    ? 4
                         : inet_pton(AF_INET6, address, prefix->address.bytes) == 1 ? 6
                                                                                    : 0;
    }
    unsigned long longest = prefix->family == 4 ? 32 : 128, length = longest;
    bool digit = slash && slash[1] >= '0' && slash[1] <= '9';
    if (slash)
        length = digit ? strtoul(slash + 1, &end, 10) : longest + 1;
    if (!prefix->family || length > longest || (end && *end))
        return mqoe_fail(e, EINVAL, "lpm", "an IPv4 or IPv6 address, or one with /length", "address \"%s\"",
                         text);
    prefix->length = (uint8_t)length;
    if (!host_bits_clear(prefix))
        return mqoe_fail(e, EINVAL, "lpm", "bits beyond the prefix length must be 0", "address \"%s\"", text);
    return 0;
}
