// Settings below /proc/sys, for the namespace that the thread is in.
//
// One /proc serves all namespaces, and keeps a directory entry per namespace under the same name and parent:
// in the kernel's hash they form one chain, and each path component of the n-th namespace is compared with n
// − 1 others. So the engine mounts a procfs of its own, seen by nobody, and a new one for each batch: no
// chain gets longer than a batch.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/internal.h"

// From linux/mount.h, which older C libraries cannot include together with sys/mount.h.
#define CMD_CREATE 6 // FSCONFIG_CMD_CREATE
#define CLOEXEC    1 // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC

static int mount_detached_proc(void) {
    int context = (int)syscall(SYS_fsopen, "proc", CLOEXEC);
    if (context < 0)
        return -1;
    int root = -1;
    if (syscall(SYS_fsconfig, context, CMD_CREATE, NULL, NULL, 0) == 0)
        root = (int)syscall(SYS_fsmount, context, CLOEXEC, 0);
    close(context);
    return root;
}

// A descriptor of /proc/sys; the shared one where the kernel (before 5.8) or a sandbox refuses us our own.
static int settings_root(struct lab *lab) {
    if (lab->settings >= 0)
        return lab->settings;
    int root = mount_detached_proc();
    if (root >= 0) {
        lab->settings = openat(root, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(root);
    }
    if (lab->settings < 0)
        lab->settings = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return lab->settings < 0 ? mqoe_fail(&lab->error, errno, "open", "is /proc mounted?", "/proc/sys")
                             : lab->settings;
}

void lab_settings_close(struct lab *lab) {
    if (lab->settings >= 0)
        close(lab->settings);
    lab->settings = -1;
}

static const char *open_hint(int errnum) {
    return errnum == ENOENT   ? "this kernel has no such setting"
           : errnum == EACCES ? "the setting is read-only, or needs root"
                              : "";
}

static int write_setting(struct lab *lab, const char *name, json_t *value) {
    const char *netns = lab_netns_name(lab->current);
    if (!json_is_string(value))
        return lab_field_error(lab, name, "a string, as written below /proc/sys");
    if (strncmp(name, "net/", 4) || strstr(name, ".."))
        return lab_field_error(lab, name,
                               "a path that begins with \"net/\": others are not the namespace's own");
    int root = settings_root(lab);
    int fd = root < 0 ? root : openat(root, name, O_WRONLY | O_CLOEXEC);
    if (root < 0)
        return root;
    if (fd < 0)
        return mqoe_fail(&lab->error, errno, "open", open_hint(errno), "sysctl %s in %s", name, netns);
    int result = 0;
    if (write(fd, json_string_value(value), json_string_length(value)) < 0)
        result = mqoe_fail(&lab->error, errno, "write", "", "sysctl %s = \"%s\" in %s", name,
                           json_string_value(value), netns);
    close(fd);
    return result;
}

int lab_write_sysctls(struct lab *lab, json_t *values) {
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value) {
        int status = write_setting(lab, name, value);
        if (status < 0)
            return status;
    }
    return 0;
}

int lab_op_sysctl(struct lab *lab, json_t *op, json_t *result) {
    (void)result;
    const char *netns;
    json_t *values = json_object_get(op, "values");
    int status = lab_path(lab, op, "netns", &netns);
    if (status < 0)
        return status;
    if (!json_is_object(values))
        return lab_field_error(lab, "values", "an object: {\"net/ipv4/ip_forward\":\"1\"}");
    if ((status = lab_enter(lab, netns)) < 0)
        return status;
    return lab_write_sysctls(lab, values);
}
