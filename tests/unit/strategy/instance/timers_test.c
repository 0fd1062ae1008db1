#include "strategy/instance/timers.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

static struct timer_due make(uint32_t symbol_id, uint64_t key, int64_t due_ns) {
    return (struct timer_due){
        .clock = T5_CLOCK_EVENT, .symbol_id = symbol_id, .key = key, .due_ns = due_ns};
}

static void arm(struct timers *timers, uint64_t key, int64_t due_ns) {
    const struct timer_due due = make(T5_NO_SYMBOL, key, due_ns);
    cr_assert_eq(timers_arm(timers, &due), TIMERS_OK);
}

static bool cancel(struct timers *timers, uint64_t key) {
    const struct timer_due due = make(T5_NO_SYMBOL, key, 0);
    return timers_cancel(timers, &due);
}

/* Keys that fire up to `now_ns`, each 1 digit; what fires is told to `and_then`, if given. */
static const char *jump(struct timers *timers, int64_t now_ns,
                        void (*and_then)(struct timers *timers, const struct timer_due *due)) {
    static char fired[1024];
    struct timer_due due;
    size_t count = 0;
    timers_jump_begin(timers);
    while (timers_jump_next(timers, T5_CLOCK_EVENT, now_ns, &due)) {
        cr_assert_lt(count, sizeof fired - 1);
        fired[count++] = (char)('0' + due.key % 10);
        if (and_then != NULL)
            and_then(timers, &due);
    }
    timers_jump_end(timers);
    fired[count] = '\0';
    return fired;
}

Test(timers, fire_by_due_time_then_by_arming) {
    struct timers timers;
    timers_init(&timers, 100, false);
    arm(&timers, 1, 30);
    arm(&timers, 2, 10);
    arm(&timers, 3, 20);
    arm(&timers, 4, 10);
    arm(&timers, 5, 31);
    cr_assert_eq(timers_next_event_ns(&timers), 10);
    cr_assert_str_eq(jump(&timers, 30, NULL), "2431");
    cr_assert_eq(timers_next_event_ns(&timers), 31);
    cr_assert_eq(timers.count, 1);
    timers_release(&timers);
}

Test(timers, arming_again_moves_and_counts_as_arming) {
    struct timers timers;
    timers_init(&timers, 100, false);
    arm(&timers, 1, 10);
    arm(&timers, 2, 10);
    arm(&timers, 3, 5);
    arm(&timers, 1, 10);
    arm(&timers, 3, 50);
    cr_assert_eq(timers.count, 3);
    cr_assert_str_eq(jump(&timers, 20, NULL), "21");
    cr_assert_str_eq(jump(&timers, 50, NULL), "3");
    timers_release(&timers);
}

Test(timers, cancelled_timer_does_not_fire) {
    struct timers timers;
    timers_init(&timers, 100, false);
    arm(&timers, 1, 10);
    arm(&timers, 2, 10);
    cr_assert(cancel(&timers, 1));
    cr_assert_not(cancel(&timers, 1));
    cr_assert_not(cancel(&timers, 9));
    cr_assert_str_eq(jump(&timers, 10, NULL), "2");
    cr_assert_eq(timers_next_event_ns(&timers), TIMERS_NEVER);
    timers_release(&timers);
}

Test(timers, no_more_than_the_most_are_armed) {
    struct timers timers;
    timers_init(&timers, 2, false);
    arm(&timers, 1, 10);
    arm(&timers, 2, 10);
    const struct timer_due third = make(T5_NO_SYMBOL, 3, 10);
    cr_assert_eq(timers_arm(&timers, &third), TIMERS_FULL);
    arm(&timers, 2, 11); /* moving one is no new one */
    cr_assert(cancel(&timers, 1));
    cr_assert_eq(timers_arm(&timers, &third), TIMERS_OK);
    timers_release(&timers);
}

Test(timers, symbol_clock_and_key_tell_timers_apart) {
    struct timers timers;
    struct timer_due due, fired;
    timers_init(&timers, 100, false);
    due = make(1, 7, 10);
    cr_assert_eq(timers_arm(&timers, &due), TIMERS_OK);
    due = make(2, 7, 11);
    cr_assert_eq(timers_arm(&timers, &due), TIMERS_OK);
    due.clock = T5_CLOCK_WALL;
    due.due_ns = 12;
    cr_assert_eq(timers_arm(&timers, &due), TIMERS_OK);
    cr_assert_eq(timers.count, 3);
    cr_assert_eq(timers_next_event_ns(&timers), 10);
    cr_assert_eq(timers_next_wall_ns(&timers), 12);
    timers_jump_begin(&timers);
    cr_assert(timers_jump_next(&timers, T5_CLOCK_WALL, 100, &fired));
    cr_assert_eq(fired.symbol_id, 2);
    cr_assert_eq(fired.clock, T5_CLOCK_WALL);
    cr_assert_not(timers_jump_next(&timers, T5_CLOCK_WALL, 100, &fired));
    timers_jump_end(&timers);
    cr_assert_eq(timers.count, 2);
    timers_release(&timers);
}

