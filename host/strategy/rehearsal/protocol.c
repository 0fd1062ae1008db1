#include "strategy/rehearsal/protocol.h"

#include "base/io.h"
#include "base/string_list.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_LARGEST (8u << 20)
/* The fewest bytes of a text, a part, a record. */
#define STRING_LEAST   8
#define PART_LEAST     12
#define RECORD_LEAST   40

/* ---- lists of texts ---- */

static void put_strings(struct text *out, char *const *strings) {
    size_t count = 0;
    while (strings != NULL && strings[count] != NULL)
        count++;
    wire_put_u32(out, strings != NULL);
    wire_put_u64(out, count);
    for (size_t i = 0; i < count; i++)
        wire_put_string(out, strings[i]);
}

/* NULL-terminated, or NULL when NULL was put. */
static char **get_strings(struct wire_reader *reader) {
    const bool is_there = wire_u32(reader) != 0;
    const size_t count = wire_count(reader, STRING_LEAST);
    if (!is_there || reader->is_bad)
        return NULL;
    char **strings = calloc(count + 1, sizeof *strings);
    if (strings == NULL) {
        reader->is_bad = reader->is_oom = true;
        return NULL;
    }
    for (size_t i = 0; i < count && !reader->is_bad; i++) {
        strings[i] = wire_string(reader);
        if (strings[i] == NULL) /* NULL ends the list, it is no item */
            reader->is_bad = true;
    }
    return strings;
}

/* A zeroed array for as many items as follow; NULL and a bad reader when memory runs out. */
static void *get_array(struct wire_reader *reader, size_t least, size_t item_size, size_t *count) {
    *count = wire_count(reader, least);
    void *items = calloc(*count + 1, item_size);
    if (items == NULL) {
        reader->is_bad = reader->is_oom = true;
        *count = 0;
    }
    return items;
}

/* ---- the request: deployment ---- */

static void put_place(struct text *out, struct place place) {
    wire_put_string(out, place.file);
    wire_put_u32(out, (uint32_t)place.line);
}

/* The file's name is to be freed through the const. */
static struct place get_place(struct wire_reader *reader) {
    struct place place = {.file = wire_string(reader)};
    place.line = (int)wire_u32(reader);
    return place;
}

static void put_deployment(struct text *out, const struct config_deployment *deployment) {
    wire_put_u32(out, deployment != NULL);
    if (deployment == NULL)
        return;
    wire_put_string(out, deployment->name);
    wire_put_string(out, deployment->plugin);
    put_strings(out, deployment->symbols);
    put_strings(out, deployment->topics);
    size_t frames = 0;
    while (deployment->time_frames != NULL && deployment->time_frames[frames] != 0)
        frames++;
    wire_put_u64(out, frames);
    for (size_t i = 0; i < frames; i++)
        wire_put_u32(out, deployment->time_frames[i]);
    put_place(out, deployment->place);
    wire_put_u64(out, deployment->settings.count);
    for (size_t i = 0; i < deployment->settings.count; i++) {
        wire_put_string(out, deployment->settings.items[i].name);
        wire_put_string(out, deployment->settings.items[i].text);
        put_place(out, deployment->settings.items[i].place);
    }
}

static void get_time_frames(struct wire_reader *reader, struct config_deployment *deployment) {
    size_t count;
    deployment->time_frames = get_array(reader, 4, sizeof *deployment->time_frames, &count);
    for (size_t i = 0; i < count; i++)
        deployment->time_frames[i] = wire_u32(reader);
    if (count > 0)
        return;
    free(deployment->time_frames);
    deployment->time_frames = NULL;
}

static void get_deployment(struct wire_reader *reader, struct config_deployment *deployment) {
    deployment->name = wire_string(reader);
    deployment->plugin = wire_string(reader);
    deployment->symbols = get_strings(reader);
    deployment->topics = get_strings(reader);
    get_time_frames(reader, deployment);
    deployment->place = get_place(reader);
    struct config_items *settings = &deployment->settings;
    settings->items =
        get_array(reader, 2 * STRING_LEAST, sizeof *settings->items, &settings->count);
    for (size_t i = 0; i < settings->count; i++) {
        settings->items[i].name = wire_string(reader);
        settings->items[i].text = wire_string(reader);
        settings->items[i].place = get_place(reader);
        if (settings->items[i].name == NULL || settings->items[i].text == NULL)
            reader->is_bad = true;
    }
    if (deployment->name == NULL)
        reader->is_bad = true;
}

