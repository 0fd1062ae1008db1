#include "checkpoint/order.h"

#include "failing_memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t same[] = {0, 1, 2};

/* "0:5+3 1:0+1": stream, from, span; "|" where a segment begins. */
static const char *shown(const struct order *order) {
    static struct text text;
    size_t segment = 1;
    if (text.data == NULL)
        text_init(&text);
    text_reset(&text);
    for (uint64_t i = order_begin(order); i <= order_end(order); i++) {
        for (; segment < order->segment_count && order->segments[segment].begin == i; segment++)
            text_puts(&text, "| ");
        if (i < order_end(order))
            text_printf(&text, "%u:%ld+%u ", order_at(order, i)->stream, order_at(order, i)->from,
                        order_at(order, i)->span);
    }
    return text.size > 0 ? text.data : "";
}

static void note(struct order *order, uint32_t stream, int64_t from, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        order_note(order, stream, from + i);
}

#define MOST_SEGMENTS 8
struct files {
    struct text of[MOST_SEGMENTS];
    uint64_t last;
};

static void take(struct order *order, struct files *files) {
    uint64_t number;
    struct text out;
    text_init(&out);
    while (order_put_frames(order, &number, &out)) {
        cr_assert_lt(number, MOST_SEGMENTS);
        cr_assert_geq(number, files->last, "a segment is added to that is over");
        files->last = number;
        if (files->of[number].data == NULL)
            text_init(&files->of[number]);
        text_append(&files->of[number], out.data, out.size);
        text_reset(&out);
    }
    text_release(&out);
}

static void read_back(struct order *order, const struct files *files, uint64_t first,
                      uint64_t last) {
    cr_assert(order_init(order, first));
    for (uint64_t i = first; i <= last; i++) {
        cr_assert(i == first || order_begin_segment(order, i));
        cr_assert(order_read(order, files->of[i].data, files->of[i].size, same, 3, 3));
    }
}

static void release(struct files *files) {
    for (size_t i = 0; i < MOST_SEGMENTS; i++) {
        if (files->of[i].data != NULL)
            text_release(&files->of[i]);
    }
}

Test(order, records_of_one_stream_are_one_run) {
    struct order order;
    cr_assert(order_init(&order, 0));
    note(&order, 0, 5, 3);
    order_note(&order, 0, 12); /* over a hole */
    note(&order, 1, 0, 1);
    note(&order, 0, 13, 2);
    cr_expect_str_eq(shown(&order), "0:5+8 1:0+1 0:13+2 ");
    order_note(&order, 0, 2); /* back */
    cr_expect_str_eq(shown(&order), "0:5+8 1:0+1 0:13+2 0:2+1 ");
    order_release(&order);
}

Test(order, a_run_does_not_grow_over_the_begin_of_a_segment) {
    struct order order;
    cr_assert(order_init(&order, 0));
    note(&order, 0, 5, 3);
    cr_assert(order_begin_segment(&order, 1));
    note(&order, 0, 8, 2);
    cr_expect_str_eq(shown(&order), "0:5+3 | 0:8+2 ");
    order_release(&order);
}

Test(order, what_was_taken_is_read_back) {
    struct order order, read;
    struct files files = {0};
    cr_assert(order_init(&order, 1));
    note(&order, 0, 5, 3);
    note(&order, 1, INT64_C(1) << 40, 300);
    take(&order, &files);
    note(&order, 1, (INT64_C(1) << 40) + 300, 1);
    cr_assert(order_begin_segment(&order, 2));
    note(&order, 2, 0, 1);
    note(&order, 0, 8, 1);
    note(&order, 2, 1, 1);
    take(&order, &files);
    take(&order, &files);
    read_back(&read, &files, 1, 2);
    char *before = strdup(shown(&order));
    cr_expect_str_eq(before, shown(&read));
    cr_expect_str_eq(before, "0:5+3 1:1099511627776+300 1:1099511628076+1 | 2:0+1 0:8+1 2:1+1 ");
    free(before);
    uint64_t number;
    struct text out;
    text_init(&out);
    cr_expect(!order_put_frames(&read, &number, &out), "what was read was taken");
    order_note(&read, 2, 2);
    cr_expect_eq(read.count, 7, "and does not grow");
    text_release(&out);
    order_release(&order);
    order_release(&read);
    release(&files);
}

