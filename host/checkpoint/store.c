#include "checkpoint/store.h"

#include "base/array.h"
#include "base/sync/condition.h"
#include "base/sync/thread.h"
#include "checkpoint/directory.h"
#include "checkpoint/store_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Frames that wait for a disk that does not answer. */
#define MOST_FRAMES (64u << 20)

/* ---- places and jobs ---- */

struct store_place *store_place(struct checkpoint_store *store, int32_t partition) {
    struct store_place *place = store_place_find(store, partition);
    if (place != NULL)
        return place;
    if (!ARRAY_GROW(store->places, store->place_count, store->place_capacity))
        return NULL;
    place = calloc(1, sizeof *place);
    if (place == NULL)
        return NULL;
    place->partition = place->status.partition = partition;
    place->is_holed = store->is_holed;
    store->places[store->place_count++] = place;
    return place;
}

static struct store_job *new_job(enum store_work work, uint64_t number) {
    struct store_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->work = work;
    job->number = number;
    checkpoint_init(&job->checkpoint);
    positions_init(&job->committed);
    text_init(&job->frames);
    return job;
}

/* Takes the job, and wakes the thread; returns its ticket. */
REQUIRES(store_lock)
static uint64_t store_push(struct checkpoint_store *store, struct store_job *job) {
    job->ticket = ++store->tickets;
    job->next = NULL;
    if (store->last != NULL)
        store->last->next = job;
    else
        store->first = job;
    store->last = job;
    pthread_cond_signal(&store->work);
    return job->ticket;
}

static bool copy_positions(struct positions *to, const struct positions *from) {
    for (size_t i = 0; i < from->count; i++) {
        const struct position *position = &from->items[i];
        if (!positions_add(to, position->topic, position->partition, position->next))
            return false;
    }
    return true;
}

/* ---- life ---- */

static void release(struct checkpoint_store *store) {
    lock_alone(store_lock);
    for (struct store_job *job = store->first, *next; job != NULL; job = next) {
        next = job->next;
        store_job_free(job);
    }
    for (size_t i = 0; i < store->place_count; i++) {
        for (size_t k = 0; k < store->places[i]->old_count; k++)
            free(store->places[i]->old_paths[k]);
        free(store->places[i]->old_paths);
        free(store->places[i]);
    }
    free(store->places);
    if (store->backend != NULL)
        store->backend->ops->free(store->backend);
    for (size_t i = 0; store->topics != NULL && i < store->topic_count; i++)
        free(store->topics[i]);
    free(store->topics);
    free(store->group);
    free(store->state_dir);
    pthread_cond_destroy(&store->work);
    pthread_cond_destroy(&store->done);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static void prepare(struct checkpoint_store *store) {
    condition_init(&store->work);
    condition_init(&store->done);
    pthread_mutex_init(&store->lock, NULL);
}

static bool copy_options(struct checkpoint_store *store,
                         const struct checkpoint_store_options *options) {
    store->log = options->log;
    store->state_dir = strdup(options->state_dir);
    store->group = strdup(options->group);
    store->topics = calloc(options->topic_count + 1, sizeof *store->topics);
    store->topic_count = options->topic_count;
    bool did = store->state_dir != NULL && store->group != NULL && store->topics != NULL;
    for (size_t i = 0; did && i < options->topic_count; i++)
        did = (store->topics[i] = strdup(options->topics[i])) != NULL;
    return did;
}

/* Opens the backend. */
static bool begin(struct checkpoint_store *store, const struct checkpoint_store_options *options,
                  struct error *error) {
    const struct backend_owner owner = {.group = store->group,
                                        .topics = (const char *const *)store->topics,
                                        .topic_count = store->topic_count,
                                        .log = store->log,
                                        .hurry_ns = options->hurry_ns};
    if (store->backend == NULL)
        store->backend = directory_backend_new(store->state_dir, error);
    return store->backend != NULL && store->backend->ops->begin(store->backend, &owner, error);
}

struct checkpoint_store *checkpoint_store_new(const struct checkpoint_store_options *options,
                                              struct error *error) {
    struct checkpoint_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        if (options->backend != NULL)
            options->backend->ops->free(options->backend);
        error_set_memory(error, "the store of checkpoints");
        return NULL;
    }
    lock_alone(store_lock);
    prepare(store);
    store->backend = options->backend;
    store->totals.is_ok = true;
    if (!copy_options(store, options))
        error_set_memory(error, "the store of checkpoints");
    else if (begin(store, options, error) &&
             thread_start(&store->thread, "checkpoint", store_run, store, error))
        return store;
    release(store);
    return NULL;
}

bool checkpoint_store_free(struct checkpoint_store *store, int64_t timeout_ns) {
    if (store == NULL)
        return true;
    const int64_t until_ns = condition_deadline_ns(timeout_ns);
    lock_acquire(&store->lock, store_lock);
    store->should_stop = true;
    pthread_cond_signal(&store->work);
    while (!store->has_ended && condition_wait(&store->done, &store->lock, until_ns)) {}
    const bool has_ended = store->has_ended;
    lock_release(&store->lock, store_lock);
    if (!has_ended) {
        pthread_detach(store->thread);
        return false;
    }
    pthread_join(store->thread, NULL);
    release(store);
    return true;
}

