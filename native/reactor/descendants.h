// Ending everything that this process started, also what left its process group or lost its parent.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Told of each child that was reaped, with its wait status.
typedef void mqoe_reaped(void *owner, pid_t pid, int status);

// Sends `signal` to every child of this process, whatever group or session it is in. With
// PR_SET_CHILD_SUBREAPER those whose parents died are children, too. Returns how many there were, the ended
// ones that nobody has reaped included. Needs /proc.
int mqoe_children_signal(int signal);

// Reaps whoever has ended, without waiting. Returns true when no child is left.
bool mqoe_children_reap(mqoe_reaped *reaped, void *owner);

// SIGKILL to every child, again and again (a killed process hands its children to us, the subreaper), until
// none is left or `most` ns have passed: who survives that hangs in the kernel. `signals` is a signalfd that
// has SIGCHLD; it is read empty. Returns true when none is left.
bool mqoe_descendants_kill(int signals, int64_t most, mqoe_reaped *reaped, void *owner);
