// The parser, checksums, ECN and DSCP writing, hashes.
#include <sys/mman.h>
#include <unistd.h>

#include "frames.h"

// ---- building frames ----

struct builder {
    uint8_t bytes[256];
    uint32_t len;
};

static void put(struct builder *b, const void *bytes, uint32_t len) {
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static void put16(struct builder *b, uint16_t v) {
    put(b, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_ethernet(struct builder *b, uint16_t type) {
    b->len = 0;
    put(b, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
    put16(b, type);
}

static void put_ipv4(struct builder *b, uint8_t tos, uint8_t proto, uint16_t fragment, uint32_t options,
                     uint16_t payload) {
    uint32_t start = b->len, header = 20 + options;
    put(b, (uint8_t[]){(uint8_t)(0x40 | header / 4), tos}, 2);
    put16(b, (uint16_t)(header + payload));
    put16(b, 0x1234);
    put16(b, fragment);
    put(b, (uint8_t[]){64, proto, 0, 0, 10, 1, 2, 3, 192, 0, 2, 7}, 12);
    for (uint32_t i = 0; i < options; i++)
        put(b, "\1", 1);
    uint16_t sum = mqoe_checksum(b->bytes + start, header);
    b->bytes[start + 10] = (uint8_t)(sum >> 8);
    b->bytes[start + 11] = (uint8_t)sum;
}

static void put_ipv6(struct builder *b, uint8_t traffic_class, uint8_t next, uint16_t payload) {
    put(b, (uint8_t[]){(uint8_t)(0x60 | traffic_class >> 4), (uint8_t)(traffic_class << 4 | 0xa), 0xbc, 0xde},
        4);
    put16(b, payload);
    put(b, (uint8_t[]){next, 64}, 2);
    put(b, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 32);
}

static void put_ports(struct builder *b, uint16_t src, uint16_t dst) {
    put16(b, src);
    put16(b, dst);
    put(b, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static struct mqoe_packet parse(const struct builder *b) {
    struct mqoe_packet p;
    mqoe_parse(&p, b->bytes, b->len);
    return p;
}

// ---- parser ----

static void ipv4_tcp(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x0800);
    put_ipv4(&b, 46 << 2 | 2, 6, 0x4000, 0, 20);
    put_ports(&b, 443, 50000);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.family, 4);
    assert_int_equal(p.l3_offset, 14);
    assert_int_equal(p.network_len, b.len - 14);
    assert_int_equal(p.dscp, 46);
    assert_int_equal(p.ecn, 2);
    assert_int_equal(p.proto, 6);
    assert_int_equal(p.src_port, 443);
    assert_int_equal(p.dst_port, 50000);
    assert_false(p.fragment);
    assert_memory_equal(p.src.bytes, "\x0a\1\2\3\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_memory_equal(p.dst.bytes, "\xc0\0\2\7", 4);
}

static void ipv4_options_move_the_ports(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x0800);
    put_ipv4(&b, 0, 17, 0, 12, 20);
    put_ports(&b, 1000, 2000);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.src_port, 1000);
    assert_int_equal(p.dst_port, 2000);
}

static void padding_is_not_the_packets(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x0800);
    put_ipv4(&b, 0, 17, 0, 0, 2); // total length says: 2 bytes of UDP
    put_ports(&b, 1000, 2000);    // the rest is padding
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.family, 4);
    assert_int_equal(p.src_port, 0);
    assert_int_equal(p.dst_port, 0);
}

static void all_ipv4_fragments_hash_alike(void **state) {
    (void)state;
    static const uint16_t offsets[] = {0x2000, 0x2010, 0x0020};
    struct mqoe_hash_key key = mqoe_hash_key(1, 2);
    uint32_t hash[3];
    for (int i = 0; i < 3; i++) {
        struct builder b;
        put_ethernet(&b, 0x0800);
        put_ipv4(&b, 0, 17, offsets[i], 0, 20);
        put_ports(&b, (uint16_t)(1000 + i), 2000);
        struct mqoe_packet p = parse(&b);
        assert_true(p.fragment);
        assert_int_equal(p.src_port, 0);
        hash[i] = mqoe_hash_flow(&key, &p);
    }
    assert_int_equal(hash[0], hash[1]);
    assert_int_equal(hash[0], hash[2]);
}

static void ipv6_udp(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x86dd);
    put_ipv6(&b, 8 << 2 | 1, 17, 20);
    put_ports(&b, 53, 40000);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.family, 6);
    assert_int_equal(p.dscp, 8);
    assert_int_equal(p.ecn, 1);
    assert_int_equal(p.src_port, 53);
    assert_int_equal(p.dst_port, 40000);
    assert_int_equal(p.src.bytes[15], 1);
    assert_int_equal(p.dst.bytes[15], 2);
}

