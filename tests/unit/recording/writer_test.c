#include "recording/writer.h"

#include "recording/line.h"
#include "recording/reader.h"
#include "json/lenient_bytes.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static void setup(void) {
    strcpy(path, "/tmp/take5-writer-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    unlink(path);
}

static void teardown(void) {
    unlink(path);
}

TestSuite(recording_write, .init = setup, .fini = teardown);

static struct record record_of(int32_t partition, int64_t offset, const char *payload) {
    return (struct record){.payload = payload,
                           .payload_size = payload == NULL ? 0 : strlen(payload),
                           .key = "QQQ",
                           .key_size = 3,
                           .kafka_time_ms = 1718658930000LL,
                           .offset = offset,
                           .partition = partition};
}

Test(recording_write, a_line_has_the_form_of_kcat) {
    struct text text;
    text_init(&text);
    struct record record = record_of(3, 12, "{\"a\":\"b/\\n\xc3\xa9\"}\n\x01");
    recording_line_write(&text, &record, "bar_trends");
    cr_assert_str_eq(
        text.data, "{\"topic\":\"bar_trends\",\"partition\":3,\"offset\":12,\"tstype\":\"create\","
                   "\"ts\":1718658930000,\"key\":\"QQQ\","
                   "\"payload\":\"{\\\"a\\\":\\\"b/\\\\n\xc3\xa9\\\"}\\n\\u0001\"}\n");
    text_release(&text);
}

