#include "recording/writer.h"

#include "base/array.h"

#include "log/output.h"
#include "recording/input.h"
#include "recording/packing.h"
#include "recording/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_SIZE (256 * 1024)
#define FRAME_SIZE (1024 * 1024) /* of text, when it is packed */
#define TAIL_SIZE  4096

/* Lines. */

/* A short text that is handed on when it is full: an append each would cost more than the work. */
struct chunk {
    struct text *text;
    size_t size;
    char bytes[1024];
};

static void chunk_flush(struct chunk *chunk) {
    text_append(chunk->text, chunk->bytes, chunk->size);
    chunk->size = 0;
}

static void chunk_escape(struct chunk *chunk, uint8_t c) {
    static const char hex[] = "0123456789abcdef";
    static const char dead_letters[256] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                           ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    char *to = chunk->bytes + chunk->size;
    to[0] = '\\';
    if (dead_letters[c] != 0) {
        to[1] = dead_letters[c];
        chunk->size += 2;
        return;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = hex[c >> 4];
    to[5] = hex[c & 15];
    chunk->size += 6;
}

static void write_string(struct text *text, const char *bytes, size_t size) {
    struct chunk chunk = {.text = text, .size = 1};
    chunk.bytes[0] = '"';
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)bytes[i];
        if (chunk.size + 8 > sizeof chunk.bytes)
            chunk_flush(&chunk);
        if (c < 0x20 || c == '"' || c == '\\')
            chunk_escape(&chunk, c);
        else
            chunk.bytes[chunk.size++] = (char)c;
    }
    chunk.bytes[chunk.size++] = '"';
    chunk_flush(&chunk);
}

/* ,"NAME":"text" or ,"NAME_base64":"..." or ,"NAME":null */
static void write_bytes(struct text *text, const char *name, const char *bytes, size_t size) {
    if (bytes == NULL) {
        text_printf(text, ",\"%s\":null", name);
    } else if (text_is_utf8(bytes, size)) {
        text_printf(text, ",\"%s\":", name);
        write_string(text, bytes, size);
    } else {
        text_printf(text, ",\"%s_base64\":\"", name);
        text_base64(text, bytes, size);
        text_putc(text, '"');
    }
}

void recording_line_write(struct text *text, const struct record *record, const char *topic) {
    text_puts(text, "{\"topic\":");
    write_string(text, topic, strlen(topic));
    text_printf(text, ",\"partition\":%d,\"offset\":%lld", record->partition,
                (long long)record->offset);
    if (record->kafka_time_ms == RECORD_NO_TIME)
        text_puts(text, ",\"tstype\":\"unknown\",\"ts\":-1");
    else
        text_printf(text, ",\"tstype\":\"create\",\"ts\":%lld", (long long)record->kafka_time_ms);
    write_bytes(text, "key", record->key, record->key_size);
    write_bytes(text, "payload", record->payload, record->payload_size);
    text_puts(text, "}\n");
}

/* Positions. */

void recording_positions_release(struct recording_positions *positions) {
    for (size_t i = 0; i < positions->count; i++)
        free(positions->items[i].topic);
    free(positions->items);
    *positions = (struct recording_positions)RECORDING_POSITIONS_INIT;
}

static struct recording_position *positions_look(const struct recording_positions *positions,
                                                 const char *topic, size_t size,
                                                 int32_t partition) {
    for (size_t i = 0; i < positions->count; i++) {
        struct recording_position *position = &positions->items[i];
        if (position->partition == partition && strncmp(position->topic, topic, size) == 0 &&
            position->topic[size] == '\0')
            return position;
    }
    return NULL;
}

int64_t recording_positions_find(const struct recording_positions *positions, const char *topic,
                                 int32_t partition) {
    const struct recording_position *position =
        positions_look(positions, topic, strlen(topic), partition);
    return position == NULL ? -1 : position->next;
}

static bool positions_note(struct recording_positions *positions, const struct recording_line *line,
                           struct error *error) {
    struct recording_position *position =
        positions_look(positions, line->topic, line->topic_size, line->partition);
    if (position == NULL) {
        char *topic = ARRAY_GROW(positions->items, positions->count, positions->capacity)
                          ? text_dup(line->topic, line->topic_size)
                          : NULL;
        if (topic == NULL)
            return error_set_memory(error, "positions of a recording");
        position = &positions->items[positions->count++];
        *position = (struct recording_position){topic, line->partition, 0};
    }
    if (line->offset >= position->next)
        position->next = line->offset + 1;
    return true;
}

