#include "recording/reader.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (256 * 1024)

static struct recording_pool *pool;
static char path[64];
static const char *opened = path; /* what the test reads */
static struct text bad_lines;     /* "FILE-LESS LINE: TEXT\n" each */

static void note_bad(void *context, const char *file, uint64_t line, const char *text) {
    (void)context;
    cr_assert_str_eq(file, opened);
    text_printf(&bad_lines, "%llu: %s\n", (unsigned long long)line, text);
}

static void setup(void) {
    strcpy(path, "/tmp/take5-recording-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    pool = recording_pool_new();
    text_init(&bad_lines);
}

static void teardown(void) {
    unlink(path);
    text_release(&bad_lines);
    recording_pool_free(pool);
}

TestSuite(recording, .init = setup, .fini = teardown);

static void fill(const char *bytes, size_t size) {
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static struct recording_reader *open_with(struct recording_options options) {
    struct error error = {0};
    options.pool = pool;
    options.bad_line = note_bad;
    struct recording_reader *reader = recording_reader_open(opened, &options, &error);
    cr_assert_not_null(reader, "%s", error.text);
    return reader;
}

static struct recording_reader *open_text(const char *text) {
    fill(text, strlen(text));
    return open_with((struct recording_options){0});
}

static void expect_payload(struct recording_reader *reader, const char *payload, uint64_t number) {
    struct recording_entry entry;
    struct error error = {0};
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_ENTRY, "%s", error.text);
    cr_assert(entry.line.payload_size == strlen(payload) &&
                  memcmp(entry.line.payload, payload, strlen(payload)) == 0,
              "%.*s", (int)entry.line.payload_size, entry.line.payload);
    cr_assert_eq(entry.number, number, "line %llu", (unsigned long long)entry.number);
}

static void expect_end(struct recording_reader *reader) {
    struct recording_entry entry;
    struct error error = {0};
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_END);
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_END);
    recording_reader_close(reader);
    cr_assert_eq(recording_pool_held(pool), 0);
}

Test(recording, both_forms_may_stand_in_one_file) {
    struct recording_reader *reader =
        open_text("{\"symbol\":\"A\"}\n{\"topic\":\"t\",\"payload\":\"x\"}\n{\"symbol\":\"B\"}\n");
    expect_payload(reader, "{\"symbol\":\"A\"}", 1);
    expect_payload(reader, "x", 2);
    expect_payload(reader, "{\"symbol\":\"B\"}", 3);
    expect_end(reader);
}

Test(recording, empty_lines_windows_breaks_and_a_byte_order_mark_are_nothing) {
    struct recording_reader *reader =
        open_text("\xef\xbb\xbf{\"a\":1}\r\n\r\n\n   \n{\"a\":2}\r\n");
    expect_payload(reader, "{\"a\":1}", 1);
    expect_payload(reader, "{\"a\":2}", 5);
    expect_end(reader);
}

Test(recording, an_empty_file_has_no_line) {
    expect_end(open_text(""));
}

Test(recording, the_last_line_needs_no_break) {
    struct recording_reader *reader = open_text("{\"a\":1}\n{\"a\":2}");
    struct recording_entry entry;
    struct error error;
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_ENTRY);
    cr_assert(entry.is_complete && entry.end == 8);
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_ENTRY);
    cr_assert(!entry.is_complete && entry.end == 15);
    expect_end(reader);
}

Test(recording, bad_lines_are_told_with_their_number_and_passed) {
    struct recording_reader *reader =
        open_text("hello\n{\"a\":1}\n\n{\"topic\":\"t\",\"payload\":\"x\n{\"a\":2}\n{\"a\":");
    expect_payload(reader, "{\"a\":1}", 2);
    expect_payload(reader, "{\"a\":2}", 5);
    struct recording_entry entry;
    struct error error;
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_END);
    cr_assert_eq(recording_reader_bad_lines(reader), 3);
    cr_assert_eq(recording_reader_lines(reader), 6);
    cr_assert_str_eq(bad_lines.data,
                     "1: is not a JSON object\n"
                     "4: \"payload\" is truncated, or not text, an object or an array\n"
                     "6: is truncated: the file ends within it\n");
    cr_assert(recording_reader_is_cut(reader));
    expect_end(reader);
}

