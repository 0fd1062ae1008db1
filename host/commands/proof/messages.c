#include "commands/proof/messages.h"

#include "base/array.h"
#include "recording/reader.h"
#include "recording/writer.h"
#include "source/kafka/range_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 100
#define FAR_MS  INT64_C(253402300799000) /* no record is of that time */

/* ---- of a recording ---- */

struct stream *messages_stream(const struct messages *messages, uint32_t topic, int32_t partition) {
    for (size_t i = 0; i < messages->count; i++) {
        struct stream *stream = &messages->streams[i];
        if (stream->topic == topic && stream->partition == partition)
            return stream;
    }
    return NULL;
}

static struct stream *stream_at(struct messages *messages, uint32_t topic, int32_t partition) {
    struct stream *stream = messages_stream(messages, topic, partition);
    if (stream != NULL)
        return stream;
    if (!ARRAY_GROW(messages->streams, messages->count, messages->capacity))
        return NULL;
    stream = &messages->streams[messages->count++];
    *stream = (struct stream){.topic = topic, .partition = partition};
    return stream;
}

static bool find_topic(const struct config *config, const struct recording_line *line,
                       uint32_t *topic) {
    for (size_t i = 0; line->topic != NULL && i < config->topic_count; i++) {
        const char *name = config->topics[i].name;
        *topic = (uint32_t)i;
        if (strlen(name) == line->topic_size && memcmp(name, line->topic, line->topic_size) == 0)
            return true;
    }
    return false;
}

static bool add_line(struct messages *messages, const struct config *config,
                     const struct recording_line *line) {
    uint32_t topic;
    if (line->partition == RECORDING_NO_PARTITION || line->offset == RECORDING_NO_OFFSET ||
        !find_topic(config, line, &topic))
        return true;
    struct stream *stream = stream_at(messages, topic, line->partition);
    if (stream == NULL || !ARRAY_GROW(stream->items, stream->count, stream->capacity))
        return false;
    stream->items[stream->count++] =
        (struct message_at){.offset = line->offset, .time_ms = line->time_ms};
    messages->total++;
    return true;
}

static int compare(const void *left, const void *right) {
    const struct message_at *a = left, *b = right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void sort(struct messages *messages) {
    for (size_t i = 0; i < messages->count; i++) {
        if (messages->streams[i].count > 0)
            qsort(messages->streams[i].items, messages->streams[i].count,
                  sizeof *messages->streams[i].items, compare);
    }
}

struct reading {
    struct messages *messages;
    const struct config *config;
};

static bool visit_line(void *context, const struct recording_entry *entry, struct error *error) {
    const struct reading *reading = context;
    return add_line(reading->messages, reading->config, &entry->line) ||
           error_set_memory(error, "a list of messages");
}

bool messages_read(struct messages *messages, const char *path, const struct config *config,
                   struct error *error) {
    struct reading reading = {messages, config};
    const bool did = recording_read_all(path, visit_line, &reading, error);
    sort(messages);
    return did;
}

void messages_release(struct messages *messages) {
    for (size_t i = 0; i < messages->count; i++)
        free(messages->streams[i].items);
    free(messages->streams);
    *messages = (struct messages){0};
}

/* ---- of the topics ---- */

static int64_t resume(void *context, const char *topic, int32_t partition) {
    const struct position *position = positions_find(context, topic, partition);
    return position != NULL ? position->next : -1;
}

static bool copy(struct kafka_reader *reader, struct recording_writer *writer,
                 struct error *error) {
    struct record record;
    const char *topic;
    for (;;) {
        switch (kafka_reader_next(reader, WAIT_MS, &record, &topic, error)) {
        case KAFKA_READER_RECORD:
            if (!recording_writer_add(writer, &record, topic, error))
                return false;
            break;
        case KAFKA_READER_WAIT:
            break;
        case KAFKA_READER_END:
            return true;
        case KAFKA_READER_FAILED:
            return false;
        }
    }
}

bool messages_record(const struct config *config, const struct positions *from, const char *path,
                     struct log *log, struct error *error) {
    struct recording_writer *writer = recording_writer_open(path, RECORDING_CREATE, NULL, error);
    const char **topics = calloc(config->topic_count + 1, sizeof *topics);
    if (writer == NULL || topics == NULL) {
        free(topics);
        return writer == NULL ? false : error_set_memory(error, "names of topics");
    }
    for (size_t i = 0; i < config->topic_count; i++)
        topics[i] = config->topics[i].name;
    const struct kafka_reader_options options = {.topics = topics,
                                                 .topic_count = config->topic_count,
                                                 .from_ms = FAR_MS, /* partitions of others */
                                                 .until_ms = KAFKA_READER_NO_TIME,
                                                 .resume = resume,
                                                 .context = (void *)(uintptr_t)from};
    struct kafka_reader *reader = kafka_reader_new(&options, config, log, error);
    bool did = reader != NULL && copy(reader, writer, error);
    struct error second;
    if (!recording_writer_close(writer, did ? error : &second))
        did = false;
    kafka_reader_free(reader);
    free(topics);
    return did;
}

/* ---- looking ---- */

/* The index of the first of that offset or above. */
static size_t find(const struct stream *stream, int64_t offset) {
    size_t low = 0, high = stream != NULL ? stream->count : 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (stream->items[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t stream_count(const struct stream *stream, int64_t from, int64_t to) {
    return from < to ? find(stream, to) - find(stream, from) : 0;
}

bool stream_has(const struct stream *stream, int64_t offset) {
    return stream_count(stream, offset, offset + 1) > 0;
}

const struct message_at *stream_at_offset(const struct stream *stream, int64_t offset) {
    return stream_has(stream, offset) ? &stream->items[find(stream, offset)] : NULL;
}

uint64_t stream_set_places(struct stream *stream, int64_t from, int64_t to, uint64_t place) {
    for (size_t i = find(stream, from); stream != NULL && i < find(stream, to); i++)
        stream->items[i].place = place++;
    return place;
}

int64_t stream_find(const struct stream *stream, int64_t time_ms) {
    for (size_t i = 0; stream != NULL && i < stream->count; i++) {
        if (stream->items[i].time_ms >= time_ms)
            return stream->items[i].offset;
    }
    return INT64_MAX;
}
