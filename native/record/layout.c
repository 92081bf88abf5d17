// records.def as a table: type name → record size and fields.
#include "record/records.h"

#include <stddef.h>
#include <string.h>

#include "record/segment.h"

// FIELD does not know its record, so each record gets a function: in its scope the typedef `record` names the
// struct whose offsets the static table lists.
#define RECORD(name)                                                                                         \
    static struct mqoe_layout layout_##name(void) {                                                          \
        typedef struct mqoe_record_##name record;                                                            \
        static const char type[] = #name;                                                                    \
        static_assert(sizeof type <= sizeof((struct mqoe_segment_header *)0)->type, "type name too long");   \
        static const struct mqoe_field fields[] = {
#define FIELD(ctype, name, unit) {#name, #ctype, offsetof(record, name), unit},
#define RECORD_END(name)                                                                                     \
    }                                                                                                        \
    ;                                                                                                        \
    static_assert(offsetof(struct mqoe_segment_header, fields) + sizeof fields <= MQOE_SEGMENT_HEADER,       \
                  "record " #name " has more fields than a header holds");                                   \
    return (struct mqoe_layout){type, sizeof(record), sizeof fields / sizeof *fields, fields};               \
    }
#include "record/records.def"
#undef RECORD
#undef FIELD
#undef RECORD_END

enum {
#define RECORD(name)             INDEX_##name,
#define FIELD(ctype, name, unit) /* counted per record, not here */
#define RECORD_END(name)         /* nothing */
#include "record/records.def"
#undef RECORD
#undef FIELD
#undef RECORD_END
    RECORD_TYPES,
};

static struct mqoe_layout layouts[RECORD_TYPES];

// Before main and before any thread, so that readers need no lock.
__attribute__((constructor)) static void fill_layouts(void) {
#define RECORD(name)             layouts[INDEX_##name] = layout_##name();
#define FIELD(ctype, name, unit) /* nothing */
#define RECORD_END(name)         /* nothing */
#include "record/records.def"
#undef RECORD
#undef FIELD
#undef RECORD_END
}

const struct mqoe_layout *mqoe_layout_all(uint32_t *count) {
    *count = RECORD_TYPES;
    return layouts;
}

const struct mqoe_layout *mqoe_layout_find(const char *type) {
    for (uint32_t i = 0; i < RECORD_TYPES; i++)
        if (!strcmp(layouts[i].type, type))
            return &layouts[i];
    return NULL;
}
