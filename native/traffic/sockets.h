// Sockets with the options that traffic needs, and the machine's limits on them. Every function that makes a
// socket makes it in the calling thread's network namespace; errors name the endpoint, its address and what
// to do.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "record/error.h"
#include "traffic/plan.h"

// A TCP socket bound to the place. Port 0: the kernel chooses one at connect, by the whole four-tuple.
// Closing it always resets the connection (SO_LINGER 0), even when the process is killed: nothing of a run
// lingers. Returns the descriptor or −errno.
int traffic_tcp_socket(const struct traffic_place *place, struct mqoe_error *e);

// A UDP socket, bound likewise, with kernel receive timestamps (SO_TIMESTAMPNS). `reactors` > 1: one of as
// many sockets that share the port; call it once per reactor, in their order, and the kernel gives each
// packet to the reactor that its payload names.
int traffic_udp_socket(const struct traffic_place *place, uint32_t reactors, struct mqoe_error *e);

// A UDP socket for streams, bound likewise, without timestamps. `reactors` > 1 as above; the payload names
// its reactor by its stream's index modulo `reactors`, tagged with `key` (traffic_stream_tag).
int traffic_stream_socket(const struct traffic_place *place, uint32_t reactors, uint64_t key,
                          struct mqoe_error *e);

// Packets that arrived at the socket and found its buffer full since it exists; 0 when the kernel does not
// say.
uint32_t traffic_socket_drops(int fd);

// The traffic class of what the socket sends: DSCP in the upper six bits; the two ECN bits are TCP's own
// business on a TCP socket (the kernel keeps its own). Returns 0 or −errno.
int traffic_set_class(int fd, enum traffic_family family, int dscp, int ecn);

// Sends at most at `rate` bit/s (SO_MAX_PACING_RATE: TCP's own pacing); 0 = as fast as TCP likes. 0 or
// −errno.
int traffic_set_pacing(int fd, uint64_t rate);

// Selects a congestion control; an unavailable one is an error that lists the available ones.
int traffic_set_congestion(int fd, const char *name, struct mqoe_error *e);

// Text of the kernel's list ("reno bbr cubic"); "" when it cannot be read.
void traffic_congestion_available(char *text, size_t size);

// Raises the soft descriptor limit to the hard one and checks that `needed` fit. *limit receives what is in
// force.
int traffic_descriptors(uint64_t needed, uint64_t *limit, struct mqoe_error *e);
