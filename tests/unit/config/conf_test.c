/*
 * conf/ as it is shipped: it works, and it shows every key with its true default.
 */
#include "fixture.h"

#include "config/schema/schema.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *slurp(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/conf/%s", TAKE5_SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    char *content = calloc(1, 1 << 18);
    cr_assert_lt(fread(content, 1, (1 << 18) - 1, file), (1 << 18) - 1);
    fclose(file);
    return content;
}

static struct config *load(const char *path, struct faults *faults) {
    struct config_request request = {.path = path};
    struct config *config = config_load(&request, faults);
    cr_assert_not_null(config, "%s", faults->count > 0 ? faults->items[0].text : "");
    cr_assert_eq(faults->count, 0, "%s", faults->count > 0 ? faults->items[0].text : "");
    return config;
}

/* What config_print() says without the origins. */
static char *print_values(const struct config *config) {
    char *printed = fixture_print(config);
    char *out = printed;
    for (const char *in = printed; *in != '\0';) {
        const char *end = strchr(in, '\n');
        const char *origin = end;
        while (*origin != '(')
            origin--;
        memmove(out, in, (size_t)(origin - 1 - in));
        out += origin - 1 - in;
        *out++ = '\n';
        in = end + 1;
    }
    *out = '\0';
    return printed;
}

Test(conf, works_as_it_is) {
    struct faults faults = FAULTS_INIT;
    struct config *config = load(TAKE5_SOURCE_DIR "/conf/take5.ini", &faults);
    const char *const names[] = {"console", "cross", "momentum", "trend"};
    cr_assert_eq(config->deployment_count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_str_eq(config->deployments[i].name, names[i]);
        cr_assert(config->deployments[i].is_enabled);
    }
    config_free(config);
}

/* The main file sets nothing: with it the host is as it is without. */
Test(conf, main_file_changes_no_default) {
    struct fixture fixture;
    fixture_open(&fixture);
    char *content = slurp("take5.ini");
    cr_assert_not_null(fixture_load_text(&fixture, content), "%s", fixture.all);
    char *with_file = print_values(fixture.config);
    cr_assert_not_null(fixture_load_text(&fixture, ""));
    char *without = print_values(fixture.config);
    cr_assert_str_eq(with_file, without);
    free(with_file);
    free(without);
    free(content);
    fixture_close(&fixture);
}

/* Takes the mark off every "#key = value" and "#[section]", but not off prose ("# ..."). */
static char *uncomment(char *content) {
    char *out = content;
    for (const char *in = content; *in != '\0';) {
        const char *end = strchr(in, '\n') + 1;
        bool is_setting = in[0] == '#' && (islower((unsigned char)in[1]) || in[1] == '[');
        if (is_setting)
            in++;
        memmove(out, in, (size_t)(end - in));
        out += end - in;
        in = end;
    }
    *out = '\0';
    return content;
}

/* Cuts lines that this library or machine cannot take as they are. */
static void drop_line(char *content, const char *line) {
    char *found = strstr(content, line);
    cr_assert_not_null(found, "%s", line);
    char *end = strchr(found, '\n') + 1;
    memmove(found, end, strlen(end) + 1);
}

/* Whether a key stands in its section, commented out or not, and with which value. */
static const char *value_in(const char *content, const char *section, const char *key) {
    static char value[256];
    char head[80];
    snprintf(head, sizeof head, "[%s]\n", section);
    const char *from = strstr(content, head);
    cr_assert_not_null(from, "%s is missing", head);
    size_t size = strlen(key);
    for (const char *line = strchr(from, '\n') + 1; *line != '\0' && *line != '[';
         line = strchr(line, '\n') + 1) {
        if (strncmp(line, key, size) != 0 || strncmp(line + size, " =", 2) != 0)
            continue;
        const char *start = line + size + 2 + strspn(line + size + 2, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(start, "\n"), start);
        return value;
    }
    return NULL;
}

Test(conf, names_every_key_with_its_default) {
    char *content = uncomment(slurp("take5.ini"));
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++) {
        const char *section = keys[i].section;
        if (strcmp(section, "topic:ROLE") == 0)
            section = "topic:bar_trends";
        if (strncmp(keys[i].key, "shadow_", strlen("shadow_")) == 0)
            section = "strategy:SHADOW";
        const char *value = value_in(content, section, keys[i].key);
        cr_assert_not_null(value, "[%s] %s is missing", section, keys[i].key);
        if (keys[i].default_value != NULL)
            cr_assert_str_eq(value, keys[i].default_value, "[%s] %s = %s", section, keys[i].key,
                             value);
    }
    const struct schema_property *properties = schema_properties(&count);
    for (size_t i = 0; i < count; i++) {
        const char *value = value_in(content, properties[i].section, properties[i].name);
        cr_assert_not_null(value, "%s is missing", properties[i].name);
        if (properties[i].value != NULL)
            cr_assert_str_eq(value, properties[i].value, "%s", properties[i].name);
    }
    free(content);
}

Test(conf, names_every_variable) {
    char *content = slurp("take5.ini");
    size_t count;
    const struct schema_variable *variables = schema_variables(&count);
    for (size_t i = 0; i < count; i++) {
        char line[80];
        snprintf(line, sizeof line, "# Environment: %s.\n", variables[i].name);
        cr_assert_not_null(strstr(content, line), "%s is missing", variables[i].name);
    }
    free(content);
}

/* Every line that is commented out is a good one. */
Test(conf, can_be_uncommented_whole) {
    struct fixture fixture;
    fixture_open(&fixture);
    char *content = uncomment(slurp("take5.ini"));
    /* librdkafka 2.2 and later know it */
    drop_line(content, "fetch.queue.backoff.ms = ");
    cr_assert_not_null(fixture_load_text(&fixture, content), "%s", fixture.all);
    cr_assert_eq(fixture.config->deployment_count, 2);
    free(content);
    static const char *const files[] = {"strategies.d/momentum.ini", "strategies.d/trend.ini",
                                        "strategies.d/cross.ini", "strategies.d/console.ini"};
    for (size_t i = 0; i < 4; i++) {
        content = uncomment(slurp(files[i]));
        fixture_write(&fixture, files[i], content);
        free(content);
    }
    cr_assert_not_null(fixture_load_text(&fixture, ""), "%s", fixture.all);
    cr_assert_eq(fixture.config->deployment_count, 5);
    fixture_close(&fixture);
}
