/*
 * What the host says to librdkafka when nobody else does, and the variables of the environment.
 */
#include "config/schema/schema.h"

static const struct schema_property properties[] = {
    {"kafka", "bootstrap.servers", NULL, false, NULL, true,
     "Bootstrap brokers. By run_mode: 127.0.0.1:29092 or broker_1:9092."},
    {"kafka", "group.id", "take5_algo1_group", false, NULL, false, "The consumer group."},
    {"kafka", "group.instance.id", NULL, false, NULL, false,
     "The name as a static member of the group. By default [take5] host_id; empty: a dynamic "
     "member, whose partitions move at every restart."},
    {"kafka", "client.id", "take5", false, NULL, true,
     "How brokers name this client in their logs."},
    {"kafka", "auto.offset.reset", "earliest", false, NULL, false,
     "Where a partition without a committed offset begins. latest: where it ended when this host "
     "first saw the topic; but at its beginning if it is added later, or if the group has an "
     "offset in another partition of the topic. That place is committed at the assignment."},
    {"kafka", "auto.commit.interval.ms", "1000", false, NULL, false,
     "How often the offsets of completed work are committed."},
    {"kafka", "session.timeout.ms", "45000", false, NULL, false,
     "Without a heartbeat for this time the group considers this host dead."},
    {"kafka", "heartbeat.interval.ms", "3000", false, NULL, false,
     "How often a heartbeat is sent."},
    {"kafka", "max.poll.interval.ms", "300000", false, NULL, false,
     "Without a poll for this time this host leaves the group."},
    {"kafka", "partition.assignment.strategy", "range", false, NULL, false,
     "range assigns equal partition numbers of all topics to one host, so that a symbol's topics "
     "meet."},
    {"kafka", "socket.nagle.disable", "true", false, NULL, true, "Send requests without delay."},
    {"kafka", "socket.keepalive.enable", "true", false, NULL, true,
     "Detects a broker that became unreachable behind a firewall."},
    {"kafka", "statistics.interval.ms", "1000", false, NULL, false,
     "How often the lag in status is updated."},
    {"kafka", "queued.min.messages", "100000", false, NULL, false,
     "Prefetch: with this many messages queued for a lane the client stops fetching."},
    {"kafka", "queued.max.messages.kbytes", "49152", false, NULL, false,
     "Prefetch: with this many KiB queued for a lane the client stops fetching. With the overhead "
     "per message, 48 MiB of small messages use about 110 MB of memory."},
    {"kafka", "fetch.queue.backoff.ms", "10", true, NULL, false,
     "How soon a client that stopped at the two limits above checks again (librdkafka 2.2 and "
     "later)."},
    {"kafka", "topic.metadata.refresh.interval.ms", "100", false, "fetch.queue.backoff.ms", false,
     "Before librdkafka 2.2 a client that stopped at the two limits above checks again only after "
     "up to a second, unless something wakes it. This does so: a small request every 100 ms."},
    {"kafka", "metadata.max.age.ms", "900000", false, "fetch.queue.backoff.ms", false,
     "The default of three times the interval above would expire metadata too early."},

    {"sink:kafka", "linger.ms", "5", false, NULL, false,
     "How long signals are batched into one request."},
    {"sink:kafka", "partitioner", "murmur2_random", false, NULL, false,
     "Partitions keys as Java producers do, so that a symbol keeps its partition number."},
};

#define VARIABLE(name) name, "environment variable " name

static const struct schema_variable variables[] = {
    {VARIABLE("RUN_MODE"), "take5", "run_mode", "local or docker: which broker if none is set."},
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
    {VARIABLE("ENABLE_COLOR_LOGS"), "log", "color", "true: color on a terminal; false: none."},
};

const struct schema_property *schema_properties(size_t *count) {
    *count = sizeof properties / sizeof properties[0];
    return properties;
}

const struct schema_variable *schema_variables(size_t *count) {
    *count = sizeof variables / sizeof variables[0];
    return variables;
}
