// The whole dataplane loop, deterministic: memory ports, virtual clock.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dataplane/recorder.h"
#include "packet/random.h"
#include "rig.h"

#define MS 1000000u
#define S  1000000000u

static struct rig rig;

static void assert_accounted(const struct rig *r) {
    struct mqoe_accounting a;
    mqoe_engine_account(&r->engine, &a);
    assert_int_equal(mqoe_accounting_missing(&a), 0);
    uint32_t sum = 0;
    for (int place = 0; place < MQOE_PLACES; place++)
        sum += r->umem.in_place[place];
    assert_int_equal(sum, r->umem.count);
    assert_int_equal(r->umem.in_place[MQOE_HAND], 0);
}

static struct mqoe_synthetic line(uint64_t rate, const char *discipline) {
    return (struct mqoe_synthetic){.clients = 1,
                                   .frames = 8192,
                                   .rate = rate,
                                   .discipline = discipline,
                                   .limit = 1000,
                                   .netns = "/run/netns/none",
                                   .access = "a",
                                   .core = "c"};
}

// No discipline, no path: in and out in the same round, both ways, in order.
static void passes_straight_through(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(0, "none");
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    for (uint32_t i = 0; i < 40; i++)
        assert_true(rig_arrive(&rig, 0, i % 2 ? MQOE_UP : MQOE_DOWN, 1, 100, i));
    uint64_t now = rig.now;
    rig_run(&rig, now);
    assert_int_equal(rig.out_count, 40);
    uint32_t next[2] = {0, 1}; // down frames carry even tags and leave through access
    for (size_t i = 0; i < rig.out_count; i++) {
        assert_int_equal(rig.out[i].time, now);
        assert_int_equal(rig.out[i].tag, next[rig.out[i].side]);
        next[rig.out[i].side] += 2;
    }
    assert_int_equal(rig.engine.circuits[MQOE_DOWN].leaf.stats.out_packets, 20);
    assert_int_equal(rig.engine.circuits[MQOE_UP].leaf.stats.out_bytes, 2000);
    assert_accounted(&rig);
    rig_close(&rig);
}

// A server path of 10 ms and a client path of 3 ms: 13 ms, exactly, each way.
static void delays_add_up_exactly(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(0, "none");
    s.server_delay = 10 * MS;
    s.client_delay = 3 * MS;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    uint64_t start = rig.now;
    for (uint32_t i = 0; i < 20; i++) {
        rig_arrive(&rig, 0, i % 2 ? MQOE_UP : MQOE_DOWN, 1, 100, i);
        rig_run(&rig, rig.now);
        rig_run(&rig, start + (i + 1) * 777777u);
    }
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out_count, 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(rig.out[i].time - start, rig.out[i].tag * 777777u + 13 * MS);
    assert_accounted(&rig);
    rig_close(&rig);
}

// Three stages that are each woken 200 µs late make a frame 200 µs late at most per wake-up of its last
// stage, not the sum: arrival times are handed on as they should have been.
static void lateness_does_not_accumulate(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(20000000, "pfifo");
    s.server_delay = 10 * MS;
    s.client_delay = 10 * MS;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    rig.late = 200000;
    uint64_t start = rig.now;
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 1514, 0);
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out_count, 1);
    assert_in_range(rig.out[0].time - start, 20 * MS, 20 * MS + 200000);
    assert_int_equal(rig.engine.late_max, 200000);
    rig_close(&rig);
}

