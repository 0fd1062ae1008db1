#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("fuzz: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

char *fuzz_copy(const void *data, size_t size) {
    char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        fuzz_fail("out of memory");
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}
