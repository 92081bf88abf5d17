// Captures: the bytes of each block, the ring from which the oldest fall out, the file, and the engine's tap.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "packet/random.h"
#include "pcapng_reader.h"
#include "rig.h"

#define MS   1000000u
#define REAL UINT64_C(1700000000000000000) // ns since 1970 at clock 0

static char folder[] = "/tmp/mqoe-test-pcapng-XXXXXX";
static struct rig rig;

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

static void file_path(char *path, size_t size, const char *name) {
    snprintf(path, size, "%s/%s", folder, name);
}

// ---- blocks ----

static void assert_block(const uint8_t *block, uint32_t length, const uint8_t *expected, size_t size) {
    assert_int_equal(length, size);
    assert_memory_equal(block, expected, size);
}

static void section_is_as_defined(void **state) {
    (void)state;
    static const uint8_t expected[] = {
        0x0a, 0x0d, 0x0d, 0x0a, 40,   0,    0,    0,    // type, length
        0x4d, 0x3c, 0x2b, 0x1a, 1,    0,    0,    0,    // byte order, version 1.0
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // length of the section: not told
        4,    0,    4,    0,    'm',  'q',  'o',  'e',  // application
        0,    0,    0,    0,    40,   0,    0,    0,    // end of options, length
    };
    uint8_t block[MQOE_BLOCK_MAX];
    assert_block(block, mqoe_pcapng_section(block, "mqoe", NULL), expected, sizeof expected);
}

static void interface_is_as_defined(void **state) {
    (void)state;
    static const uint8_t expected[] = {
        1,   0, 0, 0, 52,  0,   0,   0,   // type, length
        1,   0, 0, 0, 128, 0,   0,   0,   // Ethernet, snap length
        2,   0, 4, 0, 'e', 't', 'h', '0', // name
        3,   0, 5, 0, 'h', 'o', 'm', 'e', // description
        '1', 0, 0, 0, 9,   0,   1,   0,   9, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0,
    };
    uint8_t block[MQOE_BLOCK_MAX];
    assert_block(block, mqoe_pcapng_interface(block, "eth0", "home1", 128), expected, sizeof expected);
}

static void packet_is_as_defined(void **state) {
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5};
    static const uint8_t expected[] = {
        6,    0,    0,    0,    72,   0,    0,    0,                // type, length
        2,    0,    0,    0,    0x44, 0x33, 0x22, 0x11,             // interface, upper half of the time
        0x88, 0x77, 0x66, 0x55, 5,    0,    0,    0,                // lower half, captured
        60,   0,    0,    0,    1,    2,    3,    4,    5, 0, 0, 0, // length, data, padded
        2,    0,    4,    0,    2,    0,    0,    0,                // flags: out
        5,    0,    8,    0,    7,    0,    0,    0,    0, 0, 0, 0, // id
        1,    0,    3,    0,    'a',  'q',  'm',  0,                // comment
        0,    0,    0,    0,    72,   0,    0,    0,                // end of options, length
    };
    const struct mqoe_pcapng_packet packet = {.interface = 2,
                                              .way = MQOE_WAY_OUT,
                                              .time = 0x1122334455667788,
                                              .id = 7,
                                              .data = data,
                                              .captured = sizeof data,
                                              .length = 60,
                                              .comment = "aqm"};
    uint8_t block[MQOE_BLOCK_MAX];
    assert_block(block, mqoe_pcapng_packet(block, &packet), expected, sizeof expected);
    assert_int_equal(mqoe_pcapng_packet_interface(block), 2);
    assert_true(mqoe_pcapng_packet_time(block) == 0x1122334455667788);
}

