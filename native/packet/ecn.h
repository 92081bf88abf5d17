// Writes ECN and DSCP into a frame; the IPv4 header checksum stays valid (IPv6 has none).
#pragma once

#include "packet/frame.h"

enum mqoe_ecn { MQOE_NOT_ECT = 0, MQOE_ECT_1 = 1, MQOE_ECT_0 = 2, MQOE_CE = 3 };

// Marks Congestion Experienced (RFC 3168 §5). False, and nothing written, when the frame is Not-ECT or not
// IP; true when it is CE now, also when it was before. The frame must have been described by
// mqoe_frame_describe.
bool mqoe_frame_mark_ce(struct mqoe_frame *frame);

// Replaces the DSCP (0 … 63), keeping ECN. False when the frame is not IP.
bool mqoe_frame_set_dscp(struct mqoe_frame *frame, uint8_t dscp);
