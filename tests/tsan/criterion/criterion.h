/*
 * criterion/criterion.h - for the tsan variant alone: the part of Criterion's interface that the
 * unit tests use, over a runner of our own (tests/tsan/runner.c).
 *
 * Criterion starts each test through a shared mapping at an address that ThreadSanitizer keeps for
 * itself, so no test of it runs under ThreadSanitizer. This one forks. A test that uses more of
 * Criterion than is here does not compile in the tsan variant: add it.
 */
#ifndef TAKE5_TESTS_TSAN_CRITERION_H
#define TAKE5_TESTS_TSAN_CRITERION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cr_options {
    int line;
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* seconds; 0: the runner's */
    int signal;     /* that the test must die of; 0: none */
    int exit_code;  /* that the test must end with */
    bool disabled;
    const char *description;
};

struct cr_test {
    const char *suite;
    const char *name;
    void (*run)(void);
    struct cr_options options;
    struct cr_test *next;
};

struct cr_suite {
    const char *name;
    struct cr_options options;
    struct cr_suite *next;
};

void cr_register_test(struct cr_test *test);
void cr_register_suite(struct cr_suite *suite);

/* Formats a message into memory that lives until the test ends. */
__attribute__((format(printf, 1, 2))) char *cr_message(const char *format, ...);
/* Says what failed; ends the test when it is fatal. Any thread. */
void cr_failed(const char *file, int line, const char *what, const char *message, bool is_fatal);
__attribute__((noreturn)) void cr_skip(const char *message);

#define TestSuite(Suite, ...)                                                                      \
    static struct cr_suite Suite##_suite = {#Suite, {.line = __LINE__, __VA_ARGS__}, NULL};        \
    __attribute__((constructor)) static void Suite##_suite_register(void) {                        \
        cr_register_suite(&Suite##_suite);                                                         \
    }                                                                                              \
    struct cr_suite

#define Test(Suite, Name, ...)                                                                     \
    static void Suite##_##Name##_impl(void);                                                       \
    static struct cr_test Suite##_##Name##_test = {                                                \
        #Suite, #Name, Suite##_##Name##_impl, {.line = __LINE__, __VA_ARGS__}, NULL};              \
    __attribute__((constructor)) static void Suite##_##Name##_register(void) {                     \
        cr_register_test(&Suite##_##Name##_test);                                                  \
    }                                                                                              \
    static void Suite##_##Name##_impl(void)

/* The message when there is one, else NULL. */
#define CR_MESSAGE(...) ((const char *[]){__VA_OPT__(cr_message(__VA_ARGS__), ) NULL})[0]

#define CR_CHECK(condition, what, is_fatal, ...)                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            cr_failed(__FILE__, __LINE__, what, CR_MESSAGE(__VA_ARGS__), is_fatal);                \
    } while (0)

#define CR_COMPARE(a, op, b, is_fatal, ...)                                                        \
    CR_CHECK((a)op(b), #a " " #op " " #b, is_fatal, __VA_ARGS__)
#define CR_STRINGS(a, op, b, is_fatal, ...)                                                        \
    CR_CHECK(strcmp((a), (b)) op 0, "strings " #a " " #op " " #b, is_fatal, __VA_ARGS__)
#define CR_NEAR(a, b, epsilon, is_fatal, ...)                                                      \
    CR_CHECK((a) - (b) <= (epsilon) && (b) - (a) <= (epsilon), #a " ~ " #b, is_fatal, __VA_ARGS__)
#define CR_BYTES(a, op, b, size, is_fatal, ...)                                                    \
    CR_CHECK(memcmp((a), (b), (size)) op 0, "bytes " #a " " #op " " #b, is_fatal, __VA_ARGS__)

#define cr_assert(condition, ...)        CR_CHECK(condition, #condition, true, __VA_ARGS__)
#define cr_assert_not(condition, ...)    CR_CHECK(!(condition), "not " #condition, true, __VA_ARGS__)
#define cr_assert_fail(...)              CR_CHECK(false, "fail", true, __VA_ARGS__)
#define cr_assert_null(p, ...)           CR_COMPARE(p, ==, NULL, true, __VA_ARGS__)
#define cr_assert_not_null(p, ...)       CR_COMPARE(p, !=, NULL, true, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)          CR_COMPARE(a, ==, b, true, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)         CR_COMPARE(a, !=, b, true, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)          CR_COMPARE(a, <, b, true, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)         CR_COMPARE(a, <=, b, true, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)          CR_COMPARE(a, >, b, true, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)         CR_COMPARE(a, >=, b, true, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)      CR_STRINGS(a, ==, b, true, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)     CR_STRINGS(a, !=, b, true, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) CR_NEAR(a, b, e, true, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)   CR_BYTES(a, ==, b, n, true, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...)  CR_BYTES(a, !=, b, n, true, __VA_ARGS__)

#define cr_expect(condition, ...)        CR_CHECK(condition, #condition, false, __VA_ARGS__)
#define cr_expect_not(condition, ...)    CR_CHECK(!(condition), "not " #condition, false, __VA_ARGS__)
#define cr_expect_null(p, ...)           CR_COMPARE(p, ==, NULL, false, __VA_ARGS__)
#define cr_expect_not_null(p, ...)       CR_COMPARE(p, !=, NULL, false, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)          CR_COMPARE(a, ==, b, false, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)         CR_COMPARE(a, !=, b, false, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)          CR_COMPARE(a, <, b, false, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)         CR_COMPARE(a, <=, b, false, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)          CR_COMPARE(a, >, b, false, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)         CR_COMPARE(a, >=, b, false, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)      CR_STRINGS(a, ==, b, false, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)   CR_BYTES(a, ==, b, n, false, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)     CR_STRINGS(a, !=, b, false, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) CR_NEAR(a, b, e, false, __VA_ARGS__)

#define cr_skip_test(...) cr_skip(CR_MESSAGE(__VA_ARGS__))
#define cr_log_info(...)  (void)fprintf(stderr, __VA_ARGS__)
#define cr_log_warn(...)  (void)fprintf(stderr, __VA_ARGS__)
#define cr_log_error(...) (void)fprintf(stderr, __VA_ARGS__)

#endif