/* Resuming. */

/* The length of the file up to its last line break. */
static bool find_last_line(int fd, const char *path, off_t size, off_t *end, struct error *error) {
    char tail[TAIL_SIZE];
    while (size > 0) {
        size_t piece = size < TAIL_SIZE ? (size_t)size : TAIL_SIZE;
        ssize_t got = pread(fd, tail, piece, size - (off_t)piece);
        if (got != (ssize_t)piece)
            return error_set_errno(error, got < 0 ? errno : EIO, "reading the end of %s", path);
        const char *stop = memrchr(tail, '\n', piece);
        size -= (off_t)piece;
        if (stop != NULL) {
            *end = size + (stop - tail) + 1;
            return true;
        }
    }
    *end = 0;
    return true;
}

/* Notes the positions of all lines before `end`. */
static bool scan_file(const char *path, off_t end, struct recording_positions *positions,
                      struct error *error) {
    bool is_good = false;
    struct recording_pool *pool = recording_pool_new();
    if (pool == NULL)
        return error_set_memory(error, "reading a recorded file");
    struct recording_options options = {.pool = pool, .is_strict = true};
    struct recording_reader *reader = recording_reader_open(path, &options, error);
    struct recording_entry entry;
    while (reader != NULL) {
        if (recording_reader_at(reader) >= (uint64_t)end) {
            is_good = true; /* what follows is the torn line */
            break;
        }
        enum recording_result result = recording_reader_next(reader, &entry, error);
        if (result != RECORDING_ENTRY) {
            is_good = result == RECORDING_END;
            break;
        }
        const struct recording_line *line = &entry.line;
        if (line->is_plain || line->topic == NULL || line->partition < 0 || line->offset < 0) {
            error_set(
                error, ERROR_INVALID,
                "%s:%llu: the line has no topic, partition and offset: this is not a recording "
                "that can be resumed; choose another file",
                path, (unsigned long long)entry.number);
            break;
        }
        if (!positions_note(positions, line, error))
            break;
    }
    recording_reader_close(reader);
    recording_pool_free(pool);
    return is_good;
}

/* Writing. */

struct recording_writer {
    char *path;
    int fd;
    bool is_stdout;
    struct text buffer;
    size_t written; /* of the buffer: the rest of a write that failed comes first */
    enum recording_packing packing;
    /* Packed: the buffer from `written` to `frame_of`, and how much of it is in the file. */
    struct text frame;
    size_t frame_of, frame_written;
    uint64_t bytes;
    const atomic_bool *stop;
    bool has_reader_gone;
    dev_t device; /* of a regular file; else the path is not looked at again */
    ino_t inode;
    bool is_regular;
    unsigned reopened;
};

static void writer_free(struct recording_writer *writer) {
    if (writer->fd >= 0 && !writer->is_stdout)
        close(writer->fd);
    text_release(&writer->buffer);
    text_release(&writer->frame);
    free(writer->path);
    free(writer);
}

/* Reads a packed file to its last whole frame: its end in the file, in the text, and what the text
 * ends with. */
static bool read_frames(struct recording_input *input, uint64_t *file_end, uint64_t *text_end,
                        char *last, struct error *error) {
    char *room = malloc(RECORDING_BLOCK_SIZE);
    enum recording_result result = RECORDING_ENTRY;
    char newest = '\n';
    if (room == NULL)
        return error_set_memory(error, "resuming a recording");
    while (result == RECORDING_ENTRY) {
        size_t got;
        const uint64_t before = *text_end;
        result = recording_input_read(input, room, RECORDING_BLOCK_SIZE, &got, error);
        newest = got > 0 ? room[got - 1] : newest;
        recording_input_whole(input, file_end, text_end);
        *last = *text_end > before ? newest : *last; /* a read goes no further than a frame */
    }
    free(room);
    return result == RECORDING_END || recording_input_is_cut(input);
}

