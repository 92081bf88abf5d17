// What session.c, exchange.c and exchange_server.c share and nobody else needs.
#pragma once

#include "traffic/listen.h"
#include "traffic/script.h"

#define SESSION_WRITE_BYTES (64u * 1024)   // per turn: others do not wait for longer than this takes
#define SESSION_READ_BYTES  (1024u * 1024) // discarded without being copied

// An answer that the server owes. Framed ones take turns, whole ones go in the order of their requests.
struct session_answer {
    uint32_t request, frame;
    uint64_t left; // of the body, beyond the frame that is being sent
    bool begun;    // its first frame's head is made
    struct session_answer *next;
};

// A connection's server end.
struct session_end {
    struct traffic_source source;
    struct traffic_session *session; // NULL: the end is free
    uint32_t got;                    // of the next request's header
    uint64_t up_left;                // of a request's body, still to be read
    struct traffic_request_header request;
    struct session_answer *first, *last; // owed; the first is being sent
    uint32_t head_left;                  // of its frame
    uint64_t frame_left;
    bool used; // a request was read
    bool writing, sender;
    uint32_t lowat; // TCP_NOTSENT_LOWAT as it is set; 0 = as the socket came
    struct traffic_totals counted;
    struct session_end *next, *previous; // among those of its session, or the free ones
    uint8_t head[TRAFFIC_ANSWER_HEADER], header[TRAFFIC_REQUEST_HEADER];
};

struct session_reactor {
    struct sessions *all;
    struct traffic_loop *loop;
    struct traffic_arrivals arrivals;
    struct mqoe_segment *bins, *info, *transfers;
    struct mqoe_segment *records[TRAFFIC_SCRIPTS]; // of the scripts' own
    const struct traffic_endpoint *inside;         // whose namespace the thread is in; NULL: its own
    struct session_end *ends, *free_ends;
    struct session_answer *answers, *free_answers;
    uint32_t sessions, connections, requests; // of its sessions together
};

struct sessions {
    struct traffic_process *process;
    uint16_t kind; // its number among the process's kinds
    struct traffic_session *items;
    struct session_reactor *reactors;
    struct traffic_listener *listeners;
    uint32_t listener_count;
    uint8_t data[SESSION_WRITE_BYTES]; // what every body is of
};

// ---- session.c ----

// `bytes` more of a body were read, by either end.
void session_received(struct traffic_session *s, int64_t now, uint64_t bytes);

// Writes a sample of what one end's socket has sent, and adds it to the session's totals. Before an end is
// closed, and with every sample of the session.
void session_sample(struct traffic_session *s, int fd, struct traffic_totals *counted, int64_t now);

// Options that both ends of a connection have in common. 0 or −errno.
int session_prepare_socket(const struct traffic_session *s, int fd);

// The next close sends a FIN, not a reset.
void session_end_gently(int fd);

// ---- exchange.c ----

// Its pools: 0 or −ENOMEM. The timer is announced by the caller.
int session_exchanges_create(struct traffic_session *s, const struct traffic_needs *needs);
void session_exchanges_destroy(struct traffic_session *s);

// Samples the sending ones of a session's connections.
void session_sample_exchanges(struct traffic_session *s, int64_t now);

// Ends them all: what is under way is recorded as broken off.
void session_end_exchanges(struct traffic_session *s, int64_t now);

// ---- exchange_connect.c ----

// A socket of the session's client that connects to its server, from a port of the seed's for connection
// `number`. Returns its descriptor or −errno.
int session_connect(struct traffic_session *s, uint32_t number);

// ---- exchange_server.c ----

int session_ends_create(struct session_reactor *r);
void session_ends_destroy(struct session_reactor *r);

// Takes over an accepted connection of the session's client.
void session_adopt(struct traffic_session *s, int fd, int64_t now);
void session_sample_ends(struct traffic_session *s, int64_t now);
void session_end_ends(struct traffic_session *s, int64_t now);
