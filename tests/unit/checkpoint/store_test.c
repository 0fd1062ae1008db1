#include "support.h"

#include "base/clock.h"
#include "base/format/wire.h"
#include "base/hash.h"
#include "checkpoint/backend.h"
#include "checkpoint/store.h"
#include "failing_memory.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG (60 * NS_PER_S)

static const char *const topics[] = {"bar_trends", "ticks"};
static struct checkpoint_store *store;

static struct checkpoint_store *new_store(const char *group, const char *const *names,
                                          size_t count) {
    struct error error;
    const struct checkpoint_store_options options = {.state_dir = directory,
                                                     .group = group,
                                                     .topics = names,
                                                     .topic_count = count,
                                                     .log = test_log};
    struct checkpoint_store *made = checkpoint_store_new(&options, &error);
    cr_assert_not_null(made, "%s", error.text);
    return made;
}

static void setup(void) {
    open_directory();
    store = new_store("group", topics, 2);
}

static void teardown(void) {
    cr_assert(checkpoint_store_free(store, LONG));
    close_directory();
}

TestSuite(store, .init = setup, .fini = teardown);

static void restart(void) {
    cr_assert(checkpoint_store_free(store, LONG));
    store = new_store("group", topics, 2);
}

static uint64_t put_of(int32_t partition, uint64_t number, int64_t next, int64_t committed_next,
                       size_t size) {
    struct checkpoint checkpoint;
    struct positions committed;
    make_checkpoint(&checkpoint, number, next, size);
    checkpoint.partition = partition;
    make_positions(&committed, committed_next);
    const uint64_t ticket = checkpoint_store_put(store, &checkpoint, &committed);
    cr_assert_gt(ticket, 0);
    cr_assert_eq(checkpoint.part_count, 0, "it was taken over");
    positions_release(&committed);
    return ticket;
}

static uint64_t put(uint64_t number, int64_t next, int64_t committed_next, size_t size) {
    return put_of(3, number, next, committed_next, size);
}

static void put_now(uint64_t number, int64_t next, int64_t committed_next) {
    cr_assert(checkpoint_store_await(store, put(number, next, committed_next, 64), LONG));
}

/* The number that is found for offsets committed at `next`; 0: none. */
static uint64_t found(int64_t next, struct text *why) {
    struct checkpoint checkpoint;
    struct positions committed;
    struct error error;
    make_positions(&committed, next);
    checkpoint_init(&checkpoint);
    const bool did = checkpoint_store_find(store, 3, &committed, &checkpoint, why, &error);
    cr_assert(did || error.code == ERROR_NONE, "%s", error.text);
    const uint64_t number = did ? checkpoint.number : 0;
    cr_assert(did || checkpoint.part_count == 0);
    checkpoint_release(&checkpoint);
    positions_release(&committed);
    return number;
}

static bool has(uint64_t number, const char *suffix) {
    char name[64];
    snprintf(name, sizeof name, "checkpoints/3/%" PRIu64 "%s", number, suffix);
    return is_there(name);
}

/* "2 4 5": the checkpoints that are there. */
static const char *kept(void) {
    static char text[128];
    text[0] = '\0';
    for (uint64_t i = 0; i < 40; i++) {
        if (has(i, ".checkpoint"))
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%" PRIu64,
                     text[0] != '\0' ? " " : "", i);
    }
    return text;
}

/* ---- checkpoints ---- */

Test(store, what_was_put_is_found) {
    struct checkpoint made, read;
    struct positions committed;
    struct error error;
    make_checkpoint(&made, 1, 1000, 64);
    make_positions(&committed, 1000);
    cr_assert_eq(checkpoint_store_next_number(store, 3), 1);
    put_now(1, 1000, 0);
    cr_expect_eq(checkpoint_store_next_number(store, 3), 2);
    restart();
    cr_expect_eq(checkpoint_store_next_number(store, 3), 2);
    checkpoint_init(&read);
    cr_assert(checkpoint_store_find(store, 3, &committed, &read, NULL, &error), "%s", error.text);
    expect_same(&made, &read);
    cr_expect_eq(checkpoint_store_oldest(store, 3), 1);
    cr_expect(checkpoint_store_has(store, 3, 1));
    cr_expect(!checkpoint_store_has(store, 3, 2));
    cr_expect(!is_there("checkpoints/3/1.checkpoint.new"));
    checkpoint_release(&made);
    checkpoint_release(&read);
    positions_release(&committed);
}

Test(store, nothing_is_found_where_nothing_was_put) {
    struct text why;
    text_init(&why);
    cr_expect_eq(found(1000, &why), 0);
    cr_expect_str_eq(why.data, "");
    cr_expect_eq(checkpoint_store_oldest(store, 3), 0);
    cr_expect_eq(count_of(logged(), "\n"), 0, "%s", logged());
    text_release(&why);
}

Test(store, the_newest_usable_one_is_found_and_later_ones_go) {
    struct text why;
    text_init(&why);
    put_now(1, 1000, 0);
    put_now(2, 2000, 0);
    put_now(3, 3000, 0);
    cr_expect_eq(found(2500, &why), 2);
    cr_expect_not_null(strstr(why.data, "3000, above the committed 2500"), "%s", why.data);
    cr_expect_str_eq(kept(), "1 2 3", "what is above stays at first");
    cr_expect_eq(checkpoint_store_next_number(store, 3), 4);
    put_now(4, 2600, 2500);
    cr_expect_str_eq(kept(), "1 2 4");
    text_reset(&why);
    cr_expect_eq(found(10, &why), 0);
    cr_expect_not_null(strstr(why.data, "checkpoint 4"), "%s", why.data);
    put_now(5, 20, 10);
    cr_expect_str_eq(kept(), "5");
    text_release(&why);
}

