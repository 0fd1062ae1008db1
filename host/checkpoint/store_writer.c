#include "base/array.h"
#include "base/clock.h"
#include "base/io.h"
#include "checkpoint/store_private.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of all, and of older ones that could be taken up. */
#define KEEP_NEWEST 3
#define KEEP_USABLE 2

static const char *const work_names[] = {
    [STORE_CHECKPOINT] = "checkpoints",
    [STORE_JOURNAL] = "journals",
};

/* ---- how it goes ---- */

void store_failed(struct checkpoint_store *store, struct store_place *place, enum store_work work,
                  uint64_t size, const struct error *error) {
    lock_acquire(&store->lock, store_lock);
    const bool is_first = store->failing[STORE_CHECKPOINT] + store->failing[STORE_JOURNAL] == 0;
    store->failing[work] += !place->is_failing[work];
    place->is_failing[work] = true;
    place->failed_size[work] = size;
    store->totals.failed += work == STORE_CHECKPOINT;
    store->totals.is_well = false;
    snprintf(store->totals.detail, sizeof store->totals.detail, "%.*s",
             (int)sizeof store->totals.detail - 1, error->text);
    lock_release(&store->lock, store_lock);
    if (is_first)
        log_change_event(store->log, LOG_LEVEL_ERROR, "engine", "checkpoint.failing",
                         "%s cannot be written: %s. After a crash state is built anew from older "
                         "ones, as far as Kafka has the messages",
                         work_names[work], error->text);
}

/* A place is well again when it worked for it, or as much for another. */
void store_worked(struct checkpoint_store *store, const struct store_place *place,
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
        store->totals.is_well = true;
        store->totals.detail[0] = '\0';
    }
    lock_release(&store->lock, store_lock);
    if (is_over)
        log_change_event(store->log, LOG_LEVEL_INFO, "engine", "checkpoint.recovered",
                         "checkpoints and journals are written again");
}

/* ---- journals ---- */

static void close_journal(struct store_place *place) {
    if (place->journal >= 0)
        close(place->journal);
    place->journal = -1;
}

/* What was lost is told by the next frames that get to the disk. */
static void lose_frames(struct checkpoint_store *store, struct store_place *place, uint64_t size,
                        const struct error *error) {
    lock_acquire(&store->lock, store_lock);
    place->is_holed = true;
    lock_release(&store->lock, store_lock);
    store_failed(store, place, STORE_JOURNAL, size, error);
}

static bool has_holes(struct checkpoint_store *store, const struct store_place *place) {
    lock_acquire(&store->lock, store_lock);
    const bool is_holed = place->is_holed;
    lock_release(&store->lock, store_lock);
    return is_holed;
}

static void set_holes(struct checkpoint_store *store, struct store_place *place, bool is_holed) {
    lock_acquire(&store->lock, store_lock);
    place->is_holed = is_holed;
    lock_release(&store->lock, store_lock);
}

/* Writes at the end of what is good; what did not work leaves the file as it was. */
static bool write_journal(struct store_place *place, const char *path, const struct text *bytes,
                          struct error *error) {
    if (text_is_oom(bytes))
        return error_set_memory(error, path);
    if (lseek(place->journal, (off_t)place->journal_size, SEEK_SET) >= 0 &&
        io_write_all(place->journal, bytes->data, bytes->size)) {
        place->journal_size += bytes->size;
        return true;
    }
    error_set_errno(error, errno, "cannot write %s (%zu bytes more)", path, bytes->size);
    if (ftruncate(place->journal, (off_t)place->journal_size) != 0)
        close_journal(place); /* read again, and cut, before anything else is written */
    return false;
}

/* How much of a file that is there is good. One that cannot be gone on with makes room for a new
 * one. */
