/* The order after a checkpoint, read while a service may be running. */
#include "checkpoint/checkpoint_files.h"
#include "checkpoint/journal_file.h"
#include "checkpoint/order_tail.h"
#include "checkpoint/store.h"

#include <inttypes.h>
#include <stdlib.h>

/* Adds a journal's runs. `*is_whole`: nothing at its end was cut off or is damaged. */
static bool add_file(const char *path, const struct journal_owner *owner, struct order *order,
                     bool *is_whole, struct error *error) {
    struct journal_shape shape = {0};
    char *bytes = NULL;
    size_t size = 0;
    if (files_read(path, &bytes, &size, error) != FILE_READ)
        return false;
    /* A crash may leave a new, empty one: nothing was noted in it. */
    bool did = size == 0 || journal_read(bytes, size, owner, order, &shape, error) ||
               error_prefix(error, "%s: ", path);
    free(bytes);
    *is_whole = shape.whole == size;
    if (did && !*is_whole && !shape.is_torn)
        did = error_set(error, ERROR_INVALID, "%s: journal is damaged behind byte %zu of %zu", path,
                        shape.whole, size);
    return did;
}

static bool add_journal(const char *state_dir, struct journal_owner *owner, uint64_t number,
                        struct order *order, bool *is_whole, struct error *error) {
    char *path = files_path(state_dir, owner->partition, number, FILE_JOURNAL);
    owner->number = number;
    const bool did = path != NULL ? add_file(path, owner, order, is_whole, error)
                                  : error_set_memory(error, "a path");
    free(path);
    return did;
}

/* Journals from that number on: each must exist, and only the last one may be cut off. */
static bool add_journals(const char *state_dir, struct journal_owner *owner, uint64_t number,
                         const struct file_list *files, struct order *order, struct error *error) {
    uint64_t next = number;
    bool is_whole = true;
    for (size_t i = 0; i < files->count; i++) {
        const struct file_name *file = &files->items[i];
        if (file->kind != FILE_JOURNAL || file->number < number)
            continue;
        if (file->number != next)
            break;
        if (!is_whole)
            order_break(order);
        if (file->number > number && !order_begin_segment(order, file->number))
            return error_set_memory(error, "a journal's segments");
        if (!add_journal(state_dir, owner, file->number, order, &is_whole, error))
            return false;
        next++;
    }
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].kind == FILE_JOURNAL && files->items[i].number >= next)
            return error_set(error, ERROR_INVALID,
                             "partition %" PRId32 ": journal %" PRIu64 " is missing",
                             owner->partition, next);
    }
    return next > number ||
           error_set(error, ERROR_INVALID, "partition %" PRId32 ": journal %" PRIu64 " is missing",
                     owner->partition, number);
}

/* Up to where the journals, or the checkpoint itself, have each stream. */
static void find_known(const struct journal_owner *owner, const struct checkpoint *from,
                       const struct order *order, int64_t *known) {
    for (size_t i = 0; i < owner->topic_count; i++) {
        const struct position *position =
            positions_find(&from->positions, owner->topics[i], from->partition);
        known[i] = position != NULL ? position->next : 0;
    }
    for (uint64_t i = order_begin(order); i < order_end(order); i++) {
        const struct order_run *run = order_at(order, i);
        if (run->from + run->span > known[run->stream])
            known[run->stream] = run->from + run->span;
    }
}

static bool add_tail(const char *state_dir, const struct journal_owner *owner,
                     const struct checkpoint *from, struct order *order, struct error *error) {
    char place[FILES_PLACE_SIZE];
    int64_t *known = calloc(owner->topic_count + 1, sizeof *known);
    char *path = text_format("%s/checkpoints/%s/order.tail", state_dir,
                             files_place(owner->partition, place));
    const bool did = known != NULL && path != NULL;
    if (known != NULL && path != NULL) {
        find_known(owner, from, order, known);
        order_tail_read(path, owner, known, (uint32_t)owner->topic_count, order);
    }
    free(path);
    free(known);
    return did || error_set_memory(error, "a journal's tail");
}

bool checkpoint_order_read_tail(const char *state_dir, const char *group, const char *const *topics,
                                size_t topic_count, const struct checkpoint *from,
                                struct order *order, struct error *error) {
    const struct journal_owner owner = {
        .partition = from->partition, .group = group, .topics = topics, .topic_count = topic_count};
    return add_tail(state_dir, &owner, from, order, error);
}

bool checkpoint_order_read(const char *state_dir, const char *group, const char *const *topics,
                           size_t topic_count, const struct checkpoint *from, struct order *order,
                           struct error *error) {
    struct journal_owner owner = {
        .partition = from->partition, .group = group, .topics = topics, .topic_count = topic_count};
    struct file_list files = {0};
    char *directory = files_directory(state_dir, from->partition);
    bool did = directory != NULL ? files_list(directory, false, &files, error)
                                 : error_set_memory(error, "a path");
    did = did && add_journals(state_dir, &owner, from->number, &files, order, error);
    owner.number = 0;
    did = did && add_tail(state_dir, &owner, from, order, error);
    file_list_release(&files);
    free(directory);
    return did;
}
