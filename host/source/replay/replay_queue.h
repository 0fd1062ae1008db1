/*
 * source/replay/replay_queue.h - from the thread that reads recorded files to the lanes.
 *
 * Records travel in batches: one hand-over, one lock and one reference to a block of input for many
 * of them. Each lane has a bounded queue. The reader fills one open batch a lane; what is open is
 * not seen by the lane until it is full or published. So that no lane waits for a record that lies
 * in an open batch while the reader waits for another lane, the reader publishes before it waits.
 *
 * No deadlock: the reader waits for lanes only, and only while one of them has records to work on;
 * lanes wait for the reader only.
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_QUEUE_H
#define TAKE5_SOURCE_REPLAY_REPLAY_QUEUE_H

#include "base/error.h"
#include "message/record.h"
#include "recording/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a record's handle points to. */
struct file_item {
    uint64_t sequence;
    uint64_t line;
    int64_t ahead_ns; /* as in struct file_input_record */
    uint32_t file;
};

struct file_queue;

struct file_queue *file_queue_new(uint32_t lane_count, struct error *error);
/* Nobody may be in a call any more. Drops what was not released. NULL is allowed. */
void file_queue_free(struct file_queue *queue);

/* Reader. All of these give false when the queue was stopped (or, push, when memory runs out). */

/* Takes a reference to the block. Waits for room when the lane has enough. */
bool file_queue_push(struct file_queue *queue, uint32_t lane, const struct record *record,
                     struct recording_block *block, const struct file_item *item,
                     struct error *error);
/* Publishes, and waits until every lane has worked on all that it was given: released it, or come
 * back to read more. */
bool file_queue_drain(struct file_queue *queue);
/* Publishes, and waits until the blocks in use are below the bound or every record was released. */
bool file_queue_wait_memory(struct file_queue *queue, struct recording_pool *pool, size_t most);
/* Publishes, and waits for that time. */
bool file_queue_sleep(struct file_queue *queue, int64_t span_ns);
/* Publishes for the last time. */
void file_queue_end(struct file_queue *queue);

/* Lanes. */

size_t file_queue_read(struct file_queue *queue, uint32_t lane, struct record *records, size_t most,
                       int timeout_ms);
void file_queue_release(struct file_queue *queue, uint32_t lane, size_t count);

/* Any thread. */

void file_queue_wake(struct file_queue *queue, uint32_t lane);
/* Ends all waiting of the reader, now and later. */
void file_queue_stop(struct file_queue *queue);
/* All records with a lower sequence have been released. */
uint64_t file_queue_done(struct file_queue *queue);
/* Waits up to the time for the end: file_queue_end() was called and all records were released; or
 * for file_queue_notify(). True when it has ended. */
bool file_queue_wait_end(struct file_queue *queue, int timeout_ms);
/* Ends a file_queue_wait_end(), or the next one. */
void file_queue_notify(struct file_queue *queue);

#endif
