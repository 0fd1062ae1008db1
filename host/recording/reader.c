#include "recording/reader.h"

#include "base/text.h"
#include "recording/kind.h"
#include "recording/shared_block.h"
#include "json/lenient_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_MAX_LINE (16 * 1024 * 1024)

struct recording_reader {
    struct recording_options options;
    char *name;
    int fd;
    bool owns_fd;
    int64_t size;
    uint64_t bytes, lines, bad_lines;

    struct recording_block *block;
    size_t begin;    /* where the next line begins in the block */
    size_t searched; /* up to here there is no line break after `begin` */
    size_t filled;   /* bytes in the block */
    size_t scratch_used;
    uint64_t begin_at; /* position of `begin` in the file */
    bool is_ended;     /* nothing more to read */
    size_t line;       /* where the one that was given last begins in the block */
    bool is_skipping;  /* within a line that is too long */
    uint64_t skipped;  /* bytes of it */
    bool is_cut;       /* the last bad line has no break, and begins as it should */

    uint64_t given,
        refused; /* lines that could be read, and those of them that the caller refused */
    bool is_judged;
    const struct recording_kind *kind; /* of the first line, once that turned out to be bad */
};

struct recording_reader *recording_reader_open(const char *path,
                                               const struct recording_options *options,
                                               struct error *error) {
    struct recording_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (reader->name = strdup(path)) == NULL) {
        error_set_memory(error, "reading a recorded file");
        free(reader);
        return NULL;
    }
    reader->options = *options;
    if (reader->options.max_line == 0)
        reader->options.max_line = DEFAULT_MAX_LINE;
    reader->size = -1;
    reader->owns_fd = strcmp(path, "-") != 0;
    reader->fd = reader->owns_fd ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    struct stat status;
    if (reader->fd < 0 || fstat(reader->fd, &status) != 0) {
        error_set_errno(error, errno, "%s", path);
        recording_reader_close(reader);
        return NULL;
    }
    if (S_ISDIR(status.st_mode)) {
        error_set_errno(error, EISDIR, "%s", path);
        recording_reader_close(reader);
        return NULL;
    }
    if (S_ISREG(status.st_mode)) {
        reader->size = status.st_size;
        posix_fadvise(reader->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    if (options->begin_at > 0 && lseek(reader->fd, (off_t)options->begin_at, SEEK_SET) < 0) {
        error_set_errno(error, errno, "%s: continuing at byte %llu", path,
                        (unsigned long long)options->begin_at);
        recording_reader_close(reader);
        return NULL;
    }
    reader->begin_at = options->begin_at;
    reader->lines = options->begin_lines;
    return reader;
}

void recording_reader_close(struct recording_reader *reader) {
    if (reader == NULL)
        return;
    if (reader->block != NULL)
        recording_block_release(reader->block);
    if (reader->owns_fd && reader->fd >= 0)
        close(reader->fd);
    free(reader->name);
    free(reader);
}

/* Bad lines. */

/* No line was of use so far. What comes behind `begin_at` says nothing of the file. */
static bool is_useless(const struct recording_reader *reader) {
    return reader->given == reader->refused && reader->options.begin_at == 0;
}

#define SEEMS_SIZE 512

/* "; it looks like CSV: ..." of a file without a good line, or nothing. */
static const char *seems(const struct recording_reader *reader, char text[SEEMS_SIZE]) {
    text[0] = '\0';
    if (is_useless(reader) && reader->kind != NULL)
        snprintf(text, SEEMS_SIZE, "; it looks like %s: %s", reader->kind->what,
                 reader->kind->advice);
    return text;
}

static bool fail_useless(const struct recording_reader *reader, struct error *error) {
    char text[SEEMS_SIZE];
    return error_set(error, ERROR_INVALID, "%s: none of its %s%llu line%s is valid%s", reader->name,
                     reader->is_ended ? "" : "first ", (unsigned long long)reader->lines,
                     text_plural(reader->lines), seems(reader, text));
}

/* Looks once at how the file begins. False with an error when that is enough. */
static bool judge(struct recording_reader *reader, const char *line, struct error *error) {
    const size_t size = (size_t)(reader->block->input + reader->filled - line);
    if (reader->is_judged || !is_useless(reader))
        return true;
    reader->is_judged = true;
    reader->kind = recording_kind_of(line, size);
    if (reader->kind == NULL || !reader->kind->is_certain)
        return true;
    return error_set(error, ERROR_INVALID, "%s: is %s, not JSON lines: %s", reader->name,
                     reader->kind->what, reader->kind->advice);
}

static bool reject(struct recording_reader *reader, uint64_t number, const char *text,
                   struct error *error) {
    char more[SEEMS_SIZE];
    reader->bad_lines++;
    if (reader->options.bad_line != NULL)
        reader->options.bad_line(reader->options.bad_line_context, reader->name, number, text);
    if (reader->options.is_strict)
        return error_set(error, ERROR_INVALID, "%s:%llu: line %s%s", reader->name,
                         (unsigned long long)number, text, seems(reader, more));
    return !is_useless(reader) || reader->bytes < RECORDING_USELESS_BYTES ||
           fail_useless(reader, error);
}

bool recording_reader_reject(struct recording_reader *reader, uint64_t number, const char *text,
                             struct error *error) {
    reader->refused++;
    return judge(reader, reader->block->input + reader->line, error) &&
           reject(reader, number, text, error);
}

/* Input. */

/* Makes room behind what is filled: in this block, or in a new one that begins with the rest. */
static bool make_room(struct recording_reader *reader, struct error *error) {
    struct recording_block *block = reader->block;
    size_t rest = reader->filled - reader->begin;
    if (block != NULL && reader->filled < block->capacity)
        return true;
    size_t capacity = RECORDING_BLOCK_SIZE;
    while (capacity - capacity / 4 < rest) /* a line of this length: read on in larger pieces */
        capacity *= 2;
    struct recording_block *next = recording_block_new(reader->options.pool, capacity);
    if (next == NULL)
        return error_set_memory(error, reader->name);
    if (block != NULL) {
        memcpy(next->input, block->input + reader->begin, rest);
        recording_block_release(block);
    }
    reader->block = next;
    reader->searched -= reader->begin;
    reader->begin = 0;
    reader->filled = rest;
    reader->scratch_used = 0;
    return true;
}

static enum recording_result read_more(struct recording_reader *reader, struct error *error) {
    if (reader->options.before_read != NULL &&
        !reader->options.before_read(reader->options.before_read_context, reader->fd))
        return RECORDING_STOPPED;
    if (!make_room(reader, error))
        return RECORDING_FAILED;
    struct recording_block *block = reader->block;
    ssize_t got;
    do
        got = read(reader->fd, block->input + reader->filled, block->capacity - reader->filled);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        error_set_errno(error, errno, "reading %s after %llu bytes", reader->name,
                        (unsigned long long)reader->bytes);
        return RECORDING_FAILED;
    }
    reader->is_ended = got == 0;
    reader->filled += (size_t)got;
    reader->bytes += (uint64_t)got;
    memset(block->input + reader->filled, 0, RECORDING_SLACK);
    return RECORDING_ENTRY;
}

