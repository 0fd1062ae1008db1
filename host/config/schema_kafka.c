/*
 * What the host says to librdkafka when nobody else does, and the variables of the environment.
 */
#include "config/schema.h"

static const struct schema_property properties[] = {
    {"kafka", "bootstrap.servers", NULL, false, NULL, true,
     "Brokers to begin with. By run_mode: 127.0.0.1:29092 or broker_1:9092."},
    {"kafka", "group.id", "take5_algo1_group", false, NULL, false, "The consumer group."},
    {"kafka", "client.id", "take5", false, NULL, true,
     "How brokers name this client in their logs."},
    {"kafka", "auto.offset.reset", "earliest", false, NULL, false,
     "Where a group begins that has no committed offset."},
    {"kafka", "auto.commit.interval.ms", "1000", false, NULL, false,
     "How often the offsets of what is done are committed."},
    {"kafka", "session.timeout.ms", "45000", false, NULL, false,
     "Without a heartbeat for so long the group takes this host for dead."},
    {"kafka", "heartbeat.interval.ms", "3000", false, NULL, false,
     "How often a heartbeat is sent."},
    {"kafka", "max.poll.interval.ms", "300000", false, NULL, false,
     "Without a poll for so long this host leaves the group."},
    {"kafka", "partition.assignment.strategy", "range", false, NULL, false,
     "range gives equal partition numbers of all topics to one host, so that a symbol's topics "
     "meet."},
    {"kafka", "socket.nagle.disable", "true", false, NULL, true, "Requests go out at once."},
    {"kafka", "socket.keepalive.enable", "true", false, NULL, true,
     "Notices a broker that is gone behind a firewall."},
    {"kafka", "statistics.interval.ms", "1000", false, NULL, false,
     "How fresh the lag in status is."},
    {"kafka", "queued.min.messages", "100000", false, NULL, false,
     "Prefetch: beyond so many waiting messages of a lane the client fetches no more."},
    {"kafka", "queued.max.messages.kbytes", "49152", false, NULL, false,
     "Prefetch: beyond so many waiting KiB of a lane the client fetches no more. With what lies "
     "around a message, 48 MiB of small messages are about 110 MB of memory."},
    {"kafka", "fetch.queue.backoff.ms", "10", true, NULL, false,
     "How soon a client that stopped at the two limits above looks again (librdkafka 2.2 and "
     "later)."},
    {"kafka", "topic.metadata.refresh.interval.ms", "100", false, "fetch.queue.backoff.ms", false,
     "Before librdkafka 2.2 a client that stopped at the two limits above looks again only after "
     "up to a second, unless something wakes it. This does: a small request every 100 ms."},
    {"kafka", "metadata.max.age.ms", "900000", false, "fetch.queue.backoff.ms", false,
     "Else three times the interval above, which is for looking and not for forgetting."},

    {"sink:kafka", "linger.ms", "5", false, NULL, false,
     "How long signals are gathered into one request."},
    {"sink:kafka", "partitioner", "murmur2_random", false, NULL, false,
     "Places keys as Java producers do, so that a symbol keeps its partition number."},
};

#define VARIABLE(name) name, "environment variable " name

static const struct schema_variable variables[] = {
    {VARIABLE("RUN_MODE"), "take5", "run_mode",
     "local or docker: which broker when none is named."},
    {VARIABLE("KAFKA_BOOTSTRAP_SERVERS"), "kafka", "bootstrap.servers", "The brokers."},
    {VARIABLE("KAFKA_GROUP_ID"), "kafka", "group.id", "The consumer group."},
    {VARIABLE("KAFKA_AUTO_OFFSET_RESET"), "kafka", "auto.offset.reset",
     "Where a new group begins: earliest or latest."},
    {VARIABLE("KAFKA_AUTO_COMMIT_INTERVAL"), "kafka", "auto.commit.interval.ms",
     "How often offsets are committed, ms."},
    {VARIABLE("KAFKA_SESSION_TIMEOUT"), "kafka", "session.timeout.ms", "ms."},
    {VARIABLE("KAFKA_HEARTBEAT_INTERVAL"), "kafka", "heartbeat.interval.ms", "ms."},
    {VARIABLE("KAFKA_MAX_POLL_INTERVAL"), "kafka", "max.poll.interval.ms", "ms."},
    {VARIABLE("LOG_LEVEL"), "log", "level", "DEBUG, INFO, WARNING, ERROR or CRITICAL."},
    {VARIABLE("ENABLE_COLOR_LOGS"), "log", "color", "true: colour on a terminal; false: none."},
};

const struct schema_property *schema_properties(size_t *count) {
    *count = sizeof properties / sizeof properties[0];
    return properties;
}

const struct schema_variable *schema_variables(size_t *count) {
    *count = sizeof variables / sizeof variables[0];
    return variables;
}
