// The timer heap against a linear reference, and its edges.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet/random.h"
#include "reactor/heap.h"

#define TIMERS 500

static void pops_in_order_of_time(void **state) {
    (void)state;
    struct mqoe_heap h;
    struct mqoe_timer t[5] = {0};
    const uint64_t due[5] = {50, 10, 40, 10, 30};
    assert_int_equal(mqoe_heap_init(&h, 5), 0);
    assert_true(mqoe_heap_next(&h) == MQOE_NEVER);
    for (int i = 0; i < 5; i++)
        mqoe_heap_arm(&h, &t[i], due[i]);
    uint64_t at, last = 0;
    assert_null(mqoe_heap_pop(&h, 9, &at));
    for (int i = 0; i < 5; i++) {
        struct mqoe_timer *top = mqoe_heap_pop(&h, 50, &at);
        assert_non_null(top);
        assert_int_equal(at, due[top - t]);
        assert_true(at >= last);
        assert_false(mqoe_timer_armed(top));
        last = at;
    }
    assert_true(mqoe_heap_next(&h) == MQOE_NEVER);
    mqoe_heap_free(&h);
}

static void rearming_moves_and_never_disarms(void **state) {
    (void)state;
    struct mqoe_heap h;
    struct mqoe_timer a = {0}, b = {0};
    uint64_t at;
    assert_int_equal(mqoe_heap_init(&h, 2), 0);
    mqoe_heap_arm(&h, &a, 100);
    mqoe_heap_arm(&h, &b, 200);
    mqoe_heap_arm(&h, &b, 50);
    assert_int_equal(mqoe_heap_next(&h), 50);
    mqoe_heap_arm(&h, &b, 300);
    assert_int_equal(mqoe_heap_next(&h), 100);
    mqoe_heap_arm(&h, &a, MQOE_NEVER);
    assert_false(mqoe_timer_armed(&a));
    assert_ptr_equal(mqoe_heap_pop(&h, 300, &at), &b);
    mqoe_heap_disarm(&h, &b); // of a timer that is not armed: nothing
    assert_int_equal(h.size, 0);
    mqoe_heap_free(&h);
}

static uint64_t linear_next(const uint64_t due[TIMERS]) {
    uint64_t best = MQOE_NEVER;
    for (int i = 0; i < TIMERS; i++)
        best = due[i] < best ? due[i] : best;
    return best;
}

static void agrees_with_a_linear_table(void **state) {
    (void)state;
    static struct mqoe_timer t[TIMERS];
    uint64_t due[TIMERS], at, now = 0;
    struct mqoe_heap h;
    struct mqoe_random r;
    mqoe_random_seed(&r, 7);
    assert_int_equal(mqoe_heap_init(&h, TIMERS), 0);
    for (int i = 0; i < TIMERS; i++)
        due[i] = MQOE_NEVER;
    for (int step = 0; step < 200000; step++) {
        uint32_t i = mqoe_random_below(&r, TIMERS), what = mqoe_random_below(&r, 10);
        if (what < 6) {
            due[i] = now + mqoe_random_below(&r, 1000);
            mqoe_heap_arm(&h, &t[i], due[i]);
        } else if (what < 8) {
            due[i] = MQOE_NEVER;
            mqoe_heap_disarm(&h, &t[i]);
        } else {
            now += mqoe_random_below(&r, 20);
            for (struct mqoe_timer *top; (top = mqoe_heap_pop(&h, now, &at));) {
                assert_int_equal(at, linear_next(due));
                assert_int_equal(at, due[top - t]);
                due[top - t] = MQOE_NEVER;
            }
            assert_true(linear_next(due) > now);
        }
        assert_true(mqoe_heap_next(&h) == linear_next(due));
    }
    mqoe_heap_free(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_in_order_of_time),
        cmocka_unit_test(rearming_moves_and_never_disarms),
        cmocka_unit_test(agrees_with_a_linear_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