/* The error that the reading ends with. */
static const char *ends_with(struct recording_reader *reader) {
    static struct error error;
    struct recording_entry entry;
    enum recording_result result;
    while ((result = recording_reader_next(reader, &entry, &error)) == RECORDING_ENTRY)
        ;
    recording_reader_close(reader);
    cr_assert_eq(result, RECORDING_FAILED);
    cr_assert_eq(recording_pool_held(pool), 0);
    return error.text;
}

static void expect_error(struct recording_reader *reader, const char *text) {
    char expected[512];
    snprintf(expected, sizeof expected, "%s%s", opened, text);
    cr_assert_str_eq(ends_with(reader), expected);
}

Test(recording, what_no_line_can_be_of_ends_at_once) {
    fill("BZh91AY&S\n{\"a\":1}\n", 18);
    expect_error(open_with((struct recording_options){0}),
                 ": is bzip2 data, not JSON lines: unpack it with `bunzip2`");
    cr_assert_eq(bad_lines.size, 0u);
}

Test(recording, a_file_without_a_usable_line_is_none) {
    expect_error(open_text("<a>\n</a>\n"), ": none of its 2 lines is valid; it looks like XML or "
                                           "HTML: convert it to JSON lines");
    expect_error(open_text("\nhello\n"), ": none of its 2 lines is valid");
    expect_error(open_text("{\"a\":"), ": none of its 1 line is valid");
    expect_error(open_text("\n \n\t\r\n"), ": none of its 3 lines is valid");
    fill("<a>\n", 4);
    expect_error(
        open_with((struct recording_options){.is_strict = true}),
        ":1: line is not a JSON object; it looks like XML or HTML: convert it to JSON lines");
}

Test(recording, lines_that_the_caller_refuses_are_of_no_use_either) {
    struct recording_reader *reader = open_text("{\"a\":1}\n{\"a\":2}\n");
    struct recording_entry entry;
    struct error error = {0};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_ENTRY);
        cr_assert(recording_reader_reject(reader, entry.number, "is not mine", &error));
    }
    expect_error(reader, ": none of its 2 lines is valid");
    reader = open_text("{\"a\":1}\n{\"a\":2}\n");
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_ENTRY);
    cr_assert(recording_reader_reject(reader, entry.number, "is not mine", &error));
    expect_payload(reader, "{\"a\":2}", 2);
    expect_end(reader);
}

Test(recording, what_follows_where_it_began_says_nothing_of_the_file) {
    fill("{\"a\":1}\nhello\n", 14);
    expect_end(open_with((struct recording_options){.begin_at = 8, .begin_lines = 1}));
    cr_assert_str_eq(bad_lines.data, "2: is not a JSON object\n");
}

Test(recording, a_tail_of_nul_bytes_is_named) {
    fill("{\"a\":1}\n\0\0\0\0", 12);
    struct recording_reader *reader = open_with((struct recording_options){0});
    expect_payload(reader, "{\"a\":1}", 1);
    expect_end(reader);
    cr_assert_str_eq(bad_lines.data, "2: is NUL bytes, as after a crash of the machine\n");
}

/* Of endless input no more is kept than one line may have. */
static bool stays_small(void *context, int fd) {
    (void)context;
    (void)fd;
    cr_assert_leq(recording_pool_held(pool), 4u * 1024 * 1024);
    return true;
}

Test(recording, input_without_an_end_ends) {
    const struct recording_options options = {.max_line = 1024 * 1024, .before_read = stays_small};
    opened = "/dev/zero";
    expect_error(open_with(options),
                 ":1: a line is longer than 64 MiB; it looks like NUL bytes: it was never "
                 "written, or the file system lost it; take another copy");
    opened = path;
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 66 * 1024 * 1024 / 64; i++)
        fprintf(file, "%063d\n", i);
    fclose(file);
    cr_assert_not_null(strstr(ends_with(open_with(options)), ": none of its first "));
}

Test(recording, strict_ends_at_the_first_bad_line) {
    fill("{\"a\":1}\nhello\n{\"a\":2}\n", 22);
    struct recording_reader *reader = open_with((struct recording_options){.is_strict = true});
    expect_payload(reader, "{\"a\":1}", 1);
    struct recording_entry entry;
    struct error error = {0};
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_FAILED);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "%s:2: line is not a JSON object", path);
    cr_assert_str_eq(error.text, wanted);
    recording_reader_close(reader);
}

