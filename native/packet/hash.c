#include "packet/hash.h"

#include "packet/random.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s) {
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word) {
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

uint64_t mqoe_siphash(const struct mqoe_hash_key *key, const uint64_t *words, size_t count) {
    struct sip s = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                    key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
    for (size_t i = 0; i < count; i++)
        sip_word(&s, words[i]);
    sip_word(&s, (uint64_t)(count * 8) << 56); // the message's length ends it
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct mqoe_hash_key mqoe_hash_key(uint64_t seed, uint64_t purpose) {
    uint64_t state = purpose;
    state = mqoe_splitmix64(&state) ^ seed;
    struct mqoe_hash_key key = {.k0 = mqoe_splitmix64(&state)};
    key.k1 = mqoe_splitmix64(&state);
    return key;
}

uint32_t mqoe_hash_flow(const struct mqoe_hash_key *key, const struct mqoe_packet *p) {
    uint64_t ports = (uint64_t)p->src_port << 48 | (uint64_t)p->dst_port << 32;
    uint64_t kind = (uint64_t)p->ethertype << 16 | (uint64_t)p->family << 8 | p->proto;
    if (p->family == 6) {
        uint64_t words[] = {p->src.words[0], p->src.words[1], p->dst.words[0], p->dst.words[1], ports | kind};
        return (uint32_t)mqoe_siphash(key, words, 5);
    }
    // IPv4 addresses are the first four bytes; without an IP header they are 0 and the EtherType decides.
    uint64_t words[] = {p->src.words[0] << 32 | (uint32_t)p->dst.words[0], ports | kind};
    return (uint32_t)mqoe_siphash(key, words, 2);
}

static uint32_t hash_address(const struct mqoe_hash_key *key, const union mqoe_address *a, uint8_t family) {
    return (uint32_t)mqoe_siphash(key, a->words, family == 6 ? 2 : 1);
}

void mqoe_hash_hosts(const struct mqoe_hash_key *key, const struct mqoe_packet *p, struct mqoe_frame *frame) {
    frame->src_host = p->family ? hash_address(key, &p->src, p->family) : 0;
    frame->dst_host = p->family ? hash_address(key, &p->dst, p->family) : 0;
}
