// fuzz-sources: capture/plan.c capture/capture.c capture/ring.c capture/pcapng.c
// fuzz-sources: packet/lpm.c packet/hash.c reactor/json.c record/error.c
//
// The blueprint reader of captures by socket on any JSON: it accepts or names what is wrong, and leaks or
// overruns nothing. What it accepts stays below the blueprint's folder.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!document)
        return 0;
    struct mqoe_capture_plan plan;
    struct mqoe_error e = {0};
    int err = mqoe_capture_plan_read(&plan, document, NULL, &e);
    if ((err != 0) != (e.errnum != 0) || (err && !e.object[0]))
        abort(); // an error without a place, or the other way round
    for (uint32_t i = 0; !err && i < plan.count; i++) {
        const char *file = plan.captures[i].capture.file;
        if (!plan.captures[i].point_count || file[0] == '/' || strstr(file, ".."))
            abort();
    }
    mqoe_capture_plan_free(&plan);
    return 0;
}