Test(store, keeps_the_newest_three_and_two_usable_older_ones) {
    for (uint64_t i = 1; i <= 5; i++)
        put_now(i, (int64_t)i * 100, 1000);
    cr_expect_str_eq(kept(), "1 2 3 4 5");
    put_now(6, 600, 1000);
    cr_expect_str_eq(kept(), "2 3 4 5 6");
    for (uint64_t i = 7; i <= 12; i++)
        put_now(i, (int64_t)i * 100, 450); /* sinks confirm nothing */
    cr_expect_str_eq(kept(), "3 4 10 11 12");
    cr_expect_eq(checkpoint_store_oldest(store, 3), 3);
    restart();
    put_now(13, 1300, 450);
    cr_expect_str_eq(kept(), "3 4 11 12 13", "what another process wrote as well");
    cr_expect(checkpoint_store_has(store, 3, 4));
    cr_expect(!checkpoint_store_has(store, 3, 10));
    cr_expect_eq(found(450, NULL), 4);
}

static void damage(const char *name, size_t at) {
    size_t size;
    char *bytes = read_file(name, &size);
    bytes[at < size ? at : size - 1] ^= 0x10;
    write_file(name, bytes, size);
    free(bytes);
}

/* What another worker keeps is looked at, and stays as it is. */
Test(store, another_ones_are_looked_at) {
    struct positions committed;
    struct error error;
    put_now(1, 1000, 1000);
    put_now(2, 2000, 1000);
    cr_assert(checkpoint_store_free(store, LONG));
    store = new_store("group.other", topics, 2);
    make_positions(&committed, 1500);
    struct backend_look looks[] = {
        {.group = "group", .state_dir = directory},
        {.group = "group", .state_dir = directory, .committed = &committed},
        {.group = "group.third", .state_dir = directory},
        {.group = "group", .state_dir = "/nowhere"},
    };
    for (int i = 0; i < 2; i++) {
        cr_assert(checkpoint_store_look(store, 3, looks, 4, &error), "%s", error.text);
        cr_expect_eq(looks[0].checkpoint.number, 2);
        cr_expect_eq(looks[1].checkpoint.number, 1, "what is above the committed offsets is not");
        cr_expect_eq(looks[2].checkpoint.number, 0, "they are another group's");
        cr_expect_eq(looks[3].checkpoint.number, 0);
        for (size_t k = 0; k < 4; k++)
            checkpoint_release(&looks[k].checkpoint);
    }
    positions_release(&committed);
}

Test(store, a_damaged_one_is_kept_aside_and_the_one_before_is_taken) {
    put_now(1, 1000, 0);
    put_now(2, 2000, 0);
    damage("checkpoints/3/2.checkpoint", 150);
    struct text why;
    text_init(&why);
    cr_expect_eq(found(5000, &why), 1);
    cr_expect_not_null(strstr(why.data, "damaged"), "%s", why.data);
    cr_expect(has(2, ".checkpoint.damaged"));
    cr_expect(!has(2, ".checkpoint"));
    cr_expect_eq(count_of(logged(), "checkpoint.rejected"), 1, "%s", logged());
    cr_expect_eq(checkpoint_store_next_number(store, 3), 3);
    restart();
    cr_expect_eq(checkpoint_store_next_number(store, 3), 3, "its number is not used again");
    text_release(&why);
}

Test(store, damage_anywhere_in_a_small_file_is_found) {
    size_t size;
    put_now(1, 1000, 0);
    put_now(2, 2000, 0);
    char *bytes = read_file("checkpoints/3/2.checkpoint", &size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        write_file("checkpoints/3/2.checkpoint", bytes, size);
        bytes[i] ^= 1;
        cr_assert_eq(found(5000, NULL), 1, "byte %zu", i);
        cr_assert(!has(2, ".checkpoint"), "byte %zu", i);
    }
    for (size_t cut = 0; cut < size; cut++) {
        write_file("checkpoints/3/2.checkpoint", bytes, cut);
        cr_assert_eq(found(5000, NULL), 1, "cut at %zu", cut);
    }
    write_file("checkpoints/3/2.checkpoint", bytes, size);
    cr_assert_eq(found(5000, NULL), 2, "whole again");
    free(bytes);
}

Test(store, damage_in_a_large_file_is_found) {
    size_t size;
    unsigned seed = 11;
    put_now(1, 1000, 0);
    cr_assert(checkpoint_store_await(store, put(2, 2000, 0, 4u << 20), LONG));
    char *bytes = read_file("checkpoints/3/2.checkpoint", &size);
    cr_assert_gt(size, 4u << 20);
    for (int i = 0; i < 50; i++) {
        const size_t at = (size_t)rand_r(&seed) % size;
        bytes[at] ^= 4;
        write_file("checkpoints/3/2.checkpoint", bytes, size);
        bytes[at] ^= 4;
        cr_assert_eq(found(5000, NULL), 1, "byte %zu", at);
    }
    free(bytes);
}

