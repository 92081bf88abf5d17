// What the files of the lab engine share. Everything here runs on the engine's own thread.
//
// Functions return 0, or −errno with lab->error filled in; lab->error then names the system call and the
// object.
#pragma once

#include <jansson.h>
#include <net/ethernet.h>
#include <stdbool.h>
#include <stdint.h>

#include "lab/netlink.h"
#include "record/error.h"

#define LAB_PATH   128 // "/run/netns/" and a name
#define LAB_BATCH  64  // operations of one batch
#define LAB_SHARDS 256 // reactors of one dataplane

struct lab_xdp;

struct lab {
    int home;               // the namespace that the engine was opened in
    char current[LAB_PATH]; // path of the namespace the thread is in; "" = home
    bool astray;            // in a namespace without a path: half-way through netns_add
    bool directory_ready;   // /run/netns is a shared mount
    struct netlink netlink; // of the current namespace, opened when first used
    int ioctl_socket;       // likewise; −1 = none
    int settings;           // /proc/sys of a procfs of our own (settings.c); −1 = none
    struct lab_xdp *xdp;
    const char *op; // the operation being done, for messages about its fields
    struct mqoe_error error;
};

// ---- namespaces (netns.c) ----

// "mq-1a2b-access" of "/run/netns/mq-1a2b-access": what people type after `ip netns exec`.
const char *lab_netns_name(const char *path);

// Moves the thread into the namespace at `path` (NULL = home); nothing happens when it is there already.
int lab_enter(struct lab *lab, const char *path);

// The rtnetlink socket of the current namespace; NULL with lab->error filled in.
struct netlink *lab_netlink(struct lab *lab);

// A socket for interface ioctls in the current namespace, or −errno.
int lab_ioctl_socket(struct lab *lab);

// Opens the home namespace; closes everything.
int lab_namespaces_init(struct lab *lab);
void lab_namespaces_done(struct lab *lab);

// ---- settings below /proc/sys (settings.c) ----

// Writes "net/ipv4/ip_forward": "1" … for the current namespace.
int lab_write_sysctls(struct lab *lab, json_t *values);

// Forgets the procfs; at the end of a batch.
void lab_settings_close(struct lab *lab);

// ---- interfaces (interface.c) ----

// Index of `ifname` in the current namespace, or −errno.
int lab_ifindex(struct lab *lab, const char *ifname);

#define IPV6_MINIMUM_MTU 1280 // RFC 8200 §5; below it Linux takes IPv6 off the interface

// True when `ifname` can have IPv6 at all: the kernel has it and the MTU allows it.
bool lab_can_have_ipv6(struct lab *lab, const char *ifname);

// Switches tx checksum, scatter-gather, every segmentation offload and GRO off on `ifname` (current
// namespace) and checks that the kernel obeyed. Call it last: XDP attach and link-up turn GRO on by
// themselves (veth_enable_xdp).
int lab_offloads_off(struct lab *lab, const char *ifname);

// Adds veth's XDP counters of `ifname`, summed over its queues, to `into`. A device without them adds
// nothing.
int lab_add_xdp_counters(struct lab *lab, const char *ifname, json_t *into);

// ---- XDP (xdp.c) ----

enum lab_side { LAB_ACCESS, LAB_CORE };
enum lab_program { LAB_PORT, LAB_TRUNK, LAB_STUB, LAB_PASS };

// File descriptor of a program; −errno (with lab->error) when xdp_open has not been done.
int lab_xdp_program(struct lab *lab, enum lab_side side, enum lab_program program);

// Makes `ifindex` of the current namespace a port: gives it a slot of the device map (returned, ≥ 0) and a
// shard.
int lab_xdp_add_port(struct lab *lab, enum lab_side side, int ifindex, uint32_t shard);
int lab_xdp_set_trunk(struct lab *lab, enum lab_side side, uint32_t shard, int ifindex);

// Which prefixes leave by the port in `slot`, and which ones belong to `shard`. `prefixes` are arrays of
// strings.
int lab_xdp_add_prefixes(struct lab *lab, enum lab_side side, json_t *ipv4, json_t *ipv6, uint32_t slot);
int lab_xdp_add_shard_prefixes(struct lab *lab, enum lab_side side, json_t *ipv4, json_t *ipv6,
                               uint32_t shard);

// {"access":{…},"core":{…},"delivered":n} added to `into`; nothing when xdp_open has not been done.
int lab_xdp_counters(struct lab *lab, json_t *into);
void lab_xdp_close(struct lab *lab);

// ---- operations: each reads its fields from `op` and puts what it found out into `result` ----

typedef int lab_operation(struct lab *lab, json_t *op, json_t *result);
lab_operation lab_op_netns_add, lab_op_netns_del, lab_op_sysctl;
lab_operation lab_op_veth_add, lab_op_endpoint, lab_op_port, lab_op_trunk, lab_op_trunk_peer;
lab_operation lab_op_xdp_open, lab_op_route, lab_op_silence, lab_op_counters;

// Does one operation: finds it by name and refuses unknown fields.
int lab_do(struct lab *lab, json_t *op, json_t *result);

// ---- fields of operations (fields.c) ----

int lab_field_error(struct lab *lab, const char *field, const char *allowed);
int lab_string(struct lab *lab, json_t *op, const char *field, const char **value); // not empty
int lab_path(struct lab *lab, json_t *op, const char *field, const char **value);   // "/run/netns/NAME"
int lab_ifname(struct lab *lab, json_t *op, const char *field, const char **value); // 1 – 15 bytes
int lab_number(struct lab *lab, json_t *op, const char *field, int64_t min, int64_t max, int64_t *value);
int lab_mac(struct lab *lab, json_t *op, const char *field, uint8_t mac[ETH_ALEN]);
int lab_side(struct lab *lab, json_t *op, enum lab_side *side);

// An array of strings; absent = NULL.
int lab_strings(struct lab *lab, json_t *op, const char *field, json_t **value);

// Parses "10.0.0.1" or "2001:db8::/56" of `family` into `bytes` (4 or 16) and *length. False when it is none.
bool lab_parse_prefix(const char *text, int family, uint8_t *bytes, uint8_t *length);
// The same without a length.
bool lab_parse_address(const char *text, int family, uint8_t *bytes);