// 20 Mbit/s offered twice that: never more than the rate and one frame over any window, never less than the
// rate minus one frame — with every timer on time, and with every timer 300 µs late.
static void rate_is_exact(void **state) {
    (void)state;
    const uint64_t rate = 20000000;
    const uint32_t len = 1000;
    for (uint64_t late = 0; late <= 300000; late += 300000) {
        struct mqoe_synthetic s = line(rate, "pfifo");
        rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
        rig.late = late;
        uint64_t start = rig.now, gap = len * 8ull * S / (rate * 2);
        for (uint32_t i = 0; i < 10000; i++) {
            rig_arrive(&rig, 0, MQOE_DOWN, (uint16_t)(i % 7), len, i);
            rig_run(&rig, rig.now);
            rig_run(&rig, start + (i + 1) * gap);
        }
        size_t last = rig.out_count - 1;
        assert_true(last > 4000);
        for (size_t from = 0; from < last; from += 97)
            for (size_t to = from + 50; to <= last; to += 501) {
                uint64_t elapsed = rig.out[to].time - rig.out[from].time;
                uint64_t allowed = (elapsed + late) * rate / 8 / S + len;
                uint64_t sent = (to - from) * len;
                assert_true(sent <= allowed);
                assert_true(sent + len >= (elapsed > late ? elapsed - late : 0) * rate / 8 / S);
            }
        assert_accounted(&rig);
        rig_close(&rig);
    }
}

// What a line that wakes up `late` delivers per second, with eight bulk flows waiting and, at every wake-up,
// a newcomer in a flow of its own, which FQ-CoDel lets go first.
static uint64_t rate_of_a_late_line(uint64_t rate, uint64_t late) {
    const uint32_t len = 1514, wake_ups = 1500;
    struct mqoe_synthetic s = line(rate, "fq_codel");
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 1024);
    uint64_t bulk = late * rate / (8ull * len * S) * 5 / 4, sent = 0;
    for (uint32_t i = 0, tag = 0; i < wake_ups; i++) {
        rig_arrive(&rig, 0, MQOE_DOWN, (uint16_t)(1000 + i), len, tag++);
        for (uint64_t k = 0; k < bulk; k++)
            rig_arrive(&rig, 0, MQOE_DOWN, (uint16_t)(k % 8), len, tag++);
        while (mqoe_engine_round(&rig.engine, rig.now) <= rig.now)
            ;
        if (i == 99) // from here on a queue stands
            sent = rig.out_count;
        rig.now += late;
    }
    sent = rig.out_count - sent;
    assert_accounted(&rig);
    rig_close(&rig);
    return sent * len * 8 * S / ((wake_ups - 100) * late);
}

// More frames are owed at a wake-up than a leaf may send at once: a newcomer that overtakes them must not
// make the line forget what it owes.
static void a_late_line_keeps_its_rate(void **state) {
    (void)state;
    static const struct { uint64_t rate, late; } lines[] = {{1000000000, MS}, {500000000, 4 * MS}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        uint64_t got = rate_of_a_late_line(lines[i].rate, lines[i].late);
        assert_in_range(got, lines[i].rate / 1000 * 999, lines[i].rate / 1000 * 1001);
    }
}

static json_t *mixed_blueprint(struct mqoe_random *random) {
    static const char *const disciplines[] = {"fq_codel", "pfifo", "none"};
    struct mqoe_synthetic s = line(0, "none");
    s.clients = 20;
    s.frames = 1024; // little enough to run out of now and then
    s.server_delay = 7 * MS;
    s.client_delay = 2 * MS;
    json_t *blueprint = mqoe_synthetic_blueprint(&s), *client;
    size_t i;
    json_array_foreach(json_object_get(blueprint, "clients"), i, client) {
        const char *d = disciplines[mqoe_random_below(random, 3)];
        uint64_t rate = strcmp(d, "none") ? 100000 + mqoe_random_below(random, 20000000) : 0;
        json_object_set_new(client, "down", mqoe_synthetic_shaper(rate, d, 20));
        json_object_set_new(client, "up", mqoe_synthetic_shaper(rate / 3, d, 50));
    }
    return blueprint;
}

