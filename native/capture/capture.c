#include "capture/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MIN   (int64_t)65536
#define LIMIT_MAX   ((int64_t)1 << 28)
#define SNAPLEN_MIN 64
#define MAX_INTEGER ((int64_t)1 << 53)

#define KEYS(...)   ((const char *const[]){__VA_ARGS__, NULL})

// ---- configuration ----

static void read_window(const struct mqoe_node *list, size_t i, struct mqoe_capture_window *w) {
    struct mqoe_node n = mqoe_node_element_object(list, i);
    w->start = mqoe_node_int(&n, "start", 0, MAX_INTEGER);
    w->stop = mqoe_node_int(&n, "stop", w->start, MAX_INTEGER);
    mqoe_node_only(&n, KEYS("start", "stop"));
}

// The file's place is the run's folder, whatever the blueprint says.
static void check_file(const struct mqoe_node *n, const char *file) {
    if (mqoe_node_ok(n) && (file[0] == '/' || strstr(file, "..")))
        mqoe_node_fail(n, "file \"%s\" must be below the blueprint's folder, without \"..\"", file);
}

void mqoe_capture_read(const struct mqoe_node *n, struct mqoe_capture_config *c) {
    c->name = mqoe_node_text(n, "name");
    c->file = mqoe_node_text(n, "file");
    check_file(n, c->file);
    c->snaplen = (uint32_t)mqoe_node_int(n, "snaplen", SNAPLEN_MIN, MQOE_SNAPLEN_MAX);
    c->limit = (uint64_t)mqoe_node_int(n, "limit", LIMIT_MIN, LIMIT_MAX);
    struct mqoe_node list = mqoe_node_array(n, "windows", &c->window_count);
    if (!mqoe_node_ok(n))
        return;
    c->windows = calloc(c->window_count + 1, sizeof *c->windows);
    if (!c->windows)
        mqoe_node_fail(&list, "no memory for %zu windows", c->window_count);
    for (size_t i = 0; i < c->window_count && mqoe_node_ok(n); i++)
        read_window(&list, i, &c->windows[i]);
}

// ---- packets ----

int mqoe_capture_open(struct mqoe_capture *c, const struct mqoe_capture_config *config, uint64_t limit,
                      struct mqoe_capture_interface *interfaces, uint32_t interface_count,
                      struct mqoe_error *e) {
    *c =
        (struct mqoe_capture){.config = config, .interfaces = interfaces, .interface_count = interface_count};
    if (mqoe_capture_ring_init(&c->ring, limit) == 0)
        return 0;
    return mqoe_fail(e, ENOMEM, "mmap", "a smaller limit needs less", "capture \"%s\", %" PRIu64 " bytes",
                     config->name, limit);
}

void mqoe_capture_close(struct mqoe_capture *c) {
    mqoe_capture_ring_free(&c->ring);
}

bool mqoe_capture_wants(const struct mqoe_capture *c, uint64_t time) {
    const struct mqoe_capture_config *config = c->config;
    if (!c->t0)
        return false;
    if (!config->window_count)
        return true;
    int64_t at = (int64_t)(time - c->t0);
    for (size_t i = 0; i < config->window_count; i++)
        if (at >= config->windows[i].start && at < config->windows[i].stop)
            return true;
    return false;
}

void mqoe_capture_take(struct mqoe_capture *c, const struct mqoe_pcapng_packet *packet) {
    uint8_t block[MQOE_BLOCK_MAX];
    struct mqoe_pcapng_packet cut = *packet;
    if (cut.captured > c->config->snaplen)
        cut.captured = c->config->snaplen;
    c->interfaces[cut.interface].seen++;
    mqoe_capture_ring_push(&c->ring, block, mqoe_pcapng_packet(block, &cut));
}

// ---- the file ----

// The next block of one ring.
struct head {
    const struct mqoe_capture_ring *ring;
    uint64_t at;
    uint32_t length; // 0: the ring is at its end
    uint8_t block[MQOE_BLOCK_MAX];
};

struct output {
    FILE *file;
    uint64_t bytes, kept, *kept_of; // by interface
};

static void put(struct output *o, const uint8_t *bytes, uint32_t count) {
    o->bytes += fwrite(bytes, 1, count, o->file); // errors are asked for at the end
}

static void advance(struct head *h) {
    h->length = mqoe_capture_ring_read(h->ring, &h->at, h->block);
}

static void write_beginning(struct output *o, const struct mqoe_capture *c) {
    uint8_t block[MQOE_BLOCK_MAX];
    char comment[160];
    snprintf(comment, sizeof comment, "capture %s: the newest %" PRIu64 " bytes of packets", c->config->name,
             c->config->limit);
    put(o, block, mqoe_pcapng_section(block, "mqoe", comment));
    for (uint32_t i = 0; i < c->interface_count; i++) {
        const struct mqoe_capture_interface *one = &c->interfaces[i];
        put(o, block, mqoe_pcapng_interface(block, one->name, one->description, c->config->snaplen));
    }
}

