#include "fixture.h"

#include "config/schema/items.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
    fixture_write(&fixture, "take5.ini", "");
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(environment, .init = begin, .fini = end);

static const char *property(const char *name) {
    return config_items_find(&fixture.config->kafka, name)->text;
}

Test(environment, every_variable_of_the_old_service_works) {
    const char *const environment[] = {
        "KAFKA_BOOTSTRAP_SERVERS=a:1,b:2", "KAFKA_GROUP_ID=g",
        "KAFKA_AUTO_OFFSET_RESET=latest",  "KAFKA_AUTO_COMMIT_INTERVAL=2000",
        "KAFKA_SESSION_TIMEOUT=40000",     "KAFKA_HEARTBEAT_INTERVAL=2500",
        "KAFKA_MAX_POLL_INTERVAL=200000",  "LOG_LEVEL=CRITICAL",
        "ENABLE_COLOR_LOGS=false",         NULL};
    cr_assert_not_null(fixture_load(&fixture, environment, NULL), "%s", fixture.all);
    cr_assert_str_eq(fixture.config->bootstrap_servers, "a:1,b:2");
    cr_assert_str_eq(fixture.config->group_id, "g");
    cr_assert_str_eq(property("auto.offset.reset"), "latest");
    cr_assert_str_eq(property("auto.commit.interval.ms"), "2000");
    cr_assert_str_eq(property("session.timeout.ms"), "40000");
    cr_assert_str_eq(property("heartbeat.interval.ms"), "2500");
    cr_assert_str_eq(property("max.poll.interval.ms"), "200000");
    cr_assert_eq(fixture.config->log.level, LOG_LEVEL_CRITICAL);
    cr_assert_eq(fixture.config->log.color, LOG_COLOR_NEVER);
}

Test(environment, their_defaults_are_those_of_the_old_service) {
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL));
    cr_assert_str_eq(property("bootstrap.servers"), "127.0.0.1:29092");
    cr_assert_str_eq(property("group.id"), "take5_algo1_group");
    cr_assert_str_eq(property("auto.offset.reset"), "earliest");
    cr_assert_str_eq(property("auto.commit.interval.ms"), "1000");
    cr_assert_str_eq(property("session.timeout.ms"), "45000");
    cr_assert_str_eq(property("heartbeat.interval.ms"), "3000");
    cr_assert_str_eq(property("max.poll.interval.ms"), "300000");
}

Test(environment, run_mode_chooses_the_broker_when_none_is_named) {
    const char *const docker[] = {"RUN_MODE=docker", NULL};
    cr_assert_not_null(fixture_load(&fixture, docker, NULL));
    cr_assert_str_eq(fixture.config->bootstrap_servers, "broker_1:9092");
    cr_assert_str_eq(fixture.config->run_mode, "docker");

    const char *const named[] = {"RUN_MODE=docker", "KAFKA_BOOTSTRAP_SERVERS=x:1", NULL};
    cr_assert_not_null(fixture_load(&fixture, named, NULL));
    cr_assert_str_eq(fixture.config->bootstrap_servers, "x:1");

    fixture_write(&fixture, "take5.ini", "[kafka]\nmetadata.broker.list = y:1\n");
    cr_assert_not_null(fixture_load(&fixture, docker, NULL));
    cr_assert_str_eq(fixture.config->bootstrap_servers, "y:1");

    fixture_write(&fixture, "take5.ini", "[take5]\nrun_mode = docker\n");
    const char *const local[] = {"RUN_MODE=local", NULL};
    cr_assert_not_null(fixture_load(&fixture, local, NULL));
    cr_assert_str_eq(fixture.config->bootstrap_servers, "127.0.0.1:29092");
}

Test(environment, color_variable_is_a_boolean) {
    fixture_write(&fixture, "take5.ini", "[log]\ncolor = always\n");
    const char *const on[] = {"ENABLE_COLOR_LOGS=True", NULL};
    cr_assert_not_null(fixture_load(&fixture, on, NULL));
    cr_assert_eq(fixture.config->log.color, LOG_COLOR_AUTO);
    const char *const off[] = {"ENABLE_COLOR_LOGS=0", NULL};
    cr_assert_not_null(fixture_load(&fixture, off, NULL));
    cr_assert_eq(fixture.config->log.color, LOG_COLOR_NEVER);
}

/* Compose files write `KAFKA_GROUP_ID: ${GROUP:-}`. */
Test(environment, an_empty_variable_counts_as_unset) {
    const char *const environment[] = {"KAFKA_GROUP_ID=", "LOG_LEVEL=", "RUN_MODE=", NULL};
    cr_assert_not_null(fixture_load(&fixture, environment, NULL), "%s", fixture.all);
    cr_assert_str_eq(fixture.config->group_id, "take5_algo1_group");
}

Test(environment, a_bad_value_names_its_variable) {
    const char *const environment[] = {"KAFKA_SESSION_TIMEOUT=45s", "LOG_LEVEL=TRACE",
                                       "RUN_MODE=dokcer", "KAFKA_AUTO_OFFSET_RESET=first", NULL};
    cr_assert_null(fixture_load(&fixture, environment, NULL));
    cr_assert_eq(fixture.faults.error_count, 4);
    cr_assert_not_null(strstr(fixture.all,
                              "environment variable RUN_MODE: [take5] run_mode = dokcer "
                              "is invalid: expected local or docker; did you mean "
                              "docker?\n"));
    cr_assert_not_null(strstr(fixture.all, "environment variable KAFKA_AUTO_OFFSET_RESET: [kafka] "
                                           "auto.offset.reset = first: "));
    cr_assert_not_null(strstr(fixture.all, "environment variable KAFKA_SESSION_TIMEOUT: [kafka] "
                                           "session.timeout.ms = 45s is not a "
                                           "whole number\n"));
    cr_assert_not_null(strstr(fixture.all, "environment variable LOG_LEVEL: [log] level = TRACE is "
                                           "invalid: expected DEBUG, INFO, WARNING, ERROR or "
                                           "CRITICAL\n"));
}
