#pragma once

#include <stdint.h>

// `mqoe-native external`; returns the exit code.
int mqoe_external_main(int argc, char **argv);

// The same with a limit of its own (ns) for a command that is to print `ready`; for tests.
int mqoe_external_run(const char *blueprint, int64_t ready_limit);
