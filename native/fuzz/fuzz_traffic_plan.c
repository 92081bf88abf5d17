// fuzz-sources: traffic/plan.c traffic/plan_session.c traffic/script_web_plan.c
// fuzz-sources: traffic/script_video_plan.c traffic/script_rpm_plan.c
// fuzz-sources: reactor/json.c record/error.c
// fuzz-sources: traffic/plan_stream.c traffic/pace.c traffic/schedule.c
//
// The traffic blueprint's reader on any JSON: it accepts or names what is wrong, an accepted plan refers only
// to what it has, an error can be sent as JSON, and nothing is leaked or overrun.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "traffic/plan.h"
#include "traffic/plan_session.h"
#include "traffic/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok)
        abort();
}

static void check_pair(const struct traffic_plan *plan, const struct traffic_pair *pair, uint32_t count) {
    check(pair->client < plan->endpoint_count[TRAFFIC_CLIENT]);
    check(pair->server < plan->endpoint_count[TRAFFIC_SERVER]);
    check(pair->start < pair->stop && pair->port > 0);
    check(pair->host < plan->endpoints[TRAFFIC_CLIENT][pair->client].address_count[pair->family]);
    for (int role = 0; role < 2; role++)
        check(pair->next[role] == TRAFFIC_NONE || pair->next[role] < count);
}

static void check_stream(const struct traffic_stream_plan *stream) {
    struct traffic_pace pace;
    traffic_pace_open(&pace, &stream->pace);
    int64_t before = stream->pace.start;
    for (int i = 0; i < 100 && !traffic_pace_over(&pace); i++) {
        check(pace.due >= before);
        before = pace.due;
        traffic_pace_next(&pace);
    }
    uint32_t size = traffic_pace_size(stream->sizes, stream->size_count, stream->seed, 7);
    check(size >= 12 && size <= stream->largest && stream->pair.client_port > 0);
}

static void check_transfers(const struct traffic_transfers_plan *plan) {
    check(plan->open || plan->count > 0);
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct traffic_transfer_plan *each = &plan->list[i];
        check(each->wait >= 0 && each->request.up <= TRAFFIC_REQUEST_BYTES &&
              each->request.down <= TRAFFIC_REQUEST_BYTES);
        check(!plan->open || i == 0 || each->wait >= plan->list[i - 1].wait);
    }
}

static void check_plan(const struct traffic_plan *plan) {
    check(plan->core_count > 0 && plan->sample_interval > 0);
    for (uint32_t i = 0; i < plan->flow_count; i++)
        check_pair(plan, &plan->flows[i].pair, plan->flow_count);
    for (uint32_t i = 0; i < plan->probe_count; i++) {
        check_pair(plan, &plan->probes[i].pair, plan->probe_count);
        check(plan->probes[i].interval > 0);
    }
    for (uint32_t i = 0; i < plan->stream_count; i++) {
        check_pair(plan, &plan->streams[i].pair, plan->stream_count);
        check_stream(&plan->streams[i]);
    }
    for (uint32_t i = 0; i < plan->session_count; i++) {
        check_pair(plan, &plan->sessions[i].pair, plan->session_count);
        check(plan->sessions[i].kind < TRAFFIC_SCRIPTS && plan->sessions[i].script);
        if (plan->sessions[i].kind == TRAFFIC_SCRIPT_TRANSFERS)
            check_transfers(plan->sessions[i].script);
    }
}

static void check_error(const struct mqoe_error *e) {
    json_t *text = json_pack("{s:s, s:s}", "object", e->object, "hint", e->hint);
    check(e->errnum && e->object[0] && e->hint[0] && text);
    json_decref(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!document)
        return 0;
    struct traffic_plan plan;
    struct mqoe_error e = {0};
    if (traffic_plan_read(&plan, document, "traffic.json", &e))
        check_error(&e);
    else
        check_plan(&plan);
    traffic_plan_free(&plan);
    return 0;
}