// Whatever arrives, whenever the machine wakes, whatever is changed: no frame is lost count of, and at rest
// all are back where they belong.
static void every_frame_is_accounted_for(void **state) {
    (void)state;
    struct mqoe_random random;
    struct mqoe_accounting all = {0}, a;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        mqoe_random_seed(&random, seed);
        rig_open(&rig, mixed_blueprint(&random), 128);
        rig.late = seed % 2 ? 0 : 150000;
        uint64_t arrived = 0;
        for (uint32_t i = 0; i < 30000; i++) {
            uint32_t client = mqoe_random_below(&random, 22); // two of them nobody knows
            uint32_t len = 60 + mqoe_random_below(&random, 1454);
            enum mqoe_direction d = mqoe_random_below(&random, 2) ? MQOE_UP : MQOE_DOWN;
            arrived += rig_arrive(&rig, client, d, (uint16_t)mqoe_random_below(&random, 5), len, i);
            if (mqoe_random_below(&random, 3) == 0)
                rig_run(&rig, rig.now + mqoe_random_below(&random, 300000));
            if (i % 1000 == 0)
                assert_accounted(&rig);
        }
        rig_run(&rig, rig.now + 200ull * S);
        mqoe_engine_account(&rig.engine, &a);
        assert_int_equal(mqoe_accounting_missing(&a), 0);
        assert_int_equal(a.received[0] + a.received[1], arrived);
        assert_int_equal(rig_held(&rig), 0);
        assert_true(a.unclassified > 0 && a.sent[0] > 0 && a.sent[1] > 0);
        all.aqm += a.aqm;
        all.overflow += a.overflow;
        all.rig += a.rig;
        assert_int_equal(rig.umem.in_place[MQOE_FREE] + rig.umem.in_place[MQOE_FILL], rig.umem.count);
        rig_close(&rig);
    }
    assert_true(all.aqm > 0 && all.overflow > 0 && all.rig > 0); // every way to lose a frame was taken
}

// Frames of one flow leave in the order they came, through paths and fair queueing.
static void flows_keep_their_order(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(5000000, "fq_codel");
    s.server_delay = 5 * MS;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 256);
    for (uint32_t i = 0; i < 3000; i++) {
        rig_arrive(&rig, 0, MQOE_DOWN, (uint16_t)(i % 4), 200 + i % 1000, i);
        if (i % 3 == 0)
            rig_run(&rig, rig.now + MS);
    }
    rig_run(&rig, rig.now + 100ull * S);
    uint32_t last[4] = {0};
    assert_true(rig.out_count > 500);
    for (size_t i = 0; i < rig.out_count; i++) {
        uint32_t flow = rig.out[i].tag % 4;
        assert_true(last[flow] == 0 || rig.out[i].tag > last[flow]);
        last[flow] = rig.out[i].tag;
    }
    assert_accounted(&rig);
    rig_close(&rig);
}

// More frames than chunks: what cannot be held is a rig drop, and traffic goes on afterwards.
static void running_out_of_frames_is_a_rig_drop(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(1000000, "pfifo");
    s.frames = 256;
    s.limit = 100000;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 32);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(rig_arrive(&rig, 0, MQOE_DOWN, 1, 1000, i)); // the fill ring never runs dry
        rig_run(&rig, rig.now);
    }
    struct mqoe_accounting a;
    mqoe_engine_account(&rig.engine, &a);
    assert_int_equal(a.received[MQOE_CORE], 1000);
    assert_int_equal(a.rig, 1000 - 1 - (256 - 2 * 32)); // one left at once, 192 are held
    assert_int_equal(a.overflow, 0);
    assert_accounted(&rig);
    rig_run(&rig, rig.now + 10ull * S);
    assert_int_equal(rig_held(&rig), 0);
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 1000, 1001);
    rig_run(&rig, rig.now);
    assert_int_equal(rig.out[rig.out_count - 1].tag, 1001);
    rig_close(&rig);
}

// A device that takes nothing: the loop asks again in a while instead of spinning, loses nothing until its
// ring is full, and then says that it was the rig.
static void a_stuck_device_is_asked_again(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(0, "none");
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    rig.port[MQOE_ACCESS].stuck = true;
    for (uint32_t i = 0; i < 64; i++)
        rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, i);
    rig_run(&rig, rig.now);
    assert_int_equal(rig_held(&rig), 64);
    uint64_t next = mqoe_engine_round(&rig.engine, rig.now);
    assert_in_range(next, rig.now + 1, rig.now + MS);
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, 64);
    rig_run(&rig, rig.now);
    assert_int_equal(rig.engine.drops[MQOE_DROP_NONE], 1);
    assert_accounted(&rig);
    rig.port[MQOE_ACCESS].stuck = false;
    rig_run(&rig, next);
    assert_int_equal(rig.out_count, 64);
    assert_int_equal(rig_held(&rig), 0);
    rig_close(&rig);
}