static bool look_at_journal(struct checkpoint_store *store, struct store_place *place,
                            uint64_t number, const char *path, struct error *error) {
    const struct journal_owner owner = store_owner(store, place->partition, number);
    struct journal_shape shape;
    char *bytes;
    size_t size;
    place->journal_size = 0;
    place->is_journal_new = false;
    const enum file_outcome outcome = files_read(path, &bytes, &size, error);
    if (outcome == FILE_UNREADABLE)
        return false;
    bool is_good = outcome == FILE_READ &&
                   (size == 0 || journal_read(bytes, size, &owner, NULL, &shape, error));
    if (is_good && size > 0) {
        place->journal_size = shape.whole;
        if (!shape.is_torn && shape.whole < size)
            set_holes(store, place, true);
    }
    free(bytes);
    if (!is_good && outcome == FILE_READ && error->code == ERROR_MEMORY)
        return false;
    if (!is_good && outcome != FILE_NONE) {
        error_prefix(error, "%s: ", path);
        files_set_aside(path,
                        outcome == FILE_READ && error->code == ERROR_INVALID ? FILE_DAMAGED
                                                                             : FILE_REFUSED,
                        store->log, error);
        set_holes(store, place, true);
    }
    place->is_journal_new = !is_good;
    return true;
}

/* A section of this process's begins. */
static bool begin_section(struct checkpoint_store *store, struct store_place *place,
                          uint64_t number, const char *path, struct error *error) {
    const struct journal_owner owner = store_owner(store, place->partition, number);
    const bool is_holed = has_holes(store, place);
    struct text bytes;
    text_init(&bytes);
    journal_put_header(&bytes, &owner);
    if (is_holed)
        order_put_break(&bytes);
    const bool did = write_journal(place, path, &bytes, error);
    text_release(&bytes);
    if (did && is_holed)
        set_holes(store, place, false);
    return did;
}

static bool open_file(struct store_place *place, const char *path, struct error *error) {
    place->journal = private_file_open(path, O_RDWR | O_CREAT, error);
    if (place->journal < 0)
        return false;
    if (ftruncate(place->journal, (off_t)place->journal_size) == 0)
        return true;
    error_set_errno(error, errno, "cannot cut %s", path);
    close_journal(place);
    return false;
}

/* Sees to it that the place's journal of that number is open. */
static bool open_journal(struct checkpoint_store *store, struct store_place *place, uint64_t number,
                         const char *path, struct error *error) {
    if (place->journal >= 0 && place->journal_number == number)
        return true;
    close_journal(place);
    place->journal_number = number;
    if (!files_make_directory(store->state_dir, place->partition, error) ||
        !look_at_journal(store, place, number, path, error) || !open_file(place, path, error))
        return false;
    if (begin_section(store, place, number, path, error))
        return true;
    close_journal(place);
    return false;
}

static void note_dirty(struct checkpoint_store *store, struct store_place *place) {
    if (place->is_dirty)
        return;
    place->is_dirty = true;
    place->next_dirty = store->dirty;
    store->dirty = place;
}

/* Of the descriptor that is open now. */
static bool sync_journal(struct checkpoint_store *store, struct store_place *place,
                         struct error *error) {
    if (place->journal < 0)
        return error_set(error, ERROR_SYSTEM, "a journal was not synced"); /* and that was said */
    if (fdatasync(place->journal) != 0)
        return error_set_errno(error, errno, "cannot sync a journal");
    if (!place->is_journal_new)
        return true;
    char *directory = files_directory(store->state_dir, place->partition);
    const bool did = directory != NULL ? files_sync_directory(directory, error)
                                       : error_set_memory(error, "a path");
    free(directory);
    place->is_journal_new &= !did;
    return did;
}

static void sync_one(struct checkpoint_store *store, struct store_place *place) {
    struct error error;
    place->is_dirty = false;
    if (!sync_journal(store, place, &error))
        lose_frames(store, place, 0, &error);
    else
        store_worked(store, place, STORE_JOURNAL, place->journal_size);
}

static void sync_journals(struct checkpoint_store *store) {
    while (store->dirty != NULL) {
        struct store_place *place = store->dirty;
        store->dirty = place->next_dirty;
        sync_one(store, place);
    }
}

