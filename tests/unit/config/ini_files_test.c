#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(ini_files, .init = begin, .fini = end);

/* ---- take5.d ---- */

Test(ini_files, a_drop_in_stands_above_the_main_file_key_by_key) {
    fixture_write(&fixture, "take5.ini", "[take5]\nlanes = 2\nservice = a\n[http]\nport = 1\n");
    fixture_write(&fixture, "take5.d/10-x.ini", "[take5]\nlanes = 5\n[kafka]\nclient.id = c\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    cr_expect_eq(fixture.config->lanes, 5);
    cr_expect_str_eq(fixture.config->service, "a");
    cr_expect_eq(fixture.config->http_port, 1);
    cr_expect_not_null(strstr(fixture_setting(fixture.config, "take5.lanes"), "10-x.ini:2"));
    cr_expect_not_null(strstr(fixture_setting(fixture.config, "kafka.client.id"), "10-x.ini:4"));
    cr_expect_str_eq(fixture.all, "");
}

Test(ini_files, drop_ins_are_read_in_order_of_their_names) {
    fixture_write(&fixture, "take5.ini", "");
    fixture_write(&fixture, "take5.d/9.ini", "[take5]\nlanes = 9\n");
    fixture_write(&fixture, "take5.d/10.ini", "[take5]\nlanes = 10\nservice = ten\n");
    fixture_write(&fixture, "take5.d/.hidden.ini", "[take5]\nlanes = 11\n");
    fixture_write(&fixture, "take5.d/z.ini.bak", "[take5]\nlanes = 12\n");
    fixture_write(&fixture, "take5.d/README", "no ini file\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    cr_expect_eq(fixture.config->lanes, 9);
    cr_expect_str_eq(fixture.config->service, "ten");
}

Test(ini_files, a_drop_in_changes_a_parameter_of_strategies_d) {
    fixture_write(&fixture, "take5.ini", "");
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:alpha]\nspan = 5m\nkeep = 1\n");
    fixture_write(&fixture, "take5.d/a.ini",
                  "[strategy:alpha]\nspan = 7m\nenabled = no\n[strategy:beta]\n[worker:w]\n"
                  "[topic:more]\ntopic = m\n");
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL), "%s", fixture.all);
    const struct config_deployment *alpha = fixture_deployment(&fixture, "alpha");
    cr_expect_not(alpha->is_enabled);
    cr_expect_str_eq(alpha->settings.items[0].text, "7m");
    cr_expect_str_eq(alpha->settings.items[1].text, "1");
    cr_expect(fixture_deployment(&fixture, "beta")->is_enabled);
    cr_expect_eq(fixture.config->worker_count, 1);
    cr_expect_eq(fixture.config->topic_count, 4);
}

Test(ini_files, environment_and_command_line_stand_above_drop_ins) {
    static const char *const environment[] = {"KAFKA_GROUP_ID=e", NULL};
    static const char *const overrides[] = {"take5|lanes=7", NULL};
    fixture_write(&fixture, "take5.ini", "");
    fixture_write(&fixture, "take5.d/a.ini", "[take5]\nlanes = 3\n[kafka]\ngroup.id = d\n");
    cr_assert_not_null(fixture_load(&fixture, environment, overrides), "%s", fixture.all);
    cr_expect_eq(fixture.config->lanes, 7);
    cr_expect_str_eq(fixture.config->group_id, "e");
}

Test(ini_files, faults_of_all_files_are_told_at_once) {
    fixture_write(&fixture, "take5.ini", "[take5]\nlanes = many\n");
    fixture_write(&fixture, "strategies.d/a.ini", "[take5]\n[strategy:alpha]\nenabled = perhaps\n");
    fixture_write(&fixture, "take5.d/1.ini", "[http]\nprot = 1\nport = ${PORT}\n");
    fixture_write(&fixture, "take5.d/2.ini", "[http]\nport = 99999\n[http]\n");
    cr_assert_null(fixture_load(&fixture, NULL, NULL));
    static const char *const places[] = {
        "take5.ini:2: ",     "strategies.d/a.ini:1: ", "strategies.d/a.ini:3: ",
        "take5.d/1.ini:2: ", "take5.d/1.ini:3: ",      "take5.d/2.ini:2: ",
        "take5.d/2.ini:3: "};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        cr_expect_not_null(strstr(fixture.all, places[i]), "%s not in:\n%s", places[i],
                           fixture.all);
}