static void release_deployment(struct config_deployment *deployment) {
    free(deployment->name);
    free(deployment->plugin);
    string_list_free(deployment->symbols);
    string_list_free(deployment->topics);
    free(deployment->time_frames);
    free((char *)deployment->place.file);
    for (size_t i = 0; i < deployment->settings.count; i++) {
        free(deployment->settings.items[i].name);
        free(deployment->settings.items[i].text);
        free((char *)deployment->settings.items[i].place.file);
    }
    free(deployment->settings.items);
}

/* ---- the request: the rest ---- */

static void put_generation(struct text *out, const struct generation *generation) {
    wire_put_u32(out, generation->number);
    wire_put_string(out, generation->name);
    wire_put_string(out, generation->note_version);
    wire_put_string(out, generation->source_path);
    wire_put_string(out, generation->cache_path);
    wire_put_u32(out, generation->flags);
}

static void get_generation(struct wire_reader *reader, struct generation *generation) {
    generation->number = wire_u32(reader);
    generation->name = wire_string(reader);
    char *version = wire_string(reader);
    generation->source_path = wire_string(reader);
    generation->cache_path = wire_string(reader);
    generation->flags = wire_u32(reader);
    if (version == NULL || strlen(version) >= sizeof generation->note_version ||
        generation->name == NULL || generation->source_path == NULL ||
        generation->cache_path == NULL)
        reader->is_bad = true;
    else
        strcpy(generation->note_version, version);
    free(version);
}

static void put_config(struct text *out, const struct config *config) {
    wire_put_u32(out, config->decode.max_bytes);
    wire_put_u32(out, config->decode.max_depth);
    wire_put_u32(out, config->decode.max_symbol);
    wire_put_u32(out, (uint32_t)config->decode.non_finite);
    wire_put_i64(out, config->decode.max_event_lead_ns);
    wire_put_i64(out, config->decode.max_event_lag_ns);
    wire_put_u32(out, config->decode.zone.is_set);
    wire_put_u32(out, (uint32_t)config->decode.zone.offset_s);
    wire_put_i64(out, config->max_symbols);
    wire_put_i64(out, config->max_signals_per_callback);
    wire_put_i64(out, config->max_timers);
    wire_put_u64(out, config->topic_count);
    for (size_t i = 0; i < config->topic_count; i++) {
        wire_put_string(out, config->topics[i].role);
        wire_put_string(out, config->topics[i].name);
    }
}

static void get_config(struct wire_reader *reader, struct request *request) {
    request->decode.max_bytes = wire_u32(reader);
    request->decode.max_depth = wire_u32(reader);
    request->decode.max_symbol = wire_u32(reader);
    request->decode.non_finite = (enum decode_non_finite)wire_u32(reader);
    request->decode.max_event_lead_ns = wire_i64(reader);
    request->decode.max_event_lag_ns = wire_i64(reader);
    request->decode.zone.is_set = wire_u32(reader) != 0;
    request->decode.zone.offset_s = (int32_t)wire_u32(reader);
    request->max_symbols = wire_i64(reader);
    request->max_signals = wire_i64(reader);
    request->max_timers = wire_i64(reader);
    request->topics =
        get_array(reader, 2 * STRING_LEAST, sizeof *request->topics, &request->topic_count);
    for (size_t i = 0; i < request->topic_count; i++) {
        request->topics[i].role = wire_string(reader);
        request->topics[i].name = wire_string(reader);
        if (request->topics[i].role == NULL || request->topics[i].name == NULL)
            reader->is_bad = true;
    }
}

static void put_part(struct text *out, const struct rehearsal_part *part) {
    struct text state;
    text_init(&state);
    if (part->state != NULL)
        state_encode(part->state, &state);
    wire_put_u32(out, (uint32_t)part->partition);
    wire_put_bytes(out, state.data, state.size);
    if (text_is_oom(&state))
        out->is_oom = true;
    text_release(&state);
}

static void put_record(struct text *out, const struct record *record) {
    wire_put_u32(out, record->topic);
    wire_put_u32(out, (uint32_t)record->partition);
    wire_put_i64(out, record->offset);
    wire_put_i64(out, record->kafka_time_ms);
    wire_put_u32(out, record->key != NULL);
    wire_put_bytes(out, record->key, record->key_size);
    wire_put_bytes(out, record->payload, record->payload_size);
}

static void get_record(struct wire_reader *reader, struct record *record) {
    record->topic = wire_u32(reader);
    record->partition = (int32_t)wire_u32(reader);
    record->offset = wire_i64(reader);
    record->kafka_time_ms = wire_i64(reader);
    const bool has_key = wire_u32(reader) != 0;
    const t5_str key = wire_bytes(reader);
    const t5_str payload = wire_bytes(reader);
    if (reader->is_bad)
        return;
    record->key = has_key ? key.data : NULL;
    record->key_size = has_key ? key.len : 0;
    record->payload = payload.len > 0 ? payload.data : NULL;
    record->payload_size = payload.len;
}

