// Delay and rate of a path line: exact releases, the buffer before the rate, and changes while it works.
#include "path_bed.h"

static struct mqoe_path_config rated(uint64_t delay, uint64_t rate) {
    struct mqoe_path_config c = path_plain();
    c.delay.mean = delay;
    c.link.rate = rate;
    return c;
}

static void change(struct path_bed *b, const struct mqoe_path_config *c, uint64_t now) {
    struct mqoe_error e;
    assert_int_equal(mqoe_path_line_set(&b->line, c, now, &b->dropped, &e), 0);
}

static void holds_for_exactly_the_delay(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(10 * MS, 0);
    path_bed_open(&b, &c, 1, 10);
    assert_true(mqoe_path_line_next(&b.line) == MQOE_NEVER);
    assert_null(path_leave(&b, MQOE_NEVER));
    path_arrive(&b, 5 * MS, 100, 0);
    assert_int_equal(mqoe_path_line_next(&b.line), 15 * MS);
    assert_null(path_leave(&b, 15 * MS - 1));
    assert_int_equal(path_leave(&b, 15 * MS)->time, 15 * MS);
    assert_null(path_leave(&b, SECOND));
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

// Three lines in a row, each woken up to 2 ms late: the frame's logical time is still the sum of what they
// do.
static void lateness_does_not_accumulate(void **state) {
    (void)state;
    struct path_bed b[3];
    struct mqoe_random r;
    struct mqoe_path_config c = rated(7 * MS, 10000000);
    mqoe_random_seed(&r, 5);
    for (int i = 0; i < 3; i++)
        path_bed_open(&b[i], &c, 1, 2);
    for (int round = 0; round < 300; round++) {
        uint64_t start = (uint64_t)round * 50 * MS, at = start, now = start;
        struct mqoe_frame *f = path_arrive(&b[0], start, 1514, 0);
        for (int i = 0; i < 3; i++) {
            if (i)
                mqoe_path_line_enqueue(&b[i].line, f, at, NULL, &b[i].dropped);
            do {
                uint64_t due = mqoe_path_line_next(&b[i].line);
                now = (due > now ? due : now) + mqoe_random_below(&r, 2 * MS);
            } while (!(f = path_leave(&b[i], now)));
            at = f->time;
        }
        assert_int_equal(at, start + 3 * (7 * MS + 1211200));
        mqoe_frame_list_push(&b[0].spare, f);
    }
    for (int i = 0; i < 3; i++)
        path_bed_close(&b[i]);
}

static void a_shorter_delay_overtakes_nobody(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(100 * MS, 0);
    path_bed_open(&b, &c, 1, 10);
    path_arrive(&b, 0, 100, 0);
    c.delay.mean = 10 * MS;
    c.keep_order = false; // concerns jitter, and there is none
    change(&b, &c, 0);
    path_arrive(&b, 1 * MS, 100, 0);  // would be due at 11 ms, behind one due at 100 ms
    path_arrive(&b, 95 * MS, 100, 0); // 105 ms: the old delay has run out
    assert_int_equal(mqoe_path_line_next(&b.line), 100 * MS);
    assert_int_equal(path_leave(&b, 100 * MS)->user, 0);
    assert_int_equal(path_leave(&b, 100 * MS)->user, 1);
    assert_null(path_leave(&b, 100 * MS));
    assert_int_equal(path_leave(&b, 105 * MS)->time, 105 * MS);
    path_bed_close(&b);
}

// Golden values of netem's rule (algorithms.md §6): 1514 B at 10 Mbit/s take 1,211,200 ns, after the delay; a
// frame that comes later than the line is busy starts anew.
static void a_rate_serialises_after_the_delay(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(10 * MS, 10000000);
    path_bed_open(&b, &c, 1, 10);
    path_arrive(&b, 0, 1514, 0);
    path_arrive(&b, 0, 1514, 0);
    path_arrive(&b, MS, 64, 0);
    path_arrive(&b, 50 * MS, 64, 0);
    assert_int_equal(path_leave_time(&b), 10 * MS + 1211200);
    assert_int_equal(path_leave_time(&b), 10 * MS + 2 * 1211200);
    assert_int_equal(path_leave_time(&b), 10 * MS + 2 * 1211200 + 51200);
    assert_int_equal(path_leave_time(&b), 60 * MS + 51200);
    assert_true(path_leave_time(&b) == MQOE_NEVER);
    path_bed_close(&b);
}

// Of netem's `rate`: overhead of the packet, and cells with theirs (here ATM's: 48 bytes and 5 of header).
static void overhead_and_cells_cost_time(void **state) {
    (void)state;
    static const struct {
        int32_t packet, cell_overhead;
        uint32_t cell, len;
        uint64_t bytes;
    } vectors[] = {
        {0, 0, 0, 1514, 1514},  {20, 0, 0, 100, 120},  {-14, 0, 0, 100, 86}, {-200, 0, 0, 100, 0},
        {0, 5, 48, 48, 53},     {0, 5, 48, 49, 106},   {10, 5, 48, 86, 106}, {10, 5, 48, 87, 159},
        {0, 0, 1000, 60, 1000}, {-100, 5, 48, 100, 0},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct path_bed b;
        struct mqoe_path_config c = rated(0, 1000000);
        c.link.packet_overhead = vectors[i].packet;
        c.link.cell_size = vectors[i].cell;
        c.link.cell_overhead = vectors[i].cell_overhead;
        path_bed_open(&b, &c, 1, 10);
        path_arrive(&b, MS, vectors[i].len, 0);
        assert_int_equal(path_leave_time(&b), MS + vectors[i].bytes * 8000);
        path_bed_close(&b);
    }
}

// 200,000 frames back to back at rates that divide nothing: each leaves at the exact time, rounded down.
// Rounding each frame would be off by up to 200 µs.
static void fractions_of_a_nanosecond_do_not_add_up(void **state) {
    (void)state;
    static const uint64_t rates[] = {7, 999983, 33333333, 1000000007, 999999999989};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct path_bed b;
        struct mqoe_random r;
        unsigned __int128 bits = 0;
        struct mqoe_path_config c = rated(10 * MS, rates[i]);
        mqoe_random_seed(&r, i);
        path_bed_open(&b, &c, 1, 10);
        for (uint32_t n = 0; n < 200000; n++) {
            uint32_t len = 60 + mqoe_random_below(&r, 1455);
            path_arrive(&b, SECOND, len, 0);
            bits += len * 8;
            assert_int_equal(path_leave_time(&b), SECOND + 10 * MS + (uint64_t)(bits * SECOND / rates[i]));
        }
        path_bed_close(&b);
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

static uint64_t take_due(struct path_bed *b, uint64_t now, const uint64_t *expected, uint64_t out) {
    for (struct mqoe_frame *left; (left = path_leave(b, now)); out++) {
        assert_int_equal(left->user, out);
        assert_int_equal(left->time, expected[out % 1000]);
        mqoe_frame_list_push(&b->spare, left);
    }
    return out;
}

// Random arrivals between idle and overload, late visits: every frame leaves once, in order, at its exact
// time.
static void a_rated_line_follows_the_model(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        struct path_bed b;
        struct mqoe_random r;
        uint64_t now = SECOND, in = 0, out = 0, expected[1000];
        mqoe_random_seed(&r, seed);
        struct rate_model m = {mqoe_random_below(&r, 30) * MS, 1000000 + mqoe_random_below(&r, 1000000000),
                               0};
        struct mqoe_path_config c = rated(m.delay, m.rate);
        path_bed_open(&b, &c, 1, 1000);
        for (uint32_t i = 0; i < 50000; i++) {
            now += mqoe_random_below(&r, (uint32_t)(3 * 787 * 8 * SECOND / m.rate)); // 2/3 of the rate, mean
            uint32_t len = 60 + mqoe_random_below(&r, 1455);
            if (path_arrive(&b, now, len, 0))
                expected[in++ % 1000] = model_release(&m, len, now);
            if (i % 7 == 0)
                out = take_due(&b, now, expected, out);
        }
        assert_null(b.dropped.head);
        assert_int_equal(in, out + b.line.held);
        assert_true(out > 10000);
        path_assert_conserved(&b.line);
        path_bed_close(&b);
    }
}

// The buffer counts frames whose delay is over, the one in transmission included: nothing in flight does.
static void the_buffer_has_a_limit_in_packets(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(100 * MS, 12112000); // 1514 bytes: 1 ms
    c.link.limit_packets = 3;
    path_bed_open(&b, &c, 1, 100);
    for (uint64_t i = 0; i < 10; i++) // all in flight at once, one every 2 ms: no queue
        path_arrive(&b, i * 2 * MS, 1514, 0);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(path_leave_time(&b), 101 * MS + i * 2 * MS);
    for (int i = 0; i < 5; i++)
        path_arrive(&b, SECOND, 1514, 0);
    path_arrive(&b, SECOND + MS, 1514, 0); // its delay is over the moment the first has been transmitted
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(path_leave_time(&b), SECOND + 101 * MS + i * MS);
    assert_true(path_leave_time(&b) == MQOE_NEVER);
    assert_int_equal(b.line.counters.overflow, 2);
    assert_int_equal(b.dropped.head->user, 13);
    assert_int_equal(path_give_dropped(&b), 2);
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

static void the_buffer_has_a_limit_in_bytes(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(0, 8000000);
    c.link.limit_bytes = 3000;
    path_bed_open(&b, &c, 1, 100);
    for (int i = 0; i < 3; i++)
        path_arrive(&b, MS, 1000, 0);
    path_arrive(&b, MS, 1000, 0);         // 4,000 would be too many
    path_arrive(&b, MS + 999999, 100, 0); // still full
    path_arrive(&b, 2 * MS, 1000, 0);     // the first one has left
    while (path_leave_time(&b) != MQOE_NEVER)
        ;
    assert_int_equal(b.line.counters.overflow, 2);
    assert_int_equal(b.dropped.head->user, 3);
    assert_int_equal(b.dropped.head->next->user, 4);
    path_bed_close(&b);
}

// A visit a second late finds the same frames dropped, marked and released as one that is on time.
static void what_overflows_does_not_depend_on_when_one_looks(void **state) {
    (void)state;
    uint64_t releases[2][400], count[2] = {0}, overflow[2];
    for (int late = 0; late < 2; late++) {
        struct path_bed b;
        struct mqoe_random r;
        struct mqoe_path_config c = rated(30 * MS, 5000000);
        c.link.limit_packets = 8;
        mqoe_random_seed(&r, 3);
        path_bed_open(&b, &c, 1, 1000);
        uint64_t now = 0;
        for (int i = 0; i < 400; i++) {
            now += mqoe_random_below(&r, 2 * MS);
            for (struct mqoe_frame *f; !late && (f = path_leave(&b, now)); mqoe_frame_list_push(&b.spare, f))
                releases[late][count[late]++] = f->time;
            path_arrive(&b, now, 60 + mqoe_random_below(&r, 1400), 0);
        }
        for (struct mqoe_frame *f; (f = path_leave(&b, now + SECOND)); mqoe_frame_list_push(&b.spare, f))
            releases[late][count[late]++] = f->time;
        overflow[late] = b.line.counters.overflow;
        path_bed_close(&b);
    }
    assert_true(overflow[0] > 20 && overflow[0] < 380);
    assert_int_equal(overflow[0], overflow[1]);
    assert_int_equal(count[0], count[1]);
    assert_memory_equal(releases[0], releases[1], count[0] * sizeof **releases);
}

// A flood is not kept until the next frame leaves: what finds the buffer full comes back with the next
// arrival.
static void what_overflows_comes_back_soon(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(0, 64000); // 1,000 bytes: 125 ms
    c.link.limit_packets = 4;
    path_bed_open(&b, &c, 1, 100);
    for (uint64_t i = 0; i < 10000; i++) {
        assert_non_null(path_arrive(&b, i * 10000, 1000, 0));
        path_give_dropped(&b);
        (void)mqoe_path_line_next(&b.line);
        if (i == 0) // the owner's timer: the first one is being transmitted from here on
            assert_null(path_leave(&b, 0));
        assert_true(b.line.held <= 5);
    }
    path_bed_close(&b);
}

// The buffer in exact arithmetic: who is there when a frame arrives, by the departures of those before.
struct buffer_model {
    struct rate_model rate;
    uint64_t leaves[5000], bytes[5000], first, count;
};

static bool model_takes(struct buffer_model *m, const struct mqoe_path_link *l, uint64_t due, uint32_t len,
                        bool *marks) {
    while (m->first < m->count && m->leaves[m->first] <= due)
        m->first++;
    uint64_t backlog = 0;
    for (uint64_t i = m->first; i < m->count; i++)
        backlog += m->bytes[i];
    if ((l->limit_packets && m->count - m->first >= l->limit_packets) ||
        (l->limit_bytes && backlog + len > l->limit_bytes))
        return false;
    *marks = l->ecn_threshold && backlog >= l->ecn_threshold;
    m->leaves[m->count] = model_release(&m->rate, len, due - m->rate.delay);
    m->bytes[m->count++] = len;
    return true;
}

static void a_buffer_follows_the_model(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        static struct buffer_model m;
        struct path_bed b;
        struct mqoe_random r;
        uint64_t now = SECOND, lost = 0, marked = 0;
        mqoe_random_seed(&r, seed);
        m = (struct buffer_model){
            {mqoe_random_below(&r, 2) * 7 * MS, 1000000 + mqoe_random_below(&r, 9000000), 0}, {0}, {0}, 0, 0};
        struct mqoe_path_config c = rated(m.rate.delay, m.rate.rate);
        c.link.limit_packets = seed % 3 ? 1 + mqoe_random_below(&r, 20) : 0;
        c.link.limit_bytes = seed % 3 != 1 ? 1500 + mqoe_random_below(&r, 20000) : 0;
        c.link.ecn_threshold = seed % 2 ? 1 + mqoe_random_below(&r, 5000) : 0;
        path_bed_open(&b, &c, 1, 5000);
        for (int i = 0; i < 5000; i++) {
            now += mqoe_random_below(&r, (uint32_t)(8000 * SECOND / m.rate.rate)); // 60 % more than the rate
            uint32_t len = 60 + mqoe_random_below(&r, 1455);
            bool marks = false, takes = model_takes(&m, &c.link, now + m.rate.delay, len, &marks);
            lost += !takes;
            marked += marks;
            path_arrive(&b, now, len, MQOE_ECT_0);
        }
        for (uint64_t i = 0; i < m.count; i++)
            assert_int_equal(path_leave_time(&b), m.leaves[i]);
        assert_int_equal(b.line.counters.overflow, lost);
        assert_int_equal(b.line.counters.marked, marked);
        assert_true(lost > 100);
        assert_true(path_leave_time(&b) == MQOE_NEVER);
        path_assert_conserved(&b.line);
        path_bed_close(&b);
    }
}

static void a_backlog_marks_those_that_understand(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(0, 1000000);
    c.link.ecn_threshold = 2000;
    path_bed_open(&b, &c, 1, 100);
    const uint8_t tos[] = {MQOE_ECT_0, MQOE_ECT_0, MQOE_ECT_0, MQOE_NOT_ECT, MQOE_ECT_1};
    const uint8_t expected[] = {MQOE_ECT_0, MQOE_ECT_0, MQOE_CE, MQOE_NOT_ECT, MQOE_CE};
    for (int i = 0; i < 5; i++) // backlog found: 0, 1000, 2000, 3000, 4000
        path_arrive(&b, MS, 1000, tos[i]);
    for (int i = 0; i < 5; i++) {
        struct mqoe_frame *f = path_leave(&b, SECOND);
        assert_int_equal(f->tos & 3, expected[i]);
        assert_int_equal(f->data[15] & 3, expected[i]);
        assert_int_equal(mqoe_checksum(f->data + 14, 20), 0);
    }
    assert_int_equal(b.line.counters.marked, 2);
    path_bed_close(&b);
}

// 1,000 bytes at 1 Mbit/s are 8 ms. After 4 ms the rate goes up tenfold: half a frame is left, 0.4 ms of it.
static void a_new_rate_takes_what_is_left(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(0, 1000000);
    path_bed_open(&b, &c, 1, 10);
    for (int i = 0; i < 3; i++)
        path_arrive(&b, 0, 1000, 0);
    c.link.rate = 10000000;
    change(&b, &c, 4 * MS);
    assert_int_equal(path_leave_time(&b), 4400000);
    assert_int_equal(path_leave_time(&b), 5200000);
    c.link.rate = 0;
    change(&b, &c, 5500000);
    assert_int_equal(path_leave_time(&b), 5500000);
    path_arrive(&b, 6 * MS, 1000, 0);
    assert_int_equal(path_leave_time(&b), 6 * MS);
    path_bed_close(&b);
}

// A thousand changes of rate while a frame is transmitted: it leaves at the exact time, rounded down.
static void changes_of_rate_do_not_add_up(void **state) {
    (void)state;
    static const uint64_t rates[] = {333333333, 777777777};
    struct path_bed b;
    struct mqoe_path_config c = rated(0, rates[0]);
    path_bed_open(&b, &c, 1, 10);
    path_arrive(&b, 0, 1514, 0);
    assert_null(path_leave(&b, 0));
    uint64_t left = 1514 * 8 * SECOND, now = 0; // in bit × ns/s
    for (int i = 1; i <= 1000; i++) {
        left -= rates[(i - 1) % 2] * 11;
        now += 11;
        c.link.rate = rates[i % 2];
        change(&b, &c, now);
    }
    assert_int_equal(path_leave_time(&b), now + left / rates[0]);
    path_bed_close(&b);
}

static void a_line_that_stood_still_goes_on(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(0, 1);
    path_bed_open(&b, &c, 1, 10);
    path_arrive(&b, 0, 1250, 0); // 10,000 s
    c.link.rate = 10000000;
    change(&b, &c, SECOND); // one bit of 10,000 has gone
    assert_int_equal(path_leave_time(&b), SECOND + 999900);
    path_bed_close(&b);
}

static void a_pulled_cable_loses_what_is_inside(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = rated(10 * MS, 8000000);
    path_bed_open(&b, &c, 1, 100);
    for (uint64_t i = 0; i < 20; i++)
        path_arrive(&b, i * MS / 2, 1000, 0); // the first leaves at 11 ms, then one a millisecond
    c.up = false;
    change(&b, &c, 13 * MS); // three have left, though nobody asked for them
    assert_int_equal(path_give_dropped(&b), 17);
    path_arrive(&b, 14 * MS, 1000, 0);
    assert_int_equal(path_give_dropped(&b), 1);
    assert_int_equal(b.line.counters.down, 18);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(path_leave_time(&b), (11 + i) * MS);
    c.up = true;
    change(&b, &c, 15 * MS);
    path_arrive(&b, 15 * MS, 1000, 0);
    assert_int_equal(path_leave_time(&b), 26 * MS);
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

static void only_a_line_that_does_nothing_is_idle(void **state) {
    (void)state;
    struct path_bed b;
    struct mqoe_path_config c = path_plain();
    path_bed_open(&b, &c, 1, 10);
    assert_true(mqoe_path_line_idle(&b.line));
    c.delay.mean = MS;
    change(&b, &c, 0);
    assert_false(mqoe_path_line_idle(&b.line));
    path_arrive(&b, 0, 100, 0);
    c.delay.mean = 0;
    change(&b, &c, 0);
    assert_false(mqoe_path_line_idle(&b.line)); // it holds one, which nobody may overtake
    assert_int_equal(path_leave_time(&b), MS);
    assert_true(mqoe_path_line_idle(&b.line));
    c.up = false;
    change(&b, &c, MS);
    assert_false(mqoe_path_line_idle(&b.line));
    path_bed_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_for_exactly_the_delay),
        cmocka_unit_test(lateness_does_not_accumulate),
        cmocka_unit_test(a_shorter_delay_overtakes_nobody),
        cmocka_unit_test(a_rate_serialises_after_the_delay),
        cmocka_unit_test(overhead_and_cells_cost_time),
        cmocka_unit_test(fractions_of_a_nanosecond_do_not_add_up),
        cmocka_unit_test(a_rated_line_follows_the_model),
        cmocka_unit_test(the_buffer_has_a_limit_in_packets),
        cmocka_unit_test(the_buffer_has_a_limit_in_bytes),
        cmocka_unit_test(what_overflows_does_not_depend_on_when_one_looks),
        cmocka_unit_test(what_overflows_comes_back_soon),
        cmocka_unit_test(a_buffer_follows_the_model),
        cmocka_unit_test(a_backlog_marks_those_that_understand),
        cmocka_unit_test(a_new_rate_takes_what_is_left),
        cmocka_unit_test(changes_of_rate_do_not_add_up),
        cmocka_unit_test(a_line_that_stood_still_goes_on),
        cmocka_unit_test(a_pulled_cable_loses_what_is_inside),
        cmocka_unit_test(only_a_line_that_does_nothing_is_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
