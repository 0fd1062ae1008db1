#include "checkpoint/order_tail.h"

#include "support.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAMS 3

static const char *const topics[STREAMS] = {"bar_trends", "ticks", "trends"};
static const uint32_t same[STREAMS] = {0, 1, 2};
static const struct journal_owner owner = {
    .partition = 3, .group = "group", .topics = topics, .topic_count = STREAMS};

TestSuite(order_tail, .init = open_directory, .fini = close_directory);

static const char *path(void) {
    return in_directory("order.tail");
}

static struct order_tail *new_tail(const struct order *order) {
    struct error error = {0};
    struct order_tail *tail = order_tail_new(path(), &owner, order, &error);
    cr_assert_not_null(tail, "%s", error.text);
    return tail;
}

static void note(struct order *order, uint32_t stream, int64_t from, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        order_note(order, stream, from + i);
}

/* "0:5+3 1:0+1": stream, from, span. */
static void show(const struct order *order, struct text *text) {
    text_reset(text);
    for (uint64_t i = order_begin(order); i < order_end(order); i++)
        text_printf(text, "%u:%ld+%u ", order_at(order, i)->stream, order_at(order, i)->from,
                    order_at(order, i)->span);
}

/* What a process that comes now makes of the file, whose journal has what lies below `known`. */
static void expect_read_by(const struct journal_owner *reader, const int64_t *known,
                           const char *runs) {
    struct order order;
    struct text text;
    text_init(&text);
    cr_assert(order_init(&order, 1));
    order_tail_read(path(), reader, known, STREAMS, &order);
    show(&order, &text);
    cr_expect_str_eq(text.size > 0 ? text.data : "", runs);
    cr_expect_eq(order.taken, 0, "they are still to be written");
    text_release(&text);
    order_release(&order);
}

static void expect_read(const int64_t *known, const char *runs) {
    expect_read_by(&owner, known, runs);
}

static const int64_t nothing[STREAMS] = {0};

Test(order_tail, what_was_noted_is_read_by_the_next_process) {
    struct order order;
    cr_assert(order_init(&order, 1));
    struct order_tail *tail = new_tail(&order);
    expect_read(nothing, "");
    note(&order, 0, 5, 3);
    cr_expect(order_tail_note(tail, &order));
    expect_read(nothing, "0:5+3 ");
    note(&order, 0, 8, 1); /* the run that was noted grows */
    note(&order, 1, 0, 1);
    expect_read(nothing, "0:5+3 ");
    cr_expect(order_tail_note(tail, &order));
    expect_read(nothing, "0:5+4 1:0+1 ");
    order_tail_free(tail);
    expect_read(nothing, "0:5+4 1:0+1 ");
    order_release(&order);
}

Test(order_tail, what_the_journal_has_is_left_out) {
    struct order order;
    cr_assert(order_init(&order, 1));
    struct order_tail *tail = new_tail(&order);
    note(&order, 0, 5, 3);
    note(&order, 1, 0, 4);
    note(&order, 0, 8, 2);
    cr_expect(order_tail_note(tail, &order));
    expect_read((int64_t[]){7, 4, 0}, "0:7+3 ");
    expect_read((int64_t[]){8, 2, 0}, "1:2+2 0:8+2 ");
    expect_read((int64_t[]){10, 4, 9}, "");
    order_tail_free(tail);
    order_release(&order);
}

Test(order_tail, what_was_not_written_goes_into_the_next_one) {
    struct order order, next;
    cr_assert(order_init(&order, 1));
    struct order_tail *tail = new_tail(&order);
    note(&order, 0, 5, 3);
    note(&order, 1, 0, 4);
    cr_expect(order_tail_note(tail, &order));
    order_tail_free(tail);
    cr_assert(order_init(&next, 1));
    order_tail_read(path(), &owner, nothing, STREAMS, &next);
    tail = new_tail(&next);
    order_tail_free(tail); /* that one is killed as well */
    expect_read(nothing, "0:5+3 1:0+4 ");
    order_release(&order);
    order_release(&next);
}

