// Which frames a path line loses: each model against its formulas.
#include "path_statistics.h"

static void random_loss_is_binomial(void **state) {
    (void)state;
    static const double probabilities[] = {0, 0.0001, 0.01, 0.5, 0.999, 1};
    config.loss.model = MQOE_PATH_LOSS_RANDOM;
    for (int i = 0; i < 6; i++) {
        config.loss.random.probability = probabilities[i];
        send_all((uint64_t)i);
        assert_share(probabilities[i], 0);
        for (int k = 0; k < FRAMES; k++)
            value[k] = hit[k];
        if (i > 1 && i < 5)
            assert_near(autocorrelation_of(value, 1), 0, Z99 / sqrt(FRAMES));
    }
}

// The probability stays, which it does not with netem's mixing of numbers; neighbours correlate by r, those
// k apart by r^k.
static void correlated_loss_keeps_its_share(void **state) {
    (void)state;
    static const double correlations[] = {0.25, 0.5, 0.9};
    config.loss.model = MQOE_PATH_LOSS_RANDOM;
    for (int i = 0; i < 3; i++) {
        double r = correlations[i];
        config.loss.random = (struct mqoe_path_chance){0.05, r};
        send_all(20 + (uint64_t)i);
        assert_share(0.05, r);
        for (int k = 0; k < FRAMES; k++)
            value[k] = hit[k];
        for (int lag = 1; lag <= 3; lag++)
            assert_near(autocorrelation_of(value, lag), pow(r, lag), 0.02);
    }
}

static double mean_burst(uint32_t *bursts) {
    uint32_t lost = 0;
    *bursts = 0;
    for (int i = 0; i < FRAMES; i++) {
        lost += hit[i];
        *bursts += hit[i] && (i == 0 || !hit[i - 1]);
    }
    return (double)lost / *bursts;
}

// Stationary loss (p (1 − h) + r (1 − k)) / (p + r); the chain's autocorrelation is 1 − p − r.
static void gilbert_elliott_has_its_loss(void **state) {
    (void)state;
    static const double models[][4] = {{0.01, 0.2, 1, 0}, {0.05, 0.5, 0.7, 0.001}, {0.001, 0.1, 1, 0.01}};
    config.loss.model = MQOE_PATH_LOSS_GEMODEL;
    for (int i = 0; i < 3; i++) {
        double p = models[i][0], r = models[i][1], bad = models[i][2], good = models[i][3];
        config.loss.gemodel.p = p;
        config.loss.gemodel.r = r;
        config.loss.gemodel.bad_loss = bad;
        config.loss.gemodel.good_loss = good;
        send_all(30 + (uint64_t)i);
        assert_share((p * bad + r * good) / (p + r), 1 - p - r);
    }
}

// The state that a frame finds decides, and it begins in the good one.
static void gilbert_elliott_moves_after_the_frame(void **state) {
    (void)state;
    config.loss.model = MQOE_PATH_LOSS_GEMODEL;
    config.loss.gemodel.p = config.loss.gemodel.r = config.loss.gemodel.bad_loss = 1;
    send_all(39);
    for (int i = 0; i < FRAMES; i++)
        assert_int_equal(hit[i], i % 2);
}

// With h = 0 and k = 1 a burst is a stay in the bad state: geometric with mean 1 / r.
static void gilbert_bursts_last_one_over_r(void **state) {
    (void)state;
    config.loss.model = MQOE_PATH_LOSS_GEMODEL;
    config.loss.gemodel.p = 0.02;
    config.loss.gemodel.r = 0.25;
    config.loss.gemodel.bad_loss = 1;
    uint32_t bursts;
    send_all(40);
    double found = mean_burst(&bursts);
    assert_near(found, 4, Z99 * sqrt(12.0 / bursts)); // variance (1 − r) / r²
}

// The deviation of the share lost, found from that of 200 stretches, which are long against any memory.
static double deviation_of_share(void) {
    enum { STRETCHES = 200, EACH = FRAMES / STRETCHES };
    double sum = 0, square = 0;
    for (int i = 0; i < STRETCHES; i++) {
        double lost = 0;
        for (int k = 0; k < EACH; k++)
            lost += hit[i * EACH + k];
        sum += lost / EACH;
        square += lost / EACH * lost / EACH;
    }
    return sqrt((square / STRETCHES - sum * sum / STRETCHES / STRETCHES) / STRETCHES);
}

// The stationary chain by hand, with π1 = 1 unnormalised: π4 = p14; what leaves the gap for the burst comes
// back: π3 p31 = p13; and π2 p23 = π3 p32.
static void four_states_have_their_loss(void **state) {
    (void)state;
    static const double models[][5] = {
        {0.01, 0.3, 0.2, 0.5, 0.005}, {0.1, 0.9, 0, 1, 0}, {0.001, 0.05, 0.6, 0.1, 0.02}};
    config.loss.model = MQOE_PATH_LOSS_STATE;
    for (int i = 0; i < 3; i++) {
        const double *m = models[i];
        config.loss.state.p13 = m[0];
        config.loss.state.p31 = m[1];
        config.loss.state.p32 = m[2];
        config.loss.state.p23 = m[3];
        config.loss.state.p14 = m[4];
        double burst = m[0] / m[1], sent = burst * m[2] / m[3], gap = m[4];
        send_all(50 + (uint64_t)i);
        assert_near(share_hit(), (burst + gap) / (1 + burst + sent + gap), Z99 * deviation_of_share());
    }
}

