// DualPI2: the controller's golden vector, its updates against a timer's, each rule of signalling and
// scheduling, and what senders get out of it.
#include <errno.h>

#include "frames.h"
#include "sqm/dualpi2.h"

static struct mqoe_dualpi2_config defaults(void) {
    return (struct mqoe_dualpi2_config){.limit = 10000,
                                        .memory_limit = 10000 * 2 * 1514,
                                        .target = 15 * MS,
                                        .tupdate = 16 * MS,
                                        .alpha = 41,
                                        .beta = 819,
                                        .step_threshold = 1 * MS,
                                        .coupling = 2,
                                        .classic_protection = 10,
                                        .ecn_mask = MQOE_DUALPI2_L4S,
                                        .drop_on_overload = true,
                                        .mtu = 1514};
}

struct bed {
    struct frame_store store;
    struct mqoe_dualpi2 q;
    struct mqoe_queue_stats stats;
    struct mqoe_frame_list dropped;
    struct mqoe_random random;
};

static void open_bed(struct bed *b, const struct mqoe_dualpi2_config *c, uint32_t frames) {
    struct mqoe_error e;
    *b = (struct bed){0};
    frame_store_open(&b->store, frames);
    mqoe_random_seed(&b->random, 1);
    assert_int_equal(mqoe_dualpi2_check(c, &e), 0);
    mqoe_dualpi2_init(&b->q, c);
}

static void close_bed(struct bed *b) {
    frame_store_close(&b->store);
}

static struct mqoe_frame *arrive(struct bed *b, uint64_t now, uint32_t len, uint8_t ecn) {
    struct mqoe_frame *f = frame_make(&b->store, 0, len, ecn);
    assert_non_null(f);
    f->time = now;
    mqoe_dualpi2_enqueue(&b->q, f, &b->random, &b->stats, &b->dropped);
    return f;
}

static struct mqoe_frame *depart(struct bed *b, uint64_t now) {
    return mqoe_dualpi2_dequeue(&b->q, now, &b->random, &b->stats, &b->dropped);
}

// Keeps p' where it is: the next update is far away.
static void hold_probability(struct bed *b, uint32_t p) {
    b->q.probability = p;
    b->q.next_update = UINT64_MAX / 2;
}

// ---- the controller ----

static void golden_update(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct mqoe_dualpi2 q;
    mqoe_dualpi2_init(&q, &c);
    assert_int_equal(q.integral, 44);
    assert_int_equal(q.proportional, 879);
    assert_int_equal(mqoe_dualpi2_update(&q, 30 * MS, 15 * MS), 216328125);
    assert_int_equal(mqoe_dualpi2_update(&q, 15 * MS, 15 * MS), 0);
    q.probability = 1000000000;
    assert_int_equal(mqoe_dualpi2_update(&q, 15 * MS, 30 * MS), 1000000000 - 15000000ull * 879 / 64);
    assert_int_equal(mqoe_dualpi2_update(&q, 14999999, 15 * MS), 1000000000 - (44 + 879) / 64);
}

static void the_probability_saturates(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct mqoe_dualpi2 q;
    mqoe_dualpi2_init(&q, &c);
    assert_int_equal(mqoe_dualpi2_update(&q, 0, 15 * MS), 0);
    assert_int_equal(mqoe_dualpi2_update(&q, 60 * SECOND, 0), UINT32_MAX); // more than 32 bits of change
    c.drop_on_overload = false;
    c.coupling = 3;
    mqoe_dualpi2_set(&q, &c, &(struct mqoe_queue_stats){0}, NULL);
    assert_int_equal(mqoe_dualpi2_update(&q, 60 * SECOND, 0), UINT32_MAX / 3);
}

// A timer as Linux's, which sees the queues at its own time: from their heads, one update after the other.
struct timer {
    uint64_t next, last;
    int64_t probability;
};

