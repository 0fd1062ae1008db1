/*
 * Recorded input in the order of a journal.
 *
 * A recording has each (topic, partition), a part, in the order of its offsets, but mixes parts in
 * another way than the live host had them. So one reader goes through the files, and what it meets
 * before the journal calls it waits in a queue of its part.
 *
 * What waits is bounded. When a part falls behind so far that the bound is reached, it and those
 * that are about as far behind are given a reader of their own, which begins again where the first
 * of them waits; what they had waiting is forgotten. So a recording that goes about as the journal
 * goes is read once, one in which some parts come much later than in the journal is read once for
 * each group of parts that keep together, and memory stays flat. A pipe cannot be begun again: past
 * the bound it is an error.
 */
#include "source/replay/replay_input_private.h"

#include "base/text.h"
#include "source/replay/replay_order_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of input from the first that waits to where its reader is, and of the queues, together. */
#define WINDOW     (32 * 1024 * 1024)
/* So many bytes a reader goes on between two looks at the window. */
#define LOOK_BYTES (64 * 1024)

/* ---- making ---- */

static bool copy_paths(struct file_order *order, const struct file_source_options *options,
                       struct error *error) {
    order->path_count = (uint32_t)options->path_count;
    order->paths = calloc(options->path_count, sizeof *order->paths);
    order->base = calloc(options->path_count, sizeof *order->base);
    order->lines_base = calloc(options->path_count, sizeof *order->lines_base);
    order->size_base = calloc(options->path_count + 1, sizeof *order->size_base);
    order->known_paths = 1;
    bool is_good = order->paths != NULL && order->base != NULL && order->lines_base != NULL &&
                   order->size_base != NULL;
    for (size_t i = 0; is_good && i < options->path_count; i++)
        is_good = (order->paths[i] = strdup(options->paths[i])) != NULL;
    return is_good || error_set_memory(error, "files to replay");
}

static bool make_parts(struct file_input *input, struct file_order *order, struct error *error) {
    size_t count;
    const struct file_journal_part *parts = file_journal_parts(order->journal, &count);
    order->part_count = count;
    for (size_t i = 0; i < count; i++)
        if (parts[i].partition >= order->partition_bound)
            order->partition_bound = parts[i].partition + 1;
    const size_t bound = (size_t)order->partition_bound;
    order->parts = calloc(count + 1, sizeof *order->parts);
    order->readers = calloc(count + 1, sizeof *order->readers);
    order->by_topic = calloc(input->config->topic_count, sizeof *order->by_topic);
    bool is_good = order->parts != NULL && order->readers != NULL && order->by_topic != NULL;
    for (size_t i = 0; is_good && i < input->config->topic_count; i++) {
        order->by_topic[i] = malloc((bound + 1) * sizeof **order->by_topic);
        if ((is_good = order->by_topic[i] != NULL))
            memset(order->by_topic[i], 0xff, (bound + 1) * sizeof **order->by_topic);
    }
    for (size_t i = 0; is_good && i < count; i++) {
        order->parts[i] = (struct part){.of = parts[i], .time_ns = NO_TIME_NS};
        order->by_topic[parts[i].topic][parts[i].partition] = (uint32_t)i;
    }
    return is_good || error_set_memory(error, "parts of a journal");
}

/* The first to meet it reports it. */
static void note_bad_line(void *context, const char *file, uint64_t line, const char *text) {
    const struct order_reader *reader = context;
    struct file_order *order = reader->input->order;
    if (order->base[reader->path] + recording_reader_at(reader->file.reader) <= order->furthest)
        return;
    order->bad_lines++;
    if (reader->input->order->reading.bad_line != NULL)
        order->reading.bad_line(order->reading.bad_line_context, file, line, text);
}

/* Has the reader begin, or go on, at that place. */
static bool open_at(struct file_input *input, struct order_reader *reader, const struct spot *place,
                    struct error *error) {
    struct file_order *order = input->order;
    struct recording_options options = order->reading;
    options.bad_line = note_bad_line;
    options.bad_line_context = reader;
    options.begin_at = place->at;
    options.begin_lines = place->lines;
    recording_reader_close(reader->file.reader);
    reader->input = input;
    reader->is_used = true;
    reader->path = place->path;
    reader->looked_at = order->base[place->path] + place->at;
    reader->file.head.file = place->path;
    reader->file.reader = recording_reader_open(order->paths[place->path], &options, error);
    return reader->file.reader != NULL;
}

