// FQ-CoDel as one would write it first from algorithms.md §2 and §3: one record per bucket, for ever. What
// test_fq_codel.c holds the real one against. Newton's step is shared; test_codel.c has it alone.
#pragma once

#include "frames.h"
#include "sqm/fq_codel.h"

#define MODEL_FLOWS 64

struct model_flow {
    uint64_t serial[512]; // packets, oldest first
    uint64_t time[512];
    uint32_t len[512], tos[512], count, bytes;
    int32_t deficit;
    int listed; // 0 none, 1 new, 2 old
    struct mqoe_codel codel;
};

struct model {
    struct model_flow flows[MODEL_FLOWS];
    int new_list[MODEL_FLOWS], old_list[MODEL_FLOWS], new_count, old_count;
    uint32_t packets, bytes, drops, marks;
    struct mqoe_fq_codel_config config;
    struct mqoe_codel_params params;
};

static inline void model_remove_head(int *list, int *count) {
    memmove(list, list + 1, (size_t)-- * count * sizeof *list);
}

static inline void model_pop(struct model *m, struct model_flow *f) {
    m->packets--;
    m->bytes -= f->len[0];
    f->bytes -= f->len[0];
    f->count--;
    memmove(f->serial, f->serial + 1, f->count * sizeof *f->serial);
    memmove(f->time, f->time + 1, f->count * sizeof *f->time);
    memmove(f->len, f->len + 1, f->count * sizeof *f->len);
    memmove(f->tos, f->tos + 1, f->count * sizeof *f->tos);
}

static inline void model_overflow(struct model *m) {
    struct model_flow *fat = NULL;
    for (int i = 0; i < m->new_count + m->old_count; i++) {
        struct model_flow *c = &m->flows[i < m->new_count ? m->new_list[i] : m->old_list[i - m->new_count]];
        fat = !fat || c->bytes > fat->bytes ? c : fat;
    }
    uint32_t half = fat->bytes / 2, gone = 0, count = 0;
    do {
        gone += fat->len[0];
        model_pop(m, fat);
        m->drops++;
    } while (++count < 64 && gone < half);
    fat->codel.count += count;
}

static inline void model_enqueue(struct model *m, uint32_t bucket, uint64_t serial, uint64_t now,
                                 uint32_t len, uint32_t tos) {
    struct model_flow *f = &m->flows[bucket];
    assert_true(f->count < 512);
    f->serial[f->count] = serial;
    f->time[f->count] = now;
    f->tos[f->count] = tos;
    f->len[f->count++] = len;
    f->bytes += len;
    m->bytes += len;
    m->packets++;
    if (!f->listed) {
        f->listed = 1;
        f->deficit = (int32_t)m->config.quantum;
        m->new_list[m->new_count++] = (int)bucket;
    }
    if (m->packets > m->config.limit)
        model_overflow(m);
}

// One packet through CoDel's test; true: signal.
static inline bool model_above(struct model *m, struct model_flow *f, bool packet, uint32_t sojourn,
                               uint32_t now) {
    if (!packet || sojourn < m->params.target || m->bytes <= m->params.mtu)
        return f->codel.first_above = 0, false;
    if (!f->codel.first_above)
        return f->codel.first_above = now + m->params.interval, false;
    return (int32_t)(now - f->codel.first_above) > 0;
}

struct taken {
    bool packet;
    uint64_t serial;
    uint32_t sojourn, len, tos;
};

static inline struct taken model_take(struct model *m, struct model_flow *f, uint32_t now, bool *above) {
    struct taken t = {0};
    if (f->count) {
        t = (struct taken){true, f->serial[0], now - (uint32_t)(f->time[0] >> 10), f->len[0], f->tos[0]};
        model_pop(m, f);
    }
    *above = model_above(m, f, t.packet, t.sojourn, now);
    return t;
}

static inline uint32_t model_control(const struct model *m, const struct model_flow *f, uint32_t t) {
    return t + (uint32_t)(((uint64_t)m->params.interval * (uint64_t)(f->codel.inv_sqrt * 65536u)) >> 32);
}

static inline struct taken model_keep_dropping(struct model *m, struct model_flow *f, struct taken t,
                                               uint32_t now) {
    struct mqoe_codel *c = &f->codel;
    bool above;
    while (c->dropping && (int32_t)(now - c->drop_next) >= 0) {
        c->count++;
        mqoe_codel_newton(c);
        if (t.tos & 3) {
            m->marks++;
            c->drop_next = model_control(m, f, c->drop_next);
            return t;
        }
        m->drops++;
        t = model_take(m, f, now, &above);
        if (above)
            c->drop_next = model_control(m, f, c->drop_next);
        else
            c->dropping = false;
    }
    return t;
}

static inline struct taken model_start_dropping(struct model *m, struct model_flow *f, struct taken t,
                                                uint32_t now) {
    struct mqoe_codel *c = &f->codel;
    bool above;
    if (t.tos & 3) {
        m->marks++;
    } else {
        m->drops++;
        t = model_take(m, f, now, &above);
    }
    uint32_t delta = c->count - c->last_count;
    c->dropping = true;
    if (delta > 1 && (int32_t)(now - c->drop_next - 16 * m->params.interval) < 0) {
        c->count = delta;
        mqoe_codel_newton(c);
    } else {
        c->count = 1;
        c->inv_sqrt = 0xffff;
    }
    c->last_count = c->count;
    c->drop_next = model_control(m, f, now);
    return t;
}

static inline struct taken model_codel(struct model *m, struct model_flow *f, uint64_t now_ns) {
    uint32_t now = (uint32_t)(now_ns >> 10);
    bool above;
    struct taken t = model_take(m, f, now, &above);
    if (above)
        return f->codel.dropping ? model_keep_dropping(m, f, t, now) : model_start_dropping(m, f, t, now);
    f->codel.dropping = false;
    return t;
}

// Serial number of the packet that leaves, or −1.
static inline int64_t model_dequeue(struct model *m, uint64_t now) {
    while (m->new_count || m->old_count) {
        bool from_new = m->new_count > 0;
        int *list = from_new ? m->new_list : m->old_list, *count = from_new ? &m->new_count : &m->old_count;
        int bucket = list[0];
        struct model_flow *f = &m->flows[bucket];
        if (f->deficit <= 0) {
            f->deficit += (int32_t)m->config.quantum;
            model_remove_head(list, count);
            m->old_list[m->old_count++] = bucket;
            f->listed = 2;
            continue;
        }
        struct taken t = model_codel(m, f, now);
        if (t.packet) {
            f->deficit -= (int32_t)t.len;
            return (int64_t)t.serial;
        }
        bool to_old = from_new && m->old_count;
        model_remove_head(list, count);
        f->listed = to_old ? 2 : 0;
        if (to_old)
            m->old_list[m->old_count++] = bucket;
    }
    return -1;
}

static inline void model_open(struct model *m, const struct mqoe_fq_codel_config *c,
                              const struct mqoe_codel_params *p, uint64_t now) {
    *m = (struct model){.config = *c, .params = *p};
    for (int i = 0; i < MODEL_FLOWS; i++)
        mqoe_codel_init(&m->flows[i].codel, p, mqoe_codel_ticks(now));
}
