// The deficit-mode shaper and framing: golden tables, and what must hold whenever timers fire.
#include "frames.h"
#include "sqm/framing.h"
#include "sqm/shaper.h"

static void golden_rates(void **state) {
    (void)state;
    static const struct {
        uint64_t rate, rate_ns, full, small;
        uint8_t shift;
    } golden[] = {
        {64000, 16384000000, 189250000, 8000000, 17}, {1000000, 16777216000, 12112000, 512000, 21},
        {10000000, 13421772800, 1211200, 51200, 24},  {100000000, 10737418240, 121120, 5120, 27},
        {1000000000, 8589934592, 12112, 512, 30},     {10000000000, 13743895347, 1211, 51, 34},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct mqoe_shaper s;
        mqoe_shaper_init(&s, golden[i].rate, 0);
        assert_int_equal(s.rate_ns, golden[i].rate_ns);
        assert_int_equal(s.shift, golden[i].shift);
        assert_int_equal(mqoe_shaper_duration(&s, 1514), golden[i].full);
        assert_int_equal(mqoe_shaper_duration(&s, 64), golden[i].small);
    }
}

static void golden_framing(void **state) {
    (void)state;
    static const struct mqoe_framing ethernet = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 38, 84},
                                     docsis = {MQOE_FRAMING_IP, MQOE_CELL_NONE, 18, 64},
                                     pppoe_atm = {MQOE_FRAMING_IP, MQOE_CELL_ATM, 40, 0},
                                     pppoe_ptm = {MQOE_FRAMING_IP, MQOE_CELL_PTM, 30, 0},
                                     raw = {MQOE_FRAMING_FRAME, MQOE_CELL_NONE, 0, 0};
    static const uint32_t golden[][5] = {
        {28, 84, 64, 106, 59},          {40, 84, 64, 106, 72},          {64, 102, 82, 159, 96},
        {1280, 1318, 1298, 1484, 1331}, {1480, 1518, 1498, 1696, 1534}, {1500, 1538, 1518, 1749, 1554},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
        for (uint32_t header = 14; header <= 22; header += 4) { // VLAN tags are not the network layer's
            uint32_t ip = golden[i][0], len = ip + header;
            assert_int_equal(mqoe_framing_adjust(&ethernet, len, header), golden[i][1]);
            assert_int_equal(mqoe_framing_adjust(&docsis, len, header), golden[i][2]);
            assert_int_equal(mqoe_framing_adjust(&pppoe_atm, len, header), golden[i][3]);
            assert_int_equal(mqoe_framing_adjust(&pppoe_ptm, len, header), golden[i][4]);
            assert_int_equal(mqoe_framing_adjust(&raw, len, header), len);
        }
}

static void framing_at_its_edges(void **state) {
    (void)state;
    struct mqoe_framing f = {MQOE_FRAMING_IP, MQOE_CELL_NONE, -64, 0};
    assert_int_equal(mqoe_framing_adjust(&f, 60, 14), 0); // never negative
    f.mpu = 64;
    assert_int_equal(mqoe_framing_adjust(&f, 60, 14), 64);
    f = (struct mqoe_framing){MQOE_FRAMING_IP, MQOE_CELL_ATM, 0, 0};
    assert_int_equal(mqoe_framing_adjust(&f, 48, 0), 53);
    assert_int_equal(mqoe_framing_adjust(&f, 49, 0), 106);
    f.cell = MQOE_CELL_PTM;
    assert_int_equal(mqoe_framing_adjust(&f, 64, 0), 65);
    assert_int_equal(mqoe_framing_adjust(&f, 65, 0), 67);
}

// Long-run rate to the bit, also where a duration is no whole number of ns.
static void the_long_run_rate_is_exact(void **state) {
    (void)state;
    static const uint64_t rates[] = {64000,     999992,     5000000,     20000000,
                                     499999992, 1000000000, 10000000000, 100000000000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct mqoe_shaper s;
        struct mqoe_random r;
        uint64_t bytes = 0, start = 5 * SECOND;
        mqoe_random_seed(&r, i);
        mqoe_shaper_init(&s, rates[i], start);
        for (int n = 0; n < 100000; n++) {
            uint32_t len = 64 + mqoe_random_below(&r, 1475);
            mqoe_shaper_charge(&s, len, false);
            bytes += len;
        }
        double exact = (double)bytes * 8e9 / (double)rates[i], got = (double)(s.next - start);
        assert_true(got <= exact + 1 && got >= exact * (1 - 1e-9) - 1);
    }
}

