// The XDP switches, frame by frame (BPF_PROG_TEST_RUN): what is forwarded, what is control, what is for
// nobody. Needs root; as anyone else every test is skipped.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/counters.h"
#include "bpf/embed.h"

EMBED_BPF(redirect, "redirect.bpf.o");

#define LOOPBACK 1 // test runs enter by lo, which every namespace has

static struct bpf_object *object;

struct frame {
    uint8_t bytes[128];
    uint32_t length;
};

static struct frame ethernet(uint16_t type) {
    struct frame f = {.bytes = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1}, .length = 64};
    f.bytes[12] = (uint8_t)(type >> 8);
    f.bytes[13] = (uint8_t)type;
    return f;
}

static struct frame ipv4(const char *from, const char *to) {
    struct frame f = ethernet(0x0800);
    f.bytes[14] = 0x45;
    f.bytes[23] = 17;
    assert_int_equal(inet_pton(AF_INET, from, f.bytes + 26), 1);
    assert_int_equal(inet_pton(AF_INET, to, f.bytes + 30), 1);
    return f;
}

static struct frame ipv6(const char *from, const char *to, uint8_t next_header, uint8_t first_byte) {
    struct frame f = ethernet(0x86dd);
    f.bytes[14] = 0x60;
    f.bytes[20] = next_header;
    assert_int_equal(inet_pton(AF_INET6, from, f.bytes + 22), 1);
    assert_int_equal(inet_pton(AF_INET6, to, f.bytes + 38), 1);
    f.bytes[54] = first_byte;
    return f;
}

static int map_fd(const char *name) {
    int fd = bpf_object__find_map_fd_by_name(object, name);
    assert_true(fd >= 0);
    return fd;
}

static void set(const char *map, const void *key, uint32_t value) {
    assert_int_equal(bpf_map_update_elem(map_fd(map), key, &value, BPF_ANY), 0);
}

static void set_prefix(const char *map, int family, const char *address, uint32_t length, uint32_t value) {
    struct {
        uint32_t length;
        uint8_t address[16];
    } key = {.length = length};
    assert_int_equal(inet_pton(family, address, key.address), 1);
    set(map, &key, value);
}

static uint64_t counter(uint32_t index) {
    int cpus = libbpf_num_possible_cpus();
    uint64_t *values = calloc((size_t)cpus, sizeof *values), sum = 0;
    assert_int_equal(bpf_map_lookup_elem(map_fd("counters"), &index, values), 0);
    for (int i = 0; i < cpus; i++)
        sum += values[i];
    free(values);
    return sum;
}

static uint32_t run(const char *program, const struct frame *f) {
    struct bpf_program *p = bpf_object__find_program_by_name(object, program);
    uint8_t out[256];
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->bytes, .data_size_in = f->length, .data_out = out,
                .data_size_out = sizeof out, .repeat = 1);
    assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(p), &options), 0);
    return options.retval;
}

// The program's answer, and that exactly these counters went up by one.
static void expect(const char *program, struct frame f, uint32_t action, uint32_t first, uint32_t second) {
    uint64_t before[COUNTERS];
    for (uint32_t i = 0; i < COUNTERS; i++)
        before[i] = counter(i);
    assert_int_equal(run(program, &f), action);
    for (uint32_t i = 0; i < COUNTERS; i++)
        assert_int_equal(counter(i) - before[i], i == first || i == second);
}

static void expect_control(struct frame f) {
    expect("port", f, XDP_DROP, COUNT_CONTROL, COUNT_CONTROL);
    expect("trunk", f, XDP_DROP, COUNT_CONTROL, COUNT_CONTROL);
}

static void load(uint32_t is_core) {
    object = bpf_object__open_mem(redirect_start, (size_t)(redirect_end - redirect_start), NULL);
    assert_non_null(object);
    struct bpf_map *map;
    bpf_object__for_each_map(map, object) {
        if (strstr(bpf_map__name(map), ".rodata"))
            assert_int_equal(bpf_map__set_initial_value(map, &is_core, sizeof is_core), 0);
    }
    assert_int_equal(bpf_object__load(object), 0);
    const uint32_t zero = 0;
    set("port_devices", &zero, LOOPBACK);
    set("trunk_devices", &zero, LOOPBACK);
}

