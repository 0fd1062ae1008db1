/*
 * [signals] delivery = exactly_once, and what it cannot be together with.
 */
#include "fixture.h"

#include <criterion/criterion.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(delivery, .init = begin, .fini = end);

#define EXACTLY_ONCE "[take5]\nhost_id = a\n[signals]\nsinks = kafka\ndelivery = exactly_once\n"

static void load(const char *content) {
    cr_assert_not_null(fixture_load_text(&fixture, content), "%s", fixture.all);
    cr_assert_str_eq(fixture.all, "");
}

Test(delivery, is_at_least_once_by_default) {
    load("");
    cr_assert_eq(fixture.config->delivery, DELIVERY_AT_LEAST_ONCE);
    cr_assert_eq(fixture.config->commit_interval_ns, 100000000);
}

Test(delivery, exactly_once_is_for_kafka) {
    load(EXACTLY_ONCE);
    cr_assert_eq(fixture.config->delivery, DELIVERY_EXACTLY_ONCE);
    fixture_refuse(
        &fixture,
        "[take5]\nhost_id = a\n[signals]\nsinks = jsonl, log\n"
        "delivery = exactly_once\n",
        "take5.ini:5: [signals] delivery = exactly_once is for signals that go to Kafka, "
        "and sinks does not have kafka: the others are at_least_once (postgres has "
        "each signal once nevertheless, by its id)\n");
}

Test(delivery, exactly_once_reads_what_is_committed) {
    load(EXACTLY_ONCE "[kafka]\nisolation.level = read_committed\n");
    fixture_refuse(&fixture, EXACTLY_ONCE "[kafka]\nisolation.level = read_uncommitted\n",
                   "take5.ini:7: [kafka] isolation.level = read_uncommitted: with [signals] "
                   "delivery = exactly_once it has to be read_committed (the default): only then "
                   "does the client wait for offsets whose transaction is still open\n");
}

Test(delivery, a_state_topic_needs_partition_numbers_that_stay_together) {
    load("[checkpoint]\nstore = kafka\n");
    load("[kafka]\npartition.assignment.strategy = cooperative-sticky\n");
    fixture_refuse(&fixture,
                   "[checkpoint]\nstore = kafka\n"
                   "[kafka]\npartition.assignment.strategy = cooperative-sticky\n",
                   "take5.ini:4: [kafka] partition.assignment.strategy = cooperative-sticky: with "
                   "[checkpoint] store = kafka and more than one topic it has to be range (the "
                   "default): otherwise two hosts may share a partition number, and take each "
                   "other's checkpoints for their own\n");
}

Test(delivery, exactly_once_writes_to_the_cluster_that_it_reads) {
    load(EXACTLY_ONCE "[kafka]\nbootstrap.servers = a:1, b:2\n"
                      "[sink:kafka]\nbootstrap.servers = b:2, c:3\n");
    fixture_refuse(
        &fixture,
        EXACTLY_ONCE "[kafka]\nbootstrap.servers = a:1\n"
                     "[sink:kafka]\nbootstrap.servers = c:3\n",
        "take5.ini:9: [sink:kafka] bootstrap.servers = c:3 names no broker of [kafka] "
        "bootstrap.servers = a:1: with [signals] delivery = exactly_once signals go to "
        "the cluster that the messages come from, since one transaction has both signals "
        "and offsets\n");
}

Test(delivery, at_least_once_may_do_all_of_that) {
    load("[signals]\nsinks = jsonl\n[kafka]\nisolation.level = read_uncommitted\n"
         "bootstrap.servers = a:1\n[sink:kafka]\nbootstrap.servers = c:3\n");
}
