#include "strategy/strategy_file.h"

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
    struct catalog catalog;
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
    struct catalog catalog;
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
    cr_assert_not_null(strstr(said, "/c.so: no strategy: it has no take5 note"));
    cr_assert_not_null(strstr(said, "/d.so: not an ELF file"));
    cr_assert_not_null(strstr(said, "/e.so: mode 0666 lets everybody write"));
    catalog_release(&catalog);
    free(said);
}

Test(catalog, two_files_with_one_name_are_both_left_out) {
    struct catalog catalog;
    bool is_good;
    drop("good_v1", "a.so");
    drop("no_save", "b.so");
    drop("good_v2", "c.so");
    char *said = scan(&catalog, &is_good);
    cr_assert(is_good);
    cr_assert_eq(catalog.count, 1);
    cr_assert_str_eq(catalog.files[0].name, "no_save");
    char *text =
        text_format("%s (version 1.0.0) and %s (version 2.0.0) are both strategy good: take "
                    "one away\n",
                    drop_path("a.so"), drop_path("c.so"));
    cr_assert_str_eq(said, text);
    catalog_release(&catalog);
    free(said);
    free(text);
}

Test(catalog, directory_that_everybody_may_write_is_refused) {
    struct catalog catalog;
    bool is_good;
    drop("good_v1", "a.so");
    cr_assert_eq(chmod(drop_directory(), 0777), 0);
    char *said = scan(&catalog, &is_good);
    cr_assert_not(is_good);
    cr_assert_eq(catalog.count, 0);
    cr_assert_not_null(strstr(said, "/drop: mode 0777 lets everybody write"));
    free(said);
}

Test(catalog, without_strict_modes_everything_is_taken) {
    struct catalog catalog;
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
    struct catalog catalog;
    struct faults faults = FAULTS_INIT;
    cr_assert_not(catalog_scan("/no/such/directory", false, (gid_t)-1, &catalog, &faults));
    char *said = take_faults(&faults);
    cr_assert_str_eq(said, "/no/such/directory: the directory cannot be read: No such file or "
                           "directory\n");
    free(said);
}

Test(catalog, empty_directory_is_an_empty_catalog) {
    struct catalog catalog;
    bool is_good;
    char *said = scan(&catalog, &is_good);
    cr_assert(is_good);
    cr_assert_eq(catalog.count, 0);
    cr_assert_null(catalog_find(&catalog, "good"));
    catalog_release(&catalog);
    free(said);
}