Test(store, another_groups_is_refused_and_the_one_before_is_taken) {
    struct checkpoint other;
    struct positions committed;
    put_now(1, 1000, 0);
    make_checkpoint(&other, 2, 2000, 64);
    other.group[0] = 'G';
    make_positions(&committed, 0);
    cr_assert(checkpoint_store_await(store, checkpoint_store_put(store, &other, &committed), LONG));
    positions_release(&committed);
    cr_expect_eq(found(5000, NULL), 1);
    cr_expect(has(2, ".checkpoint.refused"));
    cr_expect_not_null(strstr(logged(), "\"Group\""), "%s", logged());
}

Test(store, another_form_is_refused_and_the_one_before_is_taken) {
    size_t size;
    put_now(1, 1000, 0);
    put_now(2, 2000, 0);
    char *bytes = read_file("checkpoints/3/2.checkpoint", &size);
    bytes[8] = 9;
    write_file("checkpoints/3/2.checkpoint", bytes, size);
    cr_expect_eq(found(5000, NULL), 1);
    cr_expect(has(2, ".checkpoint.refused"));
    free(bytes);
}

/* The number of the newest usable one below that; 0: none. */
static uint64_t found_before(uint64_t number, int64_t committed_next) {
    struct checkpoint checkpoint;
    struct positions committed;
    struct error error;
    make_positions(&committed, committed_next);
    checkpoint_init(&checkpoint);
    cr_assert(checkpoint_store_find_before(store, 3, number, &committed, &checkpoint, &error), "%s",
              error.text);
    const uint64_t found = checkpoint.number;
    checkpoint_release(&checkpoint);
    positions_release(&committed);
    return found;
}

Test(store, older_ones_are_found_for_who_cannot_use_a_newer) {
    for (uint64_t i = 1; i <= 4; i++)
        put_now(i, (int64_t)i * 1000, 10000);
    cr_expect_eq(found(5000, NULL), 4);
    cr_expect_eq(found_before(4, 5000), 3);
    cr_expect_eq(found_before(4, 2500), 2);
    cr_expect_eq(found_before(4, 500), 0);
    cr_expect_eq(found_before(1, 5000), 0);
    damage("checkpoints/3/3.checkpoint", 150);
    cr_expect_eq(found_before(4, 5000), 2);
    cr_expect(has(3, ".checkpoint.damaged"));
    cr_expect(checkpoint_store_has(store, 3, 4), "it is gone on with");
}

Test(store, what_a_strategy_refuses_is_kept_beside) {
    struct checkpoint made, read;
    struct error error;
    make_checkpoint(&made, 2, 2000, 64);
    checkpoint_init(&read);
    for (int i = 0; i < 2; i++) { /* also over one that is there */
        char *path = checkpoint_store_keep_refused(store, &made, "alpha", &error);
        cr_assert_not_null(path, "%s", error.text);
        cr_expect_str_eq(path, in_directory("checkpoints/3/2.alpha.refused"));
        cr_assert(checkpoint_file_read(path, &read, &error), "%s", error.text);
        cr_assert_eq(read.part_count, 1);
        cr_expect_str_eq(read.parts[0].deployment, "alpha");
        cr_expect_str_eq(read.parts[0].state.strategy, "momentum");
        cr_expect_eq(read.parts[0].state.records[0].data_size, 64);
        checkpoint_release(&read);
        free(path);
    }
    cr_expect_null(checkpoint_store_keep_refused(store, &made, "nobody", &error));
    cr_expect_eq(found(5000, NULL), 0, "it is no checkpoint");
    checkpoint_release(&made);
}

Test(store, what_others_may_write_is_refused) {
    put_now(1, 1000, 0);
    cr_assert_eq(chmod(in_directory("checkpoints/3/1.checkpoint"), 0666), 0);
    cr_expect_eq(found(5000, NULL), 0);
    cr_expect(has(1, ".checkpoint.refused"));
    put_now(2, 1000, 0);
    cr_assert_eq(chmod(in_directory("checkpoints/3"), 0777), 0);
    cr_expect_eq(found(5000, NULL), 0);
    cr_expect(has(2, ".checkpoint"));
    cr_assert_eq(chmod(in_directory("checkpoints/3"), 0700), 0);
    cr_expect_eq(found(5000, NULL), 2);
}

Test(store, a_directory_that_cannot_be_used_is_not_well_until_a_checkpoint_is_written) {
    struct checkpoint_store_totals totals;
    put_now(1, 1000, 0);
    cr_assert_eq(chmod(in_directory("checkpoints/3"), 0777), 0);
    restart();
    cr_expect_eq(checkpoint_store_next_number(store, 3), 0);
    cr_expect_eq(checkpoint_store_next_number(store, 3), 0);
    cr_assert(checkpoint_store_await(store, put_of(4, 1, 1000, 0, 64), LONG));
    checkpoint_store_status(store, NULL, 0, &totals);
    cr_expect(!totals.is_ok);
    cr_expect_not_null(strstr(totals.detail, "checkpoints/3"), "%s", totals.detail);
    cr_expect_eq(count_of(logged(), "checkpoint.failing"), 1, "%s", logged());
    cr_assert_eq(chmod(in_directory("checkpoints/3"), 0700), 0);
    cr_expect_eq(checkpoint_store_next_number(store, 3), 2);
    put_now(2, 1000, 0);
    checkpoint_store_status(store, NULL, 0, &totals);
    cr_expect(totals.is_ok);
    cr_expect_eq(count_of(logged(), "checkpoint.recovered"), 1, "%s", logged());
}

