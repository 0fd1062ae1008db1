#include "scene.h"

#include "config/items.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scene scene;

static void begin(void) {
    scene_open(&scene);
}

static void end(void) {
    scene_close(&scene);
}

TestSuite(load, .init = begin, .fini = end);

Test(load, without_a_file_everything_has_its_default) {
    struct config_request request = {.path = NULL};
    struct config *config = config_load(&request, &scene.faults);
    cr_assert_not_null(config);
    cr_assert_eq(scene.faults.count, 0);
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
    cr_assert_eq(config->max_symbols, 1000000);
    cr_assert_str_eq(config->bootstrap_servers, "127.0.0.1:29092");
    cr_assert_str_eq(config->group_id, "take5_algo1_group");
    cr_assert_str_eq(config->assignor, "range");
    cr_assert_eq(config->topic_count, 3);
    cr_assert(config->sink_log && !config->sink_jsonl && !config->sink_kafka);
    cr_assert_eq(config->letters, LETTERS_JSONL);
    cr_assert(config->http_enabled);
    cr_assert_eq(config->http_port, 8080);
    cr_assert_eq(config->deployment_count, 0);
    config_free(config);
    config_free(NULL);
}

Test(load, the_file_is_over_the_default) {
    struct config *config = scene_load_text(&scene, "[take5]\nlanes = 4\nstrict_modes = no\n"
                                                    "[decode]\nnon_finite = reject\n"
                                                    "[kafka]\ngroup.id = mine\n");
    cr_assert_not_null(config, "%s", scene.all);
    cr_assert_eq(config->lanes, 4);
    cr_assert_not(config->strict_modes);
    cr_assert_eq(config->decode.non_finite, DECODE_NON_FINITE_REJECT);
    cr_assert_str_eq(config->group_id, "mine");
    cr_assert_str_eq(config->path, scene.path);
}

Test(load, the_environment_is_over_the_file_and_the_command_line_over_both) {
    const char *const environment[] = {"KAFKA_GROUP_ID=from_env", "LOG_LEVEL=error",
                                       "KAFKA_BOOTSTRAP_SERVERS=env:1", NULL};
    const char *const overrides[] = {"kafka|bootstrap.servers=cli:1", "take5|lanes=3", NULL};
    scene_write(&scene, "take5.ini",
                "[take5]\nlanes = 2\n[log]\nlevel = DEBUG\n[kafka]\ngroup.id = from_file\n"
                "bootstrap.servers = file:1\nclient.id = from_file\n");
    struct config *config = scene_load(&scene, environment, overrides);
    cr_assert_not_null(config, "%s", scene.all);
    cr_assert_str_eq(config->group_id, "from_env");
    cr_assert_str_eq(config->bootstrap_servers, "cli:1");
    cr_assert_eq(config->log.level, LOG_LEVEL_ERROR);
    cr_assert_eq(config->lanes, 3);
    cr_assert_str_eq(scene_setting(config, "kafka.group.id"),
                     "from_env (environment variable KAFKA_GROUP_ID)");
    cr_assert_str_eq(scene_setting(config, "kafka.bootstrap.servers"), "cli:1 (command line)");
    cr_assert_str_eq(scene_setting(config, "take5.lanes"), "3 (command line)");
    cr_assert_str_eq(scene_setting(config, "take5.keep_state"), "yes (default)");
    char expected[256];
    snprintf(expected, sizeof expected, "from_file (%s:8)", scene.path);
    cr_assert_str_eq(scene_setting(config, "kafka.client.id"), expected);
}

Test(load, a_mistake_below_shows_although_something_above_covers_it) {
    const char *const environment[] = {"LOG_LEVEL=INFO", NULL};
    scene_write(&scene, "take5.ini", "[log]\nlevel = LOUD\n");
    cr_assert_null(scene_load(&scene, environment, NULL));
    cr_assert_str_eq(scene.all, "take5.ini:2: [log] level = LOUD is not known: expected DEBUG, "
                                "INFO, WARNING, ERROR or CRITICAL\n");
}

