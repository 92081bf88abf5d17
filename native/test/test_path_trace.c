// Traces and slots of a path line: delivery opportunities and steps against vectors by hand, bursts.
#include "path_bed.h"

static void change(struct path_bed *b, const struct mqoe_path_config *c, uint64_t now) {
    struct mqoe_error e;
    assert_int_equal(mqoe_path_line_set(&b->line, c, now, &b->dropped, &e), 0);
}

// ---- mahimahi ----

static const uint64_t opportunities[] = {2, 2, 5, 9, 10}; // ms; 12 is 2 again

static struct mqoe_path_config mahimahi(void) {
    struct mqoe_path_config c = path_plain();
    c.trace.kind = MQOE_PATH_TRACE_MAHIMAHI;
    c.trace.opportunities = opportunities;
    c.trace.opportunity_count = sizeof opportunities / sizeof *opportunities;
    return c;
}

// By hand from Mahimahi's rules: an opportunity carries 1,504 bytes, of which a full frame (1,500 of IP, 4 of
// TUN) takes all; what is not used at its moment is wasted; after the last one the trace begins again there.
static void each_opportunity_carries_one_full_packet(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = mahimahi();
    path_bed_open(&b, &c, 1, 100);
    for (int i = 0; i < 7; i++)
        path_arrive(&b, 0, 1514, 0);
    static const uint64_t expected[] = {2, 2, 5, 9, 10, 12, 12};
    for (int i = 0; i < 7; i++)
        assert_int_equal(path_leave_time(&b), expected[i] * MS);
    path_arrive(&b, 16 * MS, 1514, 0);  // 15 is over
    path_arrive(&b, 19 * MS, 1514, 0);  // at the very moment: taken by the one before, and over for this one
    path_arrive(&b, 123 * MS, 1514, 0); // eleven cycles later: 125
    assert_int_equal(path_leave_time(&b), 19 * MS);
    assert_int_equal(path_leave_time(&b), 20 * MS);
    assert_int_equal(path_leave_time(&b), 125 * MS);
    path_arrive(&b, 132 * MS, 1514, 0); // an idle link's opportunity of this moment is over, too
    assert_int_equal(path_leave_time(&b), 135 * MS);
    path_bed_close(&b);
}

