// What arrivals are, against a model that remembers every packet.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "packet/random.h"
#include "traffic/sequence.h"

static void tells_arrivals_apart(void **state) {
    (void)state;
    struct traffic_sequence s;
    assert_int_equal(traffic_sequence_open(&s, 100), 0);
    assert_int_equal(traffic_sequence_room(&s), 128);
    assert_int_equal(traffic_sequence_arrive(&s, 0), TRAFFIC_UNSENT);
    traffic_sequence_sent(&s, 6);
    assert_int_equal(traffic_sequence_arrive(&s, 0), TRAFFIC_IN_ORDER);
    assert_int_equal(traffic_sequence_arrive(&s, 3), TRAFFIC_IN_ORDER); // a gap is no reordering
    assert_int_equal(traffic_sequence_arrive(&s, 2), TRAFFIC_REORDERED);
    assert_int_equal(traffic_sequence_arrive(&s, 2), TRAFFIC_DUPLICATE);
    assert_int_equal(traffic_sequence_arrive(&s, 3), TRAFFIC_DUPLICATE);
    assert_int_equal(traffic_sequence_missing(&s, 0, 6), 3); // 1, 4, 5
    traffic_sequence_decide(&s, 5);
    assert_int_equal(traffic_sequence_arrive(&s, 4), TRAFFIC_LATE);
    assert_int_equal(traffic_sequence_arrive(&s, 5), TRAFFIC_IN_ORDER);
    assert_int_equal(traffic_sequence_room(&s), 127);
    traffic_sequence_close(&s);
}

// Numbers on the wire have 32 bits; a stream may be longer.
static void numbers_outlive_32_bits(void **state) {
    (void)state;
    struct traffic_sequence s;
    assert_int_equal(traffic_sequence_open(&s, 64), 0);
    s.next = s.decided = s.expected = UINT32_MAX - 9u;
    for (uint64_t n = s.next; n < UINT64_C(0x10000000a); n++) {
        assert_int_equal(traffic_sequence_arrive(&s, traffic_sequence_expand(&s, (uint32_t)n)),
                         TRAFFIC_UNSENT);
        traffic_sequence_sent(&s, 1);
        assert_int_equal(traffic_sequence_expand(&s, (uint32_t)n), n);
        assert_int_equal(traffic_sequence_arrive(&s, n), TRAFFIC_IN_ORDER);
    }
    assert_int_equal(traffic_sequence_missing(&s, UINT32_MAX - 9u, s.next), 0);
    traffic_sequence_close(&s);
    assert_int_equal(traffic_sequence_open(&s, 64), 0);
    traffic_sequence_sent(&s, 3);
    assert_true(traffic_sequence_expand(&s, UINT32_MAX) >= s.next); // nothing was before 0
    traffic_sequence_close(&s);
}

#define PACKETS 20000u

// Random order, loss, copies and decisions; every answer as the model has it.
static void follows_the_model(void **state) {
    (void)state;
    static enum { WAITING, ARRIVED } known[PACKETS];
    for (uint32_t seed = 0; seed < 10; seed++) {
        struct traffic_sequence s;
        struct mqoe_random r;
        uint64_t highest = 0, decided = 0;
        mqoe_random_seed(&r, seed);
        assert_int_equal(traffic_sequence_open(&s, 300), 0);
        for (size_t i = 0; i < PACKETS; i++)
            known[i] = WAITING;
        while (s.next < PACKETS) {
            uint64_t burst = 1 + mqoe_random_below(&r, 8);
            if (burst > traffic_sequence_room(&s) || s.next - decided > 200)
                traffic_sequence_decide(&s, decided += s.next - decided - mqoe_random_below(&r, 100));
            traffic_sequence_sent(&s, s.next + burst < PACKETS ? burst : PACKETS - s.next);
            for (uint32_t arrivals = mqoe_random_below(&r, 10); arrivals > 0; arrivals--) {
                uint64_t back = mqoe_random_below(&r, 260), n = back < s.next ? s.next - 1 - back : 0;
                enum traffic_arrival expected = n < decided           ? TRAFFIC_LATE
                                                : known[n] == ARRIVED ? TRAFFIC_DUPLICATE
                                                : n + 1 <= highest    ? TRAFFIC_REORDERED
                                                                      : TRAFFIC_IN_ORDER;
                assert_int_equal(traffic_sequence_arrive(&s, n), expected);
                if (n < decided)
                    continue;
                known[n] = ARRIVED;
                highest = n + 1 > highest ? n + 1 : highest;
            }
            uint64_t missing = 0, from = decided + mqoe_random_below(&r, (uint32_t)(s.next - decided) + 1);
            for (uint64_t n = from; n < s.next; n++)
                missing += known[n] == WAITING;
            assert_int_equal(traffic_sequence_missing(&s, from, s.next), missing);
        }
        traffic_sequence_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_arrivals_apart),
        cmocka_unit_test(numbers_outlive_32_bits),
        cmocka_unit_test(follows_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
