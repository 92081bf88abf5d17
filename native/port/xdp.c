#include "port/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdint.h>
#include <unistd.h>

#include "bpf/embed.h"

EMBED_BPF(mqoe_xsk_program, "xsk.bpf.o");

static int load(struct mqoe_xdp *x, struct mqoe_error *e) {
    libbpf_set_print(NULL); // its words go to stderr in a form that is not ours; errno says what is needed
    x->object = bpf_object__open_mem(mqoe_xsk_program_start,
                                     (size_t)(mqoe_xsk_program_end - mqoe_xsk_program_start), NULL);
    if (!x->object)
        return mqoe_fail(e, errno, "bpf_object__open_mem", NULL, "XDP program xsk.bpf.o");
    int err = bpf_object__load(x->object);
    if (err)
        return mqoe_fail(e, -err, "bpf(BPF_PROG_LOAD)",
                         err == -EPERM ? "needs CAP_BPF and CAP_NET_ADMIN (or root)"
                                       : "the kernel needs CONFIG_XDP_SOCKETS",
                         "XDP program xsk.bpf.o");
    return 0;
}

static const char *attach_hint(int err) {
    if (err == EBUSY || err == EEXIST)
        return "another XDP program is attached there: ip link set dev … xdp off";
    if (err == EPERM || err == EACCES)
        return "needs CAP_BPF and CAP_NET_ADMIN (or root)";
    return "a trunk must be an interface whose driver runs XDP, such as veth (MTU, queues; see mqoe doctor)";
}

// Natively or not at all: generic XDP on one end of a veth pair leaves the other without NAPI, and what is
// redirected there is dropped without a word.
static int attach(struct mqoe_xdp *x, const char *name, int ifindex, struct mqoe_error *e) {
    const struct bpf_program *program = bpf_object__find_program_by_name(x->object, "trunk_to_socket");
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
    x->link = program ? bpf_link_create(bpf_program__fd(program), ifindex, BPF_XDP, &opts) : -ENOENT;
    if (x->link >= 0)
        return 0;
    int err = -x->link;
    return mqoe_fail(e, err, "bpf(BPF_LINK_CREATE)", attach_hint(err), "native XDP on %s", name);
}

int mqoe_xdp_attach(struct mqoe_xdp *x, const char *name, int ifindex, int socket, struct mqoe_error *e) {
    *x = (struct mqoe_xdp){.link = -1};
    int err = load(x, e);
    if (!err) {
        const uint32_t queue = 0;
        int map = bpf_object__find_map_fd_by_name(x->object, "sockets");
        if (map < 0 || bpf_map_update_elem(map, &queue, &socket, BPF_ANY) != 0)
            err = mqoe_fail(e, map < 0 ? -map : errno, "bpf(BPF_MAP_UPDATE_ELEM)", NULL, "socket map of %s",
                            name);
    }
    if (!err)
        err = attach(x, name, ifindex, e);
    if (err)
        mqoe_xdp_detach(x);
    return err;
}

void mqoe_xdp_detach(struct mqoe_xdp *x) {
    if (x->link >= 0)
        close(x->link);
    if (x->object)
        bpf_object__close(x->object);
    *x = (struct mqoe_xdp){.link = -1};
}
