#include "engine/lane/journal.h"

#include "base/clock.h"
#include "log/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_SIZE (64 * 1024)
#define MAX_LINE   512 /* a topic's name has at most 249 bytes */

/* A crash may have left an incomplete line. */
static bool cut_torn_line(int file) {
    char tail[MAX_LINE];
    const off_t size = lseek(file, 0, SEEK_END);
    if (size <= 0)
        return size == 0 || errno == ESPIPE;
    const size_t piece = size < MAX_LINE ? (size_t)size : MAX_LINE;
    const ssize_t got = pread(file, tail, piece, size - (off_t)piece);
    if (got != (ssize_t)piece)
        return false;
    const char *stop = memrchr(tail, '\n', piece);
    const off_t end = stop != NULL ? size - (off_t)piece + (stop - tail) + 1 : 0;
    return end == size || (stop == NULL && piece < (size_t)size) || ftruncate(file, end) == 0;
}

/* Opens the path, and writes to that file from here on; false with errno. */
REQUIRES(journal_lock) static bool open_file(struct journal *journal) {
    struct stat status;
    const int file = open(journal->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (file < 0)
        return false;
    if (!cut_torn_line(file) || fstat(file, &status) != 0) {
        const int reason = errno;
        close(file);
        errno = reason;
        return false;
    }
    if (journal->file >= 0)
        close(journal->file);
    journal->file = file;
    journal->device = status.st_dev;
    journal->inode = status.st_ino;
    journal->is_astray = false;
    return true;
}

struct journal *journal_new(const char *path, const struct topics *topics, struct log *log,
                            struct error *error) {
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        error_set_memory(error, "the journal");
        return NULL;
    }
    lock_alone(journal_lock);
    journal->path = path;
    journal->topics = topics;
    journal->log = log;
    journal->file = -1;
    if (open_file(journal)) {
        pthread_mutex_init(&journal->lock, NULL);
        return journal;
    }
    error_set_errno(error, errno, "%s: cannot open the journal", path);
    free(journal);
    return NULL;
}

void journal_free(struct journal *journal) {
    if (journal == NULL)
        return;
    lock_alone(journal_lock);
    close(journal->file);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

static void fail(struct journal *journal, int errnum) {
    if (!atomic_exchange(&journal->has_failed, true))
        log_change_event(
            journal->log, LOG_LEVEL_ERROR, "engine", "journal.failed",
            "%s: cannot write the journal: %s; journaling is disabled, processing continues",
            journal->path, strerror(errnum));
}

void journal_writer_init(struct journal_writer *writer, struct journal *journal) {
    *writer = (struct journal_writer){.journal = journal};
    text_init(&writer->lines);
}

/* What is written into a file that the path does not lead to would be lost. */
REQUIRES(journal_lock) static void follow_path(struct journal *journal) {
    const char *path = journal->path;
    struct stat there;
    if (stat(path, &there) == 0 && there.st_dev == journal->device &&
        there.st_ino == journal->inode)
        return;
    const bool was_astray = journal->is_astray;
    journal->is_astray = true;
    if (open_file(journal))
        log_change_event(
            journal->log, LOG_LEVEL_WARNING, "engine", "journal.recreated",
            "%s: the journal was moved or removed; a new file was created, journaling continues",
            path);
    else if (!was_astray)
        log_change_event(
            journal->log, LOG_LEVEL_ERROR, "engine", "journal.failed",
            "%s: the journal was moved or removed, and cannot be recreated: %s; retrying", path,
            strerror(errno));
}

/* The part of the lines that was written, up to `end`, ends inside a line: that is cut off. */
REQUIRES(journal_lock)
static void cut_back(const struct journal *journal, const char *lines, const char *end) {
    const char *stop = memrchr(lines, '\n', (size_t)(end - lines));
    const char *begin = stop != NULL ? stop + 1 : lines;
    if (begin < end)
        (void)output_cut_back(journal->file, (size_t)(end - begin));
}

/* Whole lines, in one write where the system allows it. */
static void write_lines(struct journal_writer *writer) {
    struct journal *journal = writer->journal;
    const char *from = writer->lines.data;
    size_t left = writer->lines.size;
    if (left == 0)
        return;
    lock_acquire(&journal->lock, journal_lock);
    follow_path(journal);
    while (left > 0 && !atomic_load(&journal->has_failed)) {
        const ssize_t wrote = write(journal->file, from, left);
        if (wrote < 0 && errno != EINTR) {
            fail(journal, errno);
            cut_back(journal, writer->lines.data, from);
        }
        if (wrote <= 0)
            continue;
        from += wrote;
        left -= (size_t)wrote;
    }
    lock_release(&journal->lock, journal_lock);
    text_reset(&writer->lines);
}

static void end_run(struct journal_writer *writer) {
    if (writer->next == writer->first)
        return;
    text_printf(&writer->lines, "%s %" PRId32 " %" PRId64 " %" PRId64 "\n",
                topics_name(writer->journal->topics, writer->topic), writer->partition,
                writer->first, writer->next - writer->first);
    writer->first = writer->next;
    if (text_is_oom(&writer->lines))
        fail(writer->journal, ENOMEM);
    if (writer->lines.size >= FLUSH_SIZE)
        write_lines(writer);
}

void journal_note(struct journal_writer *writer, const struct record *record) {
    if (record->topic != writer->topic || record->partition != writer->partition ||
        record->offset != writer->next) {
        end_run(writer);
        writer->topic = record->topic;
        writer->partition = record->partition;
        writer->first = record->offset;
    }
    writer->next = record->offset + 1;
}

void journal_flush(struct journal_writer *writer, int64_t coarse_ns, bool is_last) {
    if (writer->journal == NULL || (!is_last && coarse_ns - writer->written_ns < NS_PER_S))
        return;
    writer->written_ns = coarse_ns;
    end_run(writer);
    write_lines(writer);
}

void journal_writer_release(struct journal_writer *writer) {
    text_release(&writer->lines);
}
