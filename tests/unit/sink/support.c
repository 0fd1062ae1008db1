#include "support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

size_t tally_count(struct tally *tally) {
    pthread_mutex_lock(&tally->mutex);
    size_t count = tally->count;
    pthread_mutex_unlock(&tally->mutex);
    return count;
}

static void tally_add(struct delivery *delivery) {
    struct tally *tally = delivery->owner;
    pthread_mutex_lock(&tally->mutex);
    if (tally->count < sizeof tally->words / sizeof tally->words[0])
        tally->words[tally->count] = delivery->owner_word;
    tally->count++;
    pthread_mutex_unlock(&tally->mutex);
}

struct delivery *signal_make(struct tally *tally, uint64_t n, size_t size) {
    char *value = malloc(size + 64);
    int length = sprintf(value, "{\"n\":%llu,\"pad\":\"", (unsigned long long)n);
    if (size > 0)
        memset(value + length, 'x', size);
    strcpy(value + length + size, "\"}");
    char id[64];
    sprintf(id, "momentum/bar_trends/0/%llu/0", (unsigned long long)n);
    struct delivery_header headers[] = {{"take5-signal-id", id, strlen(id)}};
    const struct delivery_text text = {value, strlen(value), headers, 1};
    struct delivery *delivery = delivery_new(&(struct delivery){
        .kind = DELIVERY_SIGNAL,
        .unconfirmed = 1,
        .key = "AAPL",
        .key_size = 4,
        .time_ms = 1718658930000 + (int64_t)n,
        .text = &text,
        .deployment = "momentum",
        .done = tally_add,
        .owner = tally,
        .owner_word = n,
    });
    free(value);
    return delivery;
}

const t5_named_value typed_values[] = {
    {{"close", 5}, {.type = T5_VALUE_NUMBER, .number = 480.25}},
    {{"mean", 4}, {.type = T5_VALUE_NUMBER, .number = 0.1 + 0.2}},
    {{"count", 5}, {.type = T5_VALUE_INTEGER, .number = 9e18, .integer = INT64_MAX}},
    {{"is_above", 8}, {.type = T5_VALUE_BOOLEAN, .number = 1, .integer = 1}},
    {{"why", 3}, {.type = T5_VALUE_TEXT, .text = "a \"b\"\n", .length = 6}},
    {{"nothing", 7}, {.type = T5_VALUE_NULL}},
};

struct signal signal_like(uint64_t n) {
    return (struct signal){
        .name = t5_text("momentum_up"),
        .symbol = t5_text("AAPL"),
        .deployment = t5_text("fast"),
        .strategy = t5_text("momentum"),
        .version = t5_text("1.2.3"),
        .origin = t5_text("fresh"),
        .topic = t5_text("bar_trends"),
        .partition = 3,
        .offset = (int64_t)n,
        .ordinal = 1,
        .event_time_ns = 1718658930123000000,
        .value = 1.5,
        .confidence = 0.75,
        .price = 480.25,
        .time_frame_s = 60,
        .value_count = sizeof typed_values / sizeof *typed_values,
        .named = typed_values,
    };
}

struct delivery *typed_make(struct tally *tally, uint64_t n, uint32_t sinks) {
    const struct signal signal = signal_like(n);
    return delivery_new(&(struct delivery){.kind = DELIVERY_SIGNAL,
                                           .unconfirmed = sinks,
                                           .signal = &signal,
                                           .done = tally_add,
                                           .owner = tally,
                                           .owner_word = n});
}

struct delivery *dead_letter_make(struct tally *tally, uint64_t n, const char *key, size_t key_size,
                                  const char *value, size_t value_size) {
    char offset[32];
    sprintf(offset, "%llu", (unsigned long long)n);
    struct delivery_header headers[] = {
        {"trace", "abc", 3},
        {"raw", "\xff\x00\x01", 3},
        {"nothing", NULL, 0},
        {"__take5.errors.reason", "not-json", 8},
        {"__take5.errors.message", "byte 3: \"quoted\"", 16},
        {"__take5.errors.strategy", NULL, 0},
        {"__take5.errors.topic", "bar_trends", 10},
        {"__take5.errors.partition", "3", 1},
        {"__take5.errors.offset", offset, strlen(offset)},
    };
    const struct delivery_text text = {value, value_size, headers,
                                       sizeof headers / sizeof headers[0]};
    return delivery_new(&(struct delivery){
        .kind = DELIVERY_DEAD_LETTER,
        .unconfirmed = 1,
        .key = key,
        .key_size = key_size,
        .time_ms = 1718658930000,
        .text = &text,
        .done = tally_add,
        .owner = tally,
        .owner_word = n,
    });
}

void push(struct sink *sink, struct delivery *delivery) {
    cr_assert_not_null(delivery);
    cr_assert(sink->ops->push(sink, delivery));
    delivery_release(delivery);
}

void push_signals(struct sink *sink, struct tally *tally, uint64_t from, uint64_t to, size_t size) {
    for (uint64_t n = from; n < to; n++)
        push(sink, signal_make(tally, n, size));
}

struct sink_status status_of(struct sink *sink) {
    struct sink_status status = {0};
    sink->ops->status(sink, &status);
    return status;
}

void await_ok(struct sink *sink, bool is_ok) {
    for (int i = 0; i < HANG_MS / 5; i++) {
        if (status_of(sink).is_ok == is_ok)
            return;
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    cr_assert_fail("the sink never became %s: \"%s\"", is_ok ? "ok" : "failing",
                   status_of(sink).detail);
}

char *file_text(const char *path) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(size + 1);
    cr_assert_eq(fread(text, 1, size, file), size);
    text[size] = '\0';
    fclose(file);
    return text;
}

static char directory[64];
static pid_t directory_owner;

static void scratch_remove(void) {
    if (directory_owner != getpid())
        return;
    DIR *list = opendir(directory);
    for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list)) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    if (list)
        closedir(list);
    rmdir(directory);
}

const char *scratch(void) {
    if (!directory[0]) {
        strcpy(directory, "/tmp/take5-sink-XXXXXX");
        cr_assert_not_null(mkdtemp(directory));
        directory_owner = getpid();
        atexit(scratch_remove);
    }
    return directory;
}

const char *scratch_path(const char *name) {
    static char paths[2][128];
    static int next;
    next = !next;
    snprintf(paths[next], sizeof paths[next], "%s/%s", scratch(), name);
    return paths[next];
}

void check_lines(const char *text, uint64_t from, uint64_t to) {
    for (uint64_t n = from; n < to; n++) {
        char begin[64];
        int length = sprintf(begin, "{\"n\":%llu,", (unsigned long long)n);
        cr_assert(strncmp(text, begin, (size_t)length) == 0, "line %llu is \"%.60s\"",
                  (unsigned long long)n, text);
        const char *end = strchr(text, '\n');
        cr_assert_not_null(end, "line %llu has no end", (unsigned long long)n);
        cr_assert(end[-1] == '}' && end[-2] == '"', "line %llu is torn", (unsigned long long)n);
        text = end + 1;
    }
    cr_assert_eq(*text, '\0', "more than expected: \"%.60s\"", text);
}

void check_leaks(void) {
#if defined(__SANITIZE_ADDRESS__)
    cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "memory was lost");
#endif
}
