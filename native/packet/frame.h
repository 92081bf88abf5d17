// A frame as every queue of the dataplane holds it: one cache line of description beside the packet's bytes.
// Descriptions live in a per-reactor array indexed by UMEM chunk number, so nothing is allocated per packet.
// A frame is in exactly one place at a time, linked there through `next`.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What one queued frame costs against a memory limit: its whole UMEM chunk, as Linux charges an skb's true
// size.
#define MQOE_FRAME_MEMORY 2048u

// "Never", for times at which something is next due.
#define MQOE_NEVER UINT64_MAX

enum mqoe_drop_cause {
    MQOE_DROP_NONE,
    MQOE_DROP_AQM,      // the queue discipline's decision: the sender is to slow down
    MQOE_DROP_OVERFLOW, // a packet or memory limit of the queue
    MQOE_DROP_PATH,     // the emulated path's buffer
};

struct mqoe_frame {
    struct mqoe_frame *next; // in the one list that holds the frame
    uint8_t *data;           // first byte of the Ethernet header, in the UMEM
    uint64_t time;       // ns; set when entering a stage (leaf: arrival, path line: release), and on leaving
                         // one it is the logical departure: hand it to the next stage as its arrival time
    uint32_t len;        // bytes at `data`: layer 2 without FCS
    uint32_t shaped_len; // what the frame costs the shaped link (mqoe_framing_adjust), fixed at enqueue
    uint32_t hash;       // keyed hash of the flow (mqoe_hash_flow)
    uint32_t client;     // whose it is; the dataplane's index, not read here
    uint16_t l3_offset;  // of the network header in `data`; 0 when there is none
    uint8_t family;      // 4, 6, or 0 for anything that is not IP
    uint8_t tos;         // DSCP << 2 | ECN, as it stands in the packet now
    uint8_t direction;   // 0 down, 1 up; not read here
    uint8_t cause;       // enum mqoe_drop_cause, set when the frame comes back in a dropped list
    uint16_t stage;      // the dataplane's own: where on its way the frame is
    uint32_t src_host,
        dst_host;  // keyed hashes of the addresses (mqoe_hash_hosts), for host isolation; else 0
    uint64_t user; // the dataplane's own
} __attribute__((aligned(64)));

static_assert(sizeof(struct mqoe_frame) == 64, "a frame's description is one cache line");

// A singly linked FIFO of frames; all zero is empty.
struct mqoe_frame_list {
    struct mqoe_frame *head, *tail;
};

static inline void mqoe_frame_list_push(struct mqoe_frame_list *list, struct mqoe_frame *frame) {
    frame->next = NULL;
    if (list->head)
        list->tail->next = frame;
    else
        list->head = frame;
    list->tail = frame;
}

// Returns the oldest frame, or NULL.
static inline struct mqoe_frame *mqoe_frame_list_pop(struct mqoe_frame_list *list) {
    struct mqoe_frame *frame = list->head;
    if (frame)
        list->head = frame->next;
    return frame;
}

// Appends all of `from`, which is empty afterwards.
static inline void mqoe_frame_list_splice(struct mqoe_frame_list *list, struct mqoe_frame_list *from) {
    if (!from->head)
        return;
    if (list->head)
        list->tail->next = from->head;
    else
        list->head = from->head;
    list->tail = from->tail;
    from->head = NULL;
}

// Gives a frame back to whoever frees frames, with the reason.
static inline void mqoe_frame_drop(struct mqoe_frame_list *dropped, struct mqoe_frame *frame,
                                   enum mqoe_drop_cause cause) {
    frame->cause = (uint8_t)cause;
    mqoe_frame_list_push(dropped, frame);
}
