// `mqoe-native exec --netns PATH [--uid N --gid N] -- COMMAND…`: the command inside a network namespace, with
// a /sys that shows that namespace's interfaces, without other groups, and killed when the process that
// started it dies.
#pragma once

#include "record/error.h"

// Does not return when the command could be started. Exit codes: 2 usage, 125 the namespace or the user could
// not be entered, 126 the command could not be run, 127 it was not found; one line on standard error says
// why.
int mqoe_exec_main(int argc, char **argv);

// /sys shows the interfaces of the network namespace in which it was mounted: gives the calling process a
// mount namespace and a /sys of its own, so that tools see the interfaces of the namespace it is in. For a
// process about to become a program. Returns 0, or −errno with *e filled; then the old /sys may be gone.
int mqoe_sys_remount(struct mqoe_error *e);