Test(ini_files, what_is_there_besides_the_faults_can_be_looked_at) {
    const struct config_request request = {.path = fixture.path};
    struct faults faults = FAULTS_INIT;
    fixture_write(&fixture, "take5.ini", "[take5]\nlanes = many\nservice = s\n");
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:alpha]\nspan = 1\n");
    struct config *config = config_load_anyway(&request, &faults);
    cr_assert_not_null(config);
    cr_expect_eq(faults.error_count, 1);
    cr_expect_eq(config->lanes, 1);
    cr_expect_str_eq(config->service, "s");
    cr_expect_eq(config->deployment_count, 1);
    config_free(config);
    faults_release(&faults);
}

Test(ini_files, of_a_file_that_cannot_be_read_there_is_nothing_to_look_at) {
    const struct config_request request = {.path = fixture.path};
    struct faults faults = FAULTS_INIT;
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:alpha]\nspan = 1\n");
    cr_expect_null(config_load_anyway(&request, &faults));
    cr_expect_eq(faults.error_count, 1);
    cr_expect_not_null(strstr(faults.items[0].text, "take5.ini: cannot be opened: "));
    faults_release(&faults);
}

Test(ini_files, a_drop_in_that_others_may_write_is_refused) {
    const struct config_request request = {.path = fixture.path, .is_trusting_nobody = true};
    struct faults faults = FAULTS_INIT;
    fixture_write(&fixture, "take5.ini", "");
    fixture_write(&fixture, "take5.d/a.ini", "[take5]\nlanes = 3\n");
    chmod(fixture_path(&fixture, "take5.d/a.ini"), 0666);
    cr_expect_null(config_load(&request, &faults));
    cr_expect_not_null(strstr(faults.items[0].text, "take5.d/a.ini"));
    faults_release(&faults);
    chmod(fixture_path(&fixture, "take5.d/a.ini"), 0644);
    chmod(fixture_path(&fixture, "take5.d"), 0777);
    cr_expect_null(config_load(&request, &faults));
    cr_expect_not_null(strstr(faults.items[0].text, "take5.d"));
    faults_release(&faults);
}

/* ---- variables ---- */

static const char *const variables[] = {
    "BROKERS=kafka-7:9092", "LANES=3",        "CPU=0", "MODE=docker",
    "KEY=hunter2",          "SPAN=12parsecs", NULL};

Test(ini_files, variables_are_replaced_in_every_file) {
    fixture_write(&fixture, "take5.ini",
                  "[take5]\nlanes = ${LANES}\nservice = cost$$\n[topic:bar_trends]\n"
                  "topic = ${TOPIC:-bars}\n");
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:alpha]\nsecond = ${KEY}!\n");
    fixture_write(&fixture, "take5.d/a.ini", "[kafka]\nbootstrap.servers = ${BROKERS}\n");
    cr_assert_not_null(fixture_load(&fixture, variables, NULL), "%s", fixture.all);
    cr_expect_eq(fixture.config->lanes, 3);
    cr_expect_str_eq(fixture.config->service, "cost$");
    cr_expect_str_eq(fixture.config->topics[0].name, "bars");
    cr_expect_str_eq(fixture.config->bootstrap_servers, "kafka-7:9092");
    cr_expect_str_eq(fixture_deployment(&fixture, "alpha")->settings.items[0].text, "hunter2!");
}

Test(ini_files, the_path_of_a_secret_may_have_variables) {
    char variable[128];
    const char *const environment[] = {variable, NULL};
    snprintf(variable, sizeof variable, "DIR=%s", fixture.directory);
    fixture_write(&fixture, "password", "hunter2\n");
    chmod(fixture_path(&fixture, "password"), 0600);
    fixture_write(&fixture, "take5.ini", "[kafka]\nsasl.password.file = ${DIR}/password\n");
    cr_assert_not_null(fixture_load(&fixture, environment, NULL), "%s", fixture.all);
    for (size_t i = 0; i < fixture.config->kafka.count; i++)
        if (strcmp(fixture.config->kafka.items[i].name, "sasl.password") == 0)
            cr_expect_str_eq(fixture.config->kafka.items[i].text, "hunter2");
    cr_expect_eq(strncmp(fixture_setting(fixture.config, "kafka.sasl.password"), "*** (", 5), 0);
}

