// What the script `video` of a session does (VideoScript in harness/blueprint/types.ts).
#pragma once

#include "traffic/plan_session.h"
#include "traffic/player.h"

struct traffic_video_plan {
    struct traffic_player_plan player;
    uint32_t size_count;
    uint16_t
        sizes[]; // per mille of what the bitrate makes of a segment, for one after the other, again and again
};

traffic_read_script traffic_read_video;