Test(recording, a_line_that_is_too_long_is_passed_whole) {
    struct text text;
    text_init(&text);
    text_puts(&text, "{\"a\":1}\n{\"x\":\"");
    for (int i = 0; i < 300000; i++)
        text_putc(&text, 'x');
    text_puts(&text, "\"}\n{\"a\":2}\n{\"x\":\"");
    for (int i = 0; i < 1500; i++)
        text_putc(&text, 'y');
    text_puts(&text, "\"}\n{\"a\":3}\n{\"x\":\"");
    for (int i = 0; i < 900000; i++)
        text_putc(&text, 'z');
    fill(text.data, text.size);
    text_release(&text);
    struct recording_reader *reader = open_with((struct recording_options){.max_line = 1000});
    expect_payload(reader, "{\"a\":1}", 1);
    expect_payload(reader, "{\"a\":2}", 3);
    expect_payload(reader, "{\"a\":3}", 5);
    struct recording_entry entry;
    struct error error;
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_END);
    cr_assert_str_eq(bad_lines.data, "2: is too long\n4: is too long\n6: is too long\n");
    expect_end(reader);
}

Test(recording, a_line_longer_than_a_block_is_read_whole) {
    struct text text;
    text_init(&text);
    text_puts(&text, "{\"x\":\"");
    for (int i = 0; i < 3 * BLOCK; i++)
        text_putc(&text, (char)('a' + i % 26));
    text_puts(&text, "\"}");
    struct text file;
    text_init(&file);
    text_printf(&file, "{\"a\":1}\n%s\n{\"a\":2}\n", text.data);
    fill(file.data, file.size);
    struct recording_reader *reader = open_with((struct recording_options){0});
    expect_payload(reader, "{\"a\":1}", 1);
    expect_payload(reader, text.data, 2);
    expect_payload(reader, "{\"a\":2}", 3);
    expect_end(reader);
    text_release(&text);
    text_release(&file);
}

/* Lines of all lengths, so that every place of a line is cut by the end of a block at some time. */
Test(recording, lines_across_blocks_are_whole_and_memory_stays_flat) {
    struct text text;
    text_init(&text);
    size_t count = 12000;
    for (size_t i = 0; i < count; i++) {
        if (i % 2 == 0)
            text_printf(&text, "{\"n\":%zu,\"pad\":\"%*s\"}\n", i, (int)(i % 997), "");
        else
            text_printf(&text,
                        "{\"topic\":\"t\",\"offset\":%zu,\"payload\":\"{\\\"n\\\":%zu,\\\"p"
                        "\\\":\\\"%*s\\\"}\"}\n",
                        i, i, (int)(i % 313), "");
    }
    cr_assert_gt(text.size, 10 * BLOCK);
    fill(text.data, text.size);
    text_release(&text);
    struct recording_reader *reader = open_with((struct recording_options){0});
    cr_assert_geq(recording_reader_size(reader), 10 * BLOCK);
    for (size_t i = 0; i < count; i++) {
        struct recording_entry entry;
        struct error error = {0};
        cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_ENTRY);
        char begin[64];
        int size = snprintf(begin, sizeof begin, "{\"n\":%zu,", i);
        cr_assert(memcmp(entry.line.payload, begin, (size_t)size) == 0, "line %zu: %.60s", i,
                  entry.line.payload);
        cr_assert_eq(entry.line.payload[entry.line.payload_size - 1], '}');
        cr_assert_eq(entry.line.is_plain, i % 2 == 0);
        cr_assert_leq(recording_pool_held(pool), BLOCK);
    }
    cr_assert_eq((int64_t)recording_reader_bytes(reader), recording_reader_size(reader));
    cr_assert_eq(bad_lines.size, 0);
    expect_end(reader);
}

