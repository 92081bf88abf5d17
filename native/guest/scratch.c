#include "guest/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"

#define PARENT "/tmp"
#define PREFIX "mqoe-guest-"
#define DEPTH  2 // of folders within ours: the management console's, and one within that

// Paths reach the kernel on its command line, which is cut at spaces, and the loader in LD_PRELOAD, which is
// cut at spaces and colons: it gets links within a folder of our own.
static int make_link(const struct guest_scratch *s, const char *name, const char *target, const char *hint,
                     struct mqoe_error *e) {
    char path[128], real[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", s->path, name);
    if (!realpath(target, real) || access(real, R_OK) < 0)
        return mqoe_fail(e, errno, "access", hint, "%s", target);
    return symlink(real, path) == 0 ? 0 : mqoe_fail(e, errno, "symlink", NULL, "%s", path);
}

// The lock tells launchers of other PID namespaces that we live; our number says nothing to them.
static int lock(struct guest_scratch *s, struct mqoe_error *e) {
    s->lock = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0
               ? 0
               : mqoe_fail(e, errno, "flock", NULL, "%s", s->path);
}

int guest_scratch_make(struct guest_scratch *s, const char *run, const char *preload, struct mqoe_error *e) {
    s->lock = -1;
    // Seven digits, the most that a PID has: a command line of another length moves the guest's first stack,
    // and with that its memory.
    snprintf(s->path, sizeof s->path, PARENT "/" PREFIX "%07d-XXXXXX", getpid());
    if (!mkdtemp(s->path)) {
        int err = mqoe_fail(e, errno, "mkdtemp", PARENT " must be writable", "%s", s->path);
        s->path[0] = '\0';
        return err;
    }
    int err = lock(s, e);
    err = err ? err : make_link(s, GUEST_INIT_LINK, "/proc/self/exe", "was mqoe-native replaced?", e);
    err = err ? err : make_link(s, GUEST_RUN_LINK, run, "--run is the run's folder", e);
    return err ? err
               : make_link(s, GUEST_ENTROPY_LINK, preload,
                           "without it no run would repeat: make build makes libmqoe-entropy.so", e);
}

static void remove_folder(const char *path, int depth) {
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char inner[512];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (unlink(inner) < 0 && errno == EISDIR && depth > 0)
            remove_folder(inner, depth - 1);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

void guest_scratch_remove(struct guest_scratch *s) {
    if (!s->path[0])
        return;
    remove_folder(s->path, DEPTH);
    if (s->lock >= 0)
        close(s->lock);
    *s = (struct guest_scratch){.lock = -1};
}

// The PID in a name of ours; 0 for other names.
static pid_t owner_of(const char *name) {
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return 0;
    char *end;
    long pid = strtol(name + strlen(PREFIX), &end, 10);
    return *end == '-' && strlen(end) == strlen("-XXXXXX") && pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

// Of this user, of a process that is gone, and locked by nobody.
static bool is_abandoned(const char *path, pid_t owner) {
    struct stat s;
    if (lstat(path, &s) < 0 || !S_ISDIR(s.st_mode) || s.st_uid != geteuid())
        return false;
    if (kill(owner, 0) == 0 || errno != ESRCH)
        return false;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return free;
}

void guest_scratch_sweep(void) {
    DIR *d = opendir(PARENT);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        pid_t owner = owner_of(entry->d_name);
        char path[PATH_MAX];
        snprintf(path, sizeof path, PARENT "/%s", entry->d_name);
        if (owner > 0 && is_abandoned(path, owner))
            remove_folder(path, DEPTH);
    }
    if (d)
        closedir(d);
}
