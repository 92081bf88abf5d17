#include "sqm/ack_filter.h"

#include <string.h>

enum { PROTO_TCP = 6, PROTO_IPV6 = 41 };
enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_SACK = 5, OPTION_TIMESTAMP = 8, OPTION_MD5 = 19 };
enum { FLAGS_ECN = 0xc0, FLAG_ACK = 0x10, FLAG_SYN = 0x02 }; // FLAGS_ECN: ECE and CWR

#define MAX_BLOCKS 4u // of a SACK option in 40 bytes of options

// The TCP segment in a frame, all of whose header is there.
struct segment {
    const uint8_t *addresses; // source, then destination
    const uint8_t *tcp;
    uint32_t address_bytes; // of both: 8 for IPv4, 32 for IPv6
    uint32_t header_len;    // of TCP, with options
    uint32_t payload;       // bytes after the header
    uint32_t ack;           // acknowledgement number
};

struct block {
    uint32_t start, end;
};

// What the options of a segment say, as far as it matters here.
struct options {
    struct block sack[MAX_BLOCKS];
    uint32_t sack_count;
    uint32_t tsval, tsecr;
    bool timestamp;
    bool plain; // nothing there but what a later ACK repeats
};

static uint32_t read16(const uint8_t *p) {
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t read32(const uint8_t *p) {
    return read16(p) << 16 | read16(p + 2);
}

// Serial number arithmetic (RFC 1982): sequence numbers and timestamps wrap.
static bool after(uint32_t a, uint32_t b) {
    return (int32_t)(b - a) < 0;
}

// ---- finding the segment ----

static bool parse_tcp(struct segment *s, const uint8_t *tcp, uint32_t len) {
    if (len < 20)
        return false;
    s->tcp = tcp;
    s->header_len = (tcp[12] >> 4) * 4u;
    if (s->header_len < 20 || s->header_len > len)
        return false;
    s->payload = len - s->header_len;
    s->ack = read32(tcp + 8);
    return true;
}

// TCP directly in IPv6; behind extension headers it is left alone.
static bool parse_ipv6(struct segment *s, const uint8_t *ip, uint32_t len) {
    if (len < 40 || ip[0] >> 4 != 6 || ip[6] != PROTO_TCP)
        return false;
    uint32_t payload = read16(ip + 4);
    if (payload > len - 40)
        return false;
    s->addresses = ip + 8;
    s->address_bytes = 32;
    return parse_tcp(s, ip + 40, payload);
}

// TCP in IPv4, or in IPv6 in IPv4 (6in4, RFC 4213), how many homes get IPv6. The lengths are those of the IP
// headers, because Ethernet pads short frames.
static bool parse_ipv4(struct segment *s, const uint8_t *ip, uint32_t len) {
    if (len < 20 || ip[0] >> 4 != 4)
        return false;
    uint32_t header = (ip[0] & 15) * 4u, total = read16(ip + 2);
    bool fragment = read16(ip + 6) & 0x3fff;
    if (header < 20 || total < header || total > len || fragment)
        return false;
    if (ip[9] == PROTO_IPV6)
        return parse_ipv6(s, ip + header, total - header);
    s->addresses = ip + 12;
    s->address_bytes = 8;
    return ip[9] == PROTO_TCP && parse_tcp(s, ip + header, total - header);
}

static bool parse(struct segment *s, const struct mqoe_frame *frame) {
    if (!frame->family || frame->l3_offset > frame->len)
        return false;
    const uint8_t *ip = frame->data + frame->l3_offset;
    uint32_t len = frame->len - frame->l3_offset;
    return frame->family == 4 ? parse_ipv4(s, ip, len) : parse_ipv6(s, ip, len);
}

static bool same_flow(const struct segment *a, const struct segment *b) {
    return a->address_bytes == b->address_bytes && !memcmp(a->tcp, b->tcp, 4) &&
           !memcmp(a->addresses, b->addresses, a->address_bytes);
}

// ---- options ----

static void read_sack(struct options *o, const uint8_t *body, uint32_t len) {
    for (uint32_t i = 0; i + 8 <= len && o->sack_count < MAX_BLOCKS; i += 8)
        o->sack[o->sack_count++] = (struct block){read32(body + i), read32(body + i + 4)};
}

// One option with a length; `len` includes the two bytes before `body`.
static void read_option(struct options *o, uint8_t kind, const uint8_t *body, uint32_t len) {
    if (kind == OPTION_SACK && len % 8 == 2) {
        read_sack(o, body, len - 2);
    } else if (kind == OPTION_TIMESTAMP && len == 10) {
        o->timestamp = true;
        o->tsval = read32(body);
        o->tsecr = read32(body + 4);
    } else if (kind != OPTION_MD5) {
        o->plain = false; // unknown, or malformed: somebody may need to see it
    }
}

static void read_options(struct options *o, const struct segment *s) {
    *o = (struct options){.plain = true};
    const uint8_t *p = s->tcp + 20, *end = s->tcp + s->header_len;
    while (p < end && *p != OPTION_END) {
        if (*p == OPTION_NOP) {
            p++;
            continue;
        }
        if (end - p < 2 || p[1] < 2 || p[1] > end - p) {
            o->plain = false;
            return;
        }
        read_option(o, p[0], p + 2, p[1]);
        p += p[1];
    }
}

// ---- comparing ----

static bool covered(const struct block *block, const struct options *by) {
    for (uint32_t i = 0; i < by->sack_count; i++)
        if (!after(by->sack[i].start, block->start) && !after(block->end, by->sack[i].end))
            return true;
    return false;
}

static uint32_t sacked_bytes(const struct options *o) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < o->sack_count; i++)
        bytes += o->sack[i].end - o->sack[i].start;
    return bytes;
}

