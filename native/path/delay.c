#include "path/delay.h"

#define BITS_NS 8000000000u // bits of a byte × ns of a second

void mqoe_delay_line_init(struct mqoe_delay_line *line, uint64_t delay, uint64_t rate, uint32_t limit) {
    *line = (struct mqoe_delay_line){.delay = delay, .rate = rate, .limit = limit};
}

void mqoe_delay_line_set(struct mqoe_delay_line *line, uint64_t delay, uint64_t rate) {
    line->delay = delay;
    if (rate != line->rate)
        line->fraction = 0; // it counts in units of the old rate; less than a nanosecond, once per change
    line->rate = rate;
}

// When a frame of `len` bytes, which arrived at `arrival`, has left the line.
static uint64_t release_of(struct mqoe_delay_line *line, uint32_t len, uint64_t arrival) {
    uint64_t start = arrival + line->delay;
    if (start > line->last_release)
        line->fraction = 0; // the line was idle: the frame starts at a whole nanosecond
    else
        start = line->last_release; // behind the frame before; a line does not reorder
    if (!line->rate)
        return start;
    uint64_t busy = len * (uint64_t)BITS_NS + line->fraction; // no overflow below 2^31 bytes
    line->fraction = busy % line->rate;
    return start + busy / line->rate;
}

void mqoe_delay_line_enqueue(struct mqoe_delay_line *line, struct mqoe_frame *frame, uint64_t arrival,
                             struct mqoe_frame_list *dropped) {
    line->in_packets++;
    if (line->packets >= line->limit) {
        line->drop_overflow++;
        mqoe_frame_drop(dropped, frame, MQOE_DROP_PATH);
        return;
    }
    frame->time = line->last_release = release_of(line, frame->len, arrival);
    mqoe_frame_list_push(&line->frames, frame);
    line->packets++;
}

struct mqoe_frame *mqoe_delay_line_dequeue(struct mqoe_delay_line *line, uint64_t now) {
    if (mqoe_delay_line_next(line) > now)
        return NULL;
    struct mqoe_frame *frame = mqoe_frame_list_pop(&line->frames);
    if (frame) { // none: empty, and now is MQOE_NEVER
        line->packets--;
        line->out_packets++;
    }
    return frame;
}

void mqoe_delay_line_drain(struct mqoe_delay_line *line, struct mqoe_frame_list *frames) {
    mqoe_frame_list_splice(frames, &line->frames);
    line->packets = 0;
}