/* So that a missing file is reported at once. Opening a pipe would begin it. */
static bool look_at_files(struct file_order *order, struct error *error) {
    for (uint32_t i = 0; i < order->path_count; i++) {
        struct stat status = {.st_mode = S_IFIFO};
        if (strcmp(order->paths[i], "-") == 0 ? fstat(STDIN_FILENO, &status) != 0
                                              : stat(order->paths[i], &status) != 0)
            return error_set_errno(error, errno, "%s", order->paths[i]);
        if (!S_ISREG(status.st_mode))
            order->bytes_total = -1;
        else if (order->bytes_total >= 0)
            order->bytes_total += status.st_size;
        order->size_base[i + 1] = order->bytes_total > 0 ? (uint64_t)order->bytes_total : 0;
    }
    return true;
}

bool file_order_open(struct file_input *input, const struct file_input_setup *setup,
                     struct error *error) {
    struct file_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return error_set_memory(error, "the order of a journal");
    input->order = order;
    file_input_reading(input, setup, &order->reading);
    order->journal = file_journal_open(setup->options->journal, input->config, error);
    return order->journal != NULL && copy_paths(order, setup->options, error) &&
           make_parts(input, order, error) && look_at_files(order, error) &&
           open_at(input, &order->readers[0], &(struct spot){0}, error);
}

/* ---- what waits ---- */

static struct waiting *oldest_of(const struct part *part) {
    return part->count > 0 ? &part->queue[part->first] : NULL;
}

static bool add_waiting(struct file_order *order, struct part *part, const struct waiting *waiting,
                        struct error *error) {
    if (part->count == part->capacity) {
        const size_t capacity = part->capacity == 0 ? 16 : part->capacity * 2;
        struct waiting *queue = calloc(capacity, sizeof *queue);
        if (queue == NULL)
            return error_set_memory(error, "records that wait for their turn in the journal");
        for (size_t i = 0; i < part->count; i++)
            queue[i] = part->queue[(part->first + i) % part->capacity];
        free(part->queue);
        part->queue = queue;
        part->capacity = capacity;
        part->first = 0;
    }
    recording_block_retain(waiting->record.block);
    part->queue[(part->first + part->count++) % part->capacity] = *waiting;
    order->waiting++;
    return true;
}

/* Takes the oldest away; its block's reference is the caller's. */
static struct recording_block *take_oldest(struct file_order *order, struct part *part) {
    const struct waiting *oldest = oldest_of(part);
    part->passed = oldest->end;
    part->first = (part->first + 1) % part->capacity;
    part->count--;
    order->waiting--;
    return oldest->record.block;
}

/* As if it had never been read. */
static void forget_waiting(struct file_order *order, struct part *part) {
    part->time_ns = oldest_of(part)->time_before_ns;
    for (size_t i = 0; i < part->count; i++)
        recording_block_release(part->queue[(part->first + i) % part->capacity].record.block);
    order->waiting -= part->count;
    free(part->queue);
    part->queue = NULL;
    part->first = part->count = part->capacity = 0;
}

static void drop_current_call(struct file_order *order) {
    if (order->current_call != NULL)
        recording_block_release(order->current_call);
    order->current_call = NULL;
}

void file_order_close(struct file_order *order, uint32_t topic_count) {
    if (order == NULL)
        return;
    drop_current_call(order);
    for (size_t i = 0; order->parts != NULL && i < order->part_count; i++)
        if (order->parts[i].count > 0)
            forget_waiting(order, &order->parts[i]);
        else
            free(order->parts[i].queue);
    for (size_t i = 0; order->readers != NULL && i < order->part_count + 1; i++)
        recording_reader_close(order->readers[i].file.reader);
    for (uint32_t i = 0; order->by_topic != NULL && i < topic_count; i++)
        free(order->by_topic[i]);
    for (uint32_t i = 0; order->paths != NULL && i < order->path_count; i++)
        free(order->paths[i]);
    file_journal_close(order->journal);
    free(order->paths);
    free(order->base);
    free(order->lines_base);
    free(order->size_base);
    free(order->parts);
    free(order->readers);
    free(order->by_topic);
    free(order);
}

