#include "log/log.h"

#include "base/sync/counter.h"
#include "base/sync/locks.h"
#include "log/log_line.h"
#include "log/log_repeat.h"
#include "log/log_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A longer text is cut, and says so. */
#define TEXT_SIZE_MAX ((size_t)16 * 1024)

static const char *const rooms[] = {LOG_ROOMS};
#define ROOM_COUNT (sizeof rooms / sizeof rooms[0])

LOCK_CLASS(log_lock);
struct log {
    /* Read by any thread without the lock. The last one is for rooms that are none. */
    atomic_int levels[ROOM_COUNT + 1];
    atomic_bool has_color;
    atomic_int format;
    char *worker; /* NULL: there is one process. Set before there are threads */

    pthread_mutex_t lock;      /* guards the rest */
    struct log_writer *writer; /* NULL: the logging thread writes; set before there are threads */
    char *path GUARDED_BY(log_lock); /* NULL: stderr */
    int fd GUARDED_BY(log_lock);     /* the writer's, when there is one and a path */
    /* Kept, so that writing a line allocates nothing in the long run. */
    struct text line GUARDED_BY(log_lock);
    _Atomic uint64_t lines[LOG_LEVELS]; /* changed under the lock, read by anyone */
    struct log_repeats repeats GUARDED_BY(log_lock);
};

struct log *log_new(void) {
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    if (pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log);
        return NULL;
    }
    atomic_store(&log->format, LOG_FORMAT_CONSOLE);
    lock_alone(log_lock);
    log->fd = STDERR_FILENO;
    text_init(&log->line);
    log_repeats_init(&log->repeats);
    log_set_level(log, NULL, LOG_LEVEL_INFO);
    return log;
}

/* One write(2) a line; what a pipe or a full disk leaves over is tried once more and then let go:
 * the log must not stop the stream. */
static void write_bytes(int fd, const char *data, size_t size) {
    int tries = 0;
    while (size > 0 && tries < 3) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        tries++;
        if (written < 0)
            return;
        data += written;
        size -= (size_t)written;
    }
}

static void format_line(struct log *log, const struct log_line *line, struct text *out) {
    struct log_line named = *line;
    named.worker = log->worker;
    log_line_append(out, &named, (enum log_format)atomic_load(&log->format),
                    atomic_load(&log->has_color));
}

/* Under the lock. */
REQUIRES(log_lock) static void write_line(void *context, const struct log_line *line) {
    struct log *log = context;
    text_reset(&log->line);
    format_line(log, line, &log->line);
    if (text_is_oom(&log->line))
        return;
    if (log->writer != NULL)
        log_writer_push(log->writer, log->line.data, log->line.size);
    else
        write_bytes(log->fd, log->line.data, log->line.size);
}

/* ---- a thread of its own ---- */

/* The writer's thread: a line about the log itself. */
static void write_line_of_log(void *context, const char *text, struct text *out) {
    const struct log_line line = {.wall_ns = clock_wall_ns(),
                                  .level = LOG_LEVEL_WARNING,
                                  .room = "ops",
                                  .text = text,
                                  .size = strlen(text)};
    format_line(context, &line, out);
}

/* The writer's thread: counts whose time has come are written though nobody logs. */
static void write_due(void *context) {
    struct log *log = context;
    lock_acquire(&log->lock, log_lock);
    log_repeats_flush_due(&log->repeats, clock_monotonic_ns(), write_line, log);
    lock_release(&log->lock, log_lock);
}

bool log_start(struct log *log, struct error *error) {
    const struct log_writer_options options = {
        .format = write_line_of_log, .turn = write_due, .context = log};
    lock_acquire(&log->lock, log_lock);
    log->writer = log_writer_new(&options, log->fd, log->path, error);
    lock_release(&log->lock, log_lock);
    return log->writer != NULL;
}

bool log_flush(struct log *log, int64_t timeout_ns) {
    return log->writer == NULL || log_writer_flush(log->writer, timeout_ns);
}

void log_settle(const struct log *log, int64_t timeout_ns) {
    if (log != NULL && log->writer != NULL)
        log_writer_settle(log->writer, timeout_ns);
}

