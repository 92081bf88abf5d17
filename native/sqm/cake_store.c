#include "sqm/cake_store.h"

#include <errno.h>

#include "packet/pages.h"

static uint32_t index_entries(uint32_t flows) {
    uint32_t entries = 16;
    while (entries < 2 * flows)
        entries *= 2;
    return entries;
}

static size_t losses_bytes(const struct mqoe_cake_store *store) {
    return ((size_t)store->hosts.count + 1) * sizeof *store->losses;
}

int mqoe_cake_store_init(struct mqoe_cake_store *store, uint32_t flows, uint32_t tins, uint32_t salt,
                         struct mqoe_error *e) {
    uint32_t entries = index_entries(flows);
    *store = (struct mqoe_cake_store){.index_mask = entries - 1, .salt = salt};
    int err = mqoe_slab_init(&store->flows, sizeof(struct mqoe_cake_flow), flows, tins, e);
    err = err ? err : mqoe_slab_init(&store->tins, sizeof(struct mqoe_cake_tin), tins, 0, e);
    err = err ? err : mqoe_slab_init(&store->accounts, sizeof(struct mqoe_cake_account), tins, 0, e);
    err = err ? err : mqoe_slab_init(&store->signalled, sizeof(struct mqoe_cake_signalled), tins, 0, e);
    // Each flow refers to two hosts at most, so these cannot run out before the flows do.
    err = err ? err : mqoe_slab_init(&store->hosts, sizeof(struct mqoe_cake_host), 2 * flows, 0, e);
    store->flow_index = mqoe_pages_reserve(entries * sizeof *store->flow_index);
    store->host_index = mqoe_pages_reserve(entries * sizeof *store->host_index);
    store->losses = mqoe_pages_reserve(losses_bytes(store));
    if (!err && (!store->flow_index || !store->host_index || !store->losses))
        err = mqoe_fail(e, ENOMEM, "mmap", "fewer clients per reactor, or more memory",
                        "an index of %u flow records", flows);
    if (err)
        mqoe_cake_store_free(store);
    return err;
}

void mqoe_cake_store_ready(struct mqoe_cake_store *store, uint32_t flows, uint32_t tins) {
    size_t index = ((size_t)store->index_mask + 1) * sizeof *store->flow_index;
    mqoe_slab_ready(&store->flows, flows, tins);
    mqoe_slab_ready(&store->tins, tins, 0);
    mqoe_slab_ready(&store->accounts, tins, 0);
    mqoe_slab_ready(&store->hosts, flows, 0);
    mqoe_pages_ready(store->losses, losses_bytes(store), 0, ((size_t)flows + 1) * sizeof *store->losses);
    mqoe_pages_ready(store->flow_index, index, 0, index);
    mqoe_pages_ready(store->host_index, index, 0, index);
}

void mqoe_cake_store_free(struct mqoe_cake_store *store) {
    mqoe_slab_free(&store->flows);
    mqoe_slab_free(&store->tins);
    mqoe_slab_free(&store->accounts);
    mqoe_slab_free(&store->signalled);
    mqoe_pages_free(store->losses, losses_bytes(store));
    mqoe_slab_free(&store->hosts);
    size_t index = ((size_t)store->index_mask + 1) * sizeof *store->flow_index;
    mqoe_pages_free(store->flow_index, index);
    mqoe_pages_free(store->host_index, index);
    store->flow_index = store->host_index = NULL;
    store->losses = NULL;
}
