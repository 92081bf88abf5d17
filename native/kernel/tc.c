#include "kernel/tc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/qdisc.h"

#define MAX_ARGS  128
#define SEPARATOR " \t\n"

extern char **environ;

// Starts tc with its standard error on `err`. Returns 0 or an errno.
static int spawn(pid_t *pid, char *const argv[], int err) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    // Our standard input and output are the control channel: not tc's to read or write.
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files, err, STDOUT_FILENO);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int result = posix_spawnp(pid, "tc", &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return result;
}

// Reads what tc says until it closes its end; the beginning is kept, on one line.
static void listen_to(int fd, char *said, size_t size) {
    char rest[256];
    size_t used = 0;
    for (;;) {
        bool room = used + 1 < size;
        ssize_t n = read(fd, room ? said + used : rest, room ? size - 1 - used : sizeof rest);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += room ? (size_t)n : 0;
    }
    said[used] = '\0';
    for (char *c = said; *c; c++)
        if (*c == '\n')
            *c = c[1] ? ' ' : '\0';
}

static int judge(int status, const char *said, struct netlink *nl, const char *device, const char *args,
                 struct mqoe_error *e) {
    char kind[32] = "";
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (sscanf(args, "%31s", kind) == 1 && !mqoe_tc_knows(nl, kind))
        return mqoe_tc_unsupported(kind, device, e);
    return mqoe_fail(e, EINVAL, "tc", said[0] ? said : "it failed without a word", "qdisc %s on %s", args,
                     device);
}

static int run(char *const argv[], struct netlink *nl, const char *device, const char *args,
               struct mqoe_error *e) {
    int ends[2], status = 0;
    char said[160] = "";
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return mqoe_fail(e, errno, "pipe2", "", "standard error of tc");
    int err = spawn(&pid, argv, ends[1]);
    close(ends[1]);
    if (!err)
        listen_to(ends[0], said, sizeof said);
    close(ends[0]);
    if (err)
        return mqoe_fail(e, err, "posix_spawnp", err == ENOENT ? "tc is not installed (iproute2)" : "", "tc");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return judge(status, said, nl, device, args, e);
}

int mqoe_tc_run(struct netlink *nl, const char *device, const char *parent, const char *handle,
                const char *args, struct mqoe_error *e) {
    char *argv[MAX_ARGS] = {"tc", "qdisc", "replace", "dev", (char *)device}, *save;
    size_t n = 5;
    if (parent) {
        argv[n++] = "parent";
        argv[n++] = (char *)parent;
    } else {
        argv[n++] = "root";
    }
    argv[n++] = "handle";
    argv[n++] = (char *)handle;
    char *words = strdup(args);
    if (!words)
        return mqoe_fail(e, ENOMEM, "strdup", "", "arguments of tc");
    for (char *w = strtok_r(words, SEPARATOR, &save); w && n < MAX_ARGS - 1;
         w = strtok_r(NULL, SEPARATOR, &save))
        argv[n++] = w;
    int err = n < MAX_ARGS - 1
                  ? run(argv, nl, device, args, e)
                  : mqoe_fail(e, E2BIG, "tc", "fewer than 118 words", "qdisc %.100s on %s", args, device);
    free(words);
    return err;
}
