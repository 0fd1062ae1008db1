/* The store's thread: processes the queue, and reports the outcome. */
#include "base/clock.h"
#include "checkpoint/store_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store_place *store_place_find(const struct checkpoint_store *store, int32_t partition) {
    for (size_t i = 0; i < store->place_count; i++) {
        if (store->places[i]->partition == partition)
            return store->places[i];
    }
    return NULL;
}

void store_job_free(struct store_job *job) {
    if (job == NULL)
        return;
    checkpoint_release(&job->checkpoint);
    positions_release(&job->committed);
    text_release(&job->frames);
    free(job);
}

static const char *const work_names[] = {
    [STORE_CHECKPOINT] = "checkpoints",
    [STORE_JOURNAL] = "journals",
};

/* ---- status ---- */

void store_failed(struct checkpoint_store *store, struct store_place *place, enum store_work work,
                  uint64_t size, const struct error *error) {
    lock_acquire(&store->lock, store_lock);
    const bool is_first = store->failing[STORE_CHECKPOINT] + store->failing[STORE_JOURNAL] == 0;
    store->failing[work] += !place->is_failing[work];
    place->is_failing[work] = true;
    place->failed_size[work] = size;
    store->totals.failed += work == STORE_CHECKPOINT;
    store->totals.is_ok = false;
    snprintf(store->totals.detail, sizeof store->totals.detail, "%.*s",
             (int)sizeof store->totals.detail - 1, error->text);
    lock_release(&store->lock, store_lock);
    if (is_first)
        log_change_event(store->log, LOG_LEVEL_ERROR, "engine", "checkpoint.failing",
                         "%s cannot be written: %s. After a crash state is rebuilt from older "
                         "ones, as far as Kafka has the messages",
                         work_names[work], error->text);
}

/* A place is ok again if it worked for it, or if as much worked for another place. */
static void store_worked(struct checkpoint_store *store, const struct store_place *place,
                         enum store_work work, uint64_t size) {
    lock_acquire(&store->lock, store_lock);
    const bool was_failing = store->failing[work] > 0;
    for (size_t i = 0; was_failing && i < store->place_count; i++) {
        struct store_place *other = store->places[i];
        if (!other->is_failing[work] || (other != place && other->failed_size[work] > size))
            continue;
        other->is_failing[work] = false;
        store->failing[work]--;
    }
    const bool is_over =
        was_failing && store->failing[STORE_CHECKPOINT] + store->failing[STORE_JOURNAL] == 0;
    if (is_over) {
        store->totals.is_ok = true;
        store->totals.detail[0] = '\0';
    }
    lock_release(&store->lock, store_lock);
    if (is_over)
        log_change_event(store->log, LOG_LEVEL_INFO, "engine", "checkpoint.recovered",
                         "checkpoints and journals are written again");
}

/* ---- journals ---- */

static void set_holes(struct checkpoint_store *store, struct store_place *place) {
    lock_acquire(&store->lock, store_lock);
    place->is_holed = true;
    lock_release(&store->lock, store_lock);
}

/* The caller reports them now. */
static bool take_holes(struct checkpoint_store *store, struct store_place *place) {
    lock_acquire(&store->lock, store_lock);
    const bool is_holed = place->is_holed;
    place->is_holed = false;
    lock_release(&store->lock, store_lock);
    return is_holed;
}

/* Lost frames are reported by the next ones that are written. */
static void lose_frames(struct checkpoint_store *store, struct store_place *place, uint64_t size,
                        const struct error *error) {
    set_holes(store, place);
    store_failed(store, place, STORE_JOURNAL, size, error);
}

static void report_synced(void *context, int32_t partition, uint64_t size,
                          const struct error *error) {
    struct checkpoint_store *store = context;
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place_find(store, partition);
    lock_release(&store->lock, store_lock);
    if (place != NULL && error != NULL)
        lose_frames(store, place, size, error);
    else if (place != NULL)
        store_worked(store, place, STORE_JOURNAL, size);
}

static void sync_journals(struct checkpoint_store *store) {
    store->backend->ops->sync(store->backend, report_synced, store);
}

static void append(struct checkpoint_store *store, struct store_place *place, uint64_t number,
                   const struct text *frames) {
    struct error error;
    const bool is_holed = take_holes(store, place);
    if (store->backend->ops->append(store->backend, place->partition, number, frames, is_holed,
                                    &error)) {
        lock_acquire(&store->lock, store_lock);
        store->totals.journal_bytes += frames->size;
        lock_release(&store->lock, store_lock);
    } else {
        lose_frames(store, place, frames->size, &error);
    }
}

static void do_journal(struct checkpoint_store *store, struct store_job *job) {
    struct error error;
    if (job->is_end) {
        store->backend->ops->remove_journals(store->backend, job->place->partition);
        (void)take_holes(store, job->place);
    } else if (job->is_dropped) {
        error_set(&error, ERROR_SYSTEM, "%s is too slow: too much waits to be written",
                  store->backend->ops->medium);
        lose_frames(store, job->place, 0, &error);
    } else {
        append(store, job->place, job->number, &job->frames);
    }
}

/* ---- checkpoints ---- */

static void want(struct backend_pruning *pruning, const struct store_place *place,
                 const struct store_job *jobs) {
    for (const struct store_job *job = jobs; job != NULL; job = job->next) {
        for (size_t i = 0; job->place == place && i < job->checkpoint.part_count; i++) {
            const uint64_t number = job->checkpoint.parts[i].same_as;
            if (number != 0 && number < pruning->wanted)
                pruning->wanted = number;
        }
    }
}

