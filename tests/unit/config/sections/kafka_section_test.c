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

TestSuite(kafka, .init = begin, .fini = end);

static const char *consumer(const char *name) {
    const struct config_item *item = config_items_find(&fixture.config->kafka, name);
    return item != NULL ? item->text : NULL;
}

static const char *producer(const char *name) {
    const struct config_item *item = config_items_find(&fixture.config->producer, name);
    return item != NULL ? item->text : NULL;
}

static void load(const char *content) {
    cr_assert_not_null(fixture_load_text(&fixture, content), "%s", fixture.all);
}

Test(kafka, any_property_goes_through) {
    load("[kafka]\nfetch.wait.max.ms = 20\nsasl.mechanism = PLAIN\nclient.rack = r1\n");
    cr_assert_str_eq(consumer("fetch.wait.max.ms"), "20");
    cr_assert_str_eq(consumer("sasl.mechanism"), "PLAIN");
    cr_assert_str_eq(consumer("socket.nagle.disable"), "true");
    cr_assert_null(consumer("enable.auto.commit"), "the host's own are not among them");
}

Test(kafka, brokers_over_two_lines_are_one_value) {
    load("[kafka]\nbootstrap.servers = a:9092,\n  b:9092\n");
    cr_assert_str_eq(fixture.config->bootstrap_servers, "a:9092,b:9092");
    cr_assert_str_eq(fixture.config->bootstrap_servers, consumer("bootstrap.servers"));
}

Test(kafka, a_property_of_one_line_has_no_second) {
    fixture_refuse(&fixture, "[kafka]\ngroup.id = g\n  client.id:x\n",
                   "take5.ini:3: client.id is indented deeper than the key above it and would "
                   "continue its value: start it in the same column as the other keys\n");
    fixture_refuse(&fixture, "[kafka]\ngroup.id = g\n  client.id==x\n",
                   "take5.ini:3: client.id is indented deeper than the key above it and would "
                   "continue its value: start it in the same column as the other keys\n");
    fixture_refuse(
        &fixture, "[kafka]\ngroup.id = g\n  h\n",
        "take5.ini:3: the line is indented deeper than group.id above it and would "
        "continue its value, where it is not allowed: start it in the same column as the "
        "other keys\n");
    fixture_refuse(&fixture, "[kafka]\nbootstrap.servers = a:1\n  linger.ms:5\n",
                   "take5.ini:3: linger.ms is indented deeper than the key above it and would "
                   "continue its value: start it in the same column as the other keys\n");
    fixture_refuse(&fixture, "[kafka]\ngroup.id = g\n  [sink:kafka] ; mine\ntopic = t\n",
                   "take5.ini:3: [sink:kafka] is indented deeper than the key above it and would "
                   "continue its value: start it in the first column\n");
    fixture_refuse(&fixture, "[kafka]\ngroup.id = g\n  [topic:Bar]\nname = t\n",
                   "take5.ini:3: [topic:Bar] is indented deeper than the key above it and would "
                   "continue its value: start it in the first column\n");
    fixture_write(&fixture, "two", "one\ntwo\n");
    fixture_refuse(
        &fixture, "[kafka]\nsasl.password.file = two\n",
        "warning: take5.ini:2: [kafka] sasl.password.file: two is readable by others (mode "
        "0644): chmod o-r it\n"
        "take5.ini:2: [kafka] sasl.password.file has more than one line: an "
        "indented line continues the value above it; a file path is one line\n");
    fixture_write(&fixture, "take5.ini", "[kafka]\nclient.id.env = ID\n");
    cr_assert_null(fixture_load(&fixture, (const char *const[]){"ID=a\nb", NULL}, NULL));
    cr_assert_not_null(
        strstr(fixture.all, "take5.ini:2: [kafka] client.id.env has more than one line"), "%s",
        fixture.all);
    fixture_write(&fixture, "take5.ini", "");
    cr_assert_null(
        fixture_load(&fixture, NULL, (const char *const[]){"kafka|client.id=a\nb", NULL}));
    cr_assert_not_null(
        strstr(fixture.all, "command line: [kafka] client.id has more than one line"), "%s",
        fixture.all);
}

