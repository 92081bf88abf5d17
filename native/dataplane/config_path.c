#include "dataplane/config_path.h"

#include <stdlib.h>
#include <string.h>

#define MAX_INTEGER  ((int64_t)1 << 53)
#define MAX_RATE     (int64_t)1000000000000 // 1 Tbit/s
#define MAX_DELAY    (int64_t)60000000000   // 60 s
#define MAX_OVERHEAD 4096
#define MAX_TRACE    (1 << 22) // entries
#define ARRAYS       5u        // of a line

#define KEYS(...)    ((const char *const[]){__VA_ARGS__, NULL})

// ---- numbers and arrays ----

static double read_share(const struct mqoe_node *n, const char *key) {
    struct mqoe_node member = mqoe_node_member(n, key);
    double value = json_number_value(member.json);
    if (mqoe_node_ok(n) && (!json_is_number(member.json) || !(value >= 0 && value <= 1))) {
        mqoe_node_wrong(&member, "a number from 0 to 1");
        return 0;
    }
    return value;
}

// Room for the array at `key`, NULL when it is empty or wrong.
static void *read_array(const struct mqoe_node *n, const char *key, size_t min, size_t max, size_t entry,
                        struct mqoe_node *list, size_t *length) {
    *list = mqoe_node_array(n, key, length);
    if (!mqoe_node_ok(n))
        return NULL;
    if (*length < min || *length > max) {
        mqoe_node_fail(list, "has %zu entries, must have %zu to %zu", *length, min, max);
        return NULL;
    }
    void *entries = calloc(*length ? *length : 1, entry);
    if (!entries)
        mqoe_node_fail(list, "no memory for %zu entries", *length);
    return entries;
}

static int64_t element_int(const struct mqoe_node *list, size_t i, int64_t min, int64_t max) {
    struct mqoe_node item = mqoe_node_element(list, i);
    json_int_t value = json_integer_value(item.json);
    if (json_is_integer(item.json) && value >= min && value <= max)
        return value;
    mqoe_node_fail(&item, "must be an integer from %ld to %ld", (long)min, (long)max);
    return 0;
}

static const uint64_t *read_numbers(const struct mqoe_node *n, const char *key, size_t min, uint32_t *count) {
    struct mqoe_node list;
    size_t length;
    uint64_t *numbers = read_array(n, key, min, MAX_TRACE, sizeof *numbers, &list, &length);
    for (size_t i = 0; numbers && i < length && mqoe_node_ok(n); i++)
        numbers[i] = (uint64_t)element_int(&list, i, 0, MAX_INTEGER);
    *count = numbers ? (uint32_t)length : 0;
    return numbers;
}

static const int16_t *read_table(const struct mqoe_node *n, uint32_t *count) {
    struct mqoe_node list;
    size_t length;
    int16_t *table = read_array(n, "table", 1, MQOE_PATH_TABLE_MAX, sizeof *table, &list, &length);
    for (size_t i = 0; table && i < length && mqoe_node_ok(n); i++)
        table[i] = (int16_t)element_int(&list, i, INT16_MIN, INT16_MAX);
    *count = table ? (uint32_t)length : 0;
    return table;
}

// ---- the parts of a line ----

static void read_distribution(const struct mqoe_node *n, struct mqoe_path_spread *out) {
    struct mqoe_node member = mqoe_node_member(n, "distribution");
    if (!mqoe_node_ok(n))
        return;
    if (!json_is_object(member.json)) {
        out->distribution = (enum mqoe_path_distribution)mqoe_node_enum(
            n, "distribution", KEYS("uniform", "normal", "pareto", "paretonormal"));
        return;
    }
    out->distribution = MQOE_PATH_TABLE;
    out->table = read_table(&member, &out->table_size);
    mqoe_node_only(&member, KEYS("table"));
}

static struct mqoe_path_chance chance_of(const struct mqoe_node *n) {
    return (struct mqoe_path_chance){read_share(n, "probability"), read_share(n, "correlation")};
}