static void ipv6_extension_headers_are_skipped(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x86dd);
    put_ipv6(&b, 0, 0, 8 + 16 + 12 + 8 + 20);
    put(&b, "\x2b\0\1\4\0\0\0\0", 8);                  // hop-by-hop → routing
    put(&b, "\x33\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16); // routing, 16 bytes → AH
    put(&b, "\x3c\1\0\0\0\0\0\0\0\0\0\0", 12);         // AH, 12 bytes → destination options
    put(&b, "\x06\0\1\4\0\0\0\0", 8);                  // destination options → TCP
    put_ports(&b, 80, 81);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.proto, 6);
    assert_int_equal(p.src_port, 80);
    assert_int_equal(p.dst_port, 81);
}

static void ipv6_fragments(void **state) {
    (void)state;
    static const struct {
        uint8_t offset_flags[2];
        bool fragment;
    } cases[] = {{{0, 0}, false}, {{0, 1}, true}, {{1, 0}, true}, {{1, 1}, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct builder b;
        put_ethernet(&b, 0x86dd);
        put_ipv6(&b, 0, 44, 28);
        put(&b, (uint8_t[]){17, 0, cases[i].offset_flags[0], cases[i].offset_flags[1], 9, 9, 9, 9}, 8);
        put_ports(&b, 53, 54);
        struct mqoe_packet p = parse(&b);
        assert_int_equal(p.fragment, cases[i].fragment);
        assert_int_equal(p.proto, 17);
        assert_int_equal(p.src_port, cases[i].fragment ? 0 : 53); // RFC 6946: an atomic fragment is whole
    }
}

static void esp_and_no_next_header_stop(void **state) {
    (void)state;
    for (uint8_t proto = 50; proto <= 59; proto += 9) {
        struct builder b;
        put_ethernet(&b, 0x86dd);
        put_ipv6(&b, 0, proto, 20);
        put_ports(&b, 53, 54);
        struct mqoe_packet p = parse(&b);
        assert_int_equal(p.proto, proto);
        assert_int_equal(p.src_port, 0);
    }
}

static void icmp_echo_identifiers(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x0800);
    put_ipv4(&b, 0, 1, 0, 0, 8);
    put(&b, "\x08\0\0\0\x12\x34\0\1", 8);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.src_port, 0x1234);
    b.bytes[34] = 3; // destination unreachable: those bytes are no identifier
    p = parse(&b);
    assert_int_equal(p.src_port, 0);
    put_ethernet(&b, 0x86dd);
    put_ipv6(&b, 0, 58, 8);
    put(&b, "\x81\0\0\0\x12\x34\0\1", 8);
    p = parse(&b);
    assert_int_equal(p.dst_port, 0x1234);
}