Test(load, everything_that_is_wrong_is_said_at_once) {
    scene_write(&scene, "strategies.d/b.ini", "[strategy:b]\ntime_frames = x\n[kafka]\n");
    scene_write(&scene, "take5.ini",
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
    cr_assert_null(scene_load(&scene, environment, overrides));
    cr_assert_str_eq(
        scene.all,
        "take5.ini:4: neither [section] nor key = value\n"
        "take5.ini:2: unknown key lane in [take5]; did you mean lanes?\n"
        "take5.ini:3: [take5] lanes = 0 is out of bounds: at least 1\n"
        "take5.ini:5: unknown key max_depth in [take5]; it belongs into [decode]\n"
        "take5.ini:6: unknown key zzz in [take5]\n"
        "take5.ini:7: unknown section [kafk]; did you mean [kafka]?\n"
        "take5.ini:10: [kafka] enable.auto.commit is not for setting: stored offsets are always "
        "committed; auto.commit.interval.ms says how often\n"
        "take5.ini:13: [http] port = 70000 is out of bounds: at most 65535\n"
        "strategies.d/b.ini:2: [strategy:b] time_frames: x is not a number of seconds above 0 (60, "
        "5m)\n"
        "strategies.d/b.ini:3: [kafka] in a file of strategies.d: only [strategy:NAME] may stand "
        "here\n"
        "environment variable RUN_MODE: [take5] run_mode = prod is not known: expected local or "
        "docker\n"
        "environment variable KAFKA_MAX_POLL_INTERVAL: [kafka] max.poll.interval.ms = never "
        "is not a whole number\n"
        "environment variable ENABLE_COLOR_LOGS: blue is not true or false\n"
        "command line: [take5] lanes = many is not a whole number\n"
        "command line: unknown section [nowhere]\n"
        "take5.ini:12: [http] address = localhost is no IP address: 127.0.0.1, 0.0.0.0, ::1 and so "
        "on\n");
}

Test(load, sections_get_hints_too) {
    scene_refuse(&scene, "[deadletters]\n[strategi:x]\n[Take5]\n[sink:jsnl]\n[topics:a]\n",
                 "take5.ini:1: unknown section [deadletters]; did you mean [dead_letters]?\n"
                 "take5.ini:2: unknown section [strategi:x]; did you mean [strategy:NAME]?\n"
                 "take5.ini:3: unknown section [Take5]; did you mean [take5]?\n"
                 "take5.ini:4: unknown section [sink:jsnl]; did you mean [sink:jsonl]?\n"
                 "take5.ini:5: unknown section [topics:a]; did you mean [topic:ROLE]?\n");
    scene_refuse(&scene, "[strategy]\n",
                 "take5.ini:1: unknown section [strategy]; did you mean [strategy:NAME]?\n");
}

Test(load, a_file_that_is_not_there_is_an_error) {
    cr_assert_null(scene_load(&scene, NULL, NULL));
    cr_assert_str_eq(scene.all, "take5.ini: cannot be opened: No such file or directory\n");
}

Test(load, faults_of_before_do_not_count) {
    faults_add(&scene.faults, (struct place){0}, "from elsewhere");
    struct config_request request = {.path = NULL};
    struct config *config = config_load(&request, &scene.faults);
    cr_assert_not_null(config);
    config_free(config);
}

Test(load, paths_begin_at_the_file_they_stand_in) {
    scene_write(&scene, "take5.ini", "[take5]\nstate_dir = state\nrun_dir = /run/x\n");
    const char *const overrides[] = {"take5|cache_dir=cache", NULL};
    cr_assert_eq(chdir("/usr"), 0);
    struct config *config = scene_load(&scene, NULL, overrides);
    cr_assert_not_null(config, "%s", scene.all);
    cr_assert_str_eq(config->state_dir, scene_path(&scene, "state"));
    cr_assert_str_eq(config->jsonl_path, scene_path(&scene, "state/signals.jsonl"));
    cr_assert_str_eq(config->letters_path, scene_path(&scene, "state/dead_letters.jsonl"));
    cr_assert_str_eq(config->control_socket, "/run/x/control.sock");
    cr_assert_str_eq(config->cache_dir, "/usr/cache");
}

Test(load, a_path_from_the_working_directory_is_taken) {
    scene_write(&scene, "take5.ini", "[take5]\nstate_dir = state\n");
    cr_assert_eq(chdir(scene.directory), 0);
    struct config_request request = {.path = "take5.ini"};
    struct config *config = config_load(&request, &scene.faults);
    cr_assert_not_null(config);
    cr_assert_str_eq(config->path, scene.path);
    cr_assert_str_eq(config->state_dir, scene_path(&scene, "state"));
    config_free(config);
}

Test(load, a_demo_keeps_to_itself) {
    const char *const environment[] = {"HOME=/home/q", "XDG_RUNTIME_DIR=/run/user/7", NULL};
    struct config_request request = {.environment = environment, .is_demo = true};
    struct config *config = config_load(&request, &scene.faults);
    cr_assert_not_null(config);
    cr_assert_str_eq(config->run_dir, "/run/user/7/take5");
    cr_assert_str_eq(config->state_dir, "/home/q/.local/state/take5");
    cr_assert_str_eq(config->cache_dir, "/home/q/.cache/take5");
    config_free(config);
}

Test(load, what_settings_mean_together_is_checked) {
    scene_refuse(&scene,
                 "[take5]\nsuspend = 20m\nslow_callback_ms = 70000\nreload_timeout = 5m\n"
                 "[kafka]\nheartbeat.interval.ms = 50000\nmax.poll.interval.ms = 40000\n",
                 "take5.ini:6: [kafka] heartbeat.interval.ms = 50000 must be below "
                 "session.timeout.ms = 45000, a third of it is usual\n"
                 "take5.ini:7: [kafka] session.timeout.ms = 45000 must not be above "
                 "max.poll.interval.ms = 40000\n"
                 "take5.ini:4: [take5] reload_timeout = 5m must be below [kafka] "
                 "max.poll.interval.ms = 40000, or the group takes the partitions away meanwhile\n"
                 "take5.ini:2: [take5] suspend is 20m and must not be above suspend_max, which is "
                 "10m\n"
                 "take5.ini:3: [take5] slow_callback_ms is 70s and must not be above stuck_ms, "
                 "which is 1m\n");
}

Test(load, a_socket_that_does_not_fit_is_named_with_its_length) {
    char content[300];
    snprintf(content, sizeof content, "[take5]\nrun_dir = /%0120d\n", 0);
    cr_assert_null(scene_load_text(&scene, content));
    cr_assert_not_null(strstr(scene.all, "take5.ini:2: [control] socket = /000"));
    cr_assert_not_null(strstr(scene.all, "control.sock is 134 bytes long, at most 107 fit"));
}

Test(load, two_writers_need_a_file_each) {
    scene_refuse(&scene,
                 "[log]\npath = /x/out\n[signals]\nsinks = jsonl\n[sink:jsonl]\npath = /x//out\n",
                 "take5.ini:6: [log] and [sink:jsonl] both write to /x/out: they need a file "
                 "each\n");
    cr_assert_not_null(scene_load_text(
        &scene, "[log]\npath = /x/out\n[signals]\nsinks = log\n[sink:jsonl]\npath = /x/out\n"));
}

Test(load, levels_by_room) {
    struct config *config =
        scene_load_text(&scene, "[log]\nlevel.kafka = debug\nlevel.engine = Error\n");
    cr_assert_not_null(config, "%s", scene.all);
    struct log *log = log_new();
    struct error error;
    cr_assert(config_apply_log(config, log, &error));
    cr_assert(log_is_on(log, "kafka", LOG_LEVEL_DEBUG));
    cr_assert_not(log_is_on(log, "engine", LOG_LEVEL_WARNING));
    cr_assert_not(log_is_on(log, "sink", LOG_LEVEL_DEBUG));
    log_free(log);
    scene_refuse(&scene, "[log]\nlevel.kafak = debug\nlevel.ops = loud\n",
                 "take5.ini:2: [log] level.kafak: there is no room kafak; did you mean kafka? "
                 "(config, strategy, source, sink, engine, ops, kafka)\n"
                 "take5.ini:3: [log] level.ops = loud is not known: expected DEBUG, INFO, WARNING, "
                 "ERROR or CRITICAL\n");
}

Test(load, a_log_that_cannot_be_opened_is_said) {
    struct config *config = scene_load_text(&scene, "[log]\npath = no/such/dir/log\n");
    cr_assert_not_null(config);
    struct log *log = log_new();
    struct error error;
    cr_assert_not(config_apply_log(config, log, &error));
    cr_assert_not_null(strstr(error.text, "no/such/dir/log"));
    log_free(log);
}

/* Random files made of what real ones are made of: no crash, no leak, and a place for every fault
 * that has one. */
Test(load, random_files_are_survived, .timeout = 120) {
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
        struct config *config = scene_load_text(&scene, content);
        cr_assert_eq(config == NULL, scene.faults.error_count > 0);
    }
}
