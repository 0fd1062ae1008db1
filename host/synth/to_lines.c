#include "synth/to_lines.h"
#include "base/text.h"
#include "log/output.h"
#include "recording/writer.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLUSH_SIZE (128 * 1024)

struct feed_lines {
    const struct feed_lines_options *options;
    struct feed_lines_stats *stats;
    struct text buffer;
    int64_t *offsets; /* next, by role and partition */
    int64_t newest_ms;
    struct error failure;
};

static bool flush(struct feed_lines *feed, struct error *error) {
    const int errnum = output_write(feed->options->file, feed->buffer.data, feed->buffer.size, NULL,
                                    feed->options->stop);
    if (errnum == EPIPE || errnum == ECANCELED) {
        feed->stats->has_reader_gone = true;
        error->code = ERROR_NONE;
        return false;
    }
    if (errnum != 0)
        return error_set_errno(error, errnum, "cannot write the feed");
    feed->stats->bytes += feed->buffer.size;
    text_reset(&feed->buffer);
    return true;
}

/* The partition that a Java producer would choose for the key. */
static int32_t choose_partition(const struct feed_lines *feed,
                                const struct market_message *message) {
    if (message->key == NULL)
        return 0;
    return rd_kafka_msg_partitioner_murmur2(NULL, message->key, message->key_size,
                                            feed->options->partitions, NULL, NULL);
}

static void put_recorded(struct feed_lines *feed, const struct market_message *message) {
    const char *topic = feed->options->topics[message->role];
    const int32_t partition = choose_partition(feed, message);
    int64_t *offset = &feed->offsets[(size_t)message->role * (size_t)feed->options->partitions +
                                     (size_t)partition];
    /* A broker's time never runs behind: late messages come late. */
    if (message->event_time_ms > feed->newest_ms)
        feed->newest_ms = message->event_time_ms;
    const struct record record = {.payload = message->payload_size > 0 ? message->payload : NULL,
                                  .payload_size = message->payload_size,
                                  .key = message->key,
                                  .key_size = message->key_size,
                                  .kafka_time_ms = feed->newest_ms,
                                  .offset = (*offset)++,
                                  .partition = partition};
    recording_line_write(&feed->buffer, &record,
                         topic != NULL ? topic : market_role_name(message->role));
}

static bool take(void *context, const struct market_message *message, struct error *error) {
    struct feed_lines *feed = context;
    if (feed->options->form == FEED_RECORDED) {
        put_recorded(feed, message);
    } else {
        text_append(&feed->buffer, message->payload, message->payload_size);
        text_putc(&feed->buffer, '\n');
    }
    if (text_is_oom(&feed->buffer))
        return error_set_memory(error, "the feed's lines");
    feed->stats->given++;
    return feed->buffer.size < FLUSH_SIZE || flush(feed, error);
}

/* While there is nothing to do, lines go out as they are; otherwise by the buffer. */
static void idle(void *context, int64_t wait_ns) {
    struct feed_lines *feed = context;
    if (feed->options->progress != NULL)
        feed->options->progress(feed->options->context, feed->stats->given);
    if (wait_ns <= 0)
        return;
    if (!feed->stats->has_reader_gone && feed->failure.code == ERROR_NONE)
        flush(feed, &feed->failure);
    const struct timespec span = {wait_ns / 1000000000, wait_ns % 1000000000};
    nanosleep(&span, NULL);
}

bool feed_lines_run(const struct feed_lines_options *options, struct feed_lines_stats *stats,
                    struct error *error) {
    struct feed_lines feed = {.options = options, .stats = stats};
    bool is_good = false;
    *stats = (struct feed_lines_stats){0};
    text_init(&feed.buffer);
    feed.offsets = calloc((size_t)options->partitions * MARKET_ROLES, sizeof *feed.offsets);
    struct market *market = market_new(&options->market, error);
    if (feed.offsets == NULL)
        error_set_memory(error, "the feed's offsets");
    if (feed.offsets == NULL || market == NULL)
        goto done;
    struct feeder feeder = {.market = market,
                            .pace = options->pace,
                            .take = take,
                            .idle = idle,
                            .context = &feed,
                            .stop = options->stop};
    is_good = feeder_run(&feeder, error);
    if (is_good && feed.failure.code != ERROR_NONE) {
        *error = feed.failure;
        is_good = false;
    }
    if (is_good && !stats->has_reader_gone)
        is_good = flush(&feed, error) || stats->has_reader_gone;
done:
    market_free(market);
    free(feed.offsets);
    text_release(&feed.buffer);
    return is_good;
}
