// The C structs of records.def: `struct mqoe_record_probe`, `struct mqoe_record_dp_client`, … and their
// layouts.
#pragma once

#include <assert.h>
#include <stdint.h>

#define MQOE_CTYPE_u8            uint8_t
#define MQOE_CTYPE_u16           uint16_t
#define MQOE_CTYPE_u32           uint32_t
#define MQOE_CTYPE_u64           uint64_t
#define MQOE_CTYPE_i64           int64_t
#define MQOE_CTYPE_f64           double

#define RECORD(name)             struct mqoe_record_##name {
#define FIELD(ctype, name, unit) MQOE_CTYPE_##ctype name;
#define RECORD_END(name)                                                                                     \
    }                                                                                                        \
    ;
#include "record/records.def"
#undef RECORD
#undef FIELD
#undef RECORD_END

// The reader finds fields by offset, but whoever compresses or compares recordings must not meet bytes
// without a name.
#define RECORD(name)             static_assert(sizeof(struct mqoe_record_##name) == 0
#define FIELD(ctype, name, unit) +sizeof(MQOE_CTYPE_##ctype)
#define RECORD_END(name)         , "record " #name " has padding: reorder its fields");
#include "record/records.def"
#undef RECORD
#undef FIELD
#undef RECORD_END

struct mqoe_field;

// One record type: what the header of its segments says.
struct mqoe_layout {
    const char *type; // "dp_client"
    uint32_t record_bytes;
    uint32_t field_count;
    const struct mqoe_field *fields; // segment.h
};

// The layout of a type named in records.def; NULL for any other name. The result is static.
const struct mqoe_layout *mqoe_layout_find(const char *type);

// All layouts, in the order of records.def; *count gets their number. For tests and for tools that list them.
const struct mqoe_layout *mqoe_layout_all(uint32_t *count);