/* ---- the window ---- */

static uint64_t position_of(const struct file_order *order, const struct order_reader *reader) {
    return order->base[reader->path] + recording_reader_at(reader->file.reader);
}

/* Bytes from the first that waits for one of its parts to where the reader is. */
static uint64_t span_of(const struct file_order *order, uint32_t reader) {
    uint64_t position = position_of(order, &order->readers[reader]), oldest = position;
    for (size_t i = 0; i < order->part_count; i++) {
        const struct part *part = &order->parts[i];
        const struct waiting *waiting = oldest_of(part);
        if (waiting != NULL && part->reader == reader && waiting->begin < oldest)
            oldest = waiting->begin;
    }
    return position - oldest;
}

static bool is_idle(const struct file_order *order, uint32_t reader) {
    for (size_t i = 0; i < order->part_count; i++)
        if (order->parts[i].reader == reader)
            return false;
    return true;
}

static uint32_t idle_reader(const struct file_order *order) {
    uint32_t reader = 0;
    while (order->readers[reader].is_used && !is_idle(order, reader))
        reader++;
    return reader; /* there is one more than there are parts */
}

/* Gives the parts that are in the older half of the span a reader of their own. */
static bool split(struct file_input *input, uint32_t reader, uint64_t span, struct error *error) {
    struct file_order *order = input->order;
    if (order->bytes_total < 0)
        return error_set(
            error, ERROR_INVALID,
            "the order of the journal and of the recording differ by more than %d MiB: the "
            "recording must be read more than once, so it must be in files, not "
            "a pipe",
            WINDOW >> 20);
    const uint64_t border = position_of(order, &order->readers[reader]) - span / 2;
    const uint32_t other = idle_reader(order);
    const struct waiting *oldest = NULL;
    for (size_t i = 0; i < order->part_count; i++) {
        const struct waiting *waiting = oldest_of(&order->parts[i]);
        if (order->parts[i].reader == reader && waiting != NULL &&
            (oldest == NULL || waiting->begin < oldest->begin))
            oldest = waiting;
    }
    const struct spot from = oldest->from;
    for (size_t i = 0; i < order->part_count; i++) {
        struct part *part = &order->parts[i];
        const struct waiting *waiting = oldest_of(part);
        if (part->reader != reader || waiting == NULL || waiting->begin > border)
            continue;
        forget_waiting(order, part);
        part->reader = other;
    }
    order->readers[other].is_at_end = false;
    return open_at(input, &order->readers[other], &from, error);
}

static bool keep_window(struct file_input *input, struct error *error) {
    struct file_order *order = input->order;
    for (;;) {
        uint64_t total = order->waiting * sizeof(struct waiting), largest = 0;
        uint32_t reader = 0;
        for (uint32_t i = 0; i <= order->part_count; i++) {
            if (order->readers[i].file.reader == NULL)
                continue;
            const uint64_t span = span_of(order, i);
            total += span;
            if (span > largest) {
                largest = span;
                reader = i;
            }
        }
        if (total <= WINDOW || largest == 0)
            return true;
        if (!split(input, reader, largest, error))
            return false;
    }
}

/* ---- reading ---- */

static void note_progress(struct file_order *order, const struct order_reader *reader) {
    const uint64_t position = position_of(order, reader);
    if (position <= order->furthest)
        return;
    order->furthest = position;
    order->lines = order->lines_base[reader->path] + recording_reader_lines(reader->file.reader);
    order->bytes = order->size_base[reader->path] + recording_reader_bytes(reader->file.reader);
}

/* To the next of the files, or to the end of them all. */
static bool next_path(struct file_input *input, struct order_reader *reader, struct error *error) {
    struct file_order *order = input->order;
    const uint32_t next = reader->path + 1;
    if (next == order->path_count) {
        reader->is_at_end = true;
        return true;
    }
    if (next == order->known_paths) {
        order->known_paths++;
        order->base[next] = position_of(order, reader);
        order->lines_base[next] =
            order->lines_base[reader->path] + recording_reader_lines(reader->file.reader);
    }
    return open_at(input, reader, &(struct spot){.path = next}, error);
}

