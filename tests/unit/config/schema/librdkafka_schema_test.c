#include "config/schema/librdkafka_schema.h"

#include "config/schema/schema.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

static struct kafka_properties *properties;
static struct faults faults;

static void begin(void) {
    struct error error;
    properties = kafka_properties_new(&error);
    cr_assert_not_null(properties);
}

static void end(void) {
    kafka_properties_free(properties);
    faults_release(&faults);
}

TestSuite(kafka_properties, .init = begin, .fini = end);

static bool check(enum kafka_side side, const char *name, const char *value) {
    faults_release(&faults);
    return kafka_property_check(properties, side, name, value, (struct place){"f", 3}, &faults);
}

static void refuse(enum kafka_side side, const char *name, const char *value, const char *problem) {
    cr_assert_not(check(side, name, value), "%s was taken", name);
    cr_assert_eq(faults.count, 1);
    cr_assert_str_eq(faults.items[0].text, problem);
}

Test(kafka_properties, librdkafka_is_asked) {
    cr_assert(kafka_property_is_known(properties, KAFKA_CONSUMER, "group.id"));
    cr_assert_not(kafka_property_is_known(properties, KAFKA_PRODUCER, "group.id"));
    cr_assert(kafka_property_is_known(properties, KAFKA_CONSUMER, "auto.offset.reset"));
    cr_assert(kafka_property_is_known(properties, KAFKA_PRODUCER, "linger.ms"));
    cr_assert_not(kafka_property_is_known(properties, KAFKA_CONSUMER, "linger.ms"));
    cr_assert(kafka_property_is_known(properties, KAFKA_CONSUMER, "sasl.password"));
    cr_assert(kafka_property_is_known(properties, KAFKA_PRODUCER, "sasl.password"));
    cr_assert_not(kafka_property_is_known(properties, KAFKA_CONSUMER, "no.such"));
    cr_assert_not(kafka_property_is_known(properties, KAFKA_CONSUMER, "Property"));
}

/* The table that librdkafka prints is for people: if its form ever changes, this says so. */
Test(kafka_properties, every_default_of_the_host_is_known_and_taken) {
    size_t count;
    const struct schema_property *default_values = schema_properties(&count);
    for (size_t i = 0; i < count; i++) {
        enum kafka_side side =
            strcmp(default_values[i].section, "kafka") == 0 ? KAFKA_CONSUMER : KAFKA_PRODUCER;
        if (default_values[i].is_optional &&
            !kafka_property_is_known(properties, side, default_values[i].name))
            continue;
        const char *value =
            default_values[i].value != NULL ? default_values[i].value : "127.0.0.1:29092";
        cr_assert(check(side, default_values[i].name, value), "%s",
                  faults.count > 0 ? faults.items[0].text : "");
    }
}

Test(kafka_properties, security_passes_through) {
    cr_assert(check(KAFKA_CONSUMER, "security.protocol", "SASL_SSL"));
    cr_assert(check(KAFKA_CONSUMER, "sasl.mechanism", "SCRAM-SHA-512"));
    cr_assert(check(KAFKA_CONSUMER, "sasl.mechanisms", "PLAIN"));
    cr_assert(check(KAFKA_CONSUMER, "sasl.password", "hunter2"));
    cr_assert(check(KAFKA_PRODUCER, "ssl.ca.location", "/etc/ssl/ca.pem"));
}

Test(kafka_properties, unknown_ones_get_a_hint) {
    char expected[256];
    snprintf(expected, sizeof expected,
             "f:3: [kafka] librdkafka %s has no property bootstrap.server; did you mean "
             "bootstrap.servers?",
             rd_kafka_version_str());
    refuse(KAFKA_CONSUMER, "bootstrap.server", "a:9092", expected);
    snprintf(expected, sizeof expected, "f:3: [sink:kafka] librdkafka %s has no property zzzzz",
             rd_kafka_version_str());
    refuse(KAFKA_PRODUCER, "zzzzz", "1", expected);
}

