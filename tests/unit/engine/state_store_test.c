#include "engine/state_store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];

static void open_directory(void) {
    strcpy(directory, "/tmp/take5-state-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
}

static void close_directory(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(state_store, .init = open_directory, .fini = close_directory);

static void write_one(void) {
    struct error error;
    struct stored_offset offset = {"bar_trends", 3, 42};
    struct stored_state stored = {&offset, 1, {0}};
    state_init(&stored.state);
    stored.state.strategy = strdup("good");
    stored.state.version = strdup("1.0");
    stored.state.state_version = 7;
    cr_assert(state_add_record(&stored.state, 0, 0, "AAPL", 4, "bytes", 5));
    cr_assert(state_store_write(directory, "alpha", 3, &stored, &error), "%s", error.text);
    state_release(&stored.state);
}

static void path_of(char path[128]) {
    snprintf(path, 128, "%s/instances/alpha.3.state", directory);
}

Test(state_store, what_was_written_is_read) {
    struct stored_state stored;
    struct error error;
    bool is_there;
    write_one();
    cr_assert(state_store_read(directory, "alpha", 3, &stored, &is_there, &error), "%s",
              error.text);
    cr_assert(is_there);
    cr_assert_eq(stored.offset_count, 1);
    cr_expect_str_eq(stored.offsets[0].topic, "bar_trends");
    cr_expect_eq(stored.offsets[0].partition, 3);
    cr_expect_eq(stored.offsets[0].next, 42);
    cr_expect_eq(stored.state.state_version, 7);
    cr_assert_eq(stored.state.record_count, 1);
    stored_state_release(&stored);
}

Test(state_store, missing_file_is_no_error) {
    struct stored_state stored;
    struct error error;
    bool is_there = true;
    cr_expect(state_store_read(directory, "nobody", 0, &stored, &is_there, &error));
    cr_expect_not(is_there);
}

Test(state_store, damage_at_every_byte_is_refused_and_the_file_kept) {
    char path[128], damaged[160];
    static char bytes[4096];
    write_one();
    path_of(path);
    snprintf(damaged, sizeof damaged, "%s.damaged", path);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t at = 0; at < size; at++) {
        struct stored_state stored;
        struct error error;
        bool is_there;
        bytes[at] ^= 0x20;
        file = fopen(path, "w");
        cr_assert_eq(fwrite(bytes, 1, size, file), size);
        fclose(file);
        bytes[at] ^= 0x20;
        cr_expect_not(state_store_read(directory, "alpha", 3, &stored, &is_there, &error),
                      "byte %zu", at);
        cr_expect_not_null(strstr(error.text, "kept for inspection"));
        cr_expect_eq(access(damaged, F_OK), 0);
    }
}

Test(state_store, every_truncation_is_refused) {
    char path[128];
    write_one();
    path_of(path);
    FILE *file = fopen(path, "r");
    static char bytes[4096];
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t length = 0; length < size; length++) {
        struct stored_state stored;
        struct error error;
        bool is_there;
        file = fopen(path, "w");
        cr_assert_eq(fwrite(bytes, 1, length, file), length);
        fclose(file);
        cr_expect_not(state_store_read(directory, "alpha", 3, &stored, &is_there, &error));
    }
}