static int setup_access(void **state) {
    (void)state;
    if (geteuid() == 0)
        load(0);
    return 0;
}

static int setup_core(void **state) {
    (void)state;
    if (geteuid() == 0)
        load(1);
    return 0;
}

static int unload(void **state) {
    (void)state;
    bpf_object__close(object);
    object = NULL;
    return 0;
}

static void need_root(void) {
    if (geteuid() != 0)
        skip();
}

static const uint32_t lo = LOOPBACK;

static void a_clients_port_decides_its_shard(void **state) {
    (void)state;
    need_root();
    struct frame four = ipv4("10.16.0.2", "10.9.0.1"), six = ipv6("fd00:1::1", "fd00:9::1", 17, 0);
    expect("port", four, XDP_DROP, COUNT_IN, COUNT_UNMATCHED);
    set("port_shards", &lo, 0);
    expect("port", four, XDP_REDIRECT, COUNT_IN, COUNT_TO_TRUNK);
    expect("port", six, XDP_REDIRECT, COUNT_IN, COUNT_TO_TRUNK);
    // A shard without a trunk: the frame is dropped, and counted.
    set("port_shards", &lo, 7);
    expect("port", four, XDP_DROP, COUNT_IN, COUNT_UNMATCHED);
}

static void a_trunk_finds_the_port_by_longest_prefix(void **state) {
    (void)state;
    need_root();
    set_prefix("ports4", AF_INET, "10.16.0.0", 16, 0);
    set_prefix("ports4", AF_INET, "10.16.0.9", 32, 5); // longer, and a port that is not there
    set_prefix("ports6", AF_INET6, "fd00:1::", 56, 0);
    expect("trunk", ipv4("10.9.0.1", "10.16.0.2"), XDP_REDIRECT, COUNT_TO_PORT, COUNT_TO_PORT);
    expect("trunk", ipv4("10.9.0.1", "10.16.0.9"), XDP_DROP, COUNT_UNMATCHED, COUNT_UNMATCHED);
    expect("trunk", ipv4("10.9.0.1", "10.17.0.2"), XDP_DROP, COUNT_UNMATCHED, COUNT_UNMATCHED);
    expect("trunk", ipv6("fd00:9::1", "fd00:1:0:7f::1", 6, 0), XDP_REDIRECT, COUNT_TO_PORT, COUNT_TO_PORT);
    expect("trunk", ipv6("fd00:9::1", "fd00:1:0:100::1", 6, 0), XDP_DROP, COUNT_UNMATCHED, COUNT_UNMATCHED);
}

static void in_core_the_destination_decides_the_shard(void **state) {
    (void)state;
    need_root();
    set("port_shards", &lo, 0); // must not matter here
    struct frame four = ipv4("10.9.0.1", "10.16.0.2"), six = ipv6("fd00:9::1", "fd00:1::1", 6, 0);
    expect("port", four, XDP_DROP, COUNT_IN, COUNT_UNMATCHED);
    set_prefix("shards4", AF_INET, "10.16.0.2", 32, 0);
    set_prefix("shards6", AF_INET6, "fd00:1::1", 128, 0);
    expect("port", four, XDP_REDIRECT, COUNT_IN, COUNT_TO_TRUNK);
    expect("port", six, XDP_REDIRECT, COUNT_IN, COUNT_TO_TRUNK);
}

