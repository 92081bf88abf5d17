// The control channel of a native process: JSON lines in on one descriptor, out on another (docs/control.md).
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "record/error.h"

struct mqoe_control {
    int in;  // non-blocking; poll it for POLLIN
    int out; // blocking
    char *buffer;
    size_t used, size;
    bool eof;
};

// Takes over standard input and output. Returns 0 or −errno.
int mqoe_control_open(struct mqoe_control *c);
void mqoe_control_close(struct mqoe_control *c);

// Reads what is there and returns the next whole command as a new reference; NULL when there is none yet. At
// end of input returns {"op":"stop"} once and sets `eof`. A line that is no JSON object is answered by a
// non-fatal error and skipped; a line over 1 MiB ends the channel.
json_t *mqoe_control_next(struct mqoe_control *c);

// Writes one line and drops the caller's reference to `event`. Returns 0 or −errno (EPIPE: the owner is
// gone).
int mqoe_control_send(struct mqoe_control *c, json_t *event);

// {"event":"error","fatal":…,"syscall":…,"object":…,"errno":…,"code":…,"message":…} plus "id" when id ≥ 0.
json_t *mqoe_control_error(const struct mqoe_error *e, bool fatal, long id);