Test(store, one_under_another_name_is_not_taken) {
    put_now(1, 1000, 0);
    cr_assert_eq(rename(in_directory("checkpoints/3/1.checkpoint"),
                        in_directory("checkpoints/3/5.checkpoint")),
                 0);
    cr_expect_eq(found(5000, NULL), 0);
    cr_expect(has(5, ".checkpoint.damaged"));
}

Test(store, what_a_crash_left_half_written_is_removed) {
    put_now(1, 1000, 0);
    write_file("checkpoints/3/2.checkpoint.new", "half", 4);
    cr_expect_eq(found(5000, NULL), 1);
    put_now(3, 2000, 0);
    cr_expect(!has(2, ".checkpoint.new"));
}

Test(store, what_has_not_changed_is_copied_from_the_one_before) {
    struct checkpoint made, read;
    struct positions committed;
    struct error error;
    cr_assert(checkpoint_store_await(store, put(1, 1000, 0, 5000), LONG));
    restart();
    make_positions(&committed, 9000);
    checkpoint_init(&read);
    cr_assert(checkpoint_store_find(store, 3, &committed, &read, NULL, &error));
    cr_assert(checkpoint_store_has(store, 3, 1));
    make_checkpoint(&made, 2, 2000, 1);
    state_release(&made.parts[0].state);
    made.parts[0].same_as = 1;
    cr_assert(checkpoint_store_await(store, checkpoint_store_put(store, &made, &committed), LONG));
    struct checkpoint again;
    checkpoint_init(&again);
    cr_assert(checkpoint_store_find(store, 3, &committed, &again, NULL, &error));
    cr_assert_eq(again.number, 2);
    cr_assert_eq(again.parts[0].state.record_count, 1);
    cr_expect_eq(again.parts[0].state.records[0].data_size, 5000);
    cr_expect_str_eq(again.parts[0].state.strategy, "momentum");
    cr_expect_eq(again.parts[2].state.timer_count, 1);
    checkpoint_release(&again);
    checkpoint_release(&read);
    positions_release(&committed);
}

Test(store, what_cannot_be_copied_fails_and_the_next_one_is_good) {
    struct checkpoint made;
    struct positions committed;
    struct checkpoint_store_totals totals;
    put_now(1, 1000, 0);
    damage("checkpoints/3/1.checkpoint", 150);
    make_positions(&committed, 9000);
    make_checkpoint(&made, 2, 2000, 1);
    state_release(&made.parts[0].state);
    made.parts[0].same_as = 1;
    cr_assert(checkpoint_store_await(store, checkpoint_store_put(store, &made, &committed), LONG));
    cr_expect(!has(2, ".checkpoint"));
    checkpoint_store_status(store, NULL, 0, &totals);
    cr_expect(!totals.is_ok);
    cr_expect_eq(totals.failed, 1);
    cr_expect_not_null(strstr(totals.detail, "damaged"), "%s", totals.detail);
    put_now(3, 3000, 0);
    checkpoint_store_status(store, NULL, 0, &totals);
    cr_expect(totals.is_ok);
    cr_expect_eq(count_of(logged(), "checkpoint.failing"), 1);
    cr_expect_eq(count_of(logged(), "checkpoint.recovered"), 1);
    positions_release(&committed);
}

Test(store, status_tells_what_was_written) {
    struct checkpoint_store_status status[4];
    struct checkpoint_store_totals totals;
    struct stat file;
    put_now(1, 1000, 0);
    put_now(2, 2000, 0);
    cr_assert_eq(checkpoint_store_status(store, status, 4, &totals), 1);
    cr_assert_eq(stat(in_directory("checkpoints/3/2.checkpoint"), &file), 0);
    cr_expect_eq(status[0].partition, 3);
    cr_expect_eq(status[0].number, 2);
    cr_expect_eq(status[0].taken_ms, 1700000000002);
    cr_expect_eq(status[0].size, file.st_size);
    cr_expect_gt(status[0].write_ns, 0);
    cr_expect_eq(totals.written, 2);
    cr_expect_eq(totals.failed, 0);
    cr_expect_geq(totals.bytes, 2 * (uint64_t)file.st_size - 1);
    cr_expect(totals.is_ok);
}

Test(store, what_was_put_is_written_before_the_end) {
    for (uint64_t i = 1; i <= 3; i++)
        put(i, 100, 0, 100000);
    restart();
    cr_expect_str_eq(kept(), "1 2 3");
}

/* ---- journals ---- */

static uint64_t flush(struct order *order) {
    struct text out;
    uint64_t number, ticket = 0;
    text_init(&out);
    while (order_put_frames(order, &number, &out)) {
        ticket = checkpoint_store_append(store, 3, number, &out);
        text_reset(&out);
    }
    text_release(&out);
    return ticket;
}

static void flush_now(struct order *order) {
    cr_assert(checkpoint_store_await(store, flush(order), LONG));
}

