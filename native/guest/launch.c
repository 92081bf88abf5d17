// mqoe-native guest: starts one guest kernel and stands between it and the harness. Whoever dies first – the
// harness, this process, the kernel – nothing of the guest is left. (Who kills us by SIGKILL leaves a folder
// of small files in /tmp; the next launcher of the same user removes it.)
//
// Standard output carries the guest's own JSON lines and those of this process (docs/control.md, "Guests");
// standard error the guest's console. Standard input is the owner: a line {"op":"running"} asks who runs,
// its end means stop.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/follow.h"
#include "guest/guest.h"
#include "guest/scratch.h"
#include "reactor/control.h"
#include "reactor/descendants.h"

#define EXIT_USAGE 2
#define EXIT_RIG   3
#define KILL_MOST  INT64_C(10000000000) // ns; who survives that hangs in the kernel

int mqoe_guest_main(int argc, char **argv);

struct options {
    const char *kernel, *memory_folder, *run, *preload, *seed, *request;
    long megabytes, cpu;
};

struct guest {
    struct options options;
    struct mqoe_control control;
    struct guest_scratch scratch;
    pid_t kernel;
    bool ended; // the kernel has been reaped, with this wait status
    int status;
    int signals, changes;             // signalfd, inotify
    struct guest_follow lines, words; // for standard output, for standard error
};

static int usage(const char *problem) {
    fprintf(
        stderr,
        "mqoe-native guest: %s\n"
        "usage: mqoe-native guest --kernel FILE --memory MIB --memory-folder DIR --run DIR --preload FILE\n"
        "                         --seed N --cpu N|-1 --request FILE\n\n"
        "Boots one user-mode Linux guest, in which `mqoe-native guest-init` does what the request (a name\n"
        "within the run's folder) says. The harness starts this; see docs/control.md, \"Guests\".\n",
        problem);
    return EXIT_USAGE;
}

static int read_options(int argc, char **argv, struct options *o) {
    const char *megabytes = NULL, *cpu = NULL;
    const struct {
        const char *name, **value;
    } known[] = {{"--kernel", &o->kernel}, {"--memory-folder", &o->memory_folder},
                 {"--run", &o->run},       {"--preload", &o->preload},
                 {"--seed", &o->seed},     {"--request", &o->request},
                 {"--memory", &megabytes}, {"--cpu", &cpu}};
    size_t count = sizeof known / sizeof *known;
    for (int i = 1; i < argc; i += 2) {
        size_t k = 0;
        while (k < count && strcmp(known[k].name, argv[i]))
            k++;
        if (k == count || i + 1 == argc)
            return usage(k == count ? "unknown option" : "an option lacks its value");
        *known[k].value = argv[i + 1];
    }
    for (size_t k = 0; k < count; k++)
        if (!*known[k].value)
            return usage("an option is missing; all are needed");
    o->megabytes = strtol(megabytes, NULL, 10);
    o->cpu = strtol(cpu, NULL, 10);
    return o->megabytes >= 128 ? 0 : usage("--memory must be 128 MiB or more");
}

// ---- what the guest is started with ----

// The files that the guest writes, and the notice of it.
static int make_output(struct guest *g, struct mqoe_error *e) {
    char path[128], file[160];
    snprintf(path, sizeof path, "%s/" GUEST_OUT_FOLDER, g->scratch.path);
    if (mkdir(path, 0700) < 0)
        return mqoe_fail(e, errno, "mkdir", NULL, "%s", path);
    g->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (g->changes < 0 || inotify_add_watch(g->changes, path, IN_MODIFY) < 0)
        return mqoe_fail(e, errno, "inotify_add_watch", "raise fs.inotify.max_user_instances", "%s", path);
    snprintf(file, sizeof file, "%s/" GUEST_LINES, path);
    int err = guest_follow_open(&g->lines, file, STDOUT_FILENO, e);
    snprintf(file, sizeof file, "%s/" GUEST_WORDS, path);
    return err ? err : guest_follow_open(&g->words, file, STDERR_FILENO, e);
}

// One CPU for the kernel and all its tracees: they only ever take turns, and turns on one CPU cost a third of
// what they cost across two (26 s against 8 s for the quickstart).
static void pin(long cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return;
    CPU_SET((size_t)cpu, &set);
    sched_setaffinity(0, sizeof set, &set); // refused: slower, not wrong
}

// A guest sees exactly this environment, host or not: what differs there would differ in its memory.
static char **guest_environment(const struct guest *g) {
    static char preload[128], seed[64], memory[4200];
    static char *environment[] = {preload, seed, memory, "PATH=/usr/bin:/bin", NULL};
    snprintf(preload, sizeof preload, "LD_PRELOAD=" GUEST_SCRATCH "/" GUEST_ENTROPY_LINK);
    snprintf(seed, sizeof seed, "MQOE_GUEST_SEED=%s", g->options.seed);
    snprintf(memory, sizeof memory, "TMPDIR=%s", g->options.memory_folder);
    return environment;
}

