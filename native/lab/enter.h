// Entering a network namespace by its path, for every native part.
#pragma once

#include "record/error.h"

// Moves the calling thread into the network namespace at `path`. Returns 0, or −errno with *e filled; then
// the thread has not moved.
int mqoe_netns_enter(const char *path, struct mqoe_error *e);
