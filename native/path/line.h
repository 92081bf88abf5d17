// One direction of the emulated path of one server, site or client. Pure: `now` and the seed are arguments,
// and the same calls give the same results. docs/paths.md explains the model and its differences from netem.
//
//   arrival ─▶ up? ─▶ duplicate ─▶ lost? ─▶ corrupt ─▶ delay, jitter, reorder ─▶ buffer ─▶ rate or trace ─▶
//   slot ─▶
//
// With a constant delay and a rate, in one line:
//
//   release = max(arrival + delay, release of the frame before) + frame bytes × 8 / rate
//
// Times are logical: the release (not the moment somebody woke up) is what the frame carries on to the next
// stage. So a late wake-up delays what it delays, and nothing accumulates. Nor does rounding: a release is
// the exact time rounded down to a nanosecond, however long the line has been busy. What happens inside
// (frames reach the buffer, find it full, are transmitted) happens at logical times, too, whenever the line
// is asked next.
//
// Conservation: in + duplicated = out + lost + overflow + down + held. Frames that are lost come back in
// `dropped` with MQOE_DROP_PATH.
#pragma once

#include "packet/frame.h"
#include "path/link.h"
#include "path/loss.h"
#include "path/store.h"

struct mqoe_path_counters { // frames, cumulative
    uint64_t in, out;
    uint64_t lost;               // by the loss model or the trace
    uint64_t overflow;           // the buffer was full
    uint64_t down;               // the cable was pulled
    uint64_t duplicated;         // copies made
    uint64_t duplicates_refused; // there was no frame for the copy
    uint64_t corrupted, marked;
    uint64_t reordered;        // left before one that came earlier
    uint64_t reorders_refused; // would have, but there was no memory for it (path/store.h)
};

// Makes a copy of a frame, its bytes included; NULL when there is no frame left.
struct mqoe_path_copier {
    struct mqoe_frame *(*copy)(void *context, const struct mqoe_frame *frame);
    void *context;
};

// What happens to a frame on entering; originals and copies have their own, so that copies move nothing.
struct mqoe_path_fate {
    struct mqoe_path_loser loser;
    struct mqoe_path_dice corrupt;
    struct mqoe_random bit;
    struct mqoe_path_spreader delay;
};

struct mqoe_path_line {
    struct mqoe_path_config config;
    struct mqoe_path_counters counters;
    bool only_delays;                    // on entering; the link may do more
    bool plain;                          // does nothing to frames
    struct mqoe_path_store flight;       // delayed; by arrival at the buffer
    struct mqoe_frame_list buffer;       // waiting; while `transmitting`, the first is in transmission
    struct mqoe_frame_list slotted;      // transmitted, waiting for their slot; by release
    struct mqoe_frame_list ready;        // released at or before `clock`
    uint32_t held;                       // frames in all four
    uint64_t backlog, backlog_bytes;     // frames of `buffer` and `slotted`
    bool transmitting;                   // until server.free_at
    uint64_t clock;                      // up to here everything has happened
    uint64_t last_release;               // of frames that passed the link
    uint64_t last_due;                   // of frames that keep the order
    uint64_t origin;                     // when the trace began
    uint64_t mean;                       // of the delay now: the config's, or the trace's
    struct mqoe_path_chance random_loss; // now, likewise
    uint64_t step;                       // of the trace, the next one
    struct mqoe_path_server server;
    struct mqoe_path_fate originals, copies;
    struct mqoe_path_dice duplicate, reorder;
    uint32_t since_reorder; // frames delayed since the last one that was not
};

// An empty line. `number` tells the lines of a run with the same `seed` apart. A trace begins at `now`.
// Returns 0, or −EINVAL with *e filled.
int mqoe_path_line_init(struct mqoe_path_line *line, const struct mqoe_path_config *config, uint64_t seed,
                        uint64_t number, uint64_t now, struct mqoe_error *e);

// Releases memory; the frames inside must have been drained.
void mqoe_path_line_free(struct mqoe_path_line *line);

// Lets the trace begin at `origin`, which may be in the past or the future.
void mqoe_path_line_start(struct mqoe_path_line *line, uint64_t origin);

// Changes everything at `now`. Frames in flight keep their arrival at the buffer, and those that keep the
// order are not overtaken by newcomers with a shorter delay; frames in the buffer are transmitted at the new
// rate, the one in transmission with what is left of it; those that wait for a slot keep theirs. When the
// line goes down, everything inside that has not left by `now` is lost. Random numbers and the numbers of
// frames go on; a trace goes on when it is the same one, else it begins at `now`. The owner arms its timer
// anew (mqoe_path_line_next). Returns 0, or −EINVAL with *e filled and nothing changed.
int mqoe_path_line_set(struct mqoe_path_line *line, const struct mqoe_path_config *config, uint64_t now,
                       struct mqoe_frame_list *dropped, struct mqoe_error *e);

// Takes the frame, which arrived at `arrival` (ns, the logical departure of the stage before) and has been
// described (mqoe_frame_describe). What is lost at once is in `dropped`. The line may be due earlier than
// before: the owner arms its timer for mqoe_path_line_next. `copier` may be NULL when there are no
// duplicates.
void mqoe_path_line_enqueue(struct mqoe_path_line *line, struct mqoe_frame *frame, uint64_t arrival,
                            const struct mqoe_path_copier *copier, struct mqoe_frame_list *dropped);

// Returns the next frame whose release is at or before `now`, with frame->time its release; NULL if there is
// none: then mqoe_path_line_next is after `now`. Frames that found the buffer full are in `dropped`.
struct mqoe_frame *mqoe_path_line_dequeue(struct mqoe_path_line *line, uint64_t now,
                                          struct mqoe_frame_list *dropped);

// When to ask next: no frame is released before. It may be earlier than the release of the next frame (when
// one reaches an idle link, or the rate changes). MQOE_NEVER when empty.
uint64_t mqoe_path_line_next(const struct mqoe_path_line *line);

// Hands over everything that is held (for teardown); the line is empty afterwards.
void mqoe_path_line_drain(struct mqoe_path_line *line, struct mqoe_frame_list *frames);

// True when frames would pass untouched and at once: the owner may go round the line (which then counts
// nothing).
static inline bool mqoe_path_line_idle(const struct mqoe_path_line *line) {
    return line->plain && !line->held;
}
