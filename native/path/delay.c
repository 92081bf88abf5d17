#include "path/delay.h"

void mqoe_delay_line_init(struct mqoe_delay_line *line, uint64_t delay, uint32_t limit) {
    *line = (struct mqoe_delay_line){.delay = delay, .limit = limit};
}

void mqoe_delay_line_set(struct mqoe_delay_line *line, uint64_t delay) {
    line->delay = delay;
}

void mqoe_delay_line_enqueue(struct mqoe_delay_line *line, struct mqoe_frame *frame, uint64_t arrival,
                             struct mqoe_frame_list *dropped) {
    line->in_packets++;
    if (line->packets >= line->limit) {
        line->drop_overflow++;
        mqoe_frame_drop(dropped, frame, MQOE_DROP_PATH);
        return;
    }
    uint64_t release = arrival + line->delay;
    if (release < line->last_release)
        release = line->last_release; // a line does not reorder
    frame->time = line->last_release = release;
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
