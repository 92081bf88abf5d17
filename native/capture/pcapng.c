#include "capture/pcapng.h"

#include <stdbool.h>
#include <string.h>

#include "record/error.h"

#define TEXT_MAX       512u
#define LINK_ETHERNET  1u
#define BYTE_ORDER_TAG 0x1a2b3c4du
#define OPTION_END     0u
#define OPTION_COMMENT 1u

enum block { BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5, BLOCK_SECTION = 0x0a0d0d0a };
enum section_option { SECTION_APPLICATION = 4 };
enum interface_option { INTERFACE_NAME = 2, INTERFACE_DESCRIPTION = 3, INTERFACE_RESOLUTION = 9 };
enum packet_option { PACKET_FLAGS = 2, PACKET_ID = 5 };
enum statistics_option {
    STATISTICS_START = 2,
    STATISTICS_END = 3,
    STATISTICS_RECEIVED = 4,
    STATISTICS_LOST = 7,
    STATISTICS_KEPT = 8,
};

struct writer {
    uint8_t *out;
    uint32_t used;
};

static void put(struct writer *w, const void *bytes, uint32_t count) {
    memcpy(w->out + w->used, bytes, count);
    w->used += count;
}

static void put16(struct writer *w, uint16_t value) {
    put(w, &value, sizeof value);
}

static void put32(struct writer *w, uint32_t value) {
    put(w, &value, sizeof value);
}

// Two halves, the upper one first, whatever the byte order.
static void put_time(struct writer *w, uint64_t time) {
    put32(w, (uint32_t)(time >> 32));
    put32(w, (uint32_t)time);
}

static void put_padded(struct writer *w, const void *bytes, uint32_t count) {
    put(w, bytes, count);
    for (; w->used % 4; w->used++)
        w->out[w->used] = 0;
}

static void put_option(struct writer *w, uint16_t code, const void *bytes, uint32_t count) {
    put16(w, code);
    put16(w, (uint16_t)count);
    put_padded(w, bytes, count);
}

static void put_text(struct writer *w, uint16_t code, const char *text) {
    char whole[TEXT_MAX + 1];
    if (!text)
        return;
    size_t length = strnlen(text, TEXT_MAX);
    memcpy(whole, text, length);
    whole[length] = 0;
    mqoe_make_utf8(whole); // a character that was cut is no UTF-8
    put_option(w, code, whole, (uint32_t)strlen(whole));
}

static void put_time_option(struct writer *w, uint16_t code, uint64_t time) {
    put16(w, code);
    put16(w, 8);
    put_time(w, time);
}

static struct writer begin(uint8_t *out, uint32_t type) {
    struct writer w = {out, 0};
    put32(&w, type);
    put32(&w, 0); // length, known at the end
    return w;
}

static uint32_t finish(struct writer *w) {
    put16(w, OPTION_END);
    put16(w, 0);
    uint32_t length = w->used + 4;
    put32(w, length);
    memcpy(w->out + 4, &length, sizeof length);
    return length;
}

uint32_t mqoe_pcapng_section(uint8_t *out, const char *application, const char *comment) {
    const int64_t unknown_length = -1;
    struct writer w = begin(out, BLOCK_SECTION);
    put32(&w, BYTE_ORDER_TAG);
    put16(&w, 1); // version 1.0
    put16(&w, 0);
    put(&w, &unknown_length, sizeof unknown_length);
    put_text(&w, SECTION_APPLICATION, application);
    put_text(&w, OPTION_COMMENT, comment);
    return finish(&w);
}

uint32_t mqoe_pcapng_interface(uint8_t *out, const char *name, const char *description, uint32_t snaplen) {
    const uint8_t nanoseconds = 9;
    struct writer w = begin(out, BLOCK_INTERFACE);
    put16(&w, LINK_ETHERNET);
    put16(&w, 0);
    put32(&w, snaplen);
    put_text(&w, INTERFACE_NAME, name);
    put_text(&w, INTERFACE_DESCRIPTION, description);
    put_option(&w, INTERFACE_RESOLUTION, &nanoseconds, 1);
    return finish(&w);
}

uint32_t mqoe_pcapng_packet(uint8_t *out, const struct mqoe_pcapng_packet *p) {
    const uint32_t flags = p->way;
    uint32_t captured = p->captured < MQOE_SNAPLEN_MAX ? p->captured : MQOE_SNAPLEN_MAX;
    struct writer w = begin(out, MQOE_BLOCK_PACKET);
    put32(&w, p->interface);
    put_time(&w, p->time);
    put32(&w, captured);
    put32(&w, p->length);
    put_padded(&w, p->data, captured);
    put_option(&w, PACKET_FLAGS, &flags, sizeof flags);
    if (p->id)
        put_option(&w, PACKET_ID, &p->id, sizeof p->id);
    put_text(&w, OPTION_COMMENT, p->comment);
    return finish(&w);
}

uint32_t mqoe_pcapng_statistics(uint8_t *out, uint32_t interface, const struct mqoe_pcapng_statistics *s) {
    struct writer w = begin(out, BLOCK_STATISTICS);
    put32(&w, interface);
    put_time(&w, s->end);
    put_time_option(&w, STATISTICS_START, s->start);
    put_time_option(&w, STATISTICS_END, s->end);
    put_option(&w, STATISTICS_RECEIVED, &s->seen, sizeof s->seen);
    put_option(&w, STATISTICS_LOST, &s->lost, sizeof s->lost);
    put_option(&w, STATISTICS_KEPT, &s->kept, sizeof s->kept);
    put_text(&w, OPTION_COMMENT, s->comment);
    return finish(&w);
}

static uint32_t word(const uint8_t *block, unsigned offset) {
    uint32_t value;
    memcpy(&value, block + offset, sizeof value);
    return value;
}

uint32_t mqoe_pcapng_packet_interface(const uint8_t *block) {
    return word(block, 8);
}

uint64_t mqoe_pcapng_packet_time(const uint8_t *block) {
    return (uint64_t)word(block, 12) << 32 | word(block, 16);
}
