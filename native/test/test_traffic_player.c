// The player of adaptive video: when playback begins, runs dry and goes on, to the nanosecond; the throughput
// it believes in; and the rungs that it chooses, by vectors worked out by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "traffic/player.h"

#define S INT64_C(1000000000)

static const struct traffic_player_plan four_rungs = {
    .segment = 2 * S,
    .buffer = 22 * S, // so that there is room for one more at 20 s, twice what is low
    .startup = 4 * S,
    .resume = 2 * S,
    .bitrates = {1000000, 2000000, 4000000, 8000000},
    .rungs = 4,
};

static struct traffic_player_plan plan_with(enum traffic_adaptation adaptation) {
    struct traffic_player_plan plan = four_rungs;
    plan.adaptation = adaptation;
    return plan;
}

// ---- playback ----

static void playback_begins_with_enough_content(void **state) {
    (void)state;
    struct traffic_player p;
    struct traffic_player_change c;
    traffic_player_open(&p, &four_rungs, 10 * S);
    assert_false(traffic_player_advance(&p, 11 * S, &c));
    assert_false(traffic_player_arrived(&p, 250000, S, &c)); // 2 s of the 4 that are wanted
    assert_false(traffic_player_advance(&p, 13 * S, &c));
    assert_true(p.buffered == 2 * S); // nothing is played while it waits
    assert_true(traffic_player_arrived(&p, 250000, S, &c));
    assert_true(c.time == 13 * S && c.waited == 3 * S);
    assert_int_equal(c.state, TRAFFIC_PLAYBACK_PLAYING);
    assert_true(p.buffered == 4 * S);
}

static void playback_stops_when_it_runs_dry_and_goes_on(void **state) {
    (void)state;
    struct traffic_player p;
    struct traffic_player_change c;
    traffic_player_open(&p, &four_rungs, 0);
    (void)traffic_player_arrived(&p, 250000, S, &c);
    assert_true(traffic_player_arrived(&p, 250000, S, &c)); // plays from 0 on, has content until 4 s
    assert_false(traffic_player_advance(&p, 3 * S, &c));
    assert_true(p.buffered == S);
    assert_false(traffic_player_advance(&p, 4 * S, &c)); // just empty
    assert_true(traffic_player_advance(&p, 7 * S, &c));
    assert_true(c.time == 4 * S); // however late it is asked
    assert_int_equal(c.state, TRAFFIC_PLAYBACK_STALLED);
    assert_false(traffic_player_advance(&p, 8 * S, &c)); // once
    assert_true(p.buffered == 0);
    assert_true(traffic_player_arrived(&p, 250000, 8 * S, &c));
    assert_true(c.time == 8 * S && c.waited == 4 * S);
    assert_false(traffic_player_advance(&p, 9 * S, &c));
    assert_true(p.buffered == S);
}

static void there_is_room_when_a_segment_fits(void **state) {
    (void)state;
    struct traffic_player p;
    struct traffic_player_change c;
    traffic_player_open(&p, &four_rungs, 0);
    for (int i = 0; i < 10; i++) {
        assert_true(traffic_player_room(&p) == 0);
        (void)traffic_player_arrived(&p, 250000, S, &c);
    }
    assert_true(p.buffered == 20 * S);
    assert_true(traffic_player_room(&p) == 0); // 20 + 2 = 22
    (void)traffic_player_arrived(&p, 250000, S, &c);
    assert_true(traffic_player_room(&p) == 2 * S); // when 2 s of it were played
    assert_false(traffic_player_advance(&p, S, &c));
    assert_true(traffic_player_room(&p) == 2 * S);
    assert_false(traffic_player_advance(&p, 5 * S / 2, &c));
    assert_true(traffic_player_room(&p) == 5 * S / 2);
}

// ---- throughput ----