/* As find_last_line() of a packed file: `*end` of the file, `*text_end` of what it says. */
static bool find_last_frame(const char *path, enum recording_packing packing, off_t *end,
                            off_t *text_end, struct error *error) {
    uint64_t file = 0, text = 0;
    char last = '\n';
    struct recording_input *input = recording_input_open(path, 0, error);
    bool did = input != NULL && read_frames(input, &file, &text, &last, error);
    if (did && recording_input_packing(input) != packing)
        did = error_set(error, ERROR_INVALID, "%s has %s, and its name is one of %s: rename it",
                        path, recording_packing_name(recording_input_packing(input)),
                        recording_packing_name(packing));
    if (did && last != '\n')
        did = error_set(error, ERROR_INVALID,
                        "%s: its last line is incomplete, and packed: choose another file", path);
    recording_input_close(input);
    if (did) {
        *end = (off_t)file;
        *text_end = (off_t)text;
    }
    return did;
}

/* A plain file that is packed inside would be spoiled by lines behind it. */
static bool check_plain(const struct recording_writer *writer, struct error *error) {
    char first[RECORDING_PACKING_SIZE];
    const ssize_t got = pread(writer->fd, first, sizeof first, 0);
    if (got < 0)
        return error_set_errno(error, errno, "reading %s", writer->path);
    const enum recording_packing found = recording_packing_of(first, (size_t)got);
    return found == RECORDING_PLAIN ||
           error_set(error, ERROR_INVALID,
                     "%s has %s, and its name is one of plain text: rename it", writer->path,
                     recording_packing_name(found));
}

static bool writer_resume(struct recording_writer *writer, struct recording_positions *positions,
                          struct error *error) {
    struct stat status;
    off_t end = 0, text_end = 0;
    if (fstat(writer->fd, &status) != 0)
        return error_set_errno(error, errno, "%s", writer->path);
    if (status.st_size == 0)
        return true;
    if (writer->packing != RECORDING_PLAIN) {
        if (!find_last_frame(writer->path, writer->packing, &end, &text_end, error))
            return false;
    } else {
        if (!check_plain(writer, error) ||
            !find_last_line(writer->fd, writer->path, status.st_size, &end, error))
            return false;
        text_end = end;
    }
    if (!scan_file(writer->path, text_end, positions, error))
        return false;
    if (end < status.st_size && ftruncate(writer->fd, end) != 0)
        return error_set_errno(error, errno, "%s: removing its incomplete end", writer->path);
    return true;
}

static bool writer_open_file(struct recording_writer *writer, enum recording_mode mode,
                             struct recording_positions *positions, struct error *error) {
    struct stat status;
    bool is_special = stat(writer->path, &status) == 0 && !S_ISREG(status.st_mode);
    if (is_special) { /* a device or a pipe: there is nothing to resume or to spoil */
        writer->fd = open(writer->path, O_WRONLY | O_CLOEXEC);
        return writer->fd >= 0 || error_set_errno(error, errno, "%s", writer->path);
    }
    int flags = mode == RECORDING_CREATE ? O_EXCL : 0;
    writer->fd = open(writer->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0666);
    if (writer->fd < 0 && errno == EEXIST)
        return error_set(error, ERROR_INVALID,
                         "%s already exists: resume it, remove it, or choose another file",
                         writer->path);
    if (writer->fd < 0)
        return error_set_errno(error, errno, "%s", writer->path);
    if (flock(writer->fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, ERROR_STATE, "%s is being written by another process",
                         writer->path);
    if (fstat(writer->fd, &status) != 0)
        return error_set_errno(error, errno, "%s", writer->path);
    writer->is_regular = S_ISREG(status.st_mode);
    writer->device = status.st_dev;
    writer->inode = status.st_ino;
    return mode == RECORDING_CREATE || writer_resume(writer, positions, error);
}

/* Whether who opens the path finds the file. */
static bool writer_is_there(const struct recording_writer *writer) {
    struct stat there;
    return !writer->is_regular || (stat(writer->path, &there) == 0 &&
                                   there.st_dev == writer->device && there.st_ino == writer->inode);
}

/* Another file takes the old one's place, which stays when it does not open. */
static bool writer_reopen(struct recording_writer *writer, struct error *error) {
    struct recording_positions positions = RECORDING_POSITIONS_INIT;
    struct recording_writer fresh = {.path = writer->path, .fd = -1, .packing = writer->packing};
    const bool did = writer_open_file(&fresh, RECORDING_RESUME, &positions, error);
    recording_positions_release(&positions);
    if (!did) {
        if (fresh.fd >= 0)
            close(fresh.fd);
        return false;
    }
    close(writer->fd);
    writer->fd = fresh.fd;
    writer->is_regular = fresh.is_regular;
    writer->device = fresh.device;
    writer->inode = fresh.inode;
    writer->reopened++;
    return true;
}

struct recording_writer *recording_writer_open(const char *path, enum recording_mode mode,
                                               struct recording_positions *positions,
                                               struct error *error) {
    struct recording_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        error_set_memory(error, "a recording");
        return NULL;
    }
    text_init(&writer->buffer);
    text_init(&writer->frame);
    writer->packing = recording_packing_of_name(path);
    writer->is_stdout = strcmp(path, "-") == 0;
    writer->fd = writer->is_stdout ? STDOUT_FILENO : -1;
    writer->path = strdup(path);
    if (writer->path == NULL) {
        error_set_memory(error, "a recording");
        writer_free(writer);
        return NULL;
    }
    if (!writer->is_stdout && !writer_open_file(writer, mode, positions, error)) {
        writer_free(writer);
        return NULL;
    }
    return writer;
}

