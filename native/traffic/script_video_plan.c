#include "traffic/script_video.h"

#include <errno.h>
#include <stdlib.h>

#include "reactor/json.h"

#define HUNDRED_MS  INT64_C(100000000)
#define HOUR        INT64_C(3600000000000)
#define MAX_BITRATE INT64_C(1000000000000)
#define MAX_SIZES   100000

#define KEYS(...)   ((const char *const[]){__VA_ARGS__, NULL})

static const char *const adaptations[] = {[TRAFFIC_ADAPT_DYNAMIC] = "dynamic",
                                          [TRAFFIC_ADAPT_THROUGHPUT] = "throughput",
                                          [TRAFFIC_ADAPT_BOLA] = "bola",
                                          NULL};

static int64_t read_number(const struct mqoe_node *list, size_t index, int64_t min, int64_t max,
                           const char *allowed) {
    struct mqoe_node item = mqoe_node_element(list, index);
    json_int_t value = json_integer_value(item.json);
    if (!json_is_integer(item.json) || value < min || value > max)
        mqoe_node_wrong(&item, allowed);
    return value;
}

static void read_ladder(const struct mqoe_node *n, struct traffic_player_plan *to) {
    size_t count;
    struct mqoe_node list = mqoe_node_array(n, "bitrates", &count);
    if (mqoe_node_ok(n) && (count < 1 || count > TRAFFIC_LADDER))
        mqoe_node_fail(&list, "has %zu entries, must have 1 to %d", count, TRAFFIC_LADDER);
    for (size_t i = 0; i < count && mqoe_node_ok(n); i++) {
        int64_t least = i ? (int64_t)to->bitrates[i - 1] + 1 : 1;
        to->bitrates[i] =
            (uint64_t)read_number(&list, i, least, MAX_BITRATE, "bit/s, more than the one before");
    }
    to->rungs = mqoe_node_ok(n) ? (uint32_t)count : 0;
}

// A buffer that must hold more than there is room for would never begin to play.
static void read_player(const struct mqoe_node *n, struct traffic_player_plan *to) {
    to->segment = mqoe_node_int(n, "segment", HUNDRED_MS, HOUR);
    to->buffer = mqoe_node_int(n, "buffer", HUNDRED_MS, HOUR);
    if (mqoe_node_ok(n) && to->buffer < 2 * to->segment) {
        struct mqoe_node buffer = mqoe_node_member(n, "buffer");
        mqoe_node_wrong(&buffer, "at least two segments");
    }
    if (!mqoe_node_ok(n))
        return;
    to->startup = mqoe_node_int(n, "startup", 0, to->buffer - to->segment);
    to->resume = mqoe_node_int(n, "resume", 0, to->buffer - to->segment);
    to->adaptation = (enum traffic_adaptation)mqoe_node_enum(n, "adaptation", adaptations);
    read_ladder(n, to);
}

void *traffic_read_video(const struct mqoe_node *n) {
    size_t count;
    struct traffic_player_plan player = {0};
    read_player(n, &player);
    struct mqoe_node sizes = mqoe_node_array(n, "sizes", &count);
    mqoe_node_only(n,
                   KEYS("kind", "segment", "buffer", "startup", "resume", "adaptation", "bitrates", "sizes"));
    if (mqoe_node_ok(n) && (count < 1 || count > MAX_SIZES))
        mqoe_node_fail(&sizes, "has %zu entries, must have 1 to %d", count, MAX_SIZES);
    if (!mqoe_node_ok(n))
        return NULL;
    struct traffic_video_plan *plan = malloc(sizeof *plan + count * sizeof *plan->sizes);
    if (!plan) {
        mqoe_fail(n->error, ENOMEM, "malloc", "", "%zu sizes of segments", count);
        return NULL;
    }
    *plan = (struct traffic_video_plan){.player = player, .size_count = (uint32_t)count};
    for (size_t i = 0; i < count && mqoe_node_ok(n); i++)
        plan->sizes[i] = (uint16_t)read_number(&sizes, i, 1, 10000, "per mille from 1 to 10000");
    return plan;
}
