// `mqoe-native exec --netns PATH [--uid N --gid N] -- COMMAND…`: the command inside a network namespace, with
// a /sys that shows that namespace's interfaces, without other groups, and killed when the process that
// started it dies.
#pragma once

// Does not return when the command could be started. Exit codes: 2 usage, 125 the namespace or the user could
// not be entered, 126 the command could not be run, 127 it was not found; one line on standard error says
// why.
int mqoe_exec_main(int argc, char **argv);
