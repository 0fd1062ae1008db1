#include "recording/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKED_SIZE (256 * 1024) /* and of the first read, whatever it is */

struct recording_input {
    char *name;
    int fd;
    bool owns_fd;
    bool is_known; /* whether it is packed */
    bool is_ended; /* the file; what it had may still be there */
    bool is_cut;
    int64_t size;
    uint64_t bytes;
    enum recording_packing packing;
    struct recording_unpacker *unpacker;
    char *packed; /* what was read and is not unpacked, from `from` to `filled` */
    size_t from, filled;
    bool is_full;                    /* the last call gave all that had room: there may be more */
    uint64_t given, to_skip;         /* unpacked, and how much of it is not wanted */
    uint64_t whole_file, whole_text; /* up to where whole frames go */
};

void recording_input_close(struct recording_input *input) {
    if (input == NULL)
        return;
    if (input->owns_fd && input->fd >= 0)
        close(input->fd);
    recording_unpacker_free(input->unpacker);
    free(input->packed);
    free(input->name);
    free(input);
}

static bool begin_unpacking(struct recording_input *input, struct error *error) {
    input->unpacker = recording_unpacker_new(input->packing);
    input->packed = malloc(PACKED_SIZE);
    return (input->unpacker != NULL && input->packed != NULL) ||
           error_set_memory(error, "unpacking a recorded file");
}

/* A regular file that is not begun at its beginning. */
static bool begin_at(struct recording_input *input, uint64_t place, struct error *error) {
    char first[RECORDING_PACKING_SIZE];
    const ssize_t got = pread(input->fd, first, sizeof first, 0);
    if (got < 0)
        return error_set_errno(error, errno, "reading %s", input->name);
    input->is_known = true;
    input->packing = recording_packing_of(first, (size_t)got);
    if (input->packing != RECORDING_PLAIN) {
        input->to_skip = place;
        return begin_unpacking(input, error);
    }
    if (lseek(input->fd, (off_t)place, SEEK_SET) < 0)
        return error_set_errno(error, errno, "%s: continuing at byte %llu", input->name,
                               (unsigned long long)place);
    input->bytes = place;
    return true;
}