static void vlan_tags_and_mpls_labels(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x88a8);
    put16(&b, 5);
    put16(&b, 0x8100);
    put16(&b, 6);
    put16(&b, 0x0800);
    put_ipv4(&b, 0, 6, 0, 0, 20);
    put_ports(&b, 7, 8);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.l3_offset, 22);
    assert_int_equal(p.src_port, 7);
    put_ethernet(&b, 0x8847);
    put(&b, "\0\1\0\x40\0\2\1\x40", 8); // two labels, the second at the bottom of the stack
    put_ipv6(&b, 0, 17, 20);
    put_ports(&b, 9, 10);
    p = parse(&b);
    assert_int_equal(p.l3_offset, 22);
    assert_int_equal(p.family, 6);
    assert_int_equal(p.ethertype, 0x86dd);
    assert_int_equal(p.dst_port, 10);
}

static void tunnels_are_their_outer_header(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x0800);
    put_ipv4(&b, 0, 41, 0, 0, 60); // 6in4
    put_ipv6(&b, 3, 17, 20);
    put_ports(&b, 9, 10);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.family, 4);
    assert_int_equal(p.proto, 41);
    assert_int_equal(p.ecn, 0);
    assert_int_equal(p.src_port, 0);
}

static void arp_and_length_fields_are_not_ip(void **state) {
    (void)state;
    struct builder b;
    put_ethernet(&b, 0x0806);
    put_ports(&b, 1, 2);
    struct mqoe_packet p = parse(&b);
    assert_int_equal(p.family, 0);
    assert_int_equal(p.ethertype, 0x0806);
    assert_int_equal(p.l3_offset, 14);
    put_ethernet(&b, 100); // IEEE 802.3
    put_ports(&b, 1, 2);
    assert_int_equal(parse(&b).ethertype, 0);
}

// Every prefix of every frame, at the very end of a readable page: one byte too many is a crash.
static void never_reads_past_the_end(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    struct builder b[3];
    put_ethernet(&b[0], 0x0800);
    put_ipv4(&b[0], 0, 6, 0, 40, 20);
    put_ports(&b[0], 1, 2);
    put_ethernet(&b[1], 0x86dd);
    put_ipv6(&b[1], 0, 0, 44);
    put(&b[1], "\x2c\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x3a\0\0\0\0\0\0\0", 24);
    put_ports(&b[1], 0x8000, 2);
    put_ethernet(&b[2], 0x8100);
    put(&b[2], "\0\1\x88\x47\0\0\0\0\0\0\1\0", 12);
    put_ipv4(&b[2], 0, 1, 0, 0, 8);
    put(&b[2], "\x08\0\0\0\x12\x34\0\1", 8);
    for (int i = 0; i < 3; i++)
        for (uint32_t len = 0; len <= b[i].len; len++) {
            struct mqoe_packet p;
            uint8_t *at = map + page - len;
            memcpy(at, b[i].bytes, len);
            mqoe_parse(&p, at, len);
            assert_true(p.l3_offset <= len);
            assert_int_equal(p.network_len, len - p.l3_offset);
        }
    munmap(map, 2 * page);
}

// ---- ECN, DSCP, checksums ----

static void ce_keeps_the_checksum(void **state) {
    (void)state;
    for (uint32_t options = 0; options <= 40; options += 4)
        for (int tos = 0; tos < 256; tos++) {
            struct builder b;
            put_ethernet(&b, 0x0800);
            put_ipv4(&b, (uint8_t)tos, 6, 0, options, 20);
            put_ports(&b, 1, 2);
            struct mqoe_packet p = parse(&b);
            struct mqoe_frame f = {.data = b.bytes, .len = b.len};
            mqoe_frame_describe(&f, &p, 0);
            assert_int_equal(mqoe_frame_mark_ce(&f), (tos & 3) != 0);
            p = parse(&b);
            assert_int_equal(p.ecn, (tos & 3) ? 3 : 0);
            assert_int_equal(p.dscp, tos >> 2);
            assert_int_equal(f.tos, p.dscp << 2 | p.ecn);
            assert_int_equal(mqoe_checksum(b.bytes + 14, 20 + options), 0);
        }
}

