#include "engine/journal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_SIZE (64 * 1024)
#define MAX_LINE   512 /* a topic's name has at most 249 bytes */

/* A crash may have left a line in part. */
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

struct journal *journal_new(const struct config *config, struct log *log, struct error *error) {
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        error_set_memory(error, sizeof *journal, "the journal");
        return NULL;
    }
    journal->config = config;
    journal->log = log;
    journal->file = open(config->journal_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (journal->file >= 0 && cut_torn_line(journal->file)) {
        return journal;
    }
    error_set_errno(error, errno, "%s: the journal cannot be opened", config->journal_path);
    if (journal->file >= 0)
        close(journal->file);
    free(journal);
    return NULL;
}

void journal_free(struct journal *journal) {
    if (journal == NULL)
        return;
    close(journal->file);
    free(journal);
}

static void fail(struct journal *journal, int errnum) {
    if (!atomic_exchange(&journal->has_failed, true))
        log_error(journal->log, "engine",
                  "%s: the journal cannot be written: %s; it ends here, everything else goes on",
                  journal->config->journal_path, strerror(errnum));
}

void journal_writer_init(struct journal_writer *writer, struct journal *journal) {
    *writer = (struct journal_writer){.journal = journal};
    text_init(&writer->lines);
}

/* Whole lines, in one write where the system allows it: other lanes append as well. */
static void write_lines(struct journal_writer *writer) {
    struct journal *journal = writer->journal;
    const char *from = writer->lines.data;
    size_t left = writer->lines.size;
    while (left > 0 && !atomic_load(&journal->has_failed)) {
        const ssize_t wrote = write(journal->file, from, left);
        if (wrote < 0 && errno != EINTR)
            fail(journal, errno);
        if (wrote <= 0)
            continue;
        from += wrote;
        left -= (size_t)wrote;
    }
    text_reset(&writer->lines);
}

static void end_run(struct journal_writer *writer) {
    if (writer->next == writer->first)
        return;
    text_printf(&writer->lines, "%s %" PRId32 " %" PRId64 " %" PRId64 "\n",
                writer->journal->config->topics[writer->topic].name, writer->partition,
                writer->first, writer->next - writer->first);
    writer->first = writer->next;
    if (text_is_short(&writer->lines))
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
