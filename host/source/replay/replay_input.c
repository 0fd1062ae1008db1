#include "source/replay/replay_input_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "message/decode.h"
#include "message/projection.h"
#include "message/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Making. */

static bool take_topic(struct file_input *input, const char *name, struct error *error) {
    if (name == NULL)
        return true;
    input->has_topic = file_input_topic(input->config, name, strlen(name), &input->topic);
    return input->has_topic || error_set(error, ERROR_INVALID,
                                         "topic \"%s\" is not configured, neither by name "
                                         "nor by role",
                                         name);
}

static bool take_symbols(struct file_input *input, const struct file_source_options *options,
                         struct error *error) {
    if (options->symbols == NULL)
        return true;
    input->symbols = symbols_new((uint32_t)options->symbol_count + 1);
    bool is_good = input->symbols != NULL;
    for (size_t i = 0; is_good && i < options->symbol_count; i++)
        is_good = symbols_intern(input->symbols, options->symbols[i], strlen(options->symbols[i]),
                                 NULL) != SYMBOL_NONE;
    input->is_met = calloc(options->symbol_count + 1, sizeof *input->is_met);
    input->unmet_count = is_good ? symbols_bound(input->symbols) : 0;
    is_good = is_good && input->is_met != NULL;
    return is_good || error_set_memory(error, "the symbols to replay");
}

static bool make_decoder(struct file_input *input, const struct file_source_options *options,
                         struct error *error) {
    if (options->path_count < 2 && options->symbols == NULL && !(options->speed > 0) &&
        options->message == NULL && options->from_ns == FILE_SOURCE_NO_FROM &&
        options->until_ns == FILE_SOURCE_NO_UNTIL)
        return true;
    input->projection = projection_new();
    if (input->projection == NULL)
        return error_set_memory(error, "the envelope's decoder");
    if (!projection_seal(input->projection, error))
        return false;
    input->decoder = decoder_new(input->projection, &input->config->decode, error);
    return input->decoder != NULL;
}

static bool open_files(struct file_input *input, const struct file_input_setup *setup,
                       struct error *error) {
    const struct file_source_options *options = setup->options;
    struct recording_options reading;
    file_input_reading(input, setup, &reading);
    input->files = calloc(options->path_count, sizeof *input->files);
    if (input->files == NULL)
        return error_set_memory(error, "files");
    for (size_t i = 0; i < options->path_count; i++) {
        struct input_file *file = &input->files[i];
        file->reader = recording_reader_open(options->paths[i], &reading, error);
        if (file->reader == NULL)
            return false;
        file->head.file = (uint32_t)i;
        file->time_ns = NO_TIME_NS;
        input->file_count++;
    }
    return true;
}

struct file_input *file_input_new(const struct file_input_setup *setup, struct error *error) {
    const struct file_source_options *options = setup->options;
    struct file_input *input = calloc(1, sizeof *input);
    if (input == NULL) {
        error_set_memory(error, "recorded input");
        return NULL;
    }
    input->config = setup->config;
    input->log = setup->log;
    input->parts = setup->parts;
    input->from_ns = options->from_ns;
    input->until_ns = options->until_ns;
    input->message = options->message;
    input->message_context = options->context;
    if (!take_topic(input, options->topic, error) || !take_symbols(input, options, error) ||
        !make_decoder(input, options, error) ||
        !(options->journal != NULL ? file_order_open(input, setup, error)
                                   : open_files(input, setup, error))) {
        file_input_free(input);
        return NULL;
    }
    return input;
}

void file_input_set_history(struct file_input *input, int64_t history_ns) {
    input->history_ns = history_ns;
}

void file_input_free(struct file_input *input) {
    if (input == NULL)
        return;
    file_order_close(input->order, (uint32_t)input->config->topic_count);
    for (uint32_t i = 0; i < input->file_count; i++)
        recording_reader_close(input->files[i].reader);
    for (uint32_t i = 0; i < input->foreign_count; i++)
        free(input->foreign[i]);
    decoder_free(input->decoder);
    projection_free(input->projection);
    symbols_free(input->symbols);
    free(input->is_met);
    free(input->files);
    free(input);
}

/* The stream. */