Test(ini_files, what_variables_hold_is_not_printed) {
    fixture_write(&fixture, "take5.ini",
                  "[take5]\nrun_mode = ${MODE}\n[topic:bar_trends]\ntopic = ${KEY}\n"
                  "[kafka]\nclient.id = a-${KEY}\nsasl.username.env = KEY\n[strategy:alpha]\n"
                  "anything = ${KEY}\nplugin = ${KEY}\n[worker:w]\ncpus = ${CPU}\n");
    cr_assert_not_null(fixture_load(&fixture, variables, NULL), "%s", fixture.all);
    char *all = fixture_print(fixture.config);
    cr_expect_null(strstr(all, "hunter2"), "%s", all);
    static const char *const lines[] = {
        "take5.run_mode = ${MODE} (",       "topic:bar_trends.topic = ${KEY} (",
        "kafka.client.id = a-${KEY} (",     "kafka.sasl.username = ${KEY} (",
        "strategy:alpha.plugin = ${KEY} (", "strategy:alpha.anything = ${KEY} (",
        "worker:w.cpus = ${CPU} ("};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not_null(strstr(all, lines[i]), "%s not in:\n%s", lines[i], all);
    free(all);
}

Test(ini_files, faults_do_not_show_what_variables_hold) {
    fixture_write(&fixture, "take5.ini",
                  "[take5]\nlanes = ${KEY}\non_stuck = ${KEY}\n[signals]\nsinks = log, ${KEY}\n"
                  "[kafka]\nsession.timeout.ms = ${KEY}\n[http]\nport = ${KEY}x\n"
                  "[strategy:alpha]\ntopics = bar_trends, ${KEY}\nplugin = ${KEY}/x\n");
    cr_assert_null(fixture_load(&fixture, variables, NULL));
    cr_expect_null(strstr(fixture.all, "hunter2"), "%s", fixture.all);
    cr_expect_not_null(strstr(fixture.all, "take5.ini:2: [take5] lanes = ${KEY} is not"), "%s",
                       fixture.all);
    cr_expect_not_null(strstr(fixture.all, "take5.ini:12: [strategy:alpha] plugin = ${KEY}/x"),
                       "%s", fixture.all);
}

Test(ini_files, a_short_value_is_not_taken_out_of_other_words) {
    static const char *const environment[] = {"N=0", NULL};
    fixture_write(&fixture, "take5.ini", "[http]\nport = ${N}\n[take5]\nlanes = ${N}\n");
    cr_assert_null(fixture_load(&fixture, environment, NULL));
    cr_expect_not_null(strstr(fixture.all, "lanes = ${N} is out of range: at least 1"), "%s",
                       fixture.all);
}

Test(ini_files, a_variable_that_is_missing_is_a_fault_of_its_line) {
    fixture_refuse(&fixture, "[take5]\nlanes = ${NONE}\nservice = $x\n",
                   "take5.ini:2: [take5] lanes: the environment variable NONE does not exist, or "
                   "is empty; ${NONE:-DEFAULT} has a default\n"
                   "take5.ini:3: [take5] service: a dollar that is not ${NAME}: write $$ for a "
                   "dollar\n");
}

Test(ini_files, a_reload_does_not_show_what_variables_hold) {
    struct faults faults = FAULTS_INIT;
    fixture_write(&fixture, "take5.ini",
                  "[kafka]\nclient.id = ${KEY}\n[topic:bar_trends]\n"
                  "topic = ${KEY}\n");
    struct config *running = fixture_load(&fixture, variables, NULL);
    cr_assert_not_null(running);
    fixture.config = NULL;
    fixture_write(&fixture, "take5.ini", "[take5]\nrun_mode = docker\n");
    cr_assert_not_null(fixture_load(&fixture, variables, NULL));
    cr_expect_not(config_can_reload(running, fixture.config, &faults));
    bool is_shown = false;
    for (size_t i = 0; i < faults.count; i++) {
        cr_expect_null(strstr(faults.items[i].text, "hunter2"), "%s", faults.items[i].text);
        is_shown = is_shown || strstr(faults.items[i].text, "was ${KEY}") != NULL;
    }
    cr_expect(is_shown);
    faults_release(&faults);
    config_free(running);
}

/* ---- the command line ---- */

Test(ini_files, a_secret_on_the_command_line_is_a_warning) {
    static const char *const overrides[] = {"kafka|sasl.password=hunter2", "kafka|sasl.username=u",
                                            "strategy:alpha|api_key=hunter2", NULL};
    fixture_write(&fixture, "take5.ini", "");
    cr_assert_not_null(fixture_load(&fixture, NULL, overrides), "%s", fixture.all);
    cr_expect_eq(fixture.faults.count, 2);
    cr_expect_not_null(strstr(fixture.all, "warning: command line: [kafka] sasl.password: "));
    cr_expect_not_null(strstr(fixture.all, "warning: command line: [strategy:alpha] api_key: "));
    cr_expect_null(strstr(fixture.all, "hunter2"));
}
