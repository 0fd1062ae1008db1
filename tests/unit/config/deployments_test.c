#include "scene.h"

#include "config/items.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct scene scene;

static void begin(void) {
    scene_open(&scene);
}

static void end(void) {
    scene_close(&scene);
}

TestSuite(deployments, .init = begin, .fini = end);

static const struct config_deployment *deployment(const char *name) {
    for (size_t i = 0; i < scene.config->deployment_count; i++)
        if (strcmp(scene.config->deployments[i].name, name) == 0)
            return &scene.config->deployments[i];
    cr_assert_fail("no deployment %s", name);
    return NULL;
}

Test(deployments, an_empty_section_runs_the_plugin_of_its_name) {
    cr_assert_not_null(scene_load_text(&scene, "[strategy:alpha]\n"), "%s", scene.all);
    const struct config_deployment *alpha = deployment("alpha");
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

Test(deployments, the_hosts_keys_are_apart_from_the_parameters) {
    cr_assert_not_null(scene_load_text(&scene, "[strategy:fast]\n"
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
                       "%s", scene.all);
    const struct config_deployment *fast = deployment("fast");
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
    cr_assert_str_eq(fast->settings.items[0].place.file, scene.path);
    cr_assert_str_eq(fast->settings.items[1].text, "first line\nsecond line");
}

Test(deployments, are_in_order_of_their_names_wherever_they_stand) {
    scene_write(&scene, "strategies.d/zz.ini", "[strategy:beta]\n[strategy:Zeta]\n");
    scene_write(&scene, "strategies.d/aa.ini", "[strategy:gamma]\nx = 1\n");
    scene_write(&scene, "strategies.d/.hidden.ini", "broken\n");
    scene_write(&scene, "strategies.d/backup.ini~", "broken\n");
    scene_write(&scene, "strategies.d/notes.txt", "broken\n");
    cr_assert_not_null(scene_load_text(&scene, "[strategy:alpha]\n"), "%s", scene.all);
    const char *const order[] = {"Zeta", "alpha", "beta", "gamma"};
    cr_assert_eq(scene.config->deployment_count, 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert_str_eq(scene.config->deployments[i].name, order[i]);
    char expected[200];
    snprintf(expected, sizeof expected, "1 (%s:2)", scene_path(&scene, "strategies.d/aa.ini"));
    cr_assert_str_eq(scene_setting(scene.config, "strategy:gamma.x"), expected);
}

Test(deployments, a_section_in_two_files_names_both) {
    scene_write(&scene, "strategies.d/a.ini", "[strategy:x]\n");
    scene_write(&scene, "strategies.d/b.ini", "\n[strategy:y]\n[strategy:x]\nsymbols = ,\n");
    scene_refuse(&scene, "[strategy:y]\n",
                 "strategies.d/b.ini:2: section [strategy:y] a second time, the first is at "
                 "take5.ini:1\n"
                 "strategies.d/b.ini:3: section [strategy:x] a second time, the first is at "
                 "strategies.d/a.ini:1\n"
                 "strategies.d/b.ini:4: [strategy:x] symbols has an empty item: one comma between "
                 "two items\n");
}

Test(deployments, only_strategies_stand_in_their_folder) {
    scene_write(&scene, "strategies.d/a.ini", "[take5]\nlanes = 9\n[strategi:b]\n[strategy:c]\n");
    scene_refuse(&scene, "",
                 "strategies.d/a.ini:1: [take5] in a file of strategies.d: only [strategy:NAME] "
                 "may stand here\n"
                 "strategies.d/a.ini:3: [strategi:b] in a file of strategies.d: only "
                 "[strategy:NAME] may stand here\n");
}

Test(deployments, a_folder_that_is_none_is_said) {
    scene_write(&scene, "strategies.d", "a file\n");
    scene_refuse(&scene, "", "strategies.d: cannot be read: Not a directory\n");
}

Test(deployments, names_become_parts_of_file_names_and_ids) {
    scene_refuse(&scene, "[strategy:]\n[strategy:a/b]\nx = 1\n[strategy:.a]\n[strategy:-a]\n",
                 "take5.ini:1: [strategy:] needs a name, as in [strategy:momentum]\n"
                 "take5.ini:2: [strategy:a/b]: a name is at most 64 letters, digits, '_', '-' and "
                 "'.', and begins with none of the last two\n"
                 "take5.ini:4: [strategy:.a]: a name is at most 64 letters, digits, '_', '-' and "
                 "'.', and begins with none of the last two\n"
                 "take5.ini:5: [strategy:-a]: a name is at most 64 letters, digits, '_', '-' and "
                 "'.', and begins with none of the last two\n");
}

Test(deployments, filters_by_topics_that_are_not_there_are_refused) {
    scene_refuse(&scene, "[strategy:a]\ntopics = bar_trends, bar_trend, other\n",
                 "take5.ini:2: [strategy:a] topics: there is no [topic:bar_trend]; did you mean "
                 "bar_trends?\n"
                 "take5.ini:2: [strategy:a] topics: there is no [topic:other]\n");
    cr_assert_not_null(scene_load_text(&scene, "[strategy:a]\ntopics = other\n[topic:other]\n"),
                       "%s", scene.all);
}

Test(deployments, a_plugin_is_a_name_and_no_path) {
    scene_refuse(&scene, "[strategy:a]\nplugin = ./a.so\n",
                 "take5.ini:2: [strategy:a] plugin = ./a.so is no strategy's name: expected the "
                 "name that the file says of itself (`take5 list`), not a path\n");
    scene_refuse(&scene, "[strategy:a]\nplugin =\n",
                 "take5.ini:2: [strategy:a] plugin is empty: leave the key out\n");
}

Test(deployments, the_command_line_sets_and_makes_them) {
    scene_write(&scene, "take5.ini", "[strategy:a]\nwindow = 1m\nquiet = 2m\n");
    const char *const overrides[] = {"strategy:a|window=5m", "strategy:b|plugin=a",
                                     "strategy:b|enabled=no", NULL};
    cr_assert_not_null(scene_load(&scene, NULL, overrides), "%s", scene.all);
    cr_assert_str_eq(config_items_find(&deployment("a")->settings, "window")->text, "5m");
    cr_assert_str_eq(config_items_find(&deployment("a")->settings, "quiet")->text, "2m");
    cr_assert_str_eq(deployment("b")->plugin, "a");
    cr_assert_not(deployment("b")->is_enabled);
    cr_assert_str_eq(scene_setting(scene.config, "strategy:a.window"), "5m (command line)");
}
