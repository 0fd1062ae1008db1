#include "base/io.h"
#include "checkpoint/directory_private.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- places ---- */

/* ---- journals ---- */

static void close_journal(struct directory_place *place) {
    if (place->journal >= 0)
        close(place->journal);
    place->journal = -1;
}

/* Writes at the end of the good part; a failure leaves the file unchanged. */
static bool write_journal(struct directory_place *place, const char *path, const struct text *bytes,
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

/* How much of an existing file is good. One that cannot be continued is replaced by a new one. */
static bool look_at_journal(struct directory *self, struct directory_place *place, uint64_t number,
                            const char *path, struct error *error) {
    const struct journal_owner owner = directory_owner(self, place->partition, number);
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
            place->is_holed = true;
    }
    free(bytes);
    if (!is_good && outcome == FILE_READ && error->code == ERROR_MEMORY)
        return false;
    if (!is_good && outcome != FILE_NONE) {
        error_prefix(error, "%s: ", path);
        files_set_aside(path,
                        outcome == FILE_READ && error->code == ERROR_INVALID ? FILE_DAMAGED
                                                                             : FILE_REFUSED,
                        self->owner.log, error);
        place->is_holed = true;
    }
    place->is_journal_new = !is_good;
    return true;
}

/* Begins a section of this process. */
static bool begin_section(struct directory *self, struct directory_place *place, uint64_t number,
                          const char *path, struct error *error) {
    const struct journal_owner owner = directory_owner(self, place->partition, number);
    struct text bytes;
    text_init(&bytes);
    journal_put_header(&bytes, &owner);
    if (place->is_holed)
        order_put_break(&bytes);
    const bool did = write_journal(place, path, &bytes, error);
    text_release(&bytes);
    place->is_holed &= !did;
    return did;
}

static bool open_file(struct directory_place *place, const char *path, struct error *error) {
    place->journal = private_file_open(path, O_RDWR | O_CREAT, error);
    if (place->journal < 0)
        return false;
    if (ftruncate(place->journal, (off_t)place->journal_size) == 0)
        return true;
    error_set_errno(error, errno, "cannot cut %s", path);
    close_journal(place);
    return false;
}

/* Makes sure that the place's journal of that number is open. */
static bool open_journal(struct directory *self, struct directory_place *place, uint64_t number,
                         const char *path, struct error *error) {
    if (place->journal >= 0 && place->journal_number == number)
        return true;
    close_journal(place);
    place->journal_number = number;
    if (!files_make_directory(self->state_dir, place->partition, error) ||
        !look_at_journal(self, place, number, path, error) || !open_file(place, path, error))
        return false;
    if (begin_section(self, place, number, path, error))
        return true;
    close_journal(place);
    return false;
}

static void note_dirty(struct directory *self, struct directory_place *place) {
    if (place->is_dirty)
        return;
    place->is_dirty = true;
    place->next_dirty = self->dirty;
    self->dirty = place;
}

/* Of the descriptor that is open now. */
static bool sync_journal(struct directory *self, struct directory_place *place,
                         struct error *error) {
    if (place->journal < 0)
        return error_set(error, ERROR_SYSTEM, "a journal was not synced"); /* and that was logged */
    if (fdatasync(place->journal) != 0)
        return error_set_errno(error, errno, "cannot sync a journal");
    if (!place->is_journal_new)
        return true;
    char *directory = files_directory(self->state_dir, place->partition);
    const bool did = directory != NULL ? files_sync_directory(directory, error)
                                       : error_set_memory(error, "a path");
    free(directory);
    place->is_journal_new &= !did;
    return did;
}

static void directory_sync(struct store_backend *backend,
                           void (*report)(void *context, int32_t partition, uint64_t size,
                                          const struct error *error),
                           void *context) {
    struct directory *self = (struct directory *)backend;
    struct error error;
    while (self->dirty != NULL) {
        struct directory_place *place = self->dirty;
        self->dirty = place->next_dirty;
        place->is_dirty = false;
        if (sync_journal(self, place, &error))
            report(context, place->partition, place->journal_size, NULL);
        else
            report(context, place->partition, 0, &error);
    }
}

