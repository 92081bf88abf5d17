#include "kernel/rate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define ETHERNET_HEADER 14
#define TC_MTU          1600     // tc's default for HTB: the largest packet a burst must hold
#define HIGH_RESOLUTION 1000000u // Hz; coarser ones are the tick: 100 … 1000
#define BOOT_TICK       10000000 // ns
#define BOOT_TICKS      5
#define R2Q             10    // bytes of quantum per byte/s of rate, inverse
#define MIN_QUANTUM     1000u // htb_change_class
#define MAX_QUANTUM     200000u
#define NEVER_LIMITS    125000000000u // bytes/s: 1 Tbit/s, and a whole second of it as burst

static int read_once(struct mqoe_psched *p, struct mqoe_error *e) {
    unsigned t2us = 0, us2t = 0, resolution = 0, hz = 0;
    FILE *f = fopen("/proc/net/psched", "re");
    if (!f)
        return mqoe_fail(e, errno, "open", "is /proc mounted?", "/proc/net/psched");
    int fields = fscanf(f, "%8x %8x %8x %8x", &t2us, &us2t, &resolution, &hz);
    fclose(f);
    if (fields != 4 || !us2t || !hz || !t2us)
        return mqoe_fail(e, EPROTO, "read", "expected four hexadecimal numbers", "/proc/net/psched");
    if (resolution == 1000000000) // as tc has it
        t2us = us2t;
    *p = (struct mqoe_psched){.ticks_per_us = (double)t2us / us2t * ((double)resolution / 1e6), .hz = hz};
    return 0;
}

// A kernel switches to high-resolution timers a few ticks after it booted. A guest on virtual time is here
// sooner than that, and the burst would be 7 packets instead of one.
int mqoe_psched_read(struct mqoe_psched *p, struct mqoe_error *e) {
    int err = read_once(p, e);
    for (int i = 0; i < BOOT_TICKS && !err && p->hz < HIGH_RESOLUTION; i++) {
        nanosleep(&(struct timespec){.tv_nsec = BOOT_TICK}, NULL);
        err = read_once(p, e);
    }
    return err;
}

// How long `bytes` take, in scheduler ticks (64 ns), rounded up. tc 6.1 rounds down to microseconds.
static uint32_t ticks(const struct mqoe_psched *p, uint64_t rate, uint64_t bytes) {
    double t = ceil(1e6 * ((double)bytes / (double)rate) * p->ticks_per_us);
    return t < UINT32_MAX ? (uint32_t)t : UINT32_MAX;
}

static uint32_t quantum(uint64_t rate) {
    uint64_t q = rate / R2Q;
    return q < MIN_QUANTUM ? MIN_QUANTUM : q > MAX_QUANTUM ? MAX_QUANTUM : (uint32_t)q;
}

static int framing_spec(struct tc_ratespec *r, const struct mqoe_framing *f, const char *object,
                        struct mqoe_error *e) {
    int overhead = f->overhead - (f->base == MQOE_FRAMING_IP ? ETHERNET_HEADER : 0);
    if (f->cell == MQOE_CELL_PTM)
        return mqoe_fail(e, EOPNOTSUPP, "htb", "HTB cannot account PTM; cake, or dataplane afxdp, can", "%s",
                         object);
    if (overhead < 0)
        return mqoe_fail(e, EOPNOTSUPP, "htb",
                         "HTB counts the Ethernet header (14 bytes) and cannot take bytes away from a frame; "
                         "cake, or dataplane afxdp, can",
                         "%s", object);
    r->overhead = (unsigned short)overhead;
    r->mpu = f->mpu;
    r->linklayer = f->cell == MQOE_CELL_ATM ? TC_LINKLAYER_ATM : TC_LINKLAYER_ETHERNET;
    return 0;
}

int mqoe_htb_class(struct mqoe_htb_class *c, uint64_t rate, const struct mqoe_framing *framing,
                   const struct mqoe_psched *psched, const char *object, struct mqoe_error *e) {
    static const struct mqoe_framing plain = {0};
    uint64_t bytes = rate ? rate / 8 : NEVER_LIMITS;
    uint64_t burst = rate ? bytes / psched->hz + TC_MTU : bytes;
    struct tc_ratespec spec = {.rate = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX};
    int err = framing_spec(&spec, rate ? framing : &plain, object, e);
    *c = (struct mqoe_htb_class){.options = {.rate = spec,
                                             .ceil = spec,
                                             .buffer = ticks(psched, bytes, burst),
                                             .cbuffer = ticks(psched, bytes, burst),
                                             .quantum = quantum(bytes)},
                                 .rate64 = bytes < UINT32_MAX ? 0 : bytes};
    return err;
}
