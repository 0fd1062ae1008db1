#include "base/sync/counter.h"

#include <criterion/criterion.h>
#include <pthread.h>

#define TIMES 100000

static void *count(void *counter) {
    for (int i = 0; i < TIMES; i++)
        counter_add(counter, 3);
    return NULL;
}

Test(counter, a_reader_never_sees_it_go_back) {
    static _Atomic uint64_t counter;
    pthread_t writer;
    cr_assert_eq(pthread_create(&writer, NULL, count, &counter), 0);
    for (uint64_t last = 0, now; last < 3 * TIMES; last = now) {
        now = counter_read(&counter);
        cr_assert_geq(now, last);
    }
    pthread_join(writer, NULL);
    cr_assert_eq(counter_read(&counter), 3 * TIMES);
}

Test(counter, less_is_more_modulo_its_range) {
    _Atomic uint64_t counter = 5;
    counter_add(&counter, (uint64_t)0 - 2);
    cr_assert_eq(counter_read(&counter), 3);
}
