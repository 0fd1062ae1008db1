#include "commands/authoring/new_folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void enter(void) {
    strcpy(folder, "/tmp/take5-new-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void leave(void) {
    char command[128];
    cr_assert_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

static bool has(const char *path, const char *text) {
    char bytes[65536];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    const size_t size = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    bytes[size] = '\0';
    return strstr(bytes, text) != NULL;
}

Test(new_folder, names_are_those_of_strategies) {
    struct error error;
    cr_assert(new_name_check("a", &error));
    cr_assert(new_name_check("alpha-2_b", &error));
    cr_assert_not(new_name_check("", &error));
    cr_assert_not(new_name_check("a.b", &error));
    cr_assert_not(new_name_check("2a", &error));
    cr_assert_not(new_name_check("clean", &error));
    cr_assert_not_null(strstr(error.text, "a build has a target of that name"));
}

Test(new_folder, placeholders_are_filled_in, .init = enter, .fini = leave) {
    struct error error;
    cr_assert(new_folder_write("one-1", NEW_C, &error), "%s", error.text);
    cr_assert(new_folder_write("two", NEW_CXX, &error), "%s", error.text);
    cr_assert(has("one-1/CMakeLists.txt", "project(one-1 LANGUAGES C)"));
    cr_assert(has("one-1/one-1.c", "T5_STRATEGY(\"one-1\", \"0.1.0\""));
    cr_assert(has("two/CMakeLists.txt", "set(CMAKE_CXX_STANDARD 17)"));
    cr_assert(has("two/two.cpp", "T5_STRATEGY_CLASS(Strategy, \"two\""));
    cr_assert(has("two/two_test.cpp", "two_up"));
    cr_assert(has("two/two.ini", "[strategy:two]"));
    cr_assert_neq(access("two/two.c", F_OK), 0);
}

Test(new_folder, a_folder_that_is_there_is_left_alone, .init = enter, .fini = leave) {
    struct error error;
    cr_assert_eq(mkdir("alpha", 0700), 0);
    cr_assert_not(new_folder_write("alpha", NEW_C, &error));
    cr_assert_eq(error.code, ERROR_INVALID);
    cr_assert_eq(rmdir("alpha"), 0, "it is still empty");
}
