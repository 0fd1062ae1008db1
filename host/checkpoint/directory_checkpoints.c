#include "base/array.h"
#include "checkpoint/directory_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of all, and of older ones that are usable. */
#define KEEP_NEWEST 3
#define KEEP_USABLE 2

/* ---- parts of earlier checkpoints ---- */

/* Fills in what has not changed since checkpoint `number`. */
static bool copy_from(struct directory *self, struct checkpoint *checkpoint, uint64_t number,
                      struct error *error) {
    struct checkpoint from;
    checkpoint_init(&from);
    char *path = files_path(self->state_dir, checkpoint->partition, number, FILE_CHECKPOINT);
    if (path == NULL)
        return error_set_memory(error, "a path");
    bool did = files_read_checkpoint(path, checkpoint->partition, number, self->owner.group, &from,
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

static bool copy_parts(struct directory *self, struct checkpoint *checkpoint, struct error *error) {
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        const uint64_t number = checkpoint->parts[i].same_as;
        if (number != 0 && !copy_from(self, checkpoint, number, error))
            return false;
    }
    return true;
}

/* ---- known files ---- */

static void release_head(struct directory_head *head) {
    checkpoint_release(&head->checkpoint);
}

static void forget_head(struct directory_place *place, uint64_t number) {
    for (size_t i = 0; i < place->head_count; i++) {
        if (place->heads[i].number != number)
            continue;
        release_head(&place->heads[i]);
        place->heads[i] = place->heads[--place->head_count];
        return;
    }
}

/* Keeps the checkpoint without its states; it is empty then. Without memory it is read again when
 * needed. */
static struct directory_head *keep_head(struct directory_place *place,
                                        struct checkpoint *checkpoint) {
    for (size_t i = 0; i < checkpoint->part_count; i++)
        state_release(&checkpoint->parts[i].state);
    forget_head(place, checkpoint->number);
    if (!ARRAY_GROW(place->heads, place->head_count, place->head_capacity)) {
        checkpoint_release(checkpoint);
        return NULL;
    }
    struct directory_head *head = &place->heads[place->head_count++];
    head->number = checkpoint->number;
    head->checkpoint = *checkpoint;
    checkpoint_init(checkpoint);
    return head;
}

/* NULL: it is unreadable; `*is_gone`: permanently, and it was set aside. */
static const struct checkpoint *head_of(struct directory *self, struct directory_place *place,
                                        uint64_t number, bool *is_gone) {
    struct checkpoint checkpoint;
    struct error error;
    *is_gone = false;
    for (size_t i = 0; i < place->head_count; i++) {
        if (place->heads[i].number == number)
            return &place->heads[i].checkpoint;
    }
    char *path = files_path(self->state_dir, place->partition, number, FILE_CHECKPOINT);
    if (path == NULL)
        return NULL;
    checkpoint_init(&checkpoint);
    const enum file_outcome outcome = files_read_checkpoint(path, place->partition, number,
                                                            self->owner.group, &checkpoint, &error);
    const struct directory_head *head = outcome == FILE_READ ? keep_head(place, &checkpoint) : NULL;
    *is_gone = outcome == FILE_DAMAGED || outcome == FILE_REFUSED || outcome == FILE_NONE;
    if (*is_gone && outcome != FILE_NONE)
        files_set_aside(path, outcome, self->owner.log, &error);
    free(path);
    return head != NULL ? &head->checkpoint : NULL;
}

/* ---- which are kept ---- */

struct counts {
    size_t kept, newest, usable; /* how many are kept, and why */
};

static bool is_to_keep(struct directory *self, struct directory_place *place,
                       const struct backend_pruning *pruning, struct counts *counts,
                       uint64_t number) {
    if (number > pruning->stale_above && number <= pruning->stale_to && number != pruning->written)
        return false;
    if (counts->newest < KEEP_NEWEST) {
        counts->newest++;
        return true;
    }
    if (counts->usable < KEEP_USABLE) {
        bool is_gone;
        const struct checkpoint *head = head_of(self, place, number, &is_gone);
        if (is_gone)
            return false;
        if (head == NULL || checkpoint_is_usable(head, pruning->committed, NULL)) {
            counts->usable += head != NULL;
            return true;
        }
    }
    return number >= pruning->wanted;
}

static void prune_checkpoints(struct directory *self, struct directory_place *place,
                              struct backend_pruning *pruning, const struct file_list *files) {
    struct counts counts = {0};
    for (size_t i = files->count; i > 0; i--) {
        const struct file_name *file = &files->items[i - 1];
        if (file->kind == FILE_BESIDE)
            directory_remove(self, place->partition, file);
        if (file->kind != FILE_CHECKPOINT)
            continue;
        if (is_to_keep(self, place, pruning, &counts, file->number)) {
            pruning->oldest = file->number;
            if (counts.kept < BACKEND_KEPT)
                pruning->kept[counts.kept++] = file->number;
        } else {
            directory_remove(self, place->partition, file);
            forget_head(place, file->number);
        }
    }
}

void directory_prune(struct store_backend *backend, struct checkpoint *checkpoint,
                     struct backend_pruning *pruning) {
    struct directory *self = (struct directory *)backend;
    const int32_t partition = checkpoint->partition;
    struct directory_place *place = directory_place(self, partition);
    struct file_list files = {0};
    struct error error;
    pruning->kept[0] = pruning->oldest = pruning->written;
    if (place == NULL || !directory_list(self, partition, &files, &error)) {
        log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.not_removed",
                  "old checkpoints are not removed: %s",
                  place == NULL ? "out of memory" : error.text);
        return;
    }
    keep_head(place, checkpoint);
    prune_checkpoints(self, place, pruning, &files);
    for (size_t i = 0; i < files.count; i++) {
        if (files.items[i].kind == FILE_JOURNAL && files.items[i].number < pruning->oldest)
            directory_remove(self, partition, &files.items[i]);
    }
    file_list_release(&files);
}

/* ---- writing ---- */

bool directory_write(struct store_backend *backend, struct checkpoint *checkpoint, uint64_t *size,
                     struct error *error) {
    struct directory *self = (struct directory *)backend;
    struct text bytes;
    if (!copy_parts(self, checkpoint, error))
        return false;
    text_init(&bytes);
    checkpoint_encode(checkpoint, &bytes);
    *size = bytes.size;
    const bool did = text_is_oom(&bytes) ? error_set_memory(error, "a checkpoint")
                                         : files_write(self->state_dir, checkpoint->partition,
                                                       checkpoint->number, &bytes, error);
    text_release(&bytes);
    return did;
}

void directory_release_heads(struct directory_place *place) {
    for (size_t i = 0; i < place->head_count; i++)
        release_head(&place->heads[i]);
    free(place->heads);
}