static struct mqoe_path_chance read_chance(const struct mqoe_node *n, const char *key) {
    struct mqoe_node object = mqoe_node_object(n, key);
    struct mqoe_path_chance chance = chance_of(&object);
    mqoe_node_only(&object, KEYS("probability", "correlation"));
    return chance;
}

static void read_gemodel(const struct mqoe_node *n, struct mqoe_path_loss *out) {
    out->gemodel.p = read_share(n, "p");
    out->gemodel.r = read_share(n, "r");
    out->gemodel.bad_loss = read_share(n, "oneMinusH");
    out->gemodel.good_loss = read_share(n, "oneMinusK");
    mqoe_node_only(n, KEYS("model", "p", "r", "oneMinusH", "oneMinusK"));
}

static void read_states(const struct mqoe_node *n, struct mqoe_path_loss *out) {
    out->state.p13 = read_share(n, "p13");
    out->state.p31 = read_share(n, "p31");
    out->state.p32 = read_share(n, "p32");
    out->state.p23 = read_share(n, "p23");
    out->state.p14 = read_share(n, "p14");
    mqoe_node_only(n, KEYS("model", "p13", "p31", "p32", "p23", "p14"));
}

static void read_loss(const struct mqoe_node *line, struct mqoe_path_loss *out) {
    struct mqoe_node n = mqoe_node_object(line, "loss");
    out->model = (enum mqoe_path_loss_model)mqoe_node_enum(
        &n, "model", KEYS("none", "random", "gemodel", "state", "packets"));
    out->ecn = mqoe_node_bool(line, "ecn");
    if (!mqoe_node_ok(&n))
        return;
    switch (out->model) {
    case MQOE_PATH_LOSS_NONE:
        mqoe_node_only(&n, KEYS("model"));
        break;
    case MQOE_PATH_LOSS_RANDOM:
        out->random = chance_of(&n);
        mqoe_node_only(&n, KEYS("model", "probability", "correlation"));
        break;
    case MQOE_PATH_LOSS_GEMODEL:
        read_gemodel(&n, out);
        break;
    case MQOE_PATH_LOSS_STATE:
        read_states(&n, out);
        break;
    case MQOE_PATH_LOSS_PACKETS:
        out->packets = read_numbers(&n, "packets", 0, &out->packet_count);
        mqoe_node_only(&n, KEYS("model", "packets"));
        break;
    }
}

static void read_reorder(const struct mqoe_node *line, struct mqoe_path_reorder *out) {
    struct mqoe_node n = mqoe_node_object(line, "reorder");
    out->chance = chance_of(&n);
    out->gap = (uint32_t)mqoe_node_int(&n, "gap", 0, INT32_MAX);
    mqoe_node_only(&n, KEYS("probability", "correlation", "gap"));
}

static void read_link(const struct mqoe_node *n, struct mqoe_path_link *out) {
    out->rate = (uint64_t)mqoe_node_int(n, "rate", 0, MAX_RATE);
    out->packet_overhead = (int32_t)mqoe_node_int(n, "packetOverhead", -MAX_OVERHEAD, MAX_OVERHEAD);
    out->cell_size = (uint32_t)mqoe_node_int(n, "cellSize", 0, MAX_OVERHEAD);
    out->cell_overhead = (int32_t)mqoe_node_int(n, "cellOverhead", -MAX_OVERHEAD, MAX_OVERHEAD);
    out->limit_packets = (uint64_t)mqoe_node_int(n, "limitPackets", 0, MAX_INTEGER);
    out->limit_bytes = (uint64_t)mqoe_node_int(n, "limitBytes", 0, MAX_INTEGER);
    out->ecn_threshold = (uint64_t)mqoe_node_int(n, "ecnThreshold", 0, MAX_INTEGER);
}