static void run_timer(struct timer *t, const struct mqoe_dualpi2 *q, uint64_t now) {
    for (; t->next <= now; t->next += 16 * MS) {
        const struct mqoe_frame *heads[] = {q->classic.frames.head, q->l4s.frames.head};
        int64_t delay = 0;
        for (int i = 0; i < 2; i++)
            if (heads[i] && t->next > heads[i]->time && (int64_t)(t->next - heads[i]->time) > delay)
                delay = (int64_t)(t->next - heads[i]->time);
        t->probability += ((delay - 15 * (int64_t)MS) * 44 + (delay - (int64_t)t->last) * 879) / 64;
        t->probability = t->probability < 0 ? 0 : t->probability;
        t->probability = t->probability > UINT32_MAX ? UINT32_MAX : t->probability;
        t->last = (uint64_t)delay;
    }
}

static void updates_are_those_of_a_timer(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    struct timer timer = {0};
    uint32_t seen = 0, idle = 0;
    open_bed(&b, &c, 4096);
    uint64_t now = 5 * SECOND;
    timer.next = now + 16 * MS; // of the first frame
    for (int i = 0; i < 200000; i++) {
        // Mostly bursts and slow service, now and then a stall or a long rest.
        uint32_t kind = mqoe_random_below(&b.random, 1000);
        now += kind == 0 ? mqoe_random_below(&b.random, 2000) * MS : mqoe_random_below(&b.random, 1000000);
        run_timer(&timer, &b.q, now);
        idle += kind == 0 && !b.stats.backlog_packets;
        if (kind % 2 == 0 && b.store.spare.head)
            arrive(&b, now, 1514, kind % 8 < 2);
        struct mqoe_frame *f = kind % 2 ? depart(&b, now) : NULL;
        if (f)
            frame_give(&b.store, f);
        frame_give_all(&b.store, &b.dropped);
        if (i > 0)
            assert_int_equal(b.q.probability, timer.probability);
        seen += b.q.probability > 0 && b.q.probability < UINT32_MAX;
        if (i == 0)
            timer.next = b.q.next_update ? b.q.next_update : now + 16 * MS;
    }
    assert_true(seen > 10000); // it was no test of nothing
    assert_true(idle > 3);
    close_bed(&b);
}

// A year of rest costs no more than a second of it.
static void a_long_rest_is_cheap(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    c.target = 1000;
    c.tupdate = 100000;
    c.alpha = 1;
    struct bed b;
    open_bed(&b, &c, 4);
    arrive(&b, SECOND, 100, 0);
    frame_give(&b.store, depart(&b, SECOND));
    b.q.probability = UINT32_MAX;
    uint64_t year = 365 * 86400 * SECOND;
    arrive(&b, year, 100, 0);
    assert_int_equal(b.q.probability, 0);
    assert_in_range(b.q.next_update, year + 1, year + 100000);
    close_bed(&b);
}

// So does a long stall of a link, whatever the period.
static void a_long_stall_is_cheap(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    c.tupdate = 1000;
    struct bed b;
    open_bed(&b, &c, 4);
    uint64_t year = 365 * 86400 * SECOND;
    arrive(&b, SECOND, 100, 0);
    arrive(&b, year, 100, 0);
    assert_int_equal(b.q.probability, UINT32_MAX);
    assert_in_range(b.q.last_delay, year - SECOND - 1000, year - SECOND);
    assert_in_range(b.q.next_update, year + 1, year + 1000);
    close_bed(&b);
}

// ---- which queue ----

static void the_ecn_field_chooses_the_queue(void **state) {
    (void)state;
    static const struct {
        enum mqoe_dualpi2_ecn mask;
        bool l4s[4]; // by ECN field: Not-ECT, ECT(1), ECT(0), CE
    } cases[] = {{MQOE_DUALPI2_L4S, {false, true, false, true}},
                 {MQOE_DUALPI2_ANY, {false, true, true, true}},
                 {MQOE_DUALPI2_NONE, {false, false, false, false}}};
    for (int i = 0; i < 3; i++)
        for (uint8_t ecn = 0; ecn < 4; ecn++) {
            struct mqoe_dualpi2_config c = defaults();
            c.ecn_mask = cases[i].mask;
            struct bed b;
            open_bed(&b, &c, 1);
            arrive(&b, 0, 100, (uint8_t)(46 << 2 | ecn)); // whatever the DSCP
            assert_int_equal(b.q.l4s.packets, cases[i].l4s[ecn]);
            assert_int_equal(b.q.classic.packets, !cases[i].l4s[ecn]);
            close_bed(&b);
        }
}

// ---- signals ----

struct tally {
    uint32_t marks, drops;
};

