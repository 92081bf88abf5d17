// What mqoe's packets carry: a fixed layout on the wire, and nothing else is accepted.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "traffic/payload.h"

static const struct traffic_probe_header probe = {
    .key = 0x0102030405060708,
    .probe = 0x11121314,
    .seq = 0x21222324,
    .t1 = 0x3132333435363738,
    .t2 = -1,
    .t3 = 0x4142434445464748,
    .size = 100,
    .reactor = 5,
    .flags = TRAFFIC_PROBE_ECHO,
};

static void probe_layout_is_fixed(void **state) {
    (void)state;
    static const uint8_t wire[TRAFFIC_PROBE_HEADER] = {
        'm',  'q',  'P',  'R',  0x11, 5,    0,    100,  1,    2,    3,    4,    5,    6,    7,    8,
        0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48};
    uint8_t out[TRAFFIC_PROBE_HEADER];
    traffic_probe_encode(out, &probe);
    assert_memory_equal(out, wire, sizeof wire);
    assert_int_equal(out[TRAFFIC_PROBE_REACTOR], 5);
}

static void probe_round_trip(void **state) {
    (void)state;
    uint8_t packet[100] = {0};
    struct traffic_probe_header back;
    traffic_probe_encode(packet, &probe);
    assert_true(traffic_probe_decode(packet, sizeof packet, &back));
    assert_true(back.key == probe.key && back.probe == probe.probe && back.seq == probe.seq);
    assert_true(back.t1 == probe.t1 && back.t2 == probe.t2 && back.t3 == probe.t3);
    assert_int_equal(back.size, probe.size);
    assert_int_equal(back.reactor, probe.reactor);
    assert_int_equal(back.flags, probe.flags);
}

static void other_probe_packets_are_refused(void **state) {
    (void)state;
    uint8_t packet[100] = {0};
    struct traffic_probe_header back;
    traffic_probe_encode(packet, &probe);
    for (size_t length = 0; length < sizeof packet; length++) // truncated anywhere
        assert_false(traffic_probe_decode(packet, length, &back));
    for (size_t byte = 0; byte < 4; byte++) {
        packet[byte] ^= 0x20;
        assert_false(traffic_probe_decode(packet, sizeof packet, &back));
        packet[byte] ^= 0x20;
    }
    for (uint8_t bit = 4; bit < 8; bit++) { // version
        packet[4] ^= (uint8_t)(1 << bit);
        assert_false(traffic_probe_decode(packet, sizeof packet, &back));
        packet[4] ^= (uint8_t)(1 << bit);
    }
    packet[4] |= 0x8; // an unknown flag
    assert_false(traffic_probe_decode(packet, sizeof packet, &back));
}

static void flow_round_trip(void **state) {
    (void)state;
    const struct traffic_flow_header h = {.key = 0x0102030405060708, .flow = 0x0a0b0c0d, .direction = 1};
    static const uint8_t wire[TRAFFIC_FLOW_HEADER] = {'m', 'q', 'T', 'F', 1, 1, 0,  0,    1,    2,
                                                      3,   4,   5,   6,   7, 8, 10, 0x0b, 0x0c, 0x0d};
    uint8_t out[TRAFFIC_FLOW_HEADER];
    struct traffic_flow_header back;
    traffic_flow_header_encode(out, &h);
    assert_memory_equal(out, wire, sizeof wire);
    assert_true(traffic_flow_header_decode(out, &back));
    assert_true(back.key == h.key && back.flow == h.flow && back.direction == h.direction);
}

static void other_flow_headers_are_refused(void **state) {
    (void)state;
    uint8_t out[TRAFFIC_FLOW_HEADER];
    struct traffic_flow_header back;
    traffic_flow_header_encode(out, &(struct traffic_flow_header){.key = 1, .flow = 2, .direction = 0});
    for (size_t byte = 0; byte < 8; byte++) { // magic, version, direction, zero bytes
        out[byte] ^= 0x40;
        assert_false(traffic_flow_header_decode(out, &back));
        out[byte] ^= 0x40;
    }
    assert_true(traffic_flow_header_decode(out, &back));
}

static void stream_layout_is_fixed(void **state) {
    (void)state;
    static const uint8_t wire[TRAFFIC_STREAM_HEADER] = {0x89, 0xab, 0xcd, 0xf4, 0,    0,
                                                        1,    2,    0xff, 0xff, 0xff, 0xfe};
    const uint64_t key = 0x0123456789abcdef;
    uint8_t out[TRAFFIC_STREAM_HEADER];
    struct traffic_stream_header h = {traffic_stream_tag(key, 5), 258, UINT32_MAX - 1}, back;
    traffic_stream_encode(out, &h);
    assert_memory_equal(out, wire, sizeof wire);
    traffic_stream_decode(out, &back);
    assert_int_equal(traffic_stream_index(key, back.tag), 5);
    assert_int_equal(back.seq, 258);
    assert_int_equal(back.sent, UINT32_MAX - 1);
    assert_int_equal(traffic_stream_index(key, traffic_stream_tag(key, UINT32_MAX)), UINT32_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_layout_is_fixed), cmocka_unit_test(probe_layout_is_fixed),
        cmocka_unit_test(probe_round_trip),       cmocka_unit_test(other_probe_packets_are_refused),
        cmocka_unit_test(flow_round_trip),        cmocka_unit_test(other_flow_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
