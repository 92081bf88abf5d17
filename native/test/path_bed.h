// What the tests of emulated paths share: a line, frames with all of their bytes, and a plain configuration.
#pragma once

#include "frames.h"
#include "path/line.h"

enum { PATH_BYTES = 1520 };

struct path_bed {
    struct mqoe_frame *frames;
    uint8_t *bytes;
    struct mqoe_frame_list spare, dropped;
    struct mqoe_path_line line;
    struct mqoe_path_copier copier;
    uint64_t serial; // of the next frame, which it carries in `user`
};

static inline struct mqoe_frame *path_bed_copy(void *context, const struct mqoe_frame *frame) {
    struct path_bed *b = context;
    struct mqoe_frame *copy = mqoe_frame_list_pop(&b->spare);
    if (!copy)
        return NULL;
    uint8_t *data = copy->data;
    *copy = *frame;
    copy->data = memcpy(data, frame->data, frame->len);
    copy->stage = 1; // to tell it from the original
    return copy;
}

static inline struct mqoe_path_config path_plain(void) {
    return (struct mqoe_path_config){.up = true, .keep_order = true};
}

static inline void path_bed_open(struct path_bed *b, const struct mqoe_path_config *config, uint64_t seed,
                                 uint32_t count) {
    struct mqoe_error e;
    *b = (struct path_bed){.copier = {.copy = path_bed_copy}};
    b->copier.context = b;
    b->frames = aligned_alloc(64, count * sizeof *b->frames);
    b->bytes = calloc(count, PATH_BYTES);
    assert_non_null(b->frames);
    assert_non_null(b->bytes);
    memset(b->frames, 0, count * sizeof *b->frames);
    for (uint32_t i = 0; i < count; i++) {
        b->frames[i].data = b->bytes + (size_t)i * PATH_BYTES;
        mqoe_frame_list_push(&b->spare, &b->frames[i]);
    }
    assert_int_equal(mqoe_path_line_init(&b->line, config, seed, 0, 0, &e), 0);
}

static inline void path_bed_close(struct path_bed *b) {
    struct mqoe_frame_list rest = {0};
    mqoe_path_line_drain(&b->line, &rest);
    mqoe_path_line_free(&b->line);
    free(b->frames);
    free(b->bytes);
}

// A UDP frame of `len` bytes arrives; NULL when all are in use.
static inline struct mqoe_frame *path_arrive(struct path_bed *b, uint64_t at, uint32_t len, uint8_t tos) {
    struct mqoe_frame *f = mqoe_frame_list_pop(&b->spare);
    if (!f)
        return NULL;
    *f = (struct mqoe_frame){.data = f->data, .len = len, .l3_offset = 14, .family = 4, .tos = tos};
    f->user = b->serial++;
    memset(f->data, 0, len);
    write_ipv4(f->data, len, tos);
    mqoe_path_line_enqueue(&b->line, f, at, &b->copier, &b->dropped);
    return f;
}

static inline uint32_t path_give_dropped(struct path_bed *b) {
    uint32_t count = 0;
    for (struct mqoe_frame *f; (f = mqoe_frame_list_pop(&b->dropped)); count++) {
        assert_int_equal(f->cause, MQOE_DROP_PATH);
        mqoe_frame_list_push(&b->spare, f);
    }
    return count;
}

// The next frame out by `now`, which is the caller's to give back; NULL: none.
static inline struct mqoe_frame *path_leave(struct path_bed *b, uint64_t now) {
    struct mqoe_frame *f = mqoe_path_line_dequeue(&b->line, now, &b->dropped);
    assert_true(f ? f->time <= now : mqoe_path_line_next(&b->line) > now || now == MQOE_NEVER);
    return f;
}

// The release of the next frame out, whenever that is, as its owner's timer would find it; MQOE_NEVER: none.
static inline uint64_t path_leave_time(struct path_bed *b) {
    for (uint64_t next; (next = mqoe_path_line_next(&b->line)) != MQOE_NEVER;) {
        struct mqoe_frame *f = path_leave(b, next);
        if (!f)
            continue;
        mqoe_frame_list_push(&b->spare, f);
        return f->time;
    }
    return MQOE_NEVER;
}

static inline void path_assert_conserved(const struct mqoe_path_line *line) {
    const struct mqoe_path_counters *c = &line->counters;
    assert_int_equal(c->in + c->duplicated, c->out + c->lost + c->overflow + c->down + line->held);
}
