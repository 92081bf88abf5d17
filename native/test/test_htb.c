// The shaper tree by its rules (reference/algorithms.md §4, §7), on a virtual clock.
#include "htb_world.h"

#include <errno.h>

#define MBIT UINT64_C(1000000)

static struct world w;

static uint32_t root_of(uint64_t rate) {
    return world_add(&w, MQOE_HTB_NOBODY, class_of(rate, rate));
}

// One leaf with a guarantee of 8 Mbit/s and a ceil of 16 below a root of 80: 1,000 bytes take 1 ms at its
// rate, 0.5 ms at its ceil, 0.1 ms at the root.
static void frames_leave_at_their_times(void **state) {
    (void)state;
    world_open(&w);
    uint32_t leaf = world_leaf(&w, root_of(80 * MBIT), class_of(8 * MBIT, 16 * MBIT));
    world_build(&w);
    uint64_t start = w.now;
    world_arrive(&w, leaf, 10, 1000);
    for (uint32_t i = 0; i < 10; i++) {
        struct mqoe_frame *f = world_next(&w, start + SECOND);
        assert_int_equal(f->time - start, i * MS / 2); // it borrows all above its rate
        frame_give(&w.store, f);
    }
    assert_null(world_next(&w, start + SECOND));
    assert_true(mqoe_htb_next(&w.tree) == MQOE_NEVER);
    world_close(&w);
}

static void modes_follow_the_tags(void **state) {
    (void)state;
    world_open(&w);
    uint32_t leaf = world_leaf(&w, root_of(80 * MBIT), class_of(8 * MBIT, 16 * MBIT));
    world_build(&w);
    uint64_t start = w.now;
    assert_int_equal(mqoe_htb_mode(&w.tree, leaf), MQOE_HTB_CAN_SEND);
    world_arrive(&w, leaf, 1, 1000);
    frame_give(&w.store, world_next(&w, start));
    assert_int_equal(mqoe_htb_mode(&w.tree, leaf), MQOE_HTB_CANT_SEND);
    assert_null(world_next(&w, start + MS / 2));
    assert_int_equal(mqoe_htb_mode(&w.tree, leaf), MQOE_HTB_MAY_BORROW);
    assert_null(world_next(&w, start + MS));
    assert_int_equal(mqoe_htb_mode(&w.tree, leaf), MQOE_HTB_CAN_SEND);
    world_close(&w);
}

// The guarantee of a leaf is served before what others borrow, whatever their priority; among those who
// borrow the lower priority takes all it can.
static void guarantees_then_priorities(void **state) {
    (void)state;
    world_open(&w);
    uint32_t root = root_of(100 * MBIT);
    struct mqoe_htb_class first = class_of(0, 60 * MBIT), last = class_of(10 * MBIT, 100 * MBIT);
    struct mqoe_htb_class middle = class_of(0, 100 * MBIT);
    last.priority = 7;
    middle.priority = 3;
    uint32_t a = world_leaf(&w, root, first), b = world_leaf(&w, root, last);
    uint32_t c = world_leaf(&w, root, middle);
    world_build(&w);
    world_arrive(&w, a, 4, 1500);
    world_arrive(&w, b, 4, 1500);
    world_circulate(&w, w.now + SECOND);
    memset(w.sent, 0, sizeof w.sent);
    world_circulate(&w, w.now + SECOND);
    assert_in_range(w.sent[a] * 8, 59700000, 60100000);
    assert_in_range(w.sent[b] * 8, 39900000, 40300000);
    world_arrive(&w, c, 4, 1500); // takes what b borrowed, and leaves b its guarantee
    memset(w.sent, 0, sizeof w.sent);
    world_circulate(&w, w.now + SECOND);
    assert_in_range(w.sent[a] * 8, 59700000, 60100000);
    assert_in_range(w.sent[b] * 8, 9900000, 10200000);
    assert_in_range(w.sent[c] * 8, 29800000, 30300000);
    world_close(&w);
}

