// The two switches of a lab (DESIGN §3). This object is loaded once for `access` and once for `core`:
//
//   port   on the far end of every endpoint's veth pair: unicast IPv4/IPv6 goes to the trunk of the client's
//   shard trunk  on the lab's end of every trunk: longest prefix of the destination decides which port it
//   leaves by stub   on every endpoint's eth0: passes and counts. A redirect into a veth needs an XDP program
//   (NAPI) on its peer pass   the same without counting, for trunk ends whose frames the kernel itself
//   forwards
//
// Which shard a frame entering by a port belongs to: in `access` the port is the client, so the ingress
// ifindex says it; in `core` every server reaches every client, so the client's address, the destination,
// says it. SPDX-License-Identifier: MIT OR GPL-2.0-only
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "counters.h"

#define MAX_PREFIXES (1 << 20)

struct prefix4 {
    __u32 length;
    __u8 address[4];
};
struct prefix6 {
    __u32 length;
    __u8 address[16];
};

volatile const __u32 is_core = 0; // set by the loader before the program is verified

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1); // the loader sets the number of ports
    __type(key, __u32);
    __type(value, __u32);
} port_devices SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1); // the loader sets the number of shards
    __type(key, __u32);
    __type(value, __u32);
} trunk_devices SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1); // the loader sets the number of ports
    __type(key, __u32);     // ingress ifindex
    __type(value, __u32);   // shard
} port_shards SEC(".maps");

struct trie4 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, MAX_PREFIXES);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct prefix4);
    __type(value, __u32);
};
struct trie6 {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, MAX_PREFIXES);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct prefix6);
    __type(value, __u32);
};
struct trie4 ports4 SEC(".maps"); // destination → slot of port_devices
struct trie6 ports6 SEC(".maps");
struct trie4 shards4 SEC(".maps"); // `core` only: destination → shard
struct trie6 shards6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 counter) {
    __u64 *value = bpf_map_lookup_elem(&counters, &counter);
    if (value)
        ++*value;
}

// What both switches want to know of a frame; `family` 0 = control: not ours to forward.
struct destination {
    __u32 family;
    union {
        struct prefix4 v4;
        struct prefix6 v6;
    };
};

// 224/4 multicast, 240/4 incl. broadcast, 169.254/16 link-local, 0/8 and 127/8, which never leave a host.
static __always_inline int is_local4(__u32 address) {
    __u32 a = bpf_ntohl(address);
    return a >= 0xe0000000 || a >> 16 == 0xa9fe || a >> 24 == 127 || a >> 24 == 0;
}

// Multicast ff00::/8, link-local fe80::/10, and :: as the source of MLD and DAD.
static __always_inline int is_local6(const struct in6_addr *a) {
    const __u32 *w = a->in6_u.u6_addr32;
    __u32 top = bpf_ntohl(w[0]);
    return top >> 24 == 0xff || top >> 22 == 0xfe80 >> 6 || !(w[0] | w[1] | w[2] | w[3]);
}

// Neighbour discovery between unicast addresses (RFC 4861: types 133 – 137) and MLD (RFC 2710, 3810: 130 –
// 132, 143).
static __always_inline int is_link_icmp6(const struct ipv6hdr *ip, void *end) {
    const __u8 *type = (void *)(ip + 1);
    if (ip->nexthdr != IPPROTO_ICMPV6 || (void *)(type + 1) > end)
        return 0;
    return (*type >= 130 && *type <= 137) || *type == 143;
}

static __always_inline void parse4(const struct iphdr *ip, void *end, struct destination *to) {
    if ((void *)(ip + 1) > end || ip->version != 4 || is_local4(ip->daddr) || is_local4(ip->saddr))
        return;
    to->family = 4;
    to->v4.length = 32;
    __builtin_memcpy(to->v4.address, &ip->daddr, 4);
}

static __always_inline void parse6(const struct ipv6hdr *ip, void *end, struct destination *to) {
    if ((void *)(ip + 1) > end || ip->version != 6 || is_local6(&ip->daddr) || is_local6(&ip->saddr) ||
        is_link_icmp6(ip, end))
        return;
    to->family = 6;
    to->v6.length = 128;
    __builtin_memcpy(to->v6.address, &ip->daddr, 16);
}

// Everything but unicast IPv4 and IPv6 is control: ARP, VLAN-tagged frames, LLDP, group addresses, truncated
// headers.
static __always_inline void classify(struct xdp_md *ctx, struct destination *to) {
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __builtin_memset(to, 0, sizeof *to);
    if ((void *)(eth + 1) > end || eth->h_dest[0] & 1)
        return;
    if (eth->h_proto == bpf_htons(ETH_P_IP))
        parse4((void *)(eth + 1), end, to);
    else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
        parse6((void *)(eth + 1), end, to);
}

static __always_inline __u32 *shard_of(struct xdp_md *ctx, struct destination *to) {
    if (!is_core) {
        __u32 ifindex = ctx->ingress_ifindex;
        return bpf_map_lookup_elem(&port_shards, &ifindex);
    }
    return to->family == 4 ? bpf_map_lookup_elem(&shards4, &to->v4) : bpf_map_lookup_elem(&shards6, &to->v6);
}

// The redirect only names the device; a full ring behind it shows in that veth's xdp_xmit_errors.
static __always_inline int forward(void *devices, __u32 *slot, __u32 counter) {
    long action = slot ? bpf_redirect_map(devices, *slot, XDP_DROP) : XDP_DROP;
    count(action == XDP_REDIRECT ? counter : COUNT_UNMATCHED);
    return action;
}

static __always_inline int control(void) {
    count(COUNT_CONTROL);
    return XDP_DROP;
}

SEC("xdp")
int port(struct xdp_md *ctx) {
    struct destination to;
    classify(ctx, &to);
    if (!to.family)
        return control();
    count(COUNT_IN);
    return forward(&trunk_devices, shard_of(ctx, &to), COUNT_TO_TRUNK);
}

SEC("xdp")
int trunk(struct xdp_md *ctx) {
    struct destination to;
    classify(ctx, &to);
    if (!to.family)
        return control();
    __u32 *slot =
        to.family == 4 ? bpf_map_lookup_elem(&ports4, &to.v4) : bpf_map_lookup_elem(&ports6, &to.v6);
    return forward(&port_devices, slot, COUNT_TO_PORT);
}

SEC("xdp")
int stub(struct xdp_md *ctx) {
    count(COUNT_DELIVERED);
    return XDP_PASS;
}

SEC("xdp")
int pass(struct xdp_md *ctx) {
    return XDP_PASS;
}

// None of the helpers used here is GPL-only; the kernel wants the string to know.
char _license[] SEC("license") = "Dual MIT/GPL";
