#include "kernel/qdisc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#define US              1000u // ns
#define FILTER_PRIORITY 1u
#define PROBE_HANDLE    TC_H_MAKE(0x7fffu << 16, 0)
#define CAKE_TARGETS    20 // cake's target is this part of its interval, as with tc's `rtt`

// From linux/pkt_sched.h of 6.17 (enum TCA_DUALPI2_…), which the headers here lack.
enum {
    DUALPI2_LIMIT = 1,
    DUALPI2_MEMORY_LIMIT,
    DUALPI2_TARGET,
    DUALPI2_TUPDATE,
    DUALPI2_ALPHA,
    DUALPI2_BETA,
    DUALPI2_STEP_THRESH_PKTS,
    DUALPI2_STEP_THRESH_US,
    DUALPI2_MIN_QLEN_STEP,
    DUALPI2_COUPLING,
    DUALPI2_DROP_OVERLOAD,
    DUALPI2_DROP_EARLY,
    DUALPI2_C_PROTECTION,
    DUALPI2_ECN_MASK,
};

static struct nlmsghdr *begin(struct netlink *nl, const struct mqoe_tc_device *dev, uint16_t type,
                              uint16_t flags, uint32_t parent, uint32_t handle, const char *noun,
                              const char *kind) {
    struct nlmsghdr *m = netlink_begin(nl, type, flags, "%s %s on %s", noun, kind, dev->name);
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
    t->tcm_family = AF_UNSPEC;
    t->tcm_ifindex = dev->ifindex;
    t->tcm_parent = parent;
    t->tcm_handle = handle;
    mnl_attr_put_strz(m, TCA_KIND, kind);
    return m;
}

// Rounded up: a time that is not 0 must not become 0, which dualpi2 takes as "everything".
static void put_us(struct nlmsghdr *m, uint16_t type, uint64_t ns) {
    mnl_attr_put_u32(m, type, (uint32_t)((ns + US - 1) / US));
}

