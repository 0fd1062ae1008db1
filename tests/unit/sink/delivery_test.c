#include "failing_memory.h"
#include "support.h"

#include "base/signal_names.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(delivery, is_a_copy_that_outlives_what_it_was_made_from) {
    static struct tally tally;
    char key[] = "AAPL", value[] = "{\"a\":1}", name[] = "trace", content[] = "abc";
    struct delivery_header headers[] = {{name, content, 3}};
    const struct delivery_text made = {value, 7, headers, 1};
    struct delivery *delivery = delivery_new(&(struct delivery){.kind = DELIVERY_DEAD_LETTER,
                                                                .unconfirmed = 2,
                                                                .key = key,
                                                                .key_size = 4,
                                                                .text = &made,
                                                                .time_ms = 5,
                                                                .owner = &tally});
    memset(key, 'x', sizeof key);
    memset(value, 'x', sizeof value);
    memset(name, 'x', sizeof name);
    memset(content, 'x', sizeof content);

    const struct delivery_text *text = delivery_text(delivery);
    cr_assert_eq(memcmp(delivery->key, "AAPL", 4), 0);
    cr_assert_eq(memcmp(text->value, "{\"a\":1}", 7), 0);
    cr_assert_str_eq(text->headers[0].name, "trace");
    cr_assert_eq(memcmp(text->headers[0].value, "abc", 3), 0);
    cr_assert_eq(delivery->time_ms, 5);
    delivery_release(delivery);
    check_leaks();
}

Test(delivery, tells_nothing_from_empty) {
    struct delivery_header headers[] = {{"null", NULL, 0}, {"empty", "", 0}};
    const struct delivery_text made = {.headers = headers, .header_count = 2};
    struct delivery *delivery = delivery_new(&(struct delivery){.key = "", .text = &made});
    const struct delivery_text *text = delivery_text(delivery);
    cr_assert_not_null(delivery->key);
    cr_assert_null(delivery->deployment);
    cr_assert_null(text->value);
    cr_assert_null(text->headers[0].value);
    cr_assert_not_null(text->headers[1].value);
    delivery_release(delivery);
    check_leaks();
}

/* A copy of each span, in memory of its own that is written over afterwards. */
static void scramble(t5_str *span, char *room) {
    memcpy(room, span->data, span->len);
    span->data = room;
}

Test(delivery, of_a_signal_copies_its_values_and_texts) {
    static struct tally tally;
    char rooms[16][32];
    struct signal like = signal_like(42);
    t5_named_value values[8];
    memcpy(values, like.named, like.value_count * sizeof *values);
    like.named = values;
    scramble(&like.name, rooms[0]);
    scramble(&like.symbol, rooms[1]);
    scramble(&like.deployment, rooms[2]);
    scramble(&like.strategy, rooms[3]);
    scramble(&like.version, rooms[4]);
    scramble(&like.origin, rooms[5]);
    scramble(&like.topic, rooms[6]);
    for (uint32_t i = 0; i < like.value_count; i++)
        scramble(&values[i].name, rooms[7 + i]);
    values[4].value.text = memcpy(rooms[14], values[4].value.text, values[4].value.length);
    like.data = t5_text(strcpy(rooms[15], " {\"x\": 1} \n"));
    struct delivery *delivery = delivery_new(&(struct delivery){
        .kind = DELIVERY_SIGNAL, .unconfirmed = 1, .signal = &like, .owner = &tally});
    memset(rooms, '#', sizeof rooms);
    memset(values, '#', sizeof values);

    cr_assert_str_eq(delivery->key, "AAPL");
    cr_assert_eq(delivery->key_size, 4u);
    cr_assert_eq(delivery->time_ms, 1718658930123);
    cr_assert_str_eq(delivery->deployment, "fast");
    const struct delivery_text *text = delivery_text(delivery);
    cr_assert_eq(text->header_count, 2u);
    cr_assert_str_eq(text->headers[0].name, "take5-signal-id");
    cr_assert_str_eq(text->headers[0].value, "fast/bar_trends/3/42/1");
    cr_assert_str_eq(text->headers[1].name, "take5-state-origin");
    cr_assert_str_eq(text->headers[1].value, "fresh");
    cr_assert_eq(text->headers[1].value_size, 5u);
    cr_assert_str_eq(
        text->value,
        "{\"id\":\"fast/bar_trends/3/42/1\",\"deployment\":\"fast\",\"strategy\":\"momentum\","
        "\"version\":\"1.2.3\",\"name\":\"momentum_up\",\"symbol\":\"AAPL\","
        "\"event_time\":\"2024-06-17T21:15:30.123Z\",\"event_time_ns\":1718658930123000000,"
        "\"value\":1.5,\"confidence\":0.75,\"topic\":\"bar_trends\",\"partition\":3,\"offset\":42,"
        "\"time_frame\":60,\"price\":480.25,\"data\":{\"x\": 1,\"close\":480.25,"
        "\"mean\":0.30000000000000004,\"count\":9223372036854775807,\"is_above\":true,"
        "\"why\":\"a \\\"b\\\"\\n\",\"nothing\":null}}");
    cr_assert_eq(text->value_size, strlen(text->value));
    delivery_release(delivery);
    check_leaks();
}