static void expect_shown(const struct order *order, const char *text) {
    struct text shown;
    size_t segment = 1;
    text_init(&shown);
    for (uint64_t i = order_begin(order); i <= order_end(order); i++) {
        for (; segment < order->segment_count && order->segments[segment].begin == i; segment++)
            text_printf(&shown, "|%" PRIu64 " ", order->segments[segment].number);
        if (i < order_end(order))
            text_printf(&shown, "%u:%" PRId64 "+%u ", order_at(order, i)->stream,
                        order_at(order, i)->from, order_at(order, i)->span);
    }
    if (order->is_broken)
        text_puts(&shown, "broken");
    cr_expect_str_eq(shown.data, text);
    text_release(&shown);
}

static void expect_order(uint64_t number, const char *text) {
    struct order order;
    cr_assert(order_init(&order, number));
    checkpoint_store_read_order(store, 3, number, &order);
    expect_shown(&order, text);
    order_release(&order);
}

/* Journals 1 to 3, with checkpoints before them. */
static void write_journals(struct order *order) {
    cr_assert(order_init(order, 1));
    put(1, 100, 1000, 64);
    order_note(order, 0, 100);
    order_note(order, 1, 100);
    flush(order);
    order_note(order, 0, 101);
    flush(order);
    put(2, 102, 1000, 64);
    cr_assert(order_begin_segment(order, 2));
    put(3, 102, 1000, 64);
    cr_assert(order_begin_segment(order, 3));
    order_note(order, 0, 102);
    flush_now(order);
}

Test(store, journals_are_read_back_segment_by_segment) {
    struct order order;
    write_journals(&order);
    expect_order(1, "0:100+1 1:100+1 0:101+1 |2 |3 0:102+1 ");
    expect_order(3, "0:102+1 ");
    expect_order(9, "broken");
    restart();
    cr_expect_eq(found(5000, NULL), 3);
    order_note(&order, 0, 103);
    order_cut(&order, 0, 101);
    flush_now(&order);
    expect_order(1, "0:100+1 1:100+1 |2 |3 ");
    order_note(&order, 1, 101);
    flush_now(&order);
    expect_order(1, "0:100+1 1:100+1 |2 |3 1:101+1 ");
    order_release(&order);
}

/* By another worker: all that there is, with the end that is in no file yet. */
Test(store, another_one_s_order_is_read_with_its_tail) {
    struct order order;
    struct error error;
    write_journals(&order);
    struct order_tail *tail = checkpoint_store_new_tail(store, 3, &order);
    cr_assert_not_null(tail);
    order_note(&order, 1, 102);
    cr_expect(order_tail_note(tail, &order));
    order_tail_free(tail);
    order_release(&order);
    cr_assert(checkpoint_store_free(store, LONG));
    store = new_store("group.other", topics, 2);
    struct backend_look looks[] = {
        {.group = "group", .state_dir = directory, .order = order_new()},
        {.group = "group.third", .state_dir = directory, .order = order_new()},
    };
    cr_assert(checkpoint_store_look(store, 3, looks, 2, &error), "%s", error.text);
    cr_expect_eq(looks[0].checkpoint.number, 3);
    expect_shown(looks[0].order, "|1 0:100+1 1:100+1 0:101+1 |2 |3 0:102+1 1:102+1 ");
    expect_shown(looks[1].order, "");
    for (size_t i = 0; i < 2; i++) {
        checkpoint_release(&looks[i].checkpoint);
        order_free(looks[i].order);
    }
}

Test(store, a_torn_journal_is_gone_on_with) {
    struct order order;
    size_t size;
    write_journals(&order);
    restart();
    char *bytes = read_file("checkpoints/3/3.journal", &size);
    write_file("checkpoints/3/3.journal", bytes, size - 1);
    expect_order(1, "0:100+1 1:100+1 0:101+1 |2 |3 ");
    order_cut(&order, 0, 102);
    order_note(&order, 1, 101);
    flush_now(&order);
    expect_order(1, "0:100+1 1:100+1 0:101+1 |2 |3 1:101+1 ");
    free(bytes);
    order_release(&order);
}

Test(store, a_journal_that_is_missing_or_damaged_breaks_the_order) {
    struct order order;
    write_journals(&order);
    cr_assert_eq(unlink(in_directory("checkpoints/3/2.journal")), 0);
    expect_order(1, "0:100+1 1:100+1 0:101+1 |3 broken");
    cr_expect_eq(count_of(logged(), "checkpoint.order_unknown"), 1, "%s", logged());
    expect_order(2, "|3 broken");
    expect_order(3, "0:102+1 ");
    size_t size;
    char *bytes = read_file("checkpoints/3/1.journal", &size);
    damage("checkpoints/3/1.journal", size - 12); /* in its first frame but one */
    expect_order(3, "0:102+1 ");
    free(bytes);
    order_release(&order);
}

Test(store, a_journal_that_cannot_be_read_is_said) {
    struct order order;
    write_journals(&order);
    expect_order(1, "0:100+1 1:100+1 0:101+1 |2 |3 0:102+1 ");
    cr_expect_eq(count_of(logged(), "checkpoint.order_unknown"), 0, "%s", logged());
    damage("checkpoints/3/1.journal", 10);
    expect_order(1, "|2 |3 broken");
    cr_expect_eq(count_of(logged(), "checkpoint.order_unknown"), 1, "%s", logged());
    order_release(&order);
}

