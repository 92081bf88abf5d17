#include "record/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Length of the UTF-8 character that `text` starts with: 0 when it is none, or is not whole.
static size_t character(const unsigned char *text) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; // by length; below it, an overlong form
    unsigned char lead = *text;
    size_t length = lead < 0x80   ? 1
                    : lead < 0xc0 ? 0
                    : lead < 0xe0 ? 2
                    : lead < 0xf0 ? 3
                    : lead < 0xf8 ? 4
                                  : 0;
    uint32_t code = length < 2 ? lead : lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return length && (code < smallest[length] || code > 0x10ffff || surrogate) ? 0 : length;
}

void mqoe_make_utf8(char *text) {
    unsigned char *at = (unsigned char *)text;
    while (*at) {
        size_t length = character(at);
        if (length) {
            at += length;
            continue;
        }
        size_t rest = 1; // the bytes that belong to the broken one
        while ((at[rest] & 0xc0) == 0x80)
            rest++;
        if (!at[rest] && *at >= 0xc0)
            *at = '\0';
        else
            *at++ = '?';
    }
}

int mqoe_fail(struct mqoe_error *e, int errnum, const char *syscall, const char *hint, const char *object_fmt,
              ...) {
    va_list ap;
    snprintf(e->syscall, sizeof e->syscall, "%s", syscall);
    va_start(ap, object_fmt);
    vsnprintf(e->object, sizeof e->object, object_fmt, ap);
    va_end(ap);
    e->errnum = errnum;
    snprintf(e->hint, sizeof e->hint, "%s", hint ? hint : "");
    mqoe_make_utf8(e->object);
    mqoe_make_utf8(e->hint);
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
