// rtnetlink in bulk: messages are collected, sent together, and the first refusal is reported with what it
// was about.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/error.h"

#define NETLINK_MESSAGES 64
#define NETLINK_BYTES    32768
#define NETLINK_LONGEST  512 // no message of ours is longer

struct netlink {
    struct mnl_socket *socket; // NULL = closed
    uint32_t sequence;         // of the last message begun
    unsigned count;            // messages collected
    size_t used;
    int failed;              // −errno of a flush that nl_begin had to do
    const char *netns;       // for messages
    struct mqoe_error error; // of that flush
    struct {
        const char *type;
        char object[64];
    } labels[NETLINK_MESSAGES];
    char buffer[NETLINK_BYTES];
};

// Opens a socket in the calling thread's namespace; `netns` (kept, not copied) is only for messages.
int netlink_open(struct netlink *nl, const char *netns, struct mqoe_error *e);
void netlink_close(struct netlink *nl);

// Begins a message; `object` says what it is about ("address 10.0.0.1 on eth0"; the namespace is added).
struct nlmsghdr *netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags, const char *object_fmt, ...)
    __attribute__((format(printf, 4, 5)));

// Ends the message begun last: its attributes are complete.
void netlink_end(struct netlink *nl, struct nlmsghdr *m);

// Sends what was collected and waits for the answers. Returns 0, or −errno with *e about the first message
// refused (the kernel goes on with those after it).
int netlink_flush(struct netlink *nl, struct mqoe_error *e);

// Forgets what was collected: an operation that found a bad field half-way sends nothing.
void netlink_discard(struct netlink *nl);

// Asks one question (flags may hold NLM_F_DUMP) and calls `each` for every answer. Nothing may be pending.
int netlink_ask(struct netlink *nl, struct nlmsghdr *m, mnl_cb_t each, void *data, struct mqoe_error *e);
