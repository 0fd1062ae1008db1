#include "commands/proof/notes.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A deployment whose setting `table` is a file; content NULL: one of a host that noted none. */
static cJSON *deployed(const char *hash, const char *path, const char *content) {
    char text[256], files[96] = "";
    if (content != NULL)
        snprintf(files, sizeof files, ",\"files\":{\"table\":\"%s\"}", content);
    snprintf(text, sizeof text,
             "{\"name\":\"alpha\",\"hash\":\"%s\",\"settings\":{\"table\":\"%s\"}%s}", hash, path,
             files);
    cJSON *json = cJSON_Parse(text);
    cr_assert_not_null(json, "%s", text);
    return json;
}

/* Whether the second is the first, and has its settings. */
static void compare(cJSON *first, cJSON *second, bool is_same, bool has_same_settings) {
    cr_expect_eq(note_is_same(first, second), is_same);
    cr_expect_eq(note_is_same(second, first), is_same);
    cr_expect_eq(note_has_same_settings(first, second), has_same_settings);
    cJSON_Delete(first);
    cJSON_Delete(second);
}

Test(notes, one_path_with_other_content_is_another_setting) {
    compare(deployed("a", "/etc/table", "11"), deployed("a", "/etc/table", "11"), true, true);
    compare(deployed("a", "/etc/table", "11"), deployed("a", "/etc/table", "22"), false, false);
    compare(deployed("a", "/etc/table", "11"), deployed("a", "/opt/table", "11"), false, false);
    compare(deployed("a", "/etc/table", "11"), deployed("b", "/etc/table", "11"), false, true);
}

Test(notes, content_that_is_not_known_is_not_the_same_as_one_that_is) {
    compare(deployed("a", "/etc/table", NULL), deployed("a", "/etc/table", NULL), true, true);
    compare(deployed("a", "/etc/table", NULL), deployed("a", "/etc/table", "11"), false, false);
}