static void read_slot(const struct mqoe_node *line, struct mqoe_path_slot *out) {
    struct mqoe_node n = mqoe_node_member(line, "slot");
    if (!mqoe_node_ok(line) || json_is_null(n.json))
        return;
    n = mqoe_node_object(line, "slot");
    out->enabled = true;
    out->packets = (uint64_t)mqoe_node_int(&n, "packets", 0, MAX_INTEGER);
    out->bytes = (uint64_t)mqoe_node_int(&n, "bytes", 0, MAX_INTEGER);
    out->distributed = mqoe_node_has(&n, "delay");
    if (out->distributed) {
        out->spread.mean = (uint64_t)mqoe_node_int(&n, "delay", 0, MAX_DELAY);
        out->spread.jitter = (uint64_t)mqoe_node_int(&n, "jitter", 0, MAX_DELAY);
        read_distribution(&n, &out->spread);
        mqoe_node_only(&n, KEYS("delay", "jitter", "distribution", "packets", "bytes"));
        return;
    }
    out->min_delay = (uint64_t)mqoe_node_int(&n, "min", 0, MAX_DELAY);
    out->max_delay = (uint64_t)mqoe_node_int(&n, "max", 0, MAX_DELAY);
    mqoe_node_only(&n, KEYS("min", "max", "packets", "bytes"));
}

static uint64_t read_optional(const struct mqoe_node *n, const char *key, int64_t max) {
    return mqoe_node_has(n, key) ? (uint64_t)mqoe_node_int(n, key, 0, max) : MQOE_PATH_KEEP;
}

static void read_step(const struct mqoe_node *list, size_t i, struct mqoe_path_step *out) {
    struct mqoe_node n = mqoe_node_element_object(list, i);
    if (!n.json)
        return;
    out->time = (uint64_t)mqoe_node_int(&n, "at", 0, MAX_INTEGER);
    out->rate = read_optional(&n, "rate", MAX_RATE);
    out->delay = read_optional(&n, "delay", MAX_DELAY);
    out->loss = mqoe_node_has(&n, "loss") ? read_share(&n, "loss") : MQOE_PATH_KEEP_LOSS;
    mqoe_node_only(&n, KEYS("at", "rate", "delay", "loss"));
}

static void read_steps(const struct mqoe_node *n, struct mqoe_path_trace *out) {
    struct mqoe_node list;
    size_t length;
    struct mqoe_path_step *steps = read_array(n, "steps", 1, MAX_TRACE, sizeof *steps, &list, &length);
    for (size_t i = 0; steps && i < length && mqoe_node_ok(n); i++)
        read_step(&list, i, &steps[i]);
    out->steps = steps;
    out->step_count = steps ? (uint32_t)length : 0;
    out->period = (uint64_t)mqoe_node_int(n, "loop", 0, MAX_INTEGER);
    mqoe_node_only(n, KEYS("format", "loop", "steps"));
}

static void read_trace(const struct mqoe_node *line, struct mqoe_path_trace *out) {
    struct mqoe_node n = mqoe_node_member(line, "trace");
    if (!mqoe_node_ok(line) || json_is_null(n.json))
        return;
    n = mqoe_node_object(line, "trace");
    unsigned format = mqoe_node_enum(&n, "format", KEYS("mahimahi", "steps"));
    if (!mqoe_node_ok(line))
        return;
    out->kind = format == 0 ? MQOE_PATH_TRACE_MAHIMAHI : MQOE_PATH_TRACE_STEPS;
    if (out->kind == MQOE_PATH_TRACE_STEPS) {
        read_steps(&n, out);
        return;
    }
    out->opportunities = read_numbers(&n, "opportunities", 1, &out->opportunity_count);
    mqoe_node_only(&n, KEYS("format", "opportunities"));
}

