#include "external/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab/exec.h"
#include "reactor/descendants.h"
#include "record/clock.h"

#define FORCE_MOST  INT64_C(1000000000) // ns; who survives that hangs in the kernel
#define LAST_READS  64
#define EXIT_FAILED 127

static int64_t now_ns(void) {
    return (int64_t)mqoe_clock(CLOCK_MONOTONIC);
}

// ---- start ----

static void describe(struct mqoe_command *c, const char *const *argv) {
    size_t used = 0;
    for (size_t i = 0; argv[i] && used < sizeof c->text; i++)
        used += (size_t)snprintf(c->text + used, sizeof c->text - used, "%s%s", i ? " " : "", argv[i]);
    mqoe_make_utf8(c->text);
}

// The child's side until the program runs; returns only on failure.
static int become(const char *const *argv, char *const *environment, int output, pid_t parent,
                  struct mqoe_error *e) {
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return mqoe_fail(e, errno, "prctl", NULL, "PR_SET_PDEATHSIG");
    if (getppid() != parent) // it died before the call: no signal would come
        raise(SIGKILL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0)
        return mqoe_fail(e, errno, "open", NULL, "/dev/null");
    struct mqoe_error ignored; // some containers forbid it; then /sys shows the host's interfaces
    if (mqoe_sys_remount(&ignored) == 0)
        (void)mount("bpf", "/sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    environ = (char **)environment;
    execvp(argv[0], (char *const *)argv);
    const char *hint = errno == ENOENT   ? "no such program, or no interpreter for the script's first line"
                       : errno == EACCES ? "is it executable? chmod +x"
                                         : NULL;
    return mqoe_fail(e, errno, "execvp", hint, "%s", argv[0]);
}

static void run_child(const char *const *argv, char *const *environment, int output, int report,
                      pid_t parent) {
    struct mqoe_error e;
    become(argv, environment, output, parent, &e);
    ssize_t ignored = write(report, &e, sizeof e);
    (void)ignored;
    _exit(EXIT_FAILED);
}

// Waits until the child runs its program (the pipe is closed by that) or says why it cannot.
static int await_exec(struct mqoe_command *c, int report, struct mqoe_error *e) {
    struct mqoe_error told;
    ssize_t n;
    do
        n = read(report, &told, sizeof told);
    while (n < 0 && errno == EINTR);
    if (n != sizeof told)
        return 0;
    waitpid(c->pid, &c->status, 0);
    c->alive = false;
    *e = told;
    return -e->errnum;
}

int mqoe_command_start(struct mqoe_command *c, const char *const *argv, char *const *environment,
                       struct mqoe_error *e) {
    int output[2], report[2];
    pid_t parent = getpid();
    *c = (struct mqoe_command){.output = {.in = -1, .to = STDERR_FILENO}};
    describe(c, argv);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return mqoe_fail(e, errno, "prctl", NULL, "PR_SET_CHILD_SUBREAPER");
    if (pipe2(output, O_CLOEXEC) < 0)
        return mqoe_fail(e, errno, "pipe", NULL, "output of %s", c->text);
    if (pipe2(report, O_CLOEXEC) < 0) {
        int errnum = errno;
        close(output[0]);
        close(output[1]);
        return mqoe_fail(e, errnum, "pipe", NULL, "start of %s", c->text);
    }
    c->output.in = output[0];
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    c->started = (uint64_t)now_ns();
    c->pid = fork();
    int errnum = errno;
    if (c->pid == 0)
        run_child(argv, environment, output[1], report[1], parent);
    close(output[1]);
    close(report[1]);
    c->alive = c->pid > 0;
    if (c->alive)
        setpgid(c->pid, c->pid); // whoever is first: a signal to the group must find it
    else
        c->pid = 0;
    int err = c->alive ? await_exec(c, report[0], e) : mqoe_fail(e, errnum, "fork", NULL, "%s", c->text);
    close(report[0]);
    return err;
}

// ---- the end ----

static void note_end(void *owner, pid_t pid, int status) {
    struct mqoe_command *c = owner;
    if (pid != c->pid || !c->alive)
        return;
    c->alive = false;
    c->status = status;
    c->ended = (uint64_t)now_ns();
}

bool mqoe_command_reap(struct mqoe_command *c) {
    return mqoe_children_reap(note_end, c);
}

// The group is the command's only as long as the command is not reaped: after that its number may be
// another's.
static void signal_all(const struct mqoe_command *c, int signal) {
    if (c->alive)
        kill(-c->pid, signal);
    mqoe_children_signal(signal);
}

// Sleeps until somebody dies or says something, at most until `until`. Returns true when all are gone.
static bool await_gone(struct mqoe_command *c, int signals, int64_t until) {
    for (;;) {
        struct signalfd_siginfo ignored;
        bool was_alive = c->alive;
        if (mqoe_command_reap(c))
            return true;
        if (was_alive && !c->alive)
            mqoe_children_signal(SIGTERM); // those of another group, orphaned by this death
        int64_t left = until - now_ns();
        if (left <= 0)
            return false;
        struct pollfd fds[2] = {{signals, POLLIN, 0}, {c->output.in, POLLIN, 0}};
        struct timespec timeout = {left / 1000000000, left % 1000000000};
        if (ppoll(fds, 2, &timeout, NULL) <= 0)
            continue;
        if (fds[0].revents && read(signals, &ignored, sizeof ignored) < 0)
            return false;
        if (fds[1].revents)
            mqoe_output_read(&c->output);
    }
}

bool mqoe_command_end(struct mqoe_command *c, int64_t grace, int signals) {
    if (!c->pid)
        return false;
    signal_all(c, SIGTERM);
    bool forced = !await_gone(c, signals, now_ns() + grace);
    if (forced) {
        signal_all(c, SIGKILL);
        mqoe_descendants_kill(signals, FORCE_MOST, note_end, c);
    }
    for (int i = 0; i < LAST_READS && mqoe_output_read(&c->output); i++)
        ;
    if (c->output.in >= 0)
        close(c->output.in);
    c->output.in = -1;
    return forced;
}

// ---- words ----

void mqoe_command_death(const struct mqoe_command *c, char *text, size_t size) {
    double seconds = c->ended > c->started ? (double)(c->ended - c->started) / 1e9 : 0;
    const char *name = WIFSIGNALED(c->status) ? sigabbrev_np(WTERMSIG(c->status)) : NULL;
    if (WIFSIGNALED(c->status))
        snprintf(text, size, "was killed by SIG%s after %.1f s", name ? name : "RT…", seconds);
    else
        snprintf(text, size, "ended with exit code %d after %.1f s", WEXITSTATUS(c->status), seconds);
}

uint64_t mqoe_command_cpu(const struct mqoe_command *c) {
    clockid_t clock;
    struct timespec t;
    if (!c->alive || clock_getcpuclockid(c->pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
