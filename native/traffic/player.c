#include "traffic/player.h"

#include <math.h>

#define SECOND         1e9
#define HALF_LIFE_FAST 3.0 // s of download time
#define HALF_LIFE_SLOW 8.0
#define SAFETY         0.9
#define LOW_BUFFER     INT64_C(10000000000) // below it, throughput decides; BOLA begins to leave the lowest rung

void traffic_player_open(struct traffic_player *player, const struct traffic_player_plan *plan, int64_t now) {
    *player = (struct traffic_player){.plan = plan, .at = now, .since = now};
}

// ---- playback ----

bool traffic_player_advance(struct traffic_player *player, int64_t now,
                            struct traffic_player_change *change) {
    int64_t elapsed = now - player->at;
    if (elapsed <= 0)
        return false;
    player->at = now;
    if (player->state != TRAFFIC_PLAYBACK_PLAYING)
        return false;
    player->buffered -= elapsed;
    if (player->buffered >= 0)
        return false;
    player->state = TRAFFIC_PLAYBACK_STALLED;
    player->since = now + player->buffered; // what is missing was due then
    player->buffered = 0;
    *change = (struct traffic_player_change){.time = player->since, .state = TRAFFIC_PLAYBACK_STALLED};
    return true;
}

static void learn(struct traffic_average *average, double half_life, double rate, double seconds) {
    double kept = exp2(-seconds / half_life);
    average->rate = rate * (1 - kept) + average->rate * kept;
    average->weight += seconds;
}

bool traffic_player_arrived(struct traffic_player *player, uint64_t bytes, int64_t took,
                            struct traffic_player_change *change) {
    const struct traffic_player_plan *plan = player->plan;
    if (took > 0) {
        double seconds = (double)took / SECOND, rate = (double)bytes * 8 / seconds;
        learn(&player->fast, HALF_LIFE_FAST, rate, seconds);
        learn(&player->slow, HALF_LIFE_SLOW, rate, seconds);
    }
    player->buffered += plan->segment;
    if (player->state == TRAFFIC_PLAYBACK_PLAYING)
        return false;
    int64_t wanted = player->state == TRAFFIC_PLAYBACK_WAITING ? plan->startup : plan->resume;
    if (player->buffered < wanted)
        return false;
    player->state = TRAFFIC_PLAYBACK_PLAYING;
    *change = (struct traffic_player_change){
        .time = player->at, .state = TRAFFIC_PLAYBACK_PLAYING, .waited = player->at - player->since};
    return true;
}

int64_t traffic_player_room(const struct traffic_player *player) {
    int64_t excess = player->buffered + player->plan->segment - player->plan->buffer;
    return excess > 0 ? player->at + excess : player->at;
}

// ---- adaptation ----

static double average_of(const struct traffic_average *average, double half_life) {
    return average->weight > 0 ? average->rate / (1 - exp2(-average->weight / half_life)) : 0;
}

double traffic_player_throughput(const struct traffic_player *player) {
    return fmin(average_of(&player->fast, HALF_LIFE_FAST), average_of(&player->slow, HALF_LIFE_SLOW));
}

static uint32_t by_throughput(const struct traffic_player *player) {
    const struct traffic_player_plan *plan = player->plan;
    double usable = SAFETY * traffic_player_throughput(player);
    uint32_t rung = plan->rungs - 1;
    while (rung > 0 && (double)plan->bitrates[rung] > usable)
        rung--;
    return rung;
}

// Where BOLA begins to leave the lowest rung; half of a buffer that is too small for 10 s.
static int64_t low_buffer(const struct traffic_player_plan *plan) {
    int64_t full = plan->buffer - plan->segment;
    return full / 2 < LOW_BUFFER ? full / 2 : LOW_BUFFER;
}

// The rung with the largest (V (utility + gp) − buffered) / bitrate, where utility is 1 + ln(bitrate /
// lowest). V and gp are such that V (utility − 1 + gp) is `low` for the lowest rung and, for the highest,
// what is buffered when there is just room for another segment: in between every rung has its turn.
static uint32_t by_buffer(const struct traffic_player *player) {
    const struct traffic_player_plan *plan = player->plan;
    double lowest = (double)plan->bitrates[0], low = (double)low_buffer(plan) / SECOND;
    double full = (double)(plan->buffer - plan->segment) / SECOND;
    double range = log((double)plan->bitrates[plan->rungs - 1] / lowest);
    if (range <= 0 || low <= 0)
        return 0;
    double gp = range / (full / low - 1), v = low / gp, best = -INFINITY;
    uint32_t rung = 0;
    for (uint32_t i = 0; i < plan->rungs; i++) {
        double utility = 1 + log((double)plan->bitrates[i] / lowest);
        double score = (v * (utility + gp) - (double)player->buffered / SECOND) / (double)plan->bitrates[i];
        if (score > best) {
            best = score;
            rung = i;
        }
    }
    return rung;
}

static uint32_t dynamic(struct traffic_player *player) {
    uint32_t throughput = by_throughput(player), buffer = by_buffer(player);
    bool is_low = player->buffered < low_buffer(player->plan);
    if (!is_low && buffer >= throughput)
        player->by_buffer = true;
    else if (is_low && buffer < throughput)
        player->by_buffer = false;
    return player->by_buffer ? buffer : throughput;
}

uint32_t traffic_player_choose(struct traffic_player *player) {
    switch (player->plan->adaptation) {
    case TRAFFIC_ADAPT_THROUGHPUT:
        return by_throughput(player);
    case TRAFFIC_ADAPT_BOLA:
        return by_buffer(player);
    case TRAFFIC_ADAPT_DYNAMIC:
        break;
    }
    return dynamic(player);
}
