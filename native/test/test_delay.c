// The delay line: exact releases, no accumulation, no reordering.
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
    mqoe_delay_line_init(&b->line, delay, limit);
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
        mqoe_delay_line_init(&lines[i], 7 * MS, 10);
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
    mqoe_delay_line_set(&b.line, 10 * MS);
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
            mqoe_delay_line_set(&b.line, mqoe_random_below(&r, 80) * MS);
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
        cmocka_unit_test(keeps_order_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
