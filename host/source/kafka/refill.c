/*
 * Before librdkafka 2.2 a broker thread that stops fetching at the prefetch limits
 * (queued.min.messages, queued.max.messages.kbytes) looks again only after up to a second, unless
 * something wakes it. A lane that is a little slower than the client would then empty its queue in
 * a tenth of that time and wait for the rest. (From 2.2 on, fetch.queue.backoff.ms says how long.)
 *
 * So a lane wakes the broker threads whenever one of its queues has shrunk to a half. Of the public
 * calls only the one that sets SASL credentials does that without a request to the broker; it gets
 * those that are in force. It does not block.
 */
#include "source/kafka/consumer_private.h"

#include <stdlib.h>
#include <string.h>

#define FETCH_QUEUE_BACKOFF_VERSION 0x02020000

static bool copy_item(const struct config *config, const char *name, char **text) {
    for (size_t i = 0; i < config->kafka.count; i++) {
        if (strcmp(config->kafka.items[i].name, name) != 0)
            continue;
        free(*text);
        *text = strdup(config->kafka.items[i].text);
        if (!*text)
            return false;
    }
    return true;
}

bool kafka_refill_init(struct kafka_source *self, const struct config *config) {
    self->needs_refill = rd_kafka_version() < FETCH_QUEUE_BACKOFF_VERSION;
    return !self->needs_refill || (copy_item(config, "sasl.username", &self->user) &&
                                   copy_item(config, "sasl.password", &self->password));
}

void kafka_refill(struct kafka_source *self, rd_kafka_t *client, rd_kafka_queue_t *queue,
                  size_t *peak, size_t least) {
    if (!self->needs_refill)
        return;
    size_t length = rd_kafka_queue_length(queue);
    if (length >= *peak / 2) {
        if (length > *peak)
            *peak = length;
        return;
    }
    bool was_long = *peak >= least;
    *peak = length;
    if (!was_long)
        return;
    rd_kafka_error_t *error = rd_kafka_sasl_set_credentials(client, self->user ? self->user : "",
                                                            self->password ? self->password : "");
    if (error)
        rd_kafka_error_destroy(error); /* then it continues to sleep, as without this call */
}
