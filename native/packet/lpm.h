// Longest-prefix match: which client an address belongs to. Built once, then read only; a new table replaces
// it.
//
// One hash table per prefix length in use, asked from the longest down: an exact address (/32, /128), by far
// the common case, is one probe. Per prefix 24 bytes at a load of at most one half, so 48 … 96 bytes.
#pragma once

#include "packet/hash.h"
#include "record/error.h"

#define MQOE_LPM_NONE UINT32_MAX

struct mqoe_prefix {
    union mqoe_address address; // bits beyond `length` are ignored
    uint8_t family;             // 4 or 6
    uint8_t length;             // 0 … 32 or 0 … 128
    uint32_t value;             // anything but MQOE_LPM_NONE
};

struct mqoe_lpm;

// Reads "10.0.0.1", "10.0.0.0/8", "2001:db8::/32"; without a length the exact address. Bits
// beyond the length must be 0: with some set it is not known what was meant. `value` is left 0. Returns 0 or
// −EINVAL with *e filled.
int mqoe_prefix_parse(struct mqoe_prefix *prefix, const char *text, struct mqoe_error *e);

// Builds a table of `count` prefixes, owned by the caller (mqoe_lpm_free). Returns 0; −EEXIST when a prefix
// is there twice, −EINVAL for a wrong family or length, −ENOMEM; *e says which prefix.
int mqoe_lpm_build(struct mqoe_lpm **lpm, const struct mqoe_prefix *prefixes, size_t count, uint64_t seed,
                   struct mqoe_error *e);
void mqoe_lpm_free(struct mqoe_lpm *lpm);

// The value of the longest prefix that covers `address`, or MQOE_LPM_NONE. `family` as in struct mqoe_packet.
uint32_t mqoe_lpm_lookup(const struct mqoe_lpm *lpm, uint8_t family, const union mqoe_address *address);
