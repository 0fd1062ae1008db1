#include "sink/inbox.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

static struct tally tally;

static struct delivery *make(uint64_t n) {
    return signal_make(&tally, n, 0);
}

/* Gives the reference up as well. */
static bool put_in(struct sink_inbox *inbox, uint64_t n) {
    struct delivery *delivery = make(n);
    const bool is_to_wake = sink_inbox_push(inbox, delivery);
    delivery_release(delivery);
    return is_to_wake;
}

static uint64_t take_one(struct sink_entry **entry) {
    struct sink_entry *taken = *entry;
    const uint64_t n = taken->delivery->owner_word;
    *entry = taken->after;
    sink_entry_release(taken);
    return n;
}

Test(inbox, gives_what_was_pushed_in_its_order) {
    struct sink_inbox inbox = {0};
    cr_assert_null(sink_inbox_take(&inbox));
    for (uint64_t n = 0; n < 3; n++)
        cr_assert(!put_in(&inbox, n));
    struct sink_entry *entry = sink_inbox_take(&inbox);
    cr_assert_null(sink_inbox_take(&inbox));
    for (uint64_t n = 0; n < 3; n++)
        cr_assert_eq(take_one(&entry), n);
    cr_assert_null(entry);
    check_leaks();
}

Test(inbox, one_pusher_wakes_who_is_idle) {
    struct sink_inbox inbox = {0};
    cr_assert(sink_inbox_set_idle(&inbox));
    cr_assert(put_in(&inbox, 0));
    cr_assert(!put_in(&inbox, 1));
    cr_assert(!sink_inbox_set_idle(&inbox), "there is something to do");
    cr_assert(!put_in(&inbox, 2));
    struct sink_entry *entry = sink_inbox_take(&inbox);
    while (entry != NULL)
        (void)take_one(&entry);
    cr_assert(sink_inbox_set_idle(&inbox));
    sink_inbox_set_busy(&inbox);
    cr_assert(!put_in(&inbox, 3));
    entry = sink_inbox_take(&inbox);
    (void)take_one(&entry);
    check_leaks();
}

#define PUSHERS 4
#define EACH    20000

static struct sink_inbox shared;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;

static void *push_all(void *argument) {
    const uint64_t index = *(const uint64_t *)argument;
    for (uint64_t i = 0; i < EACH; i++) {
        if (!put_in(&shared, i * PUSHERS + index))
            continue;
        pthread_mutex_lock(&mutex);
        pthread_cond_signal(&work);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static struct sink_entry *await_some(void) {
    struct sink_entry *entry;
    pthread_mutex_lock(&mutex);
    while ((entry = sink_inbox_take(&shared)) == NULL) {
        if (sink_inbox_set_idle(&shared))
            pthread_cond_wait(&work, &mutex);
        sink_inbox_set_busy(&shared);
    }
    pthread_mutex_unlock(&mutex);
    return entry;
}

/* A wake that gets lost hangs it. */
Test(inbox, of_many_pushers_nothing_is_lost_and_each_keeps_its_order) {
    uint64_t indices[PUSHERS], next[PUSHERS] = {0}, taken = 0;
    pthread_t threads[PUSHERS];
    for (uint64_t i = 0; i < PUSHERS; i++) {
        indices[i] = i;
        pthread_create(&threads[i], NULL, push_all, &indices[i]);
    }
    while (taken < (uint64_t)PUSHERS * EACH) {
        for (struct sink_entry *entry = await_some(); entry != NULL; taken++) {
            const uint64_t n = take_one(&entry);
            cr_assert_eq(n / PUSHERS, next[n % PUSHERS]++);
        }
    }
    for (uint64_t i = 0; i < PUSHERS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_null(sink_inbox_take(&shared));
    check_leaks();
}
