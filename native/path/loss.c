#include "path/loss.h"

enum { GOOD, BAD };                                        // gemodel
enum { GAP_SENT, BURST_SENT, LOST_IN_BURST, LOST_IN_GAP }; // state: 1, 2, 3 and 4 of its parameters

void mqoe_path_loser_reset(struct mqoe_path_loser *loser, const struct mqoe_path_loss *loss) {
    loser->state = 0;
    loser->dice.rolled = false;
    loser->next_packet = 0;
    while (loser->next_packet < loss->packet_count && loss->packets[loser->next_packet] < loser->number)
        loser->next_packet++;
}

// A frame is lost or not by the state that it finds; then the state moves for the next one.
static bool by_gemodel(struct mqoe_path_loser *loser, const struct mqoe_path_loss *loss) {
    uint64_t number = mqoe_random_u64(&loser->dice.random);
    bool bad = loser->state == BAD;
    if (mqoe_path_below((uint32_t)(number >> 32), bad ? loss->gemodel.r : loss->gemodel.p))
        loser->state = bad ? GOOD : BAD;
    return mqoe_path_below((uint32_t)number, bad ? loss->gemodel.bad_loss : loss->gemodel.good_loss);
}

// The state moves, and where it arrives says whether the frame is lost.
static bool by_state(struct mqoe_path_loser *loser, const struct mqoe_path_loss *loss) {
    uint32_t number = mqoe_random_u32(&loser->dice.random);
    switch (loser->state) {
    case GAP_SENT:
        if (mqoe_path_below(number, loss->state.p14))
            loser->state = LOST_IN_GAP;
        else if (mqoe_path_below(number, loss->state.p14 + loss->state.p13))
            loser->state = LOST_IN_BURST;
        break;
    case BURST_SENT:
        if (mqoe_path_below(number, loss->state.p23))
            loser->state = LOST_IN_BURST;
        break;
    case LOST_IN_BURST:
        if (mqoe_path_below(number, loss->state.p32))
            loser->state = BURST_SENT;
        else if (mqoe_path_below(number, loss->state.p32 + loss->state.p31))
            loser->state = GAP_SENT;
        break;
    default:
        loser->state = GAP_SENT; // what is lost in a gap is lost alone
    }
    return loser->state == LOST_IN_BURST || loser->state == LOST_IN_GAP;
}

static bool by_list(struct mqoe_path_loser *loser, const struct mqoe_path_loss *loss, uint64_t number) {
    if (loser->next_packet >= loss->packet_count || loss->packets[loser->next_packet] != number)
        return false;
    loser->next_packet++;
    return true;
}

bool mqoe_path_loses(struct mqoe_path_loser *loser, const struct mqoe_path_loss *loss,
                     const struct mqoe_path_chance *random) {
    uint64_t number = loser->number++;
    switch (loss->model) {
    case MQOE_PATH_LOSS_GEMODEL:
        return by_gemodel(loser, loss);
    case MQOE_PATH_LOSS_STATE:
        return by_state(loser, loss);
    case MQOE_PATH_LOSS_PACKETS:
        return by_list(loser, loss, number);
    default:
        return mqoe_path_happens(&loser->dice, random);
    }
}
