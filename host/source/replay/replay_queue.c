#include "source/replay/replay_queue.h"

#include "base/clock.h"
#include "base/sync/condition.h"
#include "base/sync/locks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_SIZE  256
#define MAX_BATCHES 8 /* a lane's, before the reader waits for it */

struct batch {
    struct batch *next;
    uint32_t count, read, released;
    uint32_t block_count;
    struct recording_block *blocks[BATCH_SIZE];
    struct record records[BATCH_SIZE];
    struct file_item items[BATCH_SIZE];
};

LOCK_CLASS(replay_queue_lock);
struct lane {
    struct batch *open; /* the reader's alone, without the lock */
    /* Published and not yet released whole. */
    struct batch *first GUARDED_BY(replay_queue_lock);
    struct batch *last GUARDED_BY(replay_queue_lock);
    /* The first of them with records to read; NULL: none. */
    struct batch *reading GUARDED_BY(replay_queue_lock);
    uint32_t batch_count GUARDED_BY(replay_queue_lock);
    bool is_waiting GUARDED_BY(replay_queue_lock);
    bool is_woken GUARDED_BY(replay_queue_lock);
    pthread_cond_t readable;
};

struct file_queue {
    pthread_mutex_t mutex; /* over everything but the open batches */
    pthread_cond_t moved;  /* a lane released, or came back: for the reader */
    pthread_cond_t ended;  /* for who waits for the end */
    uint32_t lane_count;
    struct lane *lanes;
    struct batch *free GUARDED_BY(replay_queue_lock);
    bool is_stopped GUARDED_BY(replay_queue_lock);
    bool is_ended GUARDED_BY(replay_queue_lock);
    bool is_notified GUARDED_BY(replay_queue_lock);
    uint64_t published GUARDED_BY(replay_queue_lock); /* all sequences below were published */
    uint64_t next; /* the reader's: one above the highest sequence pushed */
};

struct file_queue *file_queue_new(uint32_t lane_count, struct error *error) {
    struct file_queue *queue = calloc(1, sizeof *queue);
    struct lane *lanes = calloc(lane_count, sizeof *lanes);
    if (queue == NULL || lanes == NULL) {
        error_set_memory(error, "the queues of lanes");
        free(lanes);
        free(queue);
        return NULL;
    }
    queue->lane_count = lane_count;
    queue->lanes = lanes;
    pthread_mutex_init(&queue->mutex, NULL);
    condition_init(&queue->moved);
    condition_init(&queue->ended);
    for (uint32_t i = 0; i < lane_count; i++)
        condition_init(&lanes[i].readable);
    return queue;
}

static void batch_clear(struct batch *batch) {
    for (uint32_t i = 0; i < batch->block_count; i++)
        recording_block_release(batch->blocks[i]);
    batch->next = NULL;
    batch->count = batch->read = batch->released = batch->block_count = 0;
}

static void free_batches(struct batch *batch) {
    while (batch != NULL) {
        struct batch *next = batch->next;
        batch_clear(batch);
        free(batch);
        batch = next;
    }
}

void file_queue_free(struct file_queue *queue) {
    if (queue == NULL)
        return;
    lock_alone(replay_queue_lock);
    for (uint32_t i = 0; i < queue->lane_count; i++) {
        struct lane *lane = &queue->lanes[i];
        free_batches(lane->first);
        free_batches(lane->open);
        pthread_cond_destroy(&lane->readable);
    }
    free_batches(queue->free);
    pthread_cond_destroy(&queue->moved);
    pthread_cond_destroy(&queue->ended);
    pthread_mutex_destroy(&queue->mutex);
    free(queue->lanes);
    free(queue);
}

/* The reader's side. */

/* Locked. */
REQUIRES(replay_queue_lock) static void publish_lane(struct file_queue *queue, struct lane *lane) {
    struct batch *batch = lane->open;
    (void)queue;
    if (batch == NULL || batch->count == 0)
        return;
    lane->open = NULL;
    if (lane->last != NULL)
        lane->last->next = batch;
    else
        lane->first = batch;
    lane->last = batch;
    lane->batch_count++;
    if (lane->reading == NULL)
        lane->reading = batch;
    if (lane->is_waiting)
        pthread_cond_signal(&lane->readable);
}

/* Locked. */
REQUIRES(replay_queue_lock) static void publish_all(struct file_queue *queue) {
    for (uint32_t i = 0; i < queue->lane_count; i++)
        publish_lane(queue, &queue->lanes[i]);
    queue->published = queue->next;
}