// After a rest exactly one frame goes at once, or `burst` bytes where there are any.
static void a_rest_earns_a_burst_only(void **state) {
    (void)state;
    static const struct {
        uint32_t burst, at_once;
    } cases[] = {{0, 1}, {1000, 1}, {WORLD_FRAME, 1}, {3 * WORLD_FRAME, 3}, {10 * WORLD_FRAME, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_open(&w);
        struct mqoe_htb_class c = class_of(10 * MBIT, 10 * MBIT);
        c.burst = cases[i].burst;
        uint32_t root = root_of(1000 * MBIT);
        w.plans[root].class.burst = 100 * WORLD_FRAME;
        uint32_t leaf = world_leaf(&w, root, c);
        world_build(&w);
        for (int rest = 0; rest < 3; rest++) {
            assert_null(world_next(&w, w.now + 100 * SECOND));
            uint64_t start = w.now;
            world_arrive(&w, leaf, 20, WORLD_FRAME);
            uint32_t at_once = 0;
            for (struct mqoe_frame *f; (f = world_next(&w, start + SECOND)); frame_give(&w.store, f))
                at_once += f->time == start;
            assert_int_equal(at_once, cases[i].at_once);
        }
        world_close(&w);
    }
}

struct departures {
    uint64_t time[20000];
    uint32_t leaf[20000], len[20000], count;
};
static struct departures log_of;

static void record_until(uint64_t until) {
    log_of.count = 0;
    for (struct mqoe_frame *f; (f = world_next(&w, until)); world_enqueue(&w, f->client, f, f->time)) {
        assert_true(log_of.count < 20000);
        log_of.time[log_of.count] = f->time;
        log_of.leaf[log_of.count] = f->client;
        log_of.len[log_of.count++] = f->shaped_len;
    }
}

static bool is_below(uint32_t node, uint32_t above) {
    for (; node != MQOE_HTB_NOBODY; node = w.plans[node].parent)
        if (node == above)
            return true;
    return false;
}

// The most bytes by which a node ever exceeds `rate` × window, over all windows of the log (Kadane).
static double excess(uint32_t node, uint64_t rate) {
    double worst = 0, level = 0;
    uint64_t last = log_of.time[0];
    for (uint32_t i = 0; i < log_of.count; i++) {
        level -= (double)(log_of.time[i] - last) * (double)rate / 8e9;
        level = level > 0 ? level : 0;
        last = log_of.time[i];
        if (is_below(log_of.leaf[i], node))
            level += log_of.len[i];
        worst = level > worst ? level : worst;
    }
    return worst;
}

// Random trees, random frames: over every window the root sends its ceil and one frame at most; a leaf, which
// was kept waiting, two more; a node between, four more.
static void no_ceil_is_exceeded(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct mqoe_random random;
        mqoe_random_seed(&random, seed);
        world_open(&w);
        uint32_t root = root_of(100 * MBIT);
        for (int s = 0; s < 3; s++) {
            uint64_t ceil = (20 + mqoe_random_below(&random, 60)) * MBIT;
            uint32_t site = world_add(&w, root, class_of(mqoe_random_below(&random, 20) * MBIT, ceil));
            for (int l = 0; l < 4; l++) {
                uint64_t most = (1 + mqoe_random_below(&random, 30)) * MBIT;
                world_leaf(&w, site, class_of(mqoe_random_below(&random, (uint32_t)most), most));
                if (w.plans[w.count - 1].class.rate < 512)
                    w.plans[w.count - 1].class.rate = 0;
            }
        }
        world_build(&w);
        for (uint32_t i = 0; i < w.count; i++)
            for (int k = 0; w.plans[i].leaf && k < 5; k++)
                world_arrive(&w, i, 1, 64 + mqoe_random_below(&random, WORLD_FRAME - 63));
        record_until(w.now + SECOND);
        for (uint32_t i = 0; i < w.count; i++) {
            uint32_t frames = i == root ? 1 : w.plans[i].leaf ? 3 : 5;
            assert_true(excess(i, w.plans[i].class.ceil) <= frames * WORLD_FRAME + 1);
        }
        world_close(&w);
    }
}

// Alone on a free link a leaf sends its ceil and one frame at most, and no less: it is work-conserving.
static void a_free_link_is_exact(void **state) {
    (void)state;
    struct mqoe_random random;
    mqoe_random_seed(&random, 3);
    world_open(&w);
    uint32_t leaf = world_leaf(&w, root_of(1000 * MBIT), class_of(MBIT, 50 * MBIT));
    world_build(&w);
    for (int k = 0; k < 50; k++)
        world_arrive(&w, leaf, 1, 200 + mqoe_random_below(&random, 1300));
    record_until(w.now + SECOND);
    assert_true(excess(leaf, 50 * MBIT) <= WORLD_FRAME + 1);
    assert_in_range(w.sent[leaf] * 8, 49900000, 50000000 + WORLD_FRAME * 8);
    world_close(&w);
}