// What becomes of `count` packets of one kind while p' stands still and the queue is long.
static struct tally fate(const struct mqoe_dualpi2_config *c, uint32_t p, uint8_t ecn, uint32_t count) {
    struct bed b;
    open_bed(&b, c, 64);
    for (int i = 0; i < 48; i++)
        arrive(&b, SECOND, 1514, ecn);
    hold_probability(&b, p);
    for (uint32_t i = 0; i < count; i++) {
        arrive(&b, SECOND, 1514, ecn);
        struct mqoe_frame *f = depart(&b, SECOND);
        frame_give_all(&b.store, &b.dropped);
        if (f)
            frame_give(&b.store, f);
        while (b.stats.backlog_packets < 48)
            arrive(&b, SECOND, 1514, ecn);
    }
    struct tally t = {(uint32_t)b.stats.marks, (uint32_t)b.stats.drop_aqm};
    close_bed(&b);
    return t;
}

static void assert_near(uint32_t got, double expected) {
    double off = got - expected;
    if (off * off > 25 * expected + 25) // 5 σ
        fail_msg("%u, expected %.0f", got, expected);
}

// p_L = k p' and p_C = p'²: the coupling that lets a scalable and a classic flow share.
static void l4s_is_marked_k_times_p_and_classic_with_its_square(void **state) {
    (void)state;
    for (uint8_t k = 1; k <= 4; k++) {
        struct mqoe_dualpi2_config c = defaults();
        c.coupling = k;
        const uint32_t n = 100000;
        const double p = 0.2;
        const uint32_t p32 = (uint32_t)(p * 4294967296.0);
        struct tally l4s = fate(&c, p32, MQOE_ECT_1, n);
        assert_near(l4s.marks, n * k * p);
        assert_int_equal(l4s.drops, 0);
        struct tally ect0 = fate(&c, p32, MQOE_ECT_0, n);
        assert_near(ect0.marks, n * p * p);
        assert_int_equal(ect0.drops, 0);
        struct tally plain = fate(&c, p32, MQOE_NOT_ECT, n);
        assert_int_equal(plain.marks, 0);
        assert_near(plain.drops, n * p * p / (1 - p * p)); // until one gets through
    }
}

static void overload_drops_both_or_marks_all_l4s(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    const uint32_t n = 50000, p32 = (uint32_t)(0.6 * 4294967296.0); // k p' = 1.2
    const double dropped = 0.36 / 0.64;
    struct tally l4s = fate(&c, p32, MQOE_ECT_1, n);
    assert_int_equal(l4s.marks, n);
    assert_near(l4s.drops, n * dropped);
    struct tally ect0 = fate(&c, p32, MQOE_ECT_0, n);
    assert_int_equal(ect0.marks, 0);
    assert_near(ect0.drops, n * dropped);
    c.drop_on_overload = false;
    l4s = fate(&c, p32, MQOE_ECT_1, n);
    assert_int_equal(l4s.marks, n);
    assert_int_equal(l4s.drops, 0);
}

static void a_backlog_below_two_frames_is_left_alone(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 8);
    for (int i = 0; i < 3; i++)
        arrive(&b, SECOND, 1513 + (i == 0), MQOE_ECT_0);
    hold_probability(&b, UINT32_MAX);
    assert_non_null(depart(&b, SECOND)); // 2 · 1513 stay behind: below two frames of 1514
    assert_int_equal(b.stats.marks + b.stats.drop_aqm, 0);
    for (int i = 0; i < 2; i++)
        arrive(&b, SECOND, 1514, MQOE_ECT_0);
    depart(&b, SECOND);
    assert_true(b.stats.drop_aqm >= 1); // now there are more
    close_bed(&b);
}

static void early_drops_are_decided_on_arrival(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    c.drop_early = true;
    struct bed b;
    open_bed(&b, &c, 8);
    for (int i = 0; i < 2; i++)
        arrive(&b, SECOND, 1514, MQOE_NOT_ECT);
    hold_probability(&b, UINT32_MAX);
    struct mqoe_frame *f = arrive(&b, SECOND, 1514, MQOE_NOT_ECT);
    assert_ptr_equal(b.dropped.head, f);
    assert_int_equal(f->cause, MQOE_DROP_AQM);
    assert_int_equal(b.stats.backlog_packets, 2);
    assert_non_null(depart(&b, SECOND)); // and not again on departure
    assert_non_null(depart(&b, SECOND));
    assert_int_equal(b.stats.drop_aqm, 1);
    close_bed(&b);
}

