/*
 * What another group of this host has committed: that of a worker from which a deployment has moved
 * here. A separate client asks, which does not become a member.
 */
#include "config/schema/client_conf.h"
#include "source/kafka/consumer_private.h"

#include <stdlib.h>
#include <string.h>

/* NULL with an error. Waits for offsets of undecided transactions. */
static rd_kafka_t *make_client(const struct kafka_source *self, const char *group,
                               struct error *error) {
    const struct client_property properties[] = {{"group.id", group},
                                                 {"isolation.level", "read_committed"}};
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(self->reader_conf);
    if (client_conf_set_all(conf, CLIENT_PROPERTIES(properties), error)) {
        rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
        if (client != NULL)
            return client;
        error_set(error, ERROR_SYSTEM, "librdkafka makes no consumer: %s", text);
    }
    rd_kafka_conf_destroy(conf);
    error_prefix(error, "reading offsets of group %s: ", group);
    return NULL;
}

static rd_kafka_topic_partition_list_t *
make_list(const struct kafka_source *self, const struct topic_partition *parts, size_t count) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, self->topics[parts[i].topic].name,
                                          parts[i].partition);
    return list;
}

/* The first of the list's own errors counts as well. */
static rd_kafka_resp_err_t take(const struct kafka_source *self,
                                const rd_kafka_topic_partition_list_t *list,
                                struct topic_partition *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *answer = rd_kafka_topic_partition_list_find(
            list, self->topics[parts[i].topic].name, parts[i].partition);
        if (answer != NULL && answer->err)
            return answer->err;
        const bool has_any = answer != NULL && answer->offset >= 0;
        parts[i].offset = has_any ? answer->offset : SOURCE_NO_OFFSET;
        free((char *)parts[i].note);
        parts[i].note = has_any && answer->metadata_size > 0
                            ? strndup(answer->metadata, answer->metadata_size)
                            : NULL;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool kafka_other_group_committed(struct source *source, const char *group,
                                 struct topic_partition *parts, size_t count, int timeout_ms,
                                 struct error *error) {
    struct kafka_source *self = (struct kafka_source *)source;
    rd_kafka_t *client = make_client(self, group, error);
    if (client == NULL)
        return false;
    rd_kafka_topic_partition_list_t *list = make_list(self, parts, count);
    rd_kafka_resp_err_t code = rd_kafka_committed(client, list, timeout_ms);
    if (!code)
        code = take(self, list, parts, count);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return !code ||
           error_set(error, ERROR_TIMEOUT, "cannot get the committed offsets of group %s: %s",
                     group, rd_kafka_err2str(code));
}