static uint32_t clamp32(uint64_t value) {
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

// ---- options of each discipline ----

static void put_fq_codel(struct nlmsghdr *m, const struct mqoe_kernel_codel *q, bool create) {
    mnl_attr_put_u32(m, TCA_FQ_CODEL_LIMIT, q->limit);
    if (create)
        mnl_attr_put_u32(m, TCA_FQ_CODEL_FLOWS, q->flows); // never changes
    mnl_attr_put_u32(m, TCA_FQ_CODEL_QUANTUM, q->quantum);
    put_us(m, TCA_FQ_CODEL_INTERVAL, q->interval);
    put_us(m, TCA_FQ_CODEL_TARGET, q->target);
    mnl_attr_put_u32(m, TCA_FQ_CODEL_ECN, q->ecn);
    if (q->ce_threshold >= 0)
        put_us(m, TCA_FQ_CODEL_CE_THRESHOLD, (uint64_t)q->ce_threshold);
    mnl_attr_put_u32(m, TCA_FQ_CODEL_MEMORY_LIMIT, clamp32(q->memory_limit));
}

static void put_codel(struct nlmsghdr *m, const struct mqoe_kernel_codel *q) {
    mnl_attr_put_u32(m, TCA_CODEL_LIMIT, q->limit);
    put_us(m, TCA_CODEL_INTERVAL, q->interval);
    put_us(m, TCA_CODEL_TARGET, q->target);
    mnl_attr_put_u32(m, TCA_CODEL_ECN, q->ecn);
    if (q->ce_threshold >= 0)
        put_us(m, TCA_CODEL_CE_THRESHOLD, (uint64_t)q->ce_threshold);
}

static void put_dualpi2(struct nlmsghdr *m, const struct mqoe_kernel_dualpi2 *q) {
    mnl_attr_put_u32(m, DUALPI2_LIMIT, q->limit);
    mnl_attr_put_u32(m, DUALPI2_MEMORY_LIMIT, clamp32(q->memory_limit));
    put_us(m, DUALPI2_TARGET, q->target);
    put_us(m, DUALPI2_TUPDATE, q->tupdate);
    mnl_attr_put_u32(m, DUALPI2_ALPHA, q->alpha);
    mnl_attr_put_u32(m, DUALPI2_BETA, q->beta);
    if (q->step_in_packets) // which of the two is there says the unit
        mnl_attr_put_u32(m, DUALPI2_STEP_THRESH_PKTS, (uint32_t)q->step_threshold);
    else
        put_us(m, DUALPI2_STEP_THRESH_US, q->step_threshold);
    mnl_attr_put_u32(m, DUALPI2_MIN_QLEN_STEP, q->min_qlen_step);
    mnl_attr_put_u8(m, DUALPI2_COUPLING, q->coupling);
    mnl_attr_put_u8(m, DUALPI2_DROP_OVERLOAD, q->drop_on_overload);
    mnl_attr_put_u8(m, DUALPI2_DROP_EARLY, q->drop_early);
    mnl_attr_put_u8(m, DUALPI2_C_PROTECTION, q->classic_protection);
    mnl_attr_put_u8(m, DUALPI2_ECN_MASK, q->ecn_mask);
}

// `overhead` makes cake count from the network layer, and `raw`, which the kernel reads after it, from the
// frame again: both are always said, so that a change can go either way.
static void put_cake_framing(struct nlmsghdr *m, const struct mqoe_framing *f) {
    static const uint32_t cells[] = {
        [MQOE_CELL_NONE] = CAKE_ATM_NONE, [MQOE_CELL_ATM] = CAKE_ATM_ATM, [MQOE_CELL_PTM] = CAKE_ATM_PTM};
    mnl_attr_put_u32(m, TCA_CAKE_OVERHEAD, (uint32_t)(int32_t)f->overhead);
    if (f->base == MQOE_FRAMING_FRAME)
        mnl_attr_put_u32(m, TCA_CAKE_RAW, 0);
    mnl_attr_put_u32(m, TCA_CAKE_MPU, f->mpu);
    mnl_attr_put_u32(m, TCA_CAKE_ATM, cells[f->cell]);
}

static void put_cake(struct nlmsghdr *m, const struct mqoe_kernel_shaper *s) {
    const struct mqoe_kernel_cake *q = &s->cake;
    mnl_attr_put_u64(m, TCA_CAKE_BASE_RATE64, s->rate / 8); // 0 = unlimited
    mnl_attr_put_u32(m, TCA_CAKE_DIFFSERV_MODE, q->tins);
    mnl_attr_put_u32(m, TCA_CAKE_FLOW_MODE, q->isolation);
    put_cake_framing(m, &s->framing);
    put_us(m, TCA_CAKE_RTT, q->rtt);
    put_us(m, TCA_CAKE_TARGET, q->rtt / CAKE_TARGETS < US ? US : q->rtt / CAKE_TARGETS);
    mnl_attr_put_u32(m, TCA_CAKE_MEMORY, (uint32_t)q->memory_limit);
    if (q->nat) // a kernel without conntrack refuses the word, whatever its value
        mnl_attr_put_u32(m, TCA_CAKE_NAT, 1);
    mnl_attr_put_u32(m, TCA_CAKE_WASH, q->wash);
    mnl_attr_put_u32(m, TCA_CAKE_INGRESS, q->ingress);
    mnl_attr_put_u32(m, TCA_CAKE_ACK_FILTER, q->ack_filter);
    mnl_attr_put_u32(m, TCA_CAKE_SPLIT_GSO, q->split_gso);
    mnl_attr_put_u32(m, TCA_CAKE_AUTORATE, q->autorate_ingress);
}

static void put_options(struct nlmsghdr *m, const struct mqoe_kernel_shaper *s, bool create) {
    if (s->discipline == MQOE_KERNEL_PFIFO || s->discipline == MQOE_KERNEL_BFIFO) {
        bool packets = s->discipline == MQOE_KERNEL_PFIFO;
        const struct tc_fifo_qopt options = {.limit = packets ? s->pfifo_limit : s->bfifo_limit};
        mnl_attr_put(m, TCA_OPTIONS, sizeof options, &options);
        return;
    }
    struct nlattr *nest = mnl_attr_nest_start(m, TCA_OPTIONS);
    if (s->discipline == MQOE_KERNEL_FQ_CODEL)
        put_fq_codel(m, &s->codel, create);
    else if (s->discipline == MQOE_KERNEL_CODEL)
        put_codel(m, &s->codel);
    else if (s->discipline == MQOE_KERNEL_DUALPI2)
        put_dualpi2(m, &s->dualpi2);
    else if (s->discipline == MQOE_KERNEL_CAKE)
        put_cake(m, s);
    mnl_attr_nest_end(m, nest);
}

// ---- messages ----

void mqoe_qdisc_remove(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t parent,
                       uint32_t handle) {
    struct mqoe_error ignored; // it was not there
    struct nlmsghdr *m = netlink_begin(nl, RTM_DELQDISC, 0, "qdisc on %s", dev->name);
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
    t->tcm_family = AF_UNSPEC;
    t->tcm_ifindex = dev->ifindex;
    t->tcm_parent = parent;
    t->tcm_handle = handle;
    netlink_end(nl, m);
    netlink_flush(nl, &ignored);
}

void mqoe_qdisc_set(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t parent, uint32_t handle,
                    const struct mqoe_kernel_shaper *shaper, bool create) {
    uint16_t flags = create ? NLM_F_CREATE | NLM_F_REPLACE : 0;
    struct nlmsghdr *m =
        begin(nl, dev, RTM_NEWQDISC, flags, parent, handle, "qdisc", mqoe_kernel_kind(shaper->discipline));
    put_options(m, shaper, create);
    netlink_end(nl, m);
}

void mqoe_qdisc_add_htb(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t default_minor) {
    struct nlmsghdr *m = begin(nl, dev, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, TC_H_ROOT,
                               MQOE_HTB_HANDLE, "qdisc", "htb");
    const struct tc_htb_glob options = {.version = 3, .rate2quantum = 10, .defcls = default_minor};
    struct nlattr *nest = mnl_attr_nest_start(m, TCA_OPTIONS);
    mnl_attr_put(m, TCA_HTB_INIT, sizeof options, &options);
    mnl_attr_nest_end(m, nest);
    netlink_end(nl, m);
}

void mqoe_class_set(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t classid,
                    const struct mqoe_htb_class *c, bool create) {
    uint16_t flags = create ? NLM_F_CREATE | NLM_F_EXCL : 0;
    struct nlmsghdr *m = begin(nl, dev, RTM_NEWTCLASS, flags, MQOE_HTB_HANDLE, classid, "class", "htb");
    struct nlattr *nest = mnl_attr_nest_start(m, TCA_OPTIONS);
    mnl_attr_put(m, TCA_HTB_PARMS, sizeof c->options, &c->options);
    if (c->rate64) {
        mnl_attr_put_u64(m, TCA_HTB_RATE64, c->rate64);
        mnl_attr_put_u64(m, TCA_HTB_CEIL64, c->rate64);
    }
    mnl_attr_nest_end(m, nest);
    netlink_end(nl, m);
}

void mqoe_qdisc_add_clsact(struct netlink *nl, const struct mqoe_tc_device *dev) {
    struct nlmsghdr *m =
        begin(nl, dev, RTM_NEWQDISC, NLM_F_CREATE, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0), "qdisc", "clsact");
    netlink_end(nl, m);
}

