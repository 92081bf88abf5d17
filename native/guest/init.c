// mqoe-native guest-init: the first process of a guest. Mounts what a lab needs, starts the harness's part of
// the run, tells the host that virtual time moves, and switches the machine off at the end.
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/guest.h"
#include "reactor/control.h"
#include "reactor/json.h"
#include "record/clock.h"

#define TICK       250 // ms of virtual time between two signs of life
#define MAX_WORDS  32
#define OPEN_FILES 1048576
#define LOG_NODE   "/run/kmsg"

int mqoe_guest_init_main(int argc, char **argv);

static void power_off(void) {
    kill(-1, SIGKILL);
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}

// The kernel's log is the one way out when files are none: the launcher passes it on to standard error.
static void log_error(const struct mqoe_error *e) {
    int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (log < 0 && mknod(LOG_NODE, S_IFCHR | 0600, makedev(1, 11)) == 0) // the host's /dev may lack it
        log = open(LOG_NODE, O_WRONLY | O_CLOEXEC);
    if (log < 0)
        return;
    char line[sizeof *e + 128]; // one write, one entry; dprintf would seek first, which this file refuses
    int length = snprintf(line, sizeof line, "<3>mqoe-native guest-init: %s %s: %s%s%s\n", e->syscall,
                          e->object, strerror(e->errnum), e->hint[0] ? "; " : "", e->hint);
    (void)mqoe_write_all(log, line, (size_t)length);
    close(log);
}

// A line that gets lost would pass for a guest that stands still: better no guest than one that is mistaken.
static void say(json_t *event) {
    struct mqoe_error e;
    char *line = json_dumps(event, JSON_COMPACT);
    if (dprintf(STDOUT_FILENO, "%s\n", line ? line : "{}") < 0) {
        mqoe_fail(&e, errno, "write", "it lies in the host's /tmp: is that full?", "the guest's lines");
        log_error(&e);
        power_off();
    }
    free(line);
    json_decref(event);
}

// Also into the kernel's log, which the host sees even if nothing could be mounted.
static void give_up(const struct mqoe_error *e) {
    log_error(e);
    say(mqoe_control_error(e, true, -1));
    power_off();
}

// What to do about a mount that failed: another kernel helps only where this one does not know the type. The
// host's folders, options of hostfs, may be links in the launcher's.
static void advise(int errnum, const char *type, const char *at, const char *options, char hint[200]) {
    bool from_host = !strcmp(type, "hostfs");
    char folder[256];
    ssize_t n = from_host ? readlink(options, folder, sizeof folder - 1) : -1;
    if (n >= 0)
        folder[n] = '\0';
    else
        snprintf(folder, sizeof folder, "%s", from_host ? options : at);
    hint[0] = '\0';
    if (errnum == ENODEV)
        snprintf(hint, 200, "the guest kernel has no %s; mqoe world build --force", type);
    else if (errnum == ENOENT)
        snprintf(hint, 200, "the host has no folder %.150s", folder);
    else if (from_host)
        snprintf(hint, 200, "it is the host's folder %.150s", folder);
}

static int mount_one(const char *type, const char *at, const char *options, struct mqoe_error *e) {
    char hint[200];
    mkdir(at, 0755);
    if (mount(type, at, type, 0, options) == 0)
        return 0;
    int errnum = errno;
    advise(errnum, type, at, options, hint);
    return mqoe_fail(e, errnum, "mount", hint, "%s on %s", type, at);
}

static int mount_all(struct mqoe_error *e) {
    // The host's folders first: GUEST_SCRATCH is a name in the host's /proc, which ours will hide.
    int err = mount_one("tmpfs", "/run", "mode=755", e);
    err = err ? err : mount_one("hostfs", GUEST_RUN_MOUNT, GUEST_SCRATCH "/" GUEST_RUN_LINK, e);
    err = err ? err : mount_one("hostfs", GUEST_OUT_MOUNT, GUEST_SCRATCH "/" GUEST_OUT_FOLDER, e);
    err = err ? err : mount_one("proc", "/proc", NULL, e);
    err = err ? err : mount_one("sysfs", "/sys", NULL, e);
    err = err ? err : mount_one("tmpfs", "/dev/shm", NULL, e);
    err = err ? err : mount_one("devpts", "/dev/pts", NULL, e);
    mkdir("/run/tmp", 01777);
    mkdir("/run/netns", 0755);
    return err;
}