static bool open_file(struct recording_input *input, uint64_t place, struct error *error) {
    struct stat status;
    input->owns_fd = strcmp(input->name, "-") != 0;
    input->fd = input->owns_fd ? open(input->name, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (input->fd < 0 || fstat(input->fd, &status) != 0)
        return error_set_errno(error, errno, "%s", input->name);
    if (S_ISDIR(status.st_mode))
        return error_set_errno(error, EISDIR, "%s", input->name);
    if (S_ISREG(status.st_mode)) {
        input->size = status.st_size;
        posix_fadvise(input->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return place == 0 || begin_at(input, place, error);
}

struct recording_input *recording_input_open(const char *path, uint64_t place,
                                             struct error *error) {
    struct recording_input *input = calloc(1, sizeof *input);
    if (input == NULL || (input->name = strdup(path)) == NULL) {
        error_set_memory(error, "reading a recorded file");
        free(input);
        return NULL;
    }
    input->size = -1;
    if (open_file(input, place, error))
        return input;
    recording_input_close(input);
    return NULL;
}

static bool read_file(struct recording_input *input, char *to, size_t room, size_t *got,
                      struct error *error) {
    ssize_t count;
    do
        count = read(input->fd, to, room);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return error_set_errno(error, errno, "reading %s after %llu bytes", input->name,
                               (unsigned long long)input->bytes);
    input->is_ended = count == 0;
    input->bytes += (uint64_t)count;
    *got = (size_t)count;
    return true;
}

/* The first bytes, as many as it takes to tell whether they are packed. */
static bool read_first(struct recording_input *input, char *to, size_t room, size_t *got,
                       struct error *error) {
    size_t more = 0;
    room = room < PACKED_SIZE ? room : PACKED_SIZE;
    *got = 0;
    do {
        if (!read_file(input, to + *got, room - *got, &more, error))
            return false;
        *got += more;
    } while (more > 0 && *got < RECORDING_PACKING_SIZE && *got < room);
    input->is_known = true;
    input->packing = recording_packing_of(to, *got);
    if (input->packing == RECORDING_PLAIN)
        return true;
    if (!begin_unpacking(input, error))
        return false;
    memcpy(input->packed, to, *got);
    input->filled = *got;
    *got = 0;
    return true;
}

static bool fail_damaged(struct recording_input *input, const char *what, struct error *error) {
    return error_set(error, ERROR_INVALID,
                     "%s: its %s is damaged at about byte %llu (%s), within the part that begins "
                     "at byte %llu: take another copy of it",
                     input->name, recording_packing_name(input->packing),
                     (unsigned long long)(input->bytes - (input->filled - input->from)), what,
                     (unsigned long long)input->whole_file);
}

static bool fail_cut(struct recording_input *input, struct error *error) {
    input->is_cut = true;
    return error_set(error, ERROR_INVALID,
                     "%s: it is truncated: its %s ends at byte %llu within the part that begins at "
                     "byte %llu; take another copy, or go on recording into it",
                     input->name, recording_packing_name(input->packing),
                     (unsigned long long)input->bytes, (unsigned long long)input->whole_file);
}

/* Drops of what was unpacked what lies before the beginning that was asked for. */
static size_t skip(struct recording_input *input, char *to, size_t size) {
    const size_t skipped = size < input->to_skip ? size : (size_t)input->to_skip;
    input->to_skip -= skipped;
    memmove(to, to + skipped, size - skipped);
    return size - skipped;
}

static bool unpack(struct recording_input *input, char *to, size_t room, size_t *got,
                   struct error *error) {
    struct recording_piece piece = {input->packed + input->from, input->filled - input->from, to,
                                    room};
    const char *problem = recording_unpack(input->unpacker, &piece);
    const size_t size = room - piece.out_size;
    input->from = input->filled - piece.in_size;
    input->given += size;
    input->is_full = piece.out_size == 0;
    if (problem != NULL)
        return fail_damaged(input, problem, error);
    if (recording_unpacker_is_between(input->unpacker)) {
        input->is_full = false;
        input->whole_file = input->bytes - piece.in_size;
        input->whole_text = input->given;
    }
    *got = skip(input, to, size);
    return true;
}

static bool needs_bytes(const struct recording_input *input) {
    return input->from == input->filled && !input->is_full && !input->is_ended;
}

int recording_input_waits_for(const struct recording_input *input) {
    return needs_bytes(input) ? input->fd : -1;
}

/* A damaged frame gives what it has up to there, and the next call reports it. */
static enum recording_result read_packed(struct recording_input *input, char *to, size_t room,
                                         size_t *got, struct error *error) {
    *got = 0;
    if (needs_bytes(input)) {
        input->from = 0;
        if (!read_file(input, input->packed, PACKED_SIZE, &input->filled, error))
            return RECORDING_FAILED;
    }
    if (input->from < input->filled || input->is_full)
        return unpack(input, to, room, got, error) ? RECORDING_ENTRY : RECORDING_FAILED;
    if (recording_unpacker_is_between(input->unpacker))
        return RECORDING_END;
    fail_cut(input, error);
    return RECORDING_FAILED;
}

enum recording_result recording_input_read(struct recording_input *input, char *to, size_t room,
                                           size_t *got, struct error *error) {
    *got = 0;
    if (input->packing != RECORDING_PLAIN)
        return read_packed(input, to, room, got, error);
    if (input->is_ended)
        return RECORDING_END;
    const bool did = input->is_known ? read_file(input, to, room, got, error)
                                     : read_first(input, to, room, got, error);
    if (!did)
        return RECORDING_FAILED;
    return input->is_ended && *got == 0 && input->packing == RECORDING_PLAIN ? RECORDING_END
                                                                             : RECORDING_ENTRY;
}

enum recording_packing recording_input_packing(const struct recording_input *input) {
    return input->packing;
}

uint64_t recording_input_bytes(const struct recording_input *input) {
    return input->bytes;
}

int64_t recording_input_size(const struct recording_input *input) {
    return input->size;
}

void recording_input_whole(const struct recording_input *input, uint64_t *file_end,
                           uint64_t *text_end) {
    *file_end = input->whole_file;
    *text_end = input->whole_text;
}

bool recording_input_is_cut(const struct recording_input *input) {
    return input->is_cut;
}
