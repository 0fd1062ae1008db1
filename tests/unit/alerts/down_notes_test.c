#include "alerts/down_notes.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char directory[64];

static void note(const char *name, const char *why) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(why, file);
    fclose(file);
}

static void add(void *context, const char *name, const char *why) {
    text_printf(context, "%s: %s\n", name, why);
}

/* What that worker tells of. */
static void expect(const char *worker, const char *told) {
    char run_dir[128];
    struct text text;
    text_init(&text);
    snprintf(run_dir, sizeof run_dir, "%s/%s", directory, worker);
    (void)mkdir(run_dir, 0700);
    down_notes_each(run_dir, worker, add, &text);
    cr_expect_str_eq(text.data != NULL ? text.data : "", told, "%s", worker);
    text_release(&text);
}

Test(down_notes, main_tells_of_the_others_and_they_of_main) {
    char command[96];
    strcpy(directory, "/tmp/take5-down-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    expect("main", "");
    note("risky.down", "it died 5 times");
    note("risky", "no note");
    note(".down", "nobody");
    expect("main", "risky: it died 5 times\n");
    expect("other", "");
    note("main.down", "");
    expect("main", "risky: it died 5 times\n");
    expect("other", "main: \n");
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

Test(down_notes, without_a_directory_there_are_none) {
    down_notes_each("/tmp/take5-there-is-none/main", "main", add, NULL);
}
