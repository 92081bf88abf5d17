// The script of an RPM test over loopback: its load, its probes, what is recorded of it; and plans of it that
// are refused.
#include "session_bed.h"

#include <errno.h>

#include "traffic/script_rpm.h"

#define RPM(direction)                                                                                       \
    "{'kind':'rpm','direction':'" direction "','interval':100000000,'mad':2,'connections':3,'probes':100,"   \
    "'frame':4096}"

#define INTERVALS 9

// Load leaves no records; what is wrong with any probe fails the test.
static void check_probe(const struct mqoe_record_transfer *t) {
    assert_in_range(t->label, 1, 2);
    assert_int_equal(t->fresh, t->label == 1);
    assert_int_equal(t->down_bytes, 1);
    assert_true(t->result == 0 || t->result == 2); // broken off at the end
    if (t->result != 0)
        return;
    assert_int_equal(t->down_received, 1);
    assert_true(t->label == 2 || (t->connected > t->asked && t->time > t->connected));
    assert_true(t->time > t->asked);
}

// One connection more for each interval until it is stable; who is late (the machine is loaded) sends fewer
// probes, never more.
static void check_interval(const struct mqoe_record_rpm *r, uint32_t number) {
    assert_int_equal(r->session, 9);
    assert_int_equal(r->interval, number);
    assert_int_equal(r->time, BED_START + (int64_t)(number + 1) * 100 * MS);
    assert_in_range(r->connections, 0, number + 1 < 3 ? number + 1 : 3);
    assert_in_range(r->foreign + r->self, 0, number ? 12 : 1);
    assert_int_equal(r->missed, 0);
}

static uint32_t count_of(const struct mqoe_record_transfer *t, uint64_t count, unsigned label,
                         uint32_t group) {
    uint32_t found = 0;
    for (uint64_t i = 0; i < count; i++)
        found += t[i].label == label && t[i].group == group;
    return found;
}

static void run_both_kinds_of_probes(const char *script, int port) {
    struct session_bed b;
    uint64_t intervals = 0, transfers = 0, bytes = 0;
    bed_open(&b, script, port, 950 * MS);
    bed_listen(&b, TRAFFIC_SERVER);
    bed_run(&b, 1050 * MS);
    const struct mqoe_record_rpm *r = bed_records(&b, "rpm", &intervals);
    const struct mqoe_record_transfer *t = bed_records(&b, "transfer", &transfers);
    assert_int_equal(intervals, INTERVALS);
    for (uint64_t i = 0; i < transfers; i++)
        check_probe(&t[i]);
    for (uint32_t i = 0; i < INTERVALS; i++) {
        check_interval(&r[i], i);
        assert_int_equal(r[i].foreign, count_of(t, transfers, 1, i));
        assert_int_equal(r[i].self, count_of(t, transfers, 2, i));
        bytes += r[i].bytes;
    }
    assert_true(bytes > 1000000);
    assert_true(r[INTERVALS - 1].connections >= 2); // before that no goodput is stable
    assert_int_equal(r[0].probe_gap, 100000);
    assert_int_equal(r[INTERVALS - 1].probe_gap, 10000); // 5 % of loopback is more than 100 probes
    assert_true(transfers >= 8);
    bed_close(&b);
}

static void downloads_are_probed(void **state) {
    (void)state;
    run_both_kinds_of_probes(RPM("down"), 39631);
}

static void uploads_are_probed(void **state) {
    (void)state;
    run_both_kinds_of_probes(RPM("up"), 39632);
}

// Nobody listens: new connections are refused one by one, there is no load to probe, and no result. A line
// that carries nothing is probed once a second.
static void without_a_server_every_probe_fails(void **state) {
    (void)state;
    struct session_bed b;
    uint64_t intervals = 0, transfers = 0, missed = 0;
    bed_open(&b, RPM("down"), 39633, 2350 * MS);
    bed_run(&b, 2450 * MS);
    const struct mqoe_record_rpm *r = bed_records(&b, "rpm", &intervals);
    const struct mqoe_record_transfer *t = bed_records(&b, "transfer", &transfers);
    assert_int_equal(intervals, 23);
    for (uint64_t i = 0; i < intervals; i++) {
        assert_int_equal(r[i].connections, 0);
        assert_int_equal(r[i].bytes, 0);
        assert_int_equal(r[i].stable, 0);
        assert_int_equal(r[i].probe_gap, i ? 1000000 : 100000);
        missed += r[i].missed;
    }
    assert_in_range(missed, 1, 2);
    assert_in_range(transfers, 1, 2);
    for (uint64_t i = 0; i < transfers; i++) {
        assert_int_equal(t[i].result, 1);
        assert_int_equal(t[i].label, 1);
        assert_int_equal(t[i].error, ECONNREFUSED);
    }
    bed_close(&b);
}

static void refuse(const char *script, const char *member) {
    struct traffic_plan plan;
    struct mqoe_error e;
    json_t *json = bed_plan(script, 5001, 100 * MS);
    assert_true(traffic_plan_read(&plan, json, "plan", &e) < 0);
    if (!strstr(e.object, member))
        fail_msg("\"%s\" does not name %s", e.object, member);
    traffic_plan_free(&plan);
}

static void wrong_plans_are_refused(void **state) {
    (void)state;
    refuse("{'kind':'rpm','direction':'both','interval':100000000,'mad':2,'connections':3,'probes':100,"
           "'frame':4096}",
           "direction");
    refuse("{'kind':'rpm','direction':'up','interval':0,'mad':2,'connections':3,'probes':100,'frame':4096}",
           "interval");
    refuse("{'kind':'rpm','direction':'up','interval':100000000,'mad':17,'connections':3,'probes':100,"
           "'frame':4096}",
           "mad");
    refuse("{'kind':'rpm','direction':'up','interval':100000000,'mad':2,'connections':65,'probes':100,"
           "'frame':4096}",
           "connections");
    refuse("{'kind':'rpm','direction':'up','interval':100000000,'mad':2,'connections':3,'probes':0,"
           "'frame':4096}",
           "probes");
    refuse(
        "{'kind':'rpm','direction':'up','interval':100000000,'mad':2,'connections':3,'probes':1,'frame':0}",
        "frame");
    refuse("{'kind':'rpm','direction':'up','interval':100000000,'mad':2,'connections':3,'probes':1,"
           "'frame':1,'more':1}",
           "more");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(downloads_are_probed),
        cmocka_unit_test(uploads_are_probed),
        cmocka_unit_test(without_a_server_every_probe_fails),
        cmocka_unit_test(wrong_plans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
