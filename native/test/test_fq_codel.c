// FQ-CoDel: against a plain model with all flows allocated and nothing ever forgotten, and rule by rule.
#include <errno.h>

#include "fq_codel_model.h"
#include "frames.h"
#include "sqm/leaf.h"

static struct mqoe_fq_codel_config defaults(void) {
    return (struct mqoe_fq_codel_config){.target = 5 * MS,
                                         .interval = 100 * MS,
                                         .ce_threshold = -1,
                                         .memory_limit = 32 << 20,
                                         .quantum = 1514,
                                         .flows = 1024,
                                         .limit = 10240,
                                         .mtu = 1514,
                                         .ecn = true};
}

struct bed {
    struct frame_store store;
    struct mqoe_sqm_pool pool;
    struct mqoe_fq_codel q;
    struct mqoe_queue_stats stats;
    struct mqoe_frame_list dropped;
};

static void open_bed(struct bed *b, const struct mqoe_fq_codel_config *c, uint32_t frames, uint32_t flows) {
    struct mqoe_error e;
    *b = (struct bed){0};
    frame_store_open(&b->store, frames);
    assert_int_equal(
        mqoe_sqm_pool_init(&b->pool,
                           &(struct mqoe_sqm_pool_config){.flows = flows, .histograms = 4, .seed = 1}, &e),
        0);
    assert_int_equal(mqoe_fq_codel_check(c, &e), 0);
    assert_int_equal(mqoe_fq_codel_init(&b->q, c, &b->pool, &e), 0);
}

static void close_bed(struct bed *b) {
    mqoe_sqm_pool_free(&b->pool);
    frame_store_close(&b->store);
}

// The hash that falls into bucket `bucket` of `flows`.
static uint32_t hash_of(uint32_t bucket, uint32_t flows) {
    return (uint32_t)((((uint64_t)bucket << 32) + (UINT64_C(1) << 31)) / flows);
}

static struct mqoe_frame *arrive(struct bed *b, uint64_t now, uint32_t bucket, uint32_t len, uint8_t tos) {
    struct mqoe_frame *f = frame_make(&b->store, hash_of(bucket, b->q.buckets), len, tos);
    if (f) {
        f->time = now;
        f->client = bucket;
        mqoe_fq_codel_enqueue(&b->q, &b->pool, f, &b->stats, &b->dropped);
    }
    return f;
}

static struct mqoe_frame *depart(struct bed *b, uint64_t now) {
    return mqoe_fq_codel_dequeue(&b->q, &b->pool, now, &b->stats, &b->dropped);
}

static uint32_t flows_in(const struct mqoe_sqm_pool *pool, uint32_t state) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < pool->flow_count; i++)
        count += pool->flows[i].state == state;
    return count;
}

// ---- against the model ----

struct agreement {
    struct bed bed;
    struct model model;
    struct mqoe_random random;
    uint64_t now;
    uint32_t delivered;
};

static void enqueue_both(struct agreement *a, uint32_t bucket) {
    uint32_t len = 60 + mqoe_random_below(&a->random, 1455);
    uint8_t tos = bucket % 2 ? 2 : 0;
    struct mqoe_frame *f = arrive(&a->bed, a->now, bucket, len, tos);
    assert_non_null(f);
    model_enqueue(&a->model, bucket, f->user, a->now, len, tos);
}

static void dequeue_both(struct agreement *a) {
    struct mqoe_frame *f = depart(&a->bed, a->now);
    assert_int_equal(f ? (int64_t)f->user : -1, model_dequeue(&a->model, a->now));
    a->delivered += f != NULL;
    if (f)
        frame_give(&a->bed.store, f);
}

static void assert_same(const struct agreement *a) {
    const struct mqoe_queue_stats *s = &a->bed.stats;
    assert_int_equal(s->backlog_packets, a->model.packets);
    assert_int_equal(s->backlog_bytes, a->model.bytes);
    assert_int_equal(s->drop_aqm + s->drop_overflow, a->model.drops);
    assert_int_equal(s->marks, a->model.marks);
}

