// The outer process: reads the options, makes the namespaces, and passes SIGTERM on.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/enter.h"
#include "program/program.h"

#define EXIT_USAGE 2
#define EXIT_RIG   3

static int usage(const char *problem) {
    fprintf(stderr,
            "mqoe-native program: %s\nusage: mqoe-native program --netns PATH --uid N --gid N --home DIR "
            "[--etc DIR] --report FD -- COMMAND [ARGUMENT…]\n",
            problem);
    return -EINVAL;
}

// 1 … 2^31 − 1: never root, and never the −1 that means "leave it".
static int read_number(const char *text, const char *problem, int *number) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > INT32_MAX)
        return usage(problem);
    *number = (int)value;
    return 0;
}

static int read_option(struct mqoe_program *p, const char *name, const char *value) {
    int number = 0, err = 0;
    if (!strcmp(name, "--netns"))
        p->netns = value;
    else if (!strcmp(name, "--home"))
        p->home = value;
    else if (!strcmp(name, "--etc"))
        p->etc = value;
    else if (!strcmp(name, "--uid") && !(err = read_number(value, "--uid: never 0, root", &number)))
        p->uid = (uid_t)number;
    else if (!strcmp(name, "--gid") && !(err = read_number(value, "--gid: never 0, root's", &number)))
        p->gid = (gid_t)number;
    else if (!strcmp(name, "--report") && !(err = read_number(value, "--report: a descriptor", &number)))
        p->report = number;
    else
        return err ? err : usage("unknown option");
    return 0;
}

static int read_options(int argc, char **argv, struct mqoe_program *p) {
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--"); i += 2) {
        if (i + 1 >= argc)
            return usage("an option lacks its value");
        int err = read_option(p, argv[i], argv[i + 1]);
        if (err)
            return err;
    }
    p->command = argv + i + 1;
    if (i + 1 >= argc)
        return usage("no command after --");
    if (!p->netns || !p->home || !p->uid || !p->gid || p->report <= STDERR_FILENO)
        return usage("--netns, --uid, --gid, --home and --report (3 or more) are all needed");
    return 0;
}

// Blocked from here on, also in init, where a signal without a handler would be lost.
static sigset_t block_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}

static int start(const struct mqoe_program *p, pid_t starter, pid_t *init, struct mqoe_error *e) {
    int alive[2];
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return mqoe_fail(e, errno, "prctl", "", "PR_SET_PDEATHSIG");
    if (getppid() != starter) // it died before the call: no signal would come
        raise(SIGKILL);
    int err = mqoe_netns_enter(p->netns, e);
    if (err)
        return err;
    if (unshare(CLONE_NEWPID) < 0)
        return mqoe_fail(e, errno, "unshare CLONE_NEWPID", "needs CAP_SYS_ADMIN; run as root", "processes");
    if (pipe2(alive, O_CLOEXEC) < 0)
        return mqoe_fail(e, errno, "pipe", NULL, "%s", p->command[0]);
    *init = fork();
    if (*init == 0) {
        close(alive[1]);
        mqoe_program_init(p, alive[0]);
    }
    close(alive[0]); // the other end stays open as long as we live
    return *init < 0 ? mqoe_fail(e, errno, "fork", NULL, "%s", p->command[0]) : 0;
}

// Passes the wish to end on, and returns when init is gone: true when it has reported.
static bool wait_for(pid_t init, const sigset_t *signals) {
    int status;
    for (;;) {
        int signal = sigwaitinfo(signals, NULL);
        if (signal > 0 && signal != SIGCHLD)
            kill(init, SIGTERM);
        if (waitpid(init, &status, WNOHANG) == init)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
}

int mqoe_program_main(int argc, char **argv) {
    pid_t starter = getppid(), init = -1;
    struct mqoe_program p = {0};
    struct mqoe_error e;
    if (read_options(argc, argv, &p) < 0)
        return EXIT_USAGE;
    fcntl(p.report, F_SETFD, FD_CLOEXEC);
    sigset_t signals = block_signals();
    if (start(&p, starter, &init, &e) < 0) {
        mqoe_program_report(&p, &e);
        return EXIT_RIG;
    }
    // The program's alone: whoever reads them sees their end with it.
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    close(p.report);
    return wait_for(init, &signals) ? 0 : EXIT_RIG;
}
