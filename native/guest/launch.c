// mqoe-native guest: starts one guest kernel and stands between it and the harness. Whoever dies first – the
// harness, this process, the kernel – nothing of the guest is left.
//
// Standard output carries the guest's own JSON lines and those of this process (docs/control.md, "Guests");
// standard error the guest's console. Standard input is the owner: a line {"op":"running"} asks who runs,
// its end means stop.
#include <dirent.h>
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
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/guest.h"
#include "reactor/control.h"

#define EXIT_USAGE 2
#define EXIT_RIG   3

int mqoe_guest_main(int argc, char **argv);

struct options {
    const char *kernel, *memory_folder, *run, *preload, *seed, *request;
    long megabytes, cpu;
};

struct guest {
    struct options options;
    struct mqoe_control control;
    char scratch[128];
    pid_t kernel;
    int signals, changes; // signalfd, inotify
    int said[2];          // the guest's files, to be passed on to standard output and standard error
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

static int make_scratch(struct guest *g, struct mqoe_error *e) {
    char self[4096], path[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return mqoe_fail(e, errno, "readlink", "", "/proc/self/exe");
    self[n] = '\0';
    // Paths reach the kernel on its command line, which is cut at spaces: links within a folder of our own.
    snprintf(g->scratch, sizeof g->scratch, "/tmp/mqoe-guest-%d-XXXXXX", getpid());
    if (!mkdtemp(g->scratch))
        return mqoe_fail(e, errno, "mkdtemp", "/tmp must be writable", "%s", g->scratch);
    snprintf(path, sizeof path, "%s/" GUEST_INIT_LINK, g->scratch);
    if (symlink(self, path) < 0)
        return mqoe_fail(e, errno, "symlink", "", "%s", path);
    snprintf(path, sizeof path, "%s/" GUEST_RUN_LINK, g->scratch);
    if (symlink(g->options.run, path) < 0)
        return mqoe_fail(e, errno, "symlink", "", "%s", path);
    return 0;
}

// The files that the guest writes, and the notice of it.
static int make_output(struct guest *g, struct mqoe_error *e) {
    static const char *const names[2] = {GUEST_LINES, GUEST_WORDS};
    char path[256];
    snprintf(path, sizeof path, "%s/" GUEST_OUT_FOLDER, g->scratch);
    if (mkdir(path, 0700) < 0)
        return mqoe_fail(e, errno, "mkdir", "", "%s", path);
    g->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (g->changes < 0 || inotify_add_watch(g->changes, path, IN_MODIFY) < 0)
        return mqoe_fail(e, errno, "inotify_add_watch", "raise fs.inotify.max_user_instances", "%s", path);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/" GUEST_OUT_FOLDER "/%s", g->scratch, names[i]);
        g->said[i] = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
        if (g->said[i] < 0)
            return mqoe_fail(e, errno, "open", "", "%s", path);
    }
    return 0;
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
static char **guest_environment(const struct options *o) {
    static char preload[4200], seed[64], memory[4200];
    static char *environment[] = {preload, seed, memory, "PATH=/usr/bin:/bin", NULL};
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", o->preload);
    snprintf(seed, sizeof seed, "MQOE_GUEST_SEED=%s", o->seed);
    snprintf(memory, sizeof memory, "TMPDIR=%s", o->memory_folder);
    return environment;
}

static void exec_kernel(const struct guest *g, pid_t parent) {
    const struct options *o = &g->options;
    char memory[32], init[192], dir[192], scratch[192];
    snprintf(memory, sizeof memory, "mem=%ldM", o->megabytes);
    snprintf(init, sizeof init, "init=%s/" GUEST_INIT_LINK, g->scratch);
    snprintf(dir, sizeof dir, "uml_dir=%s/", g->scratch);
    snprintf(scratch, sizeof scratch, "%s", g->scratch);
    char *const arguments[] = {(char *)o->kernel,
                               memory,
                               "rootfstype=hostfs",
                               "rootflags=/",
                               "ro",
                               init,
                               dir,
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
                               scratch,
                               (char *)o->request,
                               NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_RIG);
    pin(o->cpu);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(2, 1);
    if (personality(ADDR_NO_RANDOMIZE) < 0)
        fprintf(stderr, "mqoe-native guest: personality ADDR_NO_RANDOMIZE: %s; runs may differ\n",
                strerror(errno));
    execve(o->kernel, arguments, guest_environment(o));
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
    int err = make_scratch(g, e);
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
    int err = guest_running_task(g->scratch, name, sizeof name, &e);
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

// Reaps what has ended. True when the kernel itself has, with *status its wait status.
static bool reap(struct guest *g, int *status) {
    int s;
    for (pid_t pid; (pid = waitpid(-1, &s, WNOHANG)) > 0;)
        if (pid == g->kernel) {
            *status = s;
            return true;
        }
    return false;
}

// Passes on what the guest has said since. A reader that is gone is noticed at the other end: standard input.
static void pass_on(struct guest *g) {
    char bytes[4096];
    while (read(g->changes, bytes, sizeof bytes) > 0)
        ;
    for (int i = 0; i < 2; i++)
        for (ssize_t n; (n = read(g->said[i], bytes, sizeof bytes)) > 0;)
            for (ssize_t done = 0, w; done < n; done += w)
                if ((w = write(i == 0 ? STDOUT_FILENO : STDERR_FILENO, bytes + done, (size_t)(n - done))) <=
                    0)
                    return;
}

// Returns the kernel's wait status, or −1 when it was told to stop.
static int watch(struct guest *g) {
    struct pollfd fds[3] = {{g->control.in, POLLIN, 0}, {g->signals, POLLIN, 0}, {g->changes, POLLIN, 0}};
    for (;;) {
        int status;
        struct signalfd_siginfo info;
        if (poll(fds, 3, -1) < 0)
            continue; // EINTR
        if (fds[2].revents)
            pass_on(g);
        if (fds[0].revents && obey(g))
            return -1;
        while (fds[1].revents && read(g->signals, &info, sizeof info) == (ssize_t)sizeof info)
            if (info.ssi_signo != SIGCHLD)
                return -1;
        if (reap(g, &status))
            return status;
    }
}

static int kill_children_of(pid_t pid) {
    char path[64];
    int killed = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *f = fopen(path, "re");
    for (int child; f && fscanf(f, "%d", &child) == 1; killed++)
        kill(child, SIGKILL);
    if (f)
        fclose(f);
    return killed;
}

void guest_kill_descendants(void) {
    // A killed process hands its children to us, the subreaper: each turn takes one generation.
    while (kill_children_of(getpid()) > 0)
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            return;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static int report(struct guest *g, const struct mqoe_error *e) {
    mqoe_control_send(&g->control, mqoe_control_error(e, true, -1));
    return EXIT_RIG;
}

int mqoe_guest_main(int argc, char **argv) {
    struct guest g = {0};
    struct mqoe_error e;
    if (read_options(argc, argv, &g.options) != 0)
        return EXIT_USAGE;
    if (mqoe_control_open(&g.control) != 0) {
        perror("mqoe-native guest: standard input");
        return EXIT_RIG;
    }
    int code = 0;
    if (start(&g, &e) != 0)
        code = report(&g, &e);
    else {
        int status = watch(&g);
        guest_kill_descendants();
        pass_on(&g);
        if (status >= 0)
            mqoe_control_send(&g.control, json_pack("{s:s, s:i, s:i}", "event", "ended", "code",
                                                    WIFEXITED(status) ? WEXITSTATUS(status) : -1, "signal",
                                                    WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    }
    if (g.scratch[0])
        remove_folder(g.scratch, 2);
    mqoe_control_close(&g.control);
    return code;
}
