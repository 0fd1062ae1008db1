#include "base/log.h"

#include "base/log_line.h"
#include "base/log_repeat.h"

#include <errno.h>
#include <fcntl.h>
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

struct log {
    /* Read by any thread without the lock. The last one is for rooms that are none. */
    atomic_int levels[ROOM_COUNT + 1];
    atomic_bool has_color;

    pthread_mutex_t lock; /* guards the rest */
    enum log_format format;
    char *path; /* NULL: stderr */
    int fd;
    struct text line; /* kept, so that writing a line allocates nothing in the long run */
    struct log_repeats repeats;
};

struct log *log_new(void) {
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    if (pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log);
        return NULL;
    }
    log->format = LOG_FORMAT_CONSOLE;
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

/* Under the lock. */
static void write_line(void *context, const struct log_line *line) {
    struct log *log = context;
    text_reset(&log->line);
    log_line_append(&log->line, line, log->format, atomic_load(&log->has_color));
    if (!text_is_short(&log->line))
        write_bytes(log->fd, log->line.data, log->line.size);
}

void log_free(struct log *log) {
    if (log == NULL)
        return;
    log_repeats_say_due(&log->repeats, INT64_MAX, write_line, log);
    log_repeats_release(&log->repeats);
    text_release(&log->line);
    if (log->path != NULL)
        close(log->fd);
    free(log->path);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static int open_for_appending(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

static bool decide_color(const struct log_options *options, int fd) {
    if (options->format != LOG_FORMAT_CONSOLE || options->color == LOG_COLOR_NEVER)
        return false;
    return options->color == LOG_COLOR_ALWAYS || isatty(fd) == 1;
}

bool log_configure(struct log *log, const struct log_options *options, struct error *error) {
    char *path = NULL;
    int fd = STDERR_FILENO;
    if (options->path != NULL) {
        path = text_dup(options->path, strlen(options->path));
        if (path == NULL)
            return error_set_memory(error, strlen(options->path), "the log's path");
        fd = open_for_appending(path);
        if (fd < 0) {
            error_set_errno(error, errno, "cannot open the log file %s for appending", path);
            free(path);
            return false;
        }
    }

    pthread_mutex_lock(&log->lock);
    char *old_path = log->path;
    int old_fd = log->fd;
    log->path = path;
    log->fd = fd;
    log->format = options->format;
    atomic_store(&log->has_color, decide_color(options, fd));
    pthread_mutex_unlock(&log->lock);

    log_set_level(log, NULL, options->level);
    if (old_path != NULL)
        close(old_fd);
    free(old_path);
    return true;
}

bool log_reopen(struct log *log, struct error *error) {
    bool is_open = true;
    pthread_mutex_lock(&log->lock);
    if (log->path != NULL) {
        int fd = open_for_appending(log->path);
        if (fd >= 0) {
            close(log->fd);
            log->fd = fd;
        } else {
            is_open = error_set_errno(
                error, errno, "cannot reopen the log file %s, the old one stays in use", log->path);
        }
    }
    pthread_mutex_unlock(&log->lock);
    return is_open;
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

static const struct {
    enum log_level level;
    const char *name;
} level_names[] = {
    {LOG_LEVEL_DEBUG, "DEBUG"},  {LOG_LEVEL_INFO, "INFO"},   {LOG_LEVEL_WARNING, "WARNING"},
    {LOG_LEVEL_WARNING, "WARN"}, {LOG_LEVEL_ERROR, "ERROR"}, {LOG_LEVEL_CRITICAL, "CRITICAL"},
};
#define LEVEL_NAME_COUNT (sizeof level_names / sizeof level_names[0])

bool log_parse_level(const char *text, enum log_level *level) {
    for (size_t i = 0; i < LEVEL_NAME_COUNT; i++) {
        if (strcasecmp(text, level_names[i].name) == 0) {
            *level = level_names[i].level;
            return true;
        }
    }
    return false;
}

const char *log_level_name(enum log_level level) {
    for (size_t i = 0; i < LEVEL_NAME_COUNT; i++)
        if (level_names[i].level == level)
            return level_names[i].name;
    return "UNKNOWN";
}

static void write_or_count(struct log *log, struct log_line *line) {
    line->wall_ns = clock_wall_ns();
    pthread_mutex_lock(&log->lock);
    bool is_new = line->level <= LOG_LEVEL_DEBUG ||
                  log_repeats_is_new(&log->repeats, line, clock_monotonic_ns(), write_line, log);
    if (is_new)
        write_line(log, line);
    pthread_mutex_unlock(&log->lock);
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

void log_write(struct log *log, enum log_level level, const char *room, const char *format, ...) {
    if (!log_is_on(log, room, level))
        return;
    char small[1024];
    char *text = small;
    va_list args, again;
    va_start(args, format);
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
    va_end(args);

    if (size > TEXT_SIZE_MAX)
        size = cut(text, size);
    struct log_line line = {.level = level, .room = room, .text = text, .size = size};
    write_or_count(log, &line);
    if (text != small)
        free(text);
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
    write_or_count(log, &line);
    free(shorter);
}

bool log_has_color(const struct log *log) {
    return atomic_load(&log->has_color);
}