void log_status(const struct log *log, struct log_status *status) {
    struct log_writer_status writer = {0};
    if (log->writer != NULL)
        log_writer_status(log->writer, &writer);
    *status = (struct log_status){.dropped = writer.dropped, .blocked_ns = writer.blocked_ns};
    for (size_t i = 0; i < LOG_LEVELS; i++)
        status->lines[i] = counter_read(&log->lines[i]);
}

bool log_is_crowded(const struct log *log) {
    return log->writer != NULL && log_writer_is_crowded(log->writer);
}

void log_free(struct log *log) {
    if (log == NULL)
        return;
    lock_acquire(&log->lock, log_lock);
    log_repeats_flush(&log->repeats, write_line, log);
    lock_release(&log->lock, log_lock);
    if (log->writer != NULL && !log_writer_free(log->writer, LOG_END_NS))
        return;
    lock_alone(log_lock);
    if (log->writer == NULL && log->path != NULL)
        close(log->fd);
    log_repeats_release(&log->repeats);
    text_release(&log->line);
    free(log->path);
    free(log->worker);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* ---- options ---- */

static bool decide_color(const struct log_options *options, int fd) {
    if (options->format != LOG_FORMAT_CONSOLE || options->color == LOG_COLOR_NEVER)
        return false;
    return options->color == LOG_COLOR_ALWAYS || isatty(fd) == 1;
}

/* Under the lock: goes on in that file, and closes the old one. Takes `path` over; false: no
 * memory, and nothing has changed. */
REQUIRES(log_lock) static bool use_file(struct log *log, int fd, char *path) {
    if (log->writer != NULL) {
        if (!log_writer_redirect(log->writer, fd, path))
            return false;
    } else if (log->path != NULL) {
        close(log->fd);
    }
    free(log->path);
    log->path = path;
    log->fd = fd;
    return true;
}

bool log_configure(struct log *log, const struct log_options *options, struct error *error) {
    char *path = NULL;
    int fd = STDERR_FILENO;
    if (options->worker != NULL && log->worker == NULL) {
        log->worker = text_dup(options->worker, strlen(options->worker));
        if (log->worker == NULL)
            return error_set_memory(error, "the log's worker");
    }
    if (options->path != NULL) {
        path = text_dup(options->path, strlen(options->path));
        if (path == NULL)
            return error_set_memory(error, "the log's path");
        fd = log_file_open(path);
        if (fd < 0) {
            error_set_errno(error, errno, "cannot open the log file %s for appending", path);
            free(path);
            return false;
        }
    }

    lock_acquire(&log->lock, log_lock);
    const bool did = use_file(log, fd, path);
    if (did) {
        atomic_store(&log->format, (int)options->format);
        atomic_store(&log->has_color, decide_color(options, fd));
    }
    lock_release(&log->lock, log_lock);
    if (!did) {
        if (path != NULL)
            close(fd);
        free(path);
        return error_set_memory(error, "the log's path");
    }
    log_set_level(log, NULL, options->level);
    return true;
}

bool log_reopen(struct log *log, struct error *error) {
    lock_acquire(&log->lock, log_lock);
    const bool is_file = log->path != NULL;
    char *path = is_file ? strdup(log->path) : NULL;
    lock_release(&log->lock, log_lock);
    if (!is_file)
        return true;
    if (path == NULL)
        return error_set_memory(error, "the log's path");
    /* Every thread that logs takes the lock, and must not wait for a file system. */
    const int fd = log_file_open(path);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot reopen the log file %s, still using the old one",
                        path);
        free(path);
        return false;
    }
    lock_acquire(&log->lock, log_lock);
    const bool did = use_file(log, fd, path);
    lock_release(&log->lock, log_lock);
    if (!did) {
        close(fd);
        free(path);
        return error_set_memory(error, "the log's path");
    }
    return true;
}

static size_t room_index(const char *room) {
    for (size_t i = 0; i < ROOM_COUNT; i++)
        if (strcmp(rooms[i], room) == 0)
            return i;
    return ROOM_COUNT;
}