/* Locked. What lies in other open batches stays unpublished. */
REQUIRES(replay_queue_lock) static void note_published(struct file_queue *queue) {
    uint64_t published = queue->next;
    for (uint32_t i = 0; i < queue->lane_count; i++) {
        const struct batch *open = queue->lanes[i].open;
        if (open != NULL && open->count > 0 && open->items[0].sequence < published)
            published = open->items[0].sequence;
    }
    queue->published = published;
}

/* A full batch goes out; when the lane has enough, everything does, and the reader waits. */
static bool hand_over(struct file_queue *queue, struct lane *lane) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    publish_lane(queue, lane);
    note_published(queue);
    if (lane->batch_count >= MAX_BATCHES) {
        publish_all(queue);
        while (lane->batch_count >= MAX_BATCHES && !queue->is_stopped)
            pthread_cond_wait(&queue->moved, &queue->mutex);
    }
    bool goes_on = !queue->is_stopped;
    lock_release(&queue->mutex, replay_queue_lock);
    return goes_on;
}

static struct batch *take_batch(struct file_queue *queue, struct error *error) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    struct batch *batch = queue->free;
    if (batch != NULL)
        queue->free = batch->next;
    lock_release(&queue->mutex, replay_queue_lock);
    if (batch == NULL)
        batch = malloc(sizeof *batch);
    if (batch == NULL) {
        error_set_memory(error, "records read ahead");
        return NULL;
    }
    batch->next = NULL;
    batch->count = batch->read = batch->released = batch->block_count = 0;
    return batch;
}

bool file_queue_push(struct file_queue *queue, uint32_t lane_index, const struct record *record,
                     struct recording_block *block, const struct file_item *item,
                     struct error *error) {
    struct lane *lane = &queue->lanes[lane_index];
    if (lane->open == NULL && (lane->open = take_batch(queue, error)) == NULL)
        return false;
    struct batch *batch = lane->open;
    uint32_t at = batch->count;
    batch->items[at] = *item;
    batch->records[at] = *record;
    batch->records[at].handle = &batch->items[at];
    if (batch->block_count == 0 || batch->blocks[batch->block_count - 1] != block) {
        recording_block_retain(block);
        batch->blocks[batch->block_count++] = block;
    }
    batch->count = at + 1;
    queue->next = item->sequence + 1;
    return batch->count < BATCH_SIZE || hand_over(queue, lane);
}

/* Locked: the lane has nothing before it, and what it took it has worked on. */
REQUIRES(replay_queue_lock) static bool is_idle(const struct lane *lane) {
    return lane->reading == NULL && (lane->first == NULL || lane->is_waiting);
}

/* Locked. */
REQUIRES(replay_queue_lock) static bool is_empty(const struct file_queue *queue) {
    for (uint32_t i = 0; i < queue->lane_count; i++)
        if (queue->lanes[i].first != NULL)
            return false;
    return true;
}

bool file_queue_drain(struct file_queue *queue) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    publish_all(queue);
    for (uint32_t i = 0; i < queue->lane_count; i++)
        while (!is_idle(&queue->lanes[i]) && !queue->is_stopped)
            pthread_cond_wait(&queue->moved, &queue->mutex);
    bool goes_on = !queue->is_stopped;
    lock_release(&queue->mutex, replay_queue_lock);
    return goes_on;
}

bool file_queue_wait_memory(struct file_queue *queue, struct recording_pool *pool, size_t most) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    publish_all(queue);
    while (!queue->is_stopped && !is_empty(queue) && recording_pool_held(pool) > most)
        pthread_cond_wait(&queue->moved, &queue->mutex);
    bool goes_on = !queue->is_stopped;
    lock_release(&queue->mutex, replay_queue_lock);
    return goes_on;
}

bool file_queue_sleep(struct file_queue *queue, int64_t span_ns) {
    const int64_t until_ns = clock_monotonic_ns() + span_ns;
    lock_acquire(&queue->mutex, replay_queue_lock);
    publish_all(queue);
    while (!queue->is_stopped && condition_wait(&queue->moved, &queue->mutex, until_ns))
        ;
    bool goes_on = !queue->is_stopped;
    lock_release(&queue->mutex, replay_queue_lock);
    return goes_on;
}

void file_queue_end(struct file_queue *queue) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    publish_all(queue);
    queue->is_ended = true;
    pthread_cond_broadcast(&queue->ended);
    lock_release(&queue->mutex, replay_queue_lock);
}

/* The lanes' side. */

