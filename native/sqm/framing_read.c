#include "sqm/framing_read.h"

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct mqoe_framing mqoe_framing_read(const struct mqoe_node *shaper) {
    struct mqoe_node n = mqoe_node_object(shaper, "framing");
    struct mqoe_framing f = {0};
    f.base = (uint8_t)mqoe_node_enum(&n, "base", KEYS("frame", "ip"));
    f.overhead = (int16_t)mqoe_node_int(&n, "overhead", -64, 256);
    f.mpu = (uint16_t)mqoe_node_int(&n, "mpu", 0, 256);
    f.cell = (uint8_t)mqoe_node_enum(&n, "cell", KEYS("none", "atm", "ptm"));
    mqoe_node_only(&n, KEYS("base", "overhead", "mpu", "cell"));
    return f;
}