static void read_line(const struct mqoe_node *n, struct mqoe_path_config *out) {
    out->up = mqoe_node_bool(n, "up");
    out->delay.mean = (uint64_t)mqoe_node_int(n, "delay", 0, MAX_DELAY);
    out->delay.jitter = (uint64_t)mqoe_node_int(n, "jitter", 0, MAX_DELAY);
    out->delay.correlation = read_share(n, "delayCorrelation");
    read_distribution(n, &out->delay);
    out->keep_order = mqoe_node_bool(n, "keepOrder");
    read_loss(n, &out->loss);
    out->duplicate = read_chance(n, "duplicate");
    out->corrupt = read_chance(n, "corrupt");
    read_reorder(n, &out->reorder);
    read_link(n, &out->link);
    read_slot(n, &out->slot);
    read_trace(n, &out->trace);
    mqoe_node_only(n,
                   KEYS("up", "loss", "ecn", "duplicate", "corrupt", "reorder", "delay", "jitter",
                        "delayCorrelation", "distribution", "keepOrder", "rate", "packetOverhead", "cellSize",
                        "cellOverhead", "limitPackets", "limitBytes", "ecnThreshold", "slot", "trace"));
    struct mqoe_error e;
    if (mqoe_node_ok(n) && mqoe_path_config_check(out, &e) != 0)
        mqoe_node_fail(n, "%s: %s", e.object, e.hint);
}

// ---- whole paths ----

void mqoe_dp_read_lines(const struct mqoe_node *n, struct mqoe_path_config lines[2]) {
    struct mqoe_node down = mqoe_node_object(n, "down"), up = mqoe_node_object(n, "up");
    lines[0] = lines[1] = (struct mqoe_path_config){0};
    read_line(&down, &lines[0]);
    read_line(&up, &lines[1]);
}

static const void **arrays_of(struct mqoe_path_config *line, unsigned i) {
    const void **const arrays[] = {(const void **)&line->delay.table, (const void **)&line->loss.packets,
                                   (const void **)&line->slot.spread.table,
                                   (const void **)&line->trace.opportunities,
                                   (const void **)&line->trace.steps};
    return arrays[i];
}

void mqoe_dp_free_lines_but(struct mqoe_path_config lines[2], struct mqoe_path_config kept[2]) {
    for (int d = 0; d < 2; d++)
        for (unsigned i = 0; i < ARRAYS; i++)
            if (!kept || *arrays_of(&lines[d], i) != *arrays_of(&kept[d], i))
                free((void *)*arrays_of(&lines[d], i));
}

static bool same_array(const void *a, uint32_t a_count, const void *b, uint32_t b_count, size_t entry) {
    return a && b && a_count == b_count && !memcmp(a, b, a_count * entry);
}

// Both are the same array from now on, if they are alike: lines tell a new trace by its place.
static void share(const void **mine, const void *theirs, bool alike) {
    if (!alike)
        return;
    free((void *)*mine);
    *mine = theirs;
}

void mqoe_dp_share_arrays(struct mqoe_path_config lines[2], const struct mqoe_path_config old[2]) {
    for (int d = 0; d < 2; d++) {
        struct mqoe_path_loss *loss = &lines[d].loss;
        struct mqoe_path_trace *t = &lines[d].trace;
        const struct mqoe_path_loss *loss0 = &old[d].loss;
        const struct mqoe_path_trace *t0 = &old[d].trace;
        share((const void **)&loss->packets, loss0->packets,
              same_array(loss->packets, loss->packet_count, loss0->packets, loss0->packet_count,
                         sizeof *loss->packets));
        share((const void **)&t->opportunities, t0->opportunities,
              same_array(t->opportunities, t->opportunity_count, t0->opportunities, t0->opportunity_count,
                         sizeof *t->opportunities));
        share((const void **)&t->steps, t0->steps,
              same_array(t->steps, t->step_count, t0->steps, t0->step_count, sizeof *t->steps));
    }
}

bool mqoe_dp_lines_have_rate(const struct mqoe_path_config lines[2]) {
    for (int d = 0; d < 2; d++)
        if (lines[d].link.rate || lines[d].slot.enabled || lines[d].trace.kind != MQOE_PATH_TRACE_NONE ||
            lines[d].loss.model == MQOE_PATH_LOSS_PACKETS)
            return true;
    return false;
}
