#include "path/chance.h"

void mqoe_path_stream(struct mqoe_random *stream, uint64_t seed, uint64_t line, unsigned purpose) {
    uint64_t state = seed, mixed = mqoe_splitmix64(&state);
    state = mixed ^ line;
    mixed = mqoe_splitmix64(&state);
    mqoe_random_seed(stream, mixed + purpose);
}

bool mqoe_path_happens(struct mqoe_path_dice *dice, const struct mqoe_path_chance *chance) {
    if (chance->probability <= 0)
        return dice->last = false;
    uint64_t number = mqoe_random_u64(&dice->random);
    bool same = dice->rolled && mqoe_path_below((uint32_t)number, chance->correlation);
    dice->rolled = true;
    if (!same)
        dice->last = mqoe_path_below((uint32_t)(number >> 32), chance->probability);
    return dice->last;
}
