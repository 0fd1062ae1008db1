#include "service/recent.h"

#include "base/clock.h"
#include "engine/lane/samples.h"
#include "source/kafka/range_reader.h"

#include <stdlib.h>

#define LIMIT_NS (3 * NS_PER_S) /* for all topics: a start without brokers waits no longer */

struct recent {
    struct samples *by_topic;
    size_t topic_count;
    struct record *records;
    size_t count;
};

static int ms_until(int64_t deadline_ns) {
    const int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms > 0 ? (int)left_ms : 0;
}

static bool is_through(const struct kafka_reader *reader) {
    int64_t passed, total;
    kafka_reader_progress(reader, &passed, &total);
    return passed >= total;
}

static void read_records(struct kafka_reader *reader, uint32_t topic, struct samples *samples,
                         int64_t deadline_ns) {
    struct error error;
    while (!is_through(reader) && clock_monotonic_ns() < deadline_ns) {
        struct record record;
        const char *name;
        switch (kafka_reader_next(reader, ms_until(deadline_ns), &record, &name, &error)) {
        case KAFKA_READER_RECORD:
            record.topic = topic;
            samples_add(samples, &record);
            break;
        case KAFKA_READER_WAIT:
            break;
        case KAFKA_READER_END:
        case KAFKA_READER_FAILED:
            return;
        }
    }
}

/* False: the brokers do not answer, so that the other topics need not be tried. */
static bool read_topic(const struct config *config, uint32_t topic, struct samples *samples,
                       int64_t deadline_ns, struct log *log) {
    const char *name = config->topics[topic].name;
    struct error error;
    const struct kafka_reader_options options = {
        .topics = &name,
        .topic_count = 1,
        .from_ms = KAFKA_READER_NO_TIME,
        .until_ms = KAFKA_READER_NO_TIME,
        .last = (int64_t)samples->capacity,
        .timeout_ms = ms_until(deadline_ns),
    };
    if (options.timeout_ms == 0)
        return false;
    struct kafka_reader *reader = kafka_reader_new(&options, config, NULL, &error);
    if (reader == NULL) {
        log_debug(log, "engine", "cannot read recent messages for rehearsals: %s", error.text);
        return error.code != ERROR_TIMEOUT;
    }
    read_records(reader, topic, samples, deadline_ns);
    kafka_reader_free(reader);
    return true;
}

static int compare(const void *a, const void *b) {
    const struct record *first = a, *second = b;
    if (first->kafka_time_ms != second->kafka_time_ms)
        return first->kafka_time_ms < second->kafka_time_ms ? -1 : 1;
    if (first->topic != second->topic)
        return first->topic < second->topic ? -1 : 1;
    if (first->partition != second->partition)
        return first->partition < second->partition ? -1 : 1;
    return (first->offset > second->offset) - (first->offset < second->offset);
}

struct recent *recent_read(const struct config *config, struct log *log) {
    const int64_t deadline_ns = clock_monotonic_ns() + LIMIT_NS;
    const size_t each = (size_t)config->rehearsal_messages / (config->topic_count + 1) + 1;
    struct recent *recent = config->rehearsal_messages > 0 ? calloc(1, sizeof *recent) : NULL;
    if (recent == NULL)
        return NULL;
    recent->by_topic = calloc(config->topic_count + 1, sizeof *recent->by_topic);
    bool goes_on = recent->by_topic != NULL;
    for (uint32_t topic = 0; goes_on && topic < config->topic_count; topic++) {
        struct samples *samples = &recent->by_topic[recent->topic_count];
        goes_on = samples_init(samples, each);
        recent->topic_count += goes_on;
        goes_on = goes_on && read_topic(config, topic, samples, deadline_ns, log) &&
                  samples_list(samples, &recent->records, &recent->count);
    }
    if (recent->count > 1)
        qsort(recent->records, recent->count, sizeof *recent->records, compare);
    return recent;
}

void recent_free(struct recent *recent) {
    if (recent == NULL)
        return;
    for (size_t i = 0; i < recent->topic_count; i++)
        samples_release(&recent->by_topic[i]);
    free(recent->by_topic);
    free(recent->records);
    free(recent);
}

const struct record *recent_records(const struct recent *recent, size_t *count) {
    *count = recent != NULL ? recent->count : 0;
    return recent != NULL ? recent->records : NULL;
}
