// How long a frame takes on the link at the end of a path: by a rate or by delivery opportunities, and then
// in slots. One frame after the other; the buffer is the line's.
#pragma once

#include "path/spread.h"

struct mqoe_path_server {
    uint64_t rate;     // in force: the link's or the trace's; 0 = unlimited
    uint64_t free_at;  // when the last frame has left
    uint64_t fraction; // of a ns beyond it, in units of 1/rate ns
    // Mahimahi: the opportunity in use, and what is left of it.
    uint64_t opportunity, opportunity_at, opportunity_left;
    uint64_t slot_at, slot_packets, slot_bytes; // the slot that opened last, and what is left of it
    struct mqoe_path_spreader slot;
};

// Bytes that a frame of `len` costs the link.
uint64_t mqoe_path_link_bytes(const struct mqoe_path_link *link, uint32_t len);

// Transmits a frame that was there at `due`, behind the one before it: free_at is when it has left. `origin`
// is when the trace began.
void mqoe_path_transmit(struct mqoe_path_server *s, const struct mqoe_path_config *config, uint64_t origin,
                        uint64_t due, uint32_t len);

// No opportunity of the trace has been used: for a new line, a new trace and a new origin.
void mqoe_path_server_reset_trace(struct mqoe_path_server *s);

// Changes the rate at `now`, while the link is busy until free_at: what is left of the frame takes the new
// rate.
void mqoe_path_server_set_rate(struct mqoe_path_server *s, uint64_t rate, uint64_t now);

// When a frame leaves that waits for a slot since `at`.
uint64_t mqoe_path_slot_leave(struct mqoe_path_server *s, const struct mqoe_path_slot *slot, uint64_t at,
                              uint32_t len);
