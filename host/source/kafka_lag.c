/*
 * librdkafka's statistics: kept as they come, and read once for the lag and for whether a broker is
 * up.
 */
#include "base/clock.h"
#include "source/kafka_private.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* -1 and below: not known. */
static int64_t lag_number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    return number < 0 ? -1 : (int64_t)number;
}

static bool lag_is_any_up(const cJSON *root) {
    const cJSON *broker;
    cJSON_ArrayForEach(broker, cJSON_GetObjectItemCaseSensitive(root, "brokers")) {
        const cJSON *state = cJSON_GetObjectItemCaseSensitive(broker, "state");
        /* UPDATE: up, and about to take over another's name. */
        if (cJSON_IsString(state) &&
            (strcmp(state->valuestring, "UP") == 0 || strcmp(state->valuestring, "UPDATE") == 0))
            return true;
    }
    return false;
}

static void lag_part(const cJSON *topics, const char *topic, int32_t partition,
                     struct source_lag *lag) {
    char key[16];
    snprintf(key, sizeof key, "%d", (int)partition);
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(topics, topic),
                                         "partitions"),
        key);
    lag->partition = partition;
    lag->lag = lag_number(part, "consumer_lag");
    lag->committed = lag_number(part, "committed_offset");
    lag->end = lag_number(part, "hi_offset");
}

static void lag_update(struct kafka_source *self, const cJSON *root) {
    const cJSON *topics = cJSON_GetObjectItemCaseSensitive(root, "topics");
    size_t most = (size_t)self->assignment->cnt;
    pthread_mutex_lock(&self->mutex);
    if (most > self->lag_capacity) {
        struct source_lag *grown = realloc(self->lags, most * sizeof *grown);
        if (!grown)
            goto unlock; /* the older figures stay */
        self->lags = grown;
        self->lag_capacity = most;
    }
    self->lag_count = 0;
    for (size_t i = 0; i < most; i++) {
        const rd_kafka_topic_partition_t *part = &self->assignment->elems[i];
        struct source_lag *lag = &self->lags[self->lag_count];
        lag->topic = kafka_group_topic(self, part->topic);
        lag_part(topics, part->topic, part->partition, lag);
        self->lag_count++;
    }
unlock:
    pthread_mutex_unlock(&self->mutex);
}

int kafka_lag_take(rd_kafka_t *client, char *json, size_t size, void *opaque) {
    (void)client;
    struct kafka_source *self = opaque;
    cJSON *root = cJSON_ParseWithLength(json, size);
    if (root) {
        lag_update(self, root);
        const cJSON *time = cJSON_GetObjectItemCaseSensitive(root, "ts"); /* monotonic, us */
        kafka_watch_brokers(self, lag_is_any_up(root),
                            cJSON_IsNumber(time) ? (int64_t)time->valuedouble * NS_PER_US : 0);
        cJSON_Delete(root);
    }
    pthread_mutex_lock(&self->mutex);
    char *older = self->statistics;
    self->statistics = json;
    pthread_mutex_unlock(&self->mutex);
    free(older); /* librdkafka hands it over as memory of malloc() */
    return 1;    /* kept */
}

size_t kafka_lag_fill(struct kafka_source *self, struct source_lag *lags, size_t most) {
    pthread_mutex_lock(&self->mutex);
    size_t count = self->lag_count;
    if (count > 0 && most > 0)
        memcpy(lags, self->lags, (count < most ? count : most) * sizeof *lags);
    pthread_mutex_unlock(&self->mutex);
    return count;
}
