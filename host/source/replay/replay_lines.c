/*
 * Lines of recordings to records: which topic, which partition, whether the filters want it.
 */
#include "source/replay/replay_input_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "message/decode.h"
#include "message/symbols.h"
#include "source/replay/replay_order_private.h"

#include <stdlib.h>
#include <string.h>

/* A recorded value may take six bytes for one; beyond it, what stands beside the value. */
#define LINE_PER_BYTE 6
#define LINE_BESIDE   (1024 * 1024)
#define ROW_ROLE      "bar_trends" /* of a row of CSV whose members tell no other */

static bool is_text(const char *text, const char *bytes, size_t size) {
    return strlen(text) == size && memcmp(text, bytes, size) == 0;
}

bool file_input_topic(const struct config *config, const char *name, size_t size, uint32_t *topic) {
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
    if (!has_topic &&
        (!is_object || shape.role == NULL ||
         !file_input_topic(input->config, shape.role, strlen(shape.role), &record->topic)))
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
    uint32_t warnings = 0;
    bool is_good = decoder_decode(input->decoder, record, &message, &warnings) == DECODE_OK;
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
            !file_input_topic(input->config, line->topic, line->topic_size, &topic)) {
            if (input->order == NULL || !file_order_has_met(input, file, &entry))
                note_foreign(input, line);
            continue;
        }
        if (input->order != NULL && !file_order_takes(input, file, &entry, topic))
            continue;
        const char *problem = place_record(input, file, line, topic);
        if (problem != NULL) {
            if (!recording_reader_reject(file->reader, entry.number, problem, error))
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
