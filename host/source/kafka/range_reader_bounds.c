#include "source/kafka/range_reader_private.h"

#include "base/array.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool add_parts(struct kafka_reader *self, size_t topic, int32_t count, struct error *error) {
    if (!ARRAY_RESIZE(self->parts, self->part_count + (size_t)count))
        return error_set_memory(error, "partitions");
    for (int32_t i = 0; i < count; i++) {
        struct part *part = &self->parts[self->part_count++];
        memset(part, 0, sizeof *part);
        part->topic = self->names[topic];
        part->handle = self->handles[topic];
        part->partition = i;
    }
    return true;
}

bool kafka_reader_find_parts(struct kafka_reader *self, size_t topic, struct error *error) {
    const struct rd_kafka_metadata *metadata;
    const char *name = self->names[topic];
    const rd_kafka_resp_err_t failure =
        rd_kafka_metadata(self->client, 0, self->handles[topic], &metadata, self->timeout_ms);
    if (failure != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(error, ERROR_TIMEOUT, "cannot query the brokers for topic \"%s\": %s",
                         name, rd_kafka_err2str(failure));
    bool did = false;
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        error_set(error, ERROR_INVALID, "topic \"%s\": %s", name,
                  metadata->topic_cnt == 1 ? rd_kafka_err2str(metadata->topics[0].err)
                                           : "no metadata from the brokers");
    else
        did = add_parts(self, topic, metadata->topics[0].partition_cnt, error);
    rd_kafka_metadata_destroy(metadata);
    return did;
}

/* Asks for the offsets of a time, of the lowest or the highest one, of all partitions, in the order
 * of the parts. NULL with an error. */
static rd_kafka_topic_partition_list_t *ask_offsets(struct kafka_reader *self, int64_t time,
                                                    struct error *error) {
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)self->part_count);
    for (size_t i = 0; i < self->part_count; i++)
        rd_kafka_topic_partition_list_add(list, self->parts[i].topic, self->parts[i].partition)
            ->offset = time;
    const rd_kafka_resp_err_t failure =
        rd_kafka_offsets_for_times(self->client, list, self->timeout_ms);
    bool did =
        failure == RD_KAFKA_RESP_ERR_NO_ERROR ||
        error_set(error, ERROR_TIMEOUT, "cannot query the offsets: %s", rd_kafka_err2str(failure));
    for (int i = 0; did && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *answer = &list->elems[i];
        if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            did = error_set(error, ERROR_SYSTEM, "topic \"%s\", partition %" PRId32 ": %s",
                            answer->topic, answer->partition, rd_kafka_err2str(answer->err));
    }
    if (did)
        return list;
    rd_kafka_topic_partition_list_destroy(list);
    return NULL;
}

static int64_t answer_for(const rd_kafka_topic_partition_list_t *list, const struct part *part) {
    const rd_kafka_topic_partition_t *answer =
        rd_kafka_topic_partition_list_find(list, part->topic, part->partition);
    return answer != NULL ? answer->offset : -1;
}

struct bounds {
    rd_kafka_topic_partition_list_t *lowest, *highest, *from, *until; /* the last two may be NULL */
};

/* A part's begin and end. */
static bool bound_part(struct kafka_reader *self, const struct kafka_reader_options *options,
                       const struct bounds *bounds, struct part *part, struct error *error) {
    const int64_t lowest = answer_for(bounds->lowest, part);
    const int64_t highest = answer_for(bounds->highest, part);
    const int64_t resumed = options->resume != NULL
                                ? options->resume(options->context, part->topic, part->partition)
                                : -1;
    const int64_t from = bounds->from != NULL ? answer_for(bounds->from, part) : lowest;
    const int64_t until = bounds->until != NULL ? answer_for(bounds->until, part) : -1;
    part->begin = resumed >= 0 ? resumed : from >= 0 ? from : highest;
    if (resumed > highest)
        return error_set(error, ERROR_INVALID,
                         "topic \"%s\", partition %" PRId32 " ends at offset %" PRId64
                         ", but the recording continues at %" PRId64
                         ": it belongs to another topic of that name",
                         part->topic, part->partition, highest, resumed);
    if (part->begin < lowest) {
        if (resumed >= 0)
            log_warning(self->log, ROOM,
                        "topic \"%s\", partition %" PRId32 ": offsets %" PRId64 " to %" PRId64
                        " are no longer on the broker: the recording has a gap there",
                        part->topic, part->partition, resumed, lowest - 1);
        part->begin = lowest;
    }
    if (options->last > 0) {
        const int64_t share = options->last / (int64_t)self->part_count + 1;
        if (highest - part->begin > share)
            part->begin = highest - share;
    }
    part->end = until >= 0 ? until : options->does_follow ? INT64_MAX : highest;
    part->next = part->begin;
    part->is_done = part->next >= part->end;
    return true;
}

bool kafka_reader_find_bounds(struct kafka_reader *self, const struct kafka_reader_options *options,
                              struct error *error) {
    struct bounds bounds = {NULL, NULL, NULL, NULL};
    bool did = false;
    /* Kafka's values for the lowest and the highest offset, in place of a time. */
    bounds.lowest = ask_offsets(self, RD_KAFKA_OFFSET_BEGINNING, error);
    if (bounds.lowest == NULL)
        goto done;
    bounds.highest = ask_offsets(self, RD_KAFKA_OFFSET_END, error);
    if (bounds.highest == NULL)
        goto done;
    if (options->from_ms != KAFKA_READER_NO_TIME &&
        (bounds.from = ask_offsets(self, options->from_ms, error)) == NULL)
        goto done;
    if (options->until_ms != KAFKA_READER_NO_TIME &&
        (bounds.until = ask_offsets(self, options->until_ms, error)) == NULL)
        goto done;
    did = true;
    for (size_t i = 0; did && i < self->part_count; i++)
        did = bound_part(self, options, &bounds, &self->parts[i], error);
done:
    if (bounds.lowest != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.lowest);
    if (bounds.highest != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.highest);
    if (bounds.from != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.from);
    if (bounds.until != NULL)
        rd_kafka_topic_partition_list_destroy(bounds.until);
    return did;
}
