#include "checkpoint/store.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/thread.h"
#include "checkpoint/store_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Frames that wait for a disk that does not answer. */
#define MOST_FRAMES (64u << 20)

/* ---- places and jobs ---- */

struct store_place *store_place_find(const struct checkpoint_store *store, int32_t partition) {
    for (size_t i = 0; i < store->place_count; i++) {
        if (store->places[i]->partition == partition)
            return store->places[i];
    }
    return NULL;
}

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
    place->journal = -1;
    place->is_holed = store->is_holed;
    store->places[store->place_count++] = place;
    return place;
}

void store_job_free(struct store_job *job) {
    if (job == NULL)
        return;
    checkpoint_release(&job->checkpoint);
    positions_release(&job->committed);
    text_release(&job->frames);
    free(job);
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

uint64_t store_push(struct checkpoint_store *store, struct store_job *job) {
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

struct journal_owner store_owner(const struct checkpoint_store *store, int32_t partition,
                                 uint64_t number) {
    return (struct journal_owner){.partition = partition,
                                  .number = number,
                                  .group = store->group,
                                  .topics = (const char *const *)store->topics,
                                  .topic_count = store->topic_count};
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
        store_place_release(store->places[i]);
        free(store->places[i]);
    }
    free(store->places);
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

static bool make_directory(const struct checkpoint_store *store, struct error *error) {
    char *directory = text_format("%s/checkpoints", store->state_dir);
    if (directory == NULL)
        return error_set_memory(error, "a path");
    const bool did = files_make_one(store->state_dir, directory, error);
    free(directory);
    return did;
}

struct checkpoint_store *checkpoint_store_new(const struct checkpoint_store_options *options,
                                              struct error *error) {
    struct checkpoint_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        error_set_memory(error, "the store of checkpoints");
        return NULL;
    }
    lock_alone(store_lock);
    prepare(store);
    store->totals.is_well = true;
    if (!copy_options(store, options))
        error_set_memory(error, "the store of checkpoints");
    else if (make_directory(store, error) &&
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

/* Makes the oldest of the place's waiting ones fail, when there are too many; what it held is moved
 * to `old`, to be freed without the lock. */
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

/* ---- what is there ---- */

bool checkpoint_store_has(struct checkpoint_store *store, int32_t partition, uint64_t number) {
    bool has = false;
    lock_acquire(&store->lock, store_lock);
    const struct store_place *place = store_place_find(store, partition);
    for (size_t i = 0; place != NULL && i < STORE_KEPT && place->kept[i] != 0; i++)
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

bool store_list(const struct checkpoint_store *store, int32_t partition, struct file_list *files,
                struct error *error) {
    char *directory = files_directory(store->state_dir, partition);
    const bool did = directory != NULL ? files_list(directory, true, files, error)
                                       : error_set_memory(error, "a path");
    free(directory);
    return did;
}

/* A directory that cannot be read cannot be written into either: the place is not well until a
 * checkpoint has been. */
static void note_unreadable(struct checkpoint_store *store, int32_t partition,
                            const struct error *error) {
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place(store, partition);
    lock_release(&store->lock, store_lock);
    if (place != NULL)
        store_failed(store, place, STORE_CHECKPOINT, UINT64_MAX, error);
}

uint64_t checkpoint_store_next_number(struct checkpoint_store *store, int32_t partition) {
    struct file_list files = {0};
    struct error error;
    lock_acquire(&store->lock, store_lock);
    const struct store_place *known = store_place_find(store, partition);
    const uint64_t next = known != NULL && known->is_listed ? known->highest + 1 : 0;
    lock_release(&store->lock, store_lock);
    if (next > 0)
        return next;
    if (!store_list(store, partition, &files, &error)) {
        note_unreadable(store, partition, &error);
        return 0;
    }
    const uint64_t there = files.count > 0 ? files.items[files.count - 1].number : 0;
    file_list_release(&files);
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

struct finding {
    struct checkpoint_store *store;
    int32_t partition;
    const struct positions *committed;
    struct checkpoint *checkpoint;
    struct text *why;
    bool has_why;
    uint64_t highest, oldest; /* of checkpoints that are there */
};

static void explain(struct finding *finding, const char *text) {
    if (finding->has_why || finding->why == NULL)
        return;
    finding->has_why = true;
    text_puts(finding->why, text);
}

static void explain_above(struct finding *finding, const struct position *above) {
    if (finding->has_why || finding->why == NULL)
        return;
    const struct checkpoint *checkpoint = finding->checkpoint;
    finding->has_why = true;
    text_printf(finding->why, "checkpoint %" PRIu64 ", taken ", checkpoint->number);
    text_time_ns(finding->why, clock_ms_ns(checkpoint->taken_ms));
    text_printf(finding->why,
                ", stands at %s[%" PRId32 "] %" PRId64 ", above the committed %" PRId64,
                above->topic, above->partition, above->next,
                positions_find(finding->committed, above->topic, above->partition)->next);
}

enum found { FOUND_IT, FOUND_NOT, FOUND_NO_MEMORY };

static enum found try_file(struct finding *finding, uint64_t number, struct error *error) {
    const struct position *above;
    char *path = files_path(finding->store->state_dir, finding->partition, number, FILE_CHECKPOINT);
    if (path == NULL) {
        error_set_memory(error, "a path");
        return FOUND_NO_MEMORY;
    }
    const enum file_outcome outcome = files_read_checkpoint(
        path, finding->partition, number, finding->store->group, finding->checkpoint, error);
    enum found found = FOUND_NOT;
    if (outcome == FILE_READ) {
        if (checkpoint_is_usable(finding->checkpoint, finding->committed, &above)) {
            found = FOUND_IT;
        } else {
            explain_above(finding, above);
            checkpoint_release(finding->checkpoint);
        }
        finding->oldest = number;
    } else if (outcome != FILE_NONE && error->code == ERROR_MEMORY) {
        found = FOUND_NO_MEMORY;
    } else if (outcome != FILE_NONE) {
        explain(finding, error->text);
        files_set_aside(path, outcome, finding->store->log, error);
    }
    free(path);
    return found;
}

static enum found try_files(struct finding *finding, const struct file_list *files,
                            struct error *error) {
    enum found found = FOUND_NOT;
    for (size_t i = files->count; i > 0 && found == FOUND_NOT; i--) {
        if (files->items[i - 1].kind != FILE_CHECKPOINT)
            continue;
        if (finding->highest == 0)
            finding->highest = files->items[i - 1].number;
        found = try_file(finding, files->items[i - 1].number, error);
    }
    for (size_t i = 0; found == FOUND_IT && i < files->count; i++) {
        if (files->items[i].kind != FILE_CHECKPOINT)
            continue;
        finding->oldest = files->items[i].number;
        break;
    }
    return found;
}

/* What the thread has to know of it. Without a place there is no memory. */
static bool note_found(struct finding *finding, bool is_found, struct store_job *end) {
    struct checkpoint_store *store = finding->store;
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place(store, finding->partition);
    if (place != NULL) {
        const uint64_t number = is_found ? finding->checkpoint->number : 0;
        memset(place->kept, 0, sizeof place->kept);
        place->kept[0] = number;
        place->oldest = finding->oldest;
        place->stale_above = number;
        place->stale_to = finding->highest;
        if (end != NULL) {
            end->place = place;
            end->is_end = true;
            store_push(store, end);
        }
    }
    lock_release(&store->lock, store_lock);
    return place != NULL;
}

bool checkpoint_store_find(struct checkpoint_store *store, int32_t partition,
                           const struct positions *committed, struct checkpoint *checkpoint,
                           struct text *why, struct error *error) {
    struct finding finding = {.store = store,
                              .partition = partition,
                              .committed = committed,
                              .checkpoint = checkpoint,
                              .why = why};
    struct file_list files = {0};
    *error = (struct error){.code = ERROR_NONE};
    if (!store_list(store, partition, &files, error)) {
        if (error->code != ERROR_MEMORY) {
            log_event(store->log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                      "checkpoints are not used: %s", error->text);
            note_unreadable(store, partition, error);
        }
        explain(&finding, error->text);
        error->code = error->code == ERROR_MEMORY ? ERROR_MEMORY : ERROR_NONE;
        return false;
    }
    const enum found found = try_files(&finding, &files, error);
    file_list_release(&files);
    if (found == FOUND_NO_MEMORY)
        return false;
    struct store_job *end = found == FOUND_NOT ? new_job(STORE_JOURNAL, 0) : NULL;
    if ((found == FOUND_NOT && end == NULL) || !note_found(&finding, found == FOUND_IT, end)) {
        store_job_free(end);
        checkpoint_release(checkpoint);
        return error_set_memory(error, "a partition's checkpoints");
    }
    if (found == FOUND_NOT)
        error->code = ERROR_NONE; /* what it says was logged */
    return found == FOUND_IT;
}

/* ---- the order ---- */

static void say_order_unknown(const struct checkpoint_store *store, int32_t partition,
                              const char *why) {
    log_event(store->log, LOG_LEVEL_ERROR, "engine", "checkpoint.order_unknown",
              "partition %" PRId32 ": the order in which messages of different topics were "
              "processed is not known any more: %s",
              partition, why);
}

static void say_missing(const struct checkpoint_store *store, int32_t partition, uint64_t number) {
    char why[64];
    snprintf(why, sizeof why, "journal %" PRIu64 " is missing", number);
    say_order_unknown(store, partition, why);
}

/* Adds a journal; false: it is the last that can be read. */
static bool add_journal(struct checkpoint_store *store, int32_t partition, uint64_t number,
                        struct order *order, bool *is_whole) {
    const struct journal_owner owner = store_owner(store, partition, number);
    struct journal_shape shape = {0};
    struct error error;
    char *bytes = NULL;
    size_t size = 0;
    char *path = files_path(store->state_dir, partition, number, FILE_JOURNAL);
    bool did = path != NULL || error_set_memory(&error, "a path");
    did = did && files_read(path, &bytes, &size, &error) == FILE_READ;
    did = did && journal_read(bytes, size, &owner, order, &shape, &error);
    if (did && shape.whole < size && !shape.is_torn)
        error_set(&error, ERROR_INVALID, "%s: damaged after byte %zu of %zu", path, shape.whole,
                  size);
    if (!did || (shape.whole < size && !shape.is_torn))
        say_order_unknown(store, partition, error.text);
    free(bytes);
    free(path);
    *is_whole = did && (shape.whole == size || shape.is_torn);
    return did && shape.whole == size;
}

void checkpoint_store_read_order(struct checkpoint_store *store, int32_t partition, uint64_t number,
                                 struct order *order) {
    struct file_list files;
    struct error error;
    if (!store_list(store, partition, &files, &error)) {
        say_order_unknown(store, partition, error.text);
        order_break(order);
        return;
    }
    uint64_t next = number;
    bool goes_on = true;
    for (size_t i = 0; i < files.count; i++) {
        const struct file_name *file = &files.items[i];
        bool is_whole = true;
        if (file->kind != FILE_JOURNAL || file->number < number)
            continue;
        const bool follows = goes_on && file->number == next;
        if (goes_on && !follows)
            say_missing(store, partition, next);
        if (file->number > number && !order_begin_segment(order, file->number))
            break;
        goes_on = follows && add_journal(store, partition, file->number, order, &is_whole);
        if (!follows || !is_whole)
            order_break(order); /* told in the newest file, which is gone on with */
        next = file->number + 1;
    }
    if (next == number) { /* there is one with every checkpoint */
        say_missing(store, partition, number);
        order_break(order);
    }
    file_list_release(&files);
}
