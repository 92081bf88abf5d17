// CAKE's ACK filter (reference/algorithms.md §1.12): which pure TCP ACK in a queue is made redundant by the
// frame that was just appended.
#pragma once

#include "packet/frame.h"

enum mqoe_ack_filter { MQOE_ACK_FILTER_OFF, MQOE_ACK_FILTER_ON, MQOE_ACK_FILTER_AGGRESSIVE };

// Takes at most one ACK out of `frames`, whose tail has just been appended (the trigger), and returns it;
// NULL when every frame stays. Reads the frames' bytes, at most `len` of each, and needs l3_offset and
// family.
struct mqoe_frame *mqoe_ack_filter(struct mqoe_frame_list *frames, enum mqoe_ack_filter mode);