Test(recording_write, absent_values_are_null) {
    struct text text;
    text_init(&text);
    struct record record = {.kafka_time_ms = RECORD_NO_TIME};
    recording_line_write(&text, &record, "t");
    cr_assert_str_eq(text.data, "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"tstype\":"
                                "\"unknown\",\"ts\":-1,\"key\":null,\"payload\":null}\n");
    text_release(&text);
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_next(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Random bytes; or random code points, so that both forms are met at all lengths. */
static size_t random_text(char *to, size_t most) {
    size_t size = random_next() % (most - 4), done = 0;
    bool is_text = random_next() % 2 == 0;
    while (done < size) {
        uint32_t point = (uint32_t)(random_next() % (random_next() % 2 ? 0x80 : 0x110000));
        if (!is_text) {
            to[done++] = (char)random_next();
        } else if (point < 0x80) {
            to[done++] = (char)point;
        } else if (point < 0x800) {
            to[done++] = (char)(0xc0 | point >> 6);
            to[done++] = (char)(0x80 | (point & 63));
        } else if (point < 0x10000 && (point < 0xd800 || point > 0xdfff)) {
            to[done++] = (char)(0xe0 | point >> 12);
            to[done++] = (char)(0x80 | (point >> 6 & 63));
            to[done++] = (char)(0x80 | (point & 63));
        } else if (point >= 0x10000) {
            to[done++] = (char)(0xf0 | point >> 18);
            to[done++] = (char)(0x80 | (point >> 12 & 63));
            to[done++] = (char)(0x80 | (point >> 6 & 63));
            to[done++] = (char)(0x80 | (point & 63));
        }
    }
    return done;
}

Test(recording_write, any_bytes_come_back_and_any_line_is_json) {
    size_t strings = 0;
    for (int i = 0; i < 20000; i++) {
        char key[64], payload[3000];
        struct record record = {
            .payload = payload,
            .payload_size = random_text(payload, i % 20 == 0 ? sizeof payload : 80),
            .key = i % 7 == 0 ? NULL : key,
            .key_size = i % 7 == 0 ? 0 : random_text(key, sizeof key),
            .kafka_time_ms = i % 5 == 0 ? RECORD_NO_TIME : (int64_t)(random_next() >> 30),
            .offset = (int64_t)(random_next() >> 1) - 1,
            .partition = (int32_t)(random_next() >> 33)};
        if (record.offset < 0)
            record.offset = 0;
        struct text text;
        text_init(&text);
        recording_line_write(&text, &record, "some \"topic\"");
        size_t size = text.size - 1;
        cr_assert_eq(text.data[size], '\n');
        cr_assert_null(memchr(text.data, '\n', size));
        cJSON *json = cJSON_ParseWithLength(text.data, size);
        cr_assert_not_null(json);
        strings += cJSON_HasObjectItem(json, "payload") ? 1 : 0;
        cJSON_Delete(json);

        for (int j = 0; j < LENIENT_SLACK; j++)
            text_putc(&text, '"');
        char *scratch = malloc(recording_line_scratch(size));
        struct recording_line line;
        size_t used;
        const char *problem = recording_line_scan(text.data, size, scratch, &used, &line);
        cr_assert_null(problem, "%s: %s", problem, text.data);
        cr_assert(line.payload_size == record.payload_size &&
                  memcmp(line.payload, payload, record.payload_size) == 0);
        cr_assert((line.key == NULL) == (record.key == NULL) && line.key_size == record.key_size &&
                  (line.key == NULL || memcmp(line.key, key, record.key_size) == 0));
        cr_assert(line.offset == record.offset && line.partition == record.partition &&
                  line.time_ms == record.kafka_time_ms);
        cr_assert(line.topic_size == 12 && memcmp(line.topic, "some \"topic\"", 12) == 0);
        free(scratch);
        text_release(&text);
    }
    cr_assert(strings > 5000 && strings < 19000, "%zu", strings);
}

static struct recording_writer *open_writer(enum recording_mode mode,
                                            struct recording_positions *positions) {
    struct error error = {0};
    struct recording_writer *writer = recording_writer_open(path, mode, positions, &error);
    cr_assert_not_null(writer, "%s", error.text);
    return writer;
}

static void add(struct recording_writer *writer, const char *topic, int32_t partition,
                int64_t offset) {
    struct error error = {0};
    struct record record = record_of(partition, offset, "{\"symbol\":\"QQQ\"}");
    cr_assert(recording_writer_add(writer, &record, topic, &error), "%s", error.text);
}

static void close_writer(struct recording_writer *writer) {
    struct error error = {0};
    cr_assert(recording_writer_close(writer, &error), "%s", error.text);
}

static char *file_text(void) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    struct text text;
    text_init(&text);
    char piece[4096];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        text_append(&text, piece, got);
    fclose(file);
    return text_take(&text);
}

static void append_text(const char *text) {
    FILE *file = fopen(path, "a");
    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

Test(recording_write, resuming_tells_the_next_offsets_and_goes_on) {
    struct recording_positions positions = RECORDING_POSITIONS_INIT;
    struct recording_writer *writer = open_writer(RECORDING_RESUME, &positions);
    cr_assert_eq(positions.count, 0);
    for (int64_t i = 0; i < 3000; i++)
        add(writer, i % 3 == 0 ? "a" : "ab", (int32_t)(i % 2), i);
    close_writer(writer);

    writer = open_writer(RECORDING_RESUME, &positions);
    cr_assert_eq(positions.count, 4);
    cr_assert_eq(recording_positions_find(&positions, "a", 0), 2995);
    cr_assert_eq(recording_positions_find(&positions, "a", 1), 2998);
    cr_assert_eq(recording_positions_find(&positions, "ab", 1), 3000);
    cr_assert_eq(recording_positions_find(&positions, "ab", 2), -1);
    add(writer, "a", 0, 2995);
    close_writer(writer);
    recording_positions_release(&positions);

    writer = open_writer(RECORDING_RESUME, &positions);
    cr_assert_eq(recording_positions_find(&positions, "a", 0), 2996);
    close_writer(writer);
    recording_positions_release(&positions);
}

/* At every byte at which a crash may cut the file: whole lines stay, the rest goes. */
Test(recording_write, a_torn_last_line_is_cut_off_wherever_it_is_torn) {
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    add(writer, "t", 0, 5);
    add(writer, "t", 0, 6);
    close_writer(writer);
    char *whole = file_text();
    size_t size = strlen(whole), line = size / 2;
    for (size_t cut = 0; cut <= size; cut++) {
        cr_assert_eq(truncate(path, 0), 0);
        char kept = whole[cut];
        whole[cut] = '\0';
        append_text(whole);
        whole[cut] = kept;
        struct recording_positions positions = RECORDING_POSITIONS_INIT;
        writer = open_writer(RECORDING_RESUME, &positions);
        int64_t next = cut < line ? -1 : cut < size ? 6 : 7;
        cr_assert_eq(recording_positions_find(&positions, "t", 0), next, "cut at %zu", cut);
        for (int64_t offset = next < 0 ? 5 : next; offset < 7; offset++)
            add(writer, "t", 0, offset);
        close_writer(writer);
        recording_positions_release(&positions);
        char *now = file_text();
        cr_assert_str_eq(now, whole, "cut at %zu", cut);
        free(now);
    }
    free(whole);
}

Test(recording_write, a_torn_line_longer_than_the_tail_that_is_looked_at_is_cut_off) {
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    add(writer, "t", 0, 0);
    close_writer(writer);
    char *whole = file_text();
    append_text("{\"topic\":\"t\",\"payload\":\"");
    for (int i = 0; i < 2000; i++)
        append_text("0123456789");
    struct recording_positions positions = RECORDING_POSITIONS_INIT;
    close_writer(open_writer(RECORDING_RESUME, &positions));
    recording_positions_release(&positions);
    char *now = file_text();
    cr_assert_str_eq(now, whole);
    free(now);
    free(whole);
}

Test(recording_write, a_file_that_is_no_recording_is_refused_and_left_as_it_is) {
    static const char *const texts[] = {"{\"symbol\":\"QQQ\"}\n", "hello\n",
                                        "{\"topic\":\"t\",\"payload\":\"x\"}\ntorn",
                                        "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"payl\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        append_text(texts[i]);
        struct recording_positions positions = RECORDING_POSITIONS_INIT;
        struct error error = {0};
        cr_assert_null(recording_writer_open(path, RECORDING_RESUME, &positions, &error));
        cr_assert(error.code == ERROR_INVALID && strstr(error.text, ":1: ") != NULL, "%s",
                  error.text);
        recording_positions_release(&positions);
        char *now = file_text();
        cr_assert_str_eq(now, texts[i]);
        free(now);
        unlink(path);
    }
}

Test(recording_write, a_new_recording_takes_no_file_that_is_there) {
    append_text("precious");
    struct error error = {0};
    cr_assert_null(recording_writer_open(path, RECORDING_CREATE, NULL, &error));
    cr_assert_not_null(strstr(error.text, "already exists"), "%s", error.text);
    char *now = file_text();
    cr_assert_str_eq(now, "precious");
    free(now);
}

Test(recording_write, two_writers_of_one_file_are_refused) {
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    struct recording_positions positions = RECORDING_POSITIONS_INIT;
    struct error error = {0};
    cr_assert_null(recording_writer_open(path, RECORDING_RESUME, &positions, &error));
    cr_assert(error.code == ERROR_STATE, "%s", error.text);
    close_writer(writer);
}

Test(recording_write, a_device_is_written_to) {
    struct error error = {0};
    struct recording_writer *writer =
        recording_writer_open("/dev/null", RECORDING_CREATE, NULL, &error);
    cr_assert_not_null(writer, "%s", error.text);
    add(writer, "t", 0, 0);
    close_writer(writer);
}

static void flush(struct recording_writer *writer) {
    struct error error = {0};
    cr_assert(recording_writer_flush(writer, &error), "%s", error.text);
}

/* The offsets that the file has, "5,6,". */
static const char *offsets(void) {
    static char list[64];
    char *now = file_text();
    size_t size = 0;
    for (const char *at = now; (at = strstr(at, "\"offset\":")) != NULL; at++)
        size += (size_t)snprintf(list + size, sizeof list - size, "%d,", atoi(at + 9));
    list[size] = '\0';
    free(now);
    return list;
}

Test(recording_write, a_file_that_was_removed_is_opened_anew) {
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    add(writer, "t", 0, 5);
    flush(writer);
    cr_assert_eq(recording_writer_reopened(writer), 0u);
    add(writer, "t", 0, 6);
    cr_assert_eq(unlink(path), 0);
    flush(writer);
    cr_assert_eq(recording_writer_reopened(writer), 1u);
    cr_assert_str_eq(offsets(), "6,");
    cr_assert_eq(unlink(path), 0);
    flush(writer);
    cr_assert_eq(recording_writer_reopened(writer), 2u, "also when there is nothing to write");
    add(writer, "t", 0, 7);
    cr_assert_eq(unlink(path), 0);
    close_writer(writer);
    cr_assert_str_eq(offsets(), "7,");
}

Test(recording_write, a_file_that_was_moved_has_what_was_written) {
    char moved[80];
    snprintf(moved, sizeof moved, "%s.1", path);
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    add(writer, "t", 0, 5);
    cr_assert_eq(rename(path, moved), 0);
    flush(writer);
    add(writer, "t", 0, 6);
    close_writer(writer);
    cr_assert_str_eq(offsets(), "6,");
    cr_assert_eq(rename(moved, path), 0);
    cr_assert_str_eq(offsets(), "5,");
}

Test(recording_write, what_cannot_be_opened_anew_fails_and_loses_nothing) {
    struct error error = {0};
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    add(writer, "t", 0, 5);
    cr_assert_eq(unlink(path), 0);
    append_text("notes of mine\n");
    cr_assert_not(recording_writer_flush(writer, &error));
    cr_assert_eq(error.code, ERROR_INVALID, "%s", error.text);
    char *now = file_text();
    cr_assert_str_eq(now, "notes of mine\n");
    free(now);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_not(recording_writer_flush(writer, &error));
    cr_assert_eq(rmdir(path), 0);
    close_writer(writer);
    cr_assert_str_eq(offsets(), "5,");
}

Test(recording_write, after_a_full_disk_it_goes_on_where_it_stopped) {
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    struct error error = {0};
    int64_t offset = 0;
    bool did_fail = false;
    for (; offset < 3000; offset++) {
        struct record record = record_of(0, offset, "{\"symbol\":\"QQQ\"}");
        if (!recording_writer_add(writer, &record, "t", &error)) {
            did_fail = true;
            offset++; /* it was taken */
            break;
        }
    }
    cr_assert(did_fail && error.code == ERROR_SYSTEM, "%s", error.text);
    struct stat status;
    cr_assert(stat(path, &status) == 0 && status.st_size == 100000);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (; offset < 3000; offset++)
        add(writer, "t", 0, offset);
    close_writer(writer);

    struct recording_pool *pool = recording_pool_new();
    struct recording_options options = {.pool = pool, .is_strict = true};
    struct recording_reader *reader = recording_reader_open(path, &options, &error);
    struct recording_entry entry;
    for (int64_t i = 0; i < 3000; i++) {
        cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_ENTRY);
        cr_assert_eq(entry.line.offset, i);
    }
    cr_assert_eq(recording_reader_next(reader, &entry, &error), RECORDING_END);
    recording_reader_close(reader);
    recording_pool_free(pool);
}

/* ---- packed ---- */

/* The path with that ending, for the rest of the test. */
static void end_path_with(const char *ending) {
    unlink(path);
    strcat(path, ending);
}

/* Offsets of topic t from 0 on, as far as they go without a gap. */
static int64_t count_recorded(void) {
    struct error error = {0};
    struct recording_pool *pool = recording_pool_new();
    struct recording_options options = {.pool = pool, .is_strict = true};
    struct recording_reader *reader = recording_reader_open(path, &options, &error);
    struct recording_entry entry;
    int64_t count = 0;
    cr_assert_not_null(reader, "%s", error.text);
    enum recording_result result;
    while ((result = recording_reader_next(reader, &entry, &error)) == RECORDING_ENTRY)
        cr_assert_eq(entry.line.offset, count++);
    cr_assert_eq(result, RECORDING_END, "%s", error.text);
    recording_reader_close(reader);
    recording_pool_free(pool);
    return count;
}

Test(recording_write, a_packed_file_is_resumed_and_each_flush_can_be_read) {
    static const char *const endings[] = {".gz", ".zst"};
    for (int i = 0; i < 2; i++) {
        struct recording_positions positions = RECORDING_POSITIONS_INIT;
        path[strcspn(path, ".")] = '\0';
        end_path_with(endings[i]);
        struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
        for (int64_t offset = 0; offset < 100; offset++)
            add(writer, "t", 0, offset);
        flush(writer);
        cr_assert_eq(count_recorded(), 100, "%s", endings[i]);
        add(writer, "t", 0, 100);
        close_writer(writer);
        cr_assert_eq(count_recorded(), 101);

        writer = open_writer(RECORDING_RESUME, &positions);
        cr_assert_eq(recording_positions_find(&positions, "t", 0), 101);
        recording_positions_release(&positions);
        add(writer, "t", 0, 101);
        close_writer(writer);
        cr_assert_eq(count_recorded(), 102);
    }
}

Test(recording_write, a_torn_frame_is_cut_off_wherever_it_is_torn) {
    end_path_with(".zst");
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    struct stat status;
    add(writer, "t", 0, 0);
    flush(writer);
    cr_assert_eq(stat(path, &status), 0);
    const off_t whole = status.st_size;
    add(writer, "t", 0, 1);
    close_writer(writer);
    cr_assert_eq(stat(path, &status), 0);
    for (off_t size = status.st_size - 1; size > whole; size--) {
        struct recording_positions positions = RECORDING_POSITIONS_INIT;
        cr_assert_eq(truncate(path, size), 0);
        writer = open_writer(RECORDING_RESUME, &positions);
        cr_assert_eq(recording_positions_find(&positions, "t", 0), 1, "cut at %lld",
                     (long long)size);
        recording_positions_release(&positions);
        add(writer, "t", 0, 1);
        close_writer(writer);
        cr_assert_eq(count_recorded(), 2);
    }
}

Test(recording_write, a_file_that_is_packed_otherwise_than_its_name_says_is_refused) {
    struct error error = {0};
    struct recording_positions positions = RECORDING_POSITIONS_INIT;
    char plain[sizeof path];
    struct recording_writer *writer = open_writer(RECORDING_CREATE, NULL);
    add(writer, "t", 0, 0);
    close_writer(writer);
    strcpy(plain, path);
    strcat(path, ".gz");
    cr_assert_eq(rename(plain, path), 0);
    cr_assert_null(recording_writer_open(path, RECORDING_RESUME, &positions, &error));
    cr_assert_not_null(strstr(error.text, "has plain text, and its name is one of gzip data"), "%s",
                       error.text);
    unlink(path);
    writer = open_writer(RECORDING_CREATE, NULL);
    add(writer, "t", 0, 0);
    close_writer(writer);
    cr_assert_eq(rename(path, plain), 0);
    cr_assert_null(recording_writer_open(plain, RECORDING_RESUME, &positions, &error));
    cr_assert_not_null(strstr(error.text, "has gzip data, and its name is one of plain text"), "%s",
                       error.text);
    unlink(plain);
}
