#include "traffic/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/enter.h"

#define OWN_NETNS "/proc/thread-self/ns/net"

int traffic_netns_enter(struct traffic_netns *ns, const char *path, struct mqoe_error *e) {
    snprintf(ns->path, sizeof ns->path, "%s", path);
    ns->home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
    if (ns->home < 0)
        return mqoe_fail(e, errno, "open", "/proc must be mounted", OWN_NETNS);
    int error = mqoe_netns_enter(path, e);
    if (error) {
        close(ns->home);
        ns->home = -1;
    }
    return error;
}

int traffic_netns_leave(struct traffic_netns *ns, struct mqoe_error *e) {
    struct stat home, now;
    int error = 0;
    if (setns(ns->home, CLONE_NEWNET) < 0 || fstat(ns->home, &home) < 0 || stat(OWN_NETNS, &now) < 0)
        error = mqoe_fail(e, errno, "setns", "", "back from namespace %s", ns->path);
    else if (home.st_ino != now.st_ino || home.st_dev != now.st_dev)
        error = mqoe_fail(e, ESTALE, "setns", "the thread is not back where it came from",
                          "back from namespace %s", ns->path);
    close(ns->home);
    ns->home = -1;
    return error;
}
