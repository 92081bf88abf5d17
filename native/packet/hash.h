// Keyed hashes: nobody who does not know the seed can aim packets at another's queue.
#pragma once

#include "packet/parse.h"

struct mqoe_hash_key {
    uint64_t k0, k1;
};

// A key from a seed; different `purpose`s of one seed give unrelated keys.
struct mqoe_hash_key mqoe_hash_key(uint64_t seed, uint64_t purpose);

// SipHash-1-3 (Aumasson and Bernstein) of `count` 64-bit words.
uint64_t mqoe_siphash(const struct mqoe_hash_key *key, const uint64_t *words, size_t count);

// Hash of the 5-tuple; fragments and protocols without ports by addresses and protocol, everything that is
// not IP by its EtherType.
uint32_t mqoe_hash_flow(const struct mqoe_hash_key *key, const struct mqoe_packet *packet);

// Hashes of the source's and the destination's address alone, into the frame; 0 for what is not IP.
void mqoe_hash_hosts(const struct mqoe_hash_key *key, const struct mqoe_packet *packet,
                     struct mqoe_frame *frame);
