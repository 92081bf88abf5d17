#include "traffic/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "traffic/loop.h"

int traffic_batch_create(struct traffic_batch *b, size_t size) {
    *b = (struct traffic_batch){.size = size, .buffer = calloc(TRAFFIC_BATCH, size)};
    return b->buffer ? 0 : -ENOMEM;
}

void traffic_batch_free(struct traffic_batch *b) {
    free(b->buffer);
    b->buffer = NULL;
}

// The kernel writes lengths into the headers, so they are made anew for every call.
static void prepare(struct traffic_batch *b) {
    for (int i = 0; i < TRAFFIC_BATCH; i++) {
        struct traffic_packet *p = &b->packets[i];
        p->data = b->buffer + (size_t)i * b->size;
        b->vectors[i] = (struct iovec){p->data, b->size};
        b->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &p->from,
            .msg_namelen = sizeof p->from,
            .msg_iov = &b->vectors[i],
            .msg_iovlen = 1,
            .msg_control = b->control[i],
            .msg_controllen = sizeof b->control[i],
        };
    }
}

static int64_t kernel_time(struct msghdr *header) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec t;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    }
    return 0;
}

int traffic_receive(struct traffic_batch *b, int fd) {
    prepare(b);
    int n = recvmmsg(fd, b->headers, TRAFFIC_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        struct traffic_packet *p = &b->packets[i];
        struct msghdr *header = &b->headers[i].msg_hdr;
        p->length = header->msg_flags & MSG_TRUNC ? 0 : b->headers[i].msg_len;
        p->from_length = header->msg_namelen;
        p->received = kernel_time(header);
        p->user_time = p->received == 0;
        if (p->user_time)
            p->received = traffic_realtime();
    }
    return n < 0 ? 0 : n;
}

int traffic_reply(int fd, const struct traffic_packet *packet, enum traffic_family family, int dscp,
                  int ecn) {
    struct iovec vector = {packet->data, packet->length};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr header = {
        .msg_name = (void *)&packet->from,
        .msg_namelen = packet->from_length,
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = family == TRAFFIC_IPV4 ? SOL_IP : SOL_IPV6;
    c->cmsg_type = family == TRAFFIC_IPV4 ? IP_TOS : IPV6_TCLASS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &(int){dscp << 2 | ecn}, sizeof(int));
    return sendmsg(fd, &header, MSG_DONTWAIT) < 0 ? -errno : 0;
}
