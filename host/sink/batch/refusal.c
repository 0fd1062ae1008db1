#include "sink/batch/refusal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OWN_HEADERS      6
#define MOST_OF_ORIGINAL 8

static struct delivery_header header_of(const char *name, const char *value) {
    return (struct delivery_header){name, value, value != NULL ? strlen(value) : 0};
}

struct delivery *refusal_new(struct delivery *refused, const char *sink_name, const char *message) {
    const struct delivery_text *original = delivery_text(refused);
    const struct signal *signal = refused->signal;
    struct delivery_header headers[MOST_OF_ORIGINAL + OWN_HEADERS];
    char topic[64], partition[16], offset[24];
    if (original == NULL)
        return NULL;
    size_t count = 0;
    for (; count < original->header_count && count < MOST_OF_ORIGINAL; count++)
        headers[count] = original->headers[count];
    snprintf(topic, sizeof topic, "sink:%s", sink_name);
    snprintf(partition, sizeof partition, "%" PRId32, signal != NULL ? signal->partition : -1);
    snprintf(offset, sizeof offset, "%" PRId64, signal != NULL ? signal->offset : -1);
    headers[count++] = header_of("__take5.errors.reason", REFUSAL_REASON);
    headers[count++] = header_of("__take5.errors.message", message);
    headers[count++] = header_of("__take5.errors.strategy", refused->deployment);
    headers[count++] = header_of("__take5.errors.topic", topic);
    headers[count++] = header_of("__take5.errors.partition", partition);
    headers[count++] = header_of("__take5.errors.offset", offset);
    const struct delivery_text text = {original->value, original->value_size, headers, count};
    return delivery_new(&(struct delivery){
        .kind = DELIVERY_DEAD_LETTER,
        .unconfirmed = 1,
        .key = refused->key,
        .key_size = refused->key_size,
        .time_ms = refused->time_ms,
        .text = &text,
        .deployment = refused->deployment,
    });
}