// Losses in the gap are alone: p14 only, with p13 = 0.
static void losses_in_a_gap_are_alone(void **state) {
    (void)state;
    config.loss.model = MQOE_PATH_LOSS_STATE;
    config.loss.state.p14 = 0.5;
    config.loss.state.p31 = 1;
    uint32_t bursts;
    send_all(60);
    assert_near(share_hit(), 1.0 / 3, 0.005);
    assert_near(mean_burst(&bursts), 1, 0);
}

static void exactly_those_of_a_list_are_lost(void **state) {
    (void)state;
    static const uint64_t packets[] = {0, 3, 4, 1000, 199999};
    config.loss.model = MQOE_PATH_LOSS_PACKETS;
    config.loss.packets = packets;
    config.loss.packet_count = 5;
    config.duplicate.probability = 0.5; // copies have no number
    struct path_bed b;
    open_one(&b, 70);
    for (uint64_t i = 0, next = 0; i < FRAMES; i++) {
        path_arrive(&b, i, 60, 0);
        bool lost = path_give_dropped(&b) != 0;
        assert_int_equal(lost, next < 5 && packets[next] == i);
        next += lost;
        while (path_leave_time(&b) != MQOE_NEVER)
            ;
    }
    assert_int_equal(b.line.counters.lost, 5);
    path_bed_close(&b);
}

static void what_understands_is_marked_not_lost(void **state) {
    (void)state;
    config.loss.model = MQOE_PATH_LOSS_RANDOM;
    config.loss.random.probability = 1;
    config.loss.ecn = true;
    struct path_bed b;
    open_one(&b, 71);
    path_arrive(&b, 0, 60, MQOE_ECT_0);
    path_arrive(&b, 0, 60, MQOE_NOT_ECT);
    assert_int_equal(path_give_dropped(&b), 1);
    struct mqoe_frame *f = path_leave(&b, 0);
    assert_int_equal(f->user, 0);
    assert_int_equal(f->data[15] & 3, MQOE_CE);
    assert_int_equal(mqoe_checksum(f->data + 14, 20), 0);
    assert_int_equal(b.line.counters.marked, 1);
    assert_int_equal(b.line.counters.lost, 1);
    path_bed_close(&b);
}

// The same frames are lost whatever else happens on the line.
static void purposes_do_not_move_each_other(void **state) {
    (void)state;
    static bool before[FRAMES];
    config.loss.model = MQOE_PATH_LOSS_RANDOM;
    config.loss.random = (struct mqoe_path_chance){0.3, 0.2};
    send_all(80);
    memcpy(before, hit, sizeof hit);
    config.duplicate.probability = 0.5;
    config.corrupt.probability = 0.5;
    config.reorder = (struct mqoe_path_reorder){{0.5, 0}, 3};
    config.delay = (struct mqoe_path_spread){.mean = MS, .jitter = MS};
    struct path_bed b;
    path_bed_open(&b, &config, 80, 100);
    for (uint64_t i = 0; i < FRAMES; i++) {
        path_arrive(&b, i * SECOND, 60, 0);
        hit[i] = false;
        for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&b.dropped)); mqoe_frame_list_push(&b.spare, f))
            hit[i] |= f->stage == 0;
        while (path_leave_time(&b) != MQOE_NEVER)
            ;
    }
    assert_memory_equal(before, hit, sizeof hit);
    path_bed_close(&b);
    config = path_plain();
    config.loss.model = MQOE_PATH_LOSS_RANDOM;
    config.loss.random = (struct mqoe_path_chance){0.3, 0.2};
    send_all(81); // another seed: others
    assert_memory_not_equal(before, hit, sizeof hit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_loss_is_binomial, setup),
        cmocka_unit_test_setup(correlated_loss_keeps_its_share, setup),
        cmocka_unit_test_setup(gilbert_elliott_has_its_loss, setup),
        cmocka_unit_test_setup(gilbert_elliott_moves_after_the_frame, setup),
        cmocka_unit_test_setup(gilbert_bursts_last_one_over_r, setup),
        cmocka_unit_test_setup(four_states_have_their_loss, setup),
        cmocka_unit_test_setup(losses_in_a_gap_are_alone, setup),
        cmocka_unit_test_setup(exactly_those_of_a_list_are_lost, setup),
        cmocka_unit_test_setup(what_understands_is_marked_not_lost, setup),
        cmocka_unit_test_setup(purposes_do_not_move_each_other, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