/* Closes the one that is open. */
static bool leave_journal(struct directory *self, struct directory_place *place, uint64_t number,
                          struct error *error) {
    return !place->is_dirty || place->journal_number == number || sync_journal(self, place, error);
}

static bool write_break(struct directory_place *place, const char *path, struct error *error) {
    struct text frame;
    text_init(&frame);
    order_put_break(&frame);
    const bool did = write_journal(place, path, &frame, error);
    text_release(&frame);
    place->is_holed &= !did;
    return did;
}

/* Appends frames, or makes sure that the file exists. */
static bool directory_append(struct store_backend *backend, int32_t partition, uint64_t number,
                             const struct text *frames, bool has_holes, struct error *error) {
    struct directory *self = (struct directory *)backend;
    struct directory_place *place = directory_place(self, partition);
    char *path = files_path(self->state_dir, partition, number, FILE_JOURNAL);
    if (place != NULL)
        place->is_holed |= has_holes;
    if (place == NULL || path == NULL) {
        free(path);
        return error_set_memory(error, "a journal");
    }
    const bool did = leave_journal(self, place, number, error) &&
                     open_journal(self, place, number, path, error) &&
                     (!place->is_holed || write_break(place, path, error)) &&
                     (frames->size == 0 || write_journal(place, path, frames, error));
    if (did)
        note_dirty(self, place);
    free(path);
    return did;
}

static void directory_remove_journals(struct store_backend *backend, int32_t partition) {
    struct directory *self = (struct directory *)backend;
    struct directory_place *place = directory_place(self, partition);
    struct file_list files;
    struct error error;
    if (place != NULL) {
        close_journal(place);
        place->is_holed = false;
    }
    if (!directory_list(self, partition, &files, &error)) {
        log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.not_removed",
                  "old journals are not removed: %s", error.text);
        return;
    }
    for (size_t i = 0; i < files.count; i++) {
        if (files.items[i].kind == FILE_JOURNAL)
            directory_remove(self, partition, &files.items[i]);
    }
    file_list_release(&files);
}

/* ---- life ---- */

static bool directory_begin(struct store_backend *backend, const struct backend_owner *owner,
                            struct error *error) {
    struct directory *self = (struct directory *)backend;
    self->owner = *owner;
    char *directory = text_format("%s/checkpoints", self->state_dir);
    if (directory == NULL)
        return error_set_memory(error, "a path");
    const bool did = files_make_one(self->state_dir, directory, error);
    free(directory);
    return did;
}

static void directory_free(struct store_backend *backend) {
    struct directory *self = (struct directory *)backend;
    for (struct directory_place *place = self->places, *next; place != NULL; place = next) {
        next = place->next;
        close_journal(place);
        directory_release_heads(place);
        free(place);
    }
    free(self->state_dir);
    free(self);
}

static const struct store_backend_ops DIRECTORY_OPS = {
    .medium = "the disk",
    .begin = directory_begin,
    .find = directory_find,
    .find_before = directory_find_before,
    .look = directory_look,
    .read_order = directory_read_order,
    .highest = directory_highest,
    .write = directory_write,
    .prune = directory_prune,
    .append = directory_append,
    .sync = directory_sync,
    .remove_journals = directory_remove_journals,
    .free = directory_free,
};

struct store_backend *directory_backend_new(const char *state_dir, struct error *error) {
    struct directory *self = calloc(1, sizeof *self);
    char *copy = strdup(state_dir);
    if (self == NULL || copy == NULL) {
        free(self);
        free(copy);
        error_set_memory(error, "the directory of checkpoints");
        return NULL;
    }
    self->backend.ops = &DIRECTORY_OPS;
    self->state_dir = copy;
    return &self->backend;
}