static void the_step_marks_by_time(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 8);
    arrive(&b, SECOND, 100, MQOE_ECT_1);
    struct mqoe_frame *f = depart(&b, SECOND + MS);
    assert_int_equal(f->tos & 3, MQOE_ECT_1); // not above the threshold
    assert_int_equal(f->cause, MQOE_DROP_NONE);
    arrive(&b, SECOND, 100, MQOE_ECT_1);
    f = depart(&b, SECOND + MS + 1);
    assert_int_equal(f->tos & 3, MQOE_CE);
    assert_int_equal(f->cause, MQOE_DROP_NONE);
    arrive(&b, SECOND, 100, MQOE_ECT_0);
    f = depart(&b, SECOND + 10 * MS);
    assert_int_equal(f->tos & 3, MQOE_ECT_0); // the classic queue has no step
    assert_int_equal(b.stats.marks, 1);
    close_bed(&b);
}

static void the_step_marks_by_length(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    c.step_in_packets = true;
    c.step_threshold = 3;
    struct bed b;
    open_bed(&b, &c, 8);
    for (int i = 0; i < 6; i++)
        arrive(&b, SECOND, 100, MQOE_ECT_1);
    for (int left = 5; left >= 0; left--) // behind it
        assert_int_equal(depart(&b, SECOND)->tos & 3, left > 3 ? MQOE_CE : MQOE_ECT_1);
    close_bed(&b);
}

static void a_short_queue_on_arrival_spares_the_step(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    c.min_qlen_step = 2;
    struct bed b;
    open_bed(&b, &c, 8);
    for (int i = 0; i < 4; i++)
        arrive(&b, SECOND, 100, MQOE_ECT_1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(depart(&b, SECOND + 10 * MS)->tos & 3, i < 2 ? MQOE_ECT_1 : MQOE_CE);
    close_bed(&b);
}

// ---- who is served ----

// Bytes that each queue gets while both always wait.
static void shares(uint8_t protection, uint32_t l4s_len, uint32_t classic_len, uint64_t bytes[2]) {
    struct mqoe_dualpi2_config c = defaults();
    c.classic_protection = protection;
    struct bed b;
    open_bed(&b, &c, 16);
    bytes[0] = bytes[1] = 0;
    for (int i = 0; i < 20000; i++) {
        while (b.q.l4s.packets < 4)
            arrive(&b, SECOND, l4s_len, MQOE_ECT_1);
        while (b.q.classic.packets < 4)
            arrive(&b, SECOND, classic_len, MQOE_NOT_ECT);
        struct mqoe_frame *f = depart(&b, SECOND);
        bytes[f->tos & 1] += f->len;
        frame_give(&b.store, f);
    }
    close_bed(&b);
}

static void the_classic_queue_has_its_share(void **state) {
    (void)state;
    static const uint8_t protections[] = {0, 1, 10, 25, 50, 90, 100};
    static const uint32_t lengths[] = {64, 500, 1514};
    for (size_t i = 0; i < sizeof protections; i++)
        for (int l = 0; l < 3; l++)
            for (int k = 0; k < 3; k++) {
                uint64_t bytes[2];
                shares(protections[i], lengths[l], lengths[k], bytes);
                double share = 100.0 * (double)bytes[0] / (double)(bytes[0] + bytes[1]);
                assert_true(share > protections[i] - 1.0 && share < protections[i] + 1.0);
            }
}

static void l4s_goes_first_when_nobody_was_there(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 8);
    for (int round = 0; round < 3; round++) { // also after a rest
        arrive(&b, SECOND, 1514, MQOE_NOT_ECT);
        arrive(&b, SECOND, 1514, MQOE_ECT_1);
        struct mqoe_frame *first = depart(&b, SECOND), *second = depart(&b, SECOND);
        assert_int_equal(first->tos, MQOE_ECT_1);
        assert_int_equal(second->tos, MQOE_NOT_ECT);
        frame_give(&b.store, first);
        frame_give(&b.store, second);
    }
    assert_null(depart(&b, SECOND));
    close_bed(&b);
}