Test(kafka, a_certificate_may_stand_in_the_file) {
    load("[kafka]\nssl.key.pem = -----BEGIN KEY-----\n  Proc-Type: 4,ENCRYPTED\n  MIIB\n  kQ==\n"
         "  -----END KEY-----\nclient.id = c\n");
    cr_assert_str_eq(consumer("ssl.key.pem"), "-----BEGIN KEY-----\nProc-Type: 4,ENCRYPTED\nMIIB\n"
                                              "kQ==\n-----END KEY-----");
    cr_assert_str_eq(consumer("client.id"), "c");
}

Test(kafka, the_producer_has_what_it_knows_of_the_consumers) {
    load("[kafka]\nbootstrap.servers = a:1\nsasl.mechanism = PLAIN\nfetch.wait.max.ms = 20\n"
         "client.id = c\n"
         "[sink:kafka]\ntopic = t\nclient.id = p\nlinger.ms = 1\n");
    cr_assert_str_eq(producer("bootstrap.servers"), "a:1");
    cr_assert_str_eq(producer("sasl.mechanism"), "PLAIN");
    cr_assert_str_eq(producer("client.id"), "p");
    cr_assert_str_eq(producer("linger.ms"), "1");
    cr_assert_str_eq(producer("partitioner"), "murmur2_random");
    cr_assert_null(producer("fetch.wait.max.ms"));
    cr_assert_null(producer("group.id"));
    cr_assert_null(producer("statistics.interval.ms"), "a default for consumers alone");
    cr_assert_null(producer("topic.metadata.refresh.interval.ms"));
    cr_assert_str_eq(consumer("client.id"), "c");
    cr_assert_str_eq(fixture.config->signal_topic, "t");
}

Test(kafka, the_producer_may_go_to_other_brokers) {
    load("[sink:kafka]\nbootstrap.servers = other:1\n");
    cr_assert_str_eq(producer("bootstrap.servers"), "other:1");
    cr_assert_str_eq(fixture.config->bootstrap_servers, "127.0.0.1:29092");
}

Test(kafka, one_property_under_two_names_is_refused) {
    fixture_write(&fixture, "secret", "x\n");
    fixture_refuse(&fixture, "[kafka]\nbootstrap.servers = a:1\nmetadata.broker.list = b:1\n",
                   "take5.ini:3: [kafka] bootstrap.servers is already set, at line 2\n");
    cr_assert_null(
        fixture_load_text(&fixture, "[kafka]\nsasl.password = x\nsasl.password.file = secret\n"));
    cr_assert_not_null(strstr(fixture.all, "take5.ini:3: [kafka] sasl.password is already set, at "
                                           "line 2\n"));
}

Test(kafka, secrets_are_never_shown) {
    load("[kafka]\nsasl.password = hunter2\nssl.key.password = hunter2\n"
         "sasl.oauthbearer.config = hunter2\n[sink:kafka]\nsasl.password = hunter2\n"
         "[strategy:a]\napi_token = hunter2\n");
    fixture_expect_hidden(&fixture, "hunter2");
    cr_assert_str_eq(consumer("sasl.password"), "hunter2");
    char expected[200];
    snprintf(expected, sizeof expected, "*** (%s:2)", fixture.path);
    cr_assert_str_eq(fixture_setting(fixture.config, "kafka.sasl.password"), expected);
    snprintf(expected, sizeof expected, "*** (%s:8)", fixture.path);
    cr_assert_str_eq(fixture_setting(fixture.config, "strategy:a.api_token"), expected);
}

Test(kafka, secrets_in_mistakes_are_not_shown_either) {
    cr_assert_null(fixture_load_text(&fixture,
                                     "[kafka]\nsasl.pasword = hunter2\n"
                                     "sasl.password.fil = hunter2\n"
                                     "sasl.password = hunter2\nsasl.password = hunter2\n"));
    cr_assert_geq(fixture.faults.error_count, 3);
    fixture_expect_hidden(&fixture, "hunter2");
}

Test(kafka, a_secret_comes_from_a_file) {
    fixture_write(&fixture, "secrets/password", "hunter2\n");
    cr_assert_eq(chmod(fixture_path(&fixture, "secrets/password"), 0600), 0);
    load("[kafka]\nsasl.password.file = secrets/password\n");
    cr_assert_str_eq(consumer("sasl.password"), "hunter2");
    cr_assert_str_eq(producer("sasl.password"), "hunter2");
    cr_assert_null(consumer("sasl.password.file"));
    cr_assert_str_eq(fixture.all, "");
    fixture_expect_hidden(&fixture, "hunter2");
}