void request_encode(const struct rehearsal *rehearsal, struct text *out) {
    struct text body;
    text_init(&body);
    put_generation(&body, rehearsal->generation);
    put_deployment(&body, rehearsal->deployment);
    put_config(&body, rehearsal->config);
    wire_put_u64(&body, rehearsal->part_count);
    for (size_t i = 0; i < rehearsal->part_count; i++)
        put_part(&body, &rehearsal->parts[i]);
    wire_put_u64(&body, rehearsal->record_count);
    for (size_t i = 0; i < rehearsal->record_count; i++)
        put_record(&body, &rehearsal->records[i]);
    wire_put_bytes(out, body.data, body.size);
    if (text_is_oom(&body))
        out->is_oom = true;
    text_release(&body);
}

bool request_decode(struct request *request, const void *bytes, size_t size) {
    struct wire_reader reader;
    wire_open(&reader, bytes, size);
    memset(request, 0, sizeof *request);
    get_generation(&reader, &request->generation);
    request->has_deployment = wire_u32(&reader) != 0;
    if (request->has_deployment)
        get_deployment(&reader, &request->deployment);
    get_config(&reader, request);
    request->parts = get_array(&reader, PART_LEAST, sizeof *request->parts, &request->part_count);
    for (size_t i = 0; i < request->part_count; i++) {
        request->parts[i].partition = (int32_t)wire_u32(&reader);
        request->parts[i].state = wire_bytes(&reader);
    }
    request->records =
        get_array(&reader, RECORD_LEAST, sizeof *request->records, &request->record_count);
    for (size_t i = 0; i < request->record_count; i++)
        get_record(&reader, &request->records[i]);
    return !reader.is_bad && wire_left(&reader) == 0;
}

void request_release(struct request *request) {
    free(request->generation.name);
    free(request->generation.source_path);
    free(request->generation.cache_path);
    description_free(request->generation.description);
    release_deployment(&request->deployment);
    for (size_t i = 0; i < request->topic_count; i++) {
        free(request->topics[i].role);
        free(request->topics[i].name);
    }
    free(request->topics);
    free(request->parts);
    free(request->records);
    memset(request, 0, sizeof *request);
}

/* ---- answers ---- */

void answer_head(char head[ANSWER_HEAD_SIZE], enum answer_kind kind, size_t size) {
    for (size_t i = 0; i < 4; i++) { /* as wire_put_u32 */
        head[i] = (char)((uint32_t)kind >> (8 * i));
        head[4 + i] = (char)((uint32_t)size >> (8 * i));
    }
}

void answer_put(struct text *out, enum answer_kind kind, const char *body, size_t size) {
    wire_put_u32(out, (uint32_t)kind);
    wire_put_u32(out, (uint32_t)size);
    text_append(out, body, size);
}

void answers_send(struct text *out, int output) {
    if (text_is_oom(out) || !io_write_all(output, out->data, out->size))
        _exit(EXIT_FAILURE);
    text_reset(out);
}

size_t answer_parse(const char *bytes, size_t size, enum answer_kind *kind, t5_str *body) {
    struct wire_reader reader;
    if (size < ANSWER_HEAD_SIZE)
        return 0;
    wire_open(&reader, bytes, size);
    const uint32_t kind_number = wire_u32(&reader);
    const uint32_t body_size = wire_u32(&reader);
    if (kind_number < ANSWER_STEP || kind_number > ANSWER_DONE || body_size > ANSWER_LARGEST)
        return SIZE_MAX;
    if (wire_left(&reader) < body_size)
        return 0;
    *kind = (enum answer_kind)kind_number;
    *body = (t5_str){bytes + ANSWER_HEAD_SIZE, body_size};
    return ANSWER_HEAD_SIZE + body_size;
}

static void put_description(struct text *out, const struct description *description) {
    wire_put_string(out, description->name);
    wire_put_string(out, description->version);
    wire_put_string(out, description->summary);
    wire_put_u32(out, (uint32_t)description->scope);
    wire_put_u32(out, description->state_version);
    wire_put_u32(out, (description->has_describe ? 1u : 0u) | (description->has_save ? 2u : 0u) |
                          (description->has_load ? 4u : 0u) |
                          (description->is_described ? 8u : 0u));
    put_strings(out, description->topics);
    put_strings(out, description->fields);
    put_strings(out, description->series);
    wire_put_i64(out, description->warm_up_ns);
    wire_put_u32(out, (uint32_t)description->side);
    wire_put_u64(out, description->parameter_count);
    for (size_t i = 0; i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        wire_put_u32(out, (uint32_t)parameter->type);
        wire_put_string(out, parameter->name);
        wire_put_string(out, parameter->help);
        wire_put_string(out, parameter->default_value);
        wire_put_string(out, parameter->min);
        wire_put_string(out, parameter->max);
    }
}