/* Appends frames, or sees to it that the file is there. */
static void append(struct checkpoint_store *store, struct store_place *place, uint64_t number,
                   const struct text *frames) {
    struct error error;
    char *path = files_path(store->state_dir, place->partition, number, FILE_JOURNAL);
    if (place->is_dirty && place->journal_number != number)
        sync_journals(store); /* the one that is open goes */
    bool did = path != NULL || error_set_memory(&error, "a path");
    did = did && open_journal(store, place, number, path, &error);
    if (did && has_holes(store, place)) {
        struct text told;
        text_init(&told);
        order_put_break(&told);
        did = write_journal(place, path, &told, &error);
        text_release(&told);
        if (did)
            set_holes(store, place, false);
    }
    if (did && (frames->size == 0 || write_journal(place, path, frames, &error))) {
        lock_acquire(&store->lock, store_lock);
        store->totals.journal_bytes += frames->size;
        lock_release(&store->lock, store_lock);
        note_dirty(store, place);
    } else {
        lose_frames(store, place, frames->size, &error);
    }
    free(path);
}

static void remove_file(struct checkpoint_store *store, const struct store_place *place,
                        const struct file_name *file) {
    char *path = files_path(store->state_dir, place->partition, file->number, file->kind);
    if (path != NULL)
        unlink(path);
    free(path);
}

static void remove_journals(struct checkpoint_store *store, struct store_place *place) {
    struct file_list files;
    struct error error;
    sync_journals(store); /* this one may be among them */
    close_journal(place);
    if (!store_list(store, place->partition, &files, &error)) {
        log_event(store->log, LOG_LEVEL_ERROR, "engine", "checkpoint.not_removed",
                  "old journals are not removed: %s", error.text);
        return;
    }
    for (size_t i = 0; i < files.count; i++) {
        if (files.items[i].kind == FILE_JOURNAL)
            remove_file(store, place, &files.items[i]);
    }
    file_list_release(&files);
    set_holes(store, place, false);
}

static void do_journal(struct checkpoint_store *store, struct store_job *job) {
    struct error error;
    if (job->is_end) {
        remove_journals(store, job->place);
    } else if (job->is_dropped) {
        error_set(&error, ERROR_SYSTEM, "the disk is too slow: too much waits to be written");
        lose_frames(store, job->place, 0, &error);
    } else {
        append(store, job->place, job->number, &job->frames);
    }
}

/* ---- parts of earlier checkpoints ---- */

/* Fills what has not changed since checkpoint `number`. */
static bool copy_from(struct checkpoint_store *store, struct checkpoint *checkpoint,
                      uint64_t number, struct error *error) {
    struct checkpoint from;
    checkpoint_init(&from);
    char *path = files_path(store->state_dir, checkpoint->partition, number, FILE_CHECKPOINT);
    if (path == NULL)
        return error_set_memory(error, "a path");
    bool did = files_read_checkpoint(path, checkpoint->partition, number, store->group, &from,
                                     error) == FILE_READ;
    for (size_t i = 0; did && i < checkpoint->part_count; i++) {
        struct checkpoint_part *part = &checkpoint->parts[i];
        if (part->same_as != number)
            continue;
        struct checkpoint_part *old = checkpoint_part(&from, part->deployment);
        if (old == NULL) {
            did = error_set(error, ERROR_INVALID, "%s: has no part of \"%s\"", path,
                            part->deployment);
            break;
        }
        state_release(&part->state);
        part->state = old->state;
        part->has_state = old->has_state;
        part->same_as = 0;
        state_init(&old->state);
    }
    checkpoint_release(&from);
    free(path);
    return did ||
           error_prefix(error, "what has not changed since checkpoint %" PRIu64 ": ", number);
}

static bool copy_parts(struct checkpoint_store *store, struct checkpoint *checkpoint,
                       struct error *error) {
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        const uint64_t number = checkpoint->parts[i].same_as;
        if (number != 0 && !copy_from(store, checkpoint, number, error))
            return false;
    }
    return true;
}

/* ---- what is known of files ---- */

static void release_head(struct store_head *head) {
    checkpoint_release(&head->checkpoint);
}

static void forget_head(struct store_place *place, uint64_t number) {
    for (size_t i = 0; i < place->head_count; i++) {
        if (place->heads[i].number != number)
            continue;
        release_head(&place->heads[i]);
        place->heads[i] = place->heads[--place->head_count];
        return;
    }
}

/* Keeps the checkpoint without its states; it is empty then. Without memory it is read again when
 * it is needed. */
