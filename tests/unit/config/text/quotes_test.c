#include "config/schema/schema.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(quotes, .init = begin, .fini = end);

static void expect_fault(const char *place, const char *section, const char *key,
                         const char *meant) {
    char line[256], hint[256];
    cr_expect_null(fixture.config, "[%s] %s in quotes is taken", section, key);
    snprintf(line, sizeof line, "%s: [%s] %s: write the value without quotes", place, section, key);
    snprintf(hint, sizeof hint, "probably meant: %s = %s\n", key, meant);
    cr_expect_not_null(strstr(fixture.all, line), "%s is not in: %s", line, fixture.all);
    cr_expect_not_null(strstr(fixture.all, hint), "%s is not in: %s", hint, fixture.all);
}

/* From the file and from the command line. */
static void check_setting(const char *section, const char *key, const char *quoted,
                          const char *meant) {
    char text[256];
    snprintf(text, sizeof text, "[%s]\n%s = %s\n", section, key, quoted);
    fixture_load_text(&fixture, text);
    expect_fault("take5.ini:2", section, key, meant);

    snprintf(text, sizeof text, "%s|%s=%s", section, key, quoted);
    fixture_write(&fixture, "take5.ini", "");
    fixture_load(&fixture, NULL, (const char *const[]){text, NULL});
    expect_fault("command line", section, key, meant);
}

static const char *section_of(const struct schema_key *key) {
    if (strcmp(key->section, "topic:ROLE") == 0)
        return "topic:bar_trends";
    return strcmp(key->section, "strategy:NAME") == 0 ? "strategy:x" : key->section;
}

Test(quotes, no_setting_takes_them) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++) {
        const char *value = keys[i].default_value != NULL ? keys[i].default_value : "value";
        char quoted[128];
        snprintf(quoted, sizeof quoted, "\"%s\"", value);
        check_setting(section_of(&keys[i]), keys[i].key, quoted, value);
        snprintf(quoted, sizeof quoted, "'%s'", value);
        check_setting(section_of(&keys[i]), keys[i].key, quoted, value);
    }
}

Test(quotes, of_no_kind) {
    check_setting("take5", "service", "\u201Calpha\u201D", "alpha");
    check_setting("take5", "service", "\u201Ealpha\u201C", "alpha");
    check_setting("take5", "service", "\u2018alpha\u2019", "alpha");
    check_setting("take5", "service", "\u00ABalpha\u00BB", "alpha");
    check_setting("take5", "service", "`alpha`", "alpha");
    check_setting("take5", "service", "``alpha''", "`alpha'");
    check_setting("take5", "service", "\"alpha\u201D", "alpha");
    check_setting("strategy:x", "symbols", "\u201CQQQ\u201D, \u201CSPY\u201D", "QQQ, SPY");
    check_setting("kafka", "group.id", "`g`", "g");
}

Test(quotes, no_open_key_takes_them) {
    check_setting("kafka", "group.id", "'g'", "g");
    check_setting("kafka", "bootstrap.servers", "\"a:1,b:2\"", "a:1,b:2");
    check_setting("kafka", "bootstrap.servers", "a:1, 'b:2'", "a:1, b:2");
    check_setting("kafka", "ssl.ca.location.file", "\"/ca\"", "/ca");
    check_setting("sink:kafka", "linger.ms", "\"5\"", "5");
    check_setting("log", "level.kafka", "\"DEBUG\"", "DEBUG");
    check_setting("strategy:x", "threshold", "\"0.5\"", "0.5");
    check_setting("strategy:x", "text", "'it's'", "it's");
}

Test(quotes, no_item_of_a_list_takes_them) {
    check_setting("strategy:x", "symbols", "\"QQQ\", \"SPY\"", "QQQ, SPY");
    check_setting("strategy:x", "symbols", "\"QQQ, SPY\"", "QQQ, SPY");
    check_setting("strategy:x", "symbols", "QQQ, 'SPY' ,TSLA", "QQQ, SPY, TSLA");
    check_setting("strategy:x", "topics", "'bar_trends'", "bar_trends");
    check_setting("strategy:x", "time_frames", "60, \"5m\"", "60, 5m");
    check_setting("signals", "sinks", "log, \"kafka\"", "log, kafka");
}

Test(quotes, no_variable_takes_them) {
    size_t count;
    const struct schema_variable *variables = schema_variables(&count);
    fixture_write(&fixture, "take5.ini", "");
    for (size_t i = 0; i < count; i++) {
        char entry[128];
        snprintf(entry, sizeof entry, "%s=\"value\"", variables[i].name);
        fixture_load(&fixture, (const char *const[]){entry, NULL}, NULL);
        expect_fault(variables[i].source, variables[i].section, variables[i].key, "value");
    }
}

Test(quotes, a_secret_is_not_shown) {
    fixture_refuse(
        &fixture, "[kafka]\nsasl.password = \"hunter2\"\n",
        "take5.ini:2: [kafka] sasl.password: write the value without quotes, they would be "
        "part of it\n");
    fixture_write(&fixture, "take5.ini", "[kafka]\nsasl.password.env = SECRET\n");
    cr_expect_null(fixture_load(&fixture, (const char *const[]){"SECRET='hunter2'", NULL}, NULL));
    cr_expect_not_null(strstr(fixture.all, "SECRET is in quotes"), "%s", fixture.all);
    cr_expect_null(strstr(fixture.all, "hunter2"), "%s", fixture.all);
}

/* The one way for a value that has them. */
Test(quotes, a_file_is_taken_as_it_is) {
    fixture_write(&fixture, "secret", "\"really\"\n");
    cr_assert_not_null(fixture_load_text(&fixture, "[kafka]\nsasl.password.file = secret\n"), "%s",
                       fixture.all);
}

Test(quotes, within_a_value_they_are_no_harm) {
    cr_assert_not_null(fixture_load_text(&fixture, "[strategy:x]\na = \"b\" or 'c'd\nb = it's\n"
                                                   "c = say \"x\", \"y\" and z\nd = \"\n"),
                       "%s", fixture.all);
}