// Equal downloads are believed as they are, from the first on; 0 ns teach nothing.
static void throughput_of_equal_downloads(void **state) {
    (void)state;
    struct traffic_player p;
    struct traffic_player_change c;
    traffic_player_open(&p, &four_rungs, 0);
    assert_true(traffic_player_throughput(&p) == 0);
    (void)traffic_player_arrived(&p, 1000, 0, &c);
    assert_true(traffic_player_throughput(&p) == 0);
    for (int i = 0; i < 5; i++) {
        (void)traffic_player_arrived(&p, 500000, S, &c); // 4 Mbit/s
        assert_true(fabs(traffic_player_throughput(&p) - 4e6) < 1e-3);
    }
}

// 3 s at 8 Mbit/s, then 3 s at 2: the fast average has halved what it knew (2 / 3 of the weight is new), the
// slow one gives the new 1 / (1 + 2^(-3/8)).
static void throughput_is_the_lower_of_two_averages(void **state) {
    (void)state;
    struct traffic_player p;
    struct traffic_player_change c;
    traffic_player_open(&p, &four_rungs, 0);
    (void)traffic_player_arrived(&p, 3000000, 3 * S, &c);
    (void)traffic_player_arrived(&p, 750000, 3 * S, &c);
    assert_true(fabs(traffic_player_throughput(&p) - 4e6) < 1); // (8 · 1/4 + 2 · 1/2) / (3/4)
    double slow_weight = 1 / (1 + pow(2, -3.0 / 8));
    // Up again: what was low stays longer in the slow one.
    (void)traffic_player_arrived(&p, 3000000, 3 * S, &c);
    double slow = (8 * (1 - slow_weight) + 2 * slow_weight) * 1e6, kept = pow(2, -3.0 / 8);
    double seen = 1 - pow(2, -6.0 / 8), all = 1 - pow(2, -9.0 / 8);
    assert_true(fabs(traffic_player_throughput(&p) - (slow * seen * kept + 8e6 * (1 - kept)) / all) < 1);
}

// ---- adaptation ----

