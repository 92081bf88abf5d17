// The control channel of a native process: JSON lines in on one descriptor, out on another (docs/control.md).
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/error.h"

#define MQOE_CONTROL_LINE (UINT32_C(1) << 24) // bytes

struct mqoe_control {
    // As they were inherited: both may be one open terminal, whose flags others see.
    int in, out; // poll `in` for POLLIN
    char *buffer;
    size_t used, size;
    size_t searched; // so many bytes hold no line end
    bool eof;
    bool broken; // ended by us, after a fatal error event: the process is to exit 3
};

// Takes over standard input and output. Returns 0 or −errno.
int mqoe_control_open(struct mqoe_control *c);
void mqoe_control_close(struct mqoe_control *c);

// Reads what is there and returns the next whole command as a new reference; NULL when there is none yet. At
// end of input returns {"op":"stop"} once and sets `eof`. A line that is no JSON object is answered by a
// non-fatal error and skipped; one over 16 MiB is answered by a fatal error, sets `broken`, and ends the
// channel in the same way.
json_t *mqoe_control_next(struct mqoe_control *c);

// Writes all `count` bytes, however long the reader takes, also to a descriptor that does not block. Returns
// 0 or −errno.
int mqoe_write_all(int fd, const char *bytes, size_t count);

// Writes one line and drops the caller's reference to `event`. Returns 0 or −errno (EPIPE: the owner is
// gone).
int mqoe_control_send(struct mqoe_control *c, json_t *event);

// Reads and checks a `go`; `went`: one was obeyed before. Returns 0 and *t0, or −errno with *e filled, for a
// non-fatal answer. `now` and *t0: CLOCK_MONOTONIC ns.
int mqoe_control_go(const json_t *command, bool went, int64_t now, int64_t *t0, struct mqoe_error *e);

// {"event":"error","fatal":…,"syscall":…,"object":…,"errno":…,"code":…,"message":…} plus "id" when id ≥ 0.
json_t *mqoe_control_error(const struct mqoe_error *e, bool fatal, long id);