static struct backend_pruning begin_pruning(struct checkpoint_store *store,
                                            const struct store_job *job) {
    const struct store_place *place = job->place;
    struct backend_pruning pruning = {
        .written = job->number, .committed = &job->committed, .wanted = UINT64_MAX};
    lock_acquire(&store->lock, store_lock);
    pruning.stale_above = place->stale_above;
    pruning.stale_to = place->stale_to;
    want(&pruning, place, store->batch);
    want(&pruning, place, store->first);
    lock_release(&store->lock, store_lock);
    return pruning;
}

static void end_pruning(struct checkpoint_store *store, struct store_place *place,
                        const struct backend_pruning *pruning) {
    lock_acquire(&store->lock, store_lock);
    memcpy(place->kept, pruning->kept, sizeof place->kept);
    place->oldest = pruning->oldest;
    if (place->stale_above == pruning->stale_above && place->stale_to == pruning->stale_to)
        place->stale_above = place->stale_to = 0;
    char **old_paths = place->old_paths;
    const size_t old_count = place->old_count;
    place->old_paths = NULL;
    place->old_count = 0;
    lock_release(&store->lock, store_lock);
    for (size_t i = 0; i < old_count; i++) {
        unlink(old_paths[i]);
        free(old_paths[i]);
    }
    free(old_paths);
}

/* The lane did not take the time to sort them. */
static void sort_timers(struct checkpoint *checkpoint) {
    for (size_t i = 0; i < checkpoint->part_count; i++)
        state_sort_timers(&checkpoint->parts[i].state);
}

static bool write_checkpoint(struct checkpoint_store *store, struct store_job *job, uint64_t *size,
                             struct error *error) {
    *size = 0;
    if (job->is_dropped)
        return error_set(error, ERROR_SYSTEM,
                         "%s is too slow: newer checkpoints wait to be written",
                         store->backend->ops->medium);
    sort_timers(&job->checkpoint);
    return store->backend->ops->write(store->backend, &job->checkpoint, size, error);
}

/* A checkpoint that was to continue an earlier one may have failed at that: the next one is saved
 * whole. */
static void forget_kept(struct checkpoint_store *store, const struct store_job *job) {
    lock_acquire(&store->lock, store_lock);
    if (!job->is_dropped)
        memset(job->place->kept, 0, sizeof job->place->kept);
    lock_release(&store->lock, store_lock);
}

static void do_checkpoint(struct checkpoint_store *store, struct store_job *job) {
    static const struct text nothing = {.data = (char *)""};
    struct store_place *place = job->place;
    struct error error;
    uint64_t size;
    append(store, place, job->number, &nothing); /* even if nothing is noted after it */
    const int64_t begin_ns = clock_monotonic_ns();
    if (!write_checkpoint(store, job, &size, &error)) {
        forget_kept(store, job);
        store_failed(store, place, STORE_CHECKPOINT, size, &error);
        return;
    }
    const struct checkpoint_store_status status = {.partition = place->partition,
                                                   .number = job->number,
                                                   .taken_ms = job->checkpoint.taken_ms,
                                                   .size = size,
                                                   .write_ns = clock_monotonic_ns() - begin_ns};
    lock_acquire(&store->lock, store_lock);
    place->status = status;
    store->totals.written++;
    store->totals.bytes += size;
    lock_release(&store->lock, store_lock);
    store_worked(store, place, STORE_CHECKPOINT, size);
    struct backend_pruning pruning = begin_pruning(store, job);
    store->backend->ops->prune(store->backend, &job->checkpoint, &pruning);
    end_pruning(store, place, &pruning);
}

/* ---- the thread ---- */

static void publish(struct checkpoint_store *store, uint64_t ticket) {
    sync_journals(store);
    lock_acquire(&store->lock, store_lock);
    atomic_store_explicit(&store->finished, ticket, memory_order_release);
    pthread_cond_broadcast(&store->done);
    lock_release(&store->lock, store_lock);
}

/* Takes over the queue. False: it is the end. */
static bool next_batch(struct checkpoint_store *store) {
    lock_acquire(&store->lock, store_lock);
    while (store->first == NULL && !store->should_stop)
        pthread_cond_wait(&store->work, &store->lock);
    store->batch = store->first;
    store->first = store->last = NULL;
    store->frames_waiting = 0;
    for (size_t i = 0; i < store->place_count; i++)
        store->places[i]->waiting = 0;
    lock_release(&store->lock, store_lock);
    return store->batch != NULL;
}

/* Put before its partition number was assigned again, which has continued differently since. */
static bool is_stale(struct checkpoint_store *store, const struct store_job *job) {
    lock_acquire(&store->lock, store_lock);
    const bool is_stale = job->turn != job->place->turn;
    job->place->is_holed |= is_stale;
    lock_release(&store->lock, store_lock);
    return is_stale;
}

static void do_batch(struct checkpoint_store *store) {
    uint64_t ticket = 0;
    for (struct store_job *job; (job = store->batch) != NULL;) {
        store->batch = job->next;
        if (is_stale(store, job)) {
            /* no longer waited for */
        } else if (job->work == STORE_CHECKPOINT) {
            if (ticket > 0)
                publish(store, ticket); /* lanes wait for that, and the following takes its time */
            do_checkpoint(store, job);
        } else {
            do_journal(store, job);
        }
        ticket = job->ticket;
        store_job_free(job);
    }
    publish(store, ticket);
}

void *store_run(void *argument) {
    struct checkpoint_store *store = argument;
    while (next_batch(store))
        do_batch(store);
    lock_acquire(&store->lock, store_lock);
    store->has_ended = true;
    pthread_cond_broadcast(&store->done);
    lock_release(&store->lock, store_lock);
    return NULL;
}
