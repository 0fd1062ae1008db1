#include "source/replay/replay_input_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/symbols.h"
#include "message/decode.h"
#include "message/projection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A recorded value may take six bytes for one; beyond it, what stands beside the value. */
#define LINE_PER_BYTE 6
#define LINE_BESIDE   (1024 * 1024)
#define ROW_ROLE      "bar_trends" /* of a row of CSV whose members tell no other */

/* Making. */

static bool is_text(const char *text, const char *bytes, size_t size) {
    return strlen(text) == size && memcmp(text, bytes, size) == 0;
}

static bool find_topic(const struct config *config, const char *name, size_t size,
                       uint32_t *topic) {
    for (uint32_t i = 0; i < config->topic_count; i++)
        if (is_text(config->topics[i].name, name, size)) {
            *topic = i;
            return true;
        }
    for (uint32_t i = 0; i < config->topic_count; i++)
        if (is_text(config->topics[i].role, name, size)) {
            *topic = i;
            return true;
        }
    return false;
}

static bool take_topic(struct file_input *input, const char *name, struct error *error) {
    if (name == NULL)
        return true;
    input->has_topic = find_topic(input->config, name, strlen(name), &input->topic);
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

void file_input_reading(const struct file_input *input, const struct file_input_setup *setup,
                        struct recording_options *options) {
    *options = (struct recording_options){
        .pool = setup->pool,
        .max_line = (size_t)input->config->decode.max_bytes * LINE_PER_BYTE + LINE_BESIDE,
        .mappings = setup->options->mappings,
        .mapping_count = setup->options->mapping_count,
        .is_strict = setup->options->is_strict,
        .bad_line = setup->options->bad_line,
        .bad_line_context = setup->options->context,
        .before_read = setup->before_read,
        .before_read_context = setup->context,
    };
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

/* A line's record. */

/* Says once a name that a topic is not replayed. */
static void note_foreign(struct file_input *input, const struct recording_line *line) {
    input->filtered++;
    input->foreign_lines++;
    for (uint32_t i = 0; i < input->foreign_count; i++)
        if (is_text(input->foreign[i], line->topic, line->topic_size))
            return;
    if (input->foreign_count == MAX_FOREIGN)
        return;
    char *name = malloc(line->topic_size + 1);
    if (name == NULL)
        return;
    memcpy(name, line->topic, line->topic_size);
    name[line->topic_size] = '\0';
    input->foreign[input->foreign_count++] = name;
    if (input->log != NULL)
        log_warning(input->log, "source",
                    "recorded topic \"%.100s\" is not configured: skipping its "
                    "lines",
                    name);
}

/* What is wrong with the line, or NULL. Fills in what shape and topic tell. */
static const char *place_record(struct file_input *input, struct input_file *file,
                                const struct recording_line *line, uint32_t topic) {
    struct record *record = &file->head.record;
    bool has_topic = line->topic != NULL || input->has_topic;
    file->head.is_spread = line->partition == RECORDING_NO_PARTITION;
    record->topic = topic;
    record->partition = line->partition;
    if (line->partition > FILE_PARTS_MAX_PARTITION)
        return "has a partition number above 65535";
    if (has_topic && !file->head.is_spread)
        return NULL;

    struct recording_shape shape = {0};
    size_t used = 0;
    bool is_object = line->payload != NULL &&
                     recording_shape_scan(line->payload, line->payload_size,
                                          recording_reader_scratch(file->reader), &used, &shape);
    if (!is_object && line->is_plain)
        return "is not a complete JSON object";
    if (shape.role == NULL && line->is_row)
        shape.role = ROW_ROLE;
    if (!has_topic && (!is_object || shape.role == NULL ||
                       !find_topic(input->config, shape.role, strlen(shape.role), &record->topic)))
        return "matches no configured topic by its members: name one with --topic";
    if (file->head.is_spread) {
        const char *symbol = is_object && shape.symbol != NULL ? shape.symbol : line->key;
        size_t size = is_object && shape.symbol != NULL ? shape.symbol_size : line->key_size;
        record->partition =
            symbol == NULL ? 0 : (int32_t)(hash_key(symbol, size) % FILE_SOURCE_SPREAD);
    }
    return NULL;
}

/* Event time and filters. What cannot be decoded is where the line before it was. */
static void look_inside(struct file_input *input, struct input_file *file) {
    file->is_wanted = true;
    file->head.event_time_ns = NO_TIME_NS;
    if (input->decoder == NULL)
        return;
    const struct record *record = &file->head.record;
    t5_message message = {.size = sizeof message};
    uint32_t remarks = 0;
    bool is_good = decoder_decode(input->decoder, record, &message, &remarks) == DECODE_OK;
    bool is_plausible = is_good && (message.flags & T5_MESSAGE_TIME_SUSPECT) == 0;
    if (is_plausible)
        file->time_ns = message.event_time_ns;
    else if (record->kafka_time_ms != RECORD_NO_TIME)
        file->time_ns = clock_ms_ns(record->kafka_time_ms);
    file->head.event_time_ns = file->time_ns;

    file->head.ahead_ns = 0;
    if (input->from_ns != FILE_SOURCE_NO_FROM && file->time_ns < input->from_ns) {
        /* Unsigned: two times may lie further apart than 292 years. */
        const uint64_t ahead_ns = (uint64_t)input->from_ns - (uint64_t)file->time_ns;
        file->is_wanted = ahead_ns <= (uint64_t)input->history_ns;
        file->head.ahead_ns = file->is_wanted ? (int64_t)ahead_ns : 0;
    }
    if (input->until_ns != FILE_SOURCE_NO_UNTIL && file->time_ns >= input->until_ns)
        file->is_wanted = false;
    if (input->symbols != NULL) {
        const char *symbol = is_good ? message.symbol.data : record->key;
        size_t size = is_good ? message.symbol.len : record->key_size;
        const uint32_t id =
            symbol != NULL ? symbols_find(input->symbols, symbol, size) : SYMBOL_NONE;
        file->is_wanted = file->is_wanted && id != SYMBOL_NONE;
        if (id != SYMBOL_NONE && !input->is_met[id]) {
            input->is_met[id] = true;
            input->unmet_count--;
        }
    }
    if (input->message != NULL && is_good && file->is_wanted)
        input->message(input->message_context, &message);
}

enum recording_result file_input_fill(struct file_input *input, struct input_file *file,
                                      struct error *error) {
    for (;;) {
        struct recording_entry entry;
        enum recording_result result = recording_reader_next(file->reader, &entry, error);
        if (result != RECORDING_ENTRY)
            return result;
        const struct recording_line *line = &entry.line;
        uint32_t topic = input->topic;
        if (line->topic != NULL &&
            !find_topic(input->config, line->topic, line->topic_size, &topic)) {
            if (input->order == NULL || !file_order_has_met(input, file, &entry))
                note_foreign(input, line);
            continue;
        }
        if (input->order != NULL && !file_order_takes(input, file, &entry, topic))
            continue;
        const char *complaint = place_record(input, file, line, topic);
        if (complaint != NULL) {
            if (!recording_reader_reject(file->reader, entry.number, complaint, error))
                return RECORDING_FAILED;
            continue;
        }
        struct record *record = &file->head.record;
        record->payload = line->payload;
        record->payload_size = line->payload_size;
        record->key = line->key;
        record->key_size = line->key_size;
        record->kafka_time_ms = line->time_ms;
        record->offset = line->offset;
        record->handle = NULL;
        file->head.block = entry.block;
        file->head.line = entry.number;
        file->has_offset = line->offset != RECORDING_NO_OFFSET;
        look_inside(input, file);
        file->has_head = true;
        return RECORDING_ENTRY;
    }
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
