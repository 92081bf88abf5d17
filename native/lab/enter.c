#include "lab/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

static const char *hint_for(int errnum) {
    switch (errnum) {
    case ENOENT:
        return "is the lab running? ls /run/netns shows what there is";
    case EPERM:
    case EACCES:
        return "needs CAP_SYS_ADMIN; run as root";
    case EINVAL:
        return "the file is no network namespace";
    case EMFILE:
    case ENFILE:
        return "the descriptor limit; see ulimit -n";
    default:
        return "";
    }
}

int mqoe_netns_enter(const char *path, struct mqoe_error *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mqoe_fail(e, errno, "open", hint_for(errno), "namespace %s", path);
    int error = setns(fd, CLONE_NEWNET) < 0 ? errno : 0;
    close(fd);
    return error ? mqoe_fail(e, error, "setns", hint_for(error), "namespace %s", path) : 0;
}
