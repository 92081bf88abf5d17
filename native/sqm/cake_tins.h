// The tins of CAKE's modes: who belongs where, and what each of them gets (reference/algorithms.md §1.2,
// §1.4).
#pragma once

#include "sqm/cake.h"

// How many tins the mode has.
uint32_t mqoe_cake_tin_count(enum mqoe_cake_tins mode);

// The tin of a DSCP (0 … 63).
extern const uint8_t mqoe_cake_tin_table[][64];
static inline uint32_t mqoe_cake_tin_of_dscp(enum mqoe_cake_tins mode, uint32_t dscp) {
    return mqoe_cake_tin_table[mode][dscp];
}

// The tin of a frame. ARP counts as CS7, what has no DSCP otherwise as 0.
uint32_t mqoe_cake_classify_other(enum mqoe_cake_tins mode, const struct mqoe_frame *frame);
static inline uint32_t mqoe_cake_classify(enum mqoe_cake_tins mode, const struct mqoe_frame *frame) {
    return frame->family ? mqoe_cake_tin_of_dscp(mode, frame->tos >> 2)
                         : mqoe_cake_classify_other(mode, frame);
}

// A tin's quantum in weighted round robin, bytes.
extern const uint16_t mqoe_cake_tin_quanta[][MQOE_MAX_TINS];
static inline uint16_t mqoe_cake_tin_quantum(enum mqoe_cake_tins mode, uint32_t tin) {
    return mqoe_cake_tin_quanta[mode][tin];
}

// Fills in what follows from the rate (bytes/s, 0 = unlimited): the tin's threshold, its flows'
// quantum, and COBALT's times. Nothing else in *tin is touched.
void mqoe_cake_derive(struct mqoe_cake_tin *tin, const struct mqoe_cake_config *config, uint32_t number,
                      uint64_t rate);

// How much memory an instance may hold at a rate, bytes (§1.10).
uint64_t mqoe_cake_memory_limit(const struct mqoe_cake_config *config, uint64_t rate);
