// Namespaces: made, entered, removed. They are held by path, bind-mounted as iproute2 does, so that `ip netns
// exec` and everyone's own tools find them; no descriptor stays open.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/enter.h"
#include "lab/internal.h"

#define NETNS_DIR "/run/netns"
#define SELF      "/proc/thread-self/ns/net" // the thread's, not the process's

static const char *const NEED_ADMIN = "namespaces need CAP_SYS_ADMIN; run as root";

static const char *privilege_hint(int errnum) {
    return errnum == EPERM || errnum == EACCES ? NEED_ADMIN : "";
}

const char *lab_netns_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return *path == 0 ? "the host's namespace" : slash ? slash + 1 : path;
}

static void close_sockets(struct lab *lab) {
    netlink_close(&lab->netlink);
    if (lab->ioctl_socket >= 0)
        close(lab->ioctl_socket);
    lab->ioctl_socket = -1;
}

static int go_home(struct lab *lab) {
    if (setns(lab->home, CLONE_NEWNET) < 0)
        return mqoe_fail(&lab->error, errno, "setns", privilege_hint(errno),
                         "the namespace mqoe was started in");
    lab->current[0] = 0;
    lab->astray = false;
    return 0;
}

int lab_enter(struct lab *lab, const char *path) {
    if (!lab->astray && !strcmp(lab->current, path ? path : ""))
        return 0;
    close_sockets(lab);
    if (!path)
        return go_home(lab);
    if (mqoe_netns_enter(path, &lab->error) < 0)
        return -lab->error.errnum;
    snprintf(lab->current, sizeof lab->current, "%s", path);
    lab->astray = false;
    return 0;
}

struct netlink *lab_netlink(struct lab *lab) {
    if (!lab->netlink.socket && netlink_open(&lab->netlink, lab_netns_name(lab->current), &lab->error) < 0)
        return NULL;
    return &lab->netlink;
}

int lab_ioctl_socket(struct lab *lab) {
    if (lab->ioctl_socket < 0) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return mqoe_fail(&lab->error, errno, "socket", "", "AF_INET in %s", lab_netns_name(lab->current));
        lab->ioctl_socket = fd;
    }
    return lab->ioctl_socket;
}

int lab_namespaces_init(struct lab *lab) {
    lab->ioctl_socket = -1;
    lab->settings = -1;
    lab->home = open(SELF, O_RDONLY | O_CLOEXEC);
    return lab->home < 0 ? mqoe_fail(&lab->error, errno, "open", "is /proc mounted?", SELF) : 0;
}

void lab_namespaces_done(struct lab *lab) {
    close_sockets(lab);
    lab_settings_close(lab);
    close(lab->home);
}

// ---- netns_add ----

static bool is_mount_point(const char *path) {
    struct statx st;
    return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, 0, &st) == 0 &&
           (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// /run/netns as a shared mount of its own, so that namespaces mounted here appear in every other mount
// namespace and can be unmounted from there (what `ip netns add` does, and it does not matter who was first).
static int prepare_directory(struct lab *lab) {
    // Sharing walks all mounts below: once, not once per namespace. Whoever unmounted it meanwhile gets it
    // back.
    if (lab->directory_ready && is_mount_point(NETNS_DIR))
        return 0;
    if (mkdir(NETNS_DIR, 0755) < 0 && errno != EEXIST)
        return mqoe_fail(&lab->error, errno, "mkdir", privilege_hint(errno), NETNS_DIR);
    for (int attempt = 0; mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0; attempt++) {
        if (errno != EINVAL || attempt > 0)
            return mqoe_fail(&lab->error, errno, "mount --make-shared", privilege_hint(errno), NETNS_DIR);
        if (mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
            return mqoe_fail(&lab->error, errno, "mount --bind", privilege_hint(errno), NETNS_DIR);
    }
    lab->directory_ready = true;
    return 0;
}

static int mount_new_namespace(struct lab *lab, const char *path) {
    close_sockets(lab);
    if (unshare(CLONE_NEWNET) < 0)
        return mqoe_fail(&lab->error, errno, "unshare CLONE_NEWNET", privilege_hint(errno), "namespace %s",
                         lab_netns_name(path));
    lab->astray = true;
    if (mount(SELF, path, "none", MS_BIND, NULL) < 0)
        return mqoe_fail(&lab->error, errno, "mount --bind", privilege_hint(errno), "namespace %s", path);
    snprintf(lab->current, sizeof lab->current, "%s", path);
    lab->astray = false;
    return 0;
}

int lab_op_netns_add(struct lab *lab, json_t *op, json_t *result) {
    (void)result;
    const char *path;
    int status = lab_path(lab, op, "path", &path);
    if (status < 0 || (status = prepare_directory(lab)) < 0)
        return status;
    int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    if (fd < 0)
        return mqoe_fail(&lab->error, errno, "open O_EXCL",
                         errno == EEXIST ? "another lab or program holds this name" : privilege_hint(errno),
                         "namespace %s", path);
    close(fd);
    status = mount_new_namespace(lab, path);
    if (status < 0) {
        struct mqoe_error first = lab->error;
        unlink(path);
        lab_enter(lab, NULL); // fails only when setns does, and then the next operation says so
        lab->error = first;
    }
    return status;
}

// ---- netns_del ----

// A file that nothing is mounted on: what a kill between open and mount leaves, and no one else's content.
static bool is_stale(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
}

int lab_op_netns_del(struct lab *lab, json_t *op, json_t *result) {
    (void)result;
    const char *path;
    int status = lab_path(lab, op, "path", &path);
    if (status < 0)
        return status;
    bool missing_ok = json_is_true(json_object_get(op, "missing_ok"));
    if (!strcmp(lab->current, path) && (status = lab_enter(lab, NULL)) < 0) // or we would keep it alive
        return status;
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && !(errno == EINVAL && is_stale(path))) {
        if (errno == ENOENT && missing_ok)
            return 0;
        return mqoe_fail(&lab->error, errno, "umount", privilege_hint(errno), "namespace %s", path);
    }
    if (unlink(path) < 0 && !(errno == ENOENT && missing_ok))
        return mqoe_fail(&lab->error, errno, "unlink", privilege_hint(errno), "namespace %s", path);
    return 0;
}
