// The hermetic world's two ends: the launcher on the host, and the guest's first process.
//
// A guest is a user-mode Linux kernel with time travel (DESIGN §5): an ordinary process tree, no privilege.
#pragma once

#include <sys/types.h>

#include "record/error.h"

// The launcher's scratch folder as the guest's kernel knows it: its own working directory. The kernel mixes
// its command line into its random numbers, so the path that the folder really has, another in every run,
// must not stand there.
#define GUEST_SCRATCH "/proc/self/cwd"

// In the launcher's scratch folder, which both ends know by path (the guest sees the host's files read-only).
#define GUEST_INIT_LINK    "init"       // → mqoe-native
#define GUEST_RUN_LINK     "run"        // → the run's folder, the only one that the guest may write to
#define GUEST_ENTROPY_LINK "entropy.so" // → libmqoe-entropy.so, preloaded into the kernel's process
#define GUEST_UMID         "uml"        // folder with the management console's socket

// What the guest says, in files that the launcher follows: its JSON lines, and what its programs say to
// people. Not through a console or serial line: those interrupt the guest whenever somebody on the host
// reads, and an interrupt at another moment is another run.
#define GUEST_OUT_FOLDER "out"
#define GUEST_LINES      "lines"
#define GUEST_WORDS      "words"

// Where the guest mounts the run's folder, and the one above.
#define GUEST_RUN_MOUNT "/run/guest"
#define GUEST_OUT_MOUNT "/run/host"

// 2000-01-01T00:00:00Z, in ns: every guest's clock starts here, whatever the host's says.
#define GUEST_START "946684800000000000"

// Asks the management console of the guest below `scratch` which of its programs is on the CPU, and writes
// its name to `name`. Returns 0, or −errno with *e filled (ETIMEDOUT: no answer).
int guest_running_task(const char *scratch, char *name, size_t size, struct mqoe_error *e);
