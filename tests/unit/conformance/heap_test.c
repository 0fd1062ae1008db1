#include "conformance/heap.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#else
#define HAS_SANITIZER false
#endif

static bool has(char **environment, const char *beginning) {
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, beginning, strlen(beginning)) == 0)
            return true;
    return false;
}

Test(conformance_heap, what_is_there_stays_and_the_checks_are_added) {
    char *plain[] = {"PATH=/bin", "LANG=C", NULL};
    char **watched = conformance_heap_environment(plain);
    if (HAS_SANITIZER) {
        cr_assert_null(watched);
        return;
    }
    cr_assert_not_null(watched);
    cr_assert_eq(watched[0], plain[0]);
    cr_assert_eq(watched[1], plain[1]);
    cr_assert(has(watched, "LD_PRELOAD=/"));
    cr_assert(has(watched, "GLIBC_TUNABLES=glibc.malloc.check=3"));
    free(watched);
}

Test(conformance_heap, who_brings_an_allocator_of_his_own_keeps_it) {
    char *preloaded[] = {"LD_PRELOAD=libother.so", NULL};
    char *tuned[] = {"GLIBC_TUNABLES=glibc.malloc.arena_max=1", NULL};
    cr_assert_null(conformance_heap_environment(preloaded));
    cr_assert_null(conformance_heap_environment(tuned));
}

Test(conformance_heap, an_empty_environment_is_one) {
    char *empty[] = {NULL};
    char **watched = conformance_heap_environment(empty);
    cr_assert_eq(watched == NULL, HAS_SANITIZER);
    free(watched);
}
