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
    uint64_t highest, oldest; /* of existing checkpoints */
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

/* Those below that number. */
static enum found try_files(struct finding *finding, const struct file_list *files, uint64_t below,
                            struct error *error) {
    enum found found = FOUND_NOT;
    for (size_t i = files->count; i > 0 && found == FOUND_NOT; i--) {
        if (files->items[i - 1].kind != FILE_CHECKPOINT || files->items[i - 1].number >= below)
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
    const enum found result = try_files(&finding, &files, UINT64_MAX, error);
    file_list_release(&files);
    if (result == FOUND_NO_MEMORY)
        return false;
    *found = (struct backend_found){.number = result == FOUND_IT ? checkpoint->number : 0,
                                    .oldest = finding.oldest,
                                    .highest = finding.highest,
                                    .is_without_order = result == FOUND_NOT};
    if (result == FOUND_NOT)
        error->code = ERROR_NONE; /* its text was logged */
    return result == FOUND_IT;
}

bool directory_find_before(struct store_backend *backend, int32_t partition, uint64_t number,
                           const struct positions *committed, struct checkpoint *checkpoint,
                           struct error *error) {
    struct directory *self = (struct directory *)backend;
    struct finding finding = {.directory = self,
                              .partition = partition,
                              .committed = committed,
                              .checkpoint = checkpoint};
    struct file_list files = {0};
    if (!directory_list(self, partition, &files, error)) {
        if (error->code == ERROR_MEMORY)
            return false;
        log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                  "older checkpoints are not used: %s", error->text);
        return true;
    }
    const enum found result = try_files(&finding, &files, number, error);
    file_list_release(&files);
    return result != FOUND_NO_MEMORY;
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

static void log_order_unknown(const struct directory *self, int32_t partition, const char *why) {
    log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.order_unknown",
              "partition %" PRId32 ": the order in which messages of different topics were "
              "processed is not known any more: %s",
              partition, why);
}

static void log_missing(const struct directory *self, int32_t partition, uint64_t number) {
    char why[64];
    snprintf(why, sizeof why, "journal %" PRIu64 " is missing", number);
    log_order_unknown(self, partition, why);
}

/* Whose journals are read: its own, or those of another process. */
struct journals {
    const struct directory *self;
    const char *state_dir, *group;
    int32_t partition;
};

/* Adds a journal; false: it is the last one that can be read. */
static bool add_journal(const struct journals *journals, uint64_t number, struct order *order,
                        bool *is_whole) {
    struct journal_owner owner = directory_owner(journals->self, journals->partition, number);
    owner.group = journals->group;
    struct journal_shape shape = {0};
    struct error error;
    char *bytes = NULL;
    size_t size = 0;
    char *path = files_path(journals->state_dir, journals->partition, number, FILE_JOURNAL);
    bool did = path != NULL || error_set_memory(&error, "a path");
    did = did && files_read(path, &bytes, &size, &error) == FILE_READ;
    /* A crash may leave a new, empty one: nothing was noted in it. */
    did = did && (size == 0 || journal_read(bytes, size, &owner, order, &shape, &error));
    if (did && shape.whole < size && !shape.is_torn)
        error_set(&error, ERROR_INVALID, "%s: damaged after byte %zu of %zu", path, shape.whole,
                  size);
    if (!did || (shape.whole < size && !shape.is_torn))
        log_order_unknown(journals->self, journals->partition, error.text);
    free(bytes);
    free(path);
    *is_whole = did && (shape.whole == size || shape.is_torn);
    return did && shape.whole == size;
}

/* Those after the checkpoint of that number. */
static void read_journals(const struct journals *journals, const struct file_list *files,
                          uint64_t number, struct order *order) {
    uint64_t next = number;
    bool goes_on = true;
    for (size_t i = 0; i < files->count; i++) {
        const struct file_name *file = &files->items[i];
        bool is_whole = true;
        if (file->kind != FILE_JOURNAL || file->number < number)
            continue;
        const bool follows = goes_on && file->number == next;
        if (goes_on && !follows)
            log_missing(journals->self, journals->partition, next);
        if (file->number > order->segments[order->segment_count - 1].number &&
            !order_begin_segment(order, file->number))
            break;
        goes_on = follows && add_journal(journals, file->number, order, &is_whole);
        if (!follows || !is_whole)
            order_break(order); /* noted in the newest file, which is continued */
        next = file->number + 1;
    }
    if (next == number) { /* there is one for every checkpoint */
        log_missing(journals->self, journals->partition, number);
        order_break(order);
    }
}

void directory_read_order(struct store_backend *backend, int32_t partition, uint64_t number,
                          struct order *order) {
    struct directory *self = (struct directory *)backend;
    const struct journals journals = {self, self->state_dir, self->owner.group, partition};
    struct file_list files;
    struct error error;
    if (!directory_list(self, partition, &files, &error)) {
        log_order_unknown(self, partition, error.text);
        order_break(order);
        return;
    }
    read_journals(&journals, &files, number, order);
    file_list_release(&files);
}

/* ---- examining those of others ---- */

/* False: out of memory. A file that its owner has removed meanwhile is ignored. */
static bool look_at_file(const struct directory *self, int32_t partition, uint64_t number,
                         struct backend_look *look, struct error *error) {
    char *path = files_path(look->state_dir, partition, number, FILE_CHECKPOINT);
    if (path == NULL)
        return error_set_memory(error, "a path");
    const enum file_outcome outcome =
        files_read_checkpoint(path, partition, number, look->group, &look->checkpoint, error);
    free(path);
    if (outcome == FILE_READ && look->committed != NULL &&
        !checkpoint_is_usable(&look->checkpoint, look->committed, NULL))
        checkpoint_release(&look->checkpoint);
    if (outcome != FILE_READ && outcome != FILE_NONE && error->code != ERROR_MEMORY)
        log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                  "not used: %s", error->text);
    return outcome == FILE_READ || outcome == FILE_NONE || error->code != ERROR_MEMORY;
}

/* 0: none. */
static uint64_t oldest_checkpoint(const struct file_list *files) {
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].kind == FILE_CHECKPOINT)
            return files->items[i].number;
    }
    return 0;
}

static bool look_at_one(const struct directory *self, int32_t partition, struct backend_look *look,
                        struct error *error) {
    struct file_list files = {0};
    char *directory = files_directory(look->state_dir, partition);
    bool did = directory != NULL ? files_list(directory, true, &files, error)
                                 : error_set_memory(error, "a path");
    free(directory);
    if (!did && error->code != ERROR_MEMORY) {
        log_event(self->owner.log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                  "checkpoints are not used: %s", error->text);
        return true;
    }
    for (size_t i = files.count; did && i > 0 && look->checkpoint.number == 0; i--) {
        if (files.items[i - 1].kind == FILE_CHECKPOINT)
            did = look_at_file(self, partition, files.items[i - 1].number, look, error);
    }
    if (did && look->order != NULL && look->checkpoint.number != 0) {
        const struct journals journals = {self, look->state_dir, look->group, partition};
        read_journals(&journals, &files, oldest_checkpoint(&files), look->order);
    }
    file_list_release(&files);
    return did;
}

bool directory_look(struct store_backend *backend, int32_t partition, struct backend_look *looks,
                    size_t count, struct error *error) {
    const struct directory *self = (const struct directory *)backend;
    for (size_t i = 0; i < count; i++) {
        if (!look_at_one(self, partition, &looks[i], error))
            return false;
    }
    error->code = ERROR_NONE; /* its text was logged */
    return true;
}
