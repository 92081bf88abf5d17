#include "capture/tap.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_CAPTURES 16
#define KEYS(...)    ((const char *const[]){__VA_ARGS__, NULL})

static const char *const names[MQOE_TAP_POINTS] = {"access", "core", "dropped"};
static const char *const descriptions[MQOE_TAP_POINTS] = {
    "our dataplane, towards the clients: in = received from them, out = sent to them",
    "our dataplane, towards the servers: in = received from them, out = sent to them",
    "frames that our dataplane dropped, with the cause as comment",
};

// ---- configuration ----

static void read_clients(const struct mqoe_node *n, uint32_t client_count, struct mqoe_tap_config *c) {
    size_t length;
    struct mqoe_node list = mqoe_node_array(n, "clients", &length);
    if (!mqoe_node_ok(n) || !length)
        return;
    c->clients = calloc(client_count, 1);
    if (!c->clients)
        mqoe_node_fail(&list, "no memory for %u clients", client_count);
    for (size_t i = 0; i < length && mqoe_node_ok(n); i++) {
        struct mqoe_node item = mqoe_node_element(&list, i);
        json_int_t id = json_is_integer(item.json) ? json_integer_value(item.json) : -1;
        if (id < 0 || id >= client_count)
            mqoe_node_fail(&item, "must be a client, 0 to %d", (int)client_count - 1);
        else
            c->clients[id] = 1;
    }
}

static void read_one(const struct mqoe_node *n, uint32_t client_count, struct mqoe_tap_config *c) {
    static const uint32_t points[] = {1u << MQOE_TAP_ACCESS, 1u << MQOE_TAP_CORE,
                                      1u << MQOE_TAP_ACCESS | 1u << MQOE_TAP_CORE};
    mqoe_capture_read(n, &c->capture);
    c->points = points[mqoe_node_enum(n, "side", KEYS("access", "core", "both"))] | 1u << MQOE_TAP_DROPPED;
    read_clients(n, client_count, c);
    mqoe_node_only(n, KEYS("name", "file", "snaplen", "limit", "windows", "side", "clients"));
}

void mqoe_tap_read(const struct mqoe_node *list, size_t length, uint32_t client_count,
                   struct mqoe_tap_configs *configs) {
    if (!mqoe_node_ok(list))
        return;
    if (length > MAX_CAPTURES) {
        mqoe_node_fail(list, "has %zu entries, must have 0 to %d", length, MAX_CAPTURES);
        return;
    }
    configs->list = calloc(length + 1, sizeof *configs->list);
    if (!configs->list) {
        mqoe_node_fail(list, "no memory for %zu captures", length);
        return;
    }
    for (size_t i = 0; i < length && mqoe_node_ok(list); i++, configs->count++) {
        struct mqoe_node item = mqoe_node_element_object(list, i);
        if (item.json)
            read_one(&item, client_count, &configs->list[i]);
    }
}

void mqoe_tap_free_configs(struct mqoe_tap_configs *configs) {
    for (uint32_t i = 0; i < configs->count; i++) {
        free(configs->list[i].capture.windows);
        free(configs->list[i].clients);
    }
    free(configs->list);
    *configs = (struct mqoe_tap_configs){0};
}

// ---- set-up ----

static int open_capture(struct mqoe_tap_capture *c, const struct mqoe_tap_config *config, uint32_t reactors,
                        struct mqoe_error *e) {
    c->config = config;
    for (uint32_t i = 0; i < MQOE_TAP_POINTS; i++)
        c->interfaces[i] = (struct mqoe_capture_interface){names[i], descriptions[i], 0, 0};
    return mqoe_capture_open(&c->capture, &config->capture, config->capture.limit / reactors, c->interfaces,
                             MQOE_TAP_POINTS, e);
}

int mqoe_tap_open(struct mqoe_tap **tap, const struct mqoe_tap_configs *configs, uint32_t reactor,
                  uint32_t reactors, uint32_t chunks, struct mqoe_error *e) {
    *tap = NULL;
    if (!configs->count)
        return 0;
    struct mqoe_tap *t = calloc(1, sizeof *t);
    if (t) {
        t->captures = calloc(configs->count, sizeof *t->captures);
        t->ids = calloc(chunks, sizeof *t->ids);
    }
    if (!t || !t->captures || !t->ids) {
        mqoe_tap_close(t);
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "%u captures", configs->count);
    }
    t->last_id = reactor;
    t->step = reactors;
    int err = 0;
    for (; t->count < configs->count && !err; t->count++)
        err = open_capture(&t->captures[t->count], &configs->list[t->count], reactors, e);
    if (err)
        mqoe_tap_close(t);
    else
        *tap = t;
    return err;
}

