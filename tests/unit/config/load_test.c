#include "fixture.h"

#include "config/schema/items.h"

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

TestSuite(load, .init = begin, .fini = end);

Test(load, without_a_file_everything_has_its_default) {
    struct config_request request = {.path = NULL};
    struct config *config = config_load(&request, &fixture.faults);
    cr_assert_not_null(config);
    cr_assert_eq(fixture.faults.count, 0);
    cr_assert_null(config->path);
    cr_assert_eq(config->lanes, 1);
    cr_assert(config->strict_modes);
    cr_assert(config->keep_state);
    cr_assert_eq(config->on_stuck, ON_STUCK_EXIT);
    cr_assert_eq(config->on_crash, ON_CRASH_QUARANTINE);
    cr_assert_eq(config->stuck_ns, 60000000000);
    cr_assert_eq(config->slow_callback_ns, 100000000);
    cr_assert_eq(config->quarantine_ns, 3600000000000);
    cr_assert_eq(config->suspend_ns, 10000000000);
    cr_assert_eq(config->suspend_max_ns, 600000000000);
    cr_assert_eq(config->reject_rate, 1000);
    cr_assert_eq(config->log.level, LOG_LEVEL_INFO);
    cr_assert_eq(config->log.color, LOG_COLOR_AUTO);
    cr_assert_null(config->log.path);
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    cr_assert_eq(config->decode.max_bytes, limits.max_bytes);
    cr_assert_eq(config->decode.max_depth, limits.max_depth);
    cr_assert_eq(config->decode.max_symbol, limits.max_symbol);
    cr_assert_eq(config->decode.non_finite, limits.non_finite);
    cr_assert_eq(config->decode.max_event_lead_ns, limits.max_event_lead_ns);
    cr_assert_eq(config->decode.max_event_lag_ns, limits.max_event_lag_ns);
    cr_assert_eq(config->decode.zone.is_set, limits.zone.is_set);
    cr_assert_eq(config->max_symbols, 1000000);
    cr_assert_str_eq(config->bootstrap_servers, "127.0.0.1:29092");
    cr_assert_str_eq(config->group_id, "take5_algo1_group");
    cr_assert_str_eq(config->assignor, "range");
    cr_assert_eq(config->topic_count, 3);
    cr_assert(config->sink_log && !config->sink_jsonl && !config->sink_kafka);
    cr_assert_eq(config->dead_letters, DEAD_LETTERS_JSONL);
    cr_assert(config->http_enabled);
    cr_assert_eq(config->http_port, 8080);
    cr_assert_eq(config->deployment_count, 0);
    config_free(config);
    config_free(NULL);
}

Test(load, the_file_is_over_the_default) {
    struct config *config = fixture_load_text(&fixture, "[take5]\nlanes = 4\nstrict_modes = no\n"
                                                        "[decode]\nnon_finite = reject\n"
                                                        "[kafka]\ngroup.id = mine\n");
    cr_assert_not_null(config, "%s", fixture.all);
    cr_assert_eq(config->lanes, 4);
    cr_assert_not(config->strict_modes);
    cr_assert_eq(config->decode.non_finite, DECODE_NON_FINITE_REJECT);
    cr_assert_str_eq(config->group_id, "mine");
    cr_assert_str_eq(config->path, fixture.path);
}

Test(load, the_environment_is_over_the_file_and_the_command_line_over_both) {
    const char *const environment[] = {"KAFKA_GROUP_ID=from_env", "LOG_LEVEL=error",
                                       "KAFKA_BOOTSTRAP_SERVERS=env:1", NULL};
    const char *const overrides[] = {"kafka|bootstrap.servers=cli:1", "take5|lanes=3", NULL};
    fixture_write(&fixture, "take5.ini",
                  "[take5]\nlanes = 2\n[log]\nlevel = DEBUG\n[kafka]\ngroup.id = from_file\n"
                  "bootstrap.servers = file:1\nclient.id = from_file\n");
    struct config *config = fixture_load(&fixture, environment, overrides);
    cr_assert_not_null(config, "%s", fixture.all);
    cr_assert_str_eq(config->group_id, "from_env");
    cr_assert_str_eq(config->bootstrap_servers, "cli:1");
    cr_assert_eq(config->log.level, LOG_LEVEL_ERROR);
    cr_assert_eq(config->lanes, 3);
    cr_assert_str_eq(fixture_setting(config, "kafka.group.id"),
                     "from_env (environment variable KAFKA_GROUP_ID)");
    cr_assert_str_eq(fixture_setting(config, "kafka.bootstrap.servers"), "cli:1 (command line)");
    cr_assert_str_eq(fixture_setting(config, "take5.lanes"), "3 (command line)");
    cr_assert_str_eq(fixture_setting(config, "take5.keep_state"), "yes (default)");
    char expected[256];
    snprintf(expected, sizeof expected, "from_file (%s:8)", fixture.path);
    cr_assert_str_eq(fixture_setting(config, "kafka.client.id"), expected);
}

