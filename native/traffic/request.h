// What a session's connections carry, beside bodies: after the hello (a flow header, payload.h, whose `flow`
// is the session's index) the client sends requests, each a header and `up` bytes; the server answers in
// frames, each a header and its bytes. None of the headers counts as goodput. Big-endian. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

//  0 magic "mqTR" · 4 version (1) · 5 flags · 6 zero (2) · 8 key (8) · 16 session index (4) · 20 request
//  index (4) · 24 up (8) · 32 down (8) · 40 frame (4)

#define TRAFFIC_REQUEST_HEADER 44u
#define TRAFFIC_REQUEST_BYTES  (UINT64_C(1) << 53) // of a body, at most

enum { TRAFFIC_REQUEST_SILENT = 1 }; // no answer

struct traffic_request_header {
    uint64_t key;
    uint32_t session, request;
    uint64_t up, down;
    uint32_t frame; // bytes of the answer in a frame at most; 0 = all in one
    uint8_t flags;
};

void traffic_request_encode(uint8_t out[TRAFFIC_REQUEST_HEADER], const struct traffic_request_header *h);

// False when this is no such header: magic, version, flags, zero bytes, sizes.
bool traffic_request_decode(const uint8_t in[TRAFFIC_REQUEST_HEADER], struct traffic_request_header *h);

//  0 magic "mqTA" · 4 request index (4) · 8 bytes that follow of its answer (8)

#define TRAFFIC_ANSWER_HEADER 16u

struct traffic_answer_header {
    uint32_t request;
    uint64_t bytes;
};

void traffic_answer_encode(uint8_t out[TRAFFIC_ANSWER_HEADER], const struct traffic_answer_header *h);
bool traffic_answer_decode(const uint8_t in[TRAFFIC_ANSWER_HEADER], struct traffic_answer_header *h);
