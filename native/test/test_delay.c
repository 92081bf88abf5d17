// The delay line: exact releases with and without a rate, no accumulation, no reordering.
#include "frames.h"
#include "path/delay.h"

struct bed {
    struct frame_store store;
    struct mqoe_delay_line line;
    struct mqoe_frame_list dropped;
};

static void open_bed(struct bed *b, uint64_t delay, uint32_t limit) {
    *b = (struct bed){0};
    frame_store_open(&b->store, 1000);
    mqoe_delay_line_init(&b->line, delay, 0, limit);
}

static void arrive(struct bed *b, uint64_t at) {
    struct mqoe_frame *f = frame_make(&b->store, 0, 100, 0);
    assert_non_null(f);
    mqoe_delay_line_enqueue(&b->line, f, at, &b->dropped);
}

static void holds_for_exactly_the_delay(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, 10 * MS, 100);
    assert_true(mqoe_delay_line_next(&b.line) == MQOE_NEVER);
    assert_null(mqoe_delay_line_dequeue(&b.line, MQOE_NEVER));
    arrive(&b, 5 * MS);
    assert_int_equal(mqoe_delay_line_next(&b.line), 15 * MS);
    assert_null(mqoe_delay_line_dequeue(&b.line, 15 * MS - 1));
    assert_int_equal(mqoe_delay_line_dequeue(&b.line, 15 * MS)->time, 15 * MS);
    assert_null(mqoe_delay_line_dequeue(&b.line, SECOND));
    frame_store_close(&b.store);
}

// Three lines in a row, each woken up to 2 ms late: the frame's logical time is still the sum of the delays.
static void lateness_does_not_accumulate(void **state) {
    (void)state;
    struct bed b;
    struct mqoe_delay_line lines[3];
    struct mqoe_random r;
    mqoe_random_seed(&r, 5);
    open_bed(&b, 0, 1);
    for (int i = 0; i < 3; i++)
        mqoe_delay_line_init(&lines[i], 7 * MS, 0, 10);
    for (int round = 0; round < 300; round++) {
        uint64_t start = (uint64_t)round * 50 * MS, at = start, now = start;
        struct mqoe_frame *f = frame_make(&b.store, 0, 100, 0);
        for (int i = 0; i < 3; i++) {
            mqoe_delay_line_enqueue(&lines[i], f, at, &b.dropped);
            uint64_t due = mqoe_delay_line_next(&lines[i]);
            now = (due > now ? due : now) + mqoe_random_below(&r, 2 * MS);
            f = mqoe_delay_line_dequeue(&lines[i], now);
            at = f->time;
        }
        assert_int_equal(at, start + 21 * MS);
        frame_give(&b.store, f);
    }
    frame_store_close(&b.store);
}

static void a_shorter_delay_overtakes_nobody(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, 100 * MS, 1000);
    arrive(&b, 0);
    mqoe_delay_line_set(&b.line, 10 * MS, 0);
    arrive(&b, 1 * MS);  // would be due at 11 ms, behind one due at 100 ms
    arrive(&b, 95 * MS); // 105 ms: the old delay has run out
    assert_int_equal(mqoe_delay_line_next(&b.line), 100 * MS);
    assert_int_equal(mqoe_delay_line_dequeue(&b.line, 100 * MS)->user, 0);
    assert_int_equal(mqoe_delay_line_dequeue(&b.line, 100 * MS)->user, 1);
    assert_null(mqoe_delay_line_dequeue(&b.line, 100 * MS));
    assert_int_equal(mqoe_delay_line_dequeue(&b.line, 105 * MS)->time, 105 * MS);
    frame_store_close(&b.store);
}

static void a_full_line_drops_the_newcomer(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, MS, 2);
    for (int i = 0; i < 3; i++)
        arrive(&b, 0);
    assert_int_equal(b.dropped.head->user, 2);
    assert_int_equal(b.dropped.head->cause, MQOE_DROP_PATH);
    assert_int_equal(b.line.drop_overflow, 1);
    assert_int_equal(b.line.packets, 2);
    frame_store_close(&b.store);
}

// Golden values of netem's rule (algorithms.md §6): 1514 B at 10 Mbit/s take 1,211,200 ns, after the delay; a
// frame that comes later than the line is busy starts anew.
static void a_rate_serialises_after_the_delay(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b, 10 * MS, 1000);
    mqoe_delay_line_set(&b.line, 10 * MS, 10000000);
    const struct {
        uint64_t at, leaves;
        uint32_t len;
    } frames[] = {
        {0, 10 * MS + 1211200, 1514},
        {0, 10 * MS + 2 * 1211200, 1514},
        {MS, 10 * MS + 2 * 1211200 + 51200, 64},
        {50 * MS, 60 * MS + 51200, 64},
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct mqoe_frame *f = frame_make(&b.store, 0, frames[i].len, 0);
        mqoe_delay_line_enqueue(&b.line, f, frames[i].at, &b.dropped);
        assert_int_equal(f->time, frames[i].leaves);
    }
    frame_store_close(&b.store);
}