/* ---- putting ---- */

/* Makes the oldest of the place's waiting ones fail if there are too many; what it held is moved to
 * `old`, to be freed without the lock. */
REQUIRES(store_lock)
static void drop_oldest(struct checkpoint_store *store, struct store_place *place,
                        struct checkpoint *old) {
    if (place->waiting < CHECKPOINT_STORE_WAITING)
        return;
    for (struct store_job *job = store->first; job != NULL; job = job->next) {
        if (job->place != place || job->work != STORE_CHECKPOINT || job->is_dropped)
            continue;
        *old = job->checkpoint;
        checkpoint_init(&job->checkpoint);
        job->is_dropped = true;
        place->waiting--;
        return;
    }
}

uint64_t checkpoint_store_put(struct checkpoint_store *store, struct checkpoint *checkpoint,
                              const struct positions *committed) {
    struct store_job *job = new_job(STORE_CHECKPOINT, checkpoint->number);
    struct checkpoint old;
    checkpoint_init(&old);
    if (job == NULL || !copy_positions(&job->committed, committed)) {
        store_job_free(job);
        checkpoint_release(checkpoint);
        return 0;
    }
    job->checkpoint = *checkpoint;
    checkpoint_init(checkpoint);
    lock_acquire(&store->lock, store_lock);
    uint64_t ticket = 0;
    job->place = store_place(store, job->checkpoint.partition);
    if (job->place != NULL) {
        drop_oldest(store, job->place, &old);
        if (job->place->highest < job->number)
            job->place->highest = job->number;
        job->place->waiting++;
        job->turn = job->place->turn;
        ticket = store_push(store, job);
    }
    lock_release(&store->lock, store_lock);
    checkpoint_release(&old);
    if (ticket == 0)
        store_job_free(job);
    return ticket;
}

uint64_t checkpoint_store_append(struct checkpoint_store *store, int32_t partition, uint64_t number,
                                 const struct text *frames) {
    struct store_job *job = new_job(STORE_JOURNAL, number);
    if (job != NULL && !text_is_oom(frames))
        text_append(&job->frames, frames->data, frames->size);
    const bool is_whole = job != NULL && !text_is_oom(frames) && !text_is_oom(&job->frames);
    uint64_t ticket = 0;
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place(store, partition);
    if (place == NULL) {
        store->is_holed = true;
    } else if (!is_whole) {
        place->is_holed = true;
    } else {
        job->place = place;
        job->turn = place->turn;
        job->is_dropped = store->frames_waiting + frames->size > MOST_FRAMES;
        if (job->is_dropped)
            text_release(&job->frames);
        store->frames_waiting += job->frames.size;
        ticket = store_push(store, job);
    }
    lock_release(&store->lock, store_lock);
    if (ticket == 0)
        store_job_free(job);
    return ticket;
}

bool checkpoint_store_is_done(const struct checkpoint_store *store, uint64_t ticket) {
    return atomic_load_explicit(&store->finished, memory_order_acquire) >= ticket;
}

bool checkpoint_store_await(struct checkpoint_store *store, uint64_t ticket, int64_t timeout_ns) {
    const int64_t until_ns = condition_deadline_ns(timeout_ns);
    bool is_in_time = true;
    lock_acquire(&store->lock, store_lock);
    while (!checkpoint_store_is_done(store, ticket) && is_in_time)
        is_in_time = condition_wait(&store->done, &store->lock, until_ns);
    lock_release(&store->lock, store_lock);
    return checkpoint_store_is_done(store, ticket);
}

/* ---- existing ones ---- */

bool checkpoint_store_has(struct checkpoint_store *store, int32_t partition, uint64_t number) {
    bool has = false;
    lock_acquire(&store->lock, store_lock);
    const struct store_place *place = store_place_find(store, partition);
    for (size_t i = 0; place != NULL && i < BACKEND_KEPT && place->kept[i] != 0; i++)
        has |= place->kept[i] == number;
    lock_release(&store->lock, store_lock);
    return has;
}

uint64_t checkpoint_store_oldest(struct checkpoint_store *store, int32_t partition) {
    lock_acquire(&store->lock, store_lock);
    const struct store_place *place = store_place_find(store, partition);
    const uint64_t oldest = place != NULL ? place->oldest : 0;
    lock_release(&store->lock, store_lock);
    return oldest;
}

/* What is unreadable cannot be written either: the place is failing until a checkpoint has been
 * written. */
static void note_unreadable(struct checkpoint_store *store, int32_t partition,
                            const struct error *error) {
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place(store, partition);
    lock_release(&store->lock, store_lock);
    if (place != NULL)
        store_failed(store, place, STORE_CHECKPOINT, UINT64_MAX, error);
}

