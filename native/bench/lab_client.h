// The lab engine (native/lab) as the bench uses it: operations in, wait until they are done.
#pragma once

#include <jansson.h>

#include "record/error.h"

// Opens the engine of this process. Returns 0, or −errno with *e filled.
int mqoe_lab_client_open(struct mqoe_error *e);
void mqoe_lab_client_close(void);

// Carries out all of `ops` (an array; the reference is taken) in batches of 64. Returns 0, or −errno with *e
// filled from the first operation that failed.
int mqoe_lab_client_do(json_t *ops, struct mqoe_error *e);
