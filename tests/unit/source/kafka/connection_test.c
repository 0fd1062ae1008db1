/* What the client says of connections, in words. No broker is needed for it. */
#include "source/kafka/consumer_private.h"

#include "base/clock.h"
#include "kafka_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fixture fixture;
static struct host host;

static void begin(void) {
    struct error error;
    strcpy(fixture.servers, "127.0.0.1:1");
    cr_assert_not_null(host_make(&host, &fixture, &(struct host_options){0}, &error), "%s",
                       error.text);
}

static void end(void) {
    cr_assert(host.source->ops->free(host.source));
    host_release(&host);
}

TestSuite(kafka_connection, .init = begin, .fini = end);

static void fail(int code, const char *reason) {
    kafka_connection_error(NULL, code, reason, host.source);
}

Test(kafka_connection, a_refused_login_is_one_line_that_says_what_to_check) {
    for (int i = 0; i < 3; i++) {
        fail(RD_KAFKA_RESP_ERR__AUTHENTICATION,
             "sasl_plaintext://127.0.0.1:1/bootstrap: SASL authentication error: Authentication "
             "failed: Invalid username or password (after 308ms in state AUTH_REQ)");
        fail(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down");
    }
    cr_expect_eq(host_said(&host, "127.0.0.1:1: login refused: Authentication failed: Invalid "
                                  "username or password; no messages are read; check"),
                 1);
    cr_expect_eq(host_said(&host, "event=broker.refused"), 1);
    cr_expect_eq(host_said(&host, "cannot reach"), 0, "it was reached");
    cr_expect_not_null(strstr(host_status(&host).detail, "no access to 127.0.0.1:1: login refused"),
                       "%s", host_status(&host).detail);
}

Test(kafka_connection, a_broker_that_answers_nothing_hangs_and_is_not_old) {
    fail(RD_KAFKA_RESP_ERR__TIMED_OUT,
         "GroupCoordinator: 127.0.0.1:1: ApiVersionRequest failed: Local: Timed out: probably due "
         "to broker version < 0.10 (see api.version.request configuration) (after 10010ms in state "
         "APIVERSION_QUERY)");
    fail(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down");
    cr_expect_eq(host_said(&host, "cannot reach 127.0.0.1:1: 127.0.0.1:1 takes connections and "
                                  "answers nothing: the broker hangs or is overloaded; retrying"),
                 1);
    cr_expect_eq(host_said(&host, "version"), 0);
}

Test(kafka_connection, partitions_of_a_deleted_topic_are_not_said_one_by_one) {
    fail(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
         "bar_trends [0]: desired partition is no longer available (Local: Unknown partition)");
    fail(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
         "bar_trends [0]: topic does not exist (Broker: Unknown topic or partition)");
    cr_expect_eq(host_said(&host, "bar_trends"), 0);
    fail(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "bar_trends: not authorized");
    cr_expect_eq(host_said(&host, "bar_trends: not authorized"), 1);
}

static bool is_connected(bool has_partitions, int64_t answered_ns) {
    struct kafka_source *self = (struct kafka_source *)host.source;
    self->quiet_ns = 2 * NS_PER_S; /* as the packaged defaults have it */
    atomic_store(&self->is_connected, true);
    atomic_store(&self->has_partitions, has_partitions);
    atomic_store(&self->answer_ns, clock_monotonic_ns() - answered_ns);
    return host_status(&host).is_connected;
}

/* Statistics come every second, and with partitions an answer ten times in one. */
Test(kafka_connection, a_broker_that_is_silent_for_two_seconds_is_not_there_for_readiness) {
    cr_expect(is_connected(true, NS_PER_S));
    cr_expect_not(is_connected(true, 3 * NS_PER_S));
    cr_expect_str_eq(host_status(&host).detail,
                     "no response from 127.0.0.1:1; last response 3 s ago");
    cr_expect(is_connected(false, 3 * NS_PER_S), "it hears of topics alone");
    cr_expect_eq(host_said(&host, "event="), 0, "a pause is not said");
}