Test(order_tail, who_else_finds_it_leaves_it) {
    const char *const others[STREAMS] = {"ticks", "bar_trends", "trends"};
    struct journal_owner other = owner;
    struct order order;
    size_t size;
    cr_assert(order_init(&order, 1));
    struct order_tail *tail = new_tail(&order);
    note(&order, 0, 5, 3);
    cr_expect(order_tail_note(tail, &order));
    order_tail_free(tail);
    other.topics = others;
    expect_read_by(&other, nothing, "");
    other = owner;
    other.group = "another";
    expect_read_by(&other, nothing, "");
    other = owner;
    other.partition = 4;
    expect_read_by(&other, nothing, "");
    expect_read(nothing, "0:5+3 ");
    char *bytes = read_file("order.tail", &size);
    write_file("order.tail", bytes, size - 1);
    expect_read(nothing, "");
    write_file("order.tail", bytes, size);
    expect_read(nothing, "0:5+3 ");
    bytes[8] ^= 64; /* when the machine came up */
    bytes[9] ^= 64;
    write_file("order.tail", bytes, size);
    expect_read(nothing, "");
    cr_assert_eq(unlink(path()), 0);
    expect_read(nothing, "");
    free(bytes);
    order_release(&order);
}

/* Any bytes give some order or none. */
Test(order_tail, damage_harms_nobody) {
    const int64_t known[STREAMS] = {6, 0, 0};
    struct order order;
    size_t size;
    cr_assert(order_init(&order, 1));
    struct order_tail *tail = new_tail(&order);
    note(&order, 0, 5, 3);
    note(&order, 1, 0, 3);
    cr_expect(order_tail_note(tail, &order));
    order_tail_free(tail);
    char *bytes = read_file("order.tail", &size);
    for (size_t i = 0; i < 96; i++) {
        struct order read;
        bytes[i] = (char)~bytes[i];
        write_file("order.tail", bytes, size);
        bytes[i] = (char)~bytes[i];
        cr_assert(order_init(&read, 1));
        order_tail_read(path(), &owner, known, STREAMS, &read);
        for (uint64_t at = order_begin(&read); at < order_end(&read); at++)
            cr_expect_lt(order_at(&read, at)->stream, STREAMS);
        order_release(&read);
    }
    free(bytes);
    order_release(&order);
}

Test(order_tail, a_full_one_goes_on_when_the_file_has_taken_some) {
    struct order order;
    struct text out;
    uint64_t number;
    text_init(&out);
    cr_assert(order_init(&order, 1));
    struct order_tail *tail = new_tail(&order);
    for (int64_t i = 0; i < ORDER_TAIL_RUNS; i++) {
        note(&order, (uint32_t)(i % 2), i / 2, 1);
        cr_expect_eq(order_tail_note(tail, &order), i < ORDER_TAIL_RUNS / 2);
    }
    note(&order, 2, 0, 1);
    cr_expect_not(order_tail_note(tail, &order));
    const int64_t known[STREAMS] = {ORDER_TAIL_RUNS / 2, ORDER_TAIL_RUNS / 2, 0};
    expect_read(known, "");
    while (order_put_frames(&order, &number, &out))
        text_reset(&out);
    note(&order, 0, ORDER_TAIL_RUNS, 2);
    order_tail_drop(tail, order.taken);
    cr_expect(order_tail_note(tail, &order));
    expect_read(nothing, "0:16384+2 ");
    order_tail_drop(tail, 1); /* never backwards */
    expect_read(nothing, "0:16384+2 ");
    text_release(&out);
    order_tail_free(tail);
    order_release(&order);
}

Test(order_tail, one_that_cannot_be_made_is_an_error) {
    struct order order;
    struct error error = {0};
    cr_assert(order_init(&order, 1));
    cr_expect_null(order_tail_new(in_directory("not/there/order.tail"), &owner, &order, &error));
    cr_expect_not_null(strstr(error.text, "not/there/order.tail"), "%s", error.text);
    order_release(&order);
}

