#include "commands/operation/operation.h"

#include "base/clock.h"
#include "checkpoint/store.h"

#include <cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static char setting[128];

static void append(struct checkpoint_store *store) {
    struct order order;
    struct text frames;
    uint64_t number;
    text_init(&frames);
    cr_assert(order_init(&order, 2));
    order_note(&order, 0, 7);
    cr_assert(order_put_frames(&order, &number, &frames));
    cr_assert_gt(checkpoint_store_append(store, 3, number, &frames), 0);
    order_release(&order);
    text_release(&frames);
}

static void put(struct checkpoint_store *store, uint64_t number) {
    struct checkpoint checkpoint;
    struct positions committed;
    checkpoint_init(&checkpoint);
    positions_init(&committed);
    checkpoint.number = number;
    checkpoint.partition = 3;
    checkpoint.taken_ms = 1700000000000;
    checkpoint.group = strdup("group");
    cr_assert(positions_add(&checkpoint.positions, "ticks", 3, 1000));
    struct checkpoint_part *part = checkpoint_add_part(&checkpoint, "alpha");
    part->has_state = true;
    part->state.strategy = strdup("momentum\033[31m");
    part->state.version = strdup("1.2");
    part->state.state_version = 4;
    part->state.event_clock_ns = NS_PER_S;
    cr_assert(state_add_record(&part->state, 0, 0, "AAPL", 4, "data", 4));
    part = checkpoint_add_part(&checkpoint, "beta");
    cr_assert(positions_add(&part->positions, "ticks", 3, 900));
    cr_assert_gt(checkpoint_store_put(store, &checkpoint, &committed), 0);
}

static void setup(void) {
    static const char *const topics[] = {"ticks"};
    struct error error;
    strcpy(directory, "/tmp/take5-command-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(setting, sizeof setting, "take5.state_dir=%s", directory);
    struct log *log = log_new();
    const struct checkpoint_store_options options = {
        .state_dir = directory, .group = "group", .topics = topics, .topic_count = 1, .log = log};
    struct checkpoint_store *store = checkpoint_store_new(&options, &error);
    cr_assert_not_null(store, "%s", error.text);
    put(store, 1);
    put(store, 2);
    append(store);
    cr_assert(checkpoint_store_free(store, 60 * NS_PER_S));
    log_free(log);
}

static void teardown(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(checkpoint_command, .init = setup, .fini = teardown);

/* What the command prints; free() it. */
static char *output_of(int code, const char *what, const char *operand, const char *option) {
    char *arguments[8] = {"checkpoint", "-s", setting, (char *)what};
    int count = 4;
    if (operand != NULL)
        arguments[count++] = (char *)operand;
    if (option != NULL)
        arguments[count++] = (char *)option;
    char path[128];
    snprintf(path, sizeof path, "%s/output", directory);
    fflush(stdout);
    const int before = dup(STDOUT_FILENO);
    cr_assert_not_null(freopen(path, "w", stdout));
    const int ended = command_checkpoint.run(count, arguments);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 65536);
    cr_assert_not_null(file);
    cr_assert_lt(fread(text, 1, 65535, file), 65535);
    fclose(file);
    cr_assert_eq(ended, code, "%s: ended with %d: %s", what, ended, text);
    return text;
}

static cJSON *json_of(int code, const char *what, const char *operand) {
    char *text = output_of(code, what, operand, "--json");
    cJSON *json = cJSON_Parse(text);
    cr_assert_not_null(json, "%s", text);
    free(text);
    return json;
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItem(object, name);
    cr_assert(cJSON_IsNumber(item), "%s", name);
    return item->valuedouble;
}

static void damage(const char *name) {
    char path[160];
    snprintf(path, sizeof path, "%s/checkpoints/3/%s", directory, name);
    FILE *file = fopen(path, "r+");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fseek(file, 60, SEEK_SET), 0);
    cr_assert_eq(fputc('\xee', file), 0xee);
    fclose(file);
}

Test(checkpoint_command, list_tells_what_there_is) {
    cJSON *list = json_of(EXIT_GOOD, "list", NULL);
    cr_assert_eq(cJSON_GetArraySize(list), 2);
    const cJSON *second = cJSON_GetArrayItem(list, 1);
    cr_expect_eq(number_of(second, "number"), 2);
    cr_expect_eq(number_of(second, "taken_ms"), 1700000000000);
    cr_expect_str_eq(cJSON_GetObjectItem(second, "partition")->valuestring, "3");
    cr_expect_eq(cJSON_GetArraySize(cJSON_GetObjectItem(second, "deployments")), 2);
    cr_expect_eq(number_of(cJSON_GetArrayItem(cJSON_GetObjectItem(second, "positions"), 0), "next"),
                 1000);
    cJSON_Delete(list);
    char *text = output_of(EXIT_GOOD, "list", NULL, NULL);
    cr_expect_not_null(strstr(text, "2023-11-14T22:13:20.000Z"), "%s", text);
    cr_expect_not_null(strstr(text, "ticks 1000"), "%s", text);
    free(text);
}

Test(checkpoint_command, show_tells_of_each_deployment) {
    cJSON *shown = json_of(EXIT_GOOD, "show", "3");
    cr_expect_eq(number_of(shown, "number"), 2);
    const cJSON *parts = cJSON_GetObjectItem(shown, "deployments");
    cr_assert_eq(cJSON_GetArraySize(parts), 2);
    const cJSON *alpha = cJSON_GetArrayItem(parts, 0);
    cr_expect_eq(number_of(alpha, "state_version"), 4);
    cr_expect_eq(number_of(alpha, "records"), 1);
    cr_expect_eq(number_of(alpha, "timers"), 0);
    cr_expect_eq(number_of(alpha, "event_clock_ns"), 1e9);
    cJSON_Delete(shown);

    char path[160];
    snprintf(path, sizeof path, "%s/checkpoints/3/1.checkpoint", directory);
    char *text = output_of(EXIT_GOOD, "show", path, NULL);
    cr_expect_not_null(strstr(text, "number 1"), "%s", text);
    cr_expect_not_null(strstr(text, "momentum\\x1b[31m 1.2"), "made visible: %s", text);
    cr_expect_not_null(strstr(text, "ticks 900 (of its own)"), "%s", text);
    free(text);
    free(output_of(EXIT_FAILED, "show", "4", NULL));
    free(output_of(EXIT_FAILED, "show", "global", NULL));
    free(output_of(EXIT_FAILED, "show", "/nowhere", NULL));
    free(output_of(EXIT_USAGE, "show", NULL, NULL));
    free(output_of(EXIT_USAGE, "list", "3", NULL));
}

Test(checkpoint_command, verify_finds_damage) {
    cJSON *good = json_of(EXIT_GOOD, "verify", NULL);
    cr_assert_eq(cJSON_GetArraySize(good), 4);
    cJSON_Delete(good);
    damage("2.checkpoint");
    char *text = output_of(EXIT_FAILED, "verify", NULL, NULL);
    cr_expect_not_null(strstr(text, "bad   "), "%s", text);
    cr_expect_not_null(strstr(text, "good  "), "%s", text);
    free(text);
    free(output_of(EXIT_FAILED, "list", NULL, NULL));
    free(output_of(EXIT_FAILED, "show", "3", NULL));
    char path[160];
    snprintf(path, sizeof path, "%s/checkpoints/3/2.checkpoint", directory);
    cr_assert_eq(unlink(path), 0);
    free(output_of(EXIT_GOOD, "verify", NULL, NULL));
    damage("2.journal");
    free(output_of(EXIT_FAILED, "verify", NULL, NULL));
}