static bool write_bytes_of(struct recording_writer *writer, const struct text *text,
                           size_t *written, struct error *error) {
    size_t done;
    const int errnum =
        output_write(writer->fd, text->data + *written, text->size - *written, &done, writer->stop);
    *written += done;
    writer->has_reader_gone = errnum == EPIPE;
    return errnum == 0 || error_set_errno(error, errnum, "writing %s", writer->path);
}

static void drop_frame(struct recording_writer *writer) {
    text_reset(&writer->frame);
    writer->frame_written = 0;
}

/* A frame each time, so that what was flushed can be read, and no end of the process takes more
 * than the last one. */
static bool write_packed(struct recording_writer *writer, struct error *error) {
    const struct text *buffer = &writer->buffer;
    while (writer->written < buffer->size) {
        if (writer->frame.size == 0) {
            if (!recording_pack(writer->packing, buffer->data + writer->written,
                                buffer->size - writer->written, &writer->frame))
                return error_set_memory(error, "packing a recording");
            writer->frame_of = buffer->size;
        }
        if (!write_bytes_of(writer, &writer->frame, &writer->frame_written, error))
            return false;
        drop_frame(writer);
        writer->written = writer->frame_of;
    }
    return true;
}

static bool writer_write(struct recording_writer *writer, struct error *error) {
    return writer->packing != RECORDING_PLAIN
               ? write_packed(writer, error)
               : write_bytes_of(writer, &writer->buffer, &writer->written, error);
}

/* What went into a file that was removed is gone with it, and is written again; one that was moved
 * has it. */
bool recording_writer_flush(struct recording_writer *writer, struct error *error) {
    bool did = writer_write(writer, error);
    while (did && !writer_is_there(writer)) {
        struct stat status;
        if (fstat(writer->fd, &status) != 0 || status.st_nlink == 0)
            writer->written = 0;
        did = writer_reopen(writer, error) && writer_write(writer, error);
    }
    if (!did)
        return false;
    text_reset(&writer->buffer);
    writer->written = 0;
    return true;
}

unsigned recording_writer_reopened(const struct recording_writer *writer) {
    return writer->reopened;
}

bool recording_writer_add(struct recording_writer *writer, const struct record *record,
                          const char *topic, struct error *error) {
    struct text *buffer = &writer->buffer;
    size_t before = buffer->size;
    recording_line_write(buffer, record, topic);
    if (text_is_oom(buffer)) {
        /* Whole lines only. */
        buffer->size = before;
        buffer->is_oom = false;
        if (buffer->capacity > 0)
            buffer->data[before] = '\0';
        return error_set_memory(error, "a line of the recording");
    }
    writer->bytes += buffer->size - before;
    const size_t most = writer->packing != RECORDING_PLAIN ? FRAME_SIZE : FLUSH_SIZE;
    return buffer->size < most || recording_writer_flush(writer, error);
}

void recording_writer_set_stop(struct recording_writer *writer, const atomic_bool *stop) {
    writer->stop = stop;
}

bool recording_writer_has_reader_gone(const struct recording_writer *writer) {
    return writer->has_reader_gone;
}

uint64_t recording_writer_bytes(const struct recording_writer *writer) {
    return writer->bytes;
}

bool recording_writer_close(struct recording_writer *writer, struct error *error) {
    if (writer == NULL)
        return true;
    bool is_good = recording_writer_flush(writer, error);
    if (is_good && !writer->is_stdout && fsync(writer->fd) != 0 && errno != EINVAL)
        is_good = error_set_errno(error, errno, "fsync of %s", writer->path);
    writer_free(writer);
    return is_good;
}