static void ce_on_ipv6_touches_two_bits(void **state) {
    (void)state;
    for (int tos = 0; tos < 256; tos++) {
        struct builder b;
        put_ethernet(&b, 0x86dd);
        put_ipv6(&b, (uint8_t)tos, 17, 20);
        put_ports(&b, 1, 2);
        struct builder want = b;
        struct mqoe_packet p = parse(&b);
        struct mqoe_frame f = {.data = b.bytes, .len = b.len};
        mqoe_frame_describe(&f, &p, 0);
        assert_int_equal(mqoe_frame_mark_ce(&f), (tos & 3) != 0);
        if (tos & 3)
            want.bytes[15] |= 0x30;
        assert_memory_equal(b.bytes, want.bytes, b.len);
    }
}

static void dscp_keeps_ecn_and_checksum(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2)
        for (int dscp = 0; dscp < 64; dscp++) {
            struct builder b;
            put_ethernet(&b, family == 4 ? 0x0800 : 0x86dd);
            if (family == 4)
                put_ipv4(&b, 0xb9, 6, 0, 0, 20);
            else
                put_ipv6(&b, 0xb9, 6, 20);
            put_ports(&b, 1, 2);
            struct mqoe_packet p = parse(&b);
            struct mqoe_frame f = {.data = b.bytes, .len = b.len};
            mqoe_frame_describe(&f, &p, 0);
            assert_true(mqoe_frame_set_dscp(&f, (uint8_t)dscp));
            p = parse(&b);
            assert_int_equal(p.dscp, dscp);
            assert_int_equal(p.ecn, 1);
            assert_true(family == 6 || mqoe_checksum(b.bytes + 14, 20) == 0);
            assert_int_equal(p.src_port, 1);
        }
}

static void what_is_not_ip_cannot_be_marked(void **state) {
    (void)state;
    uint8_t data[60] = {0};
    struct mqoe_frame f = {.data = data, .len = sizeof data, .l3_offset = 14, .tos = 1};
    assert_false(mqoe_frame_mark_ce(&f));
    assert_false(mqoe_frame_set_dscp(&f, 1));
}

static void incremental_checksum_is_the_whole_one(void **state) {
    (void)state;
    struct mqoe_random r;
    mqoe_random_seed(&r, 7);
    for (int round = 0; round < 100000; round++) {
        uint8_t h[20];
        for (size_t i = 0; i < sizeof h; i++)
            h[i] =
                (uint8_t)(mqoe_random_below(&r, 4) ? mqoe_random_u32(&r) : 0xff * mqoe_random_below(&r, 2));
        h[10] = h[11] = 0;
        uint16_t old = mqoe_checksum(h, 20), before = (uint16_t)(h[0] << 8 | h[1]),
                 after = (uint16_t)mqoe_random_u32(&r);
        h[0] = (uint8_t)(after >> 8);
        h[1] = (uint8_t)after;
        uint16_t updated = mqoe_checksum_update(old, before, after);
        h[10] = (uint8_t)(updated >> 8);
        h[11] = (uint8_t)updated;
        assert_int_equal(mqoe_checksum(h, 20), 0);
    }
}