// A queue alone has the link, and that costs it nothing later.
static void alone_is_free(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 64);
    for (int i = 0; i < 20; i++)
        arrive(&b, SECOND, 1514, MQOE_NOT_ECT);
    int32_t credit = b.q.credit;
    assert_int_equal(credit, 1514 * (10 - 90));
    for (int i = 0; i < 10; i++)
        assert_non_null(depart(&b, SECOND));
    assert_int_equal(b.q.credit, credit);
    arrive(&b, SECOND, 1514, MQOE_ECT_1);
    assert_int_equal(depart(&b, SECOND)->tos, MQOE_ECT_1);
    assert_int_equal(b.q.credit, credit + 10 * 1514);
    close_bed(&b);
}

// ---- limits and changes ----

static void limits_refuse_the_newcomer(void **state) {
    (void)state;
    for (int by_memory = 0; by_memory < 2; by_memory++) {
        struct mqoe_dualpi2_config c = defaults();
        c.limit = by_memory ? 100 : 5;
        c.memory_limit = by_memory ? 5 * MQOE_FRAME_MEMORY + 1 : 1 << 20;
        struct bed b;
        open_bed(&b, &c, 8);
        for (int i = 0; i < 5; i++)
            arrive(&b, SECOND, 64, i % 2 ? MQOE_ECT_1 : MQOE_NOT_ECT);
        struct mqoe_frame *f = arrive(&b, SECOND, 64, MQOE_NOT_ECT);
        assert_ptr_equal(b.dropped.head, f);
        assert_int_equal(f->cause, MQOE_DROP_OVERFLOW);
        assert_int_equal(b.stats.drop_overflow, 1);
        assert_int_equal(b.stats.backlog_packets, 5);
        close_bed(&b);
    }
}

static void a_smaller_limit_drops_classic_heads_first(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    open_bed(&b, &c, 8);
    for (int i = 0; i < 6; i++)
        arrive(&b, SECOND, 64, i < 3 ? MQOE_ECT_1 : MQOE_NOT_ECT);
    c.limit = 4;
    mqoe_dualpi2_set(&b.q, &c, &b.stats, &b.dropped);
    assert_int_equal(b.dropped.head->user, 3);
    assert_int_equal(b.dropped.head->next->user, 4);
    c.limit = 1;
    mqoe_dualpi2_set(&b.q, &c, &b.stats, &b.dropped);
    assert_int_equal(b.dropped.tail->user, 1);
    assert_int_equal(depart(&b, SECOND)->user, 2);
    assert_int_equal(b.stats.drop_overflow, 5);
    close_bed(&b);
}

static void draining_hands_over_everything(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    struct mqoe_frame_list frames = {0};
    open_bed(&b, &c, 8);
    for (int i = 0; i < 6; i++)
        arrive(&b, SECOND, 64, i % 2 ? MQOE_ECT_1 : MQOE_NOT_ECT);
    mqoe_dualpi2_drain(&b.q, &b.stats, &frames);
    for (const struct mqoe_frame *f = frames.head; f; f = f->next)
        assert_int_equal(f->cause, MQOE_DROP_NONE);
    assert_int_equal(frame_give_all(&b.store, &frames), 6);
    assert_int_equal(b.stats.backlog_packets + b.stats.backlog_bytes, 0);
    close_bed(&b);
}

static void refuse(struct mqoe_dualpi2_config c, const char *object) {
    struct mqoe_error e;
    assert_int_equal(mqoe_dualpi2_check(&c, &e), -EINVAL);
    assert_string_equal(e.object, object);
    assert_true(e.hint[0]);
}

#define REFUSE(object, field, value)                                                                         \
    do {                                                                                                     \
        struct mqoe_dualpi2_config wrong = defaults();                                                       \
        wrong.field = value;                                                                                 \
        refuse(wrong, object);                                                                               \
    } while (0)

