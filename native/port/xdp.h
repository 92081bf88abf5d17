// The XDP program of a trunk (native/bpf/xsk.bpf.c): hands its frames to one AF_XDP socket.
#pragma once

#include "record/error.h"

struct bpf_object;

struct mqoe_xdp {
    struct bpf_object *object;
    int link; // bpf_link descriptor: the kernel detaches when the process ends, however it ends
};

// Loads the program, attaches it natively to interface `ifindex` (called `name` in errors), and points it at
// `socket`. Returns 0, or −errno with *e filled and nothing left attached.
int mqoe_xdp_attach(struct mqoe_xdp *x, const char *name, int ifindex, int socket, struct mqoe_error *e);
void mqoe_xdp_detach(struct mqoe_xdp *x);
