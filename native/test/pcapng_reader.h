// Reads a pcapng file as the format's definition has it, for tests; whatever does not fit fails the test.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct read_packet {
    uint32_t interface, captured, length, flags;
    uint64_t time, id;
    char comment[64];
    uint8_t data[256]; // the first bytes
};

struct read_statistics {
    bool there;
    uint64_t seen, lost, kept;
};

struct read_file {
    uint32_t interfaces, count;
    char names[8][32];
    struct read_statistics statistics[8];
    struct read_packet *packets;
    size_t bytes;
};

static uint32_t u32_at(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

static uint16_t u16_at(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, 2);
    return value;
}

static uint64_t u64_at(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

// Calls `take` for each option of the list at `at`, which ends exactly at `end`.
static void each_option(const uint8_t *at, const uint8_t *end, void *to,
                        void (*take)(void *to, unsigned code, unsigned length, const uint8_t *value)) {
    for (;;) {
        assert_true(end - at >= 4);
        unsigned code = u16_at(at), length = u16_at(at + 2);
        at += 4;
        if (code == 0) {
            assert_int_equal(length, 0);
            assert_true(at == end);
            return;
        }
        assert_true((size_t)(end - at) >= (length + 3u) / 4 * 4);
        take(to, code, length, at);
        at += (length + 3) / 4 * 4;
    }
}

static void packet_option(void *to, unsigned code, unsigned length, const uint8_t *value) {
    struct read_packet *p = to;
    if (code == 2)
        p->flags = u32_at(value);
    else if (code == 5)
        p->id = u64_at(value);
    else if (code == 1)
        snprintf(p->comment, sizeof p->comment, "%.*s", (int)length, value);
    else
        fail();
}

static void interface_option(void *to, unsigned code, unsigned length, const uint8_t *value) {
    if (code == 2)
        snprintf(to, 32, "%.*s", (int)length, value);
    if (code == 9)
        assert_int_equal(*value, 9);
}

static void statistics_option(void *to, unsigned code, unsigned length, const uint8_t *value) {
    struct read_statistics *s = to;
    s->there = true;
    if (code == 4 || code == 7 || code == 8)
        assert_int_equal(length, 8);
    if (code == 4)
        s->seen = u64_at(value);
    if (code == 7)
        s->lost = u64_at(value);
    if (code == 8)
        s->kept = u64_at(value);
}

static void ignore_option(void *to, unsigned code, unsigned length, const uint8_t *value) {
    (void)to, (void)code, (void)length, (void)value;
}

static void read_packet_block(struct read_file *f, const uint8_t *b, const uint8_t *end) {
    struct read_packet *p = &f->packets[f->count++];
    *p = (struct read_packet){
        .interface = u32_at(b + 8), .captured = u32_at(b + 20), .length = u32_at(b + 24)};
    p->time = (uint64_t)u32_at(b + 12) << 32 | u32_at(b + 16);
    assert_true(p->interface < f->interfaces);
    assert_true(p->captured <= p->length && b + 28 + p->captured <= end);
    memcpy(p->data, b + 28, p->captured < sizeof p->data ? p->captured : sizeof p->data);
    each_option(b + 28 + (p->captured + 3) / 4 * 4, end, p, packet_option);
}

static void read_block(struct read_file *f, const uint8_t *b, uint32_t length) {
    const uint8_t *end = b + length - 4;
    uint32_t type = u32_at(b);
    assert_int_equal(u32_at(end), length);
    if (type == 0x0a0d0d0a) {
        assert_int_equal(u32_at(b + 8), 0x1a2b3c4d);
        each_option(b + 24, end, NULL, ignore_option);
    } else if (type == 1) {
        each_option(b + 16, end, f->names[f->interfaces++], interface_option);
    } else if (type == 5) {
        each_option(b + 20, end, &f->statistics[u32_at(b + 8)], statistics_option);
    } else {
        assert_int_equal(type, 6);
        read_packet_block(f, b, end);
    }
}

// Everything in the file at `path`; free `packets`.
static struct read_file read_pcapng(const char *path) {
    struct read_file f = {0};
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    f.bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *all = malloc(f.bytes);
    f.packets = calloc(f.bytes / 32 + 1, sizeof *f.packets);
    assert_int_equal(fread(all, 1, f.bytes, file), f.bytes);
    fclose(file);
    assert_int_equal(u32_at(all), 0x0a0d0d0a);
    for (size_t at = 0; at < f.bytes;) {
        assert_true(f.bytes - at >= 12);
        uint32_t length = u32_at(all + at + 4);
        assert_true(length >= 12 && length % 4 == 0 && length <= f.bytes - at);
        read_block(&f, all + at, length);
        at += length;
    }
    free(all);
    return f;
}