/* The file whose head comes next: the lowest event time, of equal ones the first file. */
static struct input_file *choose(struct file_input *input) {
    struct input_file *chosen = NULL;
    for (uint32_t i = 0; i < input->file_count; i++) {
        struct input_file *file = &input->files[i];
        if (file->has_head &&
            (chosen == NULL || file->head.event_time_ns < chosen->head.event_time_ns))
            chosen = file;
    }
    return chosen;
}

static bool number_record(struct file_input *input, struct input_file *file, struct error *error) {
    struct record *record = &file->head.record;
    struct file_part *part = file_parts_at(input->parts, record->topic, record->partition);
    if (part == NULL)
        return error_set_memory(error, "a partition of the recording");
    if (!file->has_offset) {
        record->offset = part->next++;
        return true;
    }
    if (record->offset >= part->next) {
        part->next = record->offset + 1;
        return true;
    }
    if (!input->did_warn_order && input->log != NULL)
        log_warning(input->log, "source",
                    "%s:%llu: offset %lld of topic %s, partition %d, comes after offset %lld: "
                    "duplicates are skipped; concatenate the files of one partition "
                    "(cat a b | take5 replay -)",
                    recording_reader_name(file->reader), (unsigned long long)file->head.line,
                    (long long)record->offset, input->config->topics[record->topic].name,
                    record->partition, (long long)part->next - 1);
    input->did_warn_order = true;
    return true;
}

enum recording_result file_input_next(struct file_input *input, struct file_input_record *record,
                                      struct error *error) {
    if (input->order != NULL)
        return file_order_next(input, record, error);
    for (;;) {
        for (uint32_t i = 0; i < input->file_count; i++) {
            struct input_file *file = &input->files[i];
            if (file->has_head || file->is_at_end)
                continue;
            enum recording_result result = file_input_fill(input, file, error);
            if (result == RECORDING_END)
                file->is_at_end = true;
            else if (result != RECORDING_ENTRY)
                return result;
        }
        struct input_file *file = choose(input);
        if (file == NULL)
            return RECORDING_END;
        file->has_head = false;
        if (!number_record(input, file, error))
            return RECORDING_FAILED;
        if (file->is_wanted) {
            *record = file->head;
            return RECORDING_ENTRY;
        }
        input->filtered++;
    }
}

/* As many names as fit. */
static void list_unmet(const struct file_input *input, struct file_source_progress *progress) {
    const uint32_t bound = input->symbols != NULL ? symbols_bound(input->symbols) : 0;
    size_t size = 0;
    progress->symbols = bound;
    progress->symbols_unmet = input->unmet_count;
    progress->symbols_unmet_names[0] = '\0';
    for (uint32_t id = 0; input->unmet_count > 0 && id < bound; id++) {
        size_t name_size;
        const char *name = symbols_text(input->symbols, id, &name_size);
        if (input->is_met[id])
            continue;
        if (size + name_size + sizeof ", ..." > sizeof progress->symbols_unmet_names) {
            strcpy(progress->symbols_unmet_names + size, size > 0 ? ", ..." : "...");
            return;
        }
        size += (size_t)sprintf(progress->symbols_unmet_names + size, "%s%s", size > 0 ? ", " : "",
                                name);
    }
}

void file_input_progress(const struct file_input *input, struct file_source_progress *progress) {
    progress->bytes = progress->lines = progress->bad_lines = 0;
    progress->bytes_total = 0;
    progress->filtered = input->filtered;
    progress->foreign = input->foreign_lines;
    progress->is_foreign_journal = false;
    list_unmet(input, progress);
    if (input->order != NULL) {
        file_order_progress(input->order, progress);
        return;
    }
    for (uint32_t i = 0; i < input->file_count; i++) {
        const struct recording_reader *reader = input->files[i].reader;
        int64_t size = recording_reader_size(reader);
        progress->bytes += recording_reader_bytes(reader);
        progress->lines += recording_reader_lines(reader);
        progress->bad_lines += recording_reader_bad_lines(reader);
        if (size < 0)
            progress->bytes_total = -1;
        else if (progress->bytes_total >= 0)
            progress->bytes_total += size;
    }
}

const char *file_input_path(const struct file_input *input, uint32_t file) {
    return input->order != NULL ? file_order_path(input->order, file)
                                : recording_reader_name(input->files[file].reader);
}
