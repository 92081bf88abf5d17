// What the script `rpm` of a session does (RpmScript in harness/blueprint/types.ts).
#pragma once

#include "traffic/plan_session.h"

#define TRAFFIC_RPM_CONNECTIONS 64 // that generate load, at most

struct traffic_rpm_plan {
    bool up;              // who sends the load: the client
    int64_t interval;     // the draft's ID, ns
    uint32_t window;      // MAD: intervals that are averaged over
    uint32_t connections; // MNP
    uint32_t probes;      // MPS: a second, of both kinds together
    uint32_t frame;       // bytes of load between which an answer may go
};

traffic_read_script traffic_read_rpm;
