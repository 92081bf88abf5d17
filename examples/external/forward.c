// A dataplane in C: takes frames from one interface and sends them out of the other, both ways, as they are.
// It shapes nothing. See docs/external-dataplane.md.   Build:  cc -O2 -Wall -o forward forward.c
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 64 // frames from one side before the other has its turn

static int open_port(const char *variable) {
    const char *name = getenv(variable);
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = name ? (int)if_nametoindex(name) : 0};
    int one = 1, bytes = 4 << 20, fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (!at.sll_ifindex || fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        perror(name ? name : variable);
        exit(1);
    }
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one); // what we send is no news
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);     // a burst must fit
    return fd;
}

// Endpoints and interfaces share one MAC, so a frame needs no rewriting. One that does not fit is dropped.
static void forward(int from, int to) {
    char frame[65536];
    for (int i = 0; i < BATCH; i++) {
        ssize_t length = recv(from, frame, sizeof frame, MSG_DONTWAIT);
        if (length <= 0)
            return;
        if (send(to, frame, (size_t)length, 0) < 0)
            perror("send");
    }
}

int main(void) {
    struct pollfd ports[2] = {{open_port("MQOE_ACCESS_IF"), POLLIN, 0},
                              {open_port("MQOE_CORE_IF"), POLLIN, 0}};
    puts("ready");
    fflush(stdout); // a pipe is not flushed by a line's end
    while (poll(ports, 2, -1) >=
           0) { // sleep, never spin: in a hermetic world time passes only while everybody sleeps
        if (ports[0].revents)
            forward(ports[0].fd, ports[1].fd);
        if (ports[1].revents)
            forward(ports[1].fd, ports[0].fd);
    }
    return 1;
}
