// Errors as native parts report them: their texts can always be sent as JSON.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>

#include "record/error.h"

static void assert_is_json(const char *text) {
    json_t *json = json_string(text);
    if (!json)
        fail_msg("no UTF-8: \"%s\"", text);
    json_decref(json);
}

// Characters of one to four bytes, moved byte by byte over the end of both texts.
static void a_cut_character_is_dropped(void **state) {
    (void)state;
    static const char *const characters[] = {"a", "é", "€", "😀"};
    for (size_t c = 0; c < 4; c++)
        for (size_t before = 0; before < 4; before++) {
            char text[512] = "";
            memset(text, 'x', before);
            while (strlen(text) < 400)
                strcat(text, characters[c]);
            struct mqoe_error e;
            assert_int_equal(mqoe_fail(&e, EINVAL, "test", text, "%s", text), -EINVAL);
            assert_is_json(e.object);
            assert_is_json(e.hint);
            assert_memory_equal(e.object, text, strlen(e.object)); // nothing but the end is missing
            assert_true(strlen(e.object) + 4 >= sizeof e.object);
            assert_true(strlen(e.hint) + 4 >= sizeof e.hint);
        }
}

static void bytes_that_are_no_text_are_replaced(void **state) {
    (void)state;
    static const struct {
        const char *given, *shown;
    } cases[] = {
        {"caf\xe9.json", "caf?.json"}, {"\x80", "?"},
        {"a\xe2\x82 b", "a?? b"},      {"\xc0\xaf", "??"},
        {"\xed\xa0\x80", "???"},       {"\xf4\x90\x80\x80 ", "???? "},
        {"\xff\xfe ", "?? "},          {"grüße €😀", "grüße €😀"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqoe_error e;
        mqoe_fail(&e, ENOENT, "open", NULL, "%s.", cases[i].given);
        assert_is_json(e.object);
        e.object[strlen(e.object) - 1] = '\0';
        assert_string_equal(e.object, cases[i].shown);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_character_is_dropped),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
