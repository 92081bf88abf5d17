// Which frames are lost (docs/paths.md).
#pragma once

#include "path/chance.h"

struct mqoe_path_loser {
    struct mqoe_path_dice dice;
    uint64_t number;      // of the next frame
    uint32_t next_packet; // of the list: the first that is not before `number`
    uint8_t state;        // of gemodel and state; 0 is their good one
};

// Forgets the state of the model, not the frame's number: for a line that gets another one.
void mqoe_path_loser_reset(struct mqoe_path_loser *loser, const struct mqoe_path_loss *loss);

// Whether the next frame is lost. `random` replaces loss->random (a trace may say so).
bool mqoe_path_loses(struct mqoe_path_loser *loser, const struct mqoe_path_loss *loss,
                     const struct mqoe_path_chance *random);
