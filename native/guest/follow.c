#include "guest/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reactor/control.h"

#define READ_SIZE (1u << 16) // bytes
#define READ_MOST 16

int guest_follow_open(struct guest_follow *f, const char *path, int to, struct mqoe_error *e) {
    *f = (struct guest_follow){.from = -1, .to = to, .text = malloc(GUEST_LINE_MOST + READ_SIZE + 1)};
    if (!f->text)
        return mqoe_fail(e, ENOMEM, "malloc", NULL, "%s", path);
    f->from = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    return f->from >= 0 ? 0 : mqoe_fail(e, errno, "open", NULL, "%s", path);
}

// A reader that is gone is noticed at the other end: standard input.
static void pass_on(struct guest_follow *f, size_t count) {
    if (f->to >= 0 && mqoe_write_all(f->to, f->text, count) != 0)
        f->to = -1;
    f->used -= count;
    memmove(f->text, f->text + count, f->used);
}

bool guest_follow_read(struct guest_follow *f) {
    for (int i = 0; i < READ_MOST; i++) {
        ssize_t n = read(f->from, f->text + f->used, READ_SIZE);
        if (n <= 0)
            return false;
        const char *end = memrchr(f->text + f->used, '\n', (size_t)n);
        f->used += (size_t)n;
        if (!end && f->used >= GUEST_LINE_MOST) {
            end = f->text + f->used;
            f->text[f->used++] = '\n';
        }
        if (end)
            pass_on(f, (size_t)(end + 1 - f->text));
    }
    return true;
}

void guest_follow_end(struct guest_follow *f, bool words) {
    while (guest_follow_read(f))
        ;
    if (!words || !f->used)
        return;
    f->text[f->used++] = '\n';
    pass_on(f, f->used);
}

void guest_follow_close(struct guest_follow *f) {
    if (f->from >= 0)
        close(f->from);
    free(f->text);
    *f = (struct guest_follow){.from = -1, .to = -1};
}
