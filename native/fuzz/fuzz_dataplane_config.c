// fuzz-sources: dataplane/config.c dataplane/config_path.c dataplane/config_sqm.c dataplane/config_tree.c
// fuzz-sources: path/check.c reactor/json.c
// fuzz-sources: capture/tap.c capture/capture.c capture/ring.c capture/pcapng.c
// fuzz-sources: packet/lpm.c packet/hash.c packet/ecn.c packet/checksum.c sqm/leaf.c sqm/shaper.c
// fuzz-sources: sqm/discipline.c sqm/fq_codel.c sqm/pfifo.c sqm/codel.c sqm/pool.c sqm/cake.c
// fuzz-sources: sqm/cake_dequeue.c sqm/cake_flows.c sqm/cake_heap.c sqm/cake_store.c sqm/cake_tins.c
// fuzz-sources: sqm/slab.c sqm/cobalt.c sqm/ack_filter.c sqm/cobalt_fifo.c sqm/codel_fifo.c sqm/dualpi2.c
// fuzz-sources: sqm/htb.c sqm/htb_build.c sqm/htb_events.c sqm/htb_ring.c
// fuzz-sources: sqm/histogram.c sqm/framing.c sqm/framing_read.c record/error.c
//
// The blueprint reader on any JSON: it accepts or names what is wrong, and leaks or overruns nothing.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!document)
        return 0;
    struct mqoe_dp_config config;
    struct mqoe_error e = {0};
    int err = mqoe_dp_config_read(&config, document, &e);
    if ((err != 0) != (e.errnum != 0) || (err && !e.object[0]))
        abort(); // an error without a place, or the other way round
    for (uint32_t i = 0; !err && i < config.client_prefix_count; i++)
        if (config.client_prefixes[i].value >= config.client_count)
            abort();
    mqoe_dp_config_free(&config);
    return 0;
}
