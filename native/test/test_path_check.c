// Configurations of a path line that cannot be: each is refused with its name, and changes nothing.
#include <errno.h>

#include "path_bed.h"

static struct mqoe_path_config c;

static int setup(void **state) {
    (void)state;
    c = path_plain();
    return 0;
}

// The configuration is refused, by init and by set, with `what` in its message.
static void assert_refused(const char *what) {
    struct mqoe_error e = {0};
    struct mqoe_path_line line;
    assert_int_equal(mqoe_path_line_init(&line, &c, 1, 0, 0, &e), -EINVAL);
    assert_int_equal(e.errnum, EINVAL);
    assert_string_equal(e.syscall, "path");
    if (!strstr(e.object, what) || !e.hint[0])
        fail_msg("\"%s\" (%s) does not name %s", e.object, e.hint, what);
    struct path_bed b;
    struct mqoe_path_config good = path_plain();
    good.delay.mean = MS;
    path_bed_open(&b, &good, 1, 4);
    assert_int_equal(mqoe_path_line_set(&b.line, &c, 0, &b.dropped, &e), -EINVAL);
    path_arrive(&b, 0, 60, 0);
    assert_int_equal(path_leave_time(&b), MS);
    path_bed_close(&b);
}

static void assert_accepted(void) {
    struct mqoe_error e;
    struct mqoe_path_line line;
    if (mqoe_path_line_init(&line, &c, 1, 0, 0, &e) != 0)
        fail_msg("%s (%s)", e.object, e.hint);
}

static void shares_are_from_0_to_1(void **state) {
    (void)state;
    static const double wrong[] = {-0.01, 1.01, __builtin_nan("")};
    for (int i = 0; i < 3; i++) {
        double *values[] = {&c.duplicate.probability, &c.duplicate.correlation, &c.corrupt.probability,
                            &c.reorder.chance.probability, &c.delay.correlation};
        static const char *const names[] = {"duplicate", "duplicate", "corrupt", "reorder", "delay"};
        for (int k = 0; k < 5; k++) {
            *values[k] = wrong[i];
            assert_refused(names[k]);
            *values[k] = 1;
            assert_accepted();
            *values[k] = 0;
        }
    }
}

static void times_and_rates_have_a_limit(void **state) {
    (void)state;
    c.delay.mean = MQOE_PATH_TIME_MAX;
    c.delay.jitter = MQOE_PATH_TIME_MAX;
    c.link.rate = MQOE_PATH_RATE_MAX;
    assert_accepted();
    c.delay.jitter++;
    assert_refused("delay");
    c.delay.jitter--;
    c.link.rate++;
    assert_refused("rate");
}

static void tables_have_values(void **state) {
    (void)state;
    static const int16_t table[] = {5, 3};
    c.delay.jitter = MS;
    c.delay.distribution = MQOE_PATH_TABLE;
    assert_refused("a table of 0 values");
    c.delay.table = table;
    c.delay.table_size = 2;
    assert_accepted();
    c.delay.correlation = 0.5;
    assert_refused("3 after 5");
    c.delay.table_size = MQOE_PATH_TABLE_MAX + 1;
    assert_refused("16385 values");
}

static void states_are_left_by_one_way(void **state) {
    (void)state;
    c.loss.model = MQOE_PATH_LOSS_STATE;
    c.loss.state.p13 = 0.7;
    c.loss.state.p14 = 0.3;
    c.loss.state.p31 = 0.9;
    c.loss.state.p32 = 0.1;
    assert_accepted();
    c.loss.state.p14 = 0.31;
    assert_refused("p13 + p14");
    c.loss.state.p14 = 0;
    c.loss.state.p32 = 0.2;
    assert_refused("p31 + p32");
    c.loss.state.p23 = 2;
    assert_refused("p23");
    c.loss.model = MQOE_PATH_LOSS_GEMODEL;
    c.loss.gemodel.bad_loss = 2;
    assert_refused("1-h");
}

static void lists_ascend(void **state) {
    (void)state;
    static const uint64_t packets[] = {1, 5, 5};
    c.loss.model = MQOE_PATH_LOSS_PACKETS;
    c.loss.packets = packets;
    c.loss.packet_count = 2;
    assert_accepted();
    c.loss.packet_count = 3;
    assert_refused("loss packets = 5");
}

static void cells_have_bytes(void **state) {
    (void)state;
    c.link.cell_size = 48;
    c.link.cell_overhead = -47;
    assert_accepted();
    c.link.cell_overhead = -48;
    assert_refused("cell overhead = -48");
}

static void slots_have_a_range(void **state) {
    (void)state;
    c.slot = (struct mqoe_path_slot){.enabled = true, .min_delay = 2, .max_delay = 1};
    assert_refused("slot min");
    c.slot.distributed = true;
    assert_accepted();
    c.slot.spread.correlation = 2;
    assert_refused("slot");
    c.slot.enabled = false;
    assert_accepted();
}

static void mahimahi_traces_have_a_period(void **state) {
    (void)state;
    static const uint64_t zero[] = {0, 0}, falling[] = {5, 4}, good[] = {0, 5, 5}, far[] = {UINT64_MAX};
    c.trace = (struct mqoe_path_trace){.kind = MQOE_PATH_TRACE_MAHIMAHI, .opportunities = zero};
    assert_refused("mahimahi trace");
    c.trace.opportunity_count = 2;
    assert_refused("mahimahi trace");
    c.trace.opportunities = falling;
    assert_refused("mahimahi trace, ms = 4");
    c.trace.opportunities = far;
    c.trace.opportunity_count = 1;
    assert_refused("mahimahi trace, ms");
    c.trace.opportunities = good;
    c.trace.opportunity_count = 3;
    assert_accepted();
    c.link.rate = 1000000;
    assert_refused("rate = 1000000");
}

static void steps_ascend_and_repeat_after_the_last(void **state) {
    (void)state;
    static struct mqoe_path_step steps[] = {{5, 1, 1, MQOE_PATH_KEEP_LOSS}, {7, 1, 1, 0.5}};
    c.trace = (struct mqoe_path_trace){.kind = MQOE_PATH_TRACE_STEPS, .steps = steps};
    assert_refused("trace without steps");
    c.trace.step_count = 2;
    c.trace.period = 8;
    assert_accepted();
    c.trace.period = 7;
    assert_refused("trace period = 7");
    c.trace.period = 0;
    c.loss.model = MQOE_PATH_LOSS_GEMODEL;
    assert_refused("trace loss = 0.5");
    c.loss.model = MQOE_PATH_LOSS_RANDOM;
    steps[1].loss = 1.5;
    assert_refused("trace loss = 1.5");
    steps[1].loss = 0.5;
    steps[1].time = 5;
    assert_refused("trace time = 5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shares_are_from_0_to_1, setup),
        cmocka_unit_test_setup(times_and_rates_have_a_limit, setup),
        cmocka_unit_test_setup(tables_have_values, setup),
        cmocka_unit_test_setup(states_are_left_by_one_way, setup),
        cmocka_unit_test_setup(lists_ascend, setup),
        cmocka_unit_test_setup(cells_have_bytes, setup),
        cmocka_unit_test_setup(slots_have_a_range, setup),
        cmocka_unit_test_setup(mahimahi_traces_have_a_period, setup),
        cmocka_unit_test_setup(steps_ascend_and_repeat_after_the_last, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
