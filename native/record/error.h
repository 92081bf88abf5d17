// One error as every native part reports it: the system call, what it was done to, errno, and what to do
// about it.
#pragma once

#include <stdbool.h>

struct mqoe_error {
    char syscall[48]; // "bind", "RTM_NEWLINK", "SIOCETHTOOL ETHTOOL_STSO"
    char object[160]; // "veth c1 in mq-1a2b-access"
    int errnum;
    char hint[200]; // what to do; may be empty
};

// Fills *e and returns −errnum, so that callers write `return mqoe_fail(e, errno, "bind", hint, "queue %d",
// q)`. Both texts end up as whole UTF-8 characters, however they were cut.
int mqoe_fail(struct mqoe_error *e, int errnum, const char *syscall, const char *hint, const char *object_fmt,
              ...) __attribute__((format(printf, 5, 6)));

// JSON carries UTF-8 only, and what cannot be sent would be no answer at all: a character that was cut at the
// end of `text` is dropped, and bytes that are none (a file name may be anything) become question marks.
void mqoe_make_utf8(char *text);

// "EEXIST" for EEXIST; "E1234" for a number without a name.
const char *mqoe_errno_name(int errnum);