// Which of the two SACKs more: −1 when `a`, whose acknowledgement number is `ack`, holds something that `b`
// does not say; 0 when they say the same; 1 when `b` says all of it and more. A block below the
// acknowledgement number is a D-SACK (RFC 2883): news of a duplicate that no other ACK repeats.
static int compare_sack(const struct options *a, uint32_t ack, const struct options *b) {
    if (!a->sack_count || !b->sack_count)
        return (b->sack_count != 0) - (a->sack_count != 0);
    for (uint32_t i = 0; i < a->sack_count; i++)
        if (after(ack, a->sack[i].start) || !covered(&a->sack[i], b))
            return -1;
    return sacked_bytes(b) > sacked_bytes(a);
}

// Linux compares with 0 when the trigger has no timestamp; an ACK that has one then says more than the
// trigger.
static bool newer_timestamp(const struct options *a, const struct options *b) {
    if (!a->timestamp)
        return false;
    return !b->timestamp || after(a->tsval, b->tsval) || after(a->tsecr, b->tsecr);
}

// Exactly ACK, with ECE and CWR free; the low bits of byte 12 are reserved or carry accurate ECN.
static bool pure_ack(const struct segment *s) {
    return !s->payload && !(s->tcp[12] & 0x0f) && (s->tcp[13] & ~FLAGS_ECN) == FLAG_ACK;
}

// Does `trigger` say everything that the ACK in `s` says, and something more? An ACK that says exactly the
// same is a duplicate ACK, which counts for fast retransmit.
static bool redundant(const struct segment *s, const struct segment *trigger, const struct options *news) {
    if (!pure_ack(s) || after(s->ack, trigger->ack))
        return false;
    struct options o;
    read_options(&o, s);
    if (!o.plain || newer_timestamp(&o, news))
        return false;
    int more = compare_sack(&o, s->ack, news);
    return more > 0 || (more == 0 && s->ack != trigger->ack);
}

// ---- the queue ----

static struct mqoe_frame *take_after(struct mqoe_frame_list *frames, struct mqoe_frame *prev) {
    struct mqoe_frame **link = prev ? &prev->next : &frames->head;
    struct mqoe_frame *frame = *link;
    *link = frame->next; // the tail is the trigger and stays
    frame->next = NULL;
    return frame;
}

struct mqoe_frame *mqoe_ack_filter(struct mqoe_frame_list *frames, enum mqoe_ack_filter mode) {
    struct segment trigger, s;
    struct options news;
    if (mode == MQOE_ACK_FILTER_OFF || !frames->head || frames->head == frames->tail)
        return NULL;
    if (!parse(&trigger, frames->tail) || (trigger.tcp[13] & (FLAG_ACK | FLAG_SYN)) != FLAG_ACK)
        return NULL;
    read_options(&news, &trigger);

    struct mqoe_frame *prev = NULL, *found = NULL, *before_found = NULL;
    uint8_t flags = 0; // of `found`
    for (struct mqoe_frame *f = frames->head; f != frames->tail; prev = f, f = f->next) {
        if (!parse(&s, f) || !same_flow(&s, &trigger))
            continue;
        // A change of ECE or CWR is information: what came before it has to arrive as well.
        if (found && (s.tcp[13] & FLAGS_ECN) != flags)
            found = NULL;
        if (!redundant(&s, &trigger, &news))
            continue;
        if (found)
            return take_after(frames, before_found); // one redundant ACK always stays behind it
        found = f;
        before_found = prev;
        flags = s.tcp[13] & FLAGS_ECN;
    }
    bool alone = found && found->next == frames->tail && flags == (trigger.tcp[13] & FLAGS_ECN);
    return mode == MQOE_ACK_FILTER_AGGRESSIVE && alone ? take_after(frames, before_found) : NULL;
}
