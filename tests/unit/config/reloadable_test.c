#include "fixture.h"

#include "config/schema/schema.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture running, next;

static void begin(void) {
    fixture_open(&running);
    fixture_open(&next);
}

static void end(void) {
    fixture_close(&running);
    fixture_close(&next);
}

TestSuite(reload, .init = begin, .fini = end);

/* What config_can_reload() says between the two, one a line, the folder cut off. */
static bool compare(const char *old_content, const char *new_content, char *said, size_t size) {
    cr_assert_not_null(fixture_load_text(&running, old_content), "%s", running.all);
    cr_assert_not_null(fixture_load_text(&next, new_content), "%s", next.all);
    struct faults faults = FAULTS_INIT;
    bool is_possible = config_can_reload(running.config, next.config, &faults);
    cr_assert_eq(is_possible, faults.error_count == 0);
    said[0] = '\0';
    for (size_t i = 0; i < faults.count; i++) {
        const char *text = faults.items[i].text;
        size_t prefix = strlen(next.directory);
        text += strncmp(text, next.directory, prefix) == 0 ? prefix + 1 : 0;
        strncat(said, text, size - strlen(said) - 1);
        strncat(said, "\n", size - strlen(said) - 1);
    }
    faults_release(&faults);
    return is_possible;
}

static void refuse(const char *old_content, const char *new_content, const char *expected) {
    char said[8192];
    cr_assert_not(compare(old_content, new_content, said, sizeof said));
    cr_assert_str_eq(said, expected);
}

static void allow(const char *old_content, const char *new_content) {
    char said[8192];
    cr_assert(compare(old_content, new_content, said, sizeof said), "%s", said);
}

Test(reload, what_stays_the_same_is_allowed_however_it_is_written) {
    allow("", "");
    allow("[take5]\nlanes = 2\n[topic:x]\n", "[topic:x]\ntopic = x\n[take5]\nlanes = 2\n");
    allow("[take5]\nreload_timeout = 60s\n", "[take5]\nreload_timeout = 1m\n");
    allow("[kafka]\nbootstrap.servers = 127.0.0.1:29092\n", "");
}

Test(reload, strategies_levels_and_limits_may_change) {
    allow("[strategy:a]\n", "[strategy:b]\nx = 1\nsymbols = A\n");
    allow("[log]\nlevel = INFO\n", "[log]\nlevel = DEBUG\nlevel.kafka = ERROR\n");
    allow("", "[take5]\nslow_callback_ms = 5\nerror_run = 3\nstats_interval = 1s\non_stuck = "
              "report\nkeep_state = no\n[http]\nready_max_lag = 5\n");
}

Test(reload, topics_name_both_values) {
    refuse("[topic:old]\n", "[topic:bar_trends]\ntopic = b2\n[topic:new]\n",
           "take5.ini:2: [topic:bar_trends] topic is now b2, was bar_trends: a reload "
           "cannot change this, restart the host\n"
           "take5.ini:3: [topic:new] topic is now new, was (none): a reload cannot "
           "change this, restart the host\n"
           "[topic:old] was removed, was old: a reload cannot change this, restart the "
           "host\n");
}

Test(reload, kafka_properties_name_both_values) {
    refuse("[kafka]\ngroup.id = g1\nclient.rack = r\n", "[kafka]\ngroup.id = g2\n",
           "take5.ini:2: [kafka] group.id is now g2, was g1: a reload cannot change "
           "this, restart the host\n"
           "[kafka] client.rack is now (none), was r: a reload cannot change this, "
           "restart the host\n");
    refuse("[sink:kafka]\nlinger.ms = 1\n", "[sink:kafka]\nlinger.ms = 2\n",
           "take5.ini:2: [sink:kafka] linger.ms is now 2, was 1: a reload cannot "
           "change this, restart the host\n");
}

Test(reload, secrets_are_compared_and_not_shown) {
    char said[8192];
    cr_assert_not(compare("[kafka]\nsasl.password = hunter1\n",
                          "[kafka]\nsasl.password = hunter2\n", said, sizeof said));
    cr_assert_str_eq(said, "take5.ini:2: [kafka] sasl.password has changed: a "
                           "reload cannot change this, restart the host\n");
}

Test(reload, everything_at_once) {
    refuse("[take5]\nhost_id = h\n",
           "[take5]\nlanes = 2\nstate_dir = /x\nhost_id = h\n[signals]\nsinks = log, "
           "kafka\n[dead_letters]\nto "
           "= none\n[decode]\nmax_depth = 9\n[http]\nport = 81\n",
           "take5.ini:2: [take5] lanes is now 2, was 1: a reload cannot change this, "
           "restart the host\n"
           "take5.ini:3: [take5] state_dir is now /x, was /var/lib/take5: a reload "
           "cannot change this, restart the host\n"
           "take5.ini:10: [decode] max_depth is now 9, was 64: a reload cannot change "
           "this, restart the host\n"
           "take5.ini:6: [signals] sinks is now log, kafka, was log: a reload cannot "
           "change this, restart the host\n"
           "[sink:jsonl] path is now /x/signals.jsonl, was "
           "/var/lib/take5/signals.jsonl: a reload cannot change this, restart the host\n"
           "[series] path is now /x/series.jsonl, was /var/lib/take5/series.jsonl: a reload "
           "cannot change this, restart the host\n"
           "take5.ini:8: [dead_letters] to is now none, was jsonl: a reload cannot "
           "change this, restart the host\n"
           "[dead_letters] path is now /x/dead_letters.jsonl, was "
           "/var/lib/take5/dead_letters.jsonl: a reload cannot change this, restart the host\n"
           "[journal] path is now /x/journal, was /var/lib/take5/journal: a reload "
           "cannot change this, restart the host\n"
           "take5.ini:12: [http] port is now 81, was 8080: a reload cannot change "
           "this, restart the host\n");
}

/* What the header promises: topics, [kafka], lanes, directories and sinks. */
Test(reload, the_schema_marks_what_the_contract_says) {
    const char *const fixed[][2] = {
        {"take5", "lanes"},       {"take5", "strategy_dir"}, {"take5", "cache_dir"},
        {"take5", "run_dir"},     {"take5", "state_dir"},    {"signals", "sinks"},
        {"sink:jsonl", "path"},   {"sink:kafka", "topic"},   {"dead_letters", "to"},
        {"dead_letters", "path"}, {"dead_letters", "topic"}, {"decode", "max_bytes"},
        {"series", "to"},         {"series", "path"},        {"series", "topic"}};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        cr_assert(schema_find(fixed[i][0], fixed[i][1])->is_fixed, "%s", fixed[i][1]);
}