/* A lane's life: records, cuts, and frames that the file has at once or later. */
struct life {
    struct order order;
    struct order_tail *tail;
    struct text file, waiting; /* frames: written, and on their way */
    uint64_t tail_to;          /* of what is on its way; UINT64_MAX: it was cut since */
    int64_t next[STREAMS];
    bool is_cut; /* and the file has no word of it yet */
};

static void take(struct life *life) {
    uint64_t number;
    while (order_put_frames(&life->order, &number, &life->waiting)) {}
    life->tail_to = life->order.taken;
}

static void written(struct life *life) {
    text_append(&life->file, life->waiting.data, life->waiting.size);
    text_reset(&life->waiting);
    if (life->tail_to == UINT64_MAX)
        return;
    order_tail_drop(life->tail, life->tail_to);
    life->is_cut = false;
}

static void cut(struct life *life, uint32_t stream) {
    life->next[stream] -= rand() % 20;
    life->next[stream] = life->next[stream] > 0 ? life->next[stream] : 0;
    order_tail_cut(life->tail);
    life->tail_to = UINT64_MAX;
    life->is_cut = true;
    order_cut(&life->order, stream, life->next[stream]);
}

/* A run that was cut into two by a frame is one again. */
static void show_joined(const struct order *order, struct text *text) {
    struct order joined;
    cr_assert(order_init(&joined, 1));
    for (uint64_t i = order_begin(order); i < order_end(order); i++) {
        const struct order_run *run = order_at(order, i);
        for (uint32_t at = 0; at < run->span; at++)
            order_note(&joined, run->stream, run->from + at);
    }
    show(&joined, text);
    order_release(&joined);
}

static void expect_recovers(const struct life *life) {
    struct order recovered;
    struct text have, want;
    int64_t known[STREAMS] = {0};
    text_init(&have);
    text_init(&want);
    cr_assert(order_init(&recovered, 1));
    cr_assert(order_read(&recovered, life->file.data, life->file.size, same, STREAMS, STREAMS));
    for (uint64_t i = order_begin(&recovered); i < order_end(&recovered); i++) {
        const struct order_run *run = order_at(&recovered, i);
        if (run->from + run->span > known[run->stream])
            known[run->stream] = run->from + run->span;
    }
    order_tail_read(path(), &owner, known, STREAMS, &recovered);
    show_joined(&recovered, &have);
    show_joined(&life->order, &want);
    cr_assert_str_eq(have.size > 0 ? have.data : "", want.size > 0 ? want.data : "");
    text_release(&have);
    text_release(&want);
    order_release(&recovered);
}

Test(order_tail, file_and_tail_together_say_the_same_as_the_memory) {
    struct life life = {.tail_to = UINT64_MAX};
    size_t compared = 0;
    srand(11);
    text_init(&life.file);
    text_init(&life.waiting);
    cr_assert(order_init(&life.order, 1));
    life.tail = new_tail(&life.order);
    for (int step = 0; step < 4000; step++) {
        const uint32_t stream = (uint32_t)rand() % STREAMS;
        const int what = rand() % 100;
        if (what < 70) {
            note(&life.order, stream, life.next[stream], 1 + rand() % 3);
            life.next[stream] = order_at(&life.order, order_end(&life.order) - 1)->from +
                                order_at(&life.order, order_end(&life.order) - 1)->span;
        } else if (what < 80 && life.waiting.size == 0) {
            take(&life);
        } else if (what < 90 && life.waiting.size > 0) {
            written(&life);
        } else if (what < 91) {
            cut(&life, stream);
        } else if (!life.is_cut) {
            cr_assert(order_tail_note(life.tail, &life.order));
            expect_recovers(&life);
            compared++;
        }
    }
    cr_expect_gt(compared, 100);
    order_tail_free(life.tail);
    text_release(&life.file);
    text_release(&life.waiting);
    order_release(&life.order);
}