static struct mqoe_change shaper_change(uint32_t client, uint64_t rate, const char *discipline,
                                        uint32_t limit) {
    struct mqoe_change c = {.kind = MQOE_CHANGE_SHAPER, .index = client, .direction = MQOE_DOWN};
    json_t *json = mqoe_synthetic_shaper(rate, discipline, limit);
    struct mqoe_error e;
    struct mqoe_node n = mqoe_node_root(json, &e);
    mqoe_dp_read_shaper(&n, 1514, &c.shaper);
    assert_int_equal(e.errnum, 0);
    json_decref(json);
    return c;
}

// 100 frames wait at 1 Mbit/s; another rate and another discipline: all of them come out, ten times as fast.
static void a_change_keeps_what_is_queued(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(1000000, "pfifo");
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 128);
    for (uint32_t i = 0; i < 101; i++)
        rig_arrive(&rig, 0, MQOE_DOWN, 1, 1250, i); // 10 ms each
    rig_run(&rig, rig.now);
    assert_int_equal(rig.umem.in_place[MQOE_LEAF], 100);
    struct mqoe_change change = shaper_change(0, 10000000, "pfifo", 1000);
    struct mqoe_error e;
    uint64_t start = rig.now;
    assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
    rig_run(&rig, start + 10ull * S);
    assert_int_equal(rig.out_count, 101);
    assert_in_range(rig.out[100].time - start, 99 * MS, 101 * MS);
    assert_accounted(&rig);

    for (uint32_t i = 0; i < 50; i++)
        rig_arrive(&rig, 0, MQOE_DOWN, 1, 1250, i);
    rig_run(&rig, rig.now);
    change = shaper_change(0, 0, "none", 0); // straight through; what waits leaves at once, in order
    assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 1250, 50);
    rig_run(&rig, rig.now);
    assert_int_equal(rig.out_count, 101 + 51);
    assert_int_equal(rig.out[rig.out_count - 1].tag, 50);
    assert_accounted(&rig);
    rig_close(&rig);
}

static void a_change_that_fails_changes_nothing(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(1000000, "pfifo");
    s.clients = 2;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    struct mqoe_change changes[2] = {shaper_change(0, 9000000, "pfifo", 10),
                                     shaper_change(1, 9000000, "fq_codel", 0)};
    changes[1].shaper.discipline.fq_codel.quantum = 0; // what no reader would let through
    struct mqoe_error e;
    uint64_t rate = rig.engine.circuits[MQOE_DOWN].leaf.shaper.rate;
    assert_int_not_equal(mqoe_engine_change(&rig.engine, changes, 2, rig.now, &e), 0);
    assert_int_equal(rig.engine.circuits[MQOE_DOWN].leaf.shaper.rate, rate);
    assert_int_equal(rig.engine.circuits[MQOE_DOWN].leaf.discipline.pfifo.limit, 1000);
    assert_int_equal(rig.engine.circuits[2 + MQOE_DOWN].leaf.discipline.kind, MQOE_PFIFO);
    rig_close(&rig);
}

// A change of a path to a delay and a rate in both directions. `lines` is what it points to.
static struct mqoe_change path_change(struct mqoe_path_config lines[2], uint64_t delay, uint64_t rate) {
    for (int d = MQOE_DOWN; d <= MQOE_UP; d++)
        lines[d] =
            (struct mqoe_path_config){.up = true, .keep_order = true, .delay.mean = delay, .link.rate = rate};
    return (struct mqoe_change){.kind = MQOE_CHANGE_PATH, .index = 0, .lines = lines};
}

// From 10 ms to 1 ms while frames are under way: none overtakes, later ones take 1 ms.
static void a_path_change_never_reorders(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(0, "none");
    s.server_delay = 10 * MS;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, 0);
    rig_run(&rig, rig.now);
    struct mqoe_path_config lines[2];
    struct mqoe_change change = path_change(lines, MS, 0);
    struct mqoe_error e;
    assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
    rig_run(&rig, rig.now + 2 * MS);
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, 1);
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out_count, 2);
    assert_int_equal(rig.out[0].tag, 0);
    uint64_t start = rig.now;
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, 2);
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out[2].time - start, MS);
    rig_close(&rig);
}