/* Locked. */
REQUIRES(replay_queue_lock)
static size_t take_records(struct lane *lane, struct record *records, size_t most) {
    size_t taken = 0;
    while (taken < most && lane->reading != NULL) {
        struct batch *batch = lane->reading;
        size_t count = batch->count - batch->read;
        if (count > most - taken)
            count = most - taken;
        memcpy(records + taken, batch->records + batch->read, count * sizeof *records);
        batch->read += (uint32_t)count;
        taken += count;
        if (batch->read == batch->count)
            lane->reading = batch->next;
    }
    return taken;
}

size_t file_queue_read(struct file_queue *queue, uint32_t lane_index, struct record *records,
                       size_t most, int timeout_ms) {
    struct lane *lane = &queue->lanes[lane_index];
    lock_acquire(&queue->mutex, replay_queue_lock);
    if (lane->reading == NULL && !lane->is_woken && timeout_ms > 0) {
        const int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
        lane->is_waiting = true;
        pthread_cond_signal(&queue->moved);
        while (lane->reading == NULL && !lane->is_woken &&
               condition_wait(&lane->readable, &queue->mutex, until_ns))
            ;
        lane->is_waiting = false;
    }
    lane->is_woken = false;
    size_t taken = take_records(lane, records, most);
    lock_release(&queue->mutex, replay_queue_lock);
    return taken;
}

void file_queue_release(struct file_queue *queue, uint32_t lane_index, size_t count) {
    struct lane *lane = &queue->lanes[lane_index];
    struct batch *finished = NULL, **end = &finished;
    lock_acquire(&queue->mutex, replay_queue_lock);
    while (count > 0 && lane->first != NULL) {
        struct batch *batch = lane->first;
        size_t part = batch->read - batch->released;
        if (part > count)
            part = count;
        batch->released += (uint32_t)part;
        count -= part;
        if (batch->released < batch->count)
            break;
        lane->first = batch->next;
        if (lane->first == NULL)
            lane->last = NULL;
        batch->next = NULL;
        *end = batch;
        end = &batch->next;
    }
    lock_release(&queue->mutex, replay_queue_lock);
    if (finished == NULL)
        return;

    /* Blocks are dropped without the lock, but before the reader is woken. */
    uint32_t batches = 0;
    struct batch *last = finished;
    for (struct batch *batch = finished; batch != NULL; batch = batch->next, batches++) {
        struct batch *next = batch->next;
        batch_clear(batch);
        batch->next = next;
        last = batch;
    }
    lock_acquire(&queue->mutex, replay_queue_lock);
    lane->batch_count -= batches;
    last->next = queue->free;
    queue->free = finished;
    pthread_cond_signal(&queue->moved);
    if (queue->is_ended)
        pthread_cond_broadcast(&queue->ended);
    lock_release(&queue->mutex, replay_queue_lock);
}

/* Anybody's. */

void file_queue_wake(struct file_queue *queue, uint32_t lane_index) {
    struct lane *lane = &queue->lanes[lane_index];
    lock_acquire(&queue->mutex, replay_queue_lock);
    lane->is_woken = true;
    pthread_cond_signal(&lane->readable);
    lock_release(&queue->mutex, replay_queue_lock);
}

void file_queue_stop(struct file_queue *queue) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    queue->is_stopped = true;
    pthread_cond_broadcast(&queue->moved);
    lock_release(&queue->mutex, replay_queue_lock);
}

uint64_t file_queue_done(struct file_queue *queue) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    uint64_t done = queue->published;
    for (uint32_t i = 0; i < queue->lane_count; i++) {
        const struct batch *batch = queue->lanes[i].first;
        if (batch != NULL && batch->items[batch->released].sequence < done)
            done = batch->items[batch->released].sequence;
    }
    lock_release(&queue->mutex, replay_queue_lock);
    return done;
}

bool file_queue_wait_end(struct file_queue *queue, int timeout_ms) {
    const int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    lock_acquire(&queue->mutex, replay_queue_lock);
    while (!queue->is_notified && !(queue->is_ended && is_empty(queue)) &&
           condition_wait(&queue->ended, &queue->mutex, until_ns))
        ;
    bool has_ended = queue->is_ended && is_empty(queue) && !queue->is_notified;
    queue->is_notified = false;
    lock_release(&queue->mutex, replay_queue_lock);
    return has_ended;
}

void file_queue_notify(struct file_queue *queue) {
    lock_acquire(&queue->mutex, replay_queue_lock);
    queue->is_notified = true;
    pthread_cond_broadcast(&queue->ended);
    lock_release(&queue->mutex, replay_queue_lock);
}
