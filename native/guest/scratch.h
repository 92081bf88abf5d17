// The launcher's folder in /tmp: the names under which the guest's kernel finds what it needs, and the files
// through which the guest speaks.
#pragma once

#include "record/error.h"

struct guest_scratch {
    char path[64]; // "" = not made. Always equally long: it is on the kernel's command line
    int lock;      // held as long as the launcher lives; −1 = none
};

// Makes the folder with its links to this program, to the run's folder and to the library to preload (each
// must be there and readable). Returns 0, or −errno with *e filled; guest_scratch_remove in both cases.
int guest_scratch_make(struct guest_scratch *s, const char *run, const char *preload, struct mqoe_error *e);
void guest_scratch_remove(struct guest_scratch *s);

// Removes what launchers of this user left that were killed before they could clean up.
void guest_scratch_sweep(void);
