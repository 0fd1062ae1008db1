/*
 * What the fuzz targets share. Each has LLVMFuzzerTestOneInput(): libFuzzer calls it with what it
 * invents (TAKE5_FUZZ, clang); standalone.c with a committed corpus and mutations of it by a fixed
 * seed, as an ordinary test.
 */
#ifndef TAKE5_TESTS_FUZZ_H
#define TAKE5_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what is wrong, and aborts. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A heap block of exactly that size, so that a sanitizer sees every read beyond; free() it. */
char *fuzz_copy(const void *data, size_t size);

#define FUZZ_CHECK(condition, ...)                                                                 \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_fail(__VA_ARGS__);                                                                \
    } while (0)

#endif
