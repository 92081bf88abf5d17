#include "sqm/cake_tins.h"

#define CS7           56u // what ARP counts as
#define ETHERTYPE_ARP 0x0806u
#define MIN_QUANTUM   300u
#define MAX_QUANTUM   1514u
#define PACKET_LIMIT  10240u // with MTU-sized packets, the most that may be held
#define LEAST_MEMORY  (UINT64_C(4) << 20)

static const uint8_t tin_counts[] = {
    [MQOE_CAKE_BESTEFFORT] = 1, [MQOE_CAKE_PRECEDENCE] = 8, [MQOE_CAKE_DIFFSERV3] = 3,
    [MQOE_CAKE_DIFFSERV4] = 4,  [MQOE_CAKE_DIFFSERV8] = 8,
};

// By mode and DSCP, sixteen to a row. Precedence is the upper three bits.
const uint8_t mqoe_cake_tin_table[][64] = {
    [MQOE_CAKE_BESTEFFORT] = {0},
    [MQOE_CAKE_PRECEDENCE] =
        {
            0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, //
            2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, //
            4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, //
            6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7, //
        },
    [MQOE_CAKE_DIFFSERV3] =
        {
            0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, //
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, //
            2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, //
        },
    [MQOE_CAKE_DIFFSERV4] =
        {
            0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, //
            2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, //
            3, 0, 2, 0, 2, 0, 2, 0, 3, 0, 0, 0, 3, 0, 3, 0, //
            3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, //
        },
    [MQOE_CAKE_DIFFSERV8] =
        {
            2, 0, 1, 2, 4, 2, 2, 2, 1, 2, 1, 2, 1, 2, 1, 2, //
            5, 2, 4, 2, 4, 2, 4, 2, 3, 2, 3, 2, 3, 2, 3, 2, //
            6, 2, 3, 2, 3, 2, 3, 2, 6, 2, 2, 2, 6, 2, 6, 2, //
            7, 2, 2, 2, 2, 2, 2, 2, 7, 2, 2, 2, 2, 2, 2, 2, //
        },
};

uint32_t mqoe_cake_tin_count(enum mqoe_cake_tins mode) {
    return tin_counts[mode];
}

static bool is_arp(const struct mqoe_frame *frame) {
    uint32_t at = frame->l3_offset;
    return at >= 14 && at <= frame->len &&
           (frame->data[at - 2] << 8 | frame->data[at - 1]) == (int)ETHERTYPE_ARP;
}

uint32_t mqoe_cake_classify_other(enum mqoe_cake_tins mode, const struct mqoe_frame *frame) {
    return mqoe_cake_tin_of_dscp(mode, mode != MQOE_CAKE_BESTEFFORT && is_arp(frame) ? CS7 : 0);
}

// Of eight, each has seven eighths of the one before.
const uint16_t mqoe_cake_tin_quanta[][MQOE_MAX_TINS] = {
    [MQOE_CAKE_BESTEFFORT] = {65535},
    [MQOE_CAKE_PRECEDENCE] = {256, 224, 196, 171, 149, 130, 113, 98},
    [MQOE_CAKE_DIFFSERV3] = {1024, 64, 256},
    [MQOE_CAKE_DIFFSERV4] = {1024, 64, 512, 256},
    [MQOE_CAKE_DIFFSERV8] = {256, 224, 196, 171, 149, 130, 113, 98},
};

// A tin's share of the rate: a threshold up to which it has priority, not a cap.
static uint64_t share(enum mqoe_cake_tins mode, uint32_t tin, uint64_t rate) {
    static const uint8_t four[] = {0, 4, 1, 2}, three[] = {0, 4, 2};
    if (mode == MQOE_CAKE_DIFFSERV4)
        return rate >> four[tin];
    if (mode == MQOE_CAKE_DIFFSERV3)
        return rate >> three[tin];
    for (; tin; tin--) // each has seven eighths of the one before
        rate = rate * 7 >> 3;
    return rate;
}

static uint16_t flow_quantum(uint64_t rate) {
    uint64_t quantum = rate >> 12;
    if (!rate || quantum > MAX_QUANTUM)
        return MAX_QUANTUM;
    return (uint16_t)(quantum < MIN_QUANTUM ? MIN_QUANTUM : quantum);
}

// A queue of one and a half of the largest packets is always allowed; the interval grows with the target, and
// is at least twice as long.
static void scale_times(struct mqoe_cobalt_params *p, uint64_t rtt, uint64_t mtu_time) {
    uint64_t target = rtt / 20 ? rtt / 20 : 1, least = mtu_time * 3 / 2;
    p->target = least > target ? least : target;
    p->interval = rtt + p->target - target;
    if (p->interval < 2 * p->target)
        p->interval = 2 * p->target;
    p->mtu_time = mtu_time;
}

void mqoe_cake_derive(struct mqoe_cake_tin *tin, const struct mqoe_cake_config *config, uint32_t number,
                      uint64_t rate) {
    bool unlimited = !rate;
    tin->rate = share(config->tins, number, rate);
    tin->rate_ns = 0;
    tin->shift = 0;
    if (!unlimited)
        mqoe_shaper_convert(&tin->rate, &tin->rate_ns, &tin->shift);
    tin->flow_quantum = flow_quantum(tin->rate);
    tin->cobalt = (struct mqoe_cobalt_params){.p_inc = MQOE_BLUE_INCREMENT,
                                              .p_dec = MQOE_BLUE_DECREMENT,
                                              .corrected_start = config->corrected_start};
    scale_times(&tin->cobalt, config->rtt, config->mtu * tin->rate_ns >> tin->shift);
}

uint64_t mqoe_cake_memory_limit(const struct mqoe_cake_config *config, uint64_t rate) {
    uint64_t limit = UINT64_MAX, most = (uint64_t)PACKET_LIMIT * config->mtu;
    if (config->memory_limit) {
        limit = config->memory_limit;
    } else if (rate) {
        limit = (uint64_t)((__uint128_t)rate * (config->rtt / 1000) / 250000);
        limit = limit < LEAST_MEMORY ? LEAST_MEMORY : limit;
    }
    most = most < config->memory_limit ? config->memory_limit : most;
    return limit < most ? limit : most;
}