// The parts are each in order of time; the file is, too.
static void write_packets(struct output *o, struct head *heads, uint32_t count) {
    for (;;) {
        struct head *first = NULL;
        for (uint32_t i = 0; i < count; i++)
            if (heads[i].length &&
                (!first || mqoe_pcapng_packet_time(heads[i].block) < mqoe_pcapng_packet_time(first->block)))
                first = &heads[i];
        if (!first)
            return;
        put(o, first->block, first->length);
        o->kept_of[mqoe_pcapng_packet_interface(first->block)]++;
        o->kept++;
        advance(first);
    }
}

static void write_end(struct output *o, const struct mqoe_capture *c, uint64_t now) {
    uint8_t block[MQOE_BLOCK_MAX];
    for (uint32_t i = 0; i < c->interface_count; i++) {
        const struct mqoe_capture_interface *one = &c->interfaces[i];
        char comment[128];
        snprintf(comment, sizeof comment,
                 "%" PRIu64 " older packets fell out of the ring of %" PRIu64 " bytes",
                 one->seen - o->kept_of[i], c->config->limit);
        const struct mqoe_pcapng_statistics s = {.start = c->t0 ? c->t0 : now,
                                                 .end = now,
                                                 .seen = one->seen,
                                                 .lost = one->lost,
                                                 .kept = o->kept_of[i],
                                                 .comment = one->seen > o->kept_of[i] ? comment : NULL};
        put(o, block, mqoe_pcapng_statistics(block, i, &s));
    }
}

static int write_all(struct output *o, struct mqoe_capture *const *parts, uint32_t count, uint64_t now) {
    struct head *heads = calloc(count, sizeof *heads);
    o->kept_of = calloc(parts[0]->interface_count, sizeof *o->kept_of);
    int err = heads && o->kept_of ? 0 : ENOMEM;
    for (uint32_t i = 0; i < count && !err; i++) {
        heads[i] = (struct head){.ring = &parts[i]->ring, .at = parts[i]->ring.tail};
        advance(&heads[i]);
    }
    if (!err) {
        write_beginning(o, parts[0]);
        write_packets(o, heads, count);
        write_end(o, parts[0], now);
        err = fflush(o->file) || ferror(o->file) ? (errno ? errno : EIO) : 0;
    }
    free(heads);
    free(o->kept_of);
    return err;
}

int mqoe_capture_write(struct mqoe_capture *const *parts, uint32_t count, const char *folder, uint64_t now,
                       struct mqoe_capture_result *result, struct mqoe_error *e) {
    char path[4096], draft[4096 + 8];
    snprintf(path, sizeof path, "%s/%s", folder, parts[0]->config->file);
    snprintf(draft, sizeof draft, "%s.part", path);
    *result = (struct mqoe_capture_result){0};
    struct output o = {.file = fopen(draft, "we")};
    if (!o.file)
        return mqoe_fail(e, errno, "open", "its folder must exist", "%s", draft);
    errno = 0;
    int err = write_all(&o, parts, count, now);
    if (fclose(o.file) != 0 && !err)
        err = errno;
    if (!err && rename(draft, path) != 0)
        err = errno;
    *result = (struct mqoe_capture_result){.kept = o.kept, .bytes = o.bytes};
    for (uint32_t i = 0; i < parts[0]->interface_count; i++) {
        result->seen += parts[0]->interfaces[i].seen;
        result->lost += parts[0]->interfaces[i].lost;
    }
    if (!err)
        return 0;
    remove(draft);
    return mqoe_fail(e, err, "write", "is the disk full?", "%s", path);
}

json_t *mqoe_capture_describe(const struct mqoe_capture_config *c, const struct mqoe_capture_result *r) {
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name", c->name, "file", c->file, "packets",
                     (json_int_t)r->kept, "bytes", (json_int_t)r->bytes, "seen", (json_int_t)r->seen, "lost",
                     (json_int_t)r->lost);
}

json_t *mqoe_capture_error(const struct mqoe_error *e) {
    return json_sprintf("%s: %s: %s (%s)", e->object, e->syscall, e->hint, mqoe_errno_name(e->errnum));
}

void mqoe_capture_folder(const char *file, char *folder, size_t size) {
    const char *slash = strrchr(file, '/');
    if (!slash)
        snprintf(folder, size, ".");
    else
        snprintf(folder, size, "%.*s", slash == file ? 1 : (int)(slash - file), file);
}
