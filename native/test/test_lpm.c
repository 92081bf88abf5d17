// Longest-prefix match against a linear search, and what it refuses.
#include <errno.h>

#include "frames.h"
#include "packet/lpm.h"

static bool covers(const struct mqoe_prefix *p, uint8_t family, const union mqoe_address *a) {
    if (p->family != family)
        return false;
    for (uint32_t bit = 0; bit < p->length; bit++)
        if ((p->address.bytes[bit / 8] ^ a->bytes[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

static uint32_t linear(const struct mqoe_prefix *p, size_t count, uint8_t family,
                       const union mqoe_address *a) {
    int best = -1;
    uint32_t value = MQOE_LPM_NONE;
    for (size_t i = 0; i < count; i++)
        if (covers(&p[i], family, a) && p[i].length > best) {
            best = p[i].length;
            value = p[i].value;
        }
    return value;
}

// Addresses that share long prefixes, so that several lengths compete.
static union mqoe_address random_address(struct mqoe_random *r, uint8_t family) {
    union mqoe_address a = {0};
    for (int i = 0; i < (family == 4 ? 4 : 16); i++)
        a.bytes[i] = mqoe_random_below(r, 3) ? (uint8_t)mqoe_random_below(r, 2) : (uint8_t)mqoe_random_u32(r);
    return a;
}

static size_t random_prefixes(struct mqoe_random *r, struct mqoe_prefix *p, size_t count) {
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        struct mqoe_prefix n = {.family = mqoe_random_below(r, 2) ? 4 : 6, .value = (uint32_t)i};
        uint32_t longest = n.family == 4 ? 32 : 128;
        n.address = random_address(r, n.family);
        n.length = (uint8_t)(mqoe_random_below(r, 2) ? longest : mqoe_random_below(r, longest + 1));
        bool twice = false;
        for (size_t k = 0; k < made; k++)
            twice |=
                p[k].family == n.family && p[k].length == n.length && covers(&p[k], n.family, &n.address);
        if (!twice)
            p[made++] = n;
    }
    return made;
}

static void agrees_with_a_linear_search(void **state) {
    (void)state;
    struct mqoe_random r;
    struct mqoe_error e;
    static struct mqoe_prefix p[400];
    mqoe_random_seed(&r, 42);
    uint32_t found = 0, missed = 0;
    for (int round = 0; round < 60; round++) {
        struct mqoe_lpm *lpm;
        size_t count = random_prefixes(&r, p, mqoe_random_below(&r, 400));
        assert_int_equal(mqoe_lpm_build(&lpm, p, count, (uint64_t)round, &e), 0);
        for (int i = 0; i < 2000; i++) {
            uint8_t family = i % 2 ? 4 : 6;
            union mqoe_address a = random_address(&r, family);
            if (count && mqoe_random_below(&r, 2))
                a = p[mqoe_random_below(&r, (uint32_t)count)].address;
            uint32_t want = linear(p, count, family, &a);
            assert_int_equal(mqoe_lpm_lookup(lpm, family, &a), want);
            *(want == MQOE_LPM_NONE ? &missed : &found) += 1;
        }
        mqoe_lpm_free(lpm);
    }
    assert_true(found > 10000 && missed > 1000); // the test did test both
}

static struct mqoe_prefix prefix(const char *text, uint32_t value) {
    struct mqoe_prefix p;
    struct mqoe_error e;
    assert_int_equal(mqoe_prefix_parse(&p, text, &e), 0);
    p.value = value;
    return p;
}

static void longest_wins_and_the_default_catches(void **state) {
    (void)state;
    struct mqoe_error e;
    struct mqoe_lpm *lpm;
    struct mqoe_prefix p[] = {prefix("0.0.0.0/0", 1), prefix("10.0.0.0/8", 2), prefix("10.1.0.0/16", 3),
                              prefix("10.1.2.3", 4),  prefix("::/0", 5),       prefix("2001:db8::/32", 6)};
    assert_int_equal(mqoe_lpm_build(&lpm, p, 6, 1, &e), 0);
    static const struct {
        const char *address;
        uint32_t value;
    } cases[] = {{"10.1.2.3", 4},        {"10.1.2.4", 3}, {"10.2.0.0", 2},       {"11.0.0.0", 1},
                 {"255.255.255.255", 1}, {"::1", 5},      {"2001:db8::ffff", 6}, {"2001:db9::", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqoe_prefix a = prefix(cases[i].address, 0);
        assert_int_equal(mqoe_lpm_lookup(lpm, a.family, &a.address), cases[i].value);
    }
    assert_int_equal(mqoe_lpm_lookup(lpm, 0, &p[0].address), MQOE_LPM_NONE); // not IP
    mqoe_lpm_free(lpm);
}

static void bits_beyond_the_length_are_ignored(void **state) {
    (void)state;
    struct mqoe_error e;
    struct mqoe_lpm *lpm;
    struct mqoe_prefix p = prefix("10.255.255.255", 7), a = prefix("10.0.0.1", 0);
    p.length = 8;
    assert_int_equal(mqoe_lpm_build(&lpm, &p, 1, 1, &e), 0);
    assert_int_equal(mqoe_lpm_lookup(lpm, 4, &a.address), 7);
    mqoe_lpm_free(lpm);
}

static void refuses_duplicates_by_name(void **state) {
    (void)state;
    struct mqoe_error e;
    struct mqoe_lpm *lpm;
    struct mqoe_prefix p[] = {prefix("10.0.0.0/24", 1), prefix("10.0.0.7", 2)};
    p[1].length = 24;
    assert_int_equal(mqoe_lpm_build(&lpm, p, 2, 1, &e), -EEXIST);
    assert_non_null(strstr(e.object, "10.0.0.7/24"));
    p[1].length = 33;
    assert_int_equal(mqoe_lpm_build(&lpm, p, 2, 1, &e), -EINVAL);
    p[1].family = 5;
    assert_int_equal(mqoe_lpm_build(&lpm, p, 2, 1, &e), -EINVAL);
}

static void reads_addresses_and_refuses_the_rest(void **state) {
    (void)state;
    struct mqoe_prefix p;
    struct mqoe_error e;
    assert_int_equal(mqoe_prefix_parse(&p, "2001:db8::1", &e), 0);
    assert_int_equal(p.family, 6);
    assert_int_equal(p.length, 128);
    assert_int_equal(mqoe_prefix_parse(&p, "0.0.0.0/0", &e), 0);
    assert_int_equal(p.length, 0);
    static const char *bad[] = {"",
                                "10.0.0",
                                "10.0.0.1/33",
                                "10.0.0.1/",
                                "10.0.0.1/8x",
                                "10.0.0.1/-1",
                                "::1/129",
                                "10.0.0.1/ 8",
                                "10.0.0.1/8",
                                "10.0.0.128/24",
                                "2001:db8::1/64",
                                "2001:db8:8000::/32",
                                "banana",
                                "/8",
                                "10.0.0.1/99999999999999999999",
                                "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mqoe_prefix_parse(&p, bad[i], &e), -EINVAL);
        assert_non_null(strstr(e.object, bad[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_linear_search),
        cmocka_unit_test(longest_wins_and_the_default_catches),
        cmocka_unit_test(bits_beyond_the_length_are_ignored),
        cmocka_unit_test(refuses_duplicates_by_name),
        cmocka_unit_test(reads_addresses_and_refuses_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
