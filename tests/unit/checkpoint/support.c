#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void make_positions(struct positions *positions, int64_t next) {
    positions_init(positions);
    cr_assert(positions_add(positions, "bar_trends", 3, next));
    cr_assert(positions_add(positions, "ticks", 3, next));
}

void make_checkpoint(struct checkpoint *checkpoint, uint64_t number, int64_t next, size_t size) {
    char *data = malloc(size + 1);
    cr_assert_not_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 7 + number);
    checkpoint_init(checkpoint);
    checkpoint->number = number;
    checkpoint->partition = 3;
    checkpoint->taken_ms = 1700000000000 + (int64_t)number;
    checkpoint->group = strdup("group");
    make_positions(&checkpoint->positions, next);
    struct checkpoint_part *alpha = checkpoint_add_part(checkpoint, "alpha");
    alpha->has_state = true;
    alpha->state.strategy = strdup("momentum");
    alpha->state.version = strdup("1.2");
    alpha->state.state_version = 4;
    alpha->state.event_clock_ns = 123456789;
    cr_assert(state_add_record(&alpha->state, 0, 0, "AAPL", 4, data, size));
    cr_assert_not_null(checkpoint_add_part(checkpoint, "beta"));
    struct checkpoint_part *gamma = checkpoint_add_part(checkpoint, "gamma");
    gamma->has_state = true;
    gamma->state.strategy = strdup("trend");
    gamma->state.version = strdup("2");
    cr_assert(positions_add(&gamma->positions, "ticks", 3, next - 2));
    const struct state_timer timer = {.clock = T5_CLOCK_EVENT, .key = 9, .due_ns = 1000};
    cr_assert(state_add_timer(&gamma->state, &timer, "MSFT", 4));
    free(data);
}

static void expect_same_positions(const struct positions *positions,
                                  const struct positions *others) {
    cr_assert_eq(positions->count, others->count);
    for (size_t i = 0; i < positions->count; i++) {
        cr_expect_str_eq(positions->items[i].topic, others->items[i].topic);
        cr_expect_eq(positions->items[i].partition, others->items[i].partition);
        cr_expect_eq(positions->items[i].next, others->items[i].next);
    }
}

void expect_same(const struct checkpoint *checkpoint, const struct checkpoint *other) {
    cr_expect_eq(checkpoint->number, other->number);
    cr_expect_eq(checkpoint->partition, other->partition);
    cr_expect_eq(checkpoint->taken_ms, other->taken_ms);
    cr_expect_str_eq(checkpoint->group, other->group);
    expect_same_positions(&checkpoint->positions, &other->positions);
    cr_assert_eq(checkpoint->part_count, other->part_count);
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        const struct checkpoint_part *a = &checkpoint->parts[i], *b = &other->parts[i];
        struct text as, bs;
        cr_expect_str_eq(a->deployment, b->deployment);
        cr_expect_eq(a->worked_ms, b->worked_ms);
        expect_same_positions(&a->positions, &b->positions);
        cr_assert_eq(a->has_state, b->has_state);
        text_init(&as);
        text_init(&bs);
        state_encode(&a->state, &as);
        state_encode(&b->state, &bs);
        cr_assert_eq(as.size, bs.size);
        cr_expect_eq(memcmp(as.data, bs.data, as.size), 0);
        text_release(&as);
        text_release(&bs);
    }
}

char directory[64];
struct log *test_log;

void open_directory(void) {
    struct error error;
    strcpy(directory, "/tmp/take5-checkpoint-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    test_log = log_new();
    cr_assert_not_null(test_log);
    const struct log_options options = {.level = LOG_LEVEL_INFO,
                                        .format = LOG_FORMAT_CONSOLE,
                                        .color = LOG_COLOR_NEVER,
                                        .path = in_directory("log")};
    cr_assert(log_configure(test_log, &options, &error), "%s", error.text);
}

void close_directory(void) {
    char command[128];
    log_free(test_log);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    cr_assert_eq(system(command), 0);
}

const char *in_directory(const char *name) {
    static char paths[2][256];
    static int last;
    last = !last;
    snprintf(paths[last], sizeof paths[last], "%s/%s", directory, name);
    return paths[last];
}

bool is_there(const char *name) {
    struct stat status;
    return lstat(in_directory(name), &status) == 0;
}

char *read_file(const char *name, size_t *size) {
    FILE *file = fopen(in_directory(name), "r");
    cr_assert_not_null(file, "%s", name);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = calloc(1, *size + 1);
    cr_assert_not_null(bytes);
    cr_assert_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

void write_file(const char *name, const void *bytes, size_t size) {
    const char *path = in_directory(name);
    unlink(path);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", name);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
}

const char *logged(void) {
    static char *text;
    size_t size;
    free(text);
    text = read_file("log", &size);
    return text;
}

size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}
