#include "strategy/plugin/strategy_file.h"

#include "support.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *drop_directory(void) {
    const char *path = scratch_path("drop");
    (void)mkdir(path, 0755);
    return path;
}

static const char *drop_path(const char *name) {
    char *inside = text_format("drop/%s", name);
    const char *path = scratch_path(inside);
    free(inside);
    return path;
}

static void drop(const char *plugin, const char *name) {
    size_t size;
    char *bytes = read_file(plugin_path(plugin), &size);
    cr_assert_not_null(bytes);
    (void)drop_directory();
    write_file(drop_path(name), bytes, size);
    free(bytes);
}

static char *scan(struct catalog *catalog, bool *is_good) {
    struct faults faults = FAULTS_INIT;
    *is_good = catalog_scan(drop_directory(), true, (gid_t)-1, catalog, &faults);
    return take_faults(&faults);
}

Test(catalog, holds_the_strategies_in_order_of_their_files) {
    struct catalog catalog = {0};
    bool is_good;
    drop("no_save", "b.so");
    drop("good_v1", "a.so");
    drop("recorder", ".hidden.so");
    drop("recorder", "recorder.so.tmp");
    char *said = scan(&catalog, &is_good);
    cr_assert(is_good);
    cr_assert_str_eq(said, "");
    cr_assert_eq(catalog.count, 2);
    cr_assert_str_eq(catalog.files[0].name, "good");
    cr_assert_str_eq(catalog.files[1].name, "no_save");
    cr_assert_eq(catalog_find(&catalog, "no_save"), &catalog.files[1]);
    cr_assert_null(catalog_find(&catalog, "recorder"));
    catalog_release(&catalog);
    free(said);
}

Test(catalog, bad_files_are_faults_and_the_others_are_there) {
    struct catalog catalog = {0};
    bool is_good;
    drop("good_v1", "a.so");
    drop("newer_minor", "b.so");
    drop("no_descriptor", "c.so");
    write_file(drop_path("d.so"), "text", 4);
    drop("no_save", "e.so");
    cr_assert_eq(chmod(drop_path("e.so"), 0666), 0);
    char *said = scan(&catalog, &is_good);
    cr_assert(is_good);
    cr_assert_eq(catalog.count, 1);
    cr_assert_not_null(strstr(said, "/b.so: newer_minor 1.0.0 requires ABI 1.99"));
    cr_assert_not_null(strstr(said, "/c.so: not a strategy: it has no take5 note"));
    cr_assert_not_null(strstr(said, "/d.so: not an ELF file"));
    cr_assert_not_null(strstr(said, "/e.so: mode 0666 lets everyone write"));
    catalog_release(&catalog);
    free(said);
}

Test(catalog, two_files_with_one_name_are_both_left_out) {
    struct catalog catalog = {0};
    bool is_good;
    drop("good_v1", "a.so");
    drop("no_save", "b.so");
    drop("good_v2", "c.so");
    char *said = scan(&catalog, &is_good);
    cr_assert(is_good);
    cr_assert_eq(catalog.count, 1);
    cr_assert_str_eq(catalog.files[0].name, "no_save");
    char *text =
        text_format("%s (version 1.0.0) and %s (version 2.0.0) are both strategy good: remove "
                    "one\n",
                    drop_path("a.so"), drop_path("c.so"));
    cr_assert_str_eq(said, text);
    catalog_release(&catalog);
    free(said);
    free(text);
}

Test(catalog, directory_that_everybody_may_write_is_refused) {
    struct catalog catalog = {0};
    bool is_good;
    drop("good_v1", "a.so");
    cr_assert_eq(chmod(drop_directory(), 0777), 0);
    char *said = scan(&catalog, &is_good);
    cr_assert_not(is_good);
    cr_assert_eq(catalog.count, 0);
    cr_assert_not_null(strstr(said, "/drop: mode 0777 lets everyone write"));
    free(said);
}

Test(catalog, without_strict_modes_everything_is_taken) {
    struct catalog catalog = {0};
    struct faults faults = FAULTS_INIT;
    drop("good_v1", "a.so");
    cr_assert_eq(chmod(drop_directory(), 0777), 0);
    cr_assert_eq(chmod(drop_path("a.so"), 0666), 0);
    cr_assert(catalog_scan(drop_directory(), false, (gid_t)-1, &catalog, &faults));
    cr_assert_eq(catalog.count, 1);
    cr_assert_eq(faults.count, 0);
    catalog_release(&catalog);
}

Test(catalog, missing_directory_is_a_fault) {
    struct catalog catalog = {0};
    struct faults faults = FAULTS_INIT;
    cr_assert_not(catalog_scan("/no/such/directory", false, (gid_t)-1, &catalog, &faults));
    char *said = take_faults(&faults);
    cr_assert_str_eq(said, "cannot read directory /no/such/directory: No such file or "
                           "directory\n");
    free(said);
}