static void configs_that_cannot_run_are_refused(void **state) {
    (void)state;
    REFUSE("limit 0", limit, 0);
    REFUSE("memory limit 2047", memory_limit, 2047);
    REFUSE("target 0 ns", target, 0);
    REFUSE("target 60000000001 ns", target, 60 * SECOND + 1);
    REFUSE("tupdate 999 ns", tupdate, 999);
    REFUSE("alpha 0, beta 819", alpha, 0);
    REFUSE("alpha 41, beta 0", beta, 0);
    REFUSE("alpha 16776961, beta 819", alpha, 16776961);
    REFUSE("alpha 41, beta 16776961", beta, 16776961);
    REFUSE("mtu 0", mtu, 0);
    REFUSE("mtu 65536", mtu, 65536);
    REFUSE("coupling 0", coupling, 0);
    REFUSE("classic protection 101", classic_protection, 101);
    REFUSE("ecn mask 2", ecn_mask, 2);
}

// ---- senders ----

// A sender of full frames over a link of 100 Mbit/s, with 10 ms to the receiver and back. Once a round trip a
// scalable one (DCTCP, RFC 8257) reduces its window by half the marked fraction, smoothed; Reno by a half if
// there was any signal.
struct sender {
    double window, alpha;
    bool scalable;
    uint32_t in_flight, delivered, acks, signals;
    uint64_t round_ends; // slot
};

enum { SLOT = 121120, RTT_SLOTS = 83 }; // ns of a frame; slots of the round trip

struct net {
    struct bed bed;
    struct sender senders[2];
    uint32_t count;
    int8_t acks[RTT_SLOTS]; // by slot: 0 nothing, else ±(sender + 1), negative when congestion was signalled
    uint64_t slot;
    uint64_t worst_l4s, sum_l4s, frames_l4s;
};

static void end_round(struct net *n, struct sender *s) {
    double marked = s->acks ? (double)s->signals / s->acks : 0;
    s->alpha += (marked - s->alpha) / 16;
    if (s->signals)
        s->window *= s->scalable ? 1 - s->alpha / 2 : 0.5;
    if (s->window < 2)
        s->window = 2;
    s->acks = s->signals = 0;
    s->round_ends = n->slot + RTT_SLOTS;
}

static void react(struct net *n, int8_t ack) {
    struct sender *s = &n->senders[abs(ack) - 1];
    s->in_flight--;
    s->acks++;
    s->signals += ack < 0;
    if (ack > 0)
        s->window += 1 / s->window;
    if (n->slot >= s->round_ends)
        end_round(n, s);
}

static void tick(struct net *n, bool counted) {
    uint64_t now = SECOND + n->slot * SLOT;
    int8_t *ack = &n->acks[n->slot % RTT_SLOTS];
    if (*ack)
        react(n, *ack);
    *ack = 0;
    for (uint32_t i = 0; i < n->count; i++)
        for (struct sender *s = &n->senders[i]; s->in_flight < s->window; s->in_flight++)
            arrive(&n->bed, now, 1514, s->scalable ? MQOE_ECT_1 : MQOE_ECT_0)->client = i;
    struct mqoe_frame *f = depart(&n->bed, now);
    for (struct mqoe_frame *d; (d = mqoe_frame_list_pop(&n->bed.dropped)); frame_give(&n->bed.store, d))
        react(n, (int8_t) - (int8_t)(d->client + 1));
    if (f) {
        struct sender *s = &n->senders[f->client];
        *ack = (int8_t)((int)(f->client + 1) * ((f->tos & 3) == MQOE_CE ? -1 : 1));
        if (counted) {
            s->delivered++;
            uint64_t sojourn = s->scalable ? now - f->time : 0;
            n->frames_l4s += s->scalable;
            n->sum_l4s += sojourn;
            n->worst_l4s = sojourn > n->worst_l4s ? sojourn : n->worst_l4s;
        }
        frame_give(&n->bed.store, f);
    }
    n->slot++;
}

static void run(struct net *n, uint32_t warm_up, uint32_t slots) {
    struct mqoe_dualpi2_config c = defaults();
    open_bed(&n->bed, &c, 8192);
    for (uint32_t i = 0; i < warm_up + slots; i++)
        tick(n, i >= warm_up);
}

// A scalable sender alone keeps the link busy with a queue of about the step, 1 ms.
static void a_scalable_sender_has_a_short_queue(void **state) {
    (void)state;
    struct net n = {.count = 1, .senders = {{.window = 10, .scalable = true}}};
    run(&n, 50000, 100000);
    assert_true(n.senders[0].delivered > 97000);
    assert_true(n.sum_l4s / n.frames_l4s < 3 * MS / 2);
    assert_true(n.worst_l4s < 4 * MS);
    close_bed(&n.bed);
}

