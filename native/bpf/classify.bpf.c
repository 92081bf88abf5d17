// The classifier of the kernel dataplane (native/kernel): who a packet belongs to is found once, where it
// enters, and kept in its mark; HTB reads the class from there.
//
//   from_access   ingress of the interface towards the clients: source = a client, destination = a server
//   from_core     ingress of the one towards the servers: destination = a client
//   own_frames    egress of both: what the namespace's own stack made lacks the mark, and is swallowed
//   to_class      filter at an HTB root: class = mark
//
// What the stack would not forward (foreign addresses, an expired TTL, too long a packet) is dropped at the
// entrance and counted: the stack would answer it with ICMP, and no counter would tell those frames apart.
// SPDX-License-Identifier: MIT OR GPL-2.0-only
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "guard.h"

struct prefix4 {
    __u32 length;
    __u8 address[4];
};
struct prefix6 {
    __u32 length;
    __u8 address[16];
};

// Set by the loader before the program is verified.
volatile const struct {
    __u32 mtu;      // longest IP packet
    __u32 counting; // bit per direction: count what passes
} settings = {1500, 0};

struct trie4 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1); // the loader sets the number of prefixes
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct prefix4);
    __type(value, __u32);
};
struct trie6 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct prefix6);
    __type(value, __u32);
};
struct trie4 clients4 SEC(".maps"); // address → client
struct trie6 clients6 SEC(".maps");
struct trie4 servers4 SEC(".maps"); // address → server; only asked whether it is there
struct trie6 servers6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, GUARD_COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1); // the loader sets twice the number of clients when it counts
    __type(key, __u32);
    __type(value, struct guard_passed);
} passed SEC(".maps");

static __always_inline void count(__u32 counter) {
    __u64 *value = bpf_map_lookup_elem(&counters, &counter);
    if (value)
        ++*value;
}

static __always_inline __u32 *find4(void *trie, __be32 address) {
    struct prefix4 key = {.length = 32};
    __builtin_memcpy(key.address, &address, sizeof key.address);
    return bpf_map_lookup_elem(trie, &key);
}

static __always_inline __u32 *find6(void *trie, const struct in6_addr *address) {
    struct prefix6 key = {.length = 128};
    __builtin_memcpy(key.address, address, sizeof key.address);
    return bpf_map_lookup_elem(trie, &key);
}

// The client of a packet that the stack will forward; NULL otherwise. `up`: it comes from a client.
static __always_inline __u32 *client4(struct __sk_buff *skb, int up) {
    struct iphdr ip;
    if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) < 0 || ip.version != 4 || ip.ttl < 2)
        return 0;
    if (up && !find4(&servers4, ip.daddr))
        return 0;
    return up ? find4(&clients4, ip.saddr) : find4(&clients4, ip.daddr);
}

static __always_inline __u32 *client6(struct __sk_buff *skb, int up) {
    struct ipv6hdr ip;
    if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) < 0 || ip.version != 6 || ip.hop_limit < 2)
        return 0;
    if (up && !find6(&servers6, &ip.daddr))
        return 0;
    return up ? find6(&clients6, &ip.saddr) : find6(&clients6, &ip.daddr);
}

static __always_inline void count_passed(struct __sk_buff *skb, __u32 client, int up) {
    __u32 index = client * 2 + (up ? 1 : 0);
    if (!(settings.counting & (up ? 2 : 1)))
        return;
    struct guard_passed *p = bpf_map_lookup_elem(&passed, &index);
    if (p) {
        p->packets++;
        p->bytes += skb->len;
    }
}

static __always_inline int swallow_own(void) {
    count(GUARD_OWN);
    return TC_ACT_STOLEN;
}

static __always_inline int enter(struct __sk_buff *skb, int up) {
    __u32 *client = 0;
    if (skb->pkt_type == PACKET_LOOPBACK) // a multicast of our own, shown to ourselves: never received
        return swallow_own();
    if (skb->len <= settings.mtu + ETH_HLEN) {
        if (skb->protocol == bpf_htons(ETH_P_IP))
            client = client4(skb, up);
        else if (skb->protocol == bpf_htons(ETH_P_IPV6))
            client = client6(skb, up);
    }
    if (!client) {
        count(GUARD_UNCLASSIFIED);
        return TC_ACT_SHOT;
    }
    skb->mark = MQOE_GUARD_MAGIC << 16 | (MQOE_GUARD_MINOR + *client);
    count_passed(skb, *client, up);
    return TC_ACT_OK;
}

SEC("tc")
int from_access(struct __sk_buff *skb) {
    return enter(skb, 1);
}

SEC("tc")
int from_core(struct __sk_buff *skb) {
    return enter(skb, 0);
}

// Stolen, not shot: its maker then thinks it sent, and does not count a discard that would look like a loss.
SEC("tc")
int own_frames(struct __sk_buff *skb) {
    if (skb->mark >> 16 == MQOE_GUARD_MAGIC)
        return TC_ACT_OK;
    return swallow_own();
}

SEC("tc")
int to_class(struct __sk_buff *skb) {
    skb->tc_classid = skb->mark & 0xffff;
    return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
