// What the user's command prints: passed on line by line, the last lines remembered for errors.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define MQOE_OUTPUT_LINE 4096 // bytes; a longer line is passed on in pieces
#define MQOE_LAST_WORDS  3    // lines; who reads our standard error keeps more

struct mqoe_output {
    int in, to; // the command's output; where it is passed on. in = −1: ended
    bool ready; // it has printed a line that is `ready`
    size_t used;
    char line[MQOE_OUTPUT_LINE];
    size_t count;                     // lines remembered so far; the last MQOE_LAST_WORDS are kept
    char words[MQOE_LAST_WORDS][200]; // UTF-8, cut
};

// Reads what is there, at most 64 KiB so that a chatterbox cannot keep us from everything else. Returns true
// while there may be more. At the end of the output closes `in`.
bool mqoe_output_read(struct mqoe_output *o);

// "its last words: a / b / c", or "it said nothing". Always terminated.
void mqoe_output_words(const struct mqoe_output *o, char *text, size_t size);