// However long the texts and the packet are, the block fits its buffer.
static void whatever_is_too_long_is_cut(void **state) {
    (void)state;
    char text[9000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    uint8_t block[MQOE_BLOCK_MAX], data[9000] = {0};
    const struct mqoe_pcapng_packet packet = {
        .data = data, .captured = 9000, .length = 9000, .comment = text};
    assert_in_range(mqoe_pcapng_section(block, text, text), 1, MQOE_BLOCK_MAX);
    assert_in_range(mqoe_pcapng_interface(block, text, text, 1), 1, MQOE_BLOCK_MAX);
    assert_in_range(mqoe_pcapng_packet(block, &packet), MQOE_SNAPLEN_MAX, MQOE_BLOCK_MAX);
}

// ---- the file ----

static struct mqoe_capture_config config_of(uint64_t limit) {
    return (struct mqoe_capture_config){.name = "pcap", .file = "a.pcapng", .snaplen = 96, .limit = limit};
}

static struct read_file write_and_read(struct mqoe_capture *const *parts, uint32_t count,
                                       struct mqoe_capture_result *result) {
    char path[64];
    struct mqoe_error e = {0};
    assert_int_equal(mqoe_capture_write(parts, count, folder, REAL, result, &e), 0);
    file_path(path, sizeof path, "a.pcapng");
    struct read_file f = read_pcapng(path);
    assert_int_equal(f.bytes, result->bytes);
    assert_int_equal(f.count, result->kept);
    unlink(path);
    return f;
}

static void take_random(struct mqoe_capture *c, struct mqoe_random *random, uint32_t number) {
    uint8_t data[MQOE_SNAPLEN_MAX] = {0};
    memcpy(data, &number, sizeof number);
    uint32_t length = 14 + mqoe_random_below(random, 1500);
    const struct mqoe_pcapng_packet packet = {.interface = mqoe_random_below(random, c->interface_count),
                                              .way = (enum mqoe_packet_way)mqoe_random_below(random, 3),
                                              .time = c->t0 + number,
                                              .id = mqoe_random_below(random, 2),
                                              .data = data,
                                              .captured = length,
                                              .length = length,
                                              .comment =
                                                  mqoe_random_below(random, 2) ? "dropped: aqm" : NULL};
    mqoe_capture_take(c, &packet);
}

// Any number of packets, into rings of any size: the file is valid, holds the newest in order without a gap,
// its packets need no more than the limit, and the statistics add up.
static void any_sequence_is_a_valid_file(void **state) {
    (void)state;
    struct mqoe_random random;
    struct mqoe_error e;
    mqoe_random_seed(&random, 5);
    for (uint32_t round = 0; round < 300; round++) {
        struct mqoe_capture_config config = config_of(MQOE_BLOCK_MAX + mqoe_random_below(&random, 60000));
        struct mqoe_capture_interface interfaces[2] = {{"access", "a", 0, 0}, {"core", "c", 0, round}};
        struct mqoe_capture c, *parts[] = {&c};
        assert_int_equal(mqoe_capture_open(&c, &config, config.limit, interfaces, 2, &e), 0);
        c.t0 = REAL;
        uint32_t taken = mqoe_random_below(&random, 1500);
        for (uint32_t i = 0; i < taken; i++)
            take_random(&c, &random, i);
        struct mqoe_capture_result result;
        struct read_file f = write_and_read(parts, 1, &result);
        assert_int_equal(f.interfaces, 2);
        assert_int_equal(result.seen, taken);
        assert_int_equal(c.ring.pushed - c.ring.fallen, f.count);
        assert_true(c.ring.head - c.ring.tail <= config.limit);
        for (uint32_t i = 0; i < f.count; i++) {
            assert_int_equal(u32_at(f.packets[i].data), taken - f.count + i);
            assert_in_range(f.packets[i].captured, 14, 96);
        }
        assert_int_equal(f.statistics[0].seen + f.statistics[1].seen, taken);
        assert_int_equal(f.statistics[0].kept + f.statistics[1].kept, f.count);
        assert_int_equal(f.statistics[1].lost, round);
        // Nothing falls out while there is room for one more of the largest.
        if (f.count < taken)
            assert_true(c.ring.head - c.ring.tail + 200 > (config.limit & ~UINT64_C(3)));
        free(f.packets);
        mqoe_capture_close(&c);
    }
}

static void reactors_become_one_file_in_order_of_time(void **state) {
    (void)state;
    struct mqoe_capture_config config = config_of(65536);
    struct mqoe_capture_interface interfaces[2][1] = {{{"access", "a", 0, 0}}, {{"access", "a", 0, 0}}};
    struct mqoe_capture c[2], *parts[] = {&c[0], &c[1]};
    struct mqoe_error e;
    struct mqoe_random random;
    mqoe_random_seed(&random, 9);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mqoe_capture_open(&c[i], &config, 32768, interfaces[i], 1, &e), 0);
        c[i].t0 = REAL;
    }
    for (uint32_t i = 0; i < 100; i++)
        take_random(&c[mqoe_random_below(&random, 2)], &random, i);
    struct mqoe_capture_result result;
    struct read_file f = write_and_read(parts, 2, &result);
    assert_int_equal(f.count, 100);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(u32_at(f.packets[i].data), i);
    free(f.packets);
    mqoe_capture_close(&c[0]);
    mqoe_capture_close(&c[1]);
}