static int open_as(int fd, const char *file, struct mqoe_error *e) {
    int opened = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (opened < 0 || dup2(opened, fd) < 0)
        return mqoe_fail(e, errno, "open", "", "%s", file);
    close(opened);
    return 0;
}

// All three, so that the console, which the kernel gave us, is closed.
static int open_output(struct mqoe_error *e) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    close(null);
    int err = open_as(STDOUT_FILENO, GUEST_OUT_MOUNT "/" GUEST_LINES, e);
    return err ? err : open_as(STDERR_FILENO, GUEST_OUT_MOUNT "/" GUEST_WORDS, e);
}

static void raise_limits(void) {
    const struct rlimit open_files = {OPEN_FILES, OPEN_FILES}, locked = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_NOFILE, &open_files);
    setrlimit(RLIMIT_MEMLOCK, &locked);
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        ioctl(fd, SIOCSIFFLAGS, &lo);
    close(fd);
}

// {"command": ["node", …], "cwd": "…"} of the request file.
static int read_request(const char *name, char **words, char *cwd, size_t size, struct mqoe_error *e) {
    char path[512];
    json_error_t where;
    snprintf(path, sizeof path, GUEST_RUN_MOUNT "/%s", name);
    json_t *document = json_load_file(path, 0, &where);
    if (!document)
        return mqoe_fail(e, EINVAL, "json_load_file", where.text, "%s", path);
    e->errnum = 0;
    struct mqoe_node root = mqoe_node_file(document, path, e);
    size_t count;
    struct mqoe_node list = mqoe_node_array(&root, "command", &count);
    snprintf(cwd, size, "%s", mqoe_node_text(&root, "cwd"));
    for (size_t i = 0; i < count && i + 1 < MAX_WORDS; i++) {
        struct mqoe_node item = mqoe_node_element(&list, i);
        words[i] = strdup(json_is_string(item.json) ? json_string_value(item.json) : "");
    }
    json_decref(document);
    return -e->errnum;
}

static pid_t start(char **words, const char *cwd) {
    static char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                  "HOME=/run/tmp", "TMPDIR=/run/tmp", "LANG=C.UTF-8", NULL};
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir(cwd) < 0)
        fprintf(stderr, "mqoe-native guest-init: chdir %s: %s\n", cwd, strerror(errno));
    execve(words[0], words, environment);
    fprintf(stderr, "mqoe-native guest-init: execve %s: %s\n", words[0], strerror(errno));
    _exit(127);
}

// Until the command ends; returns its wait status. A line every TICK of virtual time: when none comes for
// long on the host's clock, something here spins.
static int watch(pid_t command) {
    sigset_t set;
    struct signalfd_siginfo info;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), status;
    for (;;) {
        struct pollfd p = {signals, POLLIN, 0};
        int n = poll(&p, 1, TICK);
        if (n == 0)
            say(json_pack("{s:s, s:I}", "event", "tick", "now", (json_int_t)mqoe_clock(CLOCK_MONOTONIC)));
        if (n > 0 && read(signals, &info, sizeof info) < 0)
            continue;
        int s;
        for (pid_t pid; (pid = waitpid(-1, &s, WNOHANG)) > 0;)
            if (pid == command) {
                status = s;
                return status;
            }
    }
}

int mqoe_guest_init_main(int argc, char **argv) {
    char *words[MAX_WORDS] = {0}, cwd[4096];
    struct mqoe_error e;
    if (getpid() != 1 || argc < 2) { // user-mode Linux adds words of its own at the end
        fprintf(stderr,
                "mqoe-native guest-init: the first process of a guest; `mqoe-native guest` starts it\n");
        return 2;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (mount_all(&e) != 0 || open_output(&e) != 0 || read_request(argv[1], words, cwd, sizeof cwd, &e) != 0)
        give_up(&e);
    raise_limits();
    say(json_pack("{s:s}", "event", "booted"));
    pid_t command = start(words, cwd);
    int status = command > 0 ? watch(command) : -1;
    say(json_pack("{s:s, s:i, s:i}", "event", "command-ended", "code",
                  WIFEXITED(status) ? WEXITSTATUS(status) : -1, "signal",
                  WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    power_off();
    return 0;
}
