#include "base/clock.h"
#include "checkpoint/directory_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- finding ---- */

struct finding {
    struct directory *directory;
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
    finding->has_why = true;
    checkpoint_explain(finding->checkpoint, above, finding->committed, finding->why);
}

enum found { FOUND_IT, FOUND_NOT, FOUND_NO_MEMORY };

static enum found try_file(struct finding *finding, uint64_t number, struct error *error) {
    const struct position *above;
    char *path =
        files_path(finding->directory->state_dir, finding->partition, number, FILE_CHECKPOINT);
    if (path == NULL) {
        error_set_memory(error, "a path");
        return FOUND_NO_MEMORY;
    }
    const enum file_outcome outcome =
        files_read_checkpoint(path, finding->partition, number, finding->directory->owner.group,
                              finding->checkpoint, error);
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
        files_set_aside(path, outcome, finding->directory->owner.log, error);
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

bool directory_find(struct store_backend *backend, int32_t partition,
                    const struct positions *committed, struct checkpoint *checkpoint,
                    struct text *why, struct backend_found *found, struct error *error) {
    struct directory *self = (struct directory *)backend;
    struct finding finding = {.directory = self,
                              .partition = partition,
                              .committed = committed,
                              .checkpoint = checkpoint,
                              .why = why};
    struct file_list files = {0};
    if (!directory_list(self, partition, &files, error)) {
        if (error->code != ERROR_MEMORY)
            log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                      "checkpoints are not used: %s", error->text);
        explain(&finding, error->text);
        found->is_unreadable = error->code != ERROR_MEMORY;
        return false;
    }
    const enum found result = try_files(&finding, &files, error);
    file_list_release(&files);
    if (result == FOUND_NO_MEMORY)
        return false;
    *found = (struct backend_found){.number = result == FOUND_IT ? checkpoint->number : 0,
                                    .oldest = finding.oldest,
                                    .highest = finding.highest,
                                    .is_without_order = result == FOUND_NOT};
    if (result == FOUND_NOT)
        error->code = ERROR_NONE; /* what it says was logged */
    return result == FOUND_IT;
}

bool directory_highest(struct store_backend *backend, int32_t partition, uint64_t *number,
                       struct error *error) {
    const struct directory *self = (const struct directory *)backend;
    struct file_list files = {0};
    if (!directory_list(self, partition, &files, error))
        return false;
    *number = files.count > 0 ? files.items[files.count - 1].number : 0;
    file_list_release(&files);
    return true;
}

/* ---- the order ---- */

static void say_order_unknown(const struct directory *self, int32_t partition, const char *why) {
    log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.order_unknown",
              "partition %" PRId32 ": the order in which messages of different topics were "
              "processed is not known any more: %s",
              partition, why);
}

static void say_missing(const struct directory *self, int32_t partition, uint64_t number) {
    char why[64];
    snprintf(why, sizeof why, "journal %" PRIu64 " is missing", number);
    say_order_unknown(self, partition, why);
}

/* Adds a journal; false: it is the last that can be read. */
static bool add_journal(struct directory *self, int32_t partition, uint64_t number,
                        struct order *order, bool *is_whole) {
    const struct journal_owner owner = directory_owner(self, partition, number);
    struct journal_shape shape = {0};
    struct error error;
    char *bytes = NULL;
    size_t size = 0;
    char *path = files_path(self->state_dir, partition, number, FILE_JOURNAL);
    bool did = path != NULL || error_set_memory(&error, "a path");
    did = did && files_read(path, &bytes, &size, &error) == FILE_READ;
    /* A crash may leave one that was just made: nothing was noted in it. */
    did = did && (size == 0 || journal_read(bytes, size, &owner, order, &shape, &error));
    if (did && shape.whole < size && !shape.is_torn)
        error_set(&error, ERROR_INVALID, "%s: damaged after byte %zu of %zu", path, shape.whole,
                  size);
    if (!did || (shape.whole < size && !shape.is_torn))
        say_order_unknown(self, partition, error.text);
    free(bytes);
    free(path);
    *is_whole = did && (shape.whole == size || shape.is_torn);
    return did && shape.whole == size;
}

void directory_read_order(struct store_backend *backend, int32_t partition, uint64_t number,
                          struct order *order) {
    struct directory *self = (struct directory *)backend;
    struct file_list files;
    struct error error;
    if (!directory_list(self, partition, &files, &error)) {
        say_order_unknown(self, partition, error.text);
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
            say_missing(self, partition, next);
        if (file->number > number && !order_begin_segment(order, file->number))
            break;
        goes_on = follows && add_journal(self, partition, file->number, order, &is_whole);
        if (!follows || !is_whole)
            order_break(order); /* told in the newest file, which is gone on with */
        next = file->number + 1;
    }
    if (next == number) { /* there is one with every checkpoint */
        say_missing(self, partition, number);
        order_break(order);
    }
    file_list_release(&files);
}