static void throughput_leaves_a_tenth(void **state) {
    (void)state;
    struct traffic_player_plan plan = plan_with(TRAFFIC_ADAPT_THROUGHPUT);
    static const struct {
        uint64_t bytes; // in a second
        uint32_t rung;
    } cases[] = {{1, 0}, {277750, 0}, {277800, 1}, {555500, 1}, {555600, 2}, {1111050, 2}, {1111200, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct traffic_player p;
        struct traffic_player_change c;
        traffic_player_open(&p, &plan, 0);
        assert_int_equal(traffic_player_choose(&p), 0); // nothing is known yet
        (void)traffic_player_arrived(&p, cases[i].bytes, S, &c);
        assert_int_equal(traffic_player_choose(&p), cases[i].rung);
    }
}

// low = 10 s, full = 20 s: gp = ln 8 / (20 / 10 − 1) = ln 8 and V = 10 / ln 8. Between rungs a < b the choice
// turns where (V(u_a + gp) − Q) b = (V(u_b + gp) − Q) a, at Q = V gp + V (u_a b − u_b a) / (b − a). With b =
// 2a that is 10 + V (2 u_a − u_b) = 10 + V (u_a − ln 2), where u_a is 1, 1 + ln 2 and 1 + 2 ln 2.
static void bola_turns_where_the_scores_are_equal(void **state) {
    (void)state;
    struct traffic_player_plan plan = plan_with(TRAFFIC_ADAPT_BOLA);
    double v = 10 / log(8);
    for (uint32_t rung = 0; rung < 3; rung++) {
        int64_t turn = (int64_t)((10 + v * (1 + ((double)rung - 1) * log(2))) * 1e9);
        struct traffic_player p;
        traffic_player_open(&p, &plan, 0);
        p.buffered = turn - 1000;
        assert_int_equal(traffic_player_choose(&p), rung);
        p.buffered = turn + 1000;
        assert_int_equal(traffic_player_choose(&p), rung + 1);
    }
    struct traffic_player p;
    traffic_player_open(&p, &plan, 0);
    p.buffered = 20 * S; // as much as there is when the next segment is asked for
    assert_int_equal(traffic_player_choose(&p), 3);
}

static void bola_of_small_buffers_and_single_rungs(void **state) {
    (void)state;
    struct traffic_player_plan plan = plan_with(TRAFFIC_ADAPT_BOLA);
    plan.buffer = 8 * S; // low = 3 s, full = 6 s: everything above at 3/10
    struct traffic_player p;
    traffic_player_open(&p, &plan, 0);
    assert_int_equal(traffic_player_choose(&p), 0);
    p.buffered = 6 * S;
    assert_int_equal(traffic_player_choose(&p), 3);
    plan.rungs = 1;
    assert_int_equal(traffic_player_choose(&p), 0);
}

// Low: by throughput. Enough, and BOLA wants no less: BOLA. Low again, and BOLA wants less: throughput.
static void dynamic_changes_its_mind(void **state) {
    (void)state;
    struct traffic_player_plan plan = plan_with(TRAFFIC_ADAPT_DYNAMIC);
    struct traffic_player p;
    struct traffic_player_change c;
    traffic_player_open(&p, &plan, 0);
    (void)traffic_player_arrived(&p, 300000, S, &c); // 2.4 Mbit/s: rung 1
    p.buffered = 5 * S;
    assert_int_equal(traffic_player_choose(&p), 1);
    p.buffered = 10 * S; // BOLA: rung 0, less
    assert_int_equal(traffic_player_choose(&p), 1);
    assert_false(p.by_buffer);
    p.buffered = 19 * S; // BOLA: rung 3 (from 18.1 s on)
    assert_int_equal(traffic_player_choose(&p), 3);
    assert_true(p.by_buffer);
    p.buffered = 10 * S; // not low: BOLA still decides, 0
    assert_int_equal(traffic_player_choose(&p), 0);
    p.buffered = 9 * S; // low
    assert_int_equal(traffic_player_choose(&p), 1);
    assert_false(p.by_buffer);
}

// A line of 5 Mbit/s and nothing else: every algorithm ends between the rung below it and the one above, and
// none stalls. The line's time is the download's alone.
static void a_steady_line_is_used_without_stalls(void **state) {
    (void)state;
    for (int a = TRAFFIC_ADAPT_DYNAMIC; a <= TRAFFIC_ADAPT_BOLA; a++) {
        struct traffic_player_plan plan = plan_with((enum traffic_adaptation)a);
        struct traffic_player p;
        struct traffic_player_change c;
        double bits = 0;
        int64_t now = 0;
        traffic_player_open(&p, &plan, 0);
        for (int i = 0; i < 150; i++) {
            uint64_t bytes = plan.bitrates[traffic_player_choose(&p)] * 2 / 8;
            int64_t took = (int64_t)((double)bytes * 8 / 5e6 * 1e9);
            now += took;
            assert_false(traffic_player_advance(&p, now, &c));
            (void)traffic_player_arrived(&p, bytes, took, &c);
            assert_true(p.buffered <= plan.buffer);
            bits += i < 50 ? 0 : (double)bytes * 8;
            now = traffic_player_room(&p);
            assert_false(traffic_player_advance(&p, now, &c));
        }
        double mean = bits / 200 / 1e6;
        assert_true(mean >= 3.99 && mean <= 5.01);
        if (a == TRAFFIC_ADAPT_THROUGHPUT)
            assert_true(fabs(mean - 4) < 1e-9);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(playback_begins_with_enough_content),
        cmocka_unit_test(playback_stops_when_it_runs_dry_and_goes_on),
        cmocka_unit_test(there_is_room_when_a_segment_fits),
        cmocka_unit_test(throughput_of_equal_downloads),
        cmocka_unit_test(throughput_is_the_lower_of_two_averages),
        cmocka_unit_test(throughput_leaves_a_tenth),
        cmocka_unit_test(bola_turns_where_the_scores_are_equal),
        cmocka_unit_test(bola_of_small_buffers_and_single_rungs),
        cmocka_unit_test(dynamic_changes_its_mind),
        cmocka_unit_test(a_steady_line_is_used_without_stalls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
