// fuzz-sources: kernel/config.c sqm/framing_read.c reactor/json.c packet/lpm.c packet/hash.c record/error.c
//
// The kernel dataplane's blueprint reader on any JSON: it accepts or names what is wrong, and leaks or
// overruns nothing.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "kernel/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!document)
        return 0;
    struct mqoe_kernel_config config;
    struct mqoe_error e = {0};
    int err = mqoe_kernel_config_read(&config, document, &e);
    if ((err != 0) != (e.errnum != 0) || (err && !e.object[0]))
        abort(); // an error without a place, or the other way round
    for (uint32_t i = 0; !err && i < config.client_prefix_count; i++)
        if (config.client_prefixes[i].value >= config.client_count)
            abort();
    mqoe_kernel_config_free(&config);
    return 0;
}
