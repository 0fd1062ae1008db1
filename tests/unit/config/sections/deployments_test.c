#include "fixture.h"

#include "config/schema/items.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(deployments, .init = begin, .fini = end);

Test(deployments, a_key_that_an_indent_hides_is_refused) {
    static const char *const lines[] = {"enabled=",   "enabled:no",      "Enabled: no", "x y = 3",
                                        "window:120", "ALLOW_SPLIT=yes", "SPY, every=1"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[128];
        snprintf(text, sizeof text, "[strategy:x]\nsymbols = QQQ\n  %s\n", lines[i]);
        cr_assert_null(fixture_load_text(&fixture, text), "%s", lines[i]);
        cr_assert_eq(strncmp(fixture.all, "take5.ini:3: ", 13), 0, "%s", fixture.all);
    }
    cr_assert_not_null(fixture_load_text(&fixture,
                                         "[strategy:x]\nsymbols = QQQ,\n  NYSE:IBM ; mine\n"
                                         "  ES=F\n"),
                       "%s", fixture.all);
    cr_assert_str_eq(fixture.config->deployments[0].symbols[1], "NYSE:IBM");
    cr_assert_str_eq(fixture.config->deployments[0].symbols[2], "ES=F");
}

Test(deployments, an_empty_section_runs_the_plugin_of_its_name) {
    cr_assert_not_null(fixture_load_text(&fixture, "[strategy:alpha]\n"), "%s", fixture.all);
    const struct config_deployment *alpha = fixture_deployment(&fixture, "alpha");
    cr_assert_str_eq(alpha->plugin, "alpha");
    cr_assert(alpha->is_enabled);
    cr_assert_not(alpha->allow_split);
    cr_assert_not(alpha->global_partial);
    cr_assert_null(alpha->symbols);
    cr_assert_null(alpha->topics);
    cr_assert_null(alpha->time_frames);
    cr_assert_eq(alpha->settings.count, 0);
    cr_assert_eq(alpha->place.line, 1);
}

Test(deployments, a_symbol_that_can_hardly_be_meant_is_a_warning) {
    static const char *const odd[] = {"QQQ SPY", "QQQ;SPY", "[QQQ",   "QQQ)",
                                      "{QQQ}",   "*",       "QQQ|SPY"};
    static const char *const good[] = {"QQQ",  "BRK.B", "BTC/USDT", "A*",
                                       "ES=F", "^GSPC", "EUR-USD"};
    char text[128];
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        snprintf(text, sizeof text, "[strategy:x]\nplugin = y\nsymbols = A, %s, B\n", odd[i]);
        cr_assert_not_null(fixture_load_text(&fixture, text), "%s", fixture.all);
        snprintf(text, sizeof text, "warning: take5.ini:3: [strategy:x] symbols: \"%s\" ", odd[i]);
        cr_expect_not_null(strstr(fixture.all, text), "%s is not in %s", text, fixture.all);
        cr_expect_eq(fixture.faults.count, 1, "%s", fixture.all);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "[strategy:x]\nsymbols = %s\n", good[i]);
        cr_assert_not_null(fixture_load_text(&fixture, text), "%s", fixture.all);
        cr_expect_eq(fixture.faults.count, 0, "%s", fixture.all);
    }
}

Test(deployments, the_hosts_keys_are_apart_from_the_parameters) {
    cr_assert_not_null(fixture_load_text(&fixture, "[strategy:fast]\n"
                                                   "plugin = momentum\n"
                                                   "enabled = no\n"
                                                   "window = 30s\n"
                                                   "symbols = QQQ,\n"
                                                   "  SPY\n"
                                                   "topics = asset_trends, bar_trends\n"
                                                   "time_frames = 60\n"
                                                   "allow_split = yes\n"
                                                   "global_partial = ok\n"
                                                   "note = first line\n"
                                                   "  second line\n"),
                       "%s", fixture.all);
    const struct config_deployment *fast = fixture_deployment(&fixture, "fast");
    cr_assert_str_eq(fast->plugin, "momentum");
    cr_assert_not(fast->is_enabled);
    cr_assert(fast->allow_split);
    cr_assert(fast->global_partial);
    cr_assert_str_eq(fast->symbols[1], "SPY");
    cr_assert_str_eq(fast->topics[0], "asset_trends");
    cr_assert_eq(fast->time_frames[0], 60);
    cr_assert_eq(fast->settings.count, 2);
    cr_assert_str_eq(fast->settings.items[0].name, "window");
    cr_assert_str_eq(fast->settings.items[0].text, "30s");
    cr_assert_eq(fast->settings.items[0].place.line, 4);
    cr_assert_str_eq(fast->settings.items[0].place.file, fixture.path);
    cr_assert_str_eq(fast->settings.items[1].text, "first line\nsecond line");
}

