// The tally of a stream: to which bin what belongs, and that nothing is counted twice or not at all.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "packet/random.h"
#include "traffic/tally.h"

#define MS      INT64_C(1000000)
#define S       INT64_C(1000000000)
#define WIDTH   (100 * MS)
#define RECORDS 4096
#define SIZE    50

struct bed {
    struct mqoe_segment segments[2];
    struct traffic_tally tally;
};

// A stream of 1 ms from 250 ms on.
static void open_bed(struct bed *b) {
    const struct traffic_pair pair = {.id = 7, .start = 250 * MS, .stop = 100 * S};
    uint64_t window = (uint64_t)(traffic_tally_horizon(WIDTH) / MS) + 10;
    assert_int_equal(mqoe_segment_create(&b->segments[0], "udp_bin", "t", RECORDS), 0);
    assert_int_equal(mqoe_segment_create(&b->segments[1], "udp_sent", "t", RECORDS), 0);
    assert_int_equal(traffic_tally_open(&b->tally, &pair, WIDTH, window), 0);
    b->tally.arrived_records = &b->segments[0];
    b->tally.sent_records = &b->segments[1];
}

static void close_bed(struct bed *b) {
    traffic_tally_close(&b->tally);
    mqoe_segment_close(&b->segments[0]);
    mqoe_segment_close(&b->segments[1]);
}

static uint64_t count_of(const struct bed *b, int segment) {
    return atomic_load(&b->segments[segment].header->head);
}

static const struct mqoe_record_udp_bin *arrived(const struct bed *b, uint64_t i) {
    return (const struct mqoe_record_udp_bin *)b->segments[0].records + i;
}

static const struct mqoe_record_udp_sent *sent(const struct bed *b, uint64_t i) {
    return (const struct mqoe_record_udp_sent *)b->segments[1].records + i;
}

static void send_at(struct bed *b, int64_t now, uint64_t count) {
    traffic_tally_sent(&b->tally, count, count * SIZE, now);
}

// A bin of sending is written when its last packet has arrived; arrivals count when they come.
static void loss_belongs_to_when_it_was_sent(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b);
    send_at(&b, 290 * MS, 3); // 0 … 2
    send_at(&b, 310 * MS, 2); // 3, 4
    assert_true(traffic_tally_arrive(&b.tally, 0, SIZE, 350 * MS));
    assert_true(traffic_tally_arrive(&b.tally, 2, SIZE, 360 * MS));
    assert_true(traffic_tally_arrive(&b.tally, 1, SIZE, 370 * MS));
    assert_true(traffic_tally_arrive(&b.tally, 1, SIZE, 380 * MS));
    assert_false(traffic_tally_arrive(&b.tally, 5, SIZE, 390 * MS));
    traffic_tally_advance(&b.tally, 400 * MS);
    assert_int_equal(count_of(&b, 0), 2);
    assert_int_equal(arrived(&b, 0)->packets, 0);
    assert_int_equal(arrived(&b, 1)->time, 400 * MS);
    assert_int_equal(arrived(&b, 1)->stream, 7);
    assert_int_equal(arrived(&b, 1)->packets, 3);
    assert_int_equal(arrived(&b, 1)->bytes, 150);
    assert_int_equal(arrived(&b, 1)->reordered, 1);
    assert_int_equal(arrived(&b, 1)->duplicates, 1);
    assert_int_equal(count_of(&b, 1), 1); // the second bin waits for 3 and 4
    assert_int_equal(sent(&b, 0)->time, 300 * MS);
    assert_int_equal(sent(&b, 0)->packets, 3);
    assert_int_equal(sent(&b, 0)->lost, 0);
    traffic_tally_arrive(&b.tally, 4, SIZE, 5 * S);
    traffic_tally_advance(&b.tally, 400 * MS + TRAFFIC_GIVE_UP - 1);
    assert_int_equal(count_of(&b, 1), 1);
    traffic_tally_advance(&b.tally, 400 * MS + TRAFFIC_GIVE_UP);
    assert_true(count_of(&b, 1) > 2);
    assert_int_equal(sent(&b, 1)->packets, 2);
    assert_int_equal(sent(&b, 1)->bytes, 100);
    assert_int_equal(sent(&b, 1)->lost, 1);
    assert_int_equal(sent(&b, 2)->packets, 0);
    assert_true(
        traffic_tally_arrive(&b.tally, 3, SIZE, 11 * S)); // too late to be found again, but it did arrive
    traffic_tally_end(&b.tally, 11 * S + 50 * MS);
    uint64_t last = count_of(&b, 0) - 1;
    assert_int_equal(arrived(&b, last)->time, 11 * S + 100 * MS);
    assert_int_equal(arrived(&b, last)->packets, 1);
    assert_int_equal(arrived(&b, last)->late, 1);
    close_bed(&b);
}

static void an_early_end_blames_nobody(void **state) {
    (void)state;
    struct bed b;
    open_bed(&b);
    send_at(&b, 290 * MS, 10);
    for (uint32_t i = 0; i < 4; i++)
        traffic_tally_arrive(&b.tally, i, SIZE, 295 * MS);
    send_at(&b, 350 * MS, 5); // in a bin that is not over
    traffic_tally_break_off(&b.tally, 360 * MS);
    assert_int_equal(count_of(&b, 0), 1);
    assert_int_equal(count_of(&b, 1), 1);
    assert_int_equal(sent(&b, 0)->packets, 10);
    assert_int_equal(sent(&b, 0)->lost, 0);
    assert_int_equal(sent(&b, 0)->pending, 6);
    close_bed(&b);
}

// Random sending, stalls, loss, copies and order: packets = arrived + lost, bins without a gap, nothing in
// between lost.
static void every_packet_is_counted_once(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        struct bed b;
        struct mqoe_random r;
        uint64_t packets = 0, lost = 0, got = 0, late = 0, refused = 0;
        int64_t now = 250 * MS, end = 60 * S + 30 * MS;
        mqoe_random_seed(&r, seed);
        open_bed(&b);
        for (; now < end; now += mqoe_random_below(&r, 200) ? MS : mqoe_random_below(&r, 12000) * MS) {
            if (mqoe_random_below(&r, 20))
                send_at(&b, now, 1);
            else
                traffic_tally_sending(&b.tally, now)->refused++;
            uint64_t back = mqoe_random_below(&r, mqoe_random_below(&r, 100) ? 30 : 20000);
            if (back < b.tally.window.next)
                assert_true(traffic_tally_arrive(&b.tally, b.tally.window.next - 1 - back, SIZE, now));
        }
        traffic_tally_end(&b.tally, end);
        for (uint64_t i = 0; i < count_of(&b, 0); i++) {
            assert_int_equal(arrived(&b, i)->time, 300 * MS + (int64_t)i * WIDTH);
            got += arrived(&b, i)->packets;
            late += arrived(&b, i)->late;
        }
        for (uint64_t i = 0; i < count_of(&b, 1); i++) {
            assert_int_equal(sent(&b, i)->time, 300 * MS + (int64_t)i * WIDTH);
            packets += sent(&b, i)->packets;
            lost += sent(&b, i)->lost;
            refused += sent(&b, i)->refused;
        }
        assert_int_equal(count_of(&b, 0), count_of(&b, 1));
        assert_int_equal(packets, b.tally.window.next);
        assert_int_equal(packets, got - late + lost);
        assert_true(lost > 0 && refused > 0);
        close_bed(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_belongs_to_when_it_was_sent),
        cmocka_unit_test(an_early_end_blames_nobody),
        cmocka_unit_test(every_packet_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