Test(kafka_properties, bad_values_are_refused_by_librdkafka_itself) {
    cr_assert_not(check(KAFKA_CONSUMER, "session.timeout.ms", "999999999999"));
    cr_assert_not_null(strstr(faults.items[0].text, "f:3: [kafka] session.timeout.ms = 9999"));
    cr_assert_not(check(KAFKA_CONSUMER, "auto.offset.reset", "middle"));
    cr_assert_not(check(KAFKA_PRODUCER, "compression.type", "rar"));
}

/* It would take the number and leave the rest. */
Test(kafka_properties, numbers_with_something_behind_are_refused) {
    refuse(KAFKA_CONSUMER, "session.timeout.ms", "45s",
           "f:3: [kafka] session.timeout.ms = 45s is not a whole number");
    refuse(KAFKA_PRODUCER, "linger.ms", "", "f:3: [sink:kafka] linger.ms =  is not a number");
    refuse(KAFKA_PRODUCER, "linger.ms", "5ms", "f:3: [sink:kafka] linger.ms = 5ms is not a number");
    cr_assert(check(KAFKA_PRODUCER, "linger.ms", "0.5"));
    cr_assert(check(KAFKA_CONSUMER, "topic.metadata.refresh.interval.ms", "-1"));
    cr_assert(check(KAFKA_CONSUMER, "client.id", "45s"));
}

Test(kafka_properties, those_of_the_other_side_are_sent_there) {
    refuse(KAFKA_CONSUMER, "linger.ms", "5",
           "f:3: [kafka] linger.ms is a property of producers: it belongs in [sink:kafka]");
    refuse(KAFKA_PRODUCER, "group.id", "x",
           "f:3: [sink:kafka] group.id is a property of consumers: it belongs in [kafka]");
}

Test(kafka_properties, those_of_the_host_are_refused_with_the_reason) {
    refuse(KAFKA_CONSUMER, "enable.auto.offset.store", "false",
           "f:3: [kafka] enable.auto.offset.store cannot be set: an offset is stored when "
           "every strategy has processed the message and every sink has acknowledged its signals");
    const char *const consumer[] = {"enable.auto.commit",
                                    "auto.commit.enable",
                                    "log_cb",
                                    "plugin.library.paths",
                                    "opaque",
                                    "rebalance_cb",
                                    "enable.partition.eof",
                                    "ssl_key",
                                    "log.queue"};
    for (size_t i = 0; i < sizeof consumer / sizeof consumer[0]; i++) {
        cr_assert_not(check(KAFKA_CONSUMER, consumer[i], "true"));
        cr_assert_not_null(strstr(faults.items[0].text, "cannot be set: "), "%s", consumer[i]);
    }
    const char *const producer[] = {"acks",
                                    "enable.idempotence",
                                    "transactional.id",
                                    "dr_msg_cb",
                                    "request.required.acks",
                                    "delivery.report.only.error",
                                    "max.in.flight",
                                    "max.in.flight.requests.per.connection"};
    for (size_t i = 0; i < sizeof producer / sizeof producer[0]; i++) {
        cr_assert_not(check(KAFKA_PRODUCER, producer[i], "1"));
        cr_assert_not_null(strstr(faults.items[0].text, "cannot be set: "), "%s", producer[i]);
    }
}

/* Librdkafka's own problems may quote the value. */
Test(kafka_properties, a_refused_secret_is_not_shown) {
    cr_assert_not(check(KAFKA_CONSUMER, "sasl.oauthbearer.client.secret.x", "hunter2"));
    cr_assert_null(strstr(faults.items[0].text, "hunter2"));
    cr_assert_not(check(KAFKA_CONSUMER, "enable.auto.commit", "hunter2"));
    cr_assert_null(strstr(faults.items[0].text, "hunter2"));
    if (check(KAFKA_CONSUMER, "sasl.oauthbearer.client.secret", "hunter2"))
        return; /* this librdkafka has OIDC and takes it */
    cr_assert_null(strstr(faults.items[0].text, "hunter2"), "%s", faults.items[0].text);
    /* The reason is told all the same. */
    cr_assert_not_null(strstr(faults.items[0].text, "build"), "%s", faults.items[0].text);
}

Test(kafka_properties, brokers_have_one_name) {
    cr_assert_str_eq(kafka_property_name("metadata.broker.list"), "bootstrap.servers");
    cr_assert_str_eq(kafka_property_name("group.id"), "group.id");
}
