#include "config/value/value.h"

#include "base/error.h"
#include "config/config.h"
#include "config/schema/schema.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct config config;
static struct config_deployment deployment;
static struct error error;
static struct text out;

static const struct schema_key *key_of(const char *section, const char *key) {
    const struct schema_key *found = schema_find(section, key);
    cr_assert_not_null(found, "%s.%s", section, key);
    return found;
}

static void *base_of(const char *section) {
    return strcmp(section, "strategy:NAME") == 0 ? (void *)&deployment : (void *)&config;
}

static void end(void) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, "topic:ROLE") != 0)
            value_release(base_of(keys[i].section), &keys[i]);
    text_release(&out);
}

TestSuite(value, .fini = end);

static void take(const char *section, const char *key, const char *text, const char *printed) {
    cr_assert(value_set(base_of(section), key_of(section, key), text, "/etc/take5", &error), "%s",
              error.text);
    text_release(&out);
    text_init(&out);
    value_print(base_of(section), key_of(section, key), &out);
    cr_assert_str_eq(out.data, printed);
}

static void refuse(const char *section, const char *key, const char *text, const char *problem) {
    cr_assert_not(value_set(base_of(section), key_of(section, key), text, NULL, &error),
                  "%s was taken", text);
    cr_assert_str_eq(error.text, problem);
}

Test(value, booleans) {
    take("take5", "strict_modes", "off", "no");
    cr_assert_not(config.strict_modes);
    take("take5", "strict_modes", "TRUE", "yes");
    cr_assert(config.strict_modes);
    refuse("take5", "strict_modes", "maybe", "strict_modes = maybe is not yes or no");
    refuse("take5", "strict_modes", "", "strict_modes =  is not yes or no");
    cr_assert(config.strict_modes, "a refused value changes nothing");
}

Test(value, integers_and_their_bounds) {
    take("take5", "lanes", "64", "64");
    cr_assert_eq(config.lanes, 64);
    refuse("take5", "lanes", "65", "lanes = 65 is out of range: at most 64");
    refuse("take5", "lanes", "0", "lanes = 0 is out of range: at least 1");
    refuse("take5", "lanes", "two", "lanes = two is not an integer");
    refuse("take5", "lanes", "1.5", "lanes = 1.5 is not an integer");
    take("decode", "max_depth", "7", "7");
    cr_assert_eq(config.decode.max_depth, 7);
    refuse("decode", "max_depth", "4294967297",
           "max_depth = 4294967297 is out of range: at most "
           "10000");
}

Test(value, durations_in_every_way_they_are_written) {
    take("take5", "stats_interval", "1500ms", "1500ms");
    cr_assert_eq(config.stats_interval_ns, 1500000000);
    take("take5", "stats_interval", "0", "0");
    refuse("take5", "stats_interval", "10",
           "stats_interval = 10 is not a duration (250ms, 30s, 5m, 2h, 1d): the unit is missing");
    refuse("take5", "stats_interval", "2d", "stats_interval = 2d is out of range: at most 1d");
    refuse("take5", "suspend", "0", "suspend = 0 is out of range: at least 1ms");
    take("take5", "stuck_ms", "250", "250");
    cr_assert_eq(config.stuck_ns, 250000000);
    refuse("take5", "stuck_ms", "1", "stuck_ms = 1 is out of range: at least 10");
    refuse("take5", "stuck_ms", "1s", "stuck_ms = 1s is not an integer number of milliseconds");
    refuse("take5", "stuck_ms", "9223372036854775807",
           "stuck_ms = 9223372036854775807 is not an integer number of milliseconds");
    take("take5", "quarantine_minutes", "5", "5");
    cr_assert_eq(config.quarantine_ns, 300000000000);
}

Test(value, rates_and_sizes) {
    take("take5", "reject_rate", "50/min", "50/min");
    cr_assert_eq(config.reject_rate, 50);
    take("take5", "reject_rate", "60", "60/min");
    refuse("take5", "reject_rate", "5/s", "reject_rate = 5/s is not a rate per minute (1000/min)");
    take("decode", "max_bytes", "2097152", "2MiB");
    take("decode", "max_bytes", "64KB", "64000");
    take("decode", "max_bytes", "64KiB", "64KiB");
    cr_assert_eq(config.decode.max_bytes, 65536);
    refuse("decode", "max_bytes", "2GiB", "max_bytes = 2GiB is out of range: at most 1GiB");
    refuse("decode", "max_bytes", "1M", "max_bytes = 1M is not a size (1048576, 64KiB, 1MiB)");
}

Test(value, a_zone_is_utc_or_an_offset) {
    take("decode", "time_zone", "UTC", "UTC");
    cr_assert(config.decode.zone.is_set && config.decode.zone.offset_s == 0);
    take("decode", "time_zone", "+0530", "+05:30");
    cr_assert_eq(config.decode.zone.offset_s, 19800);
    take("decode", "time_zone", "-03", "-03:00");
    take("decode", "time_zone", "+00:00", "UTC");
    refuse("decode", "time_zone", "Europe/Paris",
           "time_zone = Europe/Paris is not none, UTC or an offset (+05:30); give the offset "
           "and not a name, because a zone with daylight saving time has an ambiguous hour");
    cr_assert(config.decode.zone.is_set);
    take("decode", "time_zone", "none", "none");
    cr_assert_not(config.decode.zone.is_set);
    take("decode", "max_event_lag", "30d", "30d");
    refuse("decode", "max_event_lag", "0s", "max_event_lag = 0s is out of range: at least 1m");
}