static void exec_kernel(const struct guest *g, pid_t parent) {
    const struct options *o = &g->options;
    char memory[32];
    snprintf(memory, sizeof memory, "mem=%ldM", o->megabytes);
    char *const arguments[] = {(char *)o->kernel,
                               memory,
                               "rootfstype=hostfs",
                               "rootflags=/",
                               "ro",
                               "init=" GUEST_SCRATCH "/" GUEST_INIT_LINK,
                               "uml_dir=" GUEST_SCRATCH "/",
                               "umid=" GUEST_UMID,
                               "con=null",
                               "con0=null,fd:1",
                               "ssl=null",
                               "quiet",
                               "panic=1",
                               "time-travel=inf-cpu",
                               "time-travel-start=" GUEST_START,
                               "norandmaps",
                               "--",
                               "guest-init",
                               (char *)o->request,
                               NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_RIG);
    pin(o->cpu);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); // a panic aborts, and a core is the guest's whole memory
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(2, 1);
    if (personality(ADDR_NO_RANDOMIZE) < 0)
        fprintf(stderr, "mqoe-native guest: personality ADDR_NO_RANDOMIZE: %s; runs may differ\n",
                strerror(errno));
    if (chdir(g->scratch.path) < 0) {
        fprintf(stderr, "mqoe-native guest: chdir %s: %s\n", g->scratch.path, strerror(errno));
        _exit(127);
    }
    execve(o->kernel, arguments, guest_environment(g));
    fprintf(stderr, "mqoe-native guest: execve %s: %s\n", o->kernel, strerror(errno));
    _exit(127);
}

static int start(struct guest *g, struct mqoe_error *e) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (g->signals < 0)
        return mqoe_fail(e, errno, "signalfd", "", "SIGCHLD");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    guest_scratch_sweep();
    int err = guest_scratch_make(&g->scratch, g->options.run, g->options.preload, e);
    err = err ? err : make_output(g, e);
    if (err)
        return err;
    pid_t self = getpid();
    g->kernel = fork();
    if (g->kernel == 0)
        exec_kernel(g, self);
    return g->kernel > 0 ? 0 : mqoe_fail(e, errno, "fork", "", "guest kernel");
}

// ---- while it runs ----

static void tell_running(struct guest *g) {
    char name[64];
    struct mqoe_error e;
    int err = guest_running_task(g->scratch.path, name, sizeof name, &e);
    json_t *event =
        err ? mqoe_control_error(&e, false, -1) : json_pack("{s:s, s:s}", "event", "running", "task", name);
    mqoe_control_send(&g->control, event);
}

// True when the owner wishes the end.
static bool obey(struct guest *g) {
    for (json_t *c; (c = mqoe_control_next(&g->control));) {
        const char *op = json_string_value(json_object_get(c, "op"));
        bool stop = op && !strcmp(op, "stop");
        if (op && !strcmp(op, "running"))
            tell_running(g);
        json_decref(c);
        if (stop)
            return true;
    }
    return false;
}

static void note_end(void *owner, pid_t pid, int status) {
    struct guest *g = owner;
    if (pid != g->kernel)
        return;
    g->ended = true;
    g->status = status;
}

// True while there may be more.
static bool pass_on(struct guest *g) {
    char events[4096];
    while (read(g->changes, events, sizeof events) > 0)
        ;
    bool more = guest_follow_read(&g->lines);
    return guest_follow_read(&g->words) || more;
}

// Until the kernel has ended, or until it is to end: true in the first case.
static bool watch(struct guest *g) {
    struct pollfd fds[3] = {{g->control.in, POLLIN, 0}, {g->signals, POLLIN, 0}, {g->changes, POLLIN, 0}};
    for (bool more = false;;) {
        struct signalfd_siginfo info;
        if (poll(fds, 3, more ? 0 : -1) < 0)
            continue; // EINTR
        if (more || fds[2].revents)
            more = pass_on(g);
        if (fds[0].revents && obey(g))
            return false;
        while (fds[1].revents && read(g->signals, &info, sizeof info) == (ssize_t)sizeof info)
            if (info.ssi_signo != SIGCHLD)
                return false;
        mqoe_children_reap(note_end, g);
        if (g->ended)
            return true;
    }
}

// Kills what is left, and passes on its last words.
static void finish(struct guest *g, bool by_itself) {
    if (!mqoe_descendants_kill(g->signals, KILL_MOST, note_end, g))
        fprintf(stderr, "mqoe-native guest: a process of the guest hangs in the host's kernel and is left\n");
    guest_follow_end(&g->lines, false);
    guest_follow_end(&g->words, true);
    if (!by_itself)
        return;
    int status = g->status;
    mqoe_control_send(&g->control, json_pack("{s:s, s:i, s:i}", "event", "ended", "code",
                                             WIFEXITED(status) ? WEXITSTATUS(status) : -1, "signal",
                                             WIFSIGNALED(status) ? WTERMSIG(status) : 0));
}

static int report(struct guest *g, const struct mqoe_error *e) {
    mqoe_control_send(&g->control, mqoe_control_error(e, true, -1));
    return EXIT_RIG;
}

static void release(struct guest *g) {
    guest_follow_close(&g->lines);
    guest_follow_close(&g->words);
    guest_scratch_remove(&g->scratch);
    if (g->changes >= 0)
        close(g->changes);
    if (g->signals >= 0)
        close(g->signals);
    mqoe_control_close(&g->control);
}

int mqoe_guest_main(int argc, char **argv) {
    struct guest g = {.signals = -1, .changes = -1, .lines.from = -1, .words.from = -1};
    struct mqoe_error e;
    int code = 0;
    if (read_options(argc, argv, &g.options) != 0)
        return EXIT_USAGE;
    if (mqoe_control_open(&g.control) != 0) {
        perror("mqoe-native guest: standard input");
        return EXIT_RIG;
    }
    if (start(&g, &e) != 0)
        code = report(&g, &e);
    else
        finish(&g, watch(&g));
    release(&g);
    return code;
}
