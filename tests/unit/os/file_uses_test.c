#include "os/file_uses.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct file_uses uses;
static struct error error;

static const char *in(const char *name) {
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void make(const char *name) {
    FILE *file = fopen(in(name), "w");
    cr_assert_not_null(file);
    fclose(file);
}

static void open_scene(void) {
    strcpy(folder, "/tmp/take5-uses-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    uses = (struct file_uses){0};
    make("there");
    cr_assert_eq(mkdir(in("sub"), 0700), 0);
}

static void close_scene(void) {
    char command[128];
    file_uses_release(&uses);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(file_uses, .init = open_scene, .fini = close_scene);

static bool keeps(const char *path) {
    return file_uses_add(&uses, FILE_USE_KEPT, "the input", path, &error);
}

static bool writes(const char *path) {
    return file_uses_add(&uses, FILE_USE_WRITTEN, "-o", path, &error);
}

Test(file_uses, other_files_are_none_of_its_business) {
    make("other");
    cr_assert(keeps(in("there")) && keeps(in("there")), "%s", error.text);
    cr_assert(writes(in("other")) && writes(in("new")) && writes(in("sub/new")), "%s", error.text);
    cr_assert_eq(uses.count, 5u);
}

Test(file_uses, a_file_by_whatever_name) {
    cr_assert_eq(symlink("there", in("soft")), 0);
    cr_assert_eq(symlink(".", in("here")), 0);
    cr_assert_eq(link(in("there"), in("hard")), 0);
    cr_assert(keeps(in("there")));
    const char *const names[] = {"there",        "soft",         "hard",     "./there",
                                 "sub/../there", "here/./there", "here/soft"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_not(writes(in(names[i])), "%s", names[i]);
        cr_assert_eq(error.code, ERROR_INVALID);
        cr_assert_not(writes(names[i]), "relative %s", names[i]);
    }
    cr_assert_eq(uses.count, 1u);
}

Test(file_uses, a_file_that_is_not_there_yet) {
    cr_assert_eq(symlink("sub/new", in("dangling")), 0);
    cr_assert_eq(symlink("dangling", in("twice")), 0);
    cr_assert(writes(in("sub/new")));
    const char *const names[] = {"sub/new", "sub//./new", "dangling", "twice", "sub/../sub/new"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_not(writes(in(names[i])), "%s", names[i]);
        cr_assert_not(writes(names[i]), "relative %s", names[i]);
        cr_assert_not(keeps(names[i]), "%s", names[i]);
    }
    cr_assert(writes(in("sub/newer")) && writes(in("new")));
}

Test(file_uses, below_directories_that_are_not_there_yet) {
    cr_assert(writes(in("state/a/file")));
    cr_assert_not(writes("state/a//file"));
    cr_assert_not(keeps("./state/./a/file"));
    cr_assert(writes("state/b/file") && writes("state/file"), "%s", error.text);
}

Test(file_uses, both_names_are_said_and_who_writes) {
    cr_assert_eq(symlink("there", in("soft")), 0);
    cr_assert(writes("soft"));
    cr_assert_not(keeps("there"));
    cr_assert_str_eq(error.text, "soft: -o would write to there, the input: choose another file");
}

Test(file_uses, devices_and_what_cannot_be_told) {
    cr_assert(keeps("/dev/null") && writes("/dev/null") && writes("/dev/null"));
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cr_assert(keeps(longest) && writes(longest));
}

Test(file_uses, a_named_pipe_is_one_file) {
    cr_assert_eq(mkfifo(in("pipe"), 0600), 0);
    cr_assert(keeps("pipe"));
    cr_assert_not(writes("pipe"));
}

Test(file_uses, what_is_open_already) {
    const int file = open("there", O_RDWR);
    cr_assert_geq(file, 0);
    cr_assert(keeps("there"));
    cr_assert_not(file_uses_add_open(&uses, FILE_USE_WRITTEN, "the standard output", file, &error));
    cr_assert_not_null(strstr(error.text, "the standard output"));
    close(file);
}

Test(file_uses, one_pipe_may_be_input_and_output) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert(file_uses_add_open(&uses, FILE_USE_KEPT, "in", ends[0], &error));
    cr_assert(file_uses_add_open(&uses, FILE_USE_WRITTEN, "out", ends[0], &error));
    close(ends[0]);
    close(ends[1]);
}