// 10 ms, then 100 Mbit/s: frames that come in one burst leave one after the other, at their exact times.
// Those that a change meets on their way are transmitted at the new rate.
static void a_path_has_a_rate(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(0, "none");
    s.server_delay = 10 * MS;
    s.server_rate = 100000000;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    uint64_t start = rig.now, frame = 1250 * 8ull * 10; // ns of a 1250-byte frame
    for (uint32_t i = 0; i < 20; i++)
        rig_arrive(&rig, 0, i < 10 ? MQOE_DOWN : MQOE_UP, 1, 1250, i);
    rig_run(&rig, start + 10 * MS + 5 * frame);
    assert_int_equal(rig.out_count, 10); // of both directions, which do not share
    struct mqoe_path_config lines[2];
    struct mqoe_change change = path_change(lines, 10 * MS, 10000000);
    struct mqoe_error e;
    assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
    rig_arrive(&rig, 0, MQOE_DOWN, 1, 1250, 10);
    rig_run(&rig, rig.now + S);
    assert_int_equal(rig.out_count, 21);
    for (size_t i = 0; i < 20; i++) {
        uint64_t n = rig.out[i].tag % 10 + 1;
        assert_int_equal(rig.out[i].time - start, 10 * MS + (n <= 5 ? n : 5 + (n - 5) * 10) * frame);
    }
    assert_int_equal(rig.out[20].time - start, 20 * MS + (5 + 10) * frame);
    assert_accounted(&rig);
    rig_close(&rig);
}

static json_t *node(uint64_t rate, uint64_t ceil) {
    return json_pack("{s:I, s:I, s:i, s:i, s:i}", "rate", (json_int_t)rate, "ceil", (json_int_t)ceil,
                     "quantum", 0, "priority", 0, "burst", 0);
}

// `s.clients` clients under one site of `rate` (both ways), each with a little for sure and a ceil.
static json_t *under_a_site(const struct mqoe_synthetic *s, uint64_t rate, const uint64_t *ceils) {
    json_t *blueprint = mqoe_synthetic_blueprint(s), *client;
    json_object_set_new(blueprint, "sites",
                        json_pack("[{s:i, s:s, s:i, s:i, s:o, s:o}]", "id", 0, "name", "tower", "parent", -1,
                                  "reactor", 0, "down", node(rate, rate), "up", node(rate, rate)));
    size_t i;
    json_array_foreach(json_object_get(blueprint, "clients"), i, client) {
        json_object_set_new(client, "site", json_integer(0));
        json_object_set_new(
            client, "node",
            json_pack("{s:o, s:o}", "down", node(1000, ceils[i]), "up", node(1000, ceils[i])));
    }
    return blueprint;
}

// Bytes that each client's circuit has delivered downwards.
static void delivered(const struct rig *r, uint64_t *bytes, uint32_t clients) {
    for (uint32_t i = 0; i < clients; i++)
        bytes[i] = r->engine.circuits[i * 2 + MQOE_DOWN].leaf.stats.out_bytes;
}

// Offers every client 80 Mbit/s of 1,250-byte frames for `ms` milliseconds.
static void offer_all(struct rig *r, uint32_t clients, uint32_t ms) {
    for (uint32_t i = 0; i < ms * 8; i++) {
        uint64_t at = r->now + 125000;
        for (uint32_t k = 0; k < clients; k++)
            rig_arrive(r, k, MQOE_DOWN, 1, 1250, k);
        rig_run(r, at);
    }
}

static void assert_rates(struct rig *r, const double *mbits, uint32_t clients) {
    uint64_t before[8], after[8];
    offer_all(r, clients, 200);
    delivered(r, before, clients);
    offer_all(r, clients, 1000);
    delivered(r, after, clients);
    for (uint32_t i = 0; i < clients; i++) {
        double got = (double)(after[i] - before[i]) * 8 / 1e6;
        if (got < mbits[i] * 0.98 || got > mbits[i] * 1.02)
            fail_msg("client %u: %.2f Mbit/s, not %.2f", i, got, mbits[i]);
    }
}