Test(recording, what_a_taken_block_holds_stays) {
    struct text text;
    text_init(&text);
    for (int i = 0; i < 4000; i++)
        text_printf(&text, "{\"topic\":\"t\",\"key\":\"k%d\",\"payload\":\"%d%500s\"}\n", i, i, "");
    fill(text.data, text.size);
    text_release(&text);
    struct recording_reader *reader = open_with((struct recording_options){0});
    struct recording_entry *kept = calloc(4000, sizeof *kept);
    for (int i = 0; i < 4000; i++) {
        struct error error;
        cr_assert_eq(recording_reader_next(reader, &kept[i], &error), RECORDING_ENTRY);
        recording_block_retain(kept[i].block);
    }
    recording_reader_close(reader);
    cr_assert_gt(recording_pool_held(pool), 4 * BLOCK);
    for (int i = 0; i < 4000; i++) {
        char wanted[32];
        int size = snprintf(wanted, sizeof wanted, "k%d", i);
        cr_assert(kept[i].line.key_size == (size_t)size &&
                  memcmp(kept[i].line.key, wanted, (size_t)size) == 0);
        cr_assert_eq(atoi(kept[i].line.payload), i);
        recording_block_release(kept[i].block);
    }
    cr_assert_eq(recording_pool_held(pool), 0);
    free(kept);
}

static void *write_slowly(void *context) {
    int fd = *(int *)context;
    static const char text[] =
        "{\"a\":1}\n{\"a\":2}\n{\"topic\":\"t\",\"payload\":\"x\"}\n{\"a\":3}";
    for (size_t i = 0; i < sizeof text - 1; i++)
        cr_assert_eq(write(fd, text + i, 1), 1);
    close(fd);
    return NULL;
}

Test(recording, a_pipe_is_read_as_it_comes) {
    int ends[2], saved = dup(STDIN_FILENO);
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    pthread_t thread;
    pthread_create(&thread, NULL, write_slowly, &ends[1]);
    opened = "-";
    struct recording_reader *reader = open_with((struct recording_options){0});
    cr_assert_eq(recording_reader_size(reader), -1);
    expect_payload(reader, "{\"a\":1}", 1);
    expect_payload(reader, "{\"a\":2}", 2);
    expect_payload(reader, "x", 3);
    expect_payload(reader, "{\"a\":3}", 4);
    expect_end(reader);
    pthread_join(thread, NULL);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static bool refuse_third(void *context, int fd) {
    cr_assert_geq(fd, 0);
    return ++*(int *)context < 3;
}

Test(recording, before_read_may_stop_it) {
    struct text text;
    text_init(&text);
    for (int i = 0; i < 4 * BLOCK / 8; i++)
        text_puts(&text, "{\"a\":1}\n");
    fill(text.data, text.size);
    text_release(&text);
    int reads = 0;
    struct recording_options options = {
        .pool = pool, .before_read = refuse_third, .before_read_context = &reads};
    struct error error;
    struct recording_reader *reader = recording_reader_open(path, &options, &error);
    struct recording_entry entry;
    size_t count = 0;
    enum recording_result result;
    while ((result = recording_reader_next(reader, &entry, &error)) == RECORDING_ENTRY)
        count++;
    cr_assert_eq(result, RECORDING_STOPPED);
    cr_assert_eq(count, 2 * BLOCK / 8);
    recording_reader_close(reader);
}

Test(recording, what_cannot_be_opened_is_said) {
    struct recording_options options = {.pool = pool};
    struct error error;
    cr_assert_null(recording_reader_open("/no/such/file", &options, &error));
    cr_assert(error.code == ERROR_SYSTEM && strstr(error.text, "/no/such/file") != NULL);
    cr_assert_null(recording_reader_open("/", &options, &error));
    cr_assert_not_null(strstr(error.text, "directory"), "%s", error.text);
}

struct visits {
    size_t count, most;
};

static bool visit(void *context, const struct recording_entry *entry, struct error *error) {
    struct visits *visits = context;
    cr_assert_eq(entry->number, visits->count + 1);
    return ++visits->count < visits->most || error_set(error, ERROR_STATE, "the visit failed");
}

Test(recording, all_of_a_file_is_read_until_a_visit_fails) {
    struct visits whole = {.most = 4}, part = {.most = 2}, none = {.most = 1};
    struct error error;
    fill("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", 24);
    cr_assert(recording_read_all(path, visit, &whole, &error));
    cr_assert_eq(whole.count, 3);
    cr_assert_not(recording_read_all(path, visit, &part, &error));
    cr_assert_eq(part.count, 2);
    cr_assert_eq(error.code, ERROR_STATE);
    cr_assert_not(recording_read_all("/no/such/file", visit, &none, &error));
    cr_assert_eq(none.count, 0);
    cr_assert_eq(error.code, ERROR_SYSTEM);
}
