// Hands every frame of a trunk to the AF_XDP socket bound to its queue. A frame that meets no socket (the
// dataplane is starting or gone) is dropped: nothing in the dataplane's namespace routes, and a frame that
// slipped past the shaper would be a lie.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int trunk_to_socket(struct xdp_md *ctx) {
    return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_DROP);
}

char _license[] SEC("license") = "Dual MIT/GPL";