// Guarantees that add up to all there is are all met, beside any number of leaves without one.
static void guarantees_are_met(void **state) {
    (void)state;
    static const uint64_t sure[] = {1, 2, 5, 10, 22, 60};
    world_open(&w);
    uint32_t root = root_of(100 * MBIT), leaves[6];
    for (int i = 0; i < 6; i++)
        leaves[i] = world_leaf(&w, root, class_of(sure[i] * MBIT, 100 * MBIT));
    for (int i = 0; i < 50; i++)
        world_leaf(&w, root, class_of(0, 100 * MBIT));
    world_build(&w);
    for (uint32_t i = 1; i < w.count; i++)
        world_arrive(&w, i, 4, 1500);
    uint64_t start = w.now;
    world_circulate(&w, start + SECOND);
    memset(w.sent, 0, sizeof w.sent);
    world_circulate(&w, start + 3 * SECOND);
    for (int i = 0; i < 6; i++)
        assert_in_range(w.sent[leaves[i]] * 4, sure[i] * MBIT - 30000, sure[i] * MBIT + 30000);
    world_close(&w);
}

// 1 : 2 : 4, and nobody starves.
static void loans_follow_the_quantum(void **state) {
    (void)state;
    world_open(&w);
    uint32_t root = root_of(70 * MBIT);
    for (uint32_t i = 0; i < 3; i++) {
        struct mqoe_htb_class c = class_of(0, 70 * MBIT);
        c.quantum = WORLD_FRAME << i;
        world_leaf(&w, root, c);
    }
    world_build(&w);
    for (uint32_t i = 1; i <= 3; i++)
        world_arrive(&w, i, 4, 300 * i); // whatever the size of frames
    world_circulate(&w, w.now + 2 * SECOND);
    for (uint32_t i = 1; i <= 3; i++)
        assert_in_range(w.sent[i] * 4, (10 * MBIT << (i - 1)) * 99 / 100, (10 * MBIT << (i - 1)) * 101 / 100);
    world_close(&w);
}

// A tree that is asked once in 20 ms sends the same frames with the same times as one that is asked at once.
static void late_wake_ups_are_caught_up(void **state) {
    (void)state;
    static struct departures punctual;
    for (int late = 0; late < 2; late++) {
        world_open(&w);
        uint32_t root = root_of(40 * MBIT);
        uint32_t site = world_add(&w, root, class_of(10 * MBIT, 20 * MBIT));
        for (uint32_t i = 0; i < 5; i++)
            world_leaf(&w, i % 2 ? site : root, class_of(MBIT, 15 * MBIT));
        world_build(&w);
        for (uint32_t i = 0; i < w.count; i++)
            if (w.plans[i].leaf)
                world_arrive(&w, i, 200, 500 + i * 150);
        log_of.count = 0;
        uint64_t start = w.now, now = start;
        while (now < start + SECOND) {
            uint64_t next = mqoe_htb_next(&w.tree);
            now = late ? now + 20 * MS : next == MQOE_NEVER ? start + SECOND : next;
            for (struct mqoe_frame *f; (f = world_next(&w, now)); frame_give(&w.store, f)) {
                log_of.time[log_of.count] = f->time;
                log_of.leaf[log_of.count++] = f->client;
            }
        }
        assert_int_equal(log_of.count, 1000);
        if (late) {
            assert_memory_equal(punctual.time, log_of.time, sizeof *punctual.time * 1000);
            assert_memory_equal(punctual.leaf, log_of.leaf, sizeof *punctual.leaf * 1000);
        }
        punctual = log_of;
        world_close(&w);
    }
}

// A leaf that shapes itself as well: the lower of both, and the rest is the others'.
static void a_leaf_may_shape_itself(void **state) {
    (void)state;
    const struct mqoe_leaf_config own = {
        .rate = 5 * MBIT, .discipline.kind = MQOE_PFIFO, .discipline.pfifo.limit = 1000};
    world_open(&w);
    uint32_t root = root_of(30 * MBIT);
    uint32_t a = world_leaf_with(&w, root, class_of(0, 30 * MBIT), &own);
    uint32_t b = world_leaf(&w, root, class_of(0, 30 * MBIT));
    world_build(&w);
    world_arrive(&w, a, 4, 1000);
    world_arrive(&w, b, 4, 1000);
    world_circulate(&w, w.now + 2 * SECOND);
    assert_in_range(w.sent[a] * 4, 4950000, 5010000);
    assert_in_range(w.sent[b] * 4, 24950000, 25050000);
    world_close(&w);
}