static struct store_head *keep_head(struct store_place *place, struct checkpoint *checkpoint) {
    for (size_t i = 0; i < checkpoint->part_count; i++)
        state_release(&checkpoint->parts[i].state);
    forget_head(place, checkpoint->number);
    if (!ARRAY_GROW(place->heads, place->head_count, place->head_capacity)) {
        checkpoint_release(checkpoint);
        return NULL;
    }
    struct store_head *head = &place->heads[place->head_count++];
    head->number = checkpoint->number;
    head->checkpoint = *checkpoint;
    checkpoint_init(checkpoint);
    return head;
}

/* NULL: it cannot be read; `*is_gone`: nor ever will be, and was set aside. */
static const struct checkpoint *head_of(struct checkpoint_store *store, struct store_place *place,
                                        uint64_t number, bool *is_gone) {
    struct checkpoint checkpoint;
    struct error error;
    *is_gone = false;
    for (size_t i = 0; i < place->head_count; i++) {
        if (place->heads[i].number == number)
            return &place->heads[i].checkpoint;
    }
    char *path = files_path(store->state_dir, place->partition, number, FILE_CHECKPOINT);
    if (path == NULL)
        return NULL;
    checkpoint_init(&checkpoint);
    const enum file_outcome outcome =
        files_read_checkpoint(path, place->partition, number, store->group, &checkpoint, &error);
    const struct store_head *head = outcome == FILE_READ ? keep_head(place, &checkpoint) : NULL;
    *is_gone = outcome == FILE_DAMAGED || outcome == FILE_REFUSED || outcome == FILE_NONE;
    if (*is_gone && outcome != FILE_NONE)
        files_set_aside(path, outcome, store->log, &error);
    free(path);
    return head != NULL ? &head->checkpoint : NULL;
}

void store_place_release(struct store_place *place) {
    lock_alone(store_lock);
    close_journal(place);
    for (size_t i = 0; i < place->head_count; i++)
        release_head(&place->heads[i]);
    free(place->heads);
    for (size_t i = 0; i < place->old_count; i++)
        free(place->old_paths[i]);
    free(place->old_paths);
}

/* ---- what is kept ---- */

struct pruning {
    uint64_t written, stale_above, stale_to;
    uint64_t wanted; /* the lowest that a waiting one copies from; UINT64_MAX: none */
    uint64_t kept[STORE_KEPT];
    size_t kept_count;
    uint64_t oldest;
    size_t newest, usable; /* how many are kept as such */
};

static void want(struct pruning *pruning, const struct store_place *place,
                 const struct store_job *jobs) {
    for (const struct store_job *job = jobs; job != NULL; job = job->next) {
        for (size_t i = 0; job->place == place && i < job->checkpoint.part_count; i++) {
            const uint64_t number = job->checkpoint.parts[i].same_as;
            if (number != 0 && number < pruning->wanted)
                pruning->wanted = number;
        }
    }
}

static void begin_pruning(struct checkpoint_store *store, const struct store_place *place,
                          struct pruning *pruning) {
    lock_acquire(&store->lock, store_lock);
    pruning->stale_above = place->stale_above;
    pruning->stale_to = place->stale_to;
    pruning->wanted = UINT64_MAX;
    want(pruning, place, store->batch);
    want(pruning, place, store->first);
    lock_release(&store->lock, store_lock);
}

static bool is_to_keep(struct checkpoint_store *store, struct store_place *place,
                       struct pruning *pruning, uint64_t number,
                       const struct positions *committed) {
    if (number > pruning->stale_above && number <= pruning->stale_to && number != pruning->written)
        return false;
    if (pruning->newest < KEEP_NEWEST) {
        pruning->newest++;
        return true;
    }
    if (pruning->usable < KEEP_USABLE) {
        bool is_gone;
        const struct checkpoint *head = head_of(store, place, number, &is_gone);
        if (is_gone)
            return false;
        if (head == NULL || checkpoint_is_usable(head, committed, NULL)) {
            pruning->usable += head != NULL;
            return true;
        }
    }
    return number >= pruning->wanted;
}