static void only_windows_are_wanted(void **state) {
    (void)state;
    struct mqoe_capture_window windows[] = {{10, 20}, {30, 31}};
    struct mqoe_capture_config config = config_of(65536);
    struct mqoe_capture c = {.config = &config};
    assert_false(mqoe_capture_wants(&c, REAL)); // before go
    c.t0 = REAL;
    assert_true(mqoe_capture_wants(&c, REAL - 5)); // without windows all of it
    config.windows = windows;
    config.window_count = 2;
    static const struct {
        int64_t at;
        bool wanted;
    } cases[] = {{-1, false}, {9, false}, {10, true}, {19, true}, {20, false}, {30, true}, {31, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mqoe_capture_wants(&c, REAL + (uint64_t)cases[i].at), cases[i].wanted);
}

static void a_missing_folder_is_named(void **state) {
    (void)state;
    struct mqoe_capture_config config = config_of(65536);
    config.file = "no/such/folder.pcapng";
    struct mqoe_capture_interface interface = {"access", "a", 0, 0};
    struct mqoe_capture c, *parts[] = {&c};
    struct mqoe_capture_result result;
    struct mqoe_error e;
    assert_int_equal(mqoe_capture_open(&c, &config, 65536, &interface, 1, &e), 0);
    assert_int_equal(mqoe_capture_write(parts, 1, folder, REAL, &result, &e), -ENOENT);
    assert_non_null(strstr(e.object, "no/such/folder.pcapng"));
    mqoe_capture_close(&c);
}

// ---- the tap ----

// `duplicate`: the chance of it on the server's path of 1 ms; below 0 there is no path.
static void open_tapped(uint64_t rate, const char *side, json_t *clients, double duplicate) {
    struct mqoe_synthetic s = {.clients = 2,
                               .server_delay = duplicate < 0 ? 0 : MS,
                               .frames = 8192,
                               .rate = rate,
                               .discipline = rate ? "pfifo" : "none",
                               .limit = 5,
                               .netns = "/run/netns/none",
                               .access = "a",
                               .core = "c"};
    json_t *blueprint = mqoe_synthetic_blueprint(&s);
    if (duplicate >= 0) {
        json_t *path = json_array_get(json_object_get(blueprint, "paths"), 0);
        json_t *chance = json_object_get(json_object_get(path, "down"), "duplicate");
        json_object_set_new(chance, "probability", json_real(duplicate));
    }
    json_object_set_new(blueprint, "captures",
                        json_pack("[{s:s, s:s, s:i, s:i, s:[], s:s, s:o}]", "name", "pcap", "file",
                                  "a.pcapng", "snaplen", 64, "limit", 1 << 20, "windows", "side", side,
                                  "clients", clients));
    struct mqoe_error e;
    rig_open(&rig, blueprint, 64);
    assert_int_equal(mqoe_tap_open(&rig.engine.tap, &rig.config.captures, 0, 1, rig.umem.count, &e), 0);
    mqoe_tap_go(rig.engine.tap, rig.now, REAL);
}

static struct read_file close_tapped(void) {
    char path[64];
    json_t *said = json_array();
    mqoe_tap_write(&rig.engine.tap, 1, folder, REAL + rig.now, said);
    assert_null(json_object_get(json_array_get(said, 0), "error"));
    json_decref(said);
    mqoe_tap_close(rig.engine.tap);
    rig.engine.tap = NULL;
    rig_close(&rig);
    file_path(path, sizeof path, "a.pcapng");
    struct read_file f = read_pcapng(path);
    unlink(path);
    return f;
}

// 30 frames at once into a FIFO of 5: each is seen coming in, and under the same number either going out when
// its time has come or being dropped.
static void every_frame_comes_in_and_leaves_or_is_dropped(void **state) {
    (void)state;
    open_tapped(8000000, "both", json_array(), -1);
    uint64_t start = REAL + rig.now;
    for (uint32_t i = 0; i < 30; i++)
        assert_true(rig_arrive(&rig, 0, MQOE_DOWN, 1, 1000, i));
    rig_run(&rig, rig.now + 100 * MS);
    size_t sent = rig.out_count;
    struct read_file f = close_tapped();
    assert_int_equal(f.count, 60);
    assert_true(sent > 4 && sent < 10);
    uint32_t in = 0, out = 0, dropped = 0;
    for (uint32_t i = 0; i < f.count; i++) {
        const struct read_packet *p = &f.packets[i];
        assert_int_equal(p->length, 1000);
        assert_int_equal(p->captured, 64);
        uint32_t tag = u32_at(p->data + 42);
        assert_int_equal(p->id, tag + 1);
        if (p->interface == MQOE_TAP_CORE) {
            in++;
            assert_int_equal(p->flags, 1);
            assert_true(p->time == start);
        } else if (p->interface == MQOE_TAP_ACCESS) {
            // 1,000 bytes at 8 Mbit/s are 1 ms.
            assert_true(p->time == start + out++ * MS);
            assert_int_equal(p->flags, 2);
        } else {
            dropped++;
            assert_string_equal(p->comment, "dropped: overflow");
        }
    }
    assert_int_equal(in, 30);
    assert_int_equal(out, sent);
    assert_int_equal(dropped, 30 - sent);
    free(f.packets);
}

static void a_capture_of_one_client_sees_no_other(void **state) {
    (void)state;
    open_tapped(0, "access", json_pack("[i]", 1), -1);
    for (uint32_t i = 0; i < 20; i++)
        assert_true(rig_arrive(&rig, i % 2, i % 4 < 2 ? MQOE_DOWN : MQOE_UP, 1, 100, i));
    rig_run(&rig, rig.now);
    struct read_file f = close_tapped();
    assert_int_equal(f.count, 10); // one side: in from access, or out to it
    for (uint32_t i = 0; i < f.count; i++) {
        assert_int_equal(f.packets[i].interface, MQOE_TAP_ACCESS);
        assert_int_equal(u32_at(f.packets[i].data + 42) % 2, 1);
    }
    free(f.packets);
}

static void what_is_nobodys_is_seen_once_and_dropped(void **state) {
    (void)state;
    open_tapped(0, "both", json_array(), -1);
    assert_true(rig_arrive(&rig, 77, MQOE_UP, 1, 100, 0)); // no such client
    rig_run(&rig, rig.now);
    struct read_file f = close_tapped();
    assert_int_equal(f.count, 2);
    assert_int_equal(f.packets[0].interface, MQOE_TAP_ACCESS);
    assert_string_equal(f.packets[1].comment, "dropped: unclassified");
    assert_int_equal(f.packets[0].id, f.packets[1].id);
    free(f.packets);
}

// Also while chunks are used again and again: what has been one frame's is no other's.
static void a_duplicate_has_the_number_of_its_original(void **state) {
    (void)state;
    open_tapped(0, "both", json_array(), 0.5);
    for (uint32_t i = 0; i < 3000; i++) {
        assert_true(rig_arrive(&rig, 0, MQOE_DOWN, 1, 100, i));
        rig_run(&rig, rig.now + MS / 10);
    }
    rig_run(&rig, rig.now + 10 * MS);
    struct read_file f = close_tapped();
    uint32_t out = 0;
    for (uint32_t i = 0; i < f.count; i++) {
        assert_int_equal(f.packets[i].id, u32_at(f.packets[i].data + 42) + 1);
        out += f.packets[i].interface == MQOE_TAP_ACCESS;
    }
    assert_in_range(out, 4300, 4700);
    assert_int_equal(f.count, 3000 + out);
    free(f.packets);
}

static void wrong_captures_are_refused_by_name(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"name\": \"p\", \"file\": \"/etc/passwd\", \"snaplen\": 64, \"limit\": 65536, \"windows\": []}",
         "below"},
        {"{\"name\": \"p\", \"file\": \"a/../../b\", \"snaplen\": 64, \"limit\": 65536, \"windows\": []}",
         "below"},
        {"{\"name\": \"p\", \"file\": \"a\", \"snaplen\": 63, \"limit\": 65536, \"windows\": []}", "63"},
        {"{\"name\": \"p\", \"file\": \"a\", \"snaplen\": 64, \"limit\": 1, \"windows\": []}", "1"},
        {"{\"name\": \"p\", \"file\": \"a\", \"snaplen\": 64, \"limit\": 65536, \"windows\": [{\"start\": 2, "
         "\"stop\": 1}]}",
         "1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *document = json_loads(cases[i][0], 0, NULL);
        struct mqoe_error e = {0};
        struct mqoe_node root = mqoe_node_root(document, &e);
        struct mqoe_capture_config config = {0};
        mqoe_capture_read(&root, &config);
        assert_int_not_equal(e.errnum, 0);
        assert_non_null(strstr(e.hint, cases[i][1]));
        free(config.windows);
        json_decref(document);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(section_is_as_defined),
        cmocka_unit_test(interface_is_as_defined),
        cmocka_unit_test(packet_is_as_defined),
        cmocka_unit_test(whatever_is_too_long_is_cut),
        cmocka_unit_test(any_sequence_is_a_valid_file),
        cmocka_unit_test(reactors_become_one_file_in_order_of_time),
        cmocka_unit_test(only_windows_are_wanted),
        cmocka_unit_test(a_missing_folder_is_named),
        cmocka_unit_test(every_frame_comes_in_and_leaves_or_is_dropped),
        cmocka_unit_test(a_capture_of_one_client_sees_no_other),
        cmocka_unit_test(what_is_nobodys_is_seen_once_and_dropped),
        cmocka_unit_test(a_duplicate_has_the_number_of_its_original),
        cmocka_unit_test(wrong_captures_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
