#include "record/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mqoe_fail(struct mqoe_error *e, int errnum, const char *syscall, const char *hint, const char *object_fmt,
              ...) {
    va_list ap;
    snprintf(e->syscall, sizeof e->syscall, "%s", syscall);
    va_start(ap, object_fmt);
    vsnprintf(e->object, sizeof e->object, object_fmt, ap);
    va_end(ap);
    e->errnum = errnum;
    snprintf(e->hint, sizeof e->hint, "%s", hint ? hint : "");
    return -errnum;
}

const char *mqoe_errno_name(int errnum) {
    static _Thread_local char number[16];
    const char *name = strerrorname_np(errnum);
    if (name)
        return name;
    snprintf(number, sizeof number, "E%d", errnum);
    return number;
}