// Beside a classic one its delay stays as short, and neither starves: that is what DualPI2 is for.
static void a_scalable_and_a_classic_sender_share(void **state) {
    (void)state;
    struct net n = {.count = 2, .senders = {{.window = 10, .scalable = true}, {.window = 10}}};
    run(&n, 100000, 400000);
    double all = n.senders[0].delivered + n.senders[1].delivered, l4s = n.senders[0].delivered;
    assert_true(all > 0.97 * 400000);
    assert_true(l4s / all > 0.3 && l4s / all < 0.8);
    assert_true(n.sum_l4s / n.frames_l4s < 1 * MS);
    assert_true(n.worst_l4s < 5 * MS);
    close_bed(&n.bed);
}

// Twice the rate of unresponsive L4S traffic leaves the classic queue its protection.
static void a_flood_of_l4s_does_not_starve_classic(void **state) {
    (void)state;
    struct mqoe_dualpi2_config c = defaults();
    struct bed b;
    uint64_t classic = 0, served = 0;
    open_bed(&b, &c, 16384);
    for (uint64_t slot = 0; slot < 100000; slot++) {
        uint64_t now = SECOND + slot * SLOT;
        arrive(&b, now, 1514, MQOE_ECT_1);
        arrive(&b, now, 1514, MQOE_ECT_1);
        while (b.q.classic.packets < 64) // what overload drops of them does not end their turn
            arrive(&b, now, 1514, MQOE_ECT_0)->client = 1;
        struct mqoe_frame *f = depart(&b, now);
        frame_give_all(&b.store, &b.dropped);
        if (!f)
            continue;
        served++;
        classic += f->client;
        frame_give(&b.store, f);
    }
    assert_int_equal(served, 100000);
    assert_true(classic >= served / 10 - 10);
    assert_true(b.stats.drop_aqm > 50000); // it was an overload
    close_bed(&b);
}

// The same seed gives the same signals.
static void chance_is_repeatable(void **state) {
    (void)state;
    struct net runs[2];
    for (int i = 0; i < 2; i++) {
        runs[i] = (struct net){.count = 2, .senders = {{.window = 10, .scalable = true}, {.window = 10}}};
        run(&runs[i], 0, 20000);
        close_bed(&runs[i].bed);
    }
    assert_int_equal(runs[0].bed.stats.marks, runs[1].bed.stats.marks);
    assert_int_equal(runs[0].senders[1].delivered, runs[1].senders[1].delivered);
    assert_true(runs[0].bed.stats.marks > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_update),
        cmocka_unit_test(the_probability_saturates),
        cmocka_unit_test(updates_are_those_of_a_timer),
        cmocka_unit_test(a_long_rest_is_cheap),
        cmocka_unit_test(a_long_stall_is_cheap),
        cmocka_unit_test(the_ecn_field_chooses_the_queue),
        cmocka_unit_test(l4s_is_marked_k_times_p_and_classic_with_its_square),
        cmocka_unit_test(overload_drops_both_or_marks_all_l4s),
        cmocka_unit_test(a_backlog_below_two_frames_is_left_alone),
        cmocka_unit_test(early_drops_are_decided_on_arrival),
        cmocka_unit_test(the_step_marks_by_time),
        cmocka_unit_test(the_step_marks_by_length),
        cmocka_unit_test(a_short_queue_on_arrival_spares_the_step),
        cmocka_unit_test(the_classic_queue_has_its_share),
        cmocka_unit_test(l4s_goes_first_when_nobody_was_there),
        cmocka_unit_test(alone_is_free),
        cmocka_unit_test(limits_refuse_the_newcomer),
        cmocka_unit_test(a_smaller_limit_drops_classic_heads_first),
        cmocka_unit_test(draining_hands_over_everything),
        cmocka_unit_test(configs_that_cannot_run_are_refused),
        cmocka_unit_test(a_scalable_sender_has_a_short_queue),
        cmocka_unit_test(a_scalable_and_a_classic_sender_share),
        cmocka_unit_test(a_flood_of_l4s_does_not_starve_classic),
        cmocka_unit_test(chance_is_repeatable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
