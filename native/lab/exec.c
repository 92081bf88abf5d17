// mqoe-native exec: runs a program inside a namespace, as `ip netns exec` does, and lets it die with its
// starter.
#include "lab/exec.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lab/enter.h"
#include "record/error.h"

// As env(1) and nohup(1): the program's own exit codes stay below.
#define EXIT_OURS      125
#define EXIT_NOT_RUN   126
#define EXIT_NOT_FOUND 127

struct options {
    const char *netns;
    bool drop;
    uid_t uid;
    gid_t gid;
    char **command;
};

static int usage(const char *problem) {
    fprintf(stderr,
            "mqoe-native exec: %s\nusage: mqoe-native exec --netns PATH [--uid N --gid N] -- COMMAND "
            "[ARGUMENT…]\n",
            problem);
    return -EINVAL;
}

static int read_id(const char *text, uint32_t *id) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value >= UINT32_MAX) // UINT32_MAX means "leave it"
        return usage("--uid and --gid take a number");
    *id = (uint32_t)value;
    return 0;
}

static int read_options(int argc, char **argv, struct options *o) {
    bool uid = false, gid = false;
    int i = 1, status = 0;
    for (; i < argc && strcmp(argv[i], "--"); i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value)
            return usage("an option lacks its value");
        if (!strcmp(argv[i], "--netns"))
            o->netns = value;
        else if (!strcmp(argv[i], "--uid") && (uid = true))
            status = read_id(value, &o->uid);
        else if (!strcmp(argv[i], "--gid") && (gid = true))
            status = read_id(value, &o->gid);
        else
            return usage("unknown option");
        if (status < 0)
            return status;
    }
    if (!o->netns)
        return usage("--netns is missing");
    if (i + 1 >= argc)
        return usage("no command after --");
    if (uid != gid)
        return usage("--uid and --gid go together: one alone would leave the other's privileges");
    o->drop = uid;
    o->command = argv + i + 1;
    return 0;
}

// A private mount namespace; the old mount's read-only flag is kept.
int mqoe_sys_remount(struct mqoe_error *e) {
    struct statvfs st;
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (unshare(CLONE_NEWNS) < 0)
        return mqoe_fail(e, errno, "unshare CLONE_NEWNS", "needs CAP_SYS_ADMIN; run as root", "mounts");
    if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL) < 0)
        return mqoe_fail(e, errno, "mount --make-rslave", "", "/");
    if (statvfs("/sys", &st) == 0 && (st.f_flag & ST_RDONLY))
        flags |= MS_RDONLY;
    if (umount2("/sys", MNT_DETACH) < 0 && errno != EINVAL) // EINVAL: nothing was mounted
        return mqoe_fail(e, errno, "umount", "", "/sys");
    if (mount("sysfs", "/sys", "sysfs", flags, NULL) < 0)
        return mqoe_fail(e, errno, "mount", "", "/sys");
    return 0;
}

static int drop_privileges(const struct options *o, struct mqoe_error *e) {
    if (!o->drop)
        return 0;
    if (setgroups(0, NULL) < 0)
        return mqoe_fail(e, errno, "setgroups", "needs CAP_SETGID; run as root", "no groups");
    if (setresgid(o->gid, o->gid, o->gid) < 0)
        return mqoe_fail(e, errno, "setresgid", "needs CAP_SETGID; run as root", "%u", o->gid);
    if (setresuid(o->uid, o->uid, o->uid) < 0)
        return mqoe_fail(e, errno, "setresuid", "needs CAP_SETUID; run as root", "%u", o->uid);
    return 0;
}

// After the change of user, which clears it. The starter may have died before the call: then no signal would
// come.
static int die_with(pid_t starter, struct mqoe_error *e) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return mqoe_fail(e, errno, "prctl", "", "PR_SET_PDEATHSIG");
    if (getppid() != starter)
        raise(SIGKILL);
    return 0;
}

int mqoe_exec_main(int argc, char **argv) {
    pid_t starter = getppid();
    struct options o = {0};
    struct mqoe_error e;
    if (read_options(argc, argv, &o) < 0)
        return 2;
    int status = mqoe_netns_enter(o.netns, &e);
    if (status == 0)
        status = mqoe_sys_remount(&e);
    if (status == 0)
        status = drop_privileges(&o, &e);
    if (status == 0)
        status = die_with(starter, &e);
    if (status == 0) {
        execvp(o.command[0], o.command);
        status = mqoe_fail(&e, errno, "execvp", "", "%s", o.command[0]);
    }
    fprintf(stderr, "mqoe-native exec: %s %s: %s (%s)%s%s\n", e.syscall, e.object, strerror(e.errnum),
            mqoe_errno_name(e.errnum), e.hint[0] ? "; " : "", e.hint);
    if (strcmp(e.syscall, "execvp"))
        return EXIT_OURS;
    return e.errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}
