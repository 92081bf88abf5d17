// Reading netlink attributes whose length depends on the kernel's version.
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>
#include <string.h>

// Attributes are as long as the kernel's version of a struct; what it does not have is 0.
static inline void mqoe_attr_copy(void *to, size_t size, const struct nlattr *a) {
    size_t bytes = mnl_attr_get_payload_len(a);
    memset(to, 0, size);
    memcpy(to, mnl_attr_get_payload(a), bytes < size ? bytes : size);
}

// The attribute of that type in a nest; NULL when there is none, or no nest.
static inline const struct nlattr *mqoe_attr_find(const struct nlattr *nest, uint16_t type) {
    const struct nlattr *a;
    if (!nest)
        return NULL;
    mnl_attr_for_each_nested(a, nest) {
        if (mnl_attr_get_type(a) == type)
            return a;
    }
    return NULL;
}

// A u32 or u64 in a nest, little-endian as the machine; 0 when there is none.
static inline uint64_t mqoe_attr_number(const struct nlattr *nest, uint16_t type) {
    const struct nlattr *a = mqoe_attr_find(nest, type);
    uint64_t value = 0;
    if (a)
        mqoe_attr_copy(&value, sizeof value, a);
    return value;
}