static void prune_checkpoints(struct checkpoint_store *store, struct store_place *place,
                              struct pruning *pruning, const struct file_list *files,
                              const struct positions *committed) {
    for (size_t i = files->count; i > 0; i--) {
        const struct file_name *file = &files->items[i - 1];
        if (file->kind == FILE_BESIDE)
            remove_file(store, place, file);
        if (file->kind != FILE_CHECKPOINT)
            continue;
        if (is_to_keep(store, place, pruning, file->number, committed)) {
            pruning->oldest = file->number;
            if (pruning->kept_count < STORE_KEPT)
                pruning->kept[pruning->kept_count++] = file->number;
        } else {
            remove_file(store, place, file);
            forget_head(place, file->number);
        }
    }
}

static void end_pruning(struct checkpoint_store *store, struct store_place *place,
                        const struct pruning *pruning) {
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

static void prune(struct checkpoint_store *store, struct store_place *place, uint64_t written,
                  const struct positions *committed) {
    struct pruning pruning = {.written = written};
    struct file_list files;
    struct error error;
    if (!store_list(store, place->partition, &files, &error)) {
        log_event(store->log, LOG_LEVEL_ERROR, "engine", "checkpoint.not_removed",
                  "old checkpoints are not removed: %s", error.text);
        return;
    }
    begin_pruning(store, place, &pruning);
    prune_checkpoints(store, place, &pruning, &files, committed);
    for (size_t i = 0; i < files.count; i++) {
        if (files.items[i].kind == FILE_JOURNAL && files.items[i].number < pruning.oldest)
            remove_file(store, place, &files.items[i]);
    }
    file_list_release(&files);
    end_pruning(store, place, &pruning);
}

/* ---- checkpoints ---- */

static bool write_checkpoint(struct checkpoint_store *store, struct store_job *job, size_t *size,
                             struct error *error) {
    struct text bytes;
    *size = 0;
    if (job->is_dropped)
        return error_set(error, ERROR_SYSTEM,
                         "the disk is too slow: newer checkpoints wait to be written");
    if (!copy_parts(store, &job->checkpoint, error))
        return false;
    text_init(&bytes);
    checkpoint_encode(&job->checkpoint, &bytes);
    *size = bytes.size;
    const bool did = text_is_oom(&bytes) ? error_set_memory(error, "a checkpoint")
                                         : files_write(store->state_dir, job->place->partition,
                                                       job->number, &bytes, error);
    text_release(&bytes);
    return did;
}

static void do_checkpoint(struct checkpoint_store *store, struct store_job *job) {
    static const struct text nothing = {.data = (char *)""};
    struct store_place *place = job->place;
    struct error error;
    size_t size;
    append(store, place, job->number, &nothing); /* also when nothing is noted behind it */
    const int64_t begin_ns = clock_monotonic_ns();
    if (!write_checkpoint(store, job, &size, &error)) {
        store_failed(store, place, STORE_CHECKPOINT, size, &error);
        return;
    }
    const struct checkpoint_store_status status = {.partition = place->partition,
                                                   .number = job->number,
                                                   .taken_ms = job->checkpoint.taken_ms,
                                                   .size = size,
                                                   .write_ns = clock_monotonic_ns() - begin_ns};
    keep_head(place, &job->checkpoint);
    lock_acquire(&store->lock, store_lock);
    place->status = status;
    store->totals.written++;
    store->totals.bytes += size;
    lock_release(&store->lock, store_lock);
    store_worked(store, place, STORE_CHECKPOINT, size);
    prune(store, place, job->number, &job->committed);
}

/* ---- the thread ---- */

static void publish(struct checkpoint_store *store, uint64_t ticket) {
    sync_journals(store);
    lock_acquire(&store->lock, store_lock);
    atomic_store_explicit(&store->finished, ticket, memory_order_release);
    pthread_cond_broadcast(&store->done);
    lock_release(&store->lock, store_lock);
}

/* Takes the queue over. False: it is the end. */
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

static void do_batch(struct checkpoint_store *store) {
    uint64_t ticket = 0;
    for (struct store_job *job; (job = store->batch) != NULL;) {
        store->batch = job->next;
        if (job->work == STORE_CHECKPOINT) {
            if (ticket > 0)
                publish(store, ticket); /* lanes wait for that, and this takes its time */
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