/* By chance: whatever is noted, cut, taken and begun, the files say the same as the memory. */
Test(order, files_say_the_same_as_the_memory) {
    unsigned seed = 5;
    for (int round = 0; round < 300; round++) {
        struct order order, read;
        struct files files = {0};
        int64_t next[3] = {0};
        uint64_t segment = 0;
        cr_assert(order_init(&order, 0));
        for (int step = 0; step < 40; step++) {
            const uint32_t stream = (uint32_t)rand_r(&seed) % 3;
            switch (rand_r(&seed) % 8) {
            case 0:
                take(&order, &files);
                break;
            case 1:
                next[stream] -= rand_r(&seed) % 6;
                next[stream] = next[stream] > 0 ? next[stream] : 0;
                order_cut(&order, stream, next[stream]);
                break;
            case 2:
                if (segment + 1 < MOST_SEGMENTS)
                    cr_assert(order_begin_segment(&order, ++segment));
                break;
            default:
                for (int i = rand_r(&seed) % 4; i >= 0; i--)
                    order_note(&order, stream, next[stream]++);
            }
        }
        take(&order, &files);
        cr_assert(order_init(&read, 0));
        for (uint64_t i = 0; i <= segment; i++) {
            cr_assert(i == 0 || order_begin_segment(&read, i));
            if (files.of[i].data != NULL)
                cr_assert(order_read(&read, files.of[i].data, files.of[i].size, same, 3, 3));
        }
        char *before = strdup(shown(&order));
        cr_assert_str_eq(before, shown(&read), "round %d", round);
        free(before);
        order_release(&order);
        order_release(&read);
        release(&files);
    }
}

Test(order, a_cut_forgets_what_comes_again) {
    struct order order;
    cr_assert(order_init(&order, 1));
    note(&order, 0, 0, 4);
    note(&order, 1, 0, 2);
    cr_assert(order_begin_segment(&order, 2));
    note(&order, 0, 4, 4);
    note(&order, 1, 2, 2);
    order_cut(&order, 0, 2);
    cr_expect_str_eq(shown(&order), "0:0+2 1:0+2 | 1:2+2 ");
    note(&order, 1, 4, 1);
    note(&order, 0, 2, 1);
    cr_expect_str_eq(shown(&order), "0:0+2 1:0+2 | 1:2+3 0:2+1 ");
    order_release(&order);
}

Test(order, older_segments_are_dropped_and_indices_stay) {
    struct order order;
    cr_assert(order_init(&order, 1));
    note(&order, 0, 0, 4);
    note(&order, 1, 0, 2);
    cr_assert(order_begin_segment(&order, 2));
    note(&order, 2, 4, 4);
    order_drop_before(&order, 2);
    cr_expect_eq(order_begin(&order), 2);
    cr_expect_eq(order_at(&order, 2)->stream, 2);
    order_drop_before(&order, 9);
    cr_expect_str_eq(shown(&order), "2:4+4 ", "the last one stays");
    order_release(&order);
}

Test(order, a_torn_frame_ends_the_reading) {
    struct order order, read;
    struct files files = {0};
    bool is_torn;
    cr_assert(order_init(&order, 1));
    note(&order, 0, 5, 3);
    take(&order, &files);
    const size_t first = files.of[1].size;
    note(&order, 1, 0, 1);
    take(&order, &files);
    for (size_t size = first; size < files.of[1].size; size++) {
        char *copy = malloc(size);
        memcpy(copy, files.of[1].data, size);
        cr_assert_eq(order_whole_size(copy, size, &is_torn), first);
        cr_assert(is_torn, "%zu", size);
        cr_assert(order_init(&read, 1));
        cr_assert(order_read(&read, copy, size, same, 3, 3));
        cr_assert_str_eq(shown(&read), "0:5+3 ");
        cr_assert(!read.is_broken);
        order_release(&read);
        free(copy);
    }
    /* Damage that is no torn end. */
    files.of[1].data[9] ^= 1;
    cr_expect_eq(order_whole_size(files.of[1].data, files.of[1].size, &is_torn), 0);
    cr_expect(!is_torn);
    order_release(&order);
    release(&files);
}

