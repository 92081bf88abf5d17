// The user's command as a process: started in a group of its own, watched, ended with all that it started.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "external/output.h"
#include "record/error.h"

struct mqoe_command {
    pid_t pid; // of the command and of its process group; 0 = never started
    bool alive;
    int status;                // of waitpid, once it is not alive
    uint64_t started, ended;   // CLOCK_MONOTONIC, ns
    char text[120];            // the command line, for messages
    struct mqoe_output output; // its standard output and standard error, in the order written
};

// Starts it with standard input from /dev/null, a /sys that shows the calling thread's network namespace, and
// nothing but `environment`. It is killed when the calling thread dies, however that happens. From now on the
// caller is the reaper of all that the command leaves behind. SIGCHLD should be blocked and read from a
// signalfd. Returns 0, or −errno with *e filled (a program that cannot be run is named).
int mqoe_command_start(struct mqoe_command *c, const char *const *argv, char *const *environment,
                       struct mqoe_error *e);

// Reaps whoever died; to be called after SIGCHLD. Returns true when no process of the command is left.
bool mqoe_command_reap(struct mqoe_command *c);

// Ends the command and everything it started, also what left its process group: SIGTERM, and SIGKILL after
// `grace` ns. `signals` is the signalfd that has SIGCHLD. Returns true when force was needed.
bool mqoe_command_end(struct mqoe_command *c, int64_t grace, int signals);

// How it ended, in words: "ended with exit code 3 after 1.2 s", "was killed by SIGSEGV after 0.0 s".
void mqoe_command_death(const struct mqoe_command *c, char *text, size_t size);

// CPU time of the command itself so far, ns; 0 when it is gone.
uint64_t mqoe_command_cpu(const struct mqoe_command *c);
