#include "reactor/descendants.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record/clock.h"

#define STEP INT64_C(50000000) // ns between two rounds of SIGKILL

// 0 when it is gone. /proc/PID/task/PID/children would be one file to read, but not every kernel has it
// (CONFIG_PROC_CHILDREN).
static pid_t parent_of(const char *pid) {
    char file[64], text[512];
    snprintf(file, sizeof file, "/proc/%.20s/stat", pid);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *end = strrchr(text, ')'); // the name in parentheses may hold anything
    int parent = 0;
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

int mqoe_children_signal(int signal) {
    DIR *proc = opendir("/proc");
    pid_t self = getpid();
    int found = 0;
    for (struct dirent *entry; proc && (entry = readdir(proc));)
        if (isdigit((unsigned char)entry->d_name[0]) && parent_of(entry->d_name) == self) {
            kill((pid_t)strtol(entry->d_name, NULL, 10), signal);
            found++;
        }
    if (proc)
        closedir(proc);
    return found;
}

bool mqoe_children_reap(mqoe_reaped *reaped, void *owner) {
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return pid < 0; // ECHILD
        reaped(owner, pid, status);
    }
}

// Until somebody dies, or the time of one round is over.
static void await_death(int signals) {
    struct signalfd_siginfo ignored;
    struct pollfd wait = {signals, POLLIN, 0};
    if (ppoll(&wait, 1, &(struct timespec){.tv_nsec = STEP}, NULL) > 0 &&
        read(signals, &ignored, sizeof ignored) < 0)
        return;
}

bool mqoe_descendants_kill(int signals, int64_t most, mqoe_reaped *reaped, void *owner) {
    for (int64_t until = (int64_t)mqoe_clock(CLOCK_MONOTONIC) + most;;) {
        if (mqoe_children_reap(reaped, owner))
            return true;
        if ((int64_t)mqoe_clock(CLOCK_MONOTONIC) >= until)
            return false;
        mqoe_children_signal(SIGKILL);
        await_death(signals);
    }
}