static size_t strings_count(char *const *strings) {
    size_t count = 0;
    while (strings != NULL && strings[count] != NULL)
        count++;
    return count;
}

static struct description *get_description(struct wire_reader *reader) {
    struct description *description = calloc(1, sizeof *description);
    if (description == NULL) {
        reader->is_bad = reader->is_oom = true;
        return NULL;
    }
    description->name = wire_string(reader);
    description->version = wire_string(reader);
    description->summary = wire_string(reader);
    description->scope = (enum t5_scope)wire_u32(reader);
    description->state_version = wire_u32(reader);
    const uint32_t bits = wire_u32(reader);
    description->has_describe = (bits & 1u) != 0;
    description->has_save = (bits & 2u) != 0;
    description->has_load = (bits & 4u) != 0;
    description->is_described = (bits & 8u) != 0;
    description->topics = get_strings(reader);
    description->topic_count = strings_count(description->topics);
    description->fields = get_strings(reader);
    description->field_count = strings_count(description->fields);
    description->series = get_strings(reader);
    description->series_count = strings_count(description->series);
    description->warm_up_ns = wire_i64(reader);
    description->side = (enum t5_side)wire_u32(reader);
    description->parameters =
        get_array(reader, 4 + 5 * STRING_LEAST, sizeof *description->parameters,
                  &description->parameter_count);
    for (size_t i = 0; i < description->parameter_count; i++) {
        struct description_parameter *parameter = &description->parameters[i];
        parameter->type = (enum t5_parameter_type)wire_u32(reader);
        parameter->name = wire_string(reader);
        parameter->help = wire_string(reader);
        parameter->default_value = wire_string(reader);
        parameter->min = wire_string(reader);
        parameter->max = wire_string(reader);
        if (parameter->name == NULL || parameter->help == NULL)
            reader->is_bad = true;
    }
    if (description->name == NULL || description->version == NULL || description->summary == NULL ||
        description->topics == NULL || description->fields == NULL || description->series == NULL)
        reader->is_bad = true;
    return description;
}

void answer_encode_done(struct text *out, const struct rehearsal_answer *answer) {
    struct text body;
    text_init(&body);
    put_description(&body, answer->description);
    wire_put_u32(&body, answer->changes);
    wire_put_u64(&body, answer->messages);
    wire_put_u64(&body, answer->errors);
    wire_put_u64(&body, answer->signals);
    answer_put(out, ANSWER_DONE, body.data, body.size);
    if (text_is_oom(&body))
        out->is_oom = true;
    text_release(&body);
}

bool answer_decode_done(struct rehearsal_answer *answer, t5_str body) {
    struct wire_reader reader;
    wire_open(&reader, body.data, body.len);
    memset(answer, 0, sizeof *answer);
    answer->description = get_description(&reader);
    answer->changes = wire_u32(&reader);
    answer->messages = wire_u64(&reader);
    answer->errors = wire_u64(&reader);
    answer->signals = wire_u64(&reader);
    if (!reader.is_bad && wire_left(&reader) == 0)
        return true;
    answer->is_oom = reader.is_oom;
    description_free(answer->description);
    answer->description = NULL;
    return false;
}

/* ---- all that a child says ---- */

/* False: it is no answer after all. */
static bool take_one(struct answers *answers, enum answer_kind kind, t5_str body) {
    const struct place nowhere = {NULL, 0}; /* the child's texts say where */
    const int size = (int)body.len;
    switch (kind) {
    case ANSWER_STEP:
        (void)snprintf(answers->step, sizeof answers->step, "%.*s", size, body.data);
        break;
    case ANSWER_FAULT:
        faults_add(answers->faults, nowhere, "%.*s", size, body.data);
        answers->fault_count++;
        break;
    case ANSWER_WARNING:
        faults_warn(answers->faults, nowhere, "%.*s", size, body.data);
        break;
    case ANSWER_PLACE:
        (void)snprintf(answers->at, sizeof answers->at, "%.*s", size, body.data);
        break;
    case ANSWER_DONE:
        description_free(answers->answer.description);
        answers->is_done = answer_decode_done(&answers->answer, body);
        return answers->is_done;
    }
    return true;
}

size_t answers_parse(void *context, const char *bytes, size_t size) {
    struct answers *answers = context;
    size_t at = 0;
    for (;;) {
        enum answer_kind kind;
        t5_str body;
        const size_t taken = answer_parse(bytes + at, size - at, &kind, &body);
        if (taken == 0)
            return at;
        if (taken == SIZE_MAX || !take_one(answers, kind, body))
            return SIZE_MAX;
        at += taken;
    }
}
