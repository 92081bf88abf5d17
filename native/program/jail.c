#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/exec.h"
#include "program/program.h"

#define HOME_SIZE "256m"

// A file of p->etc over the system's of that name, where there are both.
static void replace(const struct mqoe_program *p, const char *name) {
    char ours[256], system[32];
    snprintf(ours, sizeof ours, "%s/%s", p->etc, name);
    snprintf(system, sizeof system, "/etc/%s", name);
    (void)mount(ours, system, NULL, MS_BIND, NULL); // names are a convenience: addresses work without
}

static int mount_home(const struct mqoe_program *p, struct mqoe_error *e) {
    char options[64];
    snprintf(options, sizeof options, "mode=0700,uid=%u,gid=%u,size=" HOME_SIZE, p->uid, p->gid);
    if (mount("tmpfs", p->home, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return mqoe_fail(e, errno, "mount", "does this kernel have tmpfs?", "tmpfs on %s", p->home);
    return chdir(p->home) < 0 ? mqoe_fail(e, errno, "chdir", "", "%s", p->home) : 0;
}

int mqoe_program_mounts(const struct mqoe_program *p, struct mqoe_error *e) {
    struct mqoe_error ignored;
    if (unshare(CLONE_NEWNS) < 0)
        return mqoe_fail(e, errno, "unshare CLONE_NEWNS", "needs CAP_SYS_ADMIN; run as root", "mounts");
    if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL) < 0)
        return mqoe_fail(e, errno, "mount --make-rslave", "", "/");
    // Some containers forbid both: then it sees the interfaces and processes of others, which it cannot
    // touch.
    (void)mqoe_sys_remount(&ignored);
    (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    if (p->etc) {
        replace(p, "hosts");
        replace(p, "resolv.conf");
    }
    return mount_home(p, e);
}

// Changing the user takes them all, the ambient ones too; but not where whoever started us has set the secure
// bits that say otherwise, and an execve keeps those that are ambient.
static int drop_capabilities(struct mqoe_error *e) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capset, &header, none) < 0 ? mqoe_fail(e, errno, "capset", "", "no capabilities") : 0;
}

int mqoe_program_drop(const struct mqoe_program *p, struct mqoe_error *e) {
    static const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (setgroups(0, NULL) < 0)
        return mqoe_fail(e, errno, "setgroups", "needs CAP_SETGID; run as root", "no groups");
    if (setresgid(p->gid, p->gid, p->gid) < 0)
        return mqoe_fail(e, errno, "setresgid", "needs CAP_SETGID; run as root", "%u", p->gid);
    if (setresuid(p->uid, p->uid, p->uid) < 0)
        return mqoe_fail(e, errno, "setresuid", "needs CAP_SETUID; run as root", "%u", p->uid);
    if (drop_capabilities(e) < 0)
        return -e->errnum;
    // No file with a set-user-ID bit or capabilities gives any back.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return mqoe_fail(e, errno, "prctl", "", "PR_SET_NO_NEW_PRIVS");
    return 0;
}
