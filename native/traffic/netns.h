// Making sockets in other network namespaces: enter by path, create, leave. A socket belongs for ever to the
// namespace its creating thread was in, so nothing needs a namespace descriptor afterwards (DESIGN §2).
#pragma once

#include "record/error.h"

struct traffic_netns {
    int home; // the calling thread's own namespace; −1 when not inside another one
    char path[128];
};

// Moves the calling thread into the namespace at `path`. Returns 0 or −errno; then the thread has not moved.
int traffic_netns_enter(struct traffic_netns *ns, const char *path, struct mqoe_error *e);

// Moves it back and verifies that it is back. Returns 0 or −errno: the thread is then stranded and must
// create no more sockets.
int traffic_netns_leave(struct traffic_netns *ns, struct mqoe_error *e);