Test(delivery, of_a_signal_copies_names_in_one_block_as_it_copies_each) {
    struct signal like = signal_like(42);
    static struct signal_names names;
    cr_assert(signal_names_keep(&names, like.name, like.named, like.value_count));
    struct delivery *each = delivery_new(&(struct delivery){.signal = &like});
    like.names = &names;
    struct delivery *block = delivery_new(&(struct delivery){.signal = &like});
    memset(&names, '#', sizeof names);

    cr_assert_null(block->signal->names);
    cr_assert_eq(block->bytes, each->bytes);
    cr_assert_str_eq(block->signal->name.data, "momentum_up");
    for (uint32_t i = 0; i < like.value_count; i++)
        cr_assert(t5_str_equal(signal_value_at(block->signal, i).name, like.named[i].name));
    cr_assert_str_eq(delivery_text(block)->value, delivery_text(each)->value);
    delivery_release(each);
    delivery_release(block);
    check_leaks();
}

static void expect_value(const t5_named_value *found, const t5_named_value *given) {
    cr_expect(t5_str_equal(found->name, given->name));
    cr_expect_eq(found->value.type, given->value.type);
    cr_expect(t5_str_equal(t5_value_text(&found->value), t5_value_text(&given->value)));
    cr_expect_eq(found->value.integer, given->value.integer);
    switch (given->value.type) {
    case T5_VALUE_NUMBER:
        cr_expect_eq(found->value.number, given->value.number);
        break;
    case T5_VALUE_INTEGER:
    case T5_VALUE_BOOLEAN:
        cr_expect_eq(found->value.number, (double)given->value.integer);
        break;
    default:
        cr_expect(isnan(found->value.number));
    }
}

Test(delivery, of_a_signal_has_its_values) {
    struct signal like = signal_like(42);
    struct delivery *delivery = delivery_new(&(struct delivery){.signal = &like});
    cr_assert_null(delivery->signal->named);
    for (uint32_t i = 0; i < like.value_count; i++) {
        const t5_named_value found = signal_value_at(delivery->signal, i);
        const t5_named_value given = signal_value_at(&like, i);
        expect_value(&found, &like.named[i]);
        cr_expect_eq(given.name.data, like.named[i].name.data);
    }
    delivery_release(delivery);
    check_leaks();
}

Test(delivery, of_a_signal_has_as_many_and_as_long_names_as_there_may_be) {
    enum { MOST = 64 };
    static char names[MOST][MOST];
    t5_named_value values[MOST];
    for (int i = 0; i < MOST; i++) {
        memset(names[i], 'a', MOST);
        names[i][MOST - 1] = (char)('0' + i);
        values[i] = (t5_named_value){{names[i], MOST}, {.type = T5_VALUE_INTEGER, .integer = i}};
    }
    struct signal like = signal_like(42);
    like.name = (t5_str){names[7], MOST};
    like.named = values;
    like.value_count = MOST;
    struct delivery *delivery = delivery_new(&(struct delivery){.signal = &like});
    cr_expect(t5_str_equal(delivery->signal->name, like.name));
    for (uint32_t i = 0; i < MOST; i++) {
        const t5_named_value found = signal_value_at(delivery->signal, i);
        expect_value(&found, &values[i]);
    }
    delivery_release(delivery);
    check_leaks();
}

static const char *data_of(t5_str data, uint32_t value_count, struct delivery **delivery) {
    struct signal like = signal_like(1);
    like.data = data;
    like.value_count = value_count;
    like.price = 0;
    like.time_frame_s = 0;
    *delivery = delivery_new(&(struct delivery){.kind = DELIVERY_SIGNAL, .signal = &like});
    const char *offset = strstr(delivery_text(*delivery)->value, "\"offset\":1");
    cr_assert_not_null(offset);
    return offset + strlen("\"offset\":1");
}

