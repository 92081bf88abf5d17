#include "traffic/script_rpm.h"

#include <errno.h>
#include <stdlib.h>

#include "reactor/json.h"
#include "traffic/stability.h"

#define SHORTEST    INT64_C(100000000)   // of an interval
#define LONGEST     INT64_C(60000000000) // likewise
#define MOST_PROBES 1000                 // a second

#define KEYS(...)   ((const char *const[]){__VA_ARGS__, NULL})

void *traffic_read_rpm(const struct mqoe_node *n) {
    const struct traffic_rpm_plan plan = {
        .up = mqoe_node_enum(n, "direction", KEYS("down", "up")) == 1,
        .interval = mqoe_node_int(n, "interval", SHORTEST, LONGEST),
        .window = (uint32_t)mqoe_node_int(n, "mad", 2, TRAFFIC_STABILITY_WINDOW),
        .connections = (uint32_t)mqoe_node_int(n, "connections", 1, TRAFFIC_RPM_CONNECTIONS),
        .probes = (uint32_t)mqoe_node_int(n, "probes", 1, MOST_PROBES),
        .frame = (uint32_t)mqoe_node_int(n, "frame", 1, 1 << 20),
    };
    mqoe_node_only(n, KEYS("kind", "direction", "interval", "mad", "connections", "probes", "frame"));
    if (!mqoe_node_ok(n))
        return NULL;
    struct traffic_rpm_plan *copy = malloc(sizeof *copy);
    if (!copy)
        mqoe_fail(n->error, ENOMEM, "malloc", "", "an RPM test");
    else
        *copy = plan;
    return copy;
}
