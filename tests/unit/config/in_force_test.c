#include "fixture.h"

#include "config/in_force.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(in_force, .init = begin, .fini = end);

/* From a file of that name in the folder; NULL with faults. */
static struct config *load_in_force(const char *name, struct faults *faults) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s", fixture_path(&fixture, name));
    const struct config_request request = {
        .path = fixture.path, .in_force = path, .is_trusting_nobody = true};
    return config_load(&request, faults);
}

static void write_in_force(const char *name) {
    struct error error;
    cr_assert(in_force_write(fixture.config, fixture_path(&fixture, name), &error), "%s",
              error.text);
}

Test(in_force, what_was_written_stands_for_files_that_changed_since) {
    struct faults faults = FAULTS_INIT;
    fixture_write(&fixture, "take5.ini", "\xEF\xBB\xBF[take5]\r\nlanes = 2\r\nstate_dir = state");
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:alpha]\nspan = 5m\n");
    fixture_write(&fixture, "strategies.d/empty.ini", "");
    fixture_write(&fixture, "take5.d/b.ini", "[strategy:alpha]\nspan = 7m\n[take5]\nlanes = 3\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    char *before = fixture_print(fixture.config);
    write_in_force("kept");
    fixture_write(&fixture, "take5.ini", "no ini file any more");
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:beta]\n");
    fixture_write(&fixture, "take5.d/c.ini", "[take5]\nlanes = 4\n");
    cr_assert_eq(chmod(fixture.path, 0666), 0); /* and others may write it now */

    struct config *config = load_in_force("kept", &faults);
    cr_assert_not_null(config);
    cr_expect_eq(faults.count, 0);
    char *after = fixture_print(config);
    cr_expect_str_eq(after, before); /* with the files and lines of the origins */
    cr_expect_str_eq(config->path, fixture.config->path);
    free(after);
    free(before);
    config_free(config);
    faults_release(&faults);
}

Test(in_force, it_belongs_to_this_user_alone) {
    struct stat status;
    fixture_write(&fixture, "take5.ini", "[take5]\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    write_in_force("kept");
    cr_assert_eq(stat(fixture_path(&fixture, "kept"), &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
}

Test(in_force, what_cannot_be_written_leaves_the_one_before) {
    struct faults faults = FAULTS_INIT;
    struct error error;
    fixture_write(&fixture, "take5.ini", "[take5]\nlanes = 2\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    write_in_force("kept");
    fixture_write(&fixture, "take5.ini", "[take5]\nlanes = 3\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    fixture_write(&fixture, "kept.new/in_the_way", "");
    cr_expect_not(in_force_write(fixture.config, fixture_path(&fixture, "kept"), &error));
    cr_expect_not_null(strstr(error.text, "kept.new"), "%s", error.text);
    struct config *config = load_in_force("kept", &faults);
    cr_assert_not_null(config);
    cr_expect_eq(config->lanes, 2);
    config_free(config);
    faults_release(&faults);
}

Test(in_force, a_damaged_one_is_an_error_wherever_it_ends) {
    char whole[1024];
    fixture_write(&fixture, "take5.ini", "[take5]\nlanes = 2\n");
    fixture_write(&fixture, "take5.d/b.ini", "[take5]\nlanes = 3\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    write_in_force("kept");
    FILE *file = fopen(fixture_path(&fixture, "kept"), "rb");
    cr_assert_not_null(file);
    const size_t size = fread(whole, 1, sizeof whole - 1, file);
    (void)fclose(file);
    whole[size] = '\0';
    for (size_t cut = 0; cut <= size; cut++) {
        struct faults faults = FAULTS_INIT;
        file = fopen(fixture_path(&fixture, "kept"), "wb");
        cr_assert_not_null(file);
        cr_assert_eq(fwrite(whole, 1, cut, file), cut);
        (void)fclose(file);
        struct config *config = load_in_force("kept", &faults);
        cr_expect_eq(config != NULL, cut == size, "cut at %zu of %zu", cut, size);
        config_free(config);
        faults_release(&faults);
    }
}

Test(in_force, one_that_is_missing_is_an_error) {
    struct faults faults = FAULTS_INIT;
    fixture_write(&fixture, "take5.ini", "[take5]\n");
    cr_expect_null(load_in_force("kept", &faults));
    cr_expect_gt(faults.error_count, 0);
    faults_release(&faults);
}
