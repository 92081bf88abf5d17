// A player of adaptive video, as far as the network is concerned: what is buffered, when playback begins,
// runs dry and goes on, and which of several bitrates the next segment is asked for at. Pure: time comes in
// as an argument, in ns; content is counted in ns of playing time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_LADDER 16 // rungs at most

enum traffic_adaptation {
    // As dash.js's ABR strategy of that name (Spiteri, Sitaraman, Sparacio: "From Theory to Practice:
    // Improving
    // Bitrate Adaptation in the DASH Reference Player", MMSys 2018): throughput while the buffer is low, BOLA
    // above.
    TRAFFIC_ADAPT_DYNAMIC,
    // The highest rung below 90 % of the throughput, which is the lower of two moving averages over segments
    // with
    // half-lives of 3 s and 8 s of download time (dash.js's and Shaka Player's estimator).
    TRAFFIC_ADAPT_THROUGHPUT,
    // From the buffer alone (Spiteri, Urgaonkar, Sitaraman: "BOLA: Near-Optimal Bitrate Adaptation for Online
    // Videos", INFOCOM 2016).
    TRAFFIC_ADAPT_BOLA,
};

struct traffic_player_plan {
    int64_t segment;                   // content of one
    int64_t buffer;                    // content held at most; ≥ startup + segment and ≥ resume + segment
    int64_t startup, resume;           // content that playback waits for, at first and after a stall
    uint64_t bitrates[TRAFFIC_LADDER]; // bit/s, ascending
    uint32_t rungs;
    enum traffic_adaptation adaptation;
};

enum traffic_playback {
    TRAFFIC_PLAYBACK_WAITING, // never played yet
    TRAFFIC_PLAYBACK_PLAYING,
    TRAFFIC_PLAYBACK_STALLED,
};

// A moving average of throughput in which a download weighs as much as it lasted, without the bias of a
// beginning at 0.
struct traffic_average {
    double rate;   // bit/s; biased
    double weight; // s
};

struct traffic_player {
    const struct traffic_player_plan *plan;
    enum traffic_playback state;
    int64_t at;       // when the following was true
    int64_t buffered; // content
    int64_t since;    // of `state`: when waiting or the last stall began
    struct traffic_average fast, slow;
    bool by_buffer; // dynamic: BOLA decides
};

// Playback that begins, ends for want of content or goes on.
struct traffic_player_change {
    int64_t time;
    enum traffic_playback state; // from then on
    int64_t waited;              // PLAYING: how long playback was waited for
};

void traffic_player_open(struct traffic_player *player, const struct traffic_player_plan *plan, int64_t now);

// Plays until `now`. True when the buffer ran dry before: *change says when, whenever this is called.
bool traffic_player_advance(struct traffic_player *player, int64_t now, struct traffic_player_change *change);

// A segment of `bytes` is there, `took` ns after it was asked for; the player has been advanced to now. True
// when playback begins or goes on with it.
bool traffic_player_arrived(struct traffic_player *player, uint64_t bytes, int64_t took,
                            struct traffic_player_change *change);

// The rung that the next segment should have, by what is known and buffered now.
uint32_t traffic_player_choose(struct traffic_player *player);

// When there is room for another segment: now, or a time to come.
int64_t traffic_player_room(const struct traffic_player *player);

// bit/s; 0 before the first segment.
double traffic_player_throughput(const struct traffic_player *player);