// A million frames back to back at rates that divide nothing: the last leaves at the exact time, rounded
// down. Rounding each frame would be off by up to a millisecond.
static void fractions_of_a_nanosecond_do_not_add_up(void **state) {
    (void)state;
    static const uint64_t rates[] = {7, 999983, 33333333, 1000000007, 999999999989};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct bed b;
        struct mqoe_random r;
        unsigned __int128 bits = 0;
        mqoe_random_seed(&r, i);
        open_bed(&b, 10 * MS, 1000);
        mqoe_delay_line_set(&b.line, 10 * MS, rates[i]);
        for (uint32_t n = 0; n < 1000000; n++) {
            uint32_t len = 60 + mqoe_random_below(&r, 1455);
            struct mqoe_frame *f = frame_make(&b.store, 0, len, 0);
            mqoe_delay_line_enqueue(&b.line, f, SECOND, &b.dropped);
            bits += len * 8;
            uint64_t exact = SECOND + 10 * MS + (uint64_t)(bits * SECOND / rates[i]);
            assert_int_equal(f->time, exact);
            frame_give(&b.store, mqoe_delay_line_dequeue(&b.line, f->time));
        }
        frame_store_close(&b.store);
    }
}

// What the line must do, in exact arithmetic: departures as fractions of a nanosecond (numerator over rate).
struct rate_model {
    uint64_t delay, rate;
    unsigned __int128 last;
};

static uint64_t model_release(struct rate_model *m, uint32_t len, uint64_t arrival) {
    unsigned __int128 start = (unsigned __int128)(arrival + m->delay) * m->rate;
    m->last = (start > m->last ? start : m->last) + (unsigned __int128)len * 8 * SECOND;
    return (uint64_t)(m->last / m->rate);
}

// Random arrivals between idle and overload, late visits: every frame leaves once, in order, at its exact
// time, and over no stretch of time more than the rate.
static void a_rated_line_follows_the_model(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        struct bed b;
        struct mqoe_random r;
        mqoe_random_seed(&r, seed);
        struct rate_model m = {mqoe_random_below(&r, 30) * MS, 1000000 + mqoe_random_below(&r, 1000000000),
                               0};
        uint64_t now = SECOND, in = 0, out = 0, expected[1000];
        open_bed(&b, 0, 1000);
        mqoe_delay_line_set(&b.line, m.delay, m.rate);
        for (uint32_t i = 0; i < 50000; i++) {
            now += mqoe_random_below(&r, (uint32_t)(3 * 787 * 8 * SECOND / m.rate)); // 2/3 of the rate, mean
            uint32_t len = 60 + mqoe_random_below(&r, 1455);
            struct mqoe_frame *f = frame_make(&b.store, 0, len, 0);
            if (f) {
                expected[in++ % 1000] = model_release(&m, len, now);
                mqoe_delay_line_enqueue(&b.line, f, now, &b.dropped);
            }
            for (struct mqoe_frame *left; i % 7 == 0 && (left = mqoe_delay_line_dequeue(&b.line, now));) {
                assert_int_equal(left->user, out);
                assert_int_equal(left->time, expected[out++ % 1000]);
                assert_true(left->time <= now);
                frame_give(&b.store, left);
            }
        }
        assert_null(b.dropped.head);
        assert_int_equal(in, out + b.line.packets);
        assert_true(out > 10000);
        frame_store_close(&b.store);
    }
}

static bool depart_in_order(struct bed *b, uint64_t now, uint64_t *last_time, uint64_t *last_serial) {
    struct mqoe_frame *f = mqoe_delay_line_dequeue(&b->line, now);
    if (!f)
        return false;
    assert_true(f->time <= now && f->time >= *last_time && f->user + 1 > *last_serial);
    *last_time = f->time;
    *last_serial = f->user + 1;
    frame_give(&b->store, f);
    return true;
}

// Random arrivals (slightly out of order, as from several leaves), changes of delay, late visits.
static void keeps_order_and_count(void **state) {
    (void)state;
    struct bed b;
    struct mqoe_random r;
    struct mqoe_frame_list rest = {0};
    uint64_t now = SECOND, last_serial = 0, last_time = 0, in = 0, out = 0;
    mqoe_random_seed(&r, 6);
    open_bed(&b, 20 * MS, 200);
    for (int i = 0; i < 200000; i++) {
        now += mqoe_random_below(&r, 200000);
        uint32_t what = mqoe_random_below(&r, 100);
        if (what < 48) {
            arrive(&b, now - mqoe_random_below(&r, 50000));
            in++;
        } else if (what < 49) {
            mqoe_delay_line_set(&b.line, mqoe_random_below(&r, 80) * MS, 0);
        } else {
            out += depart_in_order(&b, now, &last_time, &last_serial);
        }
        frame_give_all(&b.store, &b.dropped);
    }
    uint32_t held = b.line.packets;
    assert_int_equal(in, out + held + b.line.drop_overflow);
    assert_true(b.line.in_packets == in && b.line.out_packets == out);
    assert_true(out > 1000 && b.line.drop_overflow > 0);
    mqoe_delay_line_drain(&b.line, &rest);
    assert_int_equal(frame_give_all(&b.store, &rest), held);
    assert_true(mqoe_delay_line_next(&b.line) == MQOE_NEVER);
    frame_store_close(&b.store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_for_exactly_the_delay),
        cmocka_unit_test(lateness_does_not_accumulate),
        cmocka_unit_test(a_shorter_delay_overtakes_nobody),
        cmocka_unit_test(a_full_line_drops_the_newcomer),
        cmocka_unit_test(a_rate_serialises_after_the_delay),
        cmocka_unit_test(fractions_of_a_nanosecond_do_not_add_up),
        cmocka_unit_test(a_rated_line_follows_the_model),
        cmocka_unit_test(keeps_order_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
