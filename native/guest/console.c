// User-mode Linux's management console ("mconsole"): requests and answers are datagrams on a Unix socket
// (arch/um/drivers/mconsole.h). Works while a guest process spins, because it is served from an interrupt.
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/guest.h"

#define MAGIC     0xcafebabeu
#define VERSION   2u
#define MAX_DATA  512u
#define PATIENCE  3000 // ms without an answer
#define TASK_TEXT (1u << 20)

struct request {
    uint32_t magic, version, length;
    char data[MAX_DATA];
};

struct reply {
    uint32_t error, more, length;
    char data[MAX_DATA];
};

// Abstract by Linux's autobind: the answer needs an address to go to, and no file is left behind.
static int open_socket(const char *scratch, struct mqoe_error *e) {
    struct sockaddr_un to = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};
    int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/" GUEST_UMID "/mconsole", scratch);
    if (n >= (int)sizeof to.sun_path)
        return mqoe_fail(e, ENAMETOOLONG, "connect", NULL, "%s", scratch);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mqoe_fail(e, errno, "socket", "", "AF_UNIX");
    if (bind(fd, (struct sockaddr *)&own, sizeof own.sun_family) == 0 &&
        connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    int err = mqoe_fail(e, errno, "connect", "the guest has no management console (yet)", "%s", to.sun_path);
    close(fd);
    return err;
}

// The whole answer, as a string for the caller to free; NULL with *e filled.
static char *ask(int fd, const char *command, struct mqoe_error *e) {
    struct request q = {MAGIC, VERSION, (uint32_t)strlen(command), {0}};
    strncpy(q.data, command, sizeof q.data - 1);
    char *text = calloc(1, TASK_TEXT);
    if (!text || send(fd, &q, sizeof q, 0) < 0) {
        mqoe_fail(e, errno, "send", "", "management console");
        free(text);
        return NULL;
    }
    size_t used = 0;
    for (struct reply r = {.more = 1}; r.more && used + MAX_DATA < TASK_TEXT;) {
        struct pollfd p = {fd, POLLIN, 0};
        ssize_t n = poll(&p, 1, PATIENCE) > 0 ? recv(fd, &r, sizeof r, 0) : -1;
        if (n < (ssize_t)offsetof(struct reply, data) || r.length > MAX_DATA) {
            mqoe_fail(e, ETIMEDOUT, "recv", "the guest's kernel does not answer", "management console");
            free(text);
            return NULL;
        }
        size_t length = strnlen(r.data, r.length);
        memcpy(text + used, r.data, length);
        used += length;
    }
    return text;
}

// `Pid: 22, comm: NAME …` (arch/x86/um/sysrq_64.c, show_regs). No interface but this text tells who runs in a
// guest that answers nobody; it is evidence for people, nothing is decided by it.
static bool read_name(const char *text, char *name, size_t size) {
    const char *mark = strstr(text, "comm: ");
    if (!mark)
        return false;
    mark += strlen("comm: ");
    snprintf(name, size, "%.*s", (int)strcspn(mark, " \n"), mark);
    return *name != '\0';
}

int guest_running_task(const char *scratch, char *name, size_t size, struct mqoe_error *e) {
    int fd = open_socket(scratch, e);
    if (fd < 0)
        return fd;
    // The answer holds what the kernel prints on its console, and it was booted to be quiet.
    char *text = ask(fd, "sysrq 9", e);
    if (text) {
        free(text);
        text = ask(fd, "sysrq p", e);
    }
    close(fd);
    if (!text)
        return -e->errnum;
    bool known = read_name(text, name, size);
    free(text);
    return known ? 0
                 : mqoe_fail(e, ENODATA, "sysrq p", "the guest's kernel does not say who runs",
                             "management console");
}