// Fills, holds, drains, pauses long enough to forget, and ends with many sparse flows; then again.
static void agree_for(uint64_t seed, uint32_t limit, uint32_t operations) {
    static struct agreement a;
    static const uint32_t arrivals[] = {70, 50, 30, 0, 45}; // of 100 operations
    struct mqoe_fq_codel_config c = defaults();
    c.flows = MODEL_FLOWS;
    c.limit = limit;
    c.quantum = seed % 2 ? 300 : 1514;
    a.now = 20 * SECOND;
    a.delivered = 0;
    mqoe_random_seed(&a.random, seed);
    open_bed(&a.bed, &c, limit + 2, 256);
    model_open(&a.model, &c, &a.bed.q.codel, a.now);
    for (uint32_t i = 0; i < operations; i++) {
        uint32_t phase = (i >> 9) % 5;
        a.now += mqoe_random_below(&a.random, phase == 3 ? 8 * MS : MS);
        if (mqoe_random_below(&a.random, 100) < arrivals[phase])
            enqueue_both(&a, mqoe_random_below(&a.random, phase == 4 ? MODEL_FLOWS : 4));
        else
            dequeue_both(&a);
        frame_give_all(&a.bed.store, &a.bed.dropped);
        assert_same(&a);
    }
    assert_true(a.delivered > operations / 10 && a.bed.stats.marks > 100 && a.bed.stats.drop_aqm > 100);
    assert_int_equal(a.bed.pool.flows_exhausted, 0);
    close_bed(&a.bed);
}

static void decides_as_the_model_that_never_forgets(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        agree_for(seed, 400, 60000);
    for (uint64_t seed = 21; seed <= 30; seed++)
        agree_for(seed, 60, 60000); // overflow at every turn
}

// ---- rule by rule ----

static void a_sparse_flow_goes_first(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 2000, 100);
    for (int i = 0; i < 1000; i++)
        arrive(&b, 0, (uint32_t)i % 10, 1514, 0);
    for (int i = 0; i < 25; i++)
        frame_give(&b.store, depart(&b, MS));
    arrive(&b, 2 * MS, 500, 100, 0);
    assert_int_equal(depart(&b, 2 * MS)->client, 500);
    close_bed(&b);
}

// A flow that comes back as soon as it was served, and always looks new, gets its share and no more.
static void coming_back_as_new_wins_nothing(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    uint32_t hog = 0;
    open_bed(&b, &c, 3000, 100);
    for (uint32_t i = 0; i < 2000; i++)
        arrive(&b, 0, i % 10, 1514, 0);
    for (int i = 0; i < 1100; i++) {
        struct mqoe_frame *f = depart(&b, MS);
        if (f->client == 99)
            hog++;
        else
            arrive(&b, MS, 99, 1514, 0);
        frame_give(&b.store, f);
    }
    assert_in_range(hog, 95, 110); // one in eleven
    close_bed(&b);
}

static void bytes_are_shared_not_packets(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    uint64_t bytes[2] = {0};
    open_bed(&b, &c, 10000, 100);
    for (int i = 0; i < 8000; i++)
        arrive(&b, 0, i % 8 == 0, i % 8 == 0 ? 1514 : 214, 0);
    for (int i = 0; i < 4000; i++) {
        struct mqoe_frame *f = depart(&b, 0);
        bytes[f->client] += f->len;
    }
    assert_true(bytes[0] + 3028 > bytes[1] && bytes[1] + 3028 > bytes[0]);
    close_bed(&b);
}

