#include "commands/research/replay/replay_stats.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct replay_stats_entry entries[] = {
    {.name = "a \"b\"",
     .strategy = "trend",
     .version = "1.2.3",
     .messages = 1000,
     .signals = 7,
     .errors = 2,
     .rejects = 1,
     .timers = 3,
     .busy_ns = 1500000000},
    {.name = "idle", .strategy = "cross", .version = "1.0.0"}};
static const struct replay_stats stats = {.entries = entries, .count = 2};
static const struct replay_summary summary = {.lines = 1100,
                                              .messages = 1000,
                                              .bad = 60,
                                              .filtered = 40,
                                              .signals = 7,
                                              .reloads = 4,
                                              .unreadable_time = 5,
                                              .suspect_time = 6,
                                              .wall_ns = 2000000000,
                                              .stats = &stats};

static char *printed(void (*print)(const struct replay_summary *summary, FILE *file)) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    print(&summary, file);
    fclose(file);
    return text;
}

static double number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    cr_assert(cJSON_IsNumber(item), "%s", name);
    return item->valuedouble;
}

Test(replay_summary, json_has_all_and_is_json) {
    char *text = printed(summary_print_json);
    cJSON *json = cJSON_Parse(text);
    cr_assert_not_null(json, "%s", text);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "one line");
    cr_assert_eq(number(json, "lines"), 1100);
    cr_assert_eq(number(json, "messages"), 1000);
    cr_assert_eq(number(json, "bad"), 60);
    cr_assert_eq(number(json, "left_out"), 40);
    cr_assert_eq(number(json, "signals"), 7);
    cr_assert_eq(number(json, "reloads"), 4);
    cr_assert_eq(number(json, "unreadable_time"), 5);
    cr_assert_eq(number(json, "suspect_time"), 6);
    cr_assert_eq(number(json, "wall_s"), 2);
    cr_assert_eq(number(json, "messages_per_s"), 500);
    const cJSON *strategies = cJSON_GetObjectItemCaseSensitive(json, "strategies");
    cr_assert_eq(cJSON_GetArraySize(strategies), 2);
    const cJSON *first = cJSON_GetArrayItem(strategies, 0);
    cr_assert_str_eq(cJSON_GetObjectItemCaseSensitive(first, "name")->valuestring, "a \"b\"");
    cr_assert_eq(number(first, "errors"), 2);
    cr_assert_eq(number(first, "rejects"), 1);
    cr_assert_eq(number(first, "busy_s"), 1.5);
    cJSON_Delete(json);
    free(text);
}

Test(replay_summary, people_see_rates_and_a_line_a_strategy) {
    char *text = printed(summary_print);
    cr_assert_not_null(strstr(text, "replayed 1 000 messages in 2.00 s (500/s): 7 signals, 60 bad, "
                                    "40 skipped\n"),
                       "%s", text);
    cr_assert_not_null(strstr(text, "1500000 ns"), "%s", text);
    cr_assert_not_null(strstr(text, "idle"), "%s", text);
    free(text);
}
