#include "engine/state_store.h"

#include "base/hash.h"
#include "base/text.h"
#include "strategy/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC    "take5in1"
#define MAX_FILE (INT64_C(8) << 30)

static char *state_path(const char *state_dir, const char *deployment, int32_t partition,
                        const char *suffix) {
    return text_format("%s/instances/%s.%" PRId32 ".state%s", state_dir, deployment, partition,
                       suffix);
}

static bool write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

static void sync_directory(const char *state_dir) {
    char *path = text_format("%s/instances", state_dir);
    const int fd = path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(path);
}

static bool write_file(const char *state_dir, const char *path, const char *beside,
                       const struct text *bytes, struct error *error) {
    char *directory = text_format("%s/instances", state_dir);
    if (directory != NULL)
        mkdir(directory, 0700);
    free(directory);
    const int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot write %s", beside);
    bool did = write_all(fd, bytes->data, bytes->size) && fsync(fd) == 0;
    const int errnum = errno;
    close(fd);
    if (!did) {
        unlink(beside);
        return error_set_errno(error, errnum, "cannot write %s", beside);
    }
    if (rename(beside, path) != 0)
        return error_set_errno(error, errno, "cannot rename %s to %s", beside, path);
    sync_directory(state_dir);
    return true;
}

bool state_store_write(const char *state_dir, const char *deployment, int32_t partition,
                       const struct stored_state *stored, struct error *error) {
    struct text bytes, state;
    text_init(&bytes);
    text_init(&state);
    text_append(&bytes, MAGIC, sizeof MAGIC - 1);
    wire_put_u64(&bytes, stored->offset_count);
    for (size_t i = 0; i < stored->offset_count; i++) {
        wire_put_string(&bytes, stored->offsets[i].topic);
        wire_put_i64(&bytes, stored->offsets[i].partition);
        wire_put_i64(&bytes, stored->offsets[i].next);
    }
    state_encode(&stored->state, &state);
    wire_put_bytes(&bytes, state.data, state.size);
    wire_put_u64(&bytes, hash_key(bytes.data, bytes.size));
    char *path = state_path(state_dir, deployment, partition, "");
    char *beside = state_path(state_dir, deployment, partition, ".new");
    bool did;
    if (path == NULL || beside == NULL || text_is_short(&bytes) || text_is_short(&state))
        did = error_set_memory(error, bytes.size, "a saved state");
    else
        did = write_file(state_dir, path, beside, &bytes, error);
    free(path);
    free(beside);
    text_release(&bytes);
    text_release(&state);
    return did;
}

/* The whole file; NULL with `*is_there` false when there is none. */
static char *read_file(const char *path, size_t *size, bool *is_there, struct error *error) {
    char *bytes = NULL;
    *is_there = true;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *is_there = errno != ENOENT;
        if (*is_there)
            error_set_errno(error, errno, "cannot read %s", path);
        return NULL;
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size > MAX_FILE) {
        error_set(error, ERROR_INVALID, "%s: too large for a saved state", path);
        goto done;
    }
    *size = (size_t)status.st_size;
    bytes = malloc(*size + 1);
    if (bytes == NULL) {
        error_set_memory(error, *size, path);
        goto done;
    }
    size_t at = 0;
    while (at < *size) {
        const ssize_t n = read(fd, bytes + at, *size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    *size = at;
done:
    close(fd);
    return bytes;
}

static bool parse(const char *path, const char *bytes, size_t size, struct stored_state *stored,
                  struct error *error) {
    const size_t magic = sizeof MAGIC - 1;
    if (size < magic + 8 || memcmp(bytes, MAGIC, magic) != 0)
        return error_set(error, ERROR_INVALID, "%s: not a saved state", path);
    struct wire_reader reader;
    wire_open(&reader, bytes + size - 8, 8);
    if (wire_u64(&reader) != hash_key(bytes, size - 8))
        return error_set(error, ERROR_INVALID, "%s: checksum differs", path);
    wire_open(&reader, bytes + magic, size - magic - 8);
    const size_t count = wire_count(&reader, 20);
    stored->offsets = calloc(count + 1, sizeof *stored->offsets);
    if (stored->offsets == NULL)
        return error_set_memory(error, count, path);
    for (size_t i = 0; i < count && !reader.is_bad; i++) {
        struct stored_offset *offset = &stored->offsets[stored->offset_count];
        char *topic = wire_string(&reader);
        if (topic != NULL && strlen(topic) < sizeof offset->topic)
            strcpy(offset->topic, topic);
        else
            reader.is_bad = true;
        free(topic);
        offset->partition = (int32_t)wire_i64(&reader);
        offset->next = wire_i64(&reader);
        stored->offset_count++;
    }
    const t5_str state = wire_bytes(&reader);
    if (reader.is_bad)
        return error_set(error, ERROR_INVALID, "%s: damaged", path);
    return state_decode(&stored->state, state.data, state.len, error) ||
           error_prefix(error, "%s: ", path);
}

bool state_store_read(const char *state_dir, const char *deployment, int32_t partition,
                      struct stored_state *stored, bool *is_there, struct error *error) {
    memset(stored, 0, sizeof *stored);
    state_init(&stored->state);
    char *path = state_path(state_dir, deployment, partition, "");
    if (path == NULL)
        return error_set_memory(error, 0, "a path");
    size_t size = 0;
    char *bytes = read_file(path, &size, is_there, error);
    bool did = bytes != NULL || !*is_there;
    if (bytes != NULL && !parse(path, bytes, size, stored, error)) {
        char *damaged = state_path(state_dir, deployment, partition, ".damaged");
        if (damaged != NULL && rename(path, damaged) == 0)
            error_prefix(error, "kept for inspection as %s: ", damaged);
        free(damaged);
        did = false;
    }
    if (!did || !*is_there)
        stored_state_release(stored);
    free(bytes);
    free(path);
    return did;
}

void stored_state_release(struct stored_state *stored) {
    free(stored->offsets);
    stored->offsets = NULL;
    stored->offset_count = 0;
    state_release(&stored->state);
}

void state_store_remove(const char *state_dir, const char *deployment, int32_t partition) {
    char *path = state_path(state_dir, deployment, partition, "");
    if (path != NULL)
        unlink(path);
    free(path);
}
