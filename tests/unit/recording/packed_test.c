#include "recording/packing.h"
#include "recording/reader.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static struct recording_pool *pool;
static struct error failure;
static uint64_t bad_lines;
static char first_problem[200];

static const enum recording_packing packings[] = {RECORDING_GZIP, RECORDING_ZSTD};

static void setup(void) {
    strcpy(path, "/tmp/take5-packed-XXXXXX");
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    pool = recording_pool_new();
}

static void teardown(void) {
    unlink(path);
    recording_pool_free(pool);
}

TestSuite(recording_packed, .init = setup, .fini = teardown);

static void fill(const char *bytes, size_t size) {
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void note_bad(void *context, const char *file, uint64_t line, const char *text) {
    (void)context;
    (void)file;
    if (bad_lines++ == 0)
        snprintf(first_problem, sizeof first_problem, "%llu %s", (unsigned long long)line, text);
}

/* Appends `count` lines from number `first` on. */
static void put_lines(struct text *text, int first, int count) {
    for (int i = first; i < first + count; i++)
        text_printf(text, "{\"symbol\":\"S%d\",\"price\":%d.25}\n", i % 7, i);
}

/* Reads the file from there on; checks that its lines follow one another, and gives how many. */
static int read_lines(struct recording_options options, int first, enum recording_result *result) {
    struct recording_entry entry;
    int count = 0;
    options.pool = pool;
    options.bad_line = note_bad;
    bad_lines = 0;
    failure = (struct error){0};
    struct recording_reader *reader = recording_reader_open(path, &options, &failure);
    cr_assert_not_null(reader, "%s", failure.text);
    while ((*result = recording_reader_next(reader, &entry, &failure)) == RECORDING_ENTRY) {
        struct text expected;
        text_init(&expected);
        put_lines(&expected, first + count, 1);
        cr_assert(entry.text_size + 1 == expected.size &&
                      memcmp(entry.text, expected.data, entry.text_size) == 0,
                  "line %d: %.*s", first + count, (int)entry.text_size, entry.text);
        text_release(&expected);
        cr_assert_eq(entry.number, options.begin_lines + (uint64_t)count + 1);
        count++;
    }
    recording_reader_close(reader);
    cr_assert_eq(recording_pool_held(pool), 0);
    return count;
}

/* Frames of `lines` lines each. */
static void pack_lines(struct text *packed, enum recording_packing packing, int frames, int lines) {
    for (int i = 0; i < frames; i++) {
        struct text text;
        text_init(&text);
        put_lines(&text, i * lines, lines);
        cr_assert(recording_pack(packing, text.data, text.size, packed));
        text_release(&text);
    }
}

Test(recording_packed, frames_one_behind_the_other_are_one_text) {
    for (int i = 0; i < 2; i++) {
        struct text packed;
        enum recording_result result;
        text_init(&packed);
        pack_lines(&packed, packings[i], 5, 20000);
        cr_assert_eq(recording_packing_of(packed.data, packed.size), packings[i]);
        fill(packed.data, packed.size);
        cr_assert_eq(read_lines((struct recording_options){0}, 0, &result), 100000, "%s",
                     failure.text);
        cr_assert_eq(result, RECORDING_END, "%s", failure.text);
        text_release(&packed);
    }
}

Test(recording_packed, reading_begins_at_a_byte_of_the_text) {
    struct text head;
    text_init(&head);
    put_lines(&head, 0, 30001);
    for (int i = 0; i < 2; i++) {
        struct text packed;
        enum recording_result result;
        text_init(&packed);
        pack_lines(&packed, packings[i], 3, 20000);
        fill(packed.data, packed.size);
        const struct recording_options options = {.begin_at = head.size, .begin_lines = 30001};
        cr_assert_eq(read_lines(options, 30001, &result), 60000 - 30001);
        cr_assert_eq(result, RECORDING_END, "%s", failure.text);
        text_release(&packed);
    }
    text_release(&head);
}

Test(recording_packed, wherever_a_file_is_cut_what_came_before_is_read_and_the_place_is_said) {
    for (int i = 0; i < 2; i++) {
        struct text packed;
        text_init(&packed);
        pack_lines(&packed, packings[i], 1, 50);
        const size_t whole = packed.size;
        pack_lines(&packed, packings[i], 1, 50);
        for (size_t size = 5; size < packed.size; size++) {
            enum recording_result result;
            fill(packed.data, size);
            /* The second frame begins with the first lines again. */
            struct recording_options options = {0};
            if (size == whole) {
                cr_assert_eq(read_lines(options, 0, &result), 50);
                cr_assert_eq(result, RECORDING_END);
                continue;
            }
            struct recording_entry entry;
            int count = 0;
            options.pool = pool;
            struct recording_reader *reader = recording_reader_open(path, &options, &failure);
            while ((result = recording_reader_next(reader, &entry, &failure)) == RECORDING_ENTRY)
                count++;
            recording_reader_close(reader);
            char place[64];
            snprintf(place, sizeof place, "ends at byte %zu ", size);
            cr_assert_eq(result, RECORDING_FAILED, "cut at %zu", size);
            cr_assert(strstr(failure.text, path) != NULL && strstr(failure.text, place) != NULL,
                      "%s", failure.text);
            cr_assert(size < whole ? count <= 50 : count >= 50 && count <= 100, "%zu: %d lines",
                      size, count);
        }
        text_release(&packed);
    }
}

/* A few bits of both forms mean nothing. */
Test(recording_packed, no_flipped_bit_changes_a_file_unnoticed) {
    for (int i = 0; i < 2; i++) {
        struct text packed;
        size_t noticed = 0;
        text_init(&packed);
        pack_lines(&packed, packings[i], 1, 200);
        for (size_t at = 4; at < packed.size; at++) {
            enum recording_result result;
            struct recording_entry entry;
            struct recording_options options = {.pool = pool};
            uint64_t sum = 0, lines = 0;
            packed.data[at] = (char)(packed.data[at] ^ 1 << at % 8);
            fill(packed.data, packed.size);
            struct recording_reader *reader = recording_reader_open(path, &options, &failure);
            while ((result = recording_reader_next(reader, &entry, &failure)) == RECORDING_ENTRY) {
                lines++;
                for (size_t k = 0; k < entry.text_size; k++)
                    sum = sum * 31 + (uint8_t)entry.text[k];
            }
            static uint64_t right;
            right = right == 0 && result == RECORDING_END ? sum : right;
            noticed += result == RECORDING_FAILED;
            cr_assert(result == RECORDING_FAILED || (lines == 200 && sum == right), "byte %zu", at);
            recording_reader_close(reader);
            packed.data[at] = (char)(packed.data[at] ^ 1 << at % 8);
        }
        cr_assert_gt(noticed, packed.size * 9 / 10);
        text_release(&packed);
    }
}

Test(recording_packed, something_else_behind_a_frame_is_said) {
    struct text packed;
    enum recording_result result;
    text_init(&packed);
    pack_lines(&packed, RECORDING_GZIP, 1, 10);
    text_puts(&packed, "{\"symbol\":\"A\"}\n");
    fill(packed.data, packed.size);
    cr_assert_eq(read_lines((struct recording_options){0}, 0, &result), 10);
    cr_assert_eq(result, RECORDING_FAILED);
    cr_assert_not_null(strstr(failure.text, "damaged at about byte"), "%s", failure.text);
    text_release(&packed);
}

/* A line that is good, and then `mib` MiB of `filler`. */
static void fill_bomb(enum recording_packing packing, const char *filler, size_t mib) {
    struct text text, packed;
    text_init(&text);
    text_init(&packed);
    put_lines(&text, 0, 1);
    cr_assert(recording_pack(packing, text.data, text.size, &packed));
    text_reset(&text);
    while (text.size < 1024 * 1024)
        text_puts(&text, filler);
    for (size_t i = 0; i < mib; i++)
        cr_assert(recording_pack(packing, text.data, text.size, &packed));
    fill(packed.data, packed.size);
    text_release(&text);
    text_release(&packed);
}

Test(recording_packed, what_grows_beyond_all_use_ends) {
    static const char *const fillers[] = {"\n", "     ", "no line\n"};
    for (int i = 0; i < 3; i++) {
        enum recording_result result;
        fill_bomb(RECORDING_ZSTD, fillers[i], 70);
        cr_assert_eq(read_lines((struct recording_options){0}, 0, &result), 1);
        cr_assert_eq(result, RECORDING_FAILED, "%d", i);
        cr_assert_not_null(strstr(failure.text, "made to do harm"), "%s", failure.text);
    }
}

Test(recording_packed, text_that_is_no_recording_is_told_by_its_kind) {
    struct text packed;
    enum recording_result result;
    text_init(&packed);
    const char array[] = "[\n{\"symbol\":\"A\"},\n{\"symbol\":\"B\"}\n]\n";
    cr_assert(recording_pack(RECORDING_GZIP, array, sizeof array - 1, &packed));
    fill(packed.data, packed.size);
    cr_assert_eq(read_lines((struct recording_options){0}, 0, &result), 0);
    cr_assert_eq(result, RECORDING_FAILED);
    cr_assert_not_null(strstr(failure.text, "a JSON array, not JSON lines"), "%s", failure.text);
    text_release(&packed);
}

/* ---- CSV ---- */

static const char *const mappings[] = {"symbol=Ticker", "timestamp=Date", "price=Close"};

static int read_csv(const char *text, size_t size, enum recording_result *result, char *payloads,
                    size_t room) {
    const struct recording_options options = {
        .pool = pool, .mappings = mappings, .mapping_count = 3, .bad_line = note_bad};
    struct recording_entry entry;
    size_t used = 0;
    int count = 0;
    fill(text, size);
    bad_lines = 0;
    payloads[0] = '\0';
    struct recording_reader *reader = recording_reader_open(path, &options, &failure);
    cr_assert_not_null(reader, "%s", failure.text);
    while ((*result = recording_reader_next(reader, &entry, &failure)) == RECORDING_ENTRY) {
        count++;
        if (used + entry.line.payload_size + 40 < room)
            used += (size_t)snprintf(payloads + used, room - used, "%llu %.*s\n",
                                     (unsigned long long)entry.number, (int)entry.line.payload_size,
                                     entry.line.payload);
        cr_assert(entry.line.is_plain);
    }
    recording_reader_close(reader);
    return count;
}

Test(recording_packed, rows_of_csv_are_plain_lines_with_their_numbers) {
    static const char text[] = "\xef\xbb\xbf Ticker;Date;Close;Note\r\n"
                               "QQQ;2024-06-17T13:30:00Z;480.5;\"a;b\"\r\n"
                               "\r\n"
                               "QQQ;1\r\n"
                               "SPY;2024-06-17;;x";
    char payloads[1000];
    enum recording_result result;
    cr_assert_eq(read_csv(text, sizeof text - 1, &result, payloads, sizeof payloads), 2);
    cr_assert_eq(result, RECORDING_END, "%s", failure.text);
    cr_assert_str_eq(
        payloads,
        "2 {\"symbol\":\"QQQ\",\"timestamp\":\"2024-06-17T13:30:00Z\",\"price\":480.5,\"Note\":"
        "\"a;b\"}\n"
        "5 {\"symbol\":\"SPY\",\"timestamp\":\"2024-06-17T00:00:00\",\"price\":null,\"Note\":"
        "\"x\"}\n");
    cr_assert_eq(bad_lines, 1u);
    cr_assert_str_eq(first_problem, "4 has another number of cells than the header");
}

Test(recording_packed, any_number_of_rows_is_read_in_order) {
    struct text text;
    enum recording_result result;
    char payloads[100];
    text_init(&text);
    text_puts(&text, "Ticker,Date,Close\n");
    for (int i = 0; i < 100000; i++)
        text_printf(&text, i % 1000 == 7 ? "bad\n" : "S%d,%d,%d\n", i % 5, 1718658930 + i, i);
    for (int i = 0; i < 3; i++) {
        struct text packed;
        text_init(&packed);
        cr_assert(recording_pack((enum recording_packing)i, text.data, text.size, &packed));
        cr_assert_eq(read_csv(packed.data, packed.size, &result, payloads, sizeof payloads), 99900);
        cr_assert_eq(result, RECORDING_END, "%s", failure.text);
        cr_assert_eq(bad_lines, 100u);
        cr_assert_str_eq(first_problem, "9 has another number of cells than the header");
        text_release(&packed);
    }
    text_release(&text);
}

Test(recording_packed, lines_of_json_are_read_as_such_with_a_mapping_too) {
    enum recording_result result;
    char payloads[100];
    cr_assert_eq(read_csv("\n{\"symbol\":\"A\"}\n", 16, &result, payloads, sizeof payloads), 1);
    cr_assert_str_eq(payloads, "2 {\"symbol\":\"A\"}\n");
    cr_assert_eq(result, RECORDING_END);
    cr_assert_eq(read_csv("\xef", 1, &result, payloads, sizeof payloads), 0);
    cr_assert_eq(result, RECORDING_FAILED, "a mark that is none");
    cr_assert_eq(read_csv("PK\x03\x04zip", 7, &result, payloads, sizeof payloads), 0);
    cr_assert_eq(result, RECORDING_FAILED);
    cr_assert_not_null(strstr(failure.text, "a zip archive"), "%s", failure.text);
}

Test(recording_packed, a_column_that_is_not_there_is_named_with_those_that_are) {
    enum recording_result result;
    char payloads[100];
    cr_assert_eq(read_csv("Ticker,Date,Last\na,1,2\n", 23, &result, payloads, sizeof payloads), 0);
    cr_assert_eq(result, RECORDING_FAILED);
    cr_assert_not_null(
        strstr(failure.text, "the CSV has no column \"Close\"; it has: Ticker, Date, Last"), "%s",
        failure.text);
}
