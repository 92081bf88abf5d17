// `mqoe-native program`: one program of a scenario (traffic kind "exec") inside an endpoint's namespace, as
// an ordinary user who can become nobody else, with what it starts in a process namespace of its own: when
// the program ends, or whoever started it, nothing of it is left.
//
//   starter ── outer (root; waits) ── init (root; process 1 in there, reaps) ── the program (--uid, --gid)
//
// Each dies with the one before it.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "record/error.h"

struct mqoe_program {
    const char *netns; // path
    const char *home;  // an empty folder: in there a file system of its own, home and working directory
    const char *etc;   // its hosts and resolv.conf take the place of the system's; NULL = none
    uid_t uid;
    gid_t gid;
    int report; // descriptor for what becomes of it: one JSON object a line
    char **command;
};

// Reports on --report: {"event":"ended","code":0,"signal":0,"started":N,"ended":N} (CLOCK_MONOTONIC ns; code
// −1 when a signal ended it), or an error as on the control channel when it could not be started. SIGTERM
// ends it: SIGTERM to all in there, SIGKILL after 2 s. Returns 0 when its end was reported, 2 for bad usage,
// 3 otherwise.
int mqoe_program_main(int argc, char **argv);

// ---- jail.c: what surrounds it; for a process about to become it ----

// Mounts: /proc and /sys of its own namespaces, its home, its /etc/hosts. In a mount namespace of its own.
int mqoe_program_mounts(const struct mqoe_program *p, struct mqoe_error *e);

// Becomes the user, without groups, capabilities or a way to get them back.
int mqoe_program_drop(const struct mqoe_program *p, struct mqoe_error *e);

// ---- init.c: process 1 ----

// Runs it to its end and reports. `outer`: end of a pipe whose other end only the outer process holds. Does
// not return.
void mqoe_program_init(const struct mqoe_program *p, int outer) __attribute__((noreturn));

// Writes the error to p->report. Returns −errno.
int mqoe_program_report(const struct mqoe_program *p, const struct mqoe_error *e);
