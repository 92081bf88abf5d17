// Copies, flipped bits and frames that pass others on a path line.
#include "path_statistics.h"

static void duplicates_are_whole_and_counted(void **state) {
    (void)state;
    config.duplicate = (struct mqoe_path_chance){0.1, 0.3};
    struct path_bed b;
    open_one(&b, 90);
    for (uint64_t i = 0; i < FRAMES; i++) {
        struct mqoe_frame *sent = path_arrive(&b, i * MS, 100, 0), *f = path_leave(&b, i * MS), *copy;
        assert_ptr_equal(f, sent);
        copy = path_leave(&b, i * MS);
        hit[i] = copy != NULL;
        if (copy) {
            assert_ptr_not_equal(copy, sent);
            assert_memory_equal(copy->data, sent->data, 100);
            assert_int_equal(copy->user, i);
            mqoe_frame_list_push(&b.spare, copy);
        }
        assert_null(path_leave(&b, MQOE_NEVER - 1));
        mqoe_frame_list_push(&b.spare, f);
    }
    assert_share(0.1, 0.3);
    assert_int_equal(b.line.counters.duplicated, (uint64_t)llround(share_hit() * FRAMES));
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

// What happens for one purpose says nothing about another: of independent halves a quarter meets.
static void purposes_are_independent(void **state) {
    (void)state;
    config.duplicate.probability = 0.5;
    config.loss.model = MQOE_PATH_LOSS_RANDOM;
    config.loss.random.probability = 0.5;
    struct path_bed b;
    open_one(&b, 97);
    for (uint64_t i = 0; i < FRAMES; i++) {
        uint64_t copies = b.line.counters.duplicated, lost = 0;
        path_arrive(&b, i, 60, 0);
        for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&b.dropped)); mqoe_frame_list_push(&b.spare, f))
            lost |= f->stage == 0;
        hit[i] = lost && b.line.counters.duplicated > copies;
        while (path_leave_time(&b) != MQOE_NEVER)
            ;
    }
    assert_share(0.25, 0);
    path_bed_close(&b);
}

// Copies take no turn: they wait also where their original does not.
static void copies_do_not_pass_others(void **state) {
    (void)state;
    config.delay.mean = 10 * MS;
    config.duplicate.probability = 1;
    config.reorder = (struct mqoe_path_reorder){{1, 0}, 3};
    struct path_bed b;
    path_bed_open(&b, &config, 98, 100);
    for (uint64_t i = 0; i < 30; i++)
        path_arrive(&b, i * MS / 10, 60, 0);
    for (struct mqoe_frame *f; (f = path_leave(&b, SECOND));)
        assert_int_equal(f->time, f->user * MS / 10 + (!f->stage && f->user % 3 == 2 ? 0 : 10 * MS));
    assert_int_equal(b.line.counters.out, 60);
    path_bed_close(&b);
}

static void a_copy_without_a_frame_is_counted(void **state) {
    (void)state;
    config.duplicate.probability = 1;
    struct path_bed b;
    path_bed_open(&b, &config, 91, 3);
    path_arrive(&b, 0, 100, 0);
    path_arrive(&b, 0, 100, 0); // takes the third; there is none for its copy
    assert_int_equal(b.line.counters.duplicated, 1);
    assert_int_equal(b.line.counters.duplicates_refused, 1);
    path_assert_conserved(&b.line);
    path_bed_close(&b);
}

// Exactly one bit, behind the Ethernet header, each as likely as any other.
static void one_bit_is_flipped(void **state) {
    (void)state;
    enum { LEN = 60, BITS = (LEN - 14) * 8 };
    static uint32_t count[BITS];
    config.corrupt.probability = 0.25;
    struct path_bed b;
    open_one(&b, 92);
    for (uint64_t i = 0; i < FRAMES; i++) {
        uint8_t before[LEN] = {0};
        struct mqoe_frame *f = path_arrive(&b, i, LEN, 0);
        write_ipv4(before, LEN, 0);
        hit[i] = memcmp(before, f->data, LEN) != 0;
        assert_memory_equal(before, f->data, 14);
        uint32_t flipped = 0;
        for (uint32_t bit = 0; bit < BITS; bit++) {
            bool differs = (before[14 + bit / 8] ^ f->data[14 + bit / 8]) >> bit % 8 & 1;
            flipped += differs;
            count[bit] += differs;
        }
        assert_int_equal(flipped, hit[i]);
        mqoe_frame_list_push(&b.spare, path_leave(&b, i));
    }
    assert_share(0.25, 0);
    double each = FRAMES * 0.25 / BITS, chi = 0;
    for (int bit = 0; bit < BITS; bit++)
        chi += (count[bit] - each) * (count[bit] - each) / each;
    assert_near(chi, BITS - 1, Z99 * sqrt(2.0 * (BITS - 1)));
    path_bed_close(&b);
}

