#include "../support.h"

#include "sink/transaction/epoch.h"

#include <criterion/criterion.h>

static struct tally tally;
static struct epoch_open open_epoch;
static bool is_oom;

static void emit(struct tenure *tenure, uint64_t n) {
    struct delivery *delivery = signal_make(&tally, n, 0);
    epoch_add(&open_epoch, delivery, tenure, (int64_t)n);
    delivery_release(delivery);
}

static struct epoch *close_at(struct tenure *tenure, int64_t bound) {
    tenure->bound = bound;
    return epoch_close(&open_epoch, &tenure, 1, &is_oom);
}

static void commit(struct epoch *epoch) {
    epoch_committed(epoch);
    epoch_free(epoch);
}

Test(epoch, what_lies_beyond_its_offsets_stays_open) {
    struct tenure *tenure = tenure_new("bar_trends", 0, 0);
    emit(tenure, 1);
    emit(tenure, 7);
    emit(tenure, 2);
    struct epoch *epoch = close_at(tenure, 5);
    cr_assert_eq(epoch->record_count, 2u);
    cr_assert_eq(open_epoch.count, 1u);
    commit(epoch);
    cr_assert_eq(tally_count(&tally), 2u);
    cr_assert_eq(atomic_load(&tenure->committed), 5);
    cr_assert_not(tenure_is_settled(tenure));
    commit(close_at(tenure, 8));
    cr_assert_eq(tally_count(&tally), 3u);
    cr_assert_eq(tally.words[2], 7u);
    cr_assert(tenure_is_settled(tenure));
    tenure_release(tenure);
    check_leaks();
}

Test(epoch, nothing_new_makes_none) {
    struct tenure *tenure = tenure_new("bar_trends", 0, 3);
    cr_assert_null(close_at(tenure, 3));
    cr_assert_not(is_oom);
    commit(close_at(tenure, 4)); /* offsets alone */
    cr_assert_null(close_at(tenure, 4));
    tenure_release(tenure);
    check_leaks();
}

Test(epoch, a_record_without_a_tenure_goes_with_the_next_one) {
    emit(NULL, 9);
    struct epoch *epoch = epoch_close(&open_epoch, NULL, 0, &is_oom);
    cr_assert_eq(epoch->part_count, 0u);
    cr_assert_not(epoch_is_empty(epoch));
    commit(epoch);
    cr_assert_eq(tally_count(&tally), 1u);
    check_leaks();
}

Test(epoch, what_is_open_is_dropped_with_its_tenure) {
    struct tenure *tenure = tenure_new("bar_trends", 0, 0);
    emit(tenure, 1);
    emit(NULL, 2);
    tenure_end(tenure);
    struct epoch *epoch = epoch_close(&open_epoch, NULL, 0, &is_oom);
    cr_assert_eq(epoch->record_count, 1u);
    cr_assert(atomic_load(&tenure->was_dropped));
    commit(epoch);
    tenure_release(tenure);
    check_leaks();
}

Test(epoch, offsets_that_are_dropped_lose_no_records) {
    struct tenure *tenure = tenure_new("bar_trends", 0, 0);
    struct epoch *epoch = close_at(tenure, 4);
    tenure_end(tenure);
    cr_assert_eq(epoch_drop_gone(epoch), 1u);
    cr_assert(epoch_is_empty(epoch));
    epoch_free(epoch);
    cr_assert(tenure_is_settled(tenure));
    cr_assert_eq(atomic_load(&tenure->committed), 0);
    tenure_release(tenure);
    check_leaks();
}

Test(epoch, what_is_given_up_is_not_confirmed) {
    struct tenure *tenure = tenure_new("bar_trends", 0, 0);
    emit(tenure, 1);
    epoch_free(close_at(tenure, 2));
    cr_assert_eq(tally_count(&tally), 0u);
    cr_assert_not(tenure_is_settled(tenure));
    tenure_release(tenure);
    check_leaks();
}
