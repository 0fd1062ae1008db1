/* The states of clean stops of versions without checkpoints: one file per instance. */
#include "base/array.h"
#include "base/format/wire.h"
#include "base/hash.h"
#include "checkpoint/checkpoint_files.h"
#include "checkpoint/store_private.h"
#include "os/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC        "take5in1"
#define MAGIC_SIZE   (sizeof MAGIC - 1)
#define CHECK_SIZE   8
#define OFFSET_LEAST 24

struct names {
    char **items; /* names of deployments */
    size_t count, capacity;
};

static void release_names(struct names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static int compare_names(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* "DEPLOYMENT.PARTITION.state" of that partition. False: out of memory. */
static bool add_name(struct names *names, const char *file, int32_t partition) {
    char ending[32];
    const size_t size = (size_t)snprintf(ending, sizeof ending, ".%" PRId32 ".state", partition);
    const size_t length = strlen(file);
    if (length <= size || strcmp(file + length - size, ending) != 0)
        return true;
    char *name = text_dup(file, length - size);
    if (name == NULL || !ARRAY_GROW(names->items, names->count, names->capacity)) {
        free(name);
        return false;
    }
    names->items[names->count++] = name;
    return true;
}

static bool read_names(const char *directory, int32_t partition, struct names *names,
                       struct error *error) {
    if (!private_directory_check(directory, error))
        return errno == ENOENT;
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return error_set_errno(error, errno, "cannot read %s", directory);
    bool did = true;
    for (const struct dirent *entry; did && (entry = readdir(entries)) != NULL;)
        did = add_name(names, entry->d_name, partition);
    closedir(entries);
    if (did && names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    return did || error_set_memory(error, directory);
}

/* False: out of memory. */
static bool read_offsets(struct wire_reader *reader, struct positions *positions) {
    const size_t count = wire_count(reader, OFFSET_LEAST);
    for (size_t i = 0; i < count && !reader->is_bad; i++) {
        char *topic = wire_string(reader);
        const int64_t partition = wire_i64(reader);
        const int64_t next = wire_i64(reader);
        reader->is_bad |= topic == NULL || partition < -1 || partition > INT32_MAX;
        if (!reader->is_bad && !positions_add(positions, topic, (int32_t)partition, next))
            reader->is_bad = reader->is_oom = true;
        free(topic);
    }
    return !reader->is_oom;
}

static bool parse(struct checkpoint_part *part, const char *bytes, size_t size,
                  struct error *error) {
    struct wire_reader reader;
    if (size < MAGIC_SIZE + CHECK_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return error_set(error, ERROR_INVALID, "not a saved state");
    wire_open(&reader, bytes + size - CHECK_SIZE, CHECK_SIZE);
    if (wire_u64(&reader) != hash_key(bytes, size - CHECK_SIZE))
        return error_set(error, ERROR_INVALID, "checksum differs");
    wire_open(&reader, bytes + MAGIC_SIZE, size - MAGIC_SIZE - CHECK_SIZE);
    if (!read_offsets(&reader, &part->positions))
        return error_set_memory(error, "a saved state");
    const t5_str state = wire_bytes(&reader);
    if (reader.is_bad)
        return error_set(error, ERROR_INVALID, "damaged");
    part->has_state = true;
    return state_decode(&part->state, state.data, state.len, error);
}

static bool check_positions(const struct checkpoint_part *part, const struct positions *committed,
                            struct error *error) {
    const struct checkpoint alone = {.positions = part->positions};
    const struct position *above;
    if (checkpoint_is_usable(&alone, committed, &above))
        return true;
    return error_set(error, ERROR_STATE,
                     "it stands at %s[%" PRId32 "] %" PRId64 ", above the committed %" PRId64,
                     above->topic, above->partition, above->next,
                     positions_find(committed, above->topic, above->partition)->next);
}

/* The file as the only part of `one`. */
static enum file_outcome read_state(const char *path, const char *deployment,
                                    const struct positions *committed, struct checkpoint *one,
                                    struct error *error) {
    char *bytes;
    size_t size;
    enum file_outcome outcome = files_read(path, &bytes, &size, error);
    if (outcome != FILE_READ)
        return outcome;
    struct checkpoint_part *part = checkpoint_add_part(one, deployment);
    if (part == NULL)
        error_set_memory(error, "a saved state");
    if (part == NULL || !parse(part, bytes, size, error))
        outcome = error->code == ERROR_MEMORY ? FILE_UNREADABLE : FILE_DAMAGED;
    else if (!check_positions(part, committed, error))
        outcome = FILE_REFUSED;
    if (outcome != FILE_READ)
        error_prefix(error, "%s: ", path);
    free(bytes);
    return outcome;
}

/* The highest position of each. */
static bool raise_positions(struct positions *positions, const struct positions *more) {
    for (size_t i = 0; i < more->count; i++) {
        const struct position *position = &more->items[i];
        const struct position *known =
            positions_find(positions, position->topic, position->partition);
        if (known == NULL) {
            if (!positions_add(positions, position->topic, position->partition, position->next))
                return false;
        } else if (known->next < position->next) {
            positions->items[known - positions->items].next = position->next;
        }
    }
    return true;
}

static bool is_same(const struct positions *positions, const struct positions *others) {
    for (size_t i = 0; i < positions->count; i++) {
        const struct position *position = &positions->items[i];
        const struct position *other = positions_find(others, position->topic, position->partition);
        if (other == NULL || other->next != position->next)
            return false;
    }
    return positions->count == others->count;
}

static bool take_part(struct checkpoint *checkpoint, struct checkpoint_part *from) {
    struct checkpoint_part *part = checkpoint_add_part(checkpoint, from->deployment);
    if (part == NULL || !raise_positions(&checkpoint->positions, &from->positions))
        return false;
    part->positions = from->positions;
    part->has_state = from->has_state;
    part->state = from->state;
    positions_init(&from->positions);
    state_init(&from->state);
    return true;
}

/* The file is removed when a checkpoint has been written. */
static bool note_path(struct checkpoint_store *store, int32_t partition, const char *path) {
    bool did = false;
    char *copy = strdup(path);
    lock_acquire(&store->lock, store_lock);
    struct store_place *place = store_place(store, partition);
    if (copy != NULL && place != NULL && ARRAY_RESIZE(place->old_paths, place->old_count + 1)) {
        place->old_paths[place->old_count++] = copy;
        did = true;
    }
    lock_release(&store->lock, store_lock);
    if (!did)
        free(copy);
    return did;
}

/* Adds the file as a part if it is usable; otherwise that is logged. False: out of memory. */
static bool add_state(struct checkpoint_store *store, int32_t partition, const char *deployment,
                      const struct positions *committed, struct checkpoint *checkpoint,
                      struct error *error) {
    struct checkpoint one;
    checkpoint_init(&one);
    char *path =
        text_format("%s/instances/%s.%" PRId32 ".state", store->state_dir, deployment, partition);
    if (path == NULL)
        return error_set_memory(error, "a path");
    const enum file_outcome outcome = read_state(path, deployment, committed, &one, error);
    bool did = true;
    if (outcome == FILE_READ) {
        did = (take_part(checkpoint, &one.parts[0]) && note_path(store, partition, path)) ||
              error_set_memory(error, path);
    } else if (outcome == FILE_UNREADABLE && error->code == ERROR_MEMORY) {
        did = false;
    } else if (outcome != FILE_NONE) {
        files_set_aside(path, outcome, store->log, error);
    }
    checkpoint_release(&one);
    free(path);
    return did;
}

static void log_read(const struct checkpoint_store *store, int32_t partition,
                     const struct checkpoint *checkpoint) {
    struct text names;
    char place[FILES_PLACE_SIZE];
    text_init(&names);
    for (size_t i = 0; i < checkpoint->part_count; i++)
        text_printf(&names, "%s%s", i > 0 ? ", " : "", checkpoint->parts[i].deployment);
    log_event(store->log, LOG_LEVEL_INFO, "engine", "checkpoint.old_states",
              "partition %s: %zu saved states of a version without checkpoints were read from "
              "%s/instances, and are removed when the first checkpoint is written: %s",
              files_place(partition, place), checkpoint->part_count, store->state_dir,
              text_is_oom(&names) ? "" : names.data);
    text_release(&names);
}

static bool add_states(struct checkpoint_store *store, int32_t partition, const struct names *names,
                       const struct positions *committed, struct checkpoint *checkpoint,
                       struct error *error) {
    for (size_t i = 0; i < names->count; i++) {
        if (!add_state(store, partition, names->items[i], committed, checkpoint, error))
            return false;
    }
    checkpoint->partition = partition;
    checkpoint->group = strdup(store->group);
    if (checkpoint->group == NULL)
        return error_set_memory(error, "a saved state");
    for (size_t i = 0; i < checkpoint->part_count; i++) {
        if (is_same(&checkpoint->parts[i].positions, &checkpoint->positions))
            positions_release(&checkpoint->parts[i].positions);
    }
    return true;
}

bool checkpoint_store_find_old(struct checkpoint_store *store, int32_t partition,
                               const struct positions *committed, struct checkpoint *checkpoint,
                               struct error *error) {
    struct names names = {0};
    *error = (struct error){.code = ERROR_NONE};
    char *directory = text_format("%s/instances", store->state_dir);
    bool did = directory != NULL ? read_names(directory, partition, &names, error)
                                 : error_set_memory(error, "a path");
    if (!did && error->code != ERROR_MEMORY)
        log_event(store->log, LOG_LEVEL_ERROR, "engine", "checkpoint.unreadable",
                  "saved states are not used: %s", error->text);
    did = did && add_states(store, partition, &names, committed, checkpoint, error);
    did = did && checkpoint->part_count > 0;
    if (error->code != ERROR_MEMORY)
        *error = (struct error){.code = ERROR_NONE};
    if (did)
        log_read(store, partition, checkpoint);
    else
        checkpoint_release(checkpoint);
    release_names(&names);
    free(directory);
    return did;
}

char *store_keep_old(const struct checkpoint_store *store, int32_t partition,
                     const char *deployment, struct error *error) {
    char *path =
        text_format("%s/instances/%s.%" PRId32 ".state", store->state_dir, deployment, partition);
    char *aside = path != NULL ? text_format("%s.refused", path) : NULL;
    bool did = false;
    if (aside == NULL)
        error_set_memory(error, "a path");
    else
        did = rename(path, aside) == 0 ||
              error_set_errno(error, errno, "cannot rename %s to %s", path, aside);
    free(path);
    if (did)
        return aside;
    free(aside);
    return NULL;
}