Test(store, what_another_host_order_of_topics_wrote_is_understood) {
    static const char *const other[] = {"more", "ticks", "bar_trends"};
    struct order order;
    write_journals(&order);
    cr_assert(checkpoint_store_free(store, LONG));
    store = new_store("group", other, 3);
    expect_order(1, "2:100+1 1:100+1 2:101+1 |2 |3 2:102+1 ");
    struct order next;
    cr_assert(order_init(&next, 3));
    order_note(&next, 0, 7);
    flush_now(&next);
    expect_order(3, "2:102+1 0:7+1 ");
    restart();
    expect_order(3, "0:102+1 ");
    order_release(&order);
    order_release(&next);
}

Test(store, journals_go_with_the_checkpoints_before_them) {
    struct order order;
    write_journals(&order);
    for (uint64_t i = 4; i <= 7; i++)
        put_now(i, 200, 1000);
    cr_expect_str_eq(kept(), "3 4 5 6 7");
    cr_expect(!has(2, ".journal"));
    cr_expect(has(3, ".journal"));
    cr_expect_eq(found(10, NULL), 0, "nothing is usable");
    struct order anew;
    cr_assert(order_init(&anew, 0));
    order_note(&anew, 0, 5);
    flush_now(&anew);
    cr_expect(!has(3, ".journal"));
    cr_expect(has(0, ".journal"));
    put_now(8, 20, 10);
    cr_expect_str_eq(kept(), "8");
    cr_expect(!has(0, ".journal"));
    order_release(&order);
    order_release(&anew);
}

Test(store, another_groups_journal_is_not_gone_on_with) {
    struct order order;
    write_journals(&order);
    cr_assert(checkpoint_store_free(store, LONG));
    store = new_store("other", topics, 2);
    order_note(&order, 0, 103);
    flush_now(&order);
    cr_expect(has(3, ".journal.damaged") || has(3, ".journal.refused"));
    expect_order(3, "0:103+1 broken");
    order_release(&order);
}

/* ---- what is checked offline ---- */

Test(store, files_are_listed_and_checked_without_a_store) {
    struct order order;
    struct checkpoint_file *files;
    size_t count;
    struct error error;
    uint64_t torn;
    write_journals(&order);
    cr_assert(checkpoint_files_list(directory, &files, &count, &error), "%s", error.text);
    cr_assert_eq(count, 6);
    for (size_t i = 0; i < count; i++) {
        struct checkpoint checkpoint;
        cr_expect_eq(files[i].number, i / 2 + 1);
        cr_expect_eq(files[i].is_journal, i % 2 == 1);
        cr_expect_gt(files[i].size, 0);
        checkpoint_init(&checkpoint);
        cr_expect(files[i].is_journal ? checkpoint_journal_check(files[i].path, &torn, &error)
                                      : checkpoint_file_read(files[i].path, &checkpoint, &error),
                  "%s", error.text);
        checkpoint_release(&checkpoint);
    }
    size_t size;
    char *bytes = read_file("checkpoints/3/1.journal", &size);
    write_file("checkpoints/3/1.journal", bytes, size - 1);
    cr_expect(checkpoint_journal_check(in_directory("checkpoints/3/1.journal"), &torn, &error));
    cr_expect_gt(torn, 0);
    for (size_t i = 0; i < size - 20; i++) {
        bytes[i] ^= 1;
        write_file("checkpoints/3/1.journal", bytes, size);
        bytes[i] ^= 1;
        const bool is_good =
            checkpoint_journal_check(in_directory("checkpoints/3/1.journal"), &torn, &error);
        cr_assert(!is_good || torn > 0, "byte %zu", i);
    }
    free(bytes);
    checkpoint_files_free(files, count);
    order_release(&order);
}

Test(store, a_directory_that_is_not_there_has_no_files) {
    struct checkpoint_file *files;
    size_t count;
    struct error error;
    cr_assert(checkpoint_files_list("/nowhere/at/all", &files, &count, &error));
    cr_expect_eq(count, 0);
    checkpoint_files_free(files, count);
}

/* ---- when it does not go ---- */