Test(deployments, are_in_order_of_their_names_wherever_they_stand) {
    fixture_write(&fixture, "strategies.d/zz.ini", "[strategy:beta]\n[strategy:Zeta]\n");
    fixture_write(&fixture, "strategies.d/aa.ini", "[strategy:gamma]\nx = 1\n");
    fixture_write(&fixture, "strategies.d/.hidden.ini", "broken\n");
    fixture_write(&fixture, "strategies.d/backup.ini~", "broken\n");
    fixture_write(&fixture, "strategies.d/notes.txt", "broken\n");
    cr_assert_not_null(fixture_load_text(&fixture, "[strategy:alpha]\n"), "%s", fixture.all);
    const char *const order[] = {"Zeta", "alpha", "beta", "gamma"};
    cr_assert_eq(fixture.config->deployment_count, 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert_str_eq(fixture.config->deployments[i].name, order[i]);
    char expected[200];
    snprintf(expected, sizeof expected, "1 (%s:2)", fixture_path(&fixture, "strategies.d/aa.ini"));
    cr_assert_str_eq(fixture_setting(fixture.config, "strategy:gamma.x"), expected);
}

Test(deployments, a_section_in_two_files_names_both) {
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:x]\n");
    fixture_write(&fixture, "strategies.d/b.ini", "\n[strategy:y]\n[strategy:x]\nsymbols = ,\n");
    fixture_refuse(&fixture, "[strategy:y]\n",
                   "strategies.d/b.ini:2: duplicate section [strategy:y], the first is at "
                   "take5.ini:1; a file of take5.d may set some of its keys again\n"
                   "strategies.d/b.ini:3: duplicate section [strategy:x], the first is at "
                   "strategies.d/a.ini:1; a file of take5.d may set some of its keys again\n"
                   "strategies.d/b.ini:4: [strategy:x] symbols has an empty item: separate items "
                   "with one comma\n");
}

Test(deployments, only_strategies_stand_in_their_folder) {
    fixture_write(&fixture, "strategies.d/a.ini",
                  "[take5]\nlanes = 9\n[strategi:b]\n[strategy:c]\n");
    fixture_refuse(&fixture, "",
                   "strategies.d/a.ini:1: [take5] in a file of strategies.d: only [strategy:NAME] "
                   "is allowed here\n"
                   "strategies.d/a.ini:3: [strategi:b] in a file of strategies.d: only "
                   "[strategy:NAME] is allowed here\n");
}

Test(deployments, a_folder_that_is_none_is_said) {
    fixture_write(&fixture, "strategies.d", "a file\n");
    fixture_refuse(&fixture, "", "strategies.d: cannot be read: Not a directory\n");
}

Test(deployments, names_become_parts_of_file_names_and_ids) {
    fixture_refuse(
        &fixture, "[strategy:]\n[strategy:a/b]\nx = 1\n[strategy:.a]\n[strategy:-a]\n",
        "take5.ini:1: [strategy:] needs a name, as in [strategy:momentum]\n"
        "take5.ini:2: [strategy:a/b]: a name has at most 64 letters, digits, '_', '-' and "
        "'.', and does not start with '-' or '.'\n"
        "take5.ini:4: [strategy:.a]: a name has at most 64 letters, digits, '_', '-' and "
        "'.', and does not start with '-' or '.'\n"
        "take5.ini:5: [strategy:-a]: a name has at most 64 letters, digits, '_', '-' and "
        "'.', and does not start with '-' or '.'\n");
}

Test(deployments, filters_by_topics_that_are_not_there_are_refused) {
    fixture_refuse(&fixture, "[strategy:a]\ntopics = bar_trends, bar_trend, other\n",
                   "take5.ini:2: [strategy:a] topics: there is no [topic:bar_trend]; did you mean "
                   "bar_trends?\n"
                   "take5.ini:2: [strategy:a] topics: there is no [topic:other]\n");
    cr_assert_not_null(fixture_load_text(&fixture, "[strategy:a]\ntopics = other\n[topic:other]\n"),
                       "%s", fixture.all);
}

Test(deployments, a_plugin_is_a_name_and_no_path) {
    fixture_refuse(
        &fixture, "[strategy:a]\nplugin = ./a.so\n",
        "take5.ini:2: [strategy:a] plugin = ./a.so is not the name of a strategy: expected the "
        "name that the file declares (`take5 list`), not a path\n");
    fixture_refuse(&fixture, "[strategy:a]\nplugin =\n",
                   "take5.ini:2: [strategy:a] plugin is empty: omit the key\n");
}

Test(deployments, the_command_line_sets_and_makes_them) {
    fixture_write(&fixture, "take5.ini", "[strategy:a]\nwindow = 1m\nquiet = 2m\n");
    const char *const overrides[] = {"strategy:a|window=5m", "strategy:b|plugin=a",
                                     "strategy:b|enabled=no", NULL};
    cr_assert_not_null(fixture_load(&fixture, NULL, overrides), "%s", fixture.all);
    cr_assert_str_eq(
        config_items_find(&fixture_deployment(&fixture, "a")->settings, "window")->text, "5m");
    cr_assert_str_eq(config_items_find(&fixture_deployment(&fixture, "a")->settings, "quiet")->text,
                     "2m");
    cr_assert_str_eq(fixture_deployment(&fixture, "b")->plugin, "a");
    cr_assert_not(fixture_deployment(&fixture, "b")->is_enabled);
    cr_assert_str_eq(fixture_setting(fixture.config, "strategy:a.window"), "5m (command line)");
}

Test(deployments, an_override_may_be_from_a_file) {
    const struct config_override overrides[] = {{"strategy:a", "window", "5m", "there/a.ini"},
                                                {"strategy:a", "other", "6m", NULL}};
    const struct config_request request = {
        .overrides = overrides,
        .override_count = sizeof overrides / sizeof *overrides,
    };
    fixture.config = config_load(&request, &fixture.faults);
    cr_assert_not_null(fixture.config);
    cr_assert_str_eq(fixture_setting(fixture.config, "strategy:a.window"), "5m (there/a.ini)");
    cr_assert_str_eq(fixture_setting(fixture.config, "strategy:a.other"), "6m (command line)");
    cr_assert_str_eq(fixture_deployment(&fixture, "a")->place.file, "there/a.ini");
}
