// The blueprint of captures by socket (CaptureProcessBlueprint of harness/blueprint/types.ts).
#pragma once

#include "capture/capture.h"
#include "packet/lpm.h"

struct mqoe_capture_point { // an interface in a namespace; one interface of the file
    const char *netns, *interface, *name, *description;
};

struct mqoe_capture_plan_entry {
    struct mqoe_capture_config capture;
    struct mqoe_capture_point *points;
    uint32_t point_count;
    struct mqoe_lpm *addresses; // a packet from or to one of them is wanted; NULL: every packet
};

struct mqoe_capture_plan {
    json_t *document; // owns the strings
    struct mqoe_capture_plan_entry *captures;
    uint32_t count;
};

// Returns 0 or −errno with *e filled; mqoe_capture_plan_free is right in both cases. mqoe_capture_plan_read
// takes the document's reference.
int mqoe_capture_plan_load(struct mqoe_capture_plan *p, const char *file, struct mqoe_error *e);
int mqoe_capture_plan_read(struct mqoe_capture_plan *p, json_t *document, const char *file,
                           struct mqoe_error *e);
void mqoe_capture_plan_free(struct mqoe_capture_plan *p);
