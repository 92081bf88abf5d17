#include "traffic/plan_stream.h"

#include <errno.h>
#include <stdlib.h>

#include "traffic/payload.h"
#include "traffic/schedule.h"

#define LIMIT        (INT64_C(1) << 53) // what JSON numbers carry exactly
#define MAX_PAYLOAD  65487              // of UDP over IPv6 without jumbograms
#define SMALLEST_GAP 1000               // ns between two packets of a stream: a million a second
#define MOST_PIECES  4096
#define MOST_SIZES   64

#define OF_STREAMS   0x73747264u // "strd"

#define KEYS(...)    ((const char *const[]){__VA_ARGS__, NULL})

static void *make_list(const struct mqoe_node *list, size_t count, size_t most, size_t bytes) {
    if (mqoe_node_ok(list) && (count < 1 || count > most))
        mqoe_node_fail(list, "has %zu entries, must have 1 to %zu", count, most);
    void *items = mqoe_node_ok(list) ? calloc(count, bytes) : NULL;
    if (mqoe_node_ok(list) && !items)
        mqoe_fail(list->error, ENOMEM, "calloc", "", "%zu entries", count);
    return items;
}

// ---- the pace ----

// Every piece begins with a packet, so none may be shorter than a gap.
static void read_piece(const struct mqoe_node *n, struct traffic_piece *to, int64_t least) {
    to->from = mqoe_node_int(n, "from", least, least ? LIMIT : 0);
    to->interval = mqoe_node_int(n, "interval", 0, LIMIT);
    if (mqoe_node_ok(n) && to->interval && to->interval < SMALLEST_GAP) {
        struct mqoe_node interval = mqoe_node_member(n, "interval");
        mqoe_node_wrong(&interval, "0 (silence), or 1000 ns and more");
    }
    mqoe_node_only(n, KEYS("from", "interval"));
}

static void read_pattern(const struct mqoe_node *n, struct traffic_pace_plan *to) {
    struct mqoe_node pattern = mqoe_node_object(n, "pattern");
    size_t count;
    to->period = mqoe_node_int(&pattern, "period", 1, LIMIT);
    struct mqoe_node list = mqoe_node_array(&pattern, "pieces", &count);
    struct traffic_piece *pieces = make_list(&list, count, MOST_PIECES, sizeof *pieces);
    to->pieces = pieces;
    if (!pieces)
        return;
    to->piece_count = (uint32_t)count;
    bool sends = false;
    for (uint32_t i = 0; i < count; i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        read_piece(&item, &pieces[i], i ? pieces[i - 1].from + SMALLEST_GAP : 0);
        sends |= pieces[i].interval > 0;
    }
    mqoe_node_only(&pattern, KEYS("period", "pieces"));
    if (mqoe_node_ok(n) && pieces[count - 1].from + SMALLEST_GAP > to->period)
        mqoe_node_fail(&list, "the last piece is not over within the period of %lld ns",
                       (long long)to->period);
    if (mqoe_node_ok(n) && !sends)
        mqoe_node_fail(&list, "nothing is ever sent: at least one interval must be more than 0");
}

static void read_pace(const struct mqoe_node *n, const struct traffic_pair *pair,
                      struct traffic_pace_plan *to) {
    static const char *const gaps[] = {"poisson", NULL};
    int64_t interval = mqoe_node_int(n, "interval", SMALLEST_GAP, LIMIT);
    to->start = pair->start;
    to->stop = pair->stop;
    if (mqoe_node_has(n, "gaps")) {
        mqoe_node_enum(n, "gaps", gaps);
        to->poisson = true;
    }
    if (mqoe_node_has(n, "pattern")) {
        read_pattern(n, to);
        return;
    }
    struct traffic_piece *piece = make_list(n, 1, 1, sizeof *piece);
    if (piece)
        piece->interval = interval;
    to->pieces = piece;
    to->piece_count = piece ? 1 : 0;
    to->period = pair->stop - pair->start;
}

// ---- sizes ----

static uint32_t read_size(const struct mqoe_node *n) {
    return (uint32_t)mqoe_node_int(n, "size", TRAFFIC_STREAM_HEADER, MAX_PAYLOAD);
}

static void read_mix(const struct mqoe_node *n, struct traffic_stream_plan *to) {
    size_t count;
    struct mqoe_node list = mqoe_node_array(n, "mix", &count);
    to->sizes = make_list(&list, count, MOST_SIZES, sizeof *to->sizes);
    to->size_count = to->sizes ? (uint32_t)count : 0;
    for (uint32_t i = 0; i < to->size_count && mqoe_node_ok(n); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        uint32_t weight = (uint32_t)mqoe_node_int(&item, "weight", 1, 1000000);
        to->sizes[i] = (struct traffic_share){read_size(&item), (i ? to->sizes[i - 1].upto : 0) + weight};
        mqoe_node_only(&item, KEYS("size", "weight"));
    }
}

static void read_sizes(const struct mqoe_node *n, struct traffic_stream_plan *to) {
    uint32_t size = read_size(n); // the mean, of several
    if (mqoe_node_has(n, "mix")) {
        read_mix(n, to);
        return;
    }
    to->sizes = make_list(n, 1, 1, sizeof *to->sizes);
    to->size_count = to->sizes ? 1 : 0;
    if (to->sizes)
        to->sizes[0] = (struct traffic_share){size, 1};
}

void traffic_read_stream(const struct mqoe_node *n, uint64_t seed, struct traffic_stream_plan *to) {
    read_pace(n, &to->pair, &to->pace);
    read_sizes(n, to);
    for (uint32_t i = 0; i < to->size_count; i++)
        to->largest = to->sizes[i].size > to->largest ? to->sizes[i].size : to->largest;
    to->pace.seed = to->seed = traffic_mix(seed, OF_STREAMS, (uint64_t)to->pair.id);
}

void traffic_free_stream(struct traffic_stream_plan *stream) {
    free((void *)stream->pace.pieces);
    free(stream->sizes);
}