static void checksum_of_rfc1071(void **state) {
    (void)state;
    // RFC 1071 §3: 0001 f203 f4f5 f6f7 sum to ddf2.
    assert_int_equal(mqoe_checksum((const uint8_t *)"\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8),
                     (uint16_t)~0xddf2);
    assert_int_equal(mqoe_checksum((const uint8_t *)"\x12\x34\x56", 3), (uint16_t) ~(0x1234 + 0x5600));
}

// ---- hashes ----

// CPython ≥ 3.11 hashes bytes with SipHash-1-3: PYTHONHASHSEED=0 python3 -c
// 'print(hex(hash(bytes(range(8)))))'.
static void siphash_agrees_with_another_implementation(void **state) {
    (void)state;
    static const uint64_t words[] = {0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110,
                                     0x1f1e1d1c1b1a1918, 0x2726252423222120};
    struct mqoe_hash_key zero = {0, 0};
    assert_true(mqoe_siphash(&zero, words, 1) == 0xead411e67ebe2eea);
    assert_true(mqoe_siphash(&zero, words, 2) == 0x8972188433a5c5b7);
    assert_true(mqoe_siphash(&zero, words, 3) == 0x31185a47af932f3a);
    assert_true(mqoe_siphash(&zero, words, 5) == 0x95bc321ab41d8206);
}

static void flow_hash_depends_on_every_field_and_the_key(void **state) {
    (void)state;
    struct mqoe_hash_key key = mqoe_hash_key(1, 2), other = mqoe_hash_key(2, 2), third = mqoe_hash_key(1, 3);
    struct mqoe_packet p[9] = {0};
    for (int i = 0; i < 9; i++) {
        p[i] =
            (struct mqoe_packet){.family = 6, .proto = 6, .ethertype = 0x86dd, .src_port = 1, .dst_port = 2};
        p[i].dst.bytes[15] = 1;
    }
    p[1].src.bytes[0] = 1;
    p[2].src.bytes[15] = 1;
    p[3].dst.bytes[0] = 1;
    p[4].dst.bytes[8] = 1;
    p[5].src_port = 2;
    p[6].dst_port = 1;
    p[7].proto = 17;
    p[8].family = 4;
    for (int i = 0; i < 9; i++) {
        assert_int_not_equal(mqoe_hash_flow(&key, &p[i]), mqoe_hash_flow(&other, &p[i]));
        assert_int_not_equal(mqoe_hash_flow(&key, &p[i]), mqoe_hash_flow(&third, &p[i]));
        for (int k = 0; k < i; k++)
            assert_int_not_equal(mqoe_hash_flow(&key, &p[i]), mqoe_hash_flow(&key, &p[k]));
    }
}

// 64 neighbours in 64 buckets: about 1/e of the buckets stay empty (23.5); far fewer or more is no hash.
static void flow_hash_spreads_sequential_ports(void **state) {
    (void)state;
    int used = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct mqoe_hash_key key = mqoe_hash_key(seed, 0);
        uint64_t seen = 0;
        for (uint16_t i = 0; i < 64; i++) {
            struct mqoe_packet p = {
                .family = 4, .proto = 6, .src_port = (uint16_t)(40000 + i), .dst_port = 443};
            seen |= UINT64_C(1) << (mqoe_hash_flow(&key, &p) >> 26);
        }
        used += __builtin_popcountll(seen);
    }
    assert_in_range(used, 3900, 4200); // expected 64 (1 − (63/64)^64) · 100 = 4063
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_tcp),
        cmocka_unit_test(ipv4_options_move_the_ports),
        cmocka_unit_test(padding_is_not_the_packets),
        cmocka_unit_test(all_ipv4_fragments_hash_alike),
        cmocka_unit_test(ipv6_udp),
        cmocka_unit_test(ipv6_extension_headers_are_skipped),
        cmocka_unit_test(ipv6_fragments),
        cmocka_unit_test(esp_and_no_next_header_stop),
        cmocka_unit_test(icmp_echo_identifiers),
        cmocka_unit_test(vlan_tags_and_mpls_labels),
        cmocka_unit_test(tunnels_are_their_outer_header),
        cmocka_unit_test(arp_and_length_fields_are_not_ip),
        cmocka_unit_test(never_reads_past_the_end),
        cmocka_unit_test(ce_keeps_the_checksum),
        cmocka_unit_test(ce_on_ipv6_touches_two_bits),
        cmocka_unit_test(dscp_keeps_ecn_and_checksum),
        cmocka_unit_test(what_is_not_ip_cannot_be_marked),
        cmocka_unit_test(incremental_checksum_is_the_whole_one),
        cmocka_unit_test(checksum_of_rfc1071),
        cmocka_unit_test(siphash_agrees_with_another_implementation),
        cmocka_unit_test(flow_hash_depends_on_every_field_and_the_key),
        cmocka_unit_test(flow_hash_spreads_sequential_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