void mqoe_filter_add_bpf(struct netlink *nl, const struct mqoe_tc_device *dev, uint32_t parent, int program,
                         const char *name, uint32_t classid) {
    struct nlmsghdr *m =
        begin(nl, dev, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, parent, 0, "filter", "bpf");
    struct tcmsg *t = mnl_nlmsg_get_payload(m);
    t->tcm_info = TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL));
    struct nlattr *nest = mnl_attr_nest_start(m, TCA_OPTIONS);
    mnl_attr_put_u32(m, TCA_BPF_FD, (uint32_t)program);
    mnl_attr_put_strz(m, TCA_BPF_NAME, name);
    mnl_attr_put_u32(m, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    if (classid)
        mnl_attr_put_u32(m, TCA_BPF_CLASSID, classid);
    mnl_attr_nest_end(m, nest);
    netlink_end(nl, m);
}

// ---- what a kernel lacks ----

// The module, or built-in part, that holds a qdisc or classifier: cake → sch_cake.
static const char *module_of(const char *noun, const char *kind, char *to, size_t size) {
    if (!strcmp(kind, "pfifo") || !strcmp(kind, "bfifo"))
        snprintf(to, size, "sch_fifo");
    else if (!strcmp(kind, "clsact"))
        snprintf(to, size, "sch_ingress");
    else
        snprintf(to, size, "%s_%s", !strcmp(noun, "filter") ? "cls" : "sch", kind);
    return to;
}

static int unsupported(const char *noun, const char *kind, const char *device, struct mqoe_error *e) {
    struct utsname system;
    char module[48], hint[sizeof e->hint];
    uname(&system);
    snprintf(hint, sizeof hint, "this kernel (%.*s) has no %s", (int)strcspn(system.release, "-+"),
             system.release, module_of(noun, kind, module, sizeof module));
    const char *syscall = !strcmp(noun, "filter") ? "RTM_NEWTFILTER" : "RTM_NEWQDISC";
    return mqoe_fail(e, EOPNOTSUPP, syscall, hint, "%s %s on %s", noun, kind, device);
}

int mqoe_tc_unsupported(const char *kind, const char *device, struct mqoe_error *e) {
    return unsupported("qdisc", kind, device, e);
}

bool mqoe_tc_knows(struct netlink *nl, const char *kind) {
    const struct mqoe_tc_device lo = {.ifindex = (int)if_nametoindex("lo"), .name = "lo"};
    struct mqoe_error e;
    // Without options: what needs some says EINVAL. Only an unknown kind is ENOENT where all may be created.
    struct nlmsghdr *m =
        begin(nl, &lo, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, TC_H_ROOT, PROBE_HANDLE, "qdisc", kind);
    netlink_end(nl, m);
    int result = netlink_flush(nl, &e);
    if (!result)
        mqoe_qdisc_remove(nl, &lo, TC_H_ROOT, PROBE_HANDLE);
    return result != -ENOENT;
}

int mqoe_tc_flush(struct netlink *nl, struct mqoe_error *e) {
    int result = netlink_flush(nl, e);
    char noun[16], kind[32], device[16];
    // The objects are those that begin() made.
    if (result != -ENOENT || sscanf(e->object, "%15s %31s on %15s", noun, kind, device) != 3)
        return result;
    bool lacks = !strcmp(noun, "filter") || (!strcmp(noun, "qdisc") && !mqoe_tc_knows(nl, kind));
    return lacks ? unsupported(noun, kind, device, e) : result;
}
