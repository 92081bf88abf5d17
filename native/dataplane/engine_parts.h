// What engine.c (frames on their way) and engine_build.c (set-up and change) share.
#pragma once

#include "dataplane/engine.h"

#define MQOE_NO_STRETCH UINT32_MAX

enum mqoe_timer_kind { MQOE_TIMER_CIRCUIT, MQOE_TIMER_STRETCH, MQOE_TIMER_TREE };

void mqoe_engine_schedule(struct mqoe_engine *e, struct mqoe_circuit *c, uint64_t due);

// Returns dropped frames, which are at `from`, to the umem and counts their causes.
void mqoe_engine_free_dropped(struct mqoe_engine *e, struct mqoe_frame_list *dropped, enum mqoe_place from);

// Hands a frame on to the stage after the one that it has just left.
void mqoe_engine_advance(struct mqoe_engine *e, struct mqoe_frame *f, uint64_t arrival);

// ---- paths (engine_path.c) ----

// Builds the stretches of servers, and of the sites and clients of this reactor. Returns 0 or −errno with
// *error filled.
int mqoe_engine_build_paths(struct mqoe_engine *e, uint64_t now, struct mqoe_error *error);
void mqoe_engine_free_paths(struct mqoe_engine *e);

// Puts a frame in hand on a stretch.
void mqoe_engine_enter_stretch(struct mqoe_engine *e, struct mqoe_stretch *s, struct mqoe_frame *f,
                               uint64_t arrival);

// Lets go what has arrived, a quota of it, and sees to it that the stretch is asked again. Returns how many
// frames went.
unsigned mqoe_engine_serve_stretch(struct mqoe_engine *e, struct mqoe_stretch *s);

int mqoe_engine_change_path(struct mqoe_engine *e, const struct mqoe_change *change,
                            struct mqoe_error *error);

// ---- trees (engine_tree.c) ----

// Builds the trees of this reactor over its circuits, which exist. Returns 0 or −errno with *error filled.
int mqoe_engine_build_trees(struct mqoe_engine *e, uint64_t now, struct mqoe_error *error);
void mqoe_engine_free_trees(struct mqoe_engine *e);

// Queues a frame in hand at a circuit that has a tree.
void mqoe_engine_enter_tree(struct mqoe_engine *e, struct mqoe_circuit *c, struct mqoe_frame *f,
                            uint64_t arrival);

// Sends what the tree lets go now, a quota of it, and sees to it that it is asked again. Returns how many
// frames went.
unsigned mqoe_engine_serve_tree(struct mqoe_engine *e, struct mqoe_tree *t);

// Sends what may go before the engine's now: what follows is to be for later frames only.
void mqoe_engine_catch_up_tree(struct mqoe_engine *e, struct mqoe_tree *t, uint64_t until);

// Takes note of what a circuit in a tree holds, after a change of it.
void mqoe_engine_tree_changed(struct mqoe_engine *e, struct mqoe_circuit *c);

// Changes the node of a site or of a client.
int mqoe_engine_change_node(struct mqoe_engine *e, const struct mqoe_change *change,
                            struct mqoe_error *error);
