// Requests and answers over TCP: the connections of a session (session.h) as its script (script.h) sees them.
// The client opens a connection and asks; the server answers with as many bytes as it was asked for. Times
// are arguments, ns since t0; a function that takes `now` may be called from a script's callbacks and timers
// only, which run on the session's reactor.
//
// Everything is allocated before the run: a session has a fixed number of connections and of requests
// (traffic_needs), and a script that wants more is told so.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "traffic/loop.h"
#include "traffic/request.h"

struct traffic_session;
struct traffic_exchange;

enum traffic_result { TRAFFIC_COMPLETE, TRAFFIC_FAILED, TRAFFIC_BROKEN_OFF }; // as transfer.result

// What a script wants of the server.
struct traffic_ask {
    uint64_t up, down; // bytes of the request's body and of its answer; either may be 0
    uint32_t group;    // transfer.group and .label of its record
    uint16_t label;
    // 0: the answer comes in one piece, and so do those of several requests, in their order. Otherwise in
    // frames of so many bytes at most, those of several requests in turn, as HTTP/2 interleaves its streams;
    // the server then holds no more than one such frame back in its socket (TCP_NOTSENT_LOWAT). Of a silent
    // request, which has no answer, the client holds no more back than that.
    uint32_t frame;
    bool silent;     // there is no answer: the request is done when the kernel has taken its last byte
    bool unrecorded; // no `transfer` record of it
    void *context;   // the script's own
};

// A request from its asking to its record.
struct traffic_request {
    struct traffic_ask ask;
    uint32_t index; // 0, 1, 2 … of the session
    bool fresh;     // its connection was opened for it
    bool told;      // the script knows that it is sent
    int64_t asked, sent, first_byte;
    uint64_t head_left, up_left, received; // of the header and the body still to be sent; of the answer
    struct traffic_request *next;
};

// What a socket has sent, as tcp_info counts it; of a session: all its sockets, closed ones too.
struct traffic_totals {
    uint64_t bytes_sent, bytes_retrans, bytes_acked;
    uint32_t total_retrans, delivered, delivered_ce;
};

enum traffic_exchange_state {
    EXCHANGE_FREE,
    EXCHANGE_CONNECTING,
    EXCHANGE_OPEN,
    EXCHANGE_CLOSING, // the client has ended it, and waits for the server to do so
};

// A connection's client end.
struct traffic_exchange {
    struct traffic_source source;
    struct traffic_session *session;
    void *context; // the script's own
    enum traffic_exchange_state state;
    uint32_t number;                      // 0, 1, 2 … of the session
    int64_t connected;                    // 0: not yet
    struct traffic_request *first, *last; // asked and not over yet, in order
    struct traffic_request *sending;      // of these: the first that is not wholly sent; NULL: none
    struct traffic_request *answering;    // whose frame is being read; NULL: a frame's head is
    uint64_t frame_left;                  // of that frame
    uint32_t hello_left, head_got;        // bytes
    uint32_t watched;                     // events it waits for
    uint32_t lowat;                       // TCP_NOTSENT_LOWAT as it is set; 0 = as the socket came
    bool notices;                         // the script is to be told of what was sent
    bool used;                            // a request was asked over it
    bool sender;                          // by its first request more than it gets: its TCP_INFO is sampled
    int errnum;                           // why it will fail, 0: it does not
    struct traffic_exchange *next;        // in the session's list of free or of closing ones
    struct traffic_totals counted;
    uint8_t head[TRAFFIC_ANSWER_HEADER];
};

// Opens a connection: the SYN leaves now. NULL when the session has no connection left. It never calls back
// before it returns: the script hears of `connected`, or of `failed` with the errno (also when not even a
// socket could be made).
struct traffic_exchange *traffic_exchange_open(struct traffic_session *s, void *context, int64_t now);

// Asks over a connection: at once, when it is established, or after the requests before it. The request is
// valid until the end of the callback `done` or `broken` for it. NULL when the session has no request left,
// or when the connection is closing.
struct traffic_request *traffic_exchange_ask(struct traffic_exchange *x, const struct traffic_ask *ask,
                                             int64_t now);

// Ends the connection; it must not be used afterwards. Requests that are not done are recorded as broken off,
// without a callback. `close`: with a FIN, and what the kernel has taken is still delivered (unless requests
// were broken off: then it resets). `abort`: with a reset.
void traffic_exchange_close(struct traffic_exchange *x, int64_t now);
void traffic_exchange_abort(struct traffic_exchange *x, int64_t now);

// Records a request that could not be asked, because there was no connection for it, as failed with `errnum`.
void traffic_exchange_miss(struct traffic_session *s, const struct traffic_ask *ask, int errnum, int64_t now);