Test(catalog, empty_directory_is_an_empty_catalog) {
    struct catalog catalog = {0};
    bool is_good;
    char *said = scan(&catalog, &is_good);
    cr_assert(is_good);
    cr_assert_eq(catalog.count, 0);
    cr_assert_null(catalog_find(&catalog, "good"));
    catalog_release(&catalog);
    free(said);
}

Test(catalog, files_that_nobody_asks_for_are_not_looked_at) {
    char *const only[] = {"b.so", "absent.so", NULL};
    struct catalog catalog = {.only = only};
    bool is_good;
    drop("good_v1", "a.so");
    drop("good_v1", "b.so"); /* two with one name would both be left out */
    write_file(drop_path("c.so"), "text", 4);
    char *said = scan(&catalog, &is_good);
    cr_assert(is_good);
    cr_assert_str_eq(said, "");
    cr_assert_eq(catalog.count, 1);
    cr_assert_not_null(strstr(catalog.files[0].path, "/b.so"));
    catalog_release(&catalog);
    free(said);
}

static void drop_library(const char *name) {
    char *path = text_format("libraries/v1/%s", name);
    char *file = text_format("%s.so", name);
    drop(path, file);
    free(path);
    free(file);
}

Test(catalog, libraries_of_a_strategy_are_no_faults_but_stray_ones_are) {
    struct catalog catalog = {0};
    bool is_good;
    drop("needs_library", "a.so");
    drop_library("libt5helper");
    drop_library("libt5deep");
    char *said = scan(&catalog, &is_good);
    cr_assert_str_eq(said, "");
    cr_assert_eq(catalog.count, 1);
    cr_assert_eq(catalog.files[0].library_count, 2);
    catalog_release(&catalog);
    free(said);
    cr_assert_eq(unlink(drop_path("a.so")), 0);
    said = scan(&catalog, &is_good);
    cr_assert_not_null(strstr(said, "libt5deep.so: not a strategy"), "%s", said);
    cr_assert_eq(catalog.count, 0);
    catalog_release(&catalog);
    free(said);
}

Test(catalog, library_that_others_may_write_refuses_its_strategy) {
    struct catalog catalog = {0};
    bool is_good;
    drop("needs_library", "a.so");
    drop_library("libt5helper");
    drop_library("libt5deep");
    cr_assert_eq(chmod(drop_path("libt5deep.so"), 0666), 0);
    char *said = scan(&catalog, &is_good);
    cr_assert_eq(catalog.count, 0);
    cr_assert_not_null(strstr(said, "a.so: needs "), "%s", said);
    cr_assert_not_null(strstr(said, "libt5deep.so: mode 0666"), "%s", said);
    catalog_release(&catalog);
    free(said);
}

Test(catalog, library_that_is_half_there_refuses_its_strategy) {
    struct catalog catalog = {0};
    bool is_good;
    drop("needs_library", "a.so");
    drop_library("libt5helper");
    drop_library("libt5deep");
    cr_assert_eq(truncate(drop_path("libt5deep.so"), 5000), 0);
    char *said = scan(&catalog, &is_good);
    cr_assert_eq(catalog.count, 0);
    cr_assert_not_null(strstr(said, "incomplete copy"), "%s", said);
    cr_assert_not_null(strstr(said, "a.so: needs "), "%s", said);
    catalog_release(&catalog);
    free(said);
}

/* ---- a second directory ---- */

static char *scan_bundled(const char *name, struct catalog *catalog) {
    struct faults faults = FAULTS_INIT;
    char *bundled = strdup(scratch_path(name));
    catalog->bundled = bundled;
    cr_assert(catalog_scan(drop_directory(), true, (gid_t)-1, catalog, &faults));
    catalog->bundled = NULL;
    free(bundled);
    return take_faults(&faults);
}

static void bundle(const char *plugin, const char *name) {
    size_t size;
    char *bytes = read_file(plugin_path(plugin), &size);
    char *inside = text_format("bundled/%s", name);
    (void)mkdir(scratch_path("bundled"), 0755);
    write_file(scratch_path(inside), bytes, size);
    free(inside);
    free(bytes);
}

Test(catalog, the_bundled_directory_has_what_the_first_one_lacks) {
    struct catalog catalog = {0};
    drop("good_v2", "mine.so");
    bundle("good_v1", "good.so");
    bundle("recorder", "recorder.so");
    char *said = scan_bundled("bundled", &catalog);
    cr_assert_str_eq(said, "");
    cr_assert_eq(catalog.count, 2);
    cr_assert_not_null(strstr(catalog_find(&catalog, "good")->path, "/drop/mine.so"));
    cr_assert_not_null(strstr(catalog_find(&catalog, "recorder")->path, "/bundled/recorder.so"));
    catalog_release(&catalog);
    free(said);
}

Test(catalog, without_a_bundled_directory_the_first_one_counts) {
    struct catalog catalog = {0};
    drop("good_v1", "mine.so");
    char *said = scan_bundled("not_there", &catalog);
    cr_assert_not_null(strstr(said, "cannot read directory"));
    cr_assert_eq(catalog.count, 1);
    catalog_release(&catalog);
    free(said);
}
