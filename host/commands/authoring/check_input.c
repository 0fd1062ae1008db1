#include "commands/authoring/check_input.h"

#include "base/array.h"
#include "base/text.h"
#include "message/decode.h"
#include "source/replay/replay_input.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void note_symbol(void *context, const t5_message *message) {
    struct check_input *input = context;
    if (!input->is_cut && message->symbol.len > 0)
        (void)symbols_intern(input->symbols, message->symbol.data, message->symbol.len, NULL);
}

static void keep(struct check_input *input, const struct record *record) {
    if (!ARRAY_GROW(input->records, input->count, input->capacity)) {
        input->is_oom = true;
        return;
    }
    struct record *copy = &input->records[input->count++];
    *copy = *record;
    copy->handle = NULL;
    if (record->payload != NULL)
        copy->payload = text_dup(record->payload, record->payload_size);
    if (record->key != NULL)
        copy->key = text_dup(record->key, record->key_size);
    input->is_oom = (record->payload != NULL && copy->payload == NULL) ||
                    (record->key != NULL && copy->key == NULL);
}

static bool take_all(struct check_input *input, struct file_input *from, struct error *error) {
    for (;;) {
        struct file_input_record record;
        const enum recording_result result = file_input_next(from, &record, error);
        if (result == RECORDING_FAILED)
            return false;
        if (result != RECORDING_ENTRY)
            return true;
        if (input->count == CHECK_INPUT_MOST) {
            input->is_cut = true;
            return true;
        }
        keep(input, &record.record);
        if (input->is_oom)
            return error_set_memory(error, "the recording's messages");
    }
}

/* Why no message can be used: what is wrong with the first of them. */
static bool refuse_all(const struct check_input *input, const struct check_input_options *options,
                       const struct config *config, struct error *error) {
    struct projection *projection = projection_new();
    struct decoder *decoder = projection != NULL && projection_seal(projection, error)
                                  ? decoder_new(projection, &config->decode, error)
                                  : NULL;
    t5_message message = {.size = (uint32_t)sizeof message};
    uint32_t warnings;
    if (decoder == NULL) {
        error_set_memory(error, "the envelope's decoder");
    } else {
        (void)decoder_decode(decoder, &input->records[0], &message, &warnings);
        error_set(error, ERROR_INVALID, "%s: none of its %zu messages is valid; the first: %s",
                  options->path, input->count, decoder_error(decoder));
    }
    decoder_free(decoder);
    projection_free(projection);
    return false;
}

/* What the filters left. */
static bool judge(struct check_input *input, const struct check_input_options *options,
                  const struct config *config, struct file_input *from, struct error *error) {
    struct file_source_progress progress = {0};
    file_input_progress(from, &progress);
    input->bad_lines = progress.bad_lines;
    if (progress.symbols_unmet > 0 && !input->is_cut)
        return error_set(error, ERROR_INVALID, "%s: no message of %s, which --symbols names",
                         options->path, progress.symbols_unmet_names);
    if (input->count == 0)
        return error_set(
            error, ERROR_INVALID,
            "%s: no message of a configured topic: --topic gives lines one that name none",
            options->path);
    return symbols_count(input->symbols) > 0 || refuse_all(input, options, config, error);
}

static bool read_with(struct check_input *input, const struct check_input_options *options,
                      struct file_input_setup *setup, struct error *error) {
    setup->pool = recording_pool_new();
    setup->parts = file_parts_new((uint32_t)setup->config->topic_count);
    input->symbols = symbols_new(SYMBOL_NONE - 1);
    struct file_input *from = NULL;
    bool did = setup->pool != NULL && setup->parts != NULL && input->symbols != NULL;
    if (!did)
        error_set_memory(error, "the recording");
    else
        from = file_input_new(setup, error);
    did = from != NULL && take_all(input, from, error) &&
          judge(input, options, setup->config, from, error);
    file_input_free(from);
    file_parts_free(setup->parts);
    if (setup->pool != NULL)
        recording_pool_free(setup->pool);
    return did;
}

bool check_input_read(struct check_input *input, const struct check_input_options *options,
                      const struct config *config, struct log *log, struct error *error) {
    struct file_source_options source = FILE_SOURCE_OPTIONS_INIT;
    memset(input, 0, sizeof *input);
    source.paths = &options->path;
    source.path_count = 1;
    source.topic = options->topic;
    source.mappings = (const char *const *)options->mappings.items;
    source.mapping_count = options->mappings.count;
    source.symbols =
        options->symbols.count > 0 ? (const char *const *)options->symbols.items : NULL;
    source.symbol_count = options->symbols.count;
    source.message = note_symbol;
    source.context = input;
    struct file_input_setup setup = {.options = &source, .config = config, .log = log};
    return read_with(input, options, &setup, error);
}

void check_input_release(struct check_input *input) {
    for (size_t i = 0; i < input->count; i++) {
        free((char *)input->records[i].payload);
        free((char *)input->records[i].key);
    }
    free(input->records);
    symbols_free(input->symbols);
    memset(input, 0, sizeof *input);
}
