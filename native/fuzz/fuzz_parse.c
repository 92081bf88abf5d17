// fuzz-sources: packet/parse.c packet/ecn.c packet/checksum.c packet/hash.c sqm/framing.c
//
// Any bytes as a frame: nothing beyond its end is read, what the parser says is consistent, and marking keeps
// a valid IPv4 checksum valid.
#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"
#include "packet/ecn.h"
#include "packet/hash.h"
#include "sqm/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            __builtin_trap();                                                                                \
    } while (0)

static void check_consistent(const struct mqoe_packet *p, uint32_t len) {
    CHECK(p->l3_offset <= len && p->network_len == len - p->l3_offset);
    CHECK(p->family == 0 || p->family == 4 || p->family == 6);
    CHECK(p->dscp < 64 && p->ecn < 4);
    if (p->family)
        CHECK(p->network_len >= (p->family == 4 ? 20u : 40u));
    else
        CHECK(!p->proto && !p->src_port && !p->dst_port && !p->fragment && !p->src.words[0] &&
              !p->dst.words[1]);
    if (p->family == 4)
        CHECK(!p->src.words[1] && !p->dst.words[1]);
    if (p->fragment)
        CHECK(!p->src_port && !p->dst_port);
}

static void check_marking(struct mqoe_frame *f, const struct mqoe_packet *p) {
    struct mqoe_packet after;
    const uint8_t *ip = f->data + f->l3_offset;
    uint32_t header = f->family == 4 ? (ip[0] & 15) * 4u : 0;
    bool valid = header && mqoe_checksum(ip, header) == 0;
    CHECK(mqoe_frame_mark_ce(f) == (p->family && p->ecn));
    CHECK(mqoe_frame_set_dscp(f, 46) == (p->family != 0));
    mqoe_parse(&after, f->data, f->len);
    CHECK(after.family == p->family && after.src_port == p->src_port && after.fragment == p->fragment);
    CHECK(!p->family || (after.dscp == 46 && after.ecn == (p->ecn ? 3 : 0)));
    CHECK(!valid || mqoe_checksum(ip, header) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static const struct mqoe_framing atm = {MQOE_FRAMING_IP, MQOE_CELL_ATM, -64, 0};
    struct mqoe_hash_key key = mqoe_hash_key(1, 1);
    struct mqoe_packet p;
    uint8_t *data = malloc(size ? size : 1); // exactly as long as the frame, for the address sanitizer
    memcpy(data, input, size);
    struct mqoe_frame f = {.data = data, .len = (uint32_t)size};
    mqoe_parse(&p, data, f.len);
    check_consistent(&p, f.len);
    uint32_t hash = mqoe_hash_flow(&key, &p);
    mqoe_frame_describe(&f, &p, hash);
    CHECK(mqoe_framing_adjust(&atm, f.len, f.l3_offset) <= 2 * f.len + 53);
    check_marking(&f, &p);
    mqoe_parse(&p, data, f.len);
    CHECK(mqoe_hash_flow(&key, &p) == hash); // DSCP and ECN are not the flow's
    free(data);
    return 0;
}