static void small_packets_share_an_opportunity(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = mahimahi();
    path_bed_open(&b, &c, 1, 100);
    // Packets of 700 bytes: two and 104 bytes of the third go at the first opportunity, its other 596 at the
    // second, which leaves 908 for the fourth.
    static const uint32_t len[] = {710, 710, 710, 918, 60};
    static const uint64_t expected[] = {2, 2, 2, 2, 5};
    for (int i = 0; i < 5; i++)
        path_arrive(&b, MS, len[i], 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(path_leave_time(&b), expected[i] * MS);
    // At 5 ms 1,454 bytes were left: wasted, for nobody was there.
    path_arrive(&b, 6 * MS, 60, 0);
    path_arrive(&b, 9 * MS, 60, 0); // what the one before leaves of its moment is over for this one
    assert_int_equal(path_leave_time(&b), 9 * MS);
    assert_int_equal(path_leave_time(&b), 10 * MS);
    path_bed_close(&b);
}

// The delay comes first, and the buffer's limit holds for frames that wait for opportunities.
static void a_trace_has_a_delay_and_a_buffer(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = mahimahi();
    c.delay.mean = 3 * MS;
    c.link.limit_packets = 2;
    path_bed_open(&b, &c, 1, 100);
    for (int i = 0; i < 3; i++)
        path_arrive(&b, 0, 1514, 0);
    assert_int_equal(path_leave_time(&b), 5 * MS);
    assert_int_equal(path_leave_time(&b), 9 * MS);
    assert_int_equal(b.line.counters.overflow, 1);
    path_bed_close(&b);
}

static void a_trace_begins_when_it_is_told(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = mahimahi();
    path_bed_open(&b, &c, 1, 100);
    mqoe_path_line_start(&b.line, SECOND);
    path_arrive(&b, 0, 1514, 0);
    path_arrive(&b, SECOND + 3 * MS, 1514, 0);
    assert_int_equal(path_leave_time(&b), SECOND + 2 * MS);
    assert_int_equal(path_leave_time(&b), SECOND + 5 * MS);
    path_bed_close(&b);
}

// From a rate to a trace and back: the frame in transmission begins anew on the other link.
static void a_link_becomes_another_one(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config rate = path_plain(), trace = mahimahi();
    rate.link.rate = 1000000;
    path_bed_open(&b, &rate, 1, 100);
    for (int i = 0; i < 3; i++)
        path_arrive(&b, 0, 1500, 0);
    assert_null(path_leave(&b, 3 * MS)); // a quarter of the first has gone
    change(&b, &trace, 3 * MS);          // begins here: opportunities at 5, 5, 8 …
    assert_int_equal(path_leave_time(&b), 5 * MS);
    assert_int_equal(path_leave_time(&b), 5 * MS);
    change(&b, &rate, 5 * MS);
    assert_int_equal(path_leave_time(&b), 17 * MS);
    path_bed_close(&b);
}

// A saturated link delivers what the trace says: 5 opportunities of 1,504 bytes in each 10 ms.
static void a_saturated_trace_delivers_its_rate(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_random r;
    struct mqoe_path_config c = mahimahi();
    uint64_t bytes = 0, last = 0;
    mqoe_random_seed(&r, 1);
    path_bed_open(&b, &c, 1, 100);
    for (int i = 0; i < 100000; i++) {
        uint32_t len = 60 + mqoe_random_below(&r, 1455);
        path_arrive(&b, 0, len, 0);
        bytes += len - 10;
        uint64_t left = path_leave_time(&b);
        assert_true(left >= last);
        last = left;
        // All that was offered up to here fits into the opportunities up to here, and not into one fewer.
        uint64_t rest = last % (10 * MS) / MS, cycle = last / (10 * MS);
        uint64_t used = cycle * 5 + (rest >= 2 ? 2 : 0) + (rest >= 5) + (rest >= 9);
        assert_true(bytes <= used * 1504 && bytes + 2 * 1504 > used * 1504);
    }
    path_bed_close(&b);
}

// ---- steps ----

static const struct mqoe_path_step steps[] = {
    {10 * MS, 8000000, MQOE_PATH_KEEP, MQOE_PATH_KEEP_LOSS},
    {20 * MS, 80000000, 5 * MS, MQOE_PATH_KEEP_LOSS},
    {30 * MS, MQOE_PATH_KEEP, MQOE_PATH_KEEP, 1},
};

static struct mqoe_path_config stepped(uint64_t period) {
    struct mqoe_path_config c = path_plain();
    c.delay.mean = 1 * MS;
    c.link.rate = 1000000;
    c.trace.kind = MQOE_PATH_TRACE_STEPS;
    c.trace.steps = steps;
    c.trace.step_count = 3;
    c.trace.period = period;
    return c;
}

static void steps_are_in_force_at_their_time(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = stepped(0);
    path_bed_open(&b, &c, 1, 100);
    path_arrive(&b, 0, 100, 0); // the line's own: 1 ms, and 0.8 ms for 100 bytes
    assert_int_equal(path_leave_time(&b), 1800000);
    path_arrive(&b, 10 * MS, 1000, 0); // 8 Mbit/s: 1 ms
    assert_int_equal(path_leave_time(&b), 12 * MS);
    path_arrive(&b, 22 * MS, 1000, 0); // 80 Mbit/s and 5 ms
    assert_int_equal(path_leave_time(&b), 27100000);
    path_arrive(&b, 30 * MS - 1, 1000, 0); // still; it arrives when the rate is the line's own again
    path_arrive(&b, 30 * MS, 1000, 0);     // lost, for good
    path_arrive(&b, 3000 * MS, 1000, 0);
    assert_int_equal(path_leave_time(&b), 35 * MS - 1 + 8 * MS);
    assert_int_equal(b.line.counters.lost, 2);
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

// 1,000 bytes at 1 Mbit/s from 9 ms on: after 1 ms an eighth has gone, the rest takes 7/8 ms at 8 Mbit/s.
static void a_step_takes_what_is_left_of_a_frame(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = stepped(0);
    path_bed_open(&b, &c, 1, 100);
    path_arrive(&b, 8 * MS, 1000, 0);
    assert_int_equal(mqoe_path_line_next(&b.line), 9 * MS);
    assert_null(path_leave(&b, 9 * MS));
    assert_int_equal(mqoe_path_line_next(&b.line),
                     10 * MS); // not 17: the owner is to ask when the rate changes
    assert_int_equal(path_leave_time(&b), 10875000);
    path_bed_close(&b);
}

// 1,000 bytes from 9 ms on: 1 Mbit/s for 1 ms, 100 kbit/s for 10, then 1 Mbit/s again: 1 + 1 of 8 kbit by 20,
// 6 ms for the rest. A visit that is late finds the same.
static void a_late_visit_misses_no_step(void **state) {
    (void)state;
    static const struct mqoe_path_step slow[] = {
        {10 * MS, 100000, MQOE_PATH_KEEP, MQOE_PATH_KEEP_LOSS},
        {20 * MS, MQOE_PATH_KEEP, MQOE_PATH_KEEP, MQOE_PATH_KEEP_LOSS},
    };
    struct path_bed b;
    struct mqoe_path_config c = stepped(0);
    c.trace.steps = slow;
    c.trace.step_count = 2;
    path_bed_open(&b, &c, 1, 100);
    path_arrive(&b, 8 * MS, 1000, 0);
    struct mqoe_frame *f = path_leave(&b, SECOND);
    assert_int_equal(f->time, 26 * MS);
    path_bed_close(&b);
}

// A trace that is told to have begun long ago changes nothing of what has been: 3 ms of the frame have gone
// at 1 Mbit/s, the other five eighths take 5/8 ms at the step that is in force now.
static void a_trace_that_began_in_the_past_holds_from_now_on(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = stepped(0);
    c.delay.mean = 0;
    c.trace.step_count = 1;
    path_bed_open(&b, &c, 1, 100);
    mqoe_path_line_start(&b.line, SECOND);
    path_arrive(&b, SECOND, 1000, 0); // at the line's own rate: the step is to come
    assert_null(path_leave(&b, SECOND + 3 * MS));
    mqoe_path_line_start(&b.line, SECOND - 100 * MS);
    assert_int_equal(path_leave_time(&b), SECOND + 3 * MS + 625000);
    path_bed_close(&b);
}

static void steps_repeat(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = stepped(40 * MS);
    path_bed_open(&b, &c, 1, 100);
    for (uint64_t cycle = 0; cycle < 5000; cycle += cycle < 4 ? 1 : 997) {
        uint64_t start = cycle * 40 * MS;
        if (cycle) { // until the first step those of the last one hold: loss
            path_arrive(&b, start, 1000, 0);
            assert_int_equal(path_give_dropped(&b), 1);
        }
        path_arrive(&b, start + 10 * MS, 1000, 0);
        assert_int_equal(path_leave_time(&b), start + 12 * MS);
        path_arrive(&b, start + 20 * MS, 1000, 0);
        assert_int_equal(path_leave_time(&b), start + 25100000);
    }
    path_bed_close(&b);
}

// A change of anything else leaves the trace where it is; another trace begins at the change.
static void a_change_keeps_the_trace_going(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = stepped(0);
    path_bed_open(&b, &c, 1, 100);
    c.delay.mean = 2 * MS;
    change(&b, &c, 12 * MS);
    path_arrive(&b, 13 * MS, 1000, 0);
    assert_int_equal(path_leave_time(&b), 16 * MS);
    c.trace.step_count = 1;
    change(&b, &c, 17 * MS);
    path_arrive(&b, 18 * MS, 1000, 0); // the line's own rate until 27
    assert_int_equal(path_leave_time(&b),
                     27 * MS + 125 * MS / 1000); // 7 ms of 8 by then, the rest eight times faster
    path_arrive(&b, 28 * MS, 1000, 0);
    assert_int_equal(path_leave_time(&b), 31 * MS);
    path_bed_close(&b);
}

// ---- slots ----

static struct mqoe_path_config slotted(uint64_t min, uint64_t max, uint64_t packets, uint64_t bytes) {
    struct mqoe_path_config c = path_plain();
    c.slot = (struct mqoe_path_slot){
        .enabled = true, .min_delay = min, .max_delay = max, .packets = packets, .bytes = bytes};
    return c;
}

// A slot of 4 ms and at most 3 frames: what comes while it is closed leaves together.
static void frames_leave_in_slots(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = slotted(4 * MS, 4 * MS, 3, 0);
    path_bed_open(&b, &c, 1, 100);
    for (uint64_t i = 1; i <= 8; i++) // 1, 1.5, … 4.5 ms
        path_arrive(&b, MS / 2 + i * MS / 2, 100, 0);
    static const uint64_t expected[] = {5, 5, 5, 9, 9, 9, 13, 13};
    for (int i = 0; i < 8; i++)
        assert_int_equal(path_leave_time(&b), expected[i] * MS);
    path_arrive(&b, 13 * MS, 100, 0); // the slot is open, and has room
    assert_int_equal(path_leave_time(&b), 13 * MS);
    path_arrive(&b, 18 * MS, 100, 0); // full, so the next was at 17; from 18 another one
    assert_int_equal(path_leave_time(&b), 22 * MS);
    path_bed_close(&b);
}

static void a_slot_has_a_limit_in_bytes(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = slotted(4 * MS, 4 * MS, 0, 250);
    path_bed_open(&b, &c, 1, 100);
    for (int i = 0; i < 7; i++)
        path_arrive(&b, MS, 100, 0); // the one that begins within the limit goes
    static const uint64_t expected[] = {5, 5, 5, 9, 9, 9, 13};
    for (int i = 0; i < 7; i++)
        assert_int_equal(path_leave_time(&b), expected[i] * MS);
    path_bed_close(&b);
}

// netem's `slot 800us 5ms packets 16` of a bursty link, under load: distances uniform, bursts of at most 16,
// and frames that wait for a slot fill the buffer.
static void distances_of_slots_are_uniform(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = slotted(800000, 5 * MS, 16, 0);
    c.link.limit_packets = 40;
    path_bed_open(&b, &c, 1, 100);
    uint64_t last = 0, slots = 0, burst = 0, below = 0;
    double sum = 0;
    for (uint64_t now = 0; slots < 20000; now += 20000) {
        path_arrive(&b, now, 100, 0);
        path_give_dropped(&b);
        for (struct mqoe_frame *f; (f = path_leave(&b, now)); mqoe_frame_list_push(&b.spare, f)) {
            assert_true(f->time == last || f->time >= last + 800000);
            assert_true(f->time != last || burst < 16);
            if (f->time != last && last && burst == 16) { // after a full one the next opens by the draw alone
                assert_true(f->time <= last + 5 * MS);
                slots++;
                sum += (double)(f->time - last);
                below += f->time - last < 1850000;
            }
            burst = f->time == last ? burst + 1 : 1;
            last = f->time;
        }
    }
    assert_true(b.line.counters.overflow > 1000);
    double mean = sum / (double)slots, deviation = 4.2e6 / 3.4641 / 141.42; // of a mean of 20,000
    assert_true(mean > 2.9e6 - 2.58 * deviation && mean < 2.9e6 + 2.58 * deviation);
    assert_true(below > 5000 - 158 && below < 5000 + 158); // a quarter, 99 % of binomial
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

static void slots_have_distributions(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = path_plain();
    c.slot = (struct mqoe_path_slot){.enabled = true, .distributed = true, .packets = 1};
    c.slot.spread =
        (struct mqoe_path_spread){.mean = 10 * MS, .jitter = 2 * MS, .distribution = MQOE_PATH_NORMAL};
    path_bed_open(&b, &c, 1, 100);
    path_arrive(&b, 0, 100, 0);
    uint64_t before = path_leave_time(&b);
    double sum = 0, square = 0;
    enum { SLOTS = 100000 };
    for (int i = 0; i < SLOTS; i++) {
        path_arrive(&b, before, 100, 0);
        uint64_t left = path_leave_time(&b);
        double distance = (double)(left - before) / 1e6;
        sum += distance / SLOTS;
        square += distance * distance / SLOTS;
        before = left;
    }
    assert_true(sum > 10 - 2.58 * 2 / 316.2 && sum < 10 + 2.58 * 2 / 316.2);
    assert_true(square - sum * sum > 3.95 && square - sum * sum < 4.05);
    path_bed_close(&b);
}

// Frames are transmitted while the ones before wait for their slot.
static void a_rate_fills_slots(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = slotted(5 * MS, 5 * MS, 0, 0);
    c.link.rate = 8000000; // 1,000 bytes: 1 ms
    path_bed_open(&b, &c, 1, 100);
    for (int i = 0; i < 8; i++)
        path_arrive(&b, 0, 1000, 0);
    // The first is ready at 1 ms, its slot opens at 6: those until 6 join. The one of 7 opens the slot of 12.
    static const uint64_t expected[] = {6, 6, 6, 6, 6, 6, 12, 12};
    for (int i = 0; i < 8; i++)
        assert_int_equal(path_leave_time(&b), expected[i] * MS);
    path_bed_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_opportunity_carries_one_full_packet),
        cmocka_unit_test(small_packets_share_an_opportunity),
        cmocka_unit_test(a_trace_has_a_delay_and_a_buffer),
        cmocka_unit_test(a_trace_begins_when_it_is_told),
        cmocka_unit_test(a_link_becomes_another_one),
        cmocka_unit_test(a_saturated_trace_delivers_its_rate),
        cmocka_unit_test(steps_are_in_force_at_their_time),
        cmocka_unit_test(a_step_takes_what_is_left_of_a_frame),
        cmocka_unit_test(a_late_visit_misses_no_step),
        cmocka_unit_test(a_trace_that_began_in_the_past_holds_from_now_on),
        cmocka_unit_test(steps_repeat),
        cmocka_unit_test(a_change_keeps_the_trace_going),
        cmocka_unit_test(frames_leave_in_slots),
        cmocka_unit_test(a_slot_has_a_limit_in_bytes),
        cmocka_unit_test(distances_of_slots_are_uniform),
        cmocka_unit_test(slots_have_distributions),
        cmocka_unit_test(a_rate_fills_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