uint64_t checkpoint_store_next_number(struct checkpoint_store *store, int32_t partition) {
    uint64_t there;
    struct error error;
    lock_acquire(&store->lock, store_lock);
    const struct store_place *known = store_place_find(store, partition);
    const uint64_t next = known != NULL && known->is_listed ? known->highest + 1 : 0;
    lock_release(&store->lock, store_lock);
    if (next > 0)
        return next;
    if (!store->backend->ops->highest(store->backend, partition, &there, &error)) {
        note_unreadable(store, partition, &error);
        return 0;
    }
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place(store, partition);
    uint64_t number = 0;
    if (place != NULL) {
        place->highest = place->highest > there ? place->highest : there;
        place->is_listed = true;
        number = place->highest + 1;
    }
    lock_release(&store->lock, store_lock);
    return number;
}

size_t checkpoint_store_status(struct checkpoint_store *store,
                               struct checkpoint_store_status *status, size_t most,
                               struct checkpoint_store_totals *totals) {
    lock_acquire(&store->lock, store_lock);
    const size_t count = store->place_count;
    for (size_t i = 0; i < count && i < most; i++)
        status[i] = store->places[i]->status;
    if (totals != NULL)
        *totals = store->totals;
    lock_release(&store->lock, store_lock);
    return count;
}

/* ---- finding ---- */

bool checkpoint_store_is_shared(const struct checkpoint_store *store) {
    return store->backend->ops->is_shared;
}

/* Notes for the thread what was found. False: out of memory. */
static bool note_found(struct checkpoint_store *store, int32_t partition,
                       const struct backend_found *found, struct store_job *end) {
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place(store, partition);
    if (place != NULL) {
        place->turn++;
        memset(place->kept, 0, sizeof place->kept);
        place->kept[0] = found->number;
        place->oldest = found->oldest;
        place->stale_above = found->number;
        place->stale_to = found->highest;
        if (place->highest < found->highest)
            place->highest = found->highest;
        if (end != NULL) {
            end->place = place;
            end->is_end = true;
            end->turn = place->turn;
            store_push(store, end);
        }
    }
    lock_release(&store->lock, store_lock);
    return place != NULL;
}

bool checkpoint_store_find(struct checkpoint_store *store, int32_t partition,
                           const struct positions *committed, struct checkpoint *checkpoint,
                           struct text *why, struct error *error) {
    struct backend_found found = {0};
    *error = (struct error){.code = ERROR_NONE};
    const bool is_found = store->backend->ops->find(store->backend, partition, committed,
                                                    checkpoint, why, &found, error);
    if (found.is_unreadable) {
        note_unreadable(store, partition, error);
        error->code = ERROR_NONE; /* its text was logged */
    }
    if (!is_found && !found.is_without_order)
        return false;
    struct store_job *end = !is_found ? new_job(STORE_JOURNAL, 0) : NULL;
    if ((!is_found && end == NULL) || !note_found(store, partition, &found, end)) {
        store_job_free(end);
        checkpoint_release(checkpoint);
        return error_set_memory(error, "a partition's checkpoints");
    }
    return is_found;
}

bool checkpoint_store_find_before(struct checkpoint_store *store, int32_t partition,
                                  uint64_t number, const struct positions *committed,
                                  struct checkpoint *checkpoint, struct error *error) {
    *error = (struct error){.code = ERROR_NONE};
    if (store->backend->ops->find_before(store->backend, partition, number, committed, checkpoint,
                                         error))
        return true;
    checkpoint_release(checkpoint);
    return false;
}

bool checkpoint_store_resume(struct checkpoint_store *store, int32_t partition,
                             struct error *error) {
    struct backend_found found = {0};
    *error = (struct error){.code = ERROR_NONE};
    if (store->backend->ops->resume == NULL)
        return true;
    if (!store->backend->ops->resume(store->backend, partition, &found, error))
        return false;
    return note_found(store, partition, &found, NULL) ||
           error_set_memory(error, "a partition's checkpoints");
}

bool checkpoint_store_look(struct checkpoint_store *store, int32_t partition,
                           struct backend_look *looks, size_t count, struct error *error) {
    *error = (struct error){.code = ERROR_NONE};
    bool did = store->backend->ops->look(store->backend, partition, looks, count, error);
    for (size_t i = 0; did && i < count; i++)
        did = store_read_tail_of(store, &looks[i]) ||
              error_set_memory(error, "a journal of another worker");
    for (size_t i = 0; !did && i < count; i++)
        checkpoint_release(&looks[i].checkpoint);
    return did;
}

int64_t checkpoint_store_stamp_ms(struct checkpoint_store *store) {
    const int64_t now_ms = clock_wall_ns() / NS_PER_MS;
    const int64_t least_ms = atomic_load(&store->least_stamp_ms);
    return now_ms > least_ms ? now_ms : least_ms;
}

void checkpoint_store_raise_stamp(struct checkpoint_store *store, int64_t above_ms) {
    int64_t least_ms = atomic_load(&store->least_stamp_ms);
    while (least_ms <= above_ms && above_ms < INT64_MAX &&
           !atomic_compare_exchange_weak(&store->least_stamp_ms, &least_ms, above_ms + 1)) {}
}

void checkpoint_store_read_order(struct checkpoint_store *store, int32_t partition, uint64_t number,
                                 struct order *order) {
    store->backend->ops->read_order(store->backend, partition, number, order);
}
