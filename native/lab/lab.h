// The lab engine: namespaces, links, addresses, routes, neighbours, offloads and XDP programs, in bulk, on a
// thread of its own. Node calls these functions through koffi (harness/ffi is the only place that declares
// them); they never block for longer than it takes to queue a text, and never change the namespace of the
// calling thread.
#pragma once

#include <stdint.h>

// Starts the engine's thread. Answers are written to the returned file descriptor (a pipe's read end, owned
// by the caller) as JSON lines. Returns the descriptor, or −errno. One engine per process.
int mqoe_lab_open(void);

// Queues one batch: {"id":7,"ops":[{"op":"netns_add",…}, …]} with at most 64 operations, executed in order;
// the text is copied. The first operation that fails ends its batch; what was done stays done. Answers, in
// order:
//   {"id":7,"done":12,"of":64}                              progress, at most every 50 ms
//   {"id":7,"ok":true,"results":[…one object per op…]}
//   {"id":7,"ok":false,"error":{"op":12,"syscall":"RTM_NEWLINK","object":"veth c1 in
//   mq-1a2b-access","errno":17,
//                               "code":"EEXIST","message":"File exists"},"results":[…of the ops done…]}
// Operations (fields and answers in full, typed: harness/ffi/lab-ops.ts). Namespaces are paths,
// /run/netns/NAME. A field that is unknown or wrong fails with syscall "lab", EINVAL and the field's name,
// before anything is done.
//   netns_add path                              EEXIST when the name is taken, whoever holds it
//   netns_del path [missing_ok]
//   sysctl netns values{"net/…":"1"}
//   veth_add mtu a{netns,name[,mac]} b{…}       → {"a":ifindex,"b":ifindex}; both ends stay down
//   xdp_open access core ports shards           loads native/bpf/redirect.bpf.c for both sides; first of
//   those below endpoint netns ifname mac mtu ipv4[] ipv6[] [gateway4] [gateway6] [sysctl] [initcwnd]     →
//   {"ifindex":n} port side netns ifname shard ipv4[] ipv6[]  → {"ifindex":n,"slot":n} route side shard
//   ipv4[] ipv6[]              core only: which shard the frames for these prefixes belong to trunk side
//   netns ifname shard               → {"ifindex":n} trunk_peer netns ifname mac [stub]          →
//   {"ifindex":n} silence netns families[]     nothing leaves by the default route any more; counters
//   namespaces[]   →
//   {"access":{…},"core":{…},"delivered":n,"links":{"PATH/IFNAME":{…}}}
// Returns 0 or −errno (−EINVAL: no JSON, −E2BIG: more than 64 ops, −EBADF: not open).
int mqoe_lab_submit(const char *batch);

// Finishes the batches already queued, stops the thread and closes the answer pipe's write end.
void mqoe_lab_close(void);

// CLOCK_MONOTONIC now, ns.
uint64_t mqoe_clock_monotonic(void);