/* Has the reader put one more record where it waits, or find its end. */
static enum recording_result read_one(struct file_input *input, struct order_reader *reader,
                                      struct error *error) {
    struct file_order *order = input->order;
    struct waiting waiting = {.from = {reader->path, recording_reader_at(reader->file.reader),
                                       recording_reader_lines(reader->file.reader)}};
    waiting.begin = position_of(order, reader);
    const enum recording_result result = file_input_fill(input, &reader->file, error);
    note_progress(order, reader);
    if (result == RECORDING_END)
        return next_path(input, reader, error) ? RECORDING_ENTRY : RECORDING_FAILED;
    if (result != RECORDING_ENTRY)
        return result;
    struct part *part = &order->parts[reader->part];
    reader->file.has_head = false;
    waiting.record = reader->file.head;
    waiting.is_wanted = reader->file.is_wanted;
    waiting.end = position_of(order, reader);
    waiting.time_before_ns = part->time_ns;
    part->time_ns = reader->file.time_ns;
    if (!add_waiting(order, part, &waiting, error))
        return RECORDING_FAILED;
    if (waiting.end - reader->looked_at < LOOK_BYTES)
        return RECORDING_ENTRY;
    reader->looked_at = waiting.end;
    return keep_window(input, error) ? RECORDING_ENTRY : RECORDING_FAILED;
}

/* Brings the part to its first record at or above the offset; it waits as the oldest then, or
 * nothing does when there is none. */
static enum recording_result advance(struct file_input *input, struct part *part, int64_t offset,
                                     struct error *error) {
    struct file_order *order = input->order;
    for (;;) {
        const struct waiting *oldest;
        while ((oldest = oldest_of(part)) != NULL) {
            if (oldest->record.record.offset >= offset)
                return RECORDING_ENTRY;
            recording_block_release(take_oldest(order, part));
        }
        struct order_reader *reader = &order->readers[part->reader];
        if (reader->is_at_end)
            return RECORDING_ENTRY;
        const enum recording_result result = read_one(input, reader, error);
        if (result != RECORDING_ENTRY)
            return result;
    }
}

static void end(struct file_input *input) {
    struct file_order *order = input->order;
    if (order->missing > 0 && !order->did_end && input->log != NULL)
        log_warning(input->log, "source",
                    "%" PRIu64 " message%s of the journal %s in the recording", order->missing,
                    text_plural(order->missing), order->missing == 1 ? "is not" : "are not");
    order->did_end = true;
}

enum recording_result file_order_next(struct file_input *input, struct file_input_record *record,
                                      struct error *error) {
    struct file_order *order = input->order;
    drop_current_call(order);
    for (;;) {
        if (order->run.count == 0 && !file_journal_next(order->journal, &order->run, error))
            return RECORDING_FAILED;
        if (order->run.count == 0) {
            end(input);
            return RECORDING_END;
        }
        struct part *part = &order->parts[order->run.part];
        const int64_t offset = order->run.first++;
        order->run.count--;
        const enum recording_result result = advance(input, part, offset, error);
        if (result != RECORDING_ENTRY)
            return result;
        const struct waiting *oldest = oldest_of(part);
        if (oldest == NULL || oldest->record.record.offset != offset) {
            order->missing++;
            continue;
        }
        const bool is_wanted = oldest->is_wanted;
        order->found++;
        *record = oldest->record;
        order->current_call = take_oldest(order, part);
        if (is_wanted)
            return RECORDING_ENTRY;
        drop_current_call(order);
        input->filtered++;
    }
}

/* ---- what it reports ---- */

void file_order_progress(const struct file_order *order, struct file_source_progress *progress) {
    progress->bytes = order->bytes;
    progress->bytes_total = order->bytes_total;
    progress->lines = order->lines;
    progress->bad_lines = order->bad_lines;
    progress->is_foreign_journal = order->missing > 0 && order->found == 0;
}

const char *file_order_path(const struct file_order *order, uint32_t path) {
    return order->paths[path];
}
