// One flow queue: frames, deficit round robin and CoDel state in one cache line.
#pragma once

#include "packet/frame.h"
#include "sqm/codel.h"

#define MQOE_NO_FLOW UINT32_MAX

// Where a flow record is.
enum mqoe_flow_state {
    MQOE_FLOW_FREE,
    MQOE_FLOW_NEW,  // in its queue's list of new flows
    MQOE_FLOW_OLD,  // in its queue's list of old flows
    MQOE_FLOW_IDLE, // in neither, but its CoDel state still matters: in the pool's idle list
    MQOE_FLOW_REST, // a reserve flow that nobody needs
};

struct mqoe_flow {
    struct mqoe_frame_list frames;
    uint32_t bytes;                  // backlog
    int32_t deficit;                 // bytes
    uint32_t next;                   // in the list of its state
    uint32_t prev;                   // idle list only
    uint32_t chain;                  // next record of its index slot
    uint32_t owner;                  // which instance
    uint32_t bucket : 24, state : 8; // hash bucket of that instance; enum mqoe_flow_state
    struct mqoe_codel codel;
};

static_assert(sizeof(struct mqoe_flow) == 64, "a flow is one cache line");