// netem's example: gap 5, certain: every fifth frame does not wait, the others do.
static void each_gap_th_frame_passes_the_others(void **state) {
    (void)state;
    config.delay.mean = 10 * MS;
    config.reorder = (struct mqoe_path_reorder){{1, 0}, 5};
    struct path_bed b;
    path_bed_open(&b, &config, 93, 100);
    uint32_t early = 0;
    for (uint64_t i = 0; i < 20; i++)
        path_arrive(&b, i * MS / 10, 100, 0);
    for (struct mqoe_frame *f; (f = path_leave(&b, SECOND));) {
        bool is_fifth = f->user % 5 == 4;
        assert_int_equal(f->time, f->user * MS / 10 + (is_fifth ? 0 : 10 * MS));
        early += is_fifth;
    }
    assert_int_equal(early, 4);
    assert_int_equal(b.line.counters.reordered, 4);
    path_bed_close(&b);
}

// After two frames that wait each one passes with the probability: 1 in 2 + 1 / 0.25 on average.
static void gap_and_probability_together(void **state) {
    (void)state;
    config.delay.mean = 10 * MS;
    config.reorder = (struct mqoe_path_reorder){{0.25, 0}, 3};
    send_all(94);
    for (int i = 0; i < FRAMES; i++)
        hit[i] = value[i] == 0;
    for (int i = 2; i < FRAMES; i++)
        assert_false(hit[i] && (hit[i - 1] || hit[i - 2]));
    assert_near(share_hit(), 1.0 / 6, Z99 * sqrt(12.0 / 216 / FRAMES)); // renewals: variance 12, mean 6
}

// Thousands inside: jitter without keep_order releases in order of time, frames due together in order of
// arrival; with keep_order in order of arrival.
static void order_is_kept_where_promised(void **state) {
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct path_bed b;
        config.keep_order = keeps;
        config.delay = (struct mqoe_path_spread){.mean = 50 * MS, .jitter = 40 * MS};
        path_bed_open(&b, &config, 95, 6000);
        uint64_t time = 0, serial = 0, out_of_order = 0, out = 0;
        for (uint64_t i = 0; i < FRAMES; i++) {
            assert_non_null(path_arrive(&b, i * 20000, 60, 0)); // about 2,500 in flight, at most 4,500
            for (struct mqoe_frame *f; (f = path_leave(&b, i * 20000)); out++) {
                assert_true(f->time >= time);
                out_of_order += f->user < serial;
                serial = f->user;
                time = f->time;
                mqoe_frame_list_push(&b.spare, f);
            }
        }
        assert_int_equal(b.line.counters.in, out + b.line.held);
        assert_true(keeps ? out_of_order == 0 : out_of_order > FRAMES / 4);
        assert_int_equal(b.line.counters.reordered != 0, !keeps);
        path_bed_close(&b);
    }
}

static void those_due_together_keep_their_order(void **state) {
    (void)state;
    static const int16_t table[] = {-8192, 0, 8192}; // few times, many ties
    config.keep_order = false;
    config.delay = (struct mqoe_path_spread){
        .mean = 10, .jitter = 5, .distribution = MQOE_PATH_TABLE, .table = table, .table_size = 3};
    struct path_bed b;
    path_bed_open(&b, &config, 96, 2000);
    for (uint64_t i = 0; i < 1000; i++)
        path_arrive(&b, i / 10, 60, 0);
    uint64_t time = 0, serial = 0, ties = 0;
    for (struct mqoe_frame *f; (f = path_leave(&b, SECOND));) {
        ties += f->time == time;
        assert_true(f->time > time || f->user > serial);
        time = f->time;
        serial = f->user;
    }
    assert_true(ties > 500);
    path_bed_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(duplicates_are_whole_and_counted, setup),
        cmocka_unit_test_setup(purposes_are_independent, setup),
        cmocka_unit_test_setup(copies_do_not_pass_others, setup),
        cmocka_unit_test_setup(a_copy_without_a_frame_is_counted, setup),
        cmocka_unit_test_setup(one_bit_is_flipped, setup),
        cmocka_unit_test_setup(each_gap_th_frame_passes_the_others, setup),
        cmocka_unit_test_setup(gap_and_probability_together, setup),
        cmocka_unit_test_setup(order_is_kept_where_promised, setup),
        cmocka_unit_test_setup(those_due_together_keep_their_order, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