// 100 Mbit/s for three who want 80 each; then one has a ceil of 20; then the site has 60; then one that
// shapes itself to 10: what one leaves is the others'.
static void a_site_is_shared(void **state) {
    (void)state;
    static const uint64_t ceils[] = {80000000, 80000000, 80000000};
    struct mqoe_synthetic s = line(0, "pfifo");
    struct mqoe_error e;
    s.clients = 3;
    s.limit = 50;
    for (uint64_t late = 0; late <= 300000; late += 300000) {
        rig_open(&rig, under_a_site(&s, 100000000, ceils), 64);
        rig.late = late;
        assert_rates(&rig, (const double[]){33.333, 33.333, 33.333}, 3);
        struct mqoe_change change = {.kind = MQOE_CHANGE_LEAF_NODE,
                                     .index = 1,
                                     .direction = MQOE_DOWN,
                                     .class = {.rate = 1000, .ceil = 20000000}};
        assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
        assert_rates(&rig, (const double[]){40, 20, 40}, 3);
        change = (struct mqoe_change){
            .kind = MQOE_CHANGE_SITE, .direction = MQOE_DOWN, .class = {.rate = 60000000, .ceil = 60000000}};
        assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
        assert_rates(&rig, (const double[]){20, 20, 20}, 3);
        change = shaper_change(2, 10000000, "fq_codel", 0);
        assert_int_equal(mqoe_engine_change(&rig.engine, &change, 1, rig.now, &e), 0);
        assert_rates(&rig, (const double[]){30, 20, 10}, 3);
        assert_true(rig_held(&rig) > 0);
        assert_accounted(&rig);
        rig_run(&rig, rig.now + 10ull * S);
        assert_int_equal(rig_held(&rig), 0);
        assert_accounted(&rig);
        rig_close(&rig);
    }
}