static void the_fattest_queue_pays(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    c.limit = 100;
    open_bed(&b, &c, 300, 100);
    for (int i = 0; i < 80; i++)
        arrive(&b, 0, 1, 1000, 0);
    for (int i = 0; i < 20; i++)
        arrive(&b, 0, 2, 1000, 0);
    assert_int_equal(b.stats.drop_overflow, 0);
    arrive(&b, 0, 3, 60, 0); // one too many, of an innocent flow
    assert_int_equal(b.stats.drop_overflow, 40);
    uint64_t serial = 0;
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&b.dropped)); serial++) {
        assert_int_equal(f->client, 1);
        assert_int_equal(f->user, serial); // from the head
        assert_int_equal(f->cause, MQOE_DROP_OVERFLOW);
    }
    close_bed(&b);
}

static void a_batch_is_64_packets_at_most(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    c.limit = 1000;
    open_bed(&b, &c, 1100, 100);
    for (int i = 0; i < 1001; i++)
        arrive(&b, 0, 1, 1000, 0);
    assert_int_equal(b.stats.drop_overflow, 64);
    close_bed(&b);
}

static void the_memory_limit_counts_whole_chunks(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    c.memory_limit = 10 * MQOE_FRAME_MEMORY;
    open_bed(&b, &c, 100, 100);
    for (uint32_t i = 0; i < 10; i++)
        arrive(&b, 0, i, 60, 0);
    assert_int_equal(b.stats.drop_overflow, 0);
    arrive(&b, 0, 10, 60, 0);
    assert_int_equal(b.stats.drop_overflow, 1);
    close_bed(&b);
}

// ---- the shared pool ----

static void idle_flows_return_to_the_pool(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 1000, 200);
    for (uint32_t i = 0; i < 100; i++)
        arrive(&b, SECOND, i, 1000, 2);
    assert_int_equal(flows_in(&b.pool, MQOE_FLOW_NEW), 100);
    while (depart(&b, SECOND + MS))
        ;
    assert_int_equal(flows_in(&b.pool, MQOE_FLOW_FREE), 199); // all but the reserve
    close_bed(&b);
}

static void a_flow_that_was_signalled_is_remembered(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 1000, 3);
    for (uint32_t i = 0; i < 100; i++)
        arrive(&b, SECOND, 1, 1000, 2);
    for (uint64_t t = SECOND; depart(&b, t); t += 10 * MS)
        ;
    assert_true(b.stats.marks > 5);
    assert_int_equal(flows_in(&b.pool, MQOE_FLOW_IDLE), 1);
    // Two other flows need the two records there are: the memory gives way.
    arrive(&b, 3 * SECOND, 2, 100, 2);
    arrive(&b, 3 * SECOND, 3, 100, 2);
    assert_int_equal(flows_in(&b.pool, MQOE_FLOW_NEW), 2);
    assert_int_equal(flows_in(&b.pool, MQOE_FLOW_IDLE), 0);
    assert_int_equal(b.pool.flows_exhausted, 0);
    close_bed(&b);
}

static bool arrive_light_or_heavy(struct bed *b, struct mqoe_random *r, uint64_t now, uint32_t heavy) {
    uint32_t light = mqoe_random_below(r, 64);
    return arrive(b, now, mqoe_random_below(r, 8) ? heavy : light, 200, 0) != NULL;
}

static bool depart_in_order(struct bed *b, uint64_t now, uint64_t *last) {
    struct mqoe_frame *f = depart(b, now);
    frame_give_all(&b->store, &b->dropped);
    if (!f)
        return false;
    assert_true(last[f->client] == UINT64_MAX || last[f->client] < f->user);
    last[f->client] = f->user;
    frame_give(&b->store, f);
    return true;
}