static void no_credit_from_idleness(void **state) {
    (void)state;
    struct mqoe_shaper s;
    mqoe_shaper_init(&s, 10000000, 0);
    mqoe_shaper_charge(&s, 1514, false);
    mqoe_shaper_wake(&s, 10 * SECOND); // the queue was empty all the while
    assert_true(mqoe_shaper_gate(&s) == 10 * SECOND);
    mqoe_shaper_charge(&s, 1514, false);
    assert_true(mqoe_shaper_gate(&s) == 10 * SECOND + 1211200);
}

static void a_wake_does_not_forgive_debt(void **state) {
    (void)state;
    struct mqoe_shaper s;
    mqoe_shaper_init(&s, 10000000, 0);
    mqoe_shaper_charge(&s, 1514, false);
    mqoe_shaper_wake(&s, 1000);
    assert_int_equal(mqoe_shaper_gate(&s), 1211200);
}

// Each visit comes a random time late; the link carries what an exact timer would have carried.
static void a_late_timer_is_caught_up(void **state) {
    (void)state;
    struct mqoe_shaper s;
    struct mqoe_random r;
    uint64_t now = 0, sent = 0, end = 2 * SECOND;
    mqoe_random_seed(&r, 3);
    mqoe_shaper_init(&s, 100000000, 0);
    while (now < end) {
        now = mqoe_shaper_gate(&s) + mqoe_random_below(&r, 900000);
        for (; mqoe_shaper_gate(&s) <= now; sent += 1514)
            mqoe_shaper_charge(&s, 1514, false);
    }
    // All that fits until `now`, and the frame in progress.
    uint64_t exact = now / 80;
    assert_true(sent >= exact && sent <= exact + 1514);
}

// Drops that are charged too (ingress mode) leave at least two thirds to what is delivered.
static void failsafe_keeps_two_thirds(void **state) {
    (void)state;
    struct mqoe_shaper s;
    struct mqoe_random r;
    mqoe_random_seed(&r, 4);
    mqoe_shaper_init(&s, 10000000, 0);
    uint64_t delivered = 0, now = 0;
    while (now < 10 * SECOND) {
        while (mqoe_shaper_gate(&s) <= now) {
            for (uint32_t drops = mqoe_random_below(&r, 8); drops; drops--)
                mqoe_shaper_charge(&s, 1514, true);
            mqoe_shaper_charge(&s, 1514, false);
            delivered += 1514;
        }
        now = mqoe_shaper_gate(&s);
    }
    double share = (double)delivered * 8 / ((double)now / 1e9) / 1e7;
    assert_true(share >= 0.666 && share <= 0.668); // so many drops: exactly the failsafe's rate
}

static void a_new_rate_keeps_the_debt_in_bytes(void **state) {
    (void)state;
    struct mqoe_shaper s;
    mqoe_shaper_init(&s, 1000000, SECOND);
    mqoe_shaper_charge(&s, 1500, false); // 12 ms
    mqoe_shaper_set_rate(&s, 4000000, SECOND + 4 * MS);
    assert_true(mqoe_shaper_gate(&s) == SECOND + 6 * MS); // 8 ms left, four times as fast
    mqoe_shaper_set_rate(&s, 0, SECOND + 5 * MS);
    assert_int_equal(mqoe_shaper_gate(&s), 0);
    mqoe_shaper_charge(&s, 1500, false);
    mqoe_shaper_set_rate(&s, 1000000, SECOND + 7 * MS);
    assert_true(mqoe_shaper_gate(&s) == SECOND + 7 * MS); // no limit, no debt
}

static void a_new_rate_survives_a_clock_long_stale(void **state) {
    (void)state;
    struct mqoe_shaper s;
    mqoe_shaper_init(&s, 100000000000, 0);
    mqoe_shaper_set_rate(&s, 512, UINT64_C(1) << 60);
    assert_true(mqoe_shaper_gate(&s) == 0); // as far back as time goes, not wrapped into the future
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_rates),
        cmocka_unit_test(golden_framing),
        cmocka_unit_test(framing_at_its_edges),
        cmocka_unit_test(the_long_run_rate_is_exact),
        cmocka_unit_test(no_credit_from_idleness),
        cmocka_unit_test(a_wake_does_not_forgive_debt),
        cmocka_unit_test(a_late_timer_is_caught_up),
        cmocka_unit_test(failsafe_keeps_two_thirds),
        cmocka_unit_test(a_new_rate_keeps_the_debt_in_bytes),
        cmocka_unit_test(a_new_rate_survives_a_clock_long_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
