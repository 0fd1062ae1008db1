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

TestSuite(kafka, .init = begin, .fini = end);

static const char *consumer(const char *name) {
    const struct config_item *item = config_items_find(&scene.config->kafka, name);
    return item != NULL ? item->text : NULL;
}

static const char *producer(const char *name) {
    const struct config_item *item = config_items_find(&scene.config->producer, name);
    return item != NULL ? item->text : NULL;
}

static void load(const char *content) {
    cr_assert_not_null(scene_load_text(&scene, content), "%s", scene.all);
}

/* Nothing that config says, anywhere, holds the secret. */
static void expect_hidden(const char *secret) {
    cr_assert_null(strstr(scene.all, secret), "%s", scene.all);
    if (scene.config == NULL)
        return;
    char *printed = scene_print(scene.config);
    cr_assert_null(strstr(printed, secret), "%s", printed);
    free(printed);
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
    cr_assert_str_eq(scene.config->bootstrap_servers, "a:9092,\nb:9092");
    cr_assert_str_eq(scene.config->bootstrap_servers, consumer("bootstrap.servers"));
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
    cr_assert_str_eq(scene.config->signal_topic, "t");
}

Test(kafka, the_producer_may_go_to_other_brokers) {
    load("[sink:kafka]\nbootstrap.servers = other:1\n");
    cr_assert_str_eq(producer("bootstrap.servers"), "other:1");
    cr_assert_str_eq(scene.config->bootstrap_servers, "127.0.0.1:29092");
}

Test(kafka, one_property_under_two_names_is_refused) {
    scene_write(&scene, "secret", "x\n");
    scene_refuse(&scene, "[kafka]\nbootstrap.servers = a:1\nmetadata.broker.list = b:1\n",
                 "take5.ini:3: [kafka] bootstrap.servers is set already, at line 2\n");
    cr_assert_null(
        scene_load_text(&scene, "[kafka]\nsasl.password = x\nsasl.password.file = secret\n"));
    cr_assert_not_null(strstr(scene.all, "take5.ini:3: [kafka] sasl.password is set already, at "
                                         "line 2\n"));
}

Test(kafka, secrets_are_never_shown) {
    load("[kafka]\nsasl.password = hunter2\nssl.key.password = hunter2\n"
         "sasl.oauthbearer.config = hunter2\n[sink:kafka]\nsasl.password = hunter2\n"
         "[strategy:a]\napi_token = hunter2\n");
    expect_hidden("hunter2");
    cr_assert_str_eq(consumer("sasl.password"), "hunter2");
    char expected[200];
    snprintf(expected, sizeof expected, "*** (%s:2)", scene.path);
    cr_assert_str_eq(scene_setting(scene.config, "kafka.sasl.password"), expected);
    snprintf(expected, sizeof expected, "*** (%s:8)", scene.path);
    cr_assert_str_eq(scene_setting(scene.config, "strategy:a.api_token"), expected);
}

Test(kafka, secrets_in_mistakes_are_not_shown_either) {
    cr_assert_null(scene_load_text(&scene, "[kafka]\nsasl.pasword = hunter2\n"
                                           "sasl.password.fil = hunter2\n"
                                           "sasl.password = hunter2\nsasl.password = hunter2\n"));
    cr_assert_geq(scene.faults.error_count, 3);
    expect_hidden("hunter2");
}

Test(kafka, a_secret_comes_from_a_file) {
    scene_write(&scene, "secrets/password", "hunter2\n");
    cr_assert_eq(chmod(scene_path(&scene, "secrets/password"), 0600), 0);
    load("[kafka]\nsasl.password.file = secrets/password\n");
    cr_assert_str_eq(consumer("sasl.password"), "hunter2");
    cr_assert_str_eq(producer("sasl.password"), "hunter2");
    cr_assert_null(consumer("sasl.password.file"));
    cr_assert_str_eq(scene.all, "");
    expect_hidden("hunter2");
}

Test(kafka, a_secret_comes_from_the_environment) {
    const char *const environment[] = {"KAFKA_PASSWORD=hunter2", NULL};
    scene_write(&scene, "take5.ini", "[sink:kafka]\nsasl.password.env = KAFKA_PASSWORD\n");
    cr_assert_not_null(scene_load(&scene, environment, NULL), "%s", scene.all);
    cr_assert_str_eq(producer("sasl.password"), "hunter2");
    cr_assert_null(consumer("sasl.password"));
    expect_hidden("hunter2");
    cr_assert_null(scene_load(&scene, NULL, NULL));
    cr_assert_str_eq(scene.all, "take5.ini:2: [sink:kafka] sasl.password.env = KAFKA_PASSWORD: "
                                "there is no environment variable of that name, or it is empty\n");
}

Test(kafka, files_of_values_that_are_no_good_say_why) {
    char large[70000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    scene_write(&scene, "empty", "\n");
    scene_write(&scene, "large", large);
    scene_write(&scene, "folder/x", "");
    scene_refuse(&scene, "[kafka]\nsasl.password.file = none\n",
                 "take5.ini:2: [kafka] sasl.password.file: cannot open none: No such file or "
                 "directory\n");
    scene_refuse(&scene, "[kafka]\nsasl.password.file = empty\n",
                 "take5.ini:2: [kafka] sasl.password.file: empty is empty\n");
    scene_refuse(&scene, "[kafka]\nsasl.password.file = large\n",
                 "take5.ini:2: [kafka] sasl.password.file: large is longer than 64 KiB\n");
    scene_refuse(&scene, "[kafka]\nsasl.password.file = folder\n",
                 "take5.ini:2: [kafka] sasl.password.file: folder is not a regular file\n");
}

Test(kafka, a_certificate_keeps_its_lines) {
    scene_write(&scene, "ca.pem", "-----BEGIN-----\nAAAA\nBBBB\n-----END-----\n");
    load("[kafka]\nssl.ca.pem.file = ca.pem\n");
    cr_assert_str_eq(consumer("ssl.ca.pem"), "-----BEGIN-----\nAAAA\nBBBB\n-----END-----");
    char *printed = scene_print(scene.config);
    cr_assert_not_null(strstr(printed, "kafka.ssl.ca.pem = -----BEGIN-----\\nAAAA\\nBBBB"));
    free(printed);
}

Test(kafka, a_secret_that_others_may_read_is_warned_of) {
    scene_write(&scene, "take5.ini", "[kafka]\nsasl.password = hunter2\n");
    cr_assert_eq(chmod(scene.path, 0644), 0);
    cr_assert_not_null(scene_load(&scene, NULL, NULL));
    cr_assert_str_eq(scene.all, "warning: take5.ini:2: [kafka] sasl.password: others may read "
                                "take5.ini (mode 0644): chmod o-r\n");
    cr_assert_eq(chmod(scene.path, 0640), 0);
    cr_assert_not_null(scene_load(&scene, NULL, NULL));
    cr_assert_str_eq(scene.all, "");

    scene_write(&scene, "password", "hunter2");
    cr_assert_eq(chmod(scene_path(&scene, "password"), 0604), 0);
    load("[kafka]\nsasl.password.file = password\n");
    cr_assert_str_eq(scene.all, "warning: take5.ini:2: [kafka] sasl.password.file: others may read "
                                "password (mode 0604): chmod o-r\n");
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