// Everything would match, were it not control.
static void control_frames_are_never_forwarded(void **state) {
    (void)state;
    need_root();
    set("port_shards", &lo, 0);
    set_prefix("ports4", AF_INET, "0.0.0.0", 0, 0);
    set_prefix("ports6", AF_INET6, "::", 0, 0);
    expect_control(ethernet(0x0806)); // ARP
    expect_control(ethernet(0x88cc)); // LLDP
    expect_control(ethernet(0x8100)); // one VLAN tag
    expect_control(ipv4("10.16.0.2", "224.0.0.251"));
    expect_control(ipv4("10.16.0.2", "255.255.255.255"));
    expect_control(ipv4("10.16.0.2", "169.254.1.1"));
    expect_control(ipv4("169.254.1.1", "10.9.0.1"));
    expect_control(ipv4("0.0.0.0", "10.9.0.1"));
    expect_control(ipv4("127.0.0.1", "10.9.0.1"));
    expect_control(ipv6("fe80::1", "ff02::2", 58, 133));     // RS
    expect_control(ipv6("::", "ff02::16", 0, 0));            // MLDv2 behind a hop-by-hop header
    expect_control(ipv6("fd00:1::1", "fe80::1", 17, 0));     // to a link-local address
    expect_control(ipv6("febf::1", "fd00:9::1", 17, 0));     // the last of fe80::/10
    expect_control(ipv6("fd00:1::1", "fd00:9::1", 58, 135)); // unicast neighbour solicitation (NUD)
    expect_control(ipv6("fd00:1::1", "fd00:9::1", 58, 143)); // MLD
    struct frame multicast = ipv4("10.16.0.2", "10.9.0.1");
    multicast.bytes[0] = 0x33;
    expect_control(multicast);
}

static void what_only_looks_like_control_is_forwarded(void **state) {
    (void)state;
    need_root();
    set("port_shards", &lo, 0);
    expect("port", ipv6("fd00:1::1", "fd00:9::1", 58, 128), XDP_REDIRECT, COUNT_IN, COUNT_TO_TRUNK); // echo
    expect("port", ipv6("fd00:1::1", "fd00:9::1", 58, 3), XDP_REDIRECT, COUNT_IN,
           COUNT_TO_TRUNK); // time exceeded
    expect("port", ipv6("fd00:1::1", "fd00:9::1", 17, 135), XDP_REDIRECT, COUNT_IN,
           COUNT_TO_TRUNK); // UDP from port 34560
    expect("port", ipv6("fec0::1", "fd00:9::1", 17, 0), XDP_REDIRECT, COUNT_IN,
           COUNT_TO_TRUNK); // beyond fe80::/10
    expect("port", ipv4("223.255.255.255", "10.9.0.1"), XDP_REDIRECT, COUNT_IN,
           COUNT_TO_TRUNK); // the last unicast
}

static void truncated_and_mislabelled_headers_are_control(void **state) {
    (void)state;
    need_root();
    set("port_shards", &lo, 0);
    struct frame four = ipv4("10.16.0.2", "10.9.0.1"), six = ipv6("fd00:1::1", "fd00:9::1", 17, 0);
    four.length = 33;
    expect_control(four);
    four.length = 14;
    expect_control(four);
    six.length = 53;
    expect_control(six);
    six.length = 54; // a header and nothing behind it is still a packet
    expect("port", six, XDP_REDIRECT, COUNT_IN, COUNT_TO_TRUNK);
    four = ipv4("10.16.0.2", "10.9.0.1");
    four.bytes[14] = 0x65;
    expect_control(four);
}

static void stubs_pass_everything(void **state) {
    (void)state;
    need_root();
    expect("stub", ipv4("10.9.0.1", "10.16.0.2"), XDP_PASS, COUNT_DELIVERED, COUNT_DELIVERED);
    expect("pass", ipv4("10.9.0.1", "10.16.0.2"), XDP_PASS, COUNTERS, COUNTERS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_clients_port_decides_its_shard, setup_access, unload),
        cmocka_unit_test_setup_teardown(a_trunk_finds_the_port_by_longest_prefix, setup_access, unload),
        cmocka_unit_test_setup_teardown(in_core_the_destination_decides_the_shard, setup_core, unload),
        cmocka_unit_test_setup_teardown(control_frames_are_never_forwarded, setup_access, unload),
        cmocka_unit_test_setup_teardown(what_only_looks_like_control_is_forwarded, setup_access, unload),
        cmocka_unit_test_setup_teardown(truncated_and_mislabelled_headers_are_control, setup_access, unload),
        cmocka_unit_test_setup_teardown(stubs_pass_everything, setup_access, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
