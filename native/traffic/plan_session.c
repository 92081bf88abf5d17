#include "traffic/plan_session.h"

#include <errno.h>
#include <stdlib.h>

#include "reactor/json.h"
#include "traffic/request.h"
#include "traffic/script_rpm.h"
#include "traffic/script_video.h"
#include "traffic/script_web.h"

#define LIMIT     (INT64_C(1) << 53) // what JSON numbers carry exactly

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const kinds[] = {[TRAFFIC_SCRIPT_TRANSFERS] = "transfers",
                                    [TRAFFIC_SCRIPT_WEB] = "web",
                                    [TRAFFIC_SCRIPT_VIDEO] = "video",
                                    [TRAFFIC_SCRIPT_RPM] = "rpm",
                                    NULL};

static traffic_read_script *const readers[TRAFFIC_SCRIPTS] = {
    [TRAFFIC_SCRIPT_TRANSFERS] = traffic_read_transfers,
    [TRAFFIC_SCRIPT_WEB] = traffic_read_web,
    [TRAFFIC_SCRIPT_VIDEO] = traffic_read_video,
    [TRAFFIC_SCRIPT_RPM] = traffic_read_rpm,
};

struct traffic_request_plan traffic_read_request(const struct mqoe_node *n) {
    return (struct traffic_request_plan){
        .up = (uint64_t)mqoe_node_int(n, "up", 0, (int64_t)TRAFFIC_REQUEST_BYTES),
        .down = (uint64_t)mqoe_node_int(n, "down", 0, (int64_t)TRAFFIC_REQUEST_BYTES),
    };
}

// ---- transfers ----

static void read_transfer(const struct mqoe_node *n, struct traffic_transfer_plan *to) {
    to->wait = mqoe_node_int(n, "wait", 0, LIMIT);
    to->request = traffic_read_request(n);
    mqoe_node_only(n, KEYS("wait", "up", "down"));
}

// Of an open loop: it can only be walked through in one direction.
static void check_order(const struct mqoe_node *list, const struct traffic_transfers_plan *plan) {
    for (uint32_t i = 1; plan->open && i < plan->count; i++) {
        if (plan->list[i].wait >= plan->list[i - 1].wait)
            continue;
        struct mqoe_node item = mqoe_node_element(list, i), wait = mqoe_node_member(&item, "wait");
        mqoe_node_wrong(&wait, "not before that of the transfer before it");
        return;
    }
}

void *traffic_read_transfers(const struct mqoe_node *n) {
    size_t count;
    bool open = mqoe_node_enum(n, "loop", KEYS("closed", "open")) == 1;
    struct mqoe_node list = mqoe_node_array(n, "transfers", &count);
    mqoe_node_only(n, KEYS("kind", "loop", "transfers"));
    if (mqoe_node_ok(n) && !open && !count)
        mqoe_node_wrong(&list, "a list with at least one transfer");
    if (!mqoe_node_ok(n))
        return NULL;
    struct traffic_transfers_plan *plan = malloc(sizeof *plan + count * sizeof *plan->list);
    if (!plan) {
        mqoe_fail(n->error, ENOMEM, "malloc", "", "%zu transfers", count);
        return NULL;
    }
    *plan = (struct traffic_transfers_plan){.open = open, .count = (uint32_t)count};
    for (size_t i = 0; i < count && mqoe_node_ok(n); i++) {
        struct mqoe_node item = mqoe_node_element_object(&list, i);
        read_transfer(&item, &plan->list[i]);
    }
    if (mqoe_node_ok(n))
        check_order(&list, plan);
    return plan;
}

// ---- the session ----

uint64_t traffic_read_pacing(const struct mqoe_node *n) {
    return mqoe_node_has(n, "pacing") ? (uint64_t)mqoe_node_int(n, "pacing", 0, LIMIT) : 0;
}

void traffic_read_session(const struct mqoe_node *n, struct traffic_session_plan *to) {
    to->congestion_control = mqoe_node_text(n, "congestionControl");
    mqoe_node_bool(n, "ecn"); // a sysctl of the namespace, set by the lab
    to->pacing = traffic_read_pacing(n);
    if (mqoe_node_has(n, "rtt"))
        mqoe_node_int(n, "rtt", 0, LIMIT); // for those who read the recording
    struct mqoe_node script = mqoe_node_object(n, "script");
    if (!mqoe_node_ok(n))
        return;
    to->kind = (enum traffic_script_kind)mqoe_node_enum(&script, "kind", kinds);
    if (mqoe_node_ok(n))
        to->script = readers[to->kind](&script); // freed with the plan, also after an error
}