void mqoe_tap_close(struct mqoe_tap *tap) {
    if (!tap)
        return;
    for (uint32_t i = 0; i < tap->count; i++)
        mqoe_capture_close(&tap->captures[i].capture);
    free(tap->captures);
    free(tap->ids);
    free(tap);
}

void mqoe_tap_go(struct mqoe_tap *tap, uint64_t t0, uint64_t real) {
    tap->real = real;
    for (uint32_t i = 0; i < tap->count; i++)
        tap->captures[i].capture.t0 = t0 + real;
}

// ---- frames ----

static void show(struct mqoe_tap *tap, const struct mqoe_pcapng_packet *p, uint32_t client) {
    for (uint32_t i = 0; i < tap->count; i++) {
        struct mqoe_tap_capture *c = &tap->captures[i];
        const uint8_t *clients = c->config->clients;
        if (!(c->config->points >> p->interface & 1))
            continue;
        if (clients && (client == MQOE_TAP_NOBODY || !clients[client]))
            continue;
        if (mqoe_capture_wants(&c->capture, p->time))
            mqoe_capture_take(&c->capture, p);
    }
}

static struct mqoe_pcapng_packet describe(const struct mqoe_tap *tap, const struct mqoe_frame *f,
                                          uint32_t chunk, enum mqoe_tap_point point, uint64_t now) {
    return (struct mqoe_pcapng_packet){.interface = point,
                                       .time = now + tap->real,
                                       .id = tap->ids[chunk],
                                       .data = f->data,
                                       .captured = f->len,
                                       .length = f->len};
}

void mqoe_tap_received(struct mqoe_tap *tap, const struct mqoe_frame *f, uint32_t chunk, uint32_t client,
                       enum mqoe_tap_point side, uint64_t now) {
    tap->ids[chunk] = tap->last_id += tap->step;
    struct mqoe_pcapng_packet p = describe(tap, f, chunk, side, now);
    p.way = MQOE_WAY_IN;
    show(tap, &p, client);
}

void mqoe_tap_sent(struct mqoe_tap *tap, const struct mqoe_frame *f, uint32_t chunk, uint32_t client,
                   enum mqoe_tap_point side, uint64_t now) {
    struct mqoe_pcapng_packet p = describe(tap, f, chunk, side, now);
    p.way = MQOE_WAY_OUT;
    show(tap, &p, client);
    tap->ids[chunk] = 0; // of whoever is made in this chunk without having been received
}

void mqoe_tap_dropped(struct mqoe_tap *tap, const struct mqoe_frame *f, uint32_t chunk, uint32_t client,
                      const char *comment, uint64_t now) {
    struct mqoe_pcapng_packet p = describe(tap, f, chunk, MQOE_TAP_DROPPED, now);
    p.comment = comment;
    show(tap, &p, client);
    tap->ids[chunk] = 0;
}

// ---- the files ----

// Statistics of an interface are of all reactors; they are told by the first.
static void gather(struct mqoe_tap_capture *first, const struct mqoe_tap_capture *other) {
    for (uint32_t i = 0; i < MQOE_TAP_POINTS; i++)
        first->interfaces[i].seen += other->interfaces[i].seen;
}

static json_t *write_one(struct mqoe_tap *const *taps, uint32_t count, uint32_t index, const char *folder,
                         uint64_t now) {
    struct mqoe_capture **parts = calloc(count, sizeof(struct mqoe_capture *));
    struct mqoe_tap_capture *first = &taps[0]->captures[index];
    struct mqoe_capture_result result = {0};
    struct mqoe_error e = {0};
    for (uint32_t i = 0; parts && i < count; i++) {
        parts[i] = &taps[i]->captures[index].capture;
        if (i > 0)
            gather(first, &taps[i]->captures[index]);
    }
    if (!parts)
        mqoe_fail(&e, ENOMEM, "calloc", NULL, "%u parts of a capture", count);
    else
        mqoe_capture_write(parts, count, folder, now, &result, &e);
    free(parts);
    json_t *said = mqoe_capture_describe(&first->config->capture, &result);
    if (e.errnum)
        json_object_set_new(said, "error", mqoe_capture_error(&e));
    return said;
}

void mqoe_tap_write(struct mqoe_tap *const *taps, uint32_t count, const char *folder, uint64_t now,
                    json_t *described) {
    for (uint32_t i = 0; i < taps[0]->count; i++)
        json_array_append_new(described, write_one(taps, count, i, folder, now));
}
