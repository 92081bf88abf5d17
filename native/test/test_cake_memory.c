// What a client costs under CAKE, both directions together, idle and busy: the figures of sqm/cake.h.
#include "cake_bed.h"

#include "dataplane/engine.h"

enum { CLIENTS = 50, FLOWS = 32 };

static struct mqoe_leaf leaves[CLIENTS * 2];
static struct frame_store store;
static struct mqoe_sqm_pool pool;

static uint64_t index_bytes(void) {
    return 2 * ((uint64_t)pool.cake.index_mask + 1) * sizeof *pool.cake.flow_index;
}

// Of all clients: their circuits, every record in use with its share of the indexes, a reserve queue for each
// tin, and the octaves of their histograms.
static uint64_t in_use(void) {
    const struct mqoe_cake_store *s = &pool.cake;
    uint64_t records = (uint64_t)s->flows.used * s->flows.size + (uint64_t)s->hosts.used * s->hosts.size +
                       (uint64_t)s->tins.used * (s->tins.size + s->flows.size) +
                       (uint64_t)s->accounts.used * s->accounts.size +
                       (uint64_t)s->signalled.used * s->signalled.size;
    uint64_t octaves = (uint64_t)pool.histograms.open * MQOE_HISTOGRAM_MEMORY; // the worst case
    return 2 * CLIENTS * sizeof(struct mqoe_circuit) + records + octaves +
           index_bytes() * s->flows.used / s->flows.count;
}

static void fill(struct mqoe_leaf *leaf, const uint8_t *tos, uint64_t now) {
    struct mqoe_frame_list dropped = {0};
    uint64_t next;
    for (uint32_t i = 0; i < FLOWS; i++) {
        struct mqoe_frame *f = frame_make(&store, 0, 100, tos[i % 4] | MQOE_ECT_0);
        assert_non_null(f);
        f->hash = (i + 1) * 0x9e3779b1u;
        f->src_host = (i + 1) * 0x85ebca6bu; // each flow from and to another host
        f->dst_host = (i + 1) * 0xc2b2ae35u;
        mqoe_leaf_enqueue(leaf, f, now, &dropped);
    }
    frame_give(&store, mqoe_leaf_dequeue(leaf, now, &next, &dropped)); // opens the histogram
    assert_null(dropped.head);
}

static void settle(struct mqoe_leaf *leaf, uint64_t now) {
    struct mqoe_frame_list dropped = {0};
    struct mqoe_sojourn ignored;
    for (uint64_t next; (next = mqoe_leaf_next(leaf)) != MQOE_NEVER;) {
        now = next > now ? next : now;
        struct mqoe_frame *f = mqoe_leaf_dequeue(leaf, now, &next, &dropped);
        if (f)
            frame_give(&store, f);
    }
    frame_give_all(&store, &dropped);
    mqoe_leaf_interval(leaf, &ignored);
}

// Bytes of a client that never sent, is busy, and is idle again.
static void measure(enum mqoe_cake_tins tins, const uint8_t *tos, uint64_t out[3]) {
    struct mqoe_leaf_config c = cake_config(20 * MBIT, tins);
    struct mqoe_error e;
    const struct mqoe_sqm_pool_config sizes = {
        .flows = CLIENTS * 2 * FLOWS, .histograms = CLIENTS * 2, .seed = 3};
    frame_store_open(&store, CLIENTS * 2 * FLOWS);
    assert_int_equal(mqoe_sqm_pool_init(&pool, &sizes, &e), 0);
    for (int i = 0; i < CLIENTS * 2; i++)
        assert_int_equal(mqoe_leaf_init(&leaves[i], &c, &pool, SECOND, &e), 0);
    out[0] = in_use() / CLIENTS;
    for (int i = 0; i < CLIENTS * 2; i++)
        fill(&leaves[i], tos, SECOND);
    assert_int_equal(pool.cake.flows.used, CLIENTS * 2 * FLOWS);
    out[1] = in_use() / CLIENTS;
    for (int i = 0; i < CLIENTS * 2; i++)
        settle(&leaves[i], SECOND);
    assert_true(pool.cake.flows.used == 0 && pool.cake.hosts.used == 0 && pool.cake.tins.used == 0);
    out[2] = in_use() / CLIENTS;
    for (int i = 0; i < CLIENTS * 2; i++) {
        struct mqoe_frame_list none = {0};
        mqoe_leaf_drain(&leaves[i], &none);
    }
    mqoe_sqm_pool_free(&pool);
    frame_store_close(&store);
}

static void a_client_costs_what_the_header_says(void **state) {
    (void)state;
    static const uint8_t one[] = {BEST_EFFORT, BEST_EFFORT, BEST_EFFORT, BEST_EFFORT},
                         four[] = {BEST_EFFORT, CS1, AF41, EF};
    uint64_t bytes[3];
    measure(MQOE_CAKE_BESTEFFORT, one, bytes);
    print_message("besteffort: never sent %lu, busy %lu, idle again %lu bytes\n", bytes[0], bytes[1],
                  bytes[2]);
    assert_true(bytes[0] <= 1024 && bytes[1] <= 20 * 1024 && bytes[2] <= 1280);
    measure(MQOE_CAKE_DIFFSERV4, four, bytes);
    print_message("diffserv4: never sent %lu, busy %lu, idle again %lu bytes\n", bytes[0], bytes[1],
                  bytes[2]);
    assert_true(bytes[0] <= 1024 && bytes[1] <= 24 * 1024 && bytes[2] <= 2048);
}

static uint64_t resident(void) {
    uint64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*u %lu", &pages), 1);
    fclose(f);
    return pages * 4096;
}

// What is reserved for the worst case is not touched before it is used.
static void a_store_touches_what_it_gives_out(void **state) {
    (void)state;
    struct mqoe_cake_store s;
    struct mqoe_error e;
    uint64_t before = resident();
    assert_int_equal(mqoe_cake_store_init(&s, 1000000, 8000000, 1, &e), 0); // 3 GB
    assert_true(resident() - before < 1 << 20);
    mqoe_cake_store_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_costs_what_the_header_says),
        cmocka_unit_test(a_store_touches_what_it_gives_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
