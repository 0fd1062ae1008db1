/*
 * Recorded input in the order of a journal.
 *
 * A recording has each (topic, partition) in the order of its offsets, but mixes them in another
 * way than the live host had them. So each part of the journal reads the files by itself, and waits
 * with its next record until the journal calls it. Memory stays flat, at the price of reading the
 * files once a part.
 */
#include "source/file_input_private.h"

#include "source/file_journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct file_order {
    struct file_journal *journal;
    struct file_journal_run run; /* what is left of the one in hand */
    uint32_t path_count;
    uint32_t *current; /* by part: which path it reads */
    uint64_t missing;  /* of the journal, not in the files */
};

/* The input's files are part after part, all paths of a part together. */
static struct input_file *file_of(struct file_input *input, size_t part) {
    const struct file_order *order = input->order;
    const uint32_t path = order->current[part];
    return path < order->path_count ? &input->files[part * order->path_count + path] : NULL;
}

static bool open_part(struct file_input *input, const struct file_input_setup *setup, size_t part,
                      struct file_journal_part of, struct error *error) {
    for (uint32_t path = 0; path < input->order->path_count; path++) {
        struct input_file *file = &input->files[input->file_count++];
        file->reader = file_input_open(input, setup, setup->options->paths[path], part > 0, error);
        if (file->reader == NULL)
            return false;
        file->head.file = path;
        file->time_ns = NO_TIME_NS;
        file->is_of_one_part = true;
        file->topic = of.topic;
        file->partition = of.partition;
    }
    return true;
}

static bool check_paths(const struct file_source_options *options, struct error *error) {
    for (size_t i = 0; i < options->path_count; i++) {
        if (strcmp(options->paths[i], "-") == 0)
            return error_set(error, ERROR_INVALID,
                             "a journal reads its files more than once: the standard input cannot "
                             "be one");
    }
    return true;
}

bool file_order_open(struct file_input *input, const struct file_input_setup *setup,
                     struct error *error) {
    size_t part_count;
    if (!check_paths(setup->options, error))
        return false;
    struct file_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return error_set_memory(error, sizeof *order, "the order of a journal");
    input->order = order;
    order->path_count = (uint32_t)setup->options->path_count;
    order->journal = file_journal_open(setup->options->journal, input->config, error);
    if (order->journal == NULL)
        return false;
    const struct file_journal_part *parts = file_journal_parts(order->journal, &part_count);
    order->current = calloc(part_count + 1, sizeof *order->current);
    input->files = calloc(part_count * order->path_count + 1, sizeof *input->files);
    if (order->current == NULL || input->files == NULL)
        return error_set_memory(error, part_count * sizeof *input->files, "the parts of a journal");
    for (size_t i = 0; i < part_count; i++) {
        if (!open_part(input, setup, i, parts[i], error))
            return false;
    }
    return true;
}

void file_order_close(struct file_order *order) {
    if (order == NULL)
        return;
    file_journal_close(order->journal);
    free(order->current);
    free(order);
}

/* Brings the part to its first record at or above the offset; NULL in `*found` when there is none.
 */
static enum recording_result advance(struct file_input *input, size_t part, int64_t offset,
                                     struct input_file **found, struct error *error) {
    struct input_file *file;
    *found = NULL;
    while ((file = file_of(input, part)) != NULL) {
        if (file->has_head && file->has_offset && file->head.record.offset >= offset) {
            *found = file;
            return RECORDING_ENTRY;
        }
        file->has_head = false;
        const enum recording_result result = file_input_fill(input, file, error);
        if (result == RECORDING_END)
            input->order->current[part]++;
        else if (result != RECORDING_ENTRY)
            return result;
    }
    return RECORDING_ENTRY;
}

static void end(struct file_input *input) {
    if (input->order->missing > 0 && input->log != NULL)
        log_warning(input->log, "source",
                    "%" PRIu64 " messages of the journal are not in the recording",
                    input->order->missing);
    input->order->missing = 0;
}

enum recording_result file_order_next(struct file_input *input, struct file_input_record *record,
                                      struct error *error) {
    struct file_order *order = input->order;
    for (;;) {
        if (order->run.count == 0 && !file_journal_next(order->journal, &order->run, error))
            return RECORDING_FAILED;
        if (order->run.count == 0) {
            end(input);
            return RECORDING_END;
        }
        struct input_file *file;
        const int64_t offset = order->run.first++;
        order->run.count--;
        const enum recording_result result = advance(input, order->run.part, offset, &file, error);
        if (result != RECORDING_ENTRY)
            return result;
        if (file == NULL || file->head.record.offset != offset) {
            order->missing++;
            continue;
        }
        file->has_head = false;
        if (file->is_wanted) {
            *record = file->head;
            return RECORDING_ENTRY;
        }
        input->filtered++;
    }
}
