#include "traffic/script_web.h"

#include <errno.h>
#include <stdlib.h>

#include "reactor/json.h"
#include "traffic/request.h"

#define LIMIT     (INT64_C(1) << 53) // what JSON numbers carry exactly
#define MAX_COUNT 1000000            // numbers of one session

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

// The plan and its tables, in one piece: 8-byte parts first, so that each is aligned.
struct whole {
    struct traffic_web_plan plan;
    uint64_t numbers[];
};

static int64_t read_number(const struct mqoe_node *list, size_t index, int64_t max) {
    struct mqoe_node item = mqoe_node_element(list, index);
    json_int_t value = json_integer_value(item.json);
    if (!json_is_integer(item.json) || value < 0 || value > max)
        mqoe_node_wrong(&item, "a whole number from 0 on");
    return value;
}

static size_t count_objects(const struct mqoe_node *pages, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count && mqoe_node_ok(pages); i++) {
        struct mqoe_node page = mqoe_node_element(pages, i);
        if (!json_array_size(page.json)) // 0 of what is no array, too
            mqoe_node_wrong(&page, "a list of sizes with at least one, the document's");
        total += json_array_size(page.json);
    }
    return total;
}

static void read_pages(const struct mqoe_node *list, struct traffic_web_page *pages, size_t count,
                       uint64_t *sizes) {
    uint32_t next = 0;
    for (size_t i = 0; i < count && mqoe_node_ok(list); i++) {
        struct mqoe_node page = mqoe_node_element(list, i);
        pages[i] = (struct traffic_web_page){next, (uint32_t)json_array_size(page.json)};
        for (size_t k = 0; k < pages[i].count && mqoe_node_ok(list); k++)
            sizes[next++] = (uint64_t)read_number(&page, k, (int64_t)TRAFFIC_REQUEST_BYTES);
    }
}

void *traffic_read_web(const struct mqoe_node *n) {
    size_t page_count, think_count;
    int64_t connections = mqoe_node_int(n, "connections", 1, TRAFFIC_WEB_CONNECTIONS);
    bool reuse = mqoe_node_bool(n, "reuse");
    struct mqoe_node pages = mqoe_node_array(n, "pages", &page_count);
    struct mqoe_node thinks = mqoe_node_array(n, "thinks", &think_count);
    mqoe_node_only(n, KEYS("kind", "connections", "reuse", "pages", "thinks"));
    size_t objects = mqoe_node_ok(n) ? count_objects(&pages, page_count) : 0;
    if (mqoe_node_ok(n) && (!page_count || objects + page_count > MAX_COUNT))
        mqoe_node_wrong(&pages, "a list of one page to a million objects in all");
    if (mqoe_node_ok(n) && (!think_count || think_count > MAX_COUNT))
        mqoe_node_wrong(&thinks, "a list of one time to a million of them");
    if (!mqoe_node_ok(n))
        return NULL;
    struct whole *whole = malloc(sizeof *whole + (objects + think_count + page_count) * 8);
    if (!whole) {
        mqoe_fail(n->error, ENOMEM, "malloc", "", "%zu objects of pages", objects);
        return NULL;
    }
    int64_t *times = (int64_t *)(whole->numbers + objects);
    struct traffic_web_page *list = (struct traffic_web_page *)(times + think_count);
    whole->plan = (struct traffic_web_plan){
        .connections = (uint32_t)connections,
        .reuse = reuse,
        .page_count = (uint32_t)page_count,
        .think_count = (uint32_t)think_count,
        .pages = list,
        .thinks = times,
        .sizes = whole->numbers,
    };
    read_pages(&pages, list, page_count, whole->numbers);
    for (size_t i = 0; i < think_count && mqoe_node_ok(n); i++)
        times[i] = read_number(&thinks, i, LIMIT);
    return whole;
}