Test(delivery, data_is_what_was_given_and_then_the_values) {
    static const struct {
        const char *data;
        uint32_t values;
        const char *wanted;
    } cases[] = {
        {"", 0, "}"},
        {" {\"a\":[1]}\n", 0, ",\"data\":{\"a\":[1]}}"},
        {"", 1, ",\"data\":{\"close\":480.25}}"},
        {"{ \n}", 1, ",\"data\":{\"close\":480.25}}"},
        {"{\"a\":1 }", 1, ",\"data\":{\"a\":1,\"close\":480.25}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct delivery *delivery;
        cr_expect_str_eq(data_of(t5_text(cases[i].data), cases[i].values, &delivery),
                         cases[i].wanted);
        delivery_release(delivery);
    }
    check_leaks();
}

/* What one sink writes for itself is what several would share. */
Test(delivery, of_one_sink_is_written_without_a_text_of_its_own) {
    struct signal like = signal_like(42);
    struct text text;
    text_init(&text);
    struct delivery *one = delivery_new(
        &(struct delivery){.kind = DELIVERY_SIGNAL, .unconfirmed = 1, .signal = &like});
    struct delivery *shared = delivery_new(
        &(struct delivery){.kind = DELIVERY_SIGNAL, .unconfirmed = 2, .signal = &like});
    like.data = t5_text("{\n}");
    struct delivery *with_lines = delivery_new(
        &(struct delivery){.kind = DELIVERY_SIGNAL, .unconfirmed = 1, .signal = &like});
    cr_assert(!delivery_write_once(shared, &text));
    cr_assert(!delivery_write_once(with_lines, &text));
    cr_assert_eq(text.size, 0u);
    cr_assert(delivery_write_once(one, &text));
    cr_assert_null(atomic_load(&one->text));
    cr_assert_str_eq(text.data, delivery_text(shared)->value);
    text_release(&text);
    delivery_release(one);
    delivery_release(shared);
    delivery_release(with_lines);
    check_leaks();
}

Test(delivery, line_is_for_people) {
    static struct tally tally;
    struct text line;
    text_init(&line);
    struct delivery *signal = typed_make(&tally, 42, 1);
    struct delivery *dead_letter = dead_letter_make(&tally, 42, NULL, 0, NULL, 0);
    delivery_write_line(signal, &line);
    text_putc(&line, '\n');
    delivery_write_line(dead_letter, &line);
    cr_assert_str_eq(line.data,
                     "momentum_up AAPL 1.5 (confidence 0.75) by fast, id fast/bar_trends/3/42/1\n"
                     "dead letter bar_trends/3/42: not-json: byte 3: \"quoted\"");
    text_release(&line);
    delivery_release(signal);
    delivery_release(dead_letter);
    check_leaks();
}

#define ASKING 4

static void *ask(void *argument) {
    return (void *)delivery_text(argument);
}

Test(delivery, text_is_made_once_for_all_who_ask) {
    static struct tally tally;
    for (uint64_t round = 0; round < 200; round++) {
        struct delivery *delivery = typed_make(&tally, round, 1);
        pthread_t threads[ASKING];
        void *texts[ASKING];
        for (size_t i = 0; i < ASKING; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, ask, delivery), 0);
        for (size_t i = 0; i < ASKING; i++)
            pthread_join(threads[i], &texts[i]);
        for (size_t i = 0; i < ASKING; i++)
            cr_assert_eq(texts[i], delivery_text(delivery));
        delivery_release(delivery);
    }
    check_leaks();
}

Test(delivery, is_done_once_when_the_last_sink_confirms) {
    static struct tally tally;
    struct delivery *delivery = typed_make(&tally, 7, 3);

    delivery_confirm(delivery);
    delivery_confirm(delivery);
    cr_assert_eq(tally_count(&tally), 0u);
    delivery_confirm(delivery);
    cr_assert_eq(tally_count(&tally), 1u);
    cr_assert_eq(tally.words[0], 7u);
    delivery_release(delivery);
    check_leaks();
}

Test(delivery, text_that_lacks_memory_is_made_when_there_is_some) {
    static struct tally tally;
    struct delivery *delivery = typed_make(&tally, 1, 1);
    long failures = 0;
    const struct delivery_text *text = NULL;
    for (; text == NULL; failures++) {
        memory_fail_once(failures);
        text = delivery_text(delivery);
        cr_assert_eq(memory_end(), text == NULL);
    }
    cr_assert_gt(failures, 3);
    cr_assert_eq(text->value[text->value_size - 1], '}');
    cr_assert_str_eq(text->headers[0].value, "fast/bar_trends/3/1/1");
    delivery_release(delivery);
    check_leaks();
}
