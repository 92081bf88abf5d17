// What the script `web` of a session does (WebScript in harness/blueprint/types.ts).
#pragma once

#include "traffic/plan_session.h"

#define TRAFFIC_WEB_CONNECTIONS 32 // at most

// A page of the plan: its objects are sizes[first … first + count), the document first.
struct traffic_web_page {
    uint32_t first, count;
};

struct traffic_web_plan {
    uint32_t connections;
    bool reuse; // connections are kept for the next page
    uint32_t page_count, think_count;
    const struct traffic_web_page *pages; // visited in turn, again and again
    const int64_t *thinks;                // ns after the end of a page, in turn
    const uint64_t *sizes;                // bytes
};

traffic_read_script traffic_read_web;