Test(load, a_mistake_below_shows_although_something_above_covers_it) {
    const char *const environment[] = {"LOG_LEVEL=INFO", NULL};
    fixture_write(&fixture, "take5.ini", "[log]\nlevel = LOUD\n");
    cr_assert_null(fixture_load(&fixture, environment, NULL));
    cr_assert_str_eq(fixture.all, "take5.ini:2: [log] level = LOUD is invalid: expected DEBUG, "
                                  "INFO, WARNING, ERROR or CRITICAL\n");
}

Test(load, everything_that_is_wrong_is_said_at_once) {
    fixture_write(&fixture, "strategies.d/b.ini", "[strategy:b]\ntime_frames = x\n[kafka]\n");
    fixture_write(&fixture, "take5.ini",
                  "[take5]\n"
                  "lane = 2\n"
                  "lanes = 0\n"
                  "nonsense\n"
                  "max_depth = 3\n"
                  "zzz = 1\n"
                  "[kafk]\n"
                  "x = 1\n"
                  "[kafka]\n"
                  "enable.auto.commit = no\n"
                  "[http]\n"
                  "address = localhost\n"
                  "port = 70000\n");
    const char *const environment[] = {"RUN_MODE=prod", "KAFKA_MAX_POLL_INTERVAL=never",
                                       "ENABLE_COLOR_LOGS=blue", NULL};
    const char *const overrides[] = {"take5|lanes=many", "nowhere|x=1", NULL};
    cr_assert_null(fixture_load(&fixture, environment, overrides));
    cr_assert_str_eq(
        fixture.all,
        "take5.ini:4: neither [section] nor key = value\n"
        "take5.ini:2: unknown key lane in [take5]; did you mean lanes?\n"
        "take5.ini:3: [take5] lanes = 0 is out of range: at least 1\n"
        "take5.ini:5: unknown key max_depth in [take5]; it belongs in [decode]\n"
        "take5.ini:6: unknown key zzz in [take5]\n"
        "take5.ini:7: unknown section [kafk]; did you mean [kafka]?\n"
        "take5.ini:10: [kafka] enable.auto.commit cannot be set: stored offsets are always "
        "committed; auto.commit.interval.ms sets how often\n"
        "take5.ini:13: [http] port = 70000 is out of range: at most 65535\n"
        "strategies.d/b.ini:2: [strategy:b] time_frames: x is not a number of seconds above 0 (60, "
        "5m)\n"
        "strategies.d/b.ini:3: [kafka] in a file of strategies.d: only [strategy:NAME] is allowed "
        "here\n"
        "environment variable RUN_MODE: [take5] run_mode = prod is invalid: expected local or "
        "docker\n"
        "environment variable KAFKA_MAX_POLL_INTERVAL: [kafka] max.poll.interval.ms = never "
        "is not a whole number\n"
        "environment variable ENABLE_COLOR_LOGS: blue is not true or false\n"
        "command line: [take5] lanes = many is not an integer\n"
        "command line: unknown section [nowhere]\n"
        "take5.ini:12: [http] address = localhost is not an IP address, such as 127.0.0.1, 0.0.0.0 "
        "or ::1\n");
}

Test(load, sections_get_hints_too) {
    fixture_refuse(&fixture, "[deadletters]\n[strategi:x]\n[Take5]\n[sink:jsnl]\n[topics:a]\n",
                   "take5.ini:1: unknown section [deadletters]; did you mean [dead_letters]?\n"
                   "take5.ini:2: unknown section [strategi:x]; did you mean [strategy:NAME]?\n"
                   "take5.ini:3: unknown section [Take5]; did you mean [take5]?\n"
                   "take5.ini:4: unknown section [sink:jsnl]; did you mean [sink:jsonl]?\n"
                   "take5.ini:5: unknown section [topics:a]; did you mean [topic:ROLE]?\n");
    fixture_refuse(&fixture, "[strategy]\n",
                   "take5.ini:1: unknown section [strategy]; did you mean [strategy:NAME]?\n");
}

Test(load, a_file_that_is_not_there_is_an_error) {
    cr_assert_null(fixture_load(&fixture, NULL, NULL));
    cr_assert_str_eq(fixture.all, "take5.ini: cannot be opened: No such file or directory\n");
}

