// The dataplane's side of the control channel (docs/control.md).
#pragma once

#include "dataplane/reactor.h"
#include "reactor/control.h"

struct mqoe_dataplane {
    struct mqoe_dp_config config;
    struct mqoe_control control;
    const char *file;              // the blueprint's; what it captures is written beside it
    const char *part;              // as people know the process: "dataplane", "path"
    struct mqoe_reactor *reactors; // config.reactor_count of them
    bool went;                     // t0 is set: records are being written
    bool stopping;
};

// Says that everything is open and running.
int mqoe_dataplane_ready(struct mqoe_dataplane *d);

// `mqoe-native PART --blueprint FILE` for a FILE of that kind (dataplane/main.c); returns the exit code.
int mqoe_dataplane_run(const char *part, enum mqoe_dp_kind kind, int argc, char **argv);

// Carries out one command and answers it; drops the reference. `stop` only sets d->stopping.
void mqoe_dataplane_command(struct mqoe_dataplane *d, json_t *command);

// Stops all reactors and says `stopped`. Returns how many frames are unaccounted for.
int64_t mqoe_dataplane_stop(struct mqoe_dataplane *d);
