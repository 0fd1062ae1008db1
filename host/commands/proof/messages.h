/*
 * commands/proof/messages.h - which messages there are: offsets and Kafka times of a recording, or
 * of the topics themselves, which are recorded first.
 */
#ifndef TAKE5_COMMANDS_PROOF_MESSAGES_H
#define TAKE5_COMMANDS_PROOF_MESSAGES_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "config/config.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message_at {
    int64_t offset, time_ms;
    uint64_t place; /* in which it is fed, from 1; 0: it is not */
};

/* One topic's share of a partition number. */
struct stream {
    uint32_t topic; /* index into the configuration's */
    int32_t partition;
    struct message_at *items; /* by offset */
    size_t count, capacity;
    int64_t begin, end; /* offsets of the window; what nobody has set is empty */
};

struct messages {
    struct stream *streams;
    size_t count, capacity;
    uint64_t total;
};

/* Adds those of a recording. Lines without topic, partition and offset are left out, and those of
 * other topics. */
bool messages_read(struct messages *messages, const char *path, const struct config *config,
                   struct error *error);
/* Records what the topics have from these positions on, into a new file. */
bool messages_record(const struct config *config, const struct positions *from, const char *path,
                     struct log *log, struct error *error);
void messages_release(struct messages *messages);

/* NULL: there is none. */
struct stream *messages_stream(const struct messages *messages, uint32_t topic, int32_t partition);

/* How many there are of from <= offset < to; a stream that is NULL has none. */
size_t stream_count(const struct stream *stream, int64_t from, int64_t to);
bool stream_has(const struct stream *stream, int64_t offset);
/* NULL: it is not there. */
const struct message_at *stream_at_offset(const struct stream *stream, int64_t offset);
/* Gives those of from <= offset < to their places: `place` and those that follow. Gives the next.
 */
uint64_t stream_set_places(struct stream *stream, int64_t from, int64_t to, uint64_t place);
/* Of the first message of that time or later; INT64_MAX: there is none. */
int64_t stream_find(const struct stream *stream, int64_t time_ms);

#endif