// A change takes effect at once, for leaves and inner nodes, and what is queued stays.
static void classes_change_live(void **state) {
    (void)state;
    struct mqoe_error e;
    world_open(&w);
    uint32_t root = root_of(100 * MBIT), site = world_add(&w, root, class_of(0, 80 * MBIT));
    uint32_t a = world_leaf(&w, site, class_of(MBIT, 50 * MBIT)),
             b = world_leaf(&w, root, class_of(0, 100 * MBIT));
    world_build(&w);
    world_arrive(&w, a, 4, 1500);
    world_arrive(&w, b, 4, 1500);
    const struct {
        uint32_t node;
        struct mqoe_htb_class class;
        uint64_t a, b;
    } steps[] = {
        {a, class_of(MBIT, 50 * MBIT), 50, 50}, {site, class_of(0, 20 * MBIT), 20, 80},
        {a, class_of(0, 5 * MBIT), 5, 95},      {root, class_of(40 * MBIT, 40 * MBIT), 5, 35},
        {site, class_of(0, 80 * MBIT), 5, 35},  {a, class_of(30 * MBIT, 50 * MBIT), 30, 10},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct mqoe_htb_class class = steps[i].class;
        class.priority = i % 2; // alone at its priority, or not
        if (steps[i].node != a || class.rate == MBIT)
            class.priority = 0;
        assert_int_equal(mqoe_htb_change(&w.tree, steps[i].node, &class, w.now, &e), 0);
        world_circulate(&w, w.now + SECOND / 10);
        memset(w.sent, 0, sizeof w.sent);
        world_circulate(&w, w.now + SECOND);
        assert_in_range(w.sent[a] * 8, steps[i].a * MBIT * 98 / 100, steps[i].a * MBIT * 102 / 100);
        assert_in_range(w.sent[b] * 8, steps[i].b * MBIT * 98 / 100, steps[i].b * MBIT * 102 / 100);
    }
    world_close(&w);
}

static void refuses_what_cannot_be(void **state) {
    (void)state;
    static const struct {
        struct mqoe_htb_class class;
        bool root;
        const char *says;
    } wrong[] = {
        {{.rate = 1000, .ceil = 999}, false, "512 bit/s … its ceil"},
        {{.rate = 100, .ceil = 1000}, false, "0 for no guarantee"},
        {{.rate = 0, .ceil = 0}, false, "512 bit/s … 1 Tbit/s"},
        {{.rate = 1000, .ceil = 2000}, true, "set its rate to its ceil"},
        {{.ceil = 1000, .quantum = 10}, false, "1000 … 1048576"},
        {{.ceil = 1000, .priority = 8}, false, "0 … 7"},
        {{.ceil = 1000, .burst = UINT32_MAX}, false, "at most 16777216"},
    };
    struct mqoe_error e;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(mqoe_htb_check(&wrong[i].class, wrong[i].root, &e), -EINVAL);
        assert_non_null(strstr(e.hint, wrong[i].says));
    }
    static struct mqoe_htb_plan plans[9];
    struct mqoe_htb tree;
    for (uint32_t i = 0; i < 9; i++)
        plans[i] = (struct mqoe_htb_plan){class_of(i ? 0 : MBIT, MBIT), i ? i - 1 : MQOE_HTB_NOBODY, NULL};
    assert_int_equal(mqoe_htb_init(&tree, plans, 9, WORLD_FRAME, 0, &e), -EINVAL);
    assert_non_null(strstr(e.hint, "8 levels"));
    plans[1].parent = 1;
    assert_int_equal(mqoe_htb_init(&tree, plans, 2, WORLD_FRAME, 0, &e), -EINVAL);
    assert_int_equal(mqoe_htb_init(&tree, plans, 0, WORLD_FRAME, 0, &e), -EINVAL);
}

// What the header promises of memory.
static void a_leaf_costs_little(void **state) {
    (void)state;
    assert_int_equal(sizeof(struct mqoe_htb_node), 96);
    assert_int_equal(sizeof(struct mqoe_htb_turn), 24);
    assert_int_equal(sizeof(struct mqoe_htb_event), 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_leave_at_their_times), cmocka_unit_test(modes_follow_the_tags),
        cmocka_unit_test(guarantees_then_priorities),  cmocka_unit_test(a_rest_earns_a_burst_only),
        cmocka_unit_test(no_ceil_is_exceeded),         cmocka_unit_test(a_free_link_is_exact),
        cmocka_unit_test(guarantees_are_met),          cmocka_unit_test(loans_follow_the_quantum),
        cmocka_unit_test(late_wake_ups_are_caught_up), cmocka_unit_test(a_leaf_may_shape_itself),
        cmocka_unit_test(classes_change_live),         cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(a_leaf_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