// Four records for 64 flows: packets share the reserve queue, none is lost, each flow keeps its order. Each
// second another flow is heavy, is signalled, and leaves a memory for others to push out.
static void an_exhausted_pool_loses_and_reorders_nothing(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct mqoe_frame_list rest = {0};
    struct mqoe_random r;
    struct bed b;
    uint64_t last[64], in = 0, out = 0;
    memset(last, 0xff, sizeof last);
    mqoe_random_seed(&r, 11);
    open_bed(&b, &c, 200, 5);
    for (uint32_t i = 0; i < 200000; i++) {
        uint64_t now = i * MS / 10; // slow enough for CoDel to have something to remember
        if (mqoe_random_below(&r, 100) < ((i >> 8) % 2 ? 60u : 40u))
            in += arrive_light_or_heavy(&b, &r, now, i >> 13 & 63);
        else
            out += depart_in_order(&b, now, last);
    }
    assert_int_equal(in, out + b.stats.backlog_packets + b.stats.drop_aqm);
    assert_true(b.pool.flows_exhausted > 1000 && b.stats.drop_aqm > 100);
    mqoe_fq_codel_drain(&b.q, &b.pool, &b.stats, &rest);
    assert_int_equal(flows_in(&b.pool, MQOE_FLOW_FREE), 5);
    assert_true(b.pool.idle_head == MQOE_NO_FLOW && b.stats.backlog_packets == 0);
    close_bed(&b);
}

static void instances_do_not_share_queues(void **state) {
    (void)state;
    struct mqoe_fq_codel_config c = defaults();
    struct mqoe_fq_codel other;
    struct mqoe_queue_stats stats = {0};
    struct mqoe_error e;
    struct bed b;
    open_bed(&b, &c, 100, 100);
    assert_int_equal(mqoe_fq_codel_init(&other, &c, &b.pool, &e), 0);
    arrive(&b, 0, 7, 100, 0);
    assert_null(mqoe_fq_codel_dequeue(&other, &b.pool, 0, &stats, &b.dropped));
    assert_int_equal(b.stats.backlog_packets, 1);
    assert_non_null(depart(&b, 0));
    close_bed(&b);
}

static void memory_is_what_the_header_says(void **state) {
    (void)state;
    size_t flow = sizeof(struct mqoe_flow) + 4 * sizeof(uint32_t); // with its share of the index
    size_t idle = sizeof(struct mqoe_leaf) + flow;
    size_t busy = idle + 32 * flow + MQOE_HISTOGRAM_MEMORY;
    assert_true(idle == 512);
    assert_true(busy - idle == 32 * 80 + 1920);
    assert_true(2 * idle <= 2048 && 2 * busy <= 24 * 1024); // the targets for a client, both directions
}

static void refuses_what_cannot_run(void **state) {
    (void)state;
    struct mqoe_error e;
    struct mqoe_fq_codel_config bad[9];
    for (int i = 0; i < 9; i++)
        bad[i] = defaults();
    bad[0].target = 0;
    bad[1].target = 200 * MS; // above interval
    bad[2].interval = 101 * SECOND;
    bad[3].quantum = 255;
    bad[4].flows = 0;
    bad[5].flows = 65537;
    bad[6].limit = 0;
    bad[7].memory_limit = 2047;
    bad[8].ce_threshold = -2;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(mqoe_fq_codel_check(&bad[i], &e), -EINVAL);
        assert_true(e.object[0] && e.hint[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_as_the_model_that_never_forgets),
        cmocka_unit_test(a_sparse_flow_goes_first),
        cmocka_unit_test(coming_back_as_new_wins_nothing),
        cmocka_unit_test(bytes_are_shared_not_packets),
        cmocka_unit_test(the_fattest_queue_pays),
        cmocka_unit_test(a_batch_is_64_packets_at_most),
        cmocka_unit_test(the_memory_limit_counts_whole_chunks),
        cmocka_unit_test(idle_flows_return_to_the_pool),
        cmocka_unit_test(a_flow_that_was_signalled_is_remembered),
        cmocka_unit_test(an_exhausted_pool_loses_and_reorders_nothing),
        cmocka_unit_test(instances_do_not_share_queues),
        cmocka_unit_test(memory_is_what_the_header_says),
        cmocka_unit_test(refuses_what_cannot_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