Test(kafka, a_secret_comes_from_the_environment) {
    const char *const environment[] = {"KAFKA_PASSWORD=hunter2", NULL};
    fixture_write(&fixture, "take5.ini", "[sink:kafka]\nsasl.password.env = KAFKA_PASSWORD\n");
    cr_assert_not_null(fixture_load(&fixture, environment, NULL), "%s", fixture.all);
    cr_assert_str_eq(producer("sasl.password"), "hunter2");
    cr_assert_null(consumer("sasl.password"));
    fixture_expect_hidden(&fixture, "hunter2");
    cr_assert_null(fixture_load(&fixture, NULL, NULL));
    cr_assert_str_eq(fixture.all, "take5.ini:2: [sink:kafka] sasl.password.env = KAFKA_PASSWORD: "
                                  "the environment variable does not exist, or is empty\n");
}

Test(kafka, files_of_values_that_are_no_good_say_why) {
    char large[70000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    fixture_write(&fixture, "empty", "\n");
    fixture_write(&fixture, "large", large);
    fixture_write(&fixture, "folder/x", "");
    fixture_refuse(&fixture, "[kafka]\nsasl.password.file = none\n",
                   "take5.ini:2: [kafka] sasl.password.file: cannot open none: No such file or "
                   "directory\n");
    fixture_refuse(&fixture, "[kafka]\nsasl.password.file = empty\n",
                   "take5.ini:2: [kafka] sasl.password.file: empty is empty\n");
    fixture_refuse(&fixture, "[kafka]\nsasl.password.file = large\n",
                   "take5.ini:2: [kafka] sasl.password.file: large is longer than 64 KiB\n");
    fixture_refuse(&fixture, "[kafka]\nsasl.password.file = folder\n",
                   "take5.ini:2: [kafka] sasl.password.file: folder is not a regular file\n");
}

Test(kafka, a_certificate_keeps_its_lines) {
    fixture_write(&fixture, "ca.pem", "-----BEGIN-----\nAAAA\nBBBB\n-----END-----\n");
    load("[kafka]\nssl.ca.pem.file = ca.pem\n");
    cr_assert_str_eq(consumer("ssl.ca.pem"), "-----BEGIN-----\nAAAA\nBBBB\n-----END-----");
    char *printed = fixture_print(fixture.config);
    cr_assert_not_null(strstr(printed, "kafka.ssl.ca.pem = -----BEGIN-----\\nAAAA\\nBBBB"));
    free(printed);
}

Test(kafka, a_secret_that_others_may_read_is_warned_of) {
    fixture_write(&fixture, "take5.ini", "[kafka]\nsasl.password = hunter2\n");
    cr_assert_eq(chmod(fixture.path, 0644), 0);
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL));
    cr_assert_str_eq(fixture.all,
                     "warning: take5.ini:2: [kafka] sasl.password: take5.ini is readable by "
                     "others (mode 0644): chmod o-r it\n");
    cr_assert_eq(chmod(fixture.path, 0640), 0);
    cr_assert_not_null(fixture_load(&fixture, NULL, NULL));
    cr_assert_str_eq(fixture.all, "");

    fixture_write(&fixture, "password", "hunter2");
    cr_assert_eq(chmod(fixture_path(&fixture, "password"), 0604), 0);
    load("[kafka]\nsasl.password.file = password\n");
    cr_assert_str_eq(fixture.all,
                     "warning: take5.ini:2: [kafka] sasl.password.file: password is readable "
                     "by others (mode 0604): chmod o-r it\n");
}

/* One of both keeps a client from sleeping on a full queue: which, depends on the library. */
Test(kafka, prefetch_is_bounded_and_does_not_stall) {
    load("");
    cr_assert_str_eq(consumer("queued.min.messages"), "100000");
    cr_assert_str_eq(consumer("queued.max.messages.kbytes"), "49152");
    bool has_backoff = consumer("fetch.queue.backoff.ms") != NULL;
    bool has_refresh = consumer("topic.metadata.refresh.interval.ms") != NULL;
    cr_assert_neq(has_backoff, has_refresh);
    cr_assert_eq(has_refresh, consumer("metadata.max.age.ms") != NULL);
}

Test(kafka, an_explicit_property_is_the_producers_too) {
    load("[kafka]\ntopic.metadata.refresh.interval.ms = 5000\n");
    cr_assert_str_eq(producer("topic.metadata.refresh.interval.ms"), "5000");
}
