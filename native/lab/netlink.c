#include "lab/netlink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Receive buffer for one datagram of answers; the kernel fills at most 32 KiB of a dump at a time.
#define RECEIVE_BYTES 32768

static const char *type_name(uint16_t type) {
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {
        {RTM_NEWLINK, "RTM_NEWLINK"},   {RTM_SETLINK, "RTM_SETLINK"},     {RTM_GETLINK, "RTM_GETLINK"},
        {RTM_DELLINK, "RTM_DELLINK"},   {RTM_NEWADDR, "RTM_NEWADDR"},     {RTM_NEWROUTE, "RTM_NEWROUTE"},
        {RTM_NEWNEIGH, "RTM_NEWNEIGH"}, {RTM_NEWQDISC, "RTM_NEWQDISC"},   {RTM_GETQDISC, "RTM_GETQDISC"},
        {RTM_DELQDISC, "RTM_DELQDISC"}, {RTM_NEWTCLASS, "RTM_NEWTCLASS"}, {RTM_NEWTFILTER, "RTM_NEWTFILTER"},
        {RTM_GETSTATS, "RTM_GETSTATS"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return "netlink";
}

int netlink_open(struct netlink *nl, const char *netns, struct mqoe_error *e) {
    nl->count = 0;
    nl->used = 0;
    nl->failed = 0;
    nl->netns = netns;
    nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl->socket)
        return mqoe_fail(e, errno, "socket", "", "NETLINK_ROUTE in %s", netns);
    int on = 1;
    mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on,
                          sizeof on); // the kernel's own words, when it has some
    mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof on);
    mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int result = mqoe_fail(e, errno, "bind", "", "NETLINK_ROUTE in %s", netns);
        netlink_close(nl);
        return result;
    }
    return 0;
}

void netlink_close(struct netlink *nl) {
    if (nl->socket)
        mnl_socket_close(nl->socket);
    nl->socket = NULL;
}

struct nlmsghdr *netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags, const char *object_fmt,
                               ...) {
    if (nl->count == NETLINK_MESSAGES || nl->used + NETLINK_LONGEST > sizeof nl->buffer) {
        int result = netlink_flush(nl, &nl->error);
        if (result < 0 && !nl->failed)
            nl->failed = result;
    }
    struct nlmsghdr *m = mnl_nlmsg_put_header(nl->buffer + nl->used);
    m->nlmsg_type = type;
    m->nlmsg_flags = NLM_F_REQUEST | flags;
    m->nlmsg_seq = ++nl->sequence;
    nl->labels[nl->count].type = type_name(type);
    va_list ap;
    va_start(ap, object_fmt);
    vsnprintf(nl->labels[nl->count].object, sizeof nl->labels->object, object_fmt, ap);
    va_end(ap);
    return m;
}

void netlink_end(struct netlink *nl, struct nlmsghdr *m) {
    nl->used += MNL_ALIGN(m->nlmsg_len);
    nl->count++;
}

// The kernel's explanation of an error (NLMSGERR_ATTR_MSG), "" without one. With NETLINK_CAP_ACK the
// attributes follow the offending message's header.
static const char *explanation(const struct nlmsghdr *m) {
    if (!(m->nlmsg_flags & NLM_F_ACK_TLVS))
        return "";
    const struct nlattr *a;
    mnl_attr_for_each(a, m, sizeof(struct nlmsgerr)) {
        if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
            return mnl_attr_get_str(a);
    }
    return "";
}

static int report(struct netlink *nl, const struct nlmsghdr *m, unsigned index, struct mqoe_error *e) {
    const struct nlmsgerr *answer = mnl_nlmsg_get_payload(m);
    return mqoe_fail(e, -answer->error, nl->labels[index].type, explanation(m), "%s in %s",
                     nl->labels[index].object, nl->netns);
}

// Reads answers until the one to `last`. Only refusals and that last message are answered (NLM_F_ACK).
static int read_acks(struct netlink *nl, uint32_t first, uint32_t last, struct mqoe_error *e) {
    char buffer[RECEIVE_BYTES];
    int result = 0;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl->socket, buffer, sizeof buffer);
        if (n < 0)
            return mqoe_fail(e, errno, "recvmsg", "", "NETLINK_ROUTE in %s", nl->netns);
        int left = (int)n;
        for (struct nlmsghdr *m = (void *)buffer; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
            if (m->nlmsg_type != NLMSG_ERROR || m->nlmsg_seq - first > last - first)
                continue;
            const struct nlmsgerr *answer = mnl_nlmsg_get_payload(m);
            if (answer->error && result == 0)
                result = report(nl, m, m->nlmsg_seq - first, e);
            if (m->nlmsg_seq == last)
                return result;
        }
    }
}

static int earlier_failure(struct netlink *nl, struct mqoe_error *e) {
    int result = nl->failed;
    *e = nl->error;
    nl->failed = 0;
    return result;
}

int netlink_flush(struct netlink *nl, struct mqoe_error *e) {
    int result = 0;
    if (nl->count) {
        uint32_t last = nl->sequence, first = last - nl->count + 1;
        struct nlmsghdr *m = (void *)nl->buffer;
        for (unsigned i = 1; i < nl->count; i++)
            m = (void *)((char *)m + MNL_ALIGN(m->nlmsg_len));
        m->nlmsg_flags |= NLM_F_ACK;
        if (mnl_socket_sendto(nl->socket, nl->buffer, nl->used) < 0)
            result = mqoe_fail(e, errno, "sendmsg", "", "NETLINK_ROUTE in %s", nl->netns);
        else
            result = read_acks(nl, first, last, e);
    }
    nl->count = 0;
    nl->used = 0;
    return nl->failed && e != &nl->error ? earlier_failure(nl, e) : result;
}

void netlink_discard(struct netlink *nl) {
    nl->count = 0;
    nl->used = 0;
    nl->failed = 0;
}

int netlink_ask(struct netlink *nl, struct nlmsghdr *m, mnl_cb_t each, void *data, struct mqoe_error *e) {
    const char *type = nl->labels[0].type, *object = nl->labels[0].object;
    char buffer[RECEIVE_BYTES];
    netlink_discard(nl); // m was begun, not ended: nothing is pending
    if (mnl_socket_sendto(nl->socket, m, m->nlmsg_len) < 0)
        return mqoe_fail(e, errno, "sendmsg", "", "%s in %s", object, nl->netns);
    bool more = true;
    while (more) {
        ssize_t n = mnl_socket_recvfrom(nl->socket, buffer, sizeof buffer);
        int found = n < 0 ? -1
                          : mnl_cb_run(buffer, (size_t)n, m->nlmsg_seq, mnl_socket_get_portid(nl->socket),
                                       each, data);
        if (found < 0)
            return mqoe_fail(e, errno, type, "", "%s in %s", object, nl->netns);
        more = found > 0;
    }
    return 0;
}
