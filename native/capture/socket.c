#include "capture/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK_SIZE 131072u
#define FRAME_SIZE 4096u // only a unit of the ring's size: packets take what they need (TPACKET_V3)
#define MIN_BLOCKS 4u

// Cuts every packet: what is beyond never leaves the interface's own memory.
static int cut_to(int fd, uint32_t snaplen) {
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, snaplen)};
    const struct sock_fprog program = {.len = 1, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int make_ring(struct mqoe_capture_socket *s, uint64_t bytes) {
    const int version = TPACKET_V3;
    s->block_size = BLOCK_SIZE;
    s->block_count = bytes / BLOCK_SIZE > MIN_BLOCKS ? (uint32_t)(bytes / BLOCK_SIZE) : MIN_BLOCKS;
    const struct tpacket_req3 request = {.tp_block_size = s->block_size,
                                         .tp_block_nr = s->block_count,
                                         .tp_frame_size = FRAME_SIZE,
                                         .tp_frame_nr = s->block_size / FRAME_SIZE * s->block_count,
                                         .tp_retire_blk_tov = MQOE_CAPTURE_RETIRE_MS};
    if (setsockopt(s->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(s->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0)
        return -errno;
    size_t size = (size_t)s->block_size * s->block_count;
    void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (ring == MAP_FAILED)
        return -errno;
    s->ring = ring;
    return 0;
}

static int bind_to(int fd, const char *interface, struct mqoe_error *e) {
    const struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                        .sll_protocol = htons(ETH_P_ALL),
                                        .sll_ifindex = (int)if_nametoindex(interface)};
    if (!address.sll_ifindex)
        return mqoe_fail(e, errno, "if_nametoindex", "the lab must be built first", "%s", interface);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return mqoe_fail(e, errno, "bind", NULL, "packet socket on %s", interface);
    return 0;
}

int mqoe_capture_socket_open(struct mqoe_capture_socket *s, const char *interface, uint32_t snaplen,
                             uint64_t bytes, struct mqoe_error *e) {
    *s = (struct mqoe_capture_socket)MQOE_CAPTURE_SOCKET_CLOSED;
    s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); // protocol 0: silent until it is bound
    if (s->fd < 0)
        return mqoe_fail(e, errno, "socket", "captures need CAP_NET_RAW", "AF_PACKET on %s", interface);
    if (cut_to(s->fd, snaplen) != 0)
        return mqoe_fail(e, errno, "SO_ATTACH_FILTER", NULL, "packet socket on %s", interface);
    int err = make_ring(s, bytes);
    if (err)
        return mqoe_fail(e, -err, "PACKET_RX_RING", "capture fewer clients at once",
                         "ring of %u blocks on %s", s->block_count, interface);
    return bind_to(s->fd, interface, e);
}

void mqoe_capture_socket_close(struct mqoe_capture_socket *s) {
    if (s->ring)
        munmap(s->ring, (size_t)s->block_size * s->block_count);
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct mqoe_capture_socket)MQOE_CAPTURE_SOCKET_CLOSED;
}

static void hand_over(const struct tpacket_block_desc *block,
                      void (*take)(void *context, const struct mqoe_pcapng_packet *packet), void *context) {
    const uint8_t *at = (const uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
    for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++) {
        const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)at;
        const struct sockaddr_ll *from = (const struct sockaddr_ll *)(at + TPACKET_ALIGN(sizeof *h));
        const struct mqoe_pcapng_packet packet = {.way = from->sll_pkttype == PACKET_OUTGOING ? MQOE_WAY_OUT
                                                                                              : MQOE_WAY_IN,
                                                  .time = h->tp_sec * UINT64_C(1000000000) + h->tp_nsec,
                                                  .data = at + h->tp_mac,
                                                  .captured = h->tp_snaplen,
                                                  .length = h->tp_len};
        take(context, &packet);
        at += h->tp_next_offset;
    }
}

static void count_lost(struct mqoe_capture_socket *s) {
    struct tpacket_stats_v3 stats; // since it was asked for last
    socklen_t length = sizeof stats;
    if (getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0)
        s->lost += stats.tp_drops;
}

void mqoe_capture_socket_read(struct mqoe_capture_socket *s,
                              void (*take)(void *context, const struct mqoe_pcapng_packet *packet),
                              void *context) {
    for (uint32_t i = 0; i < s->block_count; i++) {
        struct tpacket_block_desc *block =
            (struct tpacket_block_desc *)(s->ring + (size_t)s->next * s->block_size);
        if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            break;
        hand_over(block, take, context);
        __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        s->next = (s->next + 1) % s->block_count;
    }
    count_lost(s);
}
