/*
 * librdkafka's statistics: kept unchanged, and read once for the lag and for whether a broker is up
 * and answers.
 *
 * The lag counts from the committed offset. Between that and where the client fetches next there
 * may be entries that are never handed out: transaction markers, records of aborted transactions.
 * When all that was handed out is committed and nothing is queued, that stretch is *settled*, and
 * does not count as long as the committed offset stays where it is.
 */
#include "base/array.h"
#include "base/clock.h"
#include "source/kafka/consumer_private.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* A transaction that is open for this long is logged. */
#define HELD_SHOWN_MS 3000

/* -1 and below: not known. */
static int64_t lag_number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    return number < 0 ? -1 : (int64_t)number;
}

/* UPDATE: up, and about to take over another one's name. */
static bool lag_is_up(const cJSON *broker) {
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(broker, "state");
    return cJSON_IsString(state) &&
           (strcmp(state->valuestring, "UP") == 0 || strcmp(state->valuestring, "UPDATE") == 0);
}

/* For how long none of them has answered; -1: not known. */
static bool lag_is_any_up(const cJSON *root, int64_t *idle_ns) {
    const cJSON *broker;
    bool is_any_up = false;
    *idle_ns = -1;
    cJSON_ArrayForEach(broker, cJSON_GetObjectItemCaseSensitive(root, "brokers")) {
        if (!lag_is_up(broker))
            continue;
        is_any_up = true;
        const int64_t idle_us = lag_number(broker, "rxidle");
        if (idle_us >= 0 && (*idle_ns < 0 || idle_us * NS_PER_US < *idle_ns))
            *idle_ns = idle_us * NS_PER_US;
    }
    return is_any_up;
}

/* The statistics of a partition. */
struct lag_figures {
    int64_t passed; /* one above what was taken from the client, markers included */
    int64_t next;   /* what is fetched next */
    int64_t end;    /* of the log */
    int64_t stable; /* offsets below belong to no open transaction */
    int64_t queued; /* in the lane's queue, of all its partitions */
};

static struct lag_figures lag_read(const cJSON *part) {
    return (struct lag_figures){.passed = lag_number(part, "app_offset"),
                                .next = lag_number(part, "next_offset"),
                                .end = lag_number(part, "hi_offset"),
                                .stable = lag_number(part, "ls_offset"),
                                .queued = lag_number(part, "fetchq_cnt")};
}

/* Up to where nothing is left to do. */
static int64_t lag_position(struct kafka_part *part, const struct lag_figures *figures,
                            int64_t given) {
    const bool is_settled = figures->queued == 0 && figures->next >= 0 && part->committed >= given;
    if (is_settled) {
        part->settled_from = part->committed;
        part->settled_to = figures->next;
    }
    return part->settled_from == part->committed && part->settled_to > part->committed
               ? part->settled_to
               : part->committed;
}

static int64_t lag_held_ms(struct kafka_part *part, const struct lag_figures *figures) {
    const int64_t now_ms = clock_wall_ns() / NS_PER_MS;
    const bool is_held = figures->stable >= 0 && figures->stable < figures->end &&
                         figures->next >= 0 && figures->next <= figures->stable;
    if (!is_held) {
        part->held_at = SOURCE_NO_OFFSET;
        return 0;
    }
    if (part->held_at != figures->stable) {
        part->held_at = figures->stable;
        part->held_ms = now_ms;
    }
    return now_ms - part->held_ms >= HELD_SHOWN_MS ? part->held_ms : 0;
}

static void lag_part(struct kafka_source *self, const cJSON *topics, uint32_t topic,
                     int32_t partition, struct source_lag *lag) {
    char key[16];
    snprintf(key, sizeof key, "%d", (int)partition);
    const cJSON *json = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(topics, self->topics[topic].name), "partitions"),
        key);
    const struct lag_figures figures = lag_read(json);
    struct kafka_part *part = kafka_group_part(&self->topics[topic], partition);
    *lag = (struct source_lag){
        .topic = topic, .partition = partition, .lag = -1, .committed = -1, .end = figures.end};
    if (!part)
        return;
    if (self->is_transactional)
        kafka_commit_learn(&self->topics[topic], partition);
    const int64_t given = kafka_group_given(&self->topics[topic], partition);
    const int64_t position = lag_position(part, &figures, given);
    if (part->committed >= 0)
        lag->committed = part->committed;
    if (position >= 0 && figures.end >= 0)
        lag->lag = position < figures.end ? figures.end - position : 0;
    lag->held_ms = lag_held_ms(part, &figures);
    kafka_stand_passed(self, topic, partition, figures.passed);
}

REQUIRES(kafka_lock) static bool lag_reserve(struct kafka_source *self, size_t count) {
    if (count <= self->lag_capacity)
        return true;
    if (!ARRAY_RESIZE(self->lags, count))
        return false;
    self->lag_capacity = count;
    return true;
}

static void lag_update(struct kafka_source *self, const cJSON *root) {
    const cJSON *topics = cJSON_GetObjectItemCaseSensitive(root, "topics");
    const size_t count = (size_t)self->assignment->cnt;
    struct source_lag *fresh = calloc(count + 1, sizeof *fresh);
    if (!fresh)
        return; /* the older figures stay */
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *part = &self->assignment->elems[i];
        lag_part(self, topics, kafka_group_topic(self, part->topic), part->partition, &fresh[i]);
    }
    lock_acquire(&self->mutex, kafka_lock);
    if (lag_reserve(self, count)) {
        if (count > 0)
            memcpy(self->lags, fresh, count * sizeof *fresh);
        self->lag_count = count;
    }
    lock_release(&self->mutex, kafka_lock);
    free(fresh);
}

int kafka_lag_parse(rd_kafka_t *client, char *json, size_t size, void *opaque) {
    (void)client;
    struct kafka_source *self = opaque;
    cJSON *root = cJSON_ParseWithLength(json, size);
    if (root) {
        lag_update(self, root);
        const cJSON *time = cJSON_GetObjectItemCaseSensitive(root, "ts"); /* monotonic, us */
        int64_t idle_ns;
        const bool is_any_up = lag_is_any_up(root, &idle_ns);
        kafka_connection_brokers(self, is_any_up,
                                 cJSON_IsNumber(time) ? (int64_t)time->valuedouble * NS_PER_US : 0,
                                 idle_ns);
        cJSON_Delete(root);
    }
    lock_acquire(&self->mutex, kafka_lock);
    char *older = self->statistics;
    self->statistics = json;
    lock_release(&self->mutex, kafka_lock);
    free(older); /* librdkafka passes it as memory of malloc() */
    return 1;    /* kept */
}

size_t kafka_lag_fill(struct kafka_source *self, struct source_lag *lags, size_t most) {
    lock_acquire(&self->mutex, kafka_lock);
    size_t count = self->lag_count;
    if (count > 0 && most > 0)
        memcpy(lags, self->lags, (count < most ? count : most) * sizeof *lags);
    lock_release(&self->mutex, kafka_lock);
    return count;
}

void kafka_lag_forget(struct kafka_source *self, uint32_t topic, int32_t partition) {
    lock_acquire(&self->mutex, kafka_lock);
    size_t kept = 0;
    for (size_t i = 0; i < self->lag_count; i++)
        if (self->lags[i].topic != topic || self->lags[i].partition != partition)
            self->lags[kept++] = self->lags[i];
    self->lag_count = kept;
    lock_release(&self->mutex, kafka_lock);
}