static void set_limit(rlim_t most) {
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The limit stands in for a full disk: writes fail in the middle of a file. */
Test(store, a_full_disk_is_told_once_and_again_when_it_is_over) {
    struct order order;
    struct checkpoint_store_totals totals;
    write_journals(&order);
    put_now(4, 110, 1000);
    cr_assert(order_begin_segment(&order, 4));
    set_limit(2000); /* more than the log has */
    for (uint64_t i = 5; i < 9; i++) {
        cr_assert(checkpoint_store_await(store, put(i, 120, 1000, 5000), LONG));
        cr_assert(order_begin_segment(&order, i));
    }
    for (int64_t i = 0; i < 2000; i++) /* more than the limit */
        order_note(&order, (uint32_t)i % 2, i);
    flush_now(&order);
    checkpoint_store_status(store, NULL, 0, &totals);
    cr_assert_eq(totals.failed, 4, "the fault did not happen");
    cr_expect(!totals.is_ok);
    cr_expect_not_null(strstr(totals.detail, ".journal"), "%s", totals.detail);
    cr_expect_str_eq(kept(), "1 2 3 4");
    cr_expect(!has(8, ".checkpoint.new"));
    expect_order(8, "");
    set_limit(RLIM_INFINITY);
    cr_expect_eq(count_of(logged(), "checkpoint.failing"), 1, "%s", logged());
    cr_expect_eq(count_of(logged(), "checkpoint.recovered"), 0, "%s", logged());
    order_note(&order, 0, 2000);
    flush_now(&order);
    expect_order(8, "0:2000+1 broken");
    put_now(9, 130, 1000);
    cr_assert(order_begin_segment(&order, 9));
    order_note(&order, 0, 2001);
    flush_now(&order);
    expect_order(9, "0:2001+1 ");
    checkpoint_store_status(store, NULL, 0, &totals);
    cr_expect(totals.is_ok);
    cr_expect_eq(count_of(logged(), "checkpoint.failing"), 1, "%s", logged());
    cr_expect_eq(count_of(logged(), "checkpoint.recovered"), 1, "%s", logged());
    order_release(&order);
}

/* One that takes its time, and at once behind it many more than may wait. */
Test(store, too_much_that_waits_fails_and_the_newest_is_written) {
    enum { MANY = 300 };
    static struct checkpoint made[MANY];
    struct checkpoint_store_totals totals;
    struct positions committed;
    uint64_t ticket = 0;
    make_positions(&committed, 1000);
    for (uint64_t i = 0; i < MANY; i++)
        make_checkpoint(&made[i], i + 1, 100, i == 0 ? 32u << 20 : 16);
    for (uint64_t i = 0; i < MANY; i++)
        ticket = checkpoint_store_put(store, &made[i], &committed);
    cr_assert(checkpoint_store_await(store, ticket, LONG));
    checkpoint_store_status(store, NULL, 0, &totals);
    cr_expect_eq(totals.written + totals.failed, MANY);
    cr_expect_gt(totals.failed, 0, "nothing had to wait");
    cr_expect(has(MANY, ".checkpoint"));
    cr_expect(totals.is_ok);
    positions_release(&committed);
}

Test(store, lack_of_memory_while_putting_loses_one_and_says_so) {
    uint64_t number = 1, lost = 0;
    for (long nth = 0; nth < 80; nth++, number++) {
        struct checkpoint made;
        struct positions committed;
        struct checkpoint_store_totals before, after;
        make_checkpoint(&made, number, 100, 64);
        make_positions(&committed, 1000);
        checkpoint_store_status(store, NULL, 0, &before);
        memory_fail_once(nth);
        const uint64_t ticket = checkpoint_store_put(store, &made, &committed);
        cr_assert(checkpoint_store_await(store, ticket, LONG));
        const bool has_failed = memory_end();
        cr_assert_eq(made.part_count, 0, "allocation %ld", nth);
        checkpoint_store_status(store, NULL, 0, &after);
        const bool is_written = has(number, ".checkpoint");
        cr_assert_eq(is_written, after.written > before.written, "allocation %ld", nth);
        cr_assert(is_written || (has_failed && (ticket == 0 || after.failed > before.failed)),
                  "allocation %ld", nth);
        lost += !is_written;
        positions_release(&committed);
    }
    cr_assert_gt(lost, 5);
    put_now(number, 100, 1000);
    cr_expect_eq(found(1000, NULL), number);
}

Test(store, lack_of_memory_while_appending_breaks_the_order_or_harms_nothing) {
    for (long nth = 0; nth < 60; nth++) {
        struct order order, read;
        uint64_t number;
        struct text out;
        const uint64_t segment = (uint64_t)nth + 1;
        cr_assert(order_init(&order, segment));
        text_init(&out);
        order_note(&order, 0, 1);
        cr_assert(order_put_frames(&order, &number, &out));
        memory_fail_once(nth);
        const uint64_t ticket = checkpoint_store_append(store, 3, segment, &out);
        cr_assert(checkpoint_store_await(store, ticket, LONG));
        const bool has_failed = memory_end();
        cr_assert(has_failed || nth > 3);
        order_note(&order, 1, 1);
        flush_now(&order);
        cr_assert(order_init(&read, segment));
        checkpoint_store_read_order(store, 3, segment, &read);
        cr_assert(read.is_broken || read.count == 2, "allocation %ld: %zu runs", nth, read.count);
        cr_assert(has_failed || !read.is_broken, "allocation %ld", nth);
        order_release(&read);
        order_release(&order);
        text_release(&out);
    }
}

Test(store, lack_of_memory_while_finding_is_no_verdict) {
    put_now(1, 1000, 0);
    put_now(2, 2000, 0);
    for (long nth = 0;; nth++) {
        struct checkpoint read;
        struct positions committed;
        struct error error;
        make_positions(&committed, 5000);
        checkpoint_init(&read);
        memory_fail_from(nth);
        const bool did = checkpoint_store_find(store, 3, &committed, &read, NULL, &error);
        const bool has_failed = memory_end();
        cr_assert(did || (has_failed && error.code == ERROR_MEMORY), "allocation %ld", nth);
        cr_assert(!did || read.number == 2, "allocation %ld", nth);
        positions_release(&committed);
        checkpoint_release(&read);
        if (!has_failed)
            break;
    }
    cr_expect_str_eq(kept(), "1 2");
}

/* Writes on and on; killed by its parent. */
_Noreturn static void write_for_ever(void) {
    struct order order;
    store = new_store("group", topics, 2);
    uint64_t number = checkpoint_store_next_number(store, 3);
    if (!order_init(&order, number))
        abort();
    for (int64_t offset = (int64_t)number * 1000;; number++) {
        uint64_t ticket = put(number, offset, INT64_MAX, 20000);
        if (!order_begin_segment(&order, number))
            abort();
        for (int i = 0; i < 40; i++) {
            order_note(&order, (uint32_t)i % 2, offset++);
            ticket = flush(&order);
        }
        order_drop_before(&order, number);
        checkpoint_store_await(store, ticket, LONG);
    }
}

Test(store, a_process_that_is_killed_leaves_what_can_be_used) {
    cr_assert(checkpoint_store_free(store, LONG));
    uint64_t last = 0;
    unsigned seed = 3;
    for (int round = 0; round < 15; round++) {
        const pid_t child = fork();
        if (child == 0)
            write_for_ever();
        cr_assert_gt(child, 0);
        char name[64];
        snprintf(name, sizeof name, "checkpoints/3/%" PRIu64 ".checkpoint", last + 1);
        while (!is_there(name)) /* an event; what follows is chance */
            usleep(200);
        usleep((unsigned)rand_r(&seed) % 5000);
        cr_assert_eq(kill(child, SIGKILL), 0);
        cr_assert_eq(waitpid(child, NULL, 0), child);
        store = new_store("group", topics, 2);
        const uint64_t number = found(INT64_MAX, NULL);
        cr_assert_gt(number, last, "round %d", round);
        struct order order;
        cr_assert(order_init(&order, number));
        checkpoint_store_read_order(store, 3, number, &order);
        cr_assert(!order.is_broken, "round %d: %s", round, logged());
        last = checkpoint_store_next_number(store, 3) - 1;
        order_release(&order);
        cr_assert(checkpoint_store_free(store, LONG));
    }
    cr_expect_eq(count_of(logged(), "\n"), 0, "%s", logged());
    store = new_store("group", topics, 2);
}

/* ---- states of before ---- */

static void write_old(const char *name, int64_t next, const char *record) {
    struct text bytes, encoded;
    struct state state;
    char path[128];
    text_init(&bytes);
    text_init(&encoded);
    state_init(&state);
    state.strategy = strdup("good");
    state.version = strdup("1.0");
    cr_assert(state_add_record(&state, 0, 0, "AAPL", 4, record, strlen(record)));
    state_encode(&state, &encoded);
    text_puts(&bytes, "take5in1");
    wire_put_u64(&bytes, 1);
    wire_put_string(&bytes, "bar_trends");
    wire_put_i64(&bytes, 3);
    wire_put_i64(&bytes, next);
    wire_put_bytes(&bytes, encoded.data, encoded.size);
    wire_put_u64(&bytes, hash_key(bytes.data, bytes.size));
    mkdir(in_directory("instances"), 0700);
    snprintf(path, sizeof path, "instances/%s", name);
    write_file(path, bytes.data, bytes.size);
    state_release(&state);
    text_release(&bytes);
    text_release(&encoded);
}

Test(store, states_of_clean_stops_of_before_are_taken_up_once) {
    struct checkpoint read;
    struct positions committed;
    struct error error;
    write_old("b.x.3.state", 40, "b");
    write_old("a.3.state", 42, "a");
    write_old("later.3.state", 5000, "l");
    write_old("bad.3.state", 42, "bad");
    write_old("a.13.state", 42, "other");
    damage("instances/bad.3.state", 60);
    make_positions(&committed, 42);
    checkpoint_init(&read);
    cr_assert(checkpoint_store_find_old(store, 3, &committed, &read, &error), "%s", error.text);
    cr_expect_eq(read.number, 0);
    cr_expect_eq(read.partition, 3);
    cr_assert_eq(read.part_count, 2);
    cr_expect_str_eq(read.parts[0].deployment, "a");
    cr_expect_str_eq(read.parts[1].deployment, "b.x");
    cr_expect_eq(positions_find(&read.positions, "bar_trends", 3)->next, 42);
    cr_expect_eq(read.parts[0].positions.count, 0);
    cr_expect_eq(positions_find(&read.parts[1].positions, "bar_trends", 3)->next, 40);
    cr_expect_eq(read.parts[1].state.record_count, 1);
    cr_expect(is_there("instances/later.3.state.refused"));
    cr_expect(is_there("instances/bad.3.state.damaged"));
    cr_expect(is_there("instances/a.3.state"), "kept until a checkpoint is written");
    cr_expect_eq(count_of(logged(), "checkpoint.old_states"), 1, "%s", logged());
    cr_expect_not_null(strstr(logged(), "a, b.x"), "%s", logged());
    char *kept = checkpoint_store_keep_refused(store, &read, "b.x", &error);
    cr_assert_not_null(kept, "%s", error.text);
    cr_expect_str_eq(kept, in_directory("instances/b.x.3.state.refused"));
    free(kept);
    put_now(1, 43, 42);
    cr_expect(!is_there("instances/a.3.state"));
    cr_expect(!is_there("instances/b.x.3.state"));
    cr_expect(is_there("instances/b.x.3.state.refused"));
    cr_expect(is_there("instances/a.13.state"));
    checkpoint_release(&read);
    cr_expect(!checkpoint_store_find_old(store, 3, &committed, &read, &error));
    cr_expect_eq(error.code, ERROR_NONE);
    positions_release(&committed);
}