/* Lines. */

/* Takes the bytes from `begin` on away as a line (or a piece of one that is too long). */
static void take_line(struct recording_reader *reader, size_t size) {
    reader->begin += size;
    reader->searched = reader->begin;
    reader->begin_at += size;
}

/* Passes a piece of a line that is too long. False, with an error, when it has no end. */
static bool skip(struct recording_reader *reader, size_t size, struct error *error) {
    if (!judge(reader, reader->block->input + reader->begin, error))
        return false;
    reader->skipped = (reader->is_skipping ? reader->skipped : 0) + size;
    reader->is_skipping = true;
    take_line(reader, size);
    const bool is_endless = reader->skipped >= RECORDING_ENDLESS_BYTES ||
                            (is_useless(reader) && reader->skipped >= RECORDING_USELESS_BYTES);
    char more[SEEMS_SIZE];
    return !is_endless ||
           error_set(error, ERROR_INVALID, "%s:%llu: a line is longer than %llu MiB%s",
                     reader->name, (unsigned long long)reader->lines + 1,
                     (unsigned long long)reader->skipped >> 20, seems(reader, more));
}

/* Finds the next line: ENTRY with its size without and with its break. */
static enum recording_result find_line(struct recording_reader *reader, size_t *size,
                                       size_t *size_with_break, struct error *error) {
    for (;;) {
        const char *input = reader->block == NULL ? NULL : reader->block->input;
        const char *stop = NULL;
        if (reader->searched < reader->filled)
            stop = memchr(input + reader->searched, '\n', reader->filled - reader->searched);
        if (stop != NULL) {
            *size = (size_t)(stop - input) - reader->begin;
            *size_with_break = *size + 1;
            return RECORDING_ENTRY;
        }
        reader->searched = reader->filled;
        *size = *size_with_break = reader->filled - reader->begin;
        if (reader->is_ended)
            return *size > 0 ? RECORDING_ENTRY : RECORDING_END;
        if (*size > reader->options.max_line && !skip(reader, *size, error))
            return RECORDING_FAILED;
        enum recording_result result = read_more(reader, error);
        if (result != RECORDING_ENTRY)
            return result;
    }
}

