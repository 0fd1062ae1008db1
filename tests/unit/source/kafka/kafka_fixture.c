#include "kafka_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const fixture_topics[FIXTURE_TOPICS] = {"bar_trends", "historic_stats", "asset_trends"};

void fixture_nap(void) {
    nanosleep(&(struct timespec){0, 10000000}, NULL);
}

static void log_nothing(const rd_kafka_t *client, int level, const char *facility,
                        const char *text) {
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

void fixture_init(struct fixture *fixture) {
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cr_assert_eq(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", text, sizeof text), 0);
    cr_assert_eq(rd_kafka_conf_set(conf, "linger.ms", "0", text, sizeof text), 0);
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    fixture->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    cr_assert_not_null(fixture->owner, "%s", text);
    fixture->cluster = rd_kafka_handle_mock_cluster(fixture->owner);
    snprintf(fixture->servers, sizeof fixture->servers, "%s",
             rd_kafka_mock_cluster_bootstraps(fixture->cluster));
}

void fixture_create_topics(struct fixture *fixture) {
    for (int i = 0; i < FIXTURE_TOPICS; i++)
        cr_assert_eq(
            rd_kafka_mock_topic_create(fixture->cluster, fixture_topics[i], FIXTURE_PARTITIONS, 1),
            0);
}

void fixture_release(struct fixture *fixture) {
    rd_kafka_destroy(fixture->owner);
}

void fixture_produce(struct fixture *fixture, int from, int to) {
    for (int n = from; n < to; n++) {
        for (int i = 0; i < FIXTURE_TOPICS * FIXTURE_PARTITIONS; i++) {
            char value[64], number[16];
            const char *topic = fixture_topics[i / FIXTURE_PARTITIONS];
            snprintf(value, sizeof value, "%s/%d/%d", topic, i % FIXTURE_PARTITIONS, n);
            snprintf(number, sizeof number, "%d", n);
            cr_assert_eq(
                rd_kafka_producev(
                    fixture->owner, RD_KAFKA_V_TOPIC(topic),
                    RD_KAFKA_V_PARTITION(i % FIXTURE_PARTITIONS),
                    RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_KEY(value, strlen(value)),
                    RD_KAFKA_V_HEADER("n", number, -1), RD_KAFKA_V_TIMESTAMP(1718658930000 + n),
                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                0);
        }
    }
    cr_assert_eq(rd_kafka_flush(fixture->owner, FIXTURE_HANG_MS), 0);
}

void fixture_lay_errors(struct fixture *fixture, int16_t request, size_t count,
                        rd_kafka_resp_err_t code) {
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(rd_kafka_mock_broker_push_request_error_rtts(fixture->cluster, FIXTURE_BROKER,
                                                                  request, 1, code, 0),
                     0);
}

size_t fixture_errors_left(struct fixture *fixture, int16_t request) {
    size_t count = SIZE_MAX;
    rd_kafka_mock_broker_error_stack_cnt(fixture->cluster, FIXTURE_BROKER, request, &count);
    return count;
}

static void host_assigned(void *context, struct topic_partition *parts, size_t count) {
    struct host *host = context;
    pthread_rwlock_wrlock(&host->gate);
    for (size_t i = 0; i < count; i++) {
        host->is_owned[parts[i].topic][parts[i].partition] = true;
        host->assigned_offset[parts[i].topic][parts[i].partition] = parts[i].offset;
        host->is_new[parts[i].topic][parts[i].partition] = parts[i].is_new;
        if (host->start_offset != SOURCE_NO_OFFSET)
            parts[i].offset = host->start_offset;
    }
    pthread_rwlock_unlock(&host->gate);
    atomic_fetch_add(&host->owned_count, (int)count);
    atomic_fetch_add(&host->assignments, 1);
}

static void host_revoked(void *context, const struct topic_partition *parts, size_t count,
                         bool is_lost) {
    struct host *host = context;
    pthread_rwlock_wrlock(&host->gate); /* no lane has a record in progress now */
    for (size_t i = 0; i < count; i++)
        host->is_owned[parts[i].topic][parts[i].partition] = false;
    pthread_rwlock_unlock(&host->gate);
    atomic_fetch_sub(&host->owned_count, (int)count);
    atomic_fetch_add(&host->revocations, 1);
    atomic_fetch_add(&host->lost, is_lost);
}

static bool record_is_whole(const struct record *record) {
    char value[64];
    int size = snprintf(value, sizeof value, "%s/%d/%lld", fixture_topics[record->topic],
                        (int)record->partition, (long long)record->offset);
    return record->payload_size == (size_t)size &&
           memcmp(record->payload, value, (size_t)size) == 0 && record->key_size == (size_t)size &&
           memcmp(record->key, value, (size_t)size) == 0 &&
           record->kafka_time_ms == 1718658930000 + record->offset;
}

static void lane_note(struct host *host, uint32_t lane, const struct record *record) {
    if (!host->is_owned[record->topic][record->partition] ||
        (uint32_t)record->partition % host->lane_count != lane)
        atomic_fetch_add(&host->strangers, 1);
    if (!record_is_whole(record))
        atomic_fetch_add(&host->damaged, 1);
    pthread_mutex_lock(&host->mutex);
    if (host->seen_count < FIXTURE_MAX_RECORDS)
        host->seen[host->seen_count++] =
            (struct fixture_seen){lane, record->topic, record->partition, record->offset};
    pthread_mutex_unlock(&host->mutex);
}

static void *lane_run(void *argument) {
    struct host_lane *lane = argument;
    struct host *host = lane->host;
    const struct source_ops *ops = host->source->ops;
    struct record records[100];
    while (!atomic_load(&host->is_lane_ending)) {
        pthread_rwlock_rdlock(&host->gate);
        size_t count = ops->read(host->source, lane->index, records, 100, 20);
        for (size_t i = 0; i < count; i++) {
            lane_note(host, lane->index, &records[i]);
            if (host->is_storing)
                ops->store(host->source, records[i].topic, records[i].partition,
                           records[i].offset + 1);
        }
        ops->release(host->source, lane->index, records, count);
        pthread_rwlock_unlock(&host->gate);
    }
    return NULL;
}

static void *control_run(void *argument) {
    struct host *host = argument;
    while (!atomic_load(&host->is_control_ending)) {
        if (!host->source->ops->poll(host->source, 20, &host->error)) {
            atomic_store(&host->did_end, true);
            break;
        }
    }
    return NULL;
}

struct source *host_make(struct host *host, struct fixture *fixture,
                         const struct host_options *options, struct error *error) {
    memset(host, 0, sizeof *host);
    host->lane_count = options->lanes ? options->lanes : 1;
    host->is_storing = !options->is_not_storing;
    host->start_offset = options->start_offset ? options->start_offset : SOURCE_NO_OFFSET;
    host->seen = calloc(FIXTURE_MAX_RECORDS, sizeof *host->seen);
    pthread_mutex_init(&host->mutex, NULL);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&host->gate, &attributes);
    pthread_rwlockattr_destroy(&attributes);

    strcpy(host->log_path, "/tmp/take5-kafka-XXXXXX");
    int file = mkstemp(host->log_path);
    cr_assert_geq(file, 0);
    close(file);
    host->log = log_new();
    cr_assert(log_configure(host->log,
                            &(struct log_options){.level = LOG_LEVEL_INFO,
                                                  .format = LOG_FORMAT_CONSOLE,
                                                  .color = LOG_COLOR_NEVER,
                                                  .path = host->log_path},
                            error));

    struct config_topic topics[FIXTURE_TOPICS];
    for (int i = 0; i < FIXTURE_TOPICS; i++)
        topics[i] =
            (struct config_topic){(char *)fixture_topics[i], (char *)fixture_topics[i], {0}};
    struct config_item items[] = {
        {"fetch.wait.max.ms", "10", {0}},
        {"statistics.interval.ms", "100", {0}},
        {"reconnect.backoff.max.ms", "100", {0}},
        {"heartbeat.interval.ms", "200", {0}},
        {"session.timeout.ms", "6000", {0}}, /* a rebalance of the mock's waits for it */
        {"auto.commit.interval.ms", "100", {0}},
        {(char *)options->property, (char *)options->value, {"take5.ini", 7}},
    };
    struct config config = {
        .lanes = host->lane_count,
        .topics = topics,
        .topic_count = FIXTURE_TOPICS,
        .bootstrap_servers = fixture->servers,
        .group_id = (char *)(options->group ? options->group : "g"),
        .assignor = (char *)(options->assignor ? options->assignor : "range"),
        .kafka = {items, sizeof items / sizeof items[0] - (options->property ? 0 : 1)},
    };
    host->source = kafka_source_new(&config, host->log, error);
    return host->source;
}

void host_start(struct host *host, struct fixture *fixture, const struct host_options *options) {
    struct error error;
    cr_assert_not_null(host_make(host, fixture, options, &error), "%s", error.text);
    struct source_listener listener = {
        .context = host, .assigned = host_assigned, .revoked = host_revoked};
    cr_assert(host->source->ops->start(host->source, &listener, &error), "%s", error.text);
    pthread_create(&host->control, NULL, control_run, host);
    for (uint32_t i = 0; i < host->lane_count; i++) {
        host->lane_of[i] = (struct host_lane){host, i};
        pthread_create(&host->lanes[i], NULL, lane_run, &host->lane_of[i]);
    }
}

bool host_stop(struct host *host, int timeout_ms) {
    atomic_store(&host->is_lane_ending, true);
    for (uint32_t i = 0; i < host->lane_count; i++)
        pthread_join(host->lanes[i], NULL);
    atomic_store(&host->is_control_ending, true);
    pthread_join(host->control, NULL);
    return host_close(host, timeout_ms);
}

bool host_close(struct host *host, int timeout_ms) {
    bool did = host->source->ops->close(host->source, timeout_ms);
    return host->source->ops->free(host->source) && did;
}

void host_release(struct host *host) {
    log_free(host->log);
    unlink(host->log_path);
    free(host->seen);
    pthread_mutex_destroy(&host->mutex);
    pthread_rwlock_destroy(&host->gate);
}

size_t host_seen(struct host *host) {
    pthread_mutex_lock(&host->mutex);
    size_t count = host->seen_count;
    pthread_mutex_unlock(&host->mutex);
    return count;
}

void host_await_seen(struct host *host, size_t count) {
    for (int i = 0; i < FIXTURE_HANG_MS / 10 && host_seen(host) < count; i++)
        fixture_nap();
    cr_assert_geq(host_seen(host), count, "%zu of %zu records came", host_seen(host), count);
}

bool host_has_committed(struct host *host, int64_t offset) {
    struct source_lag lags[FIXTURE_TOPICS * FIXTURE_PARTITIONS];
    size_t count = host->source->ops->lag(host->source, lags, FIXTURE_TOPICS * FIXTURE_PARTITIONS);
    for (size_t i = 0; i < count; i++)
        if (lags[i].committed != offset)
            return false;
    return count > 0;
}

struct source_status host_status(struct host *host) {
    struct source_status status;
    host->source->ops->status(host->source, &status);
    return status;
}

int host_said(struct host *host, const char *words) {
    FILE *file = fopen(host->log_path, "r");
    char line[4096];
    int count = 0;
    while (fgets(line, sizeof line, file))
        count += strstr(line, words) != NULL;
    fclose(file);
    return count;
}

void hosts_count(struct host *const *hosts, size_t host_count, int count, int *least, int *most) {
    int times[FIXTURE_TOPICS][FIXTURE_PARTITIONS][FIXTURE_MAX_RECORDS / 4] = {0};
    for (size_t h = 0; h < host_count; h++) {
        for (size_t i = 0; i < hosts[h]->seen_count; i++) {
            const struct fixture_seen *seen = &hosts[h]->seen[i];
            cr_assert(seen->offset >= 0 && seen->offset < count);
            times[seen->topic][seen->partition][seen->offset]++;
        }
    }
    *least = INT32_MAX;
    *most = 0;
    for (int i = 0; i < FIXTURE_TOPICS * FIXTURE_PARTITIONS; i++) {
        for (int n = 0; n < count; n++) {
            int seen = times[i / FIXTURE_PARTITIONS][i % FIXTURE_PARTITIONS][n];
            *least = seen < *least ? seen : *least;
            *most = seen > *most ? seen : *most;
        }
    }
}
