#include "memory.h"

#include <stddef.h>

static long left = -1;
static bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

static bool must_fail(void) {
    if (left < 0)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    has_failed = true;
    return true;
}

void memory_fail_from(long nth) {
    has_failed = false;
    left = nth;
}

bool memory_end(void) {
    left = -1;
    return has_failed;
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return must_fail() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size) {
    return must_fail() ? NULL : __real_reallocarray(old, count, size);
}
