/* Tests that fail in a way each; tests/self/test.sh sees that they do. */
#include <criterion/criterion.h>

#include <limits.h>
#include <pthread.h>

Test(cases, passes) {
    cr_assert_eq(1, 1);
}

Test(cases, fails) {
    cr_assert_eq(1, 2);
}

Test(cases, leaks) {
    char *volatile lost = malloc(100);
    cr_assert_not_null(lost);
    lost = NULL;
}

Test(cases, uses_after_free) {
    char *volatile gone = malloc(100);
    free(gone);
    gone[1] = 1;
}

Test(cases, overflows) {
    volatile int most = INT_MAX;
    most = most + 1;
}

static long shared;

static void *count(void *unused) {
    for (int i = 0; i < 100000; i++)
        shared++;
    return unused;
}

Test(cases, races) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, count, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}