static bool is_blank(const char *line, size_t size) {
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t' || line[size - 1] == '\r'))
        size--;
    return size == 0;
}

/* A file with lines of which none was of use, be they blank, is no recording. */
static enum recording_result end(struct recording_reader *reader, struct error *error) {
    if (reader->is_skipping) {
        reader->is_skipping = false;
        reader->lines++;
        if (!reject(reader, reader->lines, "is too long", error))
            return RECORDING_FAILED;
    }
    if (is_useless(reader) && reader->lines > 0) {
        fail_useless(reader, error);
        return RECORDING_FAILED;
    }
    return RECORDING_END;
}

/* What is wrong with the line, or NULL: `entry` has what it says. */
static const char *scan(struct recording_reader *reader, const char *line, size_t size,
                        bool is_complete, struct recording_entry *entry) {
    struct recording_block *block = reader->block;
    size_t used;
    if (reader->is_skipping || size > reader->options.max_line)
        return "is too long";
    const char *complaint =
        recording_line_scan(line, size, block->scratch + reader->scratch_used, &used, &entry->line);
    if (complaint == NULL) {
        reader->scratch_used += used;
        return NULL;
    }
    reader->is_cut = !is_complete && line[0] == '{';
    return reader->is_cut    ? "is truncated: the file ends within it"
           : line[0] == '\0' ? "is NUL bytes, as after a crash of the machine"
                             : complaint;
}

enum recording_result recording_reader_next(struct recording_reader *reader,
                                            struct recording_entry *entry, struct error *error) {
    for (;;) {
        size_t size, size_with_break;
        enum recording_result result = find_line(reader, &size, &size_with_break, error);
        if (result == RECORDING_END)
            return end(reader, error);
        if (result != RECORDING_ENTRY)
            return result;
        struct recording_block *block = reader->block;
        const char *line = block->input + reader->begin, *const begin = line;
        take_line(reader, size_with_break);
        uint64_t number = ++reader->lines;
        if (number == 1 && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            line += 3; /* a byte order mark */
            size -= 3;
        }
        if (!reader->is_skipping && is_blank(line, size))
            continue;
        const bool is_complete = size_with_break > 0 && block->input[reader->begin - 1] == '\n';
        const char *complaint = scan(reader, line, size, is_complete, entry);
        const bool is_whole = !reader->is_skipping;
        reader->is_skipping = false;
        if (complaint != NULL) {
            if ((is_whole && !judge(reader, begin, error)) ||
                !reject(reader, number, complaint, error))
                return RECORDING_FAILED;
            continue;
        }
        reader->given++;
        reader->line = (size_t)(begin - block->input);
        entry->text = line;
        entry->text_size = size;
        entry->block = block;
        entry->number = number;
        entry->end = reader->begin_at;
        entry->is_complete = is_complete;
        return RECORDING_ENTRY;
    }
}

char *recording_reader_scratch(struct recording_reader *reader) {
    return reader->block->scratch + reader->scratch_used;
}

void recording_reader_use(struct recording_reader *reader, size_t size) {
    reader->scratch_used += size;
}

const char *recording_reader_name(const struct recording_reader *reader) {
    return reader->name;
}

uint64_t recording_reader_bytes(const struct recording_reader *reader) {
    return reader->bytes;
}

uint64_t recording_reader_at(const struct recording_reader *reader) {
    return reader->begin_at;
}

uint64_t recording_reader_lines(const struct recording_reader *reader) {
    return reader->lines;
}

uint64_t recording_reader_bad_lines(const struct recording_reader *reader) {
    return reader->bad_lines;
}

bool recording_reader_is_cut(const struct recording_reader *reader) {
    return reader->is_cut;
}

int64_t recording_reader_size(const struct recording_reader *reader) {
    return reader->size;
}
