// What the guest writes to a file, passed on while it grows: whole lines only, so that others may write
// between them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "record/error.h"

#define GUEST_LINE_MOST (1u << 20) // bytes; a longer line is passed on in pieces, each with an end of its own

struct guest_follow {
    int from, to; // to = −1: nobody reads any more; what comes is dropped
    char *text;   // the beginning of a line whose end is still to come
    size_t used;
};

// Follows the new file `path` on behalf of `to`. Returns 0, or −errno with *e filled; close it in both cases.
int guest_follow_open(struct guest_follow *f, const char *path, int to, struct mqoe_error *e);

// Passes on what is new, at most 1 MiB of it so that a chatterbox cannot keep us from everything else.
// Returns true when there may be more.
bool guest_follow_read(struct guest_follow *f);

// Nobody writes any more: passes on all the rest, and with `words` also a last line without end (words for
// people have their use when cut, JSON has not).
void guest_follow_end(struct guest_follow *f, bool words);
void guest_follow_close(struct guest_follow *f);
