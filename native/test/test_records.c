// Layouts: what records.def promises to readers in other languages.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "record/records.h"
#include "record/segment.h"

static uint32_t type_bytes(const char *type) {
    static const struct {
        const char *name;
        uint32_t bytes;
    } types[] = {{"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8}, {"i64", 8}, {"f64", 8}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, type))
            return types[i].bytes;
    return 0;
}

// Every byte of a record belongs to exactly one field, in order, naturally aligned.
static void check_layout(const struct mqoe_layout *layout) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct mqoe_field *f = &layout->fields[i];
        uint32_t bytes = type_bytes(f->type);
        assert_true(bytes > 0);
        assert_int_equal(f->offset, at);
        assert_int_equal(f->offset % bytes, 0);
        assert_true(f->name[0] && f->unit[0]);
        assert_true(memchr(f->name, 0, sizeof f->name) && memchr(f->unit, 0, sizeof f->unit));
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(f->name, layout->fields[j].name);
        at += bytes;
    }
    assert_int_equal(at, layout->record_bytes);
}

static void every_byte_has_a_name(void **state) {
    (void)state;
    uint32_t count;
    const struct mqoe_layout *all = mqoe_layout_all(&count);
    assert_true(count >= 7);
    for (uint32_t i = 0; i < count; i++)
        check_layout(&all[i]);
}

static void every_record_begins_with_its_time(void **state) {
    (void)state;
    uint32_t count;
    const struct mqoe_layout *all = mqoe_layout_all(&count);
    for (uint32_t i = 0; i < count; i++) {
        assert_string_equal(all[i].fields[0].name, "time");
        assert_string_equal(all[i].fields[0].type, "i64");
        assert_string_equal(all[i].fields[0].unit, "ns");
    }
}

static void layouts_are_found_by_name(void **state) {
    (void)state;
    uint32_t count;
    const struct mqoe_layout *all = mqoe_layout_all(&count);
    for (uint32_t i = 0; i < count; i++)
        assert_ptr_equal(mqoe_layout_find(all[i].type), &all[i]);
    assert_null(mqoe_layout_find("prob"));
    assert_null(mqoe_layout_find("probes"));
    assert_null(mqoe_layout_find(""));
}

static void structs_and_layouts_agree(void **state) {
    (void)state;
    const struct mqoe_layout *probe = mqoe_layout_find("probe");
    assert_int_equal(probe->record_bytes, sizeof(struct mqoe_record_probe));
    const struct mqoe_field *last = &probe->fields[probe->field_count - 1];
    assert_string_equal(last->name, "error");
    assert_int_equal(last->offset, offsetof(struct mqoe_record_probe, error));
    assert_string_equal(last->type, "u16");
    assert_string_equal(last->unit, "errno");
    const struct mqoe_layout *info = mqoe_layout_find("tcp_info");
    assert_int_equal(info->record_bytes, sizeof(struct mqoe_record_tcp_info));
    assert_int_equal(info->fields[info->field_count - 1].offset,
                     offsetof(struct mqoe_record_tcp_info, bytes_acked));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_has_a_name),
        cmocka_unit_test(every_record_begins_with_its_time),
        cmocka_unit_test(layouts_are_found_by_name),
        cmocka_unit_test(structs_and_layouts_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
