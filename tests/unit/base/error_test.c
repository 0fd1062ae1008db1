#include "base/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, set_fills_code_and_text_and_gives_false) {
    struct error error = {0};
    cr_assert_not(error_set(&error, ERROR_INVALID, "lanes is %d, at most %d", 70, 64));
    cr_assert_eq(error.code, ERROR_INVALID);
    cr_assert_str_eq(error.text, "lanes is 70, at most 64");
}

Test(error, arguments_may_point_into_the_text_itself) {
    struct error error = {0};
    error_set(&error, ERROR_STATE, "inner");
    error_set(&error, ERROR_INVALID, "outer: %s", error.text);
    cr_assert_str_eq(error.text, "outer: inner");
    error_set_errno(&error, ENOENT, "again: %s", error.text);
    cr_assert_str_eq(error.text, "again: outer: inner: No such file or directory");
    error_prefix(&error, "%s | ", error.text);
    cr_assert_str_eq(error.text, "again: outer: inner: No such file or directory | "
                                 "again: outer: inner: No such file or directory");
}

Test(error, errno_text_stands_behind) {
    struct error error = {0};
    cr_assert_not(error_set_errno(&error, EACCES, "cannot open %s", "/a/b"));
    cr_assert_eq(error.code, ERROR_SYSTEM);
    cr_assert_str_eq(error.text, "cannot open /a/b: Permission denied");
}

Test(error, memory_that_the_system_has_none_of_is_memory) {
    struct error error = {0};
    cr_assert_not(error_set_errno(&error, ENOMEM, "cannot open %s", "/a/b"));
    cr_assert_eq(error.code, ERROR_MEMORY);
    cr_assert_str_eq(error.text, "cannot open /a/b: Cannot allocate memory");
}

Test(error, prefix_keeps_the_code) {
    struct error error = {0};
    error_set(&error, ERROR_TIMEOUT, "no answer in 5s");
    cr_assert_not(error_prefix(&error, "partition %d: ", 3));
    cr_assert_eq(error.code, ERROR_TIMEOUT);
    cr_assert_str_eq(error.text, "partition 3: no answer in 5s");
}

Test(error, memory_says_how_much_for_what) {
    struct error error = {0};
    cr_assert_not(error_set_memory(&error, "the symbol table"));
    cr_assert_eq(error.code, ERROR_MEMORY);
    cr_assert_str_eq(error.text, "out of memory for the symbol table");
}

Test(error, what_is_too_long_is_cut) {
    char longer[2 * ERROR_TEXT_SIZE];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    struct error error = {0};
    error_set(&error, ERROR_INVALID, "%s", longer);
    cr_assert_eq(strlen(error.text), ERROR_TEXT_SIZE - 1);
    error_prefix(&error, "front: ");
    cr_assert_eq(strlen(error.text), ERROR_TEXT_SIZE - 1);
    cr_assert_eq(strncmp(error.text, "front: xxx", 10), 0);
}

Test(error, cutting_never_splits_a_character) {
    /* Two-, three- and four-byte characters, moved by one byte each time over the limit. */
    const char *const characters[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x93\x8A"};
    for (size_t c = 0; c < 3; c++) {
        for (size_t shift = 0; shift < 5; shift++) {
            char longer[2 * ERROR_TEXT_SIZE] = "";
            memset(longer, 'x', shift);
            size_t size = shift;
            size_t one = strlen(characters[c]);
            while (size + one < sizeof longer) {
                memcpy(longer + size, characters[c], one);
                size += one;
            }
            longer[size] = '\0';
            struct error error = {0};
            error_set(&error, ERROR_INVALID, "%s", longer);
            size_t kept = strlen(error.text);
            cr_assert_gt(kept, ERROR_TEXT_SIZE - 5);
            cr_assert_eq((kept - shift) % one, 0, "character %zu shift %zu", c, shift);
        }
    }
}