Test(load, faults_of_before_do_not_count) {
    faults_add(&fixture.faults, (struct place){0}, "from elsewhere");
    struct config_request request = {.path = NULL};
    struct config *config = config_load(&request, &fixture.faults);
    cr_assert_not_null(config);
    config_free(config);
}

Test(load, paths_begin_at_the_file_they_stand_in) {
    fixture_write(&fixture, "take5.ini", "[take5]\nstate_dir = state\nrun_dir = /run/x\n");
    const char *const overrides[] = {"take5|cache_dir=cache", NULL};
    cr_assert_eq(chdir("/usr"), 0);
    struct config *config = fixture_load(&fixture, NULL, overrides);
    cr_assert_not_null(config, "%s", fixture.all);
    cr_assert_str_eq(config->state_dir, fixture_path(&fixture, "state"));
    cr_assert_str_eq(config->jsonl_path, fixture_path(&fixture, "state/signals.jsonl"));
    cr_assert_str_eq(config->dead_letters_path, fixture_path(&fixture, "state/dead_letters.jsonl"));
    cr_assert_str_eq(config->control_socket, "/run/x/control.sock");
    cr_assert_str_eq(config->cache_dir, "/usr/cache");
}

Test(load, a_path_from_the_working_directory_is_taken) {
    fixture_write(&fixture, "take5.ini", "[take5]\nstate_dir = state\n");
    cr_assert_eq(chdir(fixture.directory), 0);
    struct config_request request = {.path = "take5.ini"};
    struct config *config = config_load(&request, &fixture.faults);
    cr_assert_not_null(config);
    cr_assert_str_eq(config->path, fixture.path);
    cr_assert_str_eq(config->state_dir, fixture_path(&fixture, "state"));
    config_free(config);
}

Test(load, a_demo_keeps_to_itself) {
    const char *const environment[] = {"HOME=/home/q", "XDG_RUNTIME_DIR=/run/user/7", NULL};
    struct config_request request = {.environment = environment, .is_demo = true};
    struct config *config = config_load(&request, &fixture.faults);
    cr_assert_not_null(config);
    cr_assert_str_eq(config->run_dir, "/run/user/7/take5");
    cr_assert_str_eq(config->state_dir, "/home/q/.local/state/take5");
    cr_assert_str_eq(config->cache_dir, "/home/q/.cache/take5");
    config_free(config);
}

Test(load, what_settings_mean_together_is_checked) {
    fixture_refuse(
        &fixture,
        "[take5]\nsuspend = 20m\nslow_callback_ms = 70000\nreload_timeout = 5m\n"
        "[kafka]\nheartbeat.interval.ms = 50000\nmax.poll.interval.ms = 40000\n",
        "take5.ini:6: [kafka] heartbeat.interval.ms = 50000 must be below "
        "session.timeout.ms = 45000, usually a third of it\n"
        "take5.ini:7: [kafka] session.timeout.ms = 45000 must not be above "
        "max.poll.interval.ms = 40000\n"
        "take5.ini:4: [take5] reload_timeout = 5m must be below [kafka] "
        "max.poll.interval.ms = 40000, or the group revokes the partitions in the meantime\n"
        "take5.ini:2: [take5] suspend is 20m and must not be above suspend_max, which is "
        "10m\n"
        "take5.ini:3: [take5] slow_callback_ms is 70s and must not be above stuck_ms, "
        "which is 1m\n");
}

Test(load, a_socket_that_does_not_fit_is_named_with_its_length) {
    char content[300];
    snprintf(content, sizeof content, "[take5]\nrun_dir = /%0120d\n", 0);
    cr_assert_null(fixture_load_text(&fixture, content));
    cr_assert_not_null(strstr(fixture.all, "take5.ini:2: [control] socket = /000"));
    cr_assert_not_null(
        strstr(fixture.all, "control.sock is 134 bytes long, at most 107 are possible"));
}

Test(load, two_writers_need_a_file_each) {
    fixture_refuse(
        &fixture, "[log]\npath = /x/out\n[signals]\nsinks = jsonl\n[sink:jsonl]\npath = /x//out\n",
        "take5.ini:6: [sink:jsonl] path = /x/out is the same file as /x/out, [log] path: "
        "choose another file\n");
    cr_assert_not_null(fixture_load_text(
        &fixture, "[log]\npath = /x/out\n[signals]\nsinks = log\n[sink:jsonl]\npath = /x/out\n"));
}