Test(order, streams_of_the_file_become_those_of_here) {
    static const uint32_t here[] = {1, UINT32_MAX, 0};
    struct order order, read;
    struct files files = {0};
    cr_assert(order_init(&order, 1));
    note(&order, 0, 5, 3);         /* topic 0 of partition 0 */
    note(&order, 1, 5, 1);         /* topic 1, which is not here */
    note(&order, 2 + 2 * 3, 7, 1); /* topic 2 of partition 2 */
    take(&order, &files);
    cr_assert(order_init(&read, 1));
    cr_assert(order_read(&read, files.of[1].data, files.of[1].size, here, 3, 2));
    cr_expect_str_eq(shown(&read), "1:5+3 4:7+1 ");
    order_release(&order);
    order_release(&read);
    release(&files);
}

Test(order, too_many_runs_break_it_until_their_segment_is_gone) {
    struct order order, read;
    struct files files = {0};
    cr_assert(order_init(&order, 1));
    for (int64_t i = 0; i < ORDER_MOST_RUNS / 2; i++) {
        order_note(&order, 0, i);
        order_note(&order, 1, i);
    }
    cr_expect(!order.is_broken);
    order_note(&order, 0, ORDER_MOST_RUNS);
    cr_expect(order.is_broken);
    cr_expect_eq(order.count, ORDER_MOST_RUNS);
    cr_assert(order_begin_segment(&order, 2));
    take(&order, &files);
    read_back(&read, &files, 1, 1);
    cr_expect(read.is_broken, "the file says so");
    cr_expect_eq(read.count, ORDER_MOST_RUNS);
    order_drop_before(&order, 2);
    cr_expect(!order.is_broken);
    note(&order, 0, 1, 1);
    cr_expect_str_eq(shown(&order), "0:1+1 ");
    order_release(&order);
    order_release(&read);
    release(&files);
}

Test(order, a_break_is_told_to_the_file) {
    struct order read;
    struct text out;
    text_init(&out);
    order_put_break(&out);
    cr_assert(order_init(&read, 1));
    cr_assert(order_read(&read, out.data, out.size, same, 3, 3));
    cr_expect(read.is_broken);
    order_release(&read);
    text_release(&out);
}

Test(order, lack_of_memory_breaks_it_and_loses_nothing_that_was_noted) {
    struct order order;
    struct text out;
    uint64_t number;
    text_init(&out);
    cr_assert(order_init(&order, 1));
    memory_fail_from(0);
    order_note(&order, 0, 1);
    cr_assert(memory_end());
    cr_expect(order.is_broken);
    cr_assert(order_begin_segment(&order, 2));
    note(&order, 0, 2, 1);
    for (long nth = 0;; nth++) {
        memory_fail_from(nth);
        const bool did = order_put_frames(&order, &number, &out);
        if (!memory_end()) {
            cr_assert(did);
            break;
        }
        cr_assert(!did);
        cr_assert(text_is_oom(&out));
        text_release(&out);
    }
    cr_expect_eq(number, 1, "the break first");
    cr_assert(order_put_frames(&order, &number, &out));
    cr_expect_eq(number, 2);
    cr_expect(!order_put_frames(&order, &number, &out));
    order_release(&order);
    text_release(&out);
}

Test(order, wall_clock_timers_have_their_place_between_the_runs) {
    struct order order, read;
    struct files files = {0};
    cr_assert(order_init(&order, 0));
    note(&order, 0, 5, 3);
    order_note_clock(&order, INT64_C(1764500000000000000));
    note(&order, 0, 8, 2); /* would go on with the run before */
    order_note_clock(&order, INT64_C(1764500000700000000));
    take(&order, &files);
    read_back(&read, &files, 0, 0);
    cr_expect_str_eq(shown(&read), "0:5+3 0:8+2 ", "nobody asked for them");
    order_release(&read);
    cr_assert(order_init(&read, 0));
    read.keeps_clocks = true;
    cr_assert(order_read(&read, files.of[0].data, files.of[0].size, same, 3, 3));
    cr_expect_str_eq(shown(&read), "0:5+3 4294967295:1764500000000000000+1 0:8+2 "
                                   "4294967295:1764500000700000000+1 ");
    order_cut(&read, 0, 6); /* is of one stream */
    cr_expect_str_eq(shown(&read), "0:5+1 4294967295:1764500000000000000+1 "
                                   "4294967295:1764500000700000000+1 ");
    order_release(&order);
    order_release(&read);
    release(&files);
}
