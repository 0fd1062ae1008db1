#include "failing_memory.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic long left = -1;
static _Atomic bool has_failed, is_once;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

static bool must_fail(void) {
    long now = atomic_load(&left);
    while (now > 0 && !atomic_compare_exchange_weak(&left, &now, now - 1)) {}
    if (now != 0)
        return false;
    if (is_once && !atomic_compare_exchange_strong(&left, &now, -1))
        return false;
    has_failed = true;
    return true;
}

void memory_fail_from(long nth) {
    has_failed = false;
    is_once = false;
    left = nth;
}

void memory_fail_once(long nth) {
    has_failed = false;
    is_once = true;
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