bool log_set_level(struct log *log, const char *room, enum log_level level) {
    if (room == NULL) {
        for (size_t i = 0; i <= ROOM_COUNT; i++)
            atomic_store(&log->levels[i], (int)level);
        return true;
    }
    size_t index = room_index(room);
    if (index == ROOM_COUNT)
        return false;
    atomic_store(&log->levels[index], (int)level);
    return true;
}

bool log_is_on(const struct log *log, const char *room, enum log_level level) {
    int least = atomic_load_explicit(&log->levels[room_index(room)], memory_order_relaxed);
    return (int)level >= least;
}

static void write_or_count(struct log *log, struct log_line *line, enum log_kind kind) {
    line->wall_ns = clock_wall_ns();
    lock_acquire(&log->lock, log_lock);
    counter_add(&log->lines[line->level - LOG_LEVEL_DEBUG], 1);
    bool is_new = true;
    if (kind == LOG_KIND_CHANGE)
        log_repeats_flush(&log->repeats, write_line, log); /* they were before it */
    else if (line->level > LOG_LEVEL_DEBUG)
        is_new = log_repeats_is_new(&log->repeats, line, clock_monotonic_ns(), write_line, log);
    if (is_new)
        write_line(log, line);
    lock_release(&log->lock, log_lock);
}

/* Replaces the end of a text that is too long by how much is missing. */
static size_t cut(char *text, size_t size) {
    const char note_format[] = " ... (%zu bytes cut)";
    char note[64];
    size_t kept = TEXT_SIZE_MAX - sizeof note;
    while (kept > 0 && ((unsigned char)text[kept] & 0xC0) == 0x80) /* not within a character */
        kept--;
    int note_size = snprintf(note, sizeof note, note_format, size - kept);
    memcpy(text + kept, note, (size_t)note_size);
    return kept + (size_t)note_size;
}

/* `line` but for its text. */
static void write_format(struct log *log, struct log_line *line, enum log_kind kind,
                         const char *format, va_list args) {
    char small[1024];
    char *text = small;
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof small, format, args);
    size_t size = length > 0 ? (size_t)length : 0;
    if (size >= sizeof small) {
        text = malloc(size + 1);
        if (text != NULL)
            vsnprintf(text, size + 1, format, again);
        else { /* better half a line than none */
            text = small;
            size = sizeof small - 1;
        }
    }
    va_end(again);

    if (size > TEXT_SIZE_MAX)
        size = cut(text, size);
    line->text = text;
    line->size = size;
    write_or_count(log, line, kind);
    if (text != small)
        free(text);
}

void log_put(struct log *log, enum log_level level, enum log_kind kind, const char *room,
             const char *event, const char *format, ...) {
    if (!log_is_on(log, room, level))
        return;
    va_list args;
    va_start(args, format);
    struct log_line line = {.level = level, .room = room, .event = event};
    write_format(log, &line, kind, format, args);
    va_end(args);
}

void log_strategy(struct log *log, enum log_level level, const char *deployment, const char *text,
                  size_t size) {
    if (!log_is_on(log, "strategy", level))
        return;
    struct log_line line = {.level = level,
                            .room = "strategy",
                            .deployment = deployment,
                            .text = size > 0 ? text : "",
                            .size = size};
    char *shorter = NULL;
    if (size > TEXT_SIZE_MAX) {
        shorter = text_dup(text, TEXT_SIZE_MAX);
        line.text = shorter != NULL ? shorter : text;
        line.size = shorter != NULL ? cut(shorter, size) : TEXT_SIZE_MAX;
    }
    write_or_count(log, &line, LOG_KIND_LINE);
    free(shorter);
}

void log_pass_on(struct log *log, const char *line, size_t size) {
    lock_acquire(&log->lock, log_lock);
    if (log->writer != NULL)
        log_writer_push(log->writer, line, size);
    else
        write_bytes(log->fd, line, size);
    lock_release(&log->lock, log_lock);
}

bool log_has_color(const struct log *log) {
    return atomic_load(&log->has_color);
}