Test(value, texts_are_one_line) {
    take("take5", "service", "my host", "my host");
    take("take5", "service", "other", "other");
    refuse("take5", "service", "", "service is empty: omit the key");
    refuse("take5", "service", "a\nlanes = 3",
           "service has more than one line: an indented line continues the value above "
           "it");
    cr_assert_str_eq(config.service, "other");
}

Test(value, paths_are_seen_from_the_file) {
    take("take5", "run_dir", "/run/x", "/run/x");
    take("take5", "run_dir", "x/./y//z/", "/etc/take5/x/y/z");
    take("take5", "run_dir", ".", "/etc/take5");
    refuse("take5", "run_dir", "", "run_dir is empty: expected a path");
    refuse("take5", "run_dir", "~/x", "run_dir = ~/x: ~ is not expanded here, write the full path");
}

Test(value, choices_in_any_case) {
    take("take5", "on_stuck", "REPORT", "report");
    cr_assert_eq(config.on_stuck, ON_STUCK_REPORT);
    take("log", "level", "warning", "WARNING");
    take("take5", "run_mode", "Docker", "docker");
    cr_assert_str_eq(config.run_mode, "docker");
    refuse("take5", "on_stuck", "explode",
           "on_stuck = explode is invalid: expected exit or report");
    refuse("log", "format", "jsn",
           "format = jsn is invalid: expected console, json or journald; did you mean json?");
    take("strategy:NAME", "global_partial", "ok", "ok");
    cr_assert(deployment.global_partial);
    take("strategy:NAME", "global_partial", "suspend", "suspend");
    cr_assert_not(deployment.global_partial);
}

Test(value, sets_of_sinks) {
    take("signals", "sinks", "jsonl,log", "log, jsonl");
    cr_assert(config.sink_log && config.sink_jsonl && !config.sink_kafka);
    take("signals", "sinks", " kafka ", "kafka");
    cr_assert(!config.sink_log && !config.sink_jsonl && config.sink_kafka);
    refuse(
        "signals", "sinks", "kafka, kafak",
        "sinks = kafak is invalid: expected log, jsonl, kafka, postgres or webhook; did you mean "
        "kafka?");
    cr_assert(config.sink_kafka, "a refused value changes nothing");
    take("signals", "sinks", "", "");
    cr_assert(!config.sink_log && !config.sink_jsonl && !config.sink_kafka);
}

Test(value, lists_part_at_commas_and_lines) {
    take("strategy:NAME", "symbols", "QQQ", "QQQ");
    take("strategy:NAME", "symbols", "QQQ, SPY,BRK.B ,", "QQQ, SPY, BRK.B");
    take("strategy:NAME", "symbols", "QQQ,\nSPY\nIWM", "QQQ, SPY, IWM");
    cr_assert_str_eq(deployment.symbols[2], "IWM");
    cr_assert_null(deployment.symbols[3]);
    refuse("strategy:NAME", "symbols", "A,,B",
           "symbols has an empty item: separate items with one comma");
    refuse("strategy:NAME", "symbols", ", A",
           "symbols has an empty item: separate items with one comma");
    refuse("strategy:NAME", "symbols", "", "symbols is empty: omit the key for all");
    cr_assert_str_eq(deployment.symbols[0], "QQQ");
}

Test(value, time_frames_are_seconds_or_durations) {
    take("strategy:NAME", "time_frames", "60, 5m, 1h", "60, 300, 3600");
    cr_assert_eq(deployment.time_frames[2], 3600);
    cr_assert_eq(deployment.time_frames[3], 0);
    refuse("strategy:NAME", "time_frames", "60, 0",
           "time_frames: 0 is not a number of seconds above 0 (60, 5m)");
    refuse("strategy:NAME", "time_frames", "500ms",
           "time_frames: 500ms is not a number of seconds above 0 (60, 5m)");
    refuse("strategy:NAME", "time_frames", "4294967296",
           "time_frames: 4294967296 is not a number of seconds above 0 (60, 5m)");
    refuse("strategy:NAME", "time_frames", "-60",
           "time_frames: -60 is not a number of seconds above 0 (60, 5m)");
    refuse("strategy:NAME", "time_frames", " ", "time_frames is empty: omit the key for all");
}

Test(value, equality_goes_by_meaning) {
    static struct config other;
    const struct schema_key *key = key_of("take5", "stats_interval");
    cr_assert(value_set(&config, key, "60s", NULL, &error));
    cr_assert(value_set(&other, key, "1m", NULL, &error));
    cr_assert(value_equal(&config, &other, key));
    cr_assert(value_set(&other, key, "2m", NULL, &error));
    cr_assert_not(value_equal(&config, &other, key));
    const struct schema_key *group = key_of("control", "group");
    cr_assert(value_equal(&config, &other, group), "both not set");
    cr_assert(value_set(&config, group, "quants", NULL, &error));
    cr_assert_not(value_equal(&config, &other, group));
}