Test(timers, with_one_clock_wall_timers_go_by_event_time) {
    struct timers timers;
    struct timer_due due;
    timers_init(&timers, 100, true);
    arm(&timers, 1, 20);
    due = make(T5_NO_SYMBOL, 2, 10);
    due.clock = T5_CLOCK_WALL;
    cr_assert_eq(timers_arm(&timers, &due), TIMERS_OK);
    cr_assert_eq(timers_next_wall_ns(&timers), TIMERS_NEVER);
    cr_assert_str_eq(jump(&timers, 20, NULL), "21");
    timers_release(&timers);
}

static void again_a_little_later(struct timers *timers, const struct timer_due *due) {
    arm(timers, due->key, due->due_ns + 1);
}

Test(timers, armed_again_in_a_jump_it_fires_once_more_and_the_rest_waits) {
    struct timers timers;
    timers_init(&timers, 100, false);
    arm(&timers, 1, 10);
    cr_assert_str_eq(jump(&timers, 100, again_a_little_later), "11");
    cr_assert_eq(timers.count, 1);
    cr_assert_eq(timers_next_event_ns(&timers), 12);
    cr_assert_str_eq(jump(&timers, 101, again_a_little_later), "11");
    cr_assert_eq(timers_next_event_ns(&timers), 14);
    cr_assert_str_eq(jump(&timers, 13, NULL), "");
    timers_release(&timers);
}

Test(timers, one_that_is_held_back_does_not_hold_back_others) {
    struct timers timers;
    timers_init(&timers, 100, false);
    arm(&timers, 1, 10);
    arm(&timers, 2, 50);
    arm(&timers, 3, 60);
    cr_assert_str_eq(jump(&timers, 60, again_a_little_later), "11223"); /* 3 would be due at 61 */
    timers_release(&timers);
}

static void cancel_held_one(struct timers *timers, const struct timer_due *due) {
    if (due->key == 1)
        arm(timers, 1, due->due_ns);
    if (due->key == 2)
        cr_assert(cancel(timers, 1));
}

Test(timers, one_that_is_held_back_can_be_cancelled) {
    struct timers timers;
    timers_init(&timers, 100, false);
    arm(&timers, 1, 10);
    arm(&timers, 2, 50);
    cr_assert_str_eq(jump(&timers, 60, cancel_held_one), "112");
    cr_assert_eq(timers.count, 0);
    cr_assert_eq(timers_next_event_ns(&timers), TIMERS_NEVER);
    timers_release(&timers);
}

static void cancel_and_arm(struct timers *timers, const struct timer_due *due) {
    arm(timers, due->key, due->due_ns);
    cr_assert(cancel(timers, due->key));
    arm(timers, due->key, due->due_ns);
}

Test(timers, cancelling_in_between_gives_no_third_fire) {
    struct timers timers;
    timers_init(&timers, 100, false);
    arm(&timers, 1, 10);
    cr_assert_str_eq(jump(&timers, 60, cancel_and_arm), "11");
    cr_assert_eq(timers.count, 1);
    timers_release(&timers);
}

static void arm_next_key(struct timers *timers, const struct timer_due *due) {
    arm(timers, due->key + 1, due->due_ns);
}

Test(timers, chain_of_new_keys_ends) {
    struct timers timers;
    timers_init(&timers, 10, false);
    arm(&timers, 0, 10);
    const size_t first = strlen(jump(&timers, 60, arm_next_key));
    cr_assert_eq(first, 12); /* 2 for the one that was armed, 10 = max_count for new ones */
    cr_assert_eq(timers.count, 1);
    cr_assert_eq(timers_next_event_ns(&timers), 10);
    timers_release(&timers);
}

Test(timers, timer_armed_by_another_fires_in_the_same_jump) {
    struct timers timers;
    timers_init(&timers, 10, false);
    arm(&timers, 0, 10);
    cr_assert_eq(strncmp(jump(&timers, 60, arm_next_key), "0123", 4), 0);
    timers_release(&timers);
}