// The frames of a site leave one after the other, at its rate, whoever they are for; with a timer that is
// late none is lost to the site.
static void a_site_has_its_rate_exactly(void **state) {
    (void)state;
    static const uint64_t ceils[] = {100000000, 100000000};
    struct mqoe_synthetic s = line(0, "pfifo");
    s.clients = 2;
    rig_open(&rig, under_a_site(&s, 10000000, ceils), 64);
    uint64_t start = rig.now;
    for (uint32_t i = 0; i < 20; i++)
        rig_arrive(&rig, i % 2, MQOE_DOWN, 1, 1250, i); // 1 ms each
    rig_run(&rig, start + S);
    assert_int_equal(rig.out_count, 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(rig.out[i].time - start, i * MS);
    rig.late = 300000;
    start = rig.now;
    for (uint32_t i = 0; i < 20; i++)
        rig_arrive(&rig, i % 2, MQOE_DOWN, 1, 1250, i);
    rig_run(&rig, start + S);
    assert_in_range(rig.out[39].time - start, 19 * MS, 19 * MS + 300000);
    assert_accounted(&rig);
    rig_close(&rig);
}

// A change that a site cannot take is refused, and what came before it in the same command taken back.
static void a_node_change_that_fails_changes_nothing(void **state) {
    (void)state;
    static const uint64_t ceils[] = {100000000};
    struct mqoe_synthetic s = line(0, "pfifo");
    rig_open(&rig, under_a_site(&s, 10000000, ceils), 64);
    struct mqoe_change changes[2] = {
        {.kind = MQOE_CHANGE_LEAF_NODE, .class = {.rate = 1000, .ceil = 5000000}},
        {.kind = MQOE_CHANGE_SITE, .class = {.rate = 1000, .ceil = 5000000}}, // a root must have both alike
    };
    struct mqoe_error e;
    struct mqoe_tree *tree = rig.engine.circuits[MQOE_DOWN].tree;
    uint64_t cost = tree->htb.nodes[1].ceil.cost;
    assert_int_equal(mqoe_engine_change(&rig.engine, changes, 2, rig.now, &e), -EINVAL);
    assert_non_null(strstr(e.hint, "set its rate to its ceil"));
    assert_int_equal(tree->htb.nodes[1].ceil.cost, cost);
    rig_close(&rig);
}

static const void *record(const struct mqoe_segment *s, uint64_t index) {
    return s->records + (index & s->mask) * s->header->record_bytes;
}

// Sets at t0 and every 100 ms; each circuit once per set; the totals of the last set are those of the
// accounting.
static void records_are_whole_and_periodic(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(1000000, "fq_codel");
    s.clients = 300; // 600 circuits: three parts a set
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    struct mqoe_recorder r;
    struct mqoe_error e;
    assert_int_equal(mqoe_recorder_open(&r, &rig.engine, &e), 0);
    assert_true(mqoe_recorder_run(&r, &rig.engine, rig.now, 0) == MQOE_NEVER);
    uint64_t t0 = rig.now + 5 * MS, end = t0 + 950 * MS;
    mqoe_recorder_go(&r, &rig.engine, t0, rig.now);
    for (uint64_t next = t0; next <= end; next = mqoe_recorder_run(&r, &rig.engine, rig.now, 0)) {
        assert_true(next >= rig.now);
        rig_run(&rig, next);
        rig_arrive(&rig, 7, MQOE_UP, 1, 500, 0);
    }
    rig_run(&rig, rig.now + S);
    mqoe_recorder_finish(&r, &rig.engine, rig.now, 0);
    assert_int_equal(atomic_load(&r.reactor.header->head), 11);
    assert_int_equal(atomic_load(&r.clients.header->head), 11 * 600);
    for (uint32_t set = 0; set < 10; set++) {
        const struct mqoe_record_dp_reactor *whole = record(&r.reactor, set);
        assert_int_equal(whole->time, set * 100ull * MS);
        for (uint32_t i = 0; i < 600; i++) {
            const struct mqoe_record_dp_client *one = record(&r.clients, set * 600 + i);
            assert_int_equal(one->client * 2 + one->direction, i);
            assert_in_range(one->time, whole->time, whole->time + 2 * MS);
        }
    }
    const struct mqoe_record_dp_client *busy = record(&r.clients, 10 * 600 + 15);
    const struct mqoe_record_dp_reactor *total = record(&r.reactor, 10);
    assert_true(busy->out_packets > 20);
    assert_int_equal(busy->out_packets, total->tx_core);
    assert_int_equal(busy->in_packets, total->rx_access);
    mqoe_recorder_close(&r);
    rig_close(&rig);
}

// Every second one of each circuit that has seen traffic, bounded parts, and the last one says what the leaf
// counts.
static void records_of_tins_say_what_the_leaves_count(void **state) {
    (void)state;
    struct mqoe_synthetic s = line(1000000, "fq_codel");
    s.clients = 1000;
    rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
    struct mqoe_recorder r;
    struct mqoe_error e;
    assert_int_equal(mqoe_recorder_open(&r, &rig.engine, &e), 0);
    uint64_t t0 = rig.now, end = t0 + 2500 * MS;
    mqoe_recorder_go(&r, &rig.engine, t0, rig.now);
    for (uint32_t client = 0; client < 600; client++) {
        for (uint16_t flow = 1; flow <= 3; flow++)
            assert_true(rig_arrive(&rig, client, MQOE_UP, flow, 100 + flow, 0));
        mqoe_engine_round(&rig.engine, rig.now);
    }
    uint64_t most = 0;
    for (uint64_t next = t0, before = 0; next <= end;) {
        next = mqoe_recorder_run(&r, &rig.engine, rig.now, 0);
        uint64_t head = atomic_load(&r.tins.header->head);
        most = head - before > most ? head - before : most;
        before = head;
        rig_run(&rig, next);
    }
    assert_int_equal(atomic_load(&r.tins.header->head), 3 * 600); // at t0, after 1 s and 2 s
    assert_in_range(most, 1, 128);                                // of 600 that were due at once
    rig_arrive(&rig, 7, MQOE_UP, 1, 1400, 0);
    mqoe_engine_round(&rig.engine, rig.now);
    mqoe_recorder_finish(&r, &rig.engine, rig.now, 0);
    assert_int_equal(atomic_load(&r.tins.header->head), 4 * 600);
    const struct mqoe_record_dp_tin *first = record(&r.tins, 600), *last = record(&r.tins, 3 * 600 + 7);
    assert_in_range(first->time, S, S + 3 * MS);
    assert_int_equal(first->client * 2 + first->direction, 1);
    assert_int_equal(last->time, (int64_t)(rig.now - t0));
    assert_int_equal(last->client * 2 + last->direction, 15);
    assert_int_equal(last->tin, 0);
    assert_int_equal(last->tins, 1);
    assert_int_equal(last->discipline, MQOE_FQ_CODEL);
    assert_int_equal(last->out_packets, 4);
    assert_int_equal(last->out_bytes, 101 + 102 + 103 + 1400);
    assert_int_equal(last->max_len, 1400);
    assert_int_equal(last->new_flow_count, 4);
    assert_int_equal(last->sparse_flows + last->bulk_flows, 1);
    assert_int_equal(last->capacity, 1000000);
    assert_int_equal(last->target, 4882 * 1024); // 5 ms in CoDel's ticks
    mqoe_recorder_close(&r);
    rig_close(&rig);
}

// A foreign dataplane beside a path stage makes frames of its own: MLD, ARP. Beside ours they would be lost.
static void only_a_path_stage_hides_frames_to_groups(void **state) {
    (void)state;
    const uint8_t mld[90] = {0x33, 0x33, 0, 0, 0, 0x16, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60};
    const uint8_t lost[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    for (int path = 0; path < 2; path++) {
        struct mqoe_accounting a;
        struct mqoe_synthetic s = line(0, "none");
        rig_open(&rig, mqoe_synthetic_blueprint(&s), 64);
        rig.config.kind = path ? MQOE_KIND_PATH : MQOE_KIND_AFXDP;
        assert_true(mqoe_memory_arrive(&rig.port[MQOE_ACCESS], mld, sizeof mld));
        assert_true(mqoe_memory_arrive(&rig.port[MQOE_CORE], mld, sizeof mld));
        assert_true(mqoe_memory_arrive(&rig.port[MQOE_CORE], lost, sizeof lost));
        rig_run(&rig, rig.now + 1000000);
        mqoe_engine_account(&rig.engine, &a);
        assert_int_equal(a.received[MQOE_ACCESS], path ? 0 : 1);
        assert_int_equal(a.received[MQOE_CORE], path ? 1 : 2);
        assert_int_equal(a.unclassified, path ? 1 : 3);
        assert_int_equal(mqoe_accounting_missing(&a), 0);
        assert_int_equal(rig.umem.in_place[MQOE_FREE] + rig.umem.in_place[MQOE_FILL], rig.umem.count);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_straight_through),
        cmocka_unit_test(delays_add_up_exactly),
        cmocka_unit_test(lateness_does_not_accumulate),
        cmocka_unit_test(rate_is_exact),
        cmocka_unit_test(a_late_line_keeps_its_rate),
        cmocka_unit_test(every_frame_is_accounted_for),
        cmocka_unit_test(only_a_path_stage_hides_frames_to_groups),
        cmocka_unit_test(flows_keep_their_order),
        cmocka_unit_test(running_out_of_frames_is_a_rig_drop),
        cmocka_unit_test(a_stuck_device_is_asked_again),
        cmocka_unit_test(a_change_keeps_what_is_queued),
        cmocka_unit_test(a_change_that_fails_changes_nothing),
        cmocka_unit_test(a_path_change_never_reorders),
        cmocka_unit_test(a_path_has_a_rate),
        cmocka_unit_test(records_are_whole_and_periodic),
        cmocka_unit_test(a_site_is_shared),
        cmocka_unit_test(a_site_has_its_rate_exactly),
        cmocka_unit_test(a_node_change_that_fails_changes_nothing),
        cmocka_unit_test(records_of_tins_say_what_the_leaves_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
