// What a shaper tree ought to give each of its leaves, as a fluid. Rates in bit/s.
//
// Every leaf has its guarantee. What each node may lend beyond that goes round the leaves below that want
// more, at the same time as what the nodes above it lend: they have their turns with every lender, in
// proportion to quantum, until a ceil on their way up is reached. So the leaves right below a node P borrow q
// · level(P) each, or less where their ceil ends it, and of what P's leaves borrow together the part
// level(parent) / level(P) comes from above, because above too each of these leaves has its turns. A level is
// found by halving, from what the node lends: the more it lends, the higher it stands over its parent's.
//
// Why at the same time: HTB asks at each instant who may lend *now*, the lowest first. A lender is out of
// tokens for most of the time, as it lends what it has at once; meanwhile its leaves borrow from above. It
// knows no plan by which a leaf would wait for the tokens that its nearest lender will have. (Filling each
// level before the next one is another model. With its own example of a site of 10 under a root of 30 Mbit/s,
// leaves a (ceil 3), b and b2 below the site and c beside it, that gives c 6.67, this one 6.09. Linux 6.18's
// sch_htb gave 7.05, which is neither: its one cursor for all lenders moves the upper list on too early, see
// htb_ring.h.)
//
// (A node without surplus of its own stands at its parent's level. With one lender, the root, that is max-min
// fairness under all ceils, weighted by quantum.)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sqm/htb.h"

#define FLUID_MOST 2048u

struct fluid {
    const struct mqoe_htb_plan *plans;
    const bool *wants; // by node: a leaf with frames
    uint32_t count;
    uint32_t child[FLUID_MOST], sibling[FLUID_MOST]; // 0 = none
    double rate[FLUID_MOST];                         // result: of leaves, and of inner nodes the sum below
};

static inline void fluid_link(struct fluid *f) {
    for (uint32_t i = 0; i < f->count; i++)
        f->child[i] = f->sibling[i] = 0;
    for (uint32_t i = f->count; i-- > 1;) {
        f->sibling[i] = f->child[f->plans[i].parent];
        f->child[f->plans[i].parent] = i;
    }
}

static inline double fluid_borrow(struct fluid *f, uint32_t i, double above);

struct fluid_below {
    double borrowed; // by the children from this node and those above it
    double lends;    // what this node has for them
    double all;      // everything that passes it
};

// What there is below node i when its lists stand at `level`.
static inline struct fluid_below fluid_below(struct fluid *f, uint32_t i, double level) {
    struct fluid_below b = {0};
    for (uint32_t k = f->child[i]; k; k = f->sibling[k]) {
        b.borrowed += fluid_borrow(f, k, level);
        b.all += f->rate[k];
    }
    b.lends = (double)f->plans[i].class.rate - (b.all - b.borrowed);
    b.lends = b.lends > 0 ? b.lends : 0;
    return b;
}

static inline double fluid_leaf(struct fluid *f, uint32_t i, double above) {
    const struct mqoe_htb_class *c = &f->plans[i].class;
    double most = f->wants[i] ? (double)(c->ceil - c->rate) : 0;
    double got = above * (c->quantum ? c->quantum : 1514);
    got = got < most ? got : most;
    f->rate[i] = (f->wants[i] ? (double)c->rate : 0) + got;
    return got;
}

// What node i takes from above when its parent stands at `above`; sets the rates from here down.
static inline double fluid_borrow(struct fluid *f, uint32_t i, double above) {
    if (f->plans[i].leaf)
        return fluid_leaf(f, i, above);
    double low = 0, high = 1e5;
    for (int step = 0; step < 44; step++) {
        double level = (low + high) / 2;
        struct fluid_below b = fluid_below(f, i, level);
        double from_above = level > above ? b.borrowed * above / level : b.borrowed;
        // More is borrowed than it lends and gets, or than may pass.
        if (b.all > (double)f->plans[i].class.ceil || b.borrowed - from_above > b.lends)
            high = level;
        else
            low = level;
        if (b.lends <= 0 && low > above)
            low = high = above; // nothing of its own: its parent's level, unless its ceil is lower
    }
    struct fluid_below b = fluid_below(f, i, low);
    f->rate[i] = b.all;
    return b.borrowed > b.lends ? b.borrowed - b.lends : 0;
}

static inline void fluid_solve(struct fluid *f) {
    fluid_link(f);
    fluid_borrow(f, 0, 0);
}

// The same for a tree whose root is the only lender, found in another way: all leaves with frames rise
// together, in proportion to quantum, and those stop whose own ceil, or one above them, is reached. Weighted
// max-min fairness by its definition.
static inline void fluid_max_min(struct fluid *f) {
    static double weight[FLUID_MOST];
    static bool stopped[FLUID_MOST]; // a ceil here is reached
    for (uint32_t i = 0; i < f->count; i++) {
        f->rate[i] = 0;
        stopped[i] = false;
    }
    for (bool any = true; any;) {
        double step = 1e18;
        for (uint32_t i = 0; i < f->count; i++)
            weight[i] = 0;
        for (uint32_t i = 0; i < f->count; i++) {
            bool rises = f->plans[i].leaf && f->wants[i];
            for (uint32_t k = i; k != MQOE_HTB_NOBODY; k = f->plans[k].parent)
                rises &= !stopped[k];
            for (uint32_t k = i; rises && k != MQOE_HTB_NOBODY; k = f->plans[k].parent)
                weight[k] += f->plans[i].class.quantum ? f->plans[i].class.quantum : 1514;
        }
        for (uint32_t i = 0; i < f->count; i++) {
            double room = weight[i] > 0 ? ((double)f->plans[i].class.ceil - f->rate[i]) / weight[i] : step;
            step = room < step ? room : step;
        }
        any = false;
        for (uint32_t i = 0; i < f->count; i++) {
            f->rate[i] += weight[i] > 0 ? step * weight[i] : 0;
            stopped[i] |= weight[i] > 0 && f->rate[i] > (double)f->plans[i].class.ceil - 1;
            any |= weight[i] > 0;
        }
    }
}
