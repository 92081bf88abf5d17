// What the kernel counted: qdiscs, links, IP stack and classifier.
#pragma once

#include "kernel/tree.h"

// One direction of one client, cumulative. Qdiscs count what left them, what they dropped and what they hold.
struct mqoe_queue_count {
    uint64_t out_packets, out_bytes; // frames
    uint64_t aqm, overflow, marks;   // packets
    uint64_t ack_drops;              // packets, part of `aqm`: cake's ACK filter
    uint32_t backlog_packets, backlog_bytes;
};

struct mqoe_link_count {
    uint64_t rx, tx, rx_dropped, tx_dropped;
};

struct mqoe_kernel_counters {
    struct mqoe_queue_count *queues; // [client × 2 + direction]
    uint32_t queue_count;
    struct mqoe_link_count link[2]; // by the direction that leaves there
    uint32_t held;                  // packets in the qdiscs of both interfaces
    uint64_t foreign_drops;         // of a root qdisc that is not ours (the lab's FIFO)
    uint64_t unclassified, own;     // see bpf/guard.h
    uint64_t ip_in, ip_out;         // discards of the IP stacks: received and refused; not sent
};

// The sum of all queues and the rest, in the words of docs/control.md.
struct mqoe_kernel_accounting {
    uint64_t in, out, aqm, overflow, rig, unclassified, tx_dropped;
    uint32_t held;
};

// What a dump's qdisc says of its tins (kernel/tins.h).
struct mqoe_qdisc_tins;
typedef void (*mqoe_tins_sink)(void *context, uint32_t queue, const struct mqoe_qdisc_tins *tins);

struct mqoe_kernel_reader {
    const struct mqoe_tree *tree;
    const struct mqoe_classify *classify;
    int snmp, snmp6; // /proc/net/snmp of the namespace; snmp6 −1 without IPv6
    struct mqoe_kernel_counters now, start;
    json_t *details;     // while mqoe_kernel_read_details runs
    mqoe_tins_sink tins; // while mqoe_kernel_read_tins runs
    void *tins_context;
};

// Opens the reader in the thread's namespace; what was counted up to now is not the run's. The arguments must
// outlive it. Returns 0 or −errno with *e filled; mqoe_kernel_reader_close is right in both cases.
int mqoe_kernel_reader_open(struct mqoe_kernel_reader *r, const struct mqoe_tree *tree,
                            const struct mqoe_classify *classify, struct mqoe_error *e);
void mqoe_kernel_reader_close(struct mqoe_kernel_reader *r);

// Reads everything into r->now: one dump of all qdiscs, one question per link. ENODEV with *e filled when an
// interface went away.
int mqoe_kernel_read(struct mqoe_kernel_reader *r, struct mqoe_error *e);

// The same, and what the qdiscs say of themselves in tc's words: an array with an object per client and
// direction, a new reference; NULL with *e filled.
json_t *mqoe_kernel_read_details(struct mqoe_kernel_reader *r, struct mqoe_error *e);

// The same as mqoe_kernel_read, and `sink` gets the tins of every queue that has a qdisc, in the kernel's
// order.
int mqoe_kernel_read_tins(struct mqoe_kernel_reader *r, mqoe_tins_sink sink, void *context,
                          struct mqoe_error *e);

// What happened since the reader was opened, from r->now.
struct mqoe_kernel_accounting mqoe_kernel_account(const struct mqoe_kernel_reader *r);

// in − out − drops − held: 0 when nothing moves, or a frame was lost between two counters.
int64_t mqoe_kernel_missing(const struct mqoe_kernel_accounting *a);