Test(timers, dropping_a_symbol_takes_its_timers_alone) {
    struct timers timers;
    struct timer_due timer;
    uint64_t place;
    uint32_t at = 0;
    size_t count = 0;
    timers_init(&timers, 1000, false);
    for (uint64_t key = 0; key < 20; key++) {
        const struct timer_due a = make(5, key, 10), b = make(6, key, 10);
        cr_assert_eq(timers_arm(&timers, &a), TIMERS_OK);
        cr_assert_eq(timers_arm(&timers, &b), TIMERS_OK);
    }
    arm(&timers, 1, 10);
    timers_drop_symbol(&timers, 5);
    timers_drop_symbol(&timers, 1000);
    for (; timers_next_armed(&timers, &at, &timer, &place); count++)
        cr_assert_neq(timer.symbol_id, 5);
    cr_assert_eq(count, 21);
    timers_release(&timers);
}

/* In whatever order they are restored. */
Test(timers, restored_ones_fire_in_the_order_that_they_had) {
    struct timers old, new;
    struct timer_due timers[4], due;
    uint64_t places[4];
    uint32_t at = 0, count = 0;
    timers_init(&old, 100, false);
    arm(&old, 1, 30);
    arm(&old, 2, 10);
    arm(&old, 3, 10);
    arm(&old, 1, 10);
    arm(&old, 4, 10);
    while (timers_next_armed(&old, &at, &due, &places[count]))
        timers[count++] = due;
    cr_assert_eq(count, 4);
    timers_init(&new, 100, false);
    timers_reserve(&new, 64);
    cr_expect_eq(new.capacity, 64);
    while (count-- > 0)
        cr_assert_eq(timers_restore(&new, &timers[count], places[count]), TIMERS_OK);
    cr_expect_eq(new.capacity, 64);
    arm(&new, 5, 10);
    timers_jump_begin(&new);
    static const uint64_t keys[] = {2, 3, 1, 4, 5};
    for (size_t i = 0; i < 5; i++) {
        cr_assert(timers_jump_next(&new, T5_CLOCK_EVENT, 10, &due));
        cr_expect_eq(due.key, keys[i]);
    }
    cr_expect_not(timers_jump_next(&new, T5_CLOCK_EVENT, 10, &due));
    timers_jump_end(&new);
    timers_release(&old);
    timers_release(&new);
}

/* Against a plain array: many armings, moves, cancellations and jumps. */
Test(timers, agree_with_a_plain_list) {
    enum { KEYS = 200 };
    struct {
        bool is_armed;
        int64_t due_ns;
        uint64_t arming;
    } model[KEYS] = {{0}};
    struct timers timers;
    uint64_t armings = 0;
    int64_t now_ns = 0;
    timers_init(&timers, KEYS, false);
    srand(7);
    for (int round = 0; round < 20000; round++) {
        const uint64_t key = (uint64_t)(rand() % KEYS);
        const uint32_t symbol = key % 3 == 0 ? T5_NO_SYMBOL : (uint32_t)(key % 7);
        struct timer_due due = make(symbol, key, now_ns + rand() % 50), fired;
        const int what = rand() % 10;
        if (what < 6) {
            cr_assert_eq(timers_arm(&timers, &due), TIMERS_OK);
            model[key].is_armed = true;
            model[key].due_ns = due.due_ns;
            model[key].arming = armings++;
        } else if (what < 8) {
            cr_assert_eq(timers_cancel(&timers, &due), model[key].is_armed);
            model[key].is_armed = false;
        } else {
            now_ns += rand() % 5;
            timers_jump_begin(&timers);
            for (;;) {
                int best = -1;
                for (int i = 0; i < KEYS; i++)
                    if (model[i].is_armed && model[i].due_ns <= now_ns &&
                        (best < 0 || model[i].due_ns < model[best].due_ns ||
                         (model[i].due_ns == model[best].due_ns &&
                          model[i].arming < model[best].arming)))
                        best = i;
                const bool did_fire = timers_jump_next(&timers, T5_CLOCK_EVENT, now_ns, &fired);
                cr_assert_eq(did_fire, best >= 0);
                if (!did_fire)
                    break;
                cr_assert_eq(fired.key, (uint64_t)best);
                model[best].is_armed = false;
            }
            timers_jump_end(&timers);
        }
    }
    timers_release(&timers);
}
