#include "config/text/paths.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect(char *path, const char *expected) {
    cr_assert_str_eq(path, expected);
    free(path);
}

Test(paths, absolute_ones_stay) {
    expect(path_absolute("/etc", "/a/b"), "/a/b");
    expect(path_absolute(NULL, "//a///./b/."), "/a/b");
    expect(path_absolute(NULL, "/"), "/");
    expect(path_absolute("/etc", "/a/../b"), "/a/../b"); /* what .. means depends on links */
    expect(path_absolute("/etc", "/.hidden/..x"), "/.hidden/..x");
}

Test(paths, relative_ones_begin_at_the_directory) {
    expect(path_absolute("/etc/take5", "a"), "/etc/take5/a");
    expect(path_absolute("/etc/take5/", "./a"), "/etc/take5/a");
    cr_assert_eq(chdir("/usr"), 0);
    expect(path_absolute(NULL, "a"), "/usr/a");
    expect(path_absolute("lib", "a"), "/usr/lib/a");
    expect(path_absolute(".", "a"), "/usr/a");
}

Test(paths, directory_part) {
    expect(path_directory("/etc/take5/take5.ini"), "/etc/take5");
    expect(path_directory("take5.ini"), ".");
    expect(path_directory("/take5.ini"), "/");
    expect(path_join("/a", "b"), "/a/b");
    expect(path_join("/", "b"), "/b");
}

Test(paths, environment_values) {
    const char *const environment[] = {"AB=1", "A=2", "EMPTY=", "B", NULL};
    cr_assert_str_eq(environment_value(environment, "A"), "2");
    cr_assert_str_eq(environment_value(environment, "AB"), "1");
    cr_assert_null(environment_value(environment, "EMPTY"));
    cr_assert_null(environment_value(environment, "B"));
    cr_assert_null(environment_value(environment, "C"));
    cr_assert_null(environment_value(NULL, "A"));
}

Test(paths, homes_of_a_service) {
    const char *const environment[] = {"HOME=/home/q", "XDG_RUNTIME_DIR=/run/user/7", NULL};
    expect(path_home(PATH_HOME_RUN, false, environment), "/run/take5");
    expect(path_home(PATH_HOME_STATE, false, environment), "/var/lib/take5");
    expect(path_home(PATH_HOME_CACHE, false, environment), "/var/cache/take5");
}

Test(paths, homes_of_a_user) {
    const char *const environment[] = {"HOME=/home/q", "XDG_RUNTIME_DIR=/run/user/7", NULL};
    expect(path_home(PATH_HOME_RUN, true, environment), "/run/user/7/take5");
    expect(path_home(PATH_HOME_STATE, true, environment), "/home/q/.local/state/take5");
    expect(path_home(PATH_HOME_CACHE, true, environment), "/home/q/.cache/take5");
    const char *const own[] = {"HOME=/home/q", "XDG_STATE_HOME=/s", "XDG_CACHE_HOME=/c", NULL};
    expect(path_home(PATH_HOME_STATE, true, own), "/s/take5");
    expect(path_home(PATH_HOME_CACHE, true, own), "/c/take5");
}

Test(paths, homes_of_a_user_without_a_home) {
    const char *const relative[] = {"HOME=here", "XDG_RUNTIME_DIR=there", NULL};
    char expected[64];
    snprintf(expected, sizeof expected, "/tmp/take5-%u", (unsigned)getuid());
    expect(path_home(PATH_HOME_RUN, true, NULL), expected);
    expect(path_home(PATH_HOME_RUN, true, relative), expected);
    snprintf(expected, sizeof expected, "/tmp/take5-%u/state", (unsigned)getuid());
    expect(path_home(PATH_HOME_STATE, true, relative), expected);
    snprintf(expected, sizeof expected, "/tmp/take5-%u/cache", (unsigned)getuid());
    expect(path_home(PATH_HOME_CACHE, true, NULL), expected);
}