Test(load, two_writers_need_a_file_each_by_whatever_name) {
    fixture_write(&fixture, "out", "");
    char *out = strdup(fixture_path(&fixture, "out"));
    cr_assert_eq(link(out, fixture_path(&fixture, "hard")), 0);
    free(out);
    fixture_refuse(
        &fixture,
        "[signals]\nsinks = jsonl\n[sink:jsonl]\npath = out\n[dead_letters]\nto = jsonl\n"
        "path = hard\n",
        "take5.ini:7: [dead_letters] path = hard is the same file as out, [sink:jsonl] "
        "path: choose another file\n");
    cr_assert_eq(symlink("new", fixture_path(&fixture, "soft")), 0);
    fixture_refuse(&fixture, "[log]\npath = new\n[journal]\nenabled = yes\npath = soft\n",
                   "take5.ini:5: [journal] path = soft is the same file as new, [log] path: choose "
                   "another file\n");
}

Test(load, the_configuration_is_not_written_over) {
    fixture_write(&fixture, "strategies.d/a.ini", "[strategy:alpha]\n");
    cr_assert_eq(symlink("strategies.d/a.ini", fixture_path(&fixture, "soft")), 0);
    fixture_refuse(
        &fixture, "[log]\npath = take5.ini\n[journal]\nenabled = yes\npath = soft\n",
        "take5.ini:2: [log] path = take5.ini is the same file as take5.ini, a configuration "
        "file: choose another file\n"
        "take5.ini:5: [journal] path = soft is the same file as strategies.d/a.ini, a "
        "configuration file: choose another file\n");
}

Test(load, levels_by_room) {
    struct config *config =
        fixture_load_text(&fixture, "[log]\nlevel.kafka = debug\nlevel.engine = Error\n");
    cr_assert_not_null(config, "%s", fixture.all);
    struct log *log = log_new();
    struct error error;
    cr_assert(config_apply_log(config, log, &error));
    cr_assert(log_is_on(log, "kafka", LOG_LEVEL_DEBUG));
    cr_assert_not(log_is_on(log, "engine", LOG_LEVEL_WARNING));
    cr_assert_not(log_is_on(log, "sink", LOG_LEVEL_DEBUG));
    log_free(log);
    fixture_refuse(&fixture, "[log]\nlevel.kafak = debug\nlevel.ops = loud\n",
                   "take5.ini:2: [log] level.kafak: unknown room kafak; did you mean kafka? "
                   "(config, strategy, source, sink, engine, ops, kafka)\n"
                   "take5.ini:3: [log] level.ops = loud is invalid: expected DEBUG, INFO, WARNING, "
                   "ERROR or CRITICAL\n");
}

Test(load, a_log_that_cannot_be_opened_is_said) {
    struct config *config = fixture_load_text(&fixture, "[log]\npath = no/such/dir/log\n");
    cr_assert_not_null(config);
    struct log *log = log_new();
    struct error error;
    cr_assert_not(config_apply_log(config, log, &error));
    cr_assert_not_null(strstr(error.text, "no/such/dir/log"));
    log_free(log);
}

/* Random files made of what real ones are made of: no crash, no leak, and a place for every fault
 * that has one. */
Test(load, random_files_are_survived) {
    static const char *const pieces[] = {"[take5]\n",
                                         "[kafka]\n",
                                         "[strategy:a]\n",
                                         "[strategy:b]\n",
                                         "[topic:x]\n",
                                         "[log]\n",
                                         "lanes = 2\n",
                                         "lanes = x\n",
                                         "topic = y\n",
                                         "topic =\n",
                                         "symbols = A, B\n",
                                         "symbols = ,\n",
                                         "  more\n",
                                         "group.id = g\n",
                                         "sasl.password = p\n",
                                         "level.kafka = x\n",
                                         "time_frames = 60,\n",
                                         "[sink:kafka]\n",
                                         "[signals]\n",
                                         "sinks = kafka\n",
                                         "acks = 1\n",
                                         "= 1\n",
                                         "[\n",
                                         "x\n",
                                         "\n",
                                         "; c\n",
                                         "topics = x\n",
                                         "plugin = a/b\n",
                                         "sasl.password.env = X\n",
                                         "run_dir = r\n",
                                         "state_dir = ~\n",
                                         "[http]\n",
                                         "port = 1\n",
                                         "enabled = no\n"};
    uint64_t state = 7;
    for (int round = 0; round < 300; round++) {
        char content[1024] = "";
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        for (uint64_t count = (state >> 33) % 20; count > 0; count--) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            strcat(content, pieces[(state >> 33) % (sizeof pieces / sizeof pieces[0])]);
        }
        struct config *config = fixture_load_text(&fixture, content);
        cr_assert_eq(config == NULL, fixture.faults.error_count > 0);
    }
}
