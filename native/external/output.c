#include "external/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reactor/control.h"

#define READ_MOST 16 // × MQOE_OUTPUT_LINE bytes a call

static void remember(struct mqoe_output *o, const char *line) {
    char *to = o->words[o->count++ % MQOE_LAST_WORDS];
    snprintf(to, sizeof o->words[0], "%.*s", (int)sizeof o->words[0] - 1, line);
    mqoe_make_utf8(to); // whatever the command printed
}

// The line is complete: o->line, o->used bytes without its end.
static void take(struct mqoe_output *o) {
    o->line[o->used] = '\0';
    o->ready |= !strcmp(o->line, "ready");
    if (o->used)
        remember(o, o->line);
    o->line[o->used] = '\n';
    (void)mqoe_write_all(o->to, o->line, o->used + 1); // who listens to us may be gone: the run goes on
    o->used = 0;
}

static void split(struct mqoe_output *o, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n' || o->used == sizeof o->line - 1)
            take(o);
        if (bytes[i] != '\n')
            o->line[o->used++] = bytes[i];
    }
}

bool mqoe_output_read(struct mqoe_output *o) {
    char bytes[MQOE_OUTPUT_LINE];
    for (int i = 0; o->in >= 0 && i < READ_MOST; i++) {
        ssize_t n = read(o->in, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n > 0) {
            split(o, bytes, (size_t)n);
            continue;
        }
        if (o->used)
            take(o);
        close(o->in);
        o->in = -1;
    }
    return o->in >= 0;
}

void mqoe_output_words(const struct mqoe_output *o, char *text, size_t size) {
    size_t kept = o->count < MQOE_LAST_WORDS ? o->count : MQOE_LAST_WORDS;
    size_t used = (size_t)snprintf(text, size, kept ? "its last words:" : "it said nothing");
    for (size_t i = o->count - kept; i < o->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s %s", i == o->count - kept ? "" : " /",
                                 o->words[i % MQOE_LAST_WORDS]);
}
