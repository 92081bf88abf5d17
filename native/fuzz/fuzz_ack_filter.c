// fuzz-sources: sqm/ack_filter.c packet/parse.c
//
// The ACK filter on queues of any frames. Input: the mode, then for each frame its length (one byte) and
// bytes. Each frame is an allocation of exactly its length. After each append the filter may take one frame:
// not the tail, only IP, and never one with payload; everything else stays in its order.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/parse.h"
#include "sqm/ack_filter.h"

#define MAX_FRAMES 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good) {
    if (!good)
        abort();
}

static void fill(struct mqoe_frame *f, const uint8_t *data, uint32_t len, uint32_t serial) {
    struct mqoe_packet packet;
    uint8_t *bytes = malloc(len ? len : 1);
    check(bytes != NULL);
    memcpy(bytes, data, len);
    *f = (struct mqoe_frame){.data = bytes, .len = len, .user = serial};
    mqoe_parse(&packet, bytes, len);
    mqoe_frame_describe(f, &packet, 0);
}

// How many frames there are, whose serial numbers must rise.
static uint32_t count(const struct mqoe_frame_list *list) {
    uint32_t n = 0;
    for (const struct mqoe_frame *f = list->head; f; f = f->next, n++)
        check(f->next ? f->user < f->next->user : f == list->tail);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct mqoe_frame frames[MAX_FRAMES];
    struct mqoe_frame_list list = {0};
    uint32_t appended = 0, held = 0;
    if (!size)
        return 0;
    enum mqoe_ack_filter mode = data[0] % 3;
    for (size_t at = 1; at < size && appended < MAX_FRAMES; appended++) {
        uint32_t len = data[at++];
        if (len > size - at)
            len = (uint32_t)(size - at);
        struct mqoe_frame *f = &frames[appended];
        fill(f, data + at, len, appended);
        at += len;
        mqoe_frame_list_push(&list, f);
        held++;
        struct mqoe_frame *taken = mqoe_ack_filter(&list, mode);
        if (taken) {
            held--;
            check(mode != MQOE_ACK_FILTER_OFF && taken != f && taken->family && !taken->next);
        }
        check(list.tail == f && count(&list) == held);
    }
    for (uint32_t i = 0; i < appended; i++)
        free(frames[i].data);
    return 0;
}
