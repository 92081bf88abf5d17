// Process 1 of a program's process namespace: when it ends, the kernel kills all that are still in there,
// also what left the program's group or session.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program/program.h"
#include "reactor/control.h"
#include "record/clock.h"

#define GRACE       INT64_C(2000000000) // ns between SIGTERM and SIGKILL
#define EXIT_RIG    3
#define EXIT_FAILED 125 // of a child that has reported why itself

static int64_t now_ns(void) {
    return (int64_t)mqoe_clock(CLOCK_MONOTONIC);
}

static int report_line(int to, json_t *event) {
    char *line = json_dumps(event, JSON_COMPACT);
    json_decref(event);
    if (!line)
        return -ENOMEM;
    size_t length = strlen(line);
    line[length] = '\n'; // in the place of its end
    int err = mqoe_write_all(to, line, length + 1);
    free(line);
    return err;
}

int mqoe_program_report(const struct mqoe_program *p, const struct mqoe_error *e) {
    report_line(p->report, mqoe_control_error(e, true, -1));
    return -e->errnum;
}

// ---- the child, until it is the program; returns only on failure ----

static int become(const struct mqoe_program *p, struct mqoe_error *e) {
    sigset_t none;
    sigemptyset(&none);
    setsid();
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return mqoe_fail(e, errno, "open", NULL, "/dev/null");
    int err = mqoe_program_drop(p, e);
    if (err)
        return err;
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    execvp(p->command[0], p->command);
    const char *hint = errno == ENOENT   ? "no such program, or no interpreter for the script's first line"
                       : errno == EACCES ? "the user whom it runs as may not execute it"
                                         : NULL;
    return mqoe_fail(e, errno, "execvp", hint, "%s", p->command[0]);
}

static pid_t start(const struct mqoe_program *p, struct mqoe_error *e) {
    pid_t pid = fork();
    if (pid < 0)
        mqoe_fail(e, errno, "fork", NULL, "%s", p->command[0]);
    if (pid != 0)
        return pid;
    become(p, e);
    mqoe_program_report(p, e);
    _exit(EXIT_FAILED);
}

// ---- init ----

// Reaps whoever has ended. Returns true when the program has.
static bool reap(pid_t program, int *status) {
    bool ended = false;
    int s;
    for (pid_t pid; (pid = waitpid(-1, &s, WNOHANG)) > 0;)
        if (pid == program) {
            *status = s;
            ended = true;
        }
    return ended;
}

// Until the program has ended; returns its wait status.
static int watch(pid_t program, const sigset_t *signals) {
    int64_t deadline = INT64_MAX;
    int status = 0;
    while (!reap(program, &status)) {
        int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - now_ns();
        struct timespec most = {left / 1000000000, left % 1000000000};
        int signal = left <= 0 ? -1 : sigtimedwait(signals, NULL, &most);
        if (signal == SIGTERM && deadline == INT64_MAX) {
            kill(-1, SIGTERM); // everybody in here but us
            deadline = now_ns() + GRACE;
        } else if (signal < 0 && deadline != INT64_MAX && now_ns() >= deadline) {
            kill(-1, SIGKILL);
            deadline = INT64_MAX;
        }
    }
    return status;
}

static void report_end(const struct mqoe_program *p, int status, int64_t started) {
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    report_line(p->report, json_pack("{s:s, s:i, s:i, s:I, s:I}", "event", "ended", "code", code, "signal",
                                     signal, "started", (json_int_t)started, "ended", (json_int_t)now_ns()));
}

// Dies with the outer process, which may be gone before the call: then no signal would come.
static int die_with(int outer, struct mqoe_error *e) {
    struct pollfd p = {outer, 0, 0};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return mqoe_fail(e, errno, "prctl", "", "PR_SET_PDEATHSIG");
    if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
        _exit(EXIT_RIG);
    return 0;
}

void mqoe_program_init(const struct mqoe_program *p, int outer) {
    struct mqoe_error e;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    int err = die_with(outer, &e);
    err = err ? err : mqoe_program_mounts(p, &e);
    int64_t started = now_ns();
    pid_t program = err ? -1 : start(p, &e);
    if (program < 0) {
        mqoe_program_report(p, &e);
        _exit(EXIT_RIG);
    }
    report_end(p, watch(program, &signals), started);
    _exit(0);
}
