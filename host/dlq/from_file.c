/* Letters in JSON lines, as sink/sink_jsonl.c writes them. */
#include "dlq/dead_letters.h"

#include "recording/reader.h"
#include "json/lenient.h"

#include <cjson/cJSON.h>
#include <string.h>

/* A dead letter may be as large as anything that Kafka carries. */
#define MAX_LINE ((size_t)256 * 1024 * 1024)

/* ["name", "value" | null | {"base64": "..."}] */
static bool take_header(struct dead_letter *dead_letter, const cJSON *item) {
    const cJSON *name = cJSON_GetArrayItem(item, 0), *value = cJSON_GetArrayItem(item, 1);
    if (!cJSON_IsString(name) || value == NULL || dead_letter->header_count == DLQ_MAX_HEADERS)
        return false;
    struct record_header *header = &dead_letter->headers[dead_letter->header_count++];
    *header = (struct record_header){.name = name->valuestring};
    if (cJSON_IsString(value)) {
        header->value = value->valuestring;
        header->value_size = strlen(value->valuestring);
    } else if (cJSON_IsObject(value)) {
        cJSON *bytes = cJSON_GetObjectItemCaseSensitive(value, "base64");
        if (!cJSON_IsString(bytes) ||
            !lenient_unbase64(bytes->valuestring, strlen(bytes->valuestring), bytes->valuestring,
                              &header->value_size))
            return false;
        header->value = bytes->valuestring;
    }
    return true;
}

static const char *text_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* What is not in a recorded line. cJSON cannot hold a NUL in a text, so a line that may have one in
 * a header is not taken: it would be sent as something else. */
static bool take_rest(struct dead_letter *dead_letter, const cJSON *tree,
                      const struct recording_entry *entry) {
    const cJSON *headers = cJSON_GetObjectItemCaseSensitive(tree, "headers"), *item;
    dead_letter->topic = text_of(tree, "topic");
    dead_letter->reason = text_of(tree, "reason");
    dead_letter->message = text_of(tree, "message");
    dead_letter->strategy = text_of(tree, "strategy");
    if (dead_letter->topic[0] == '\0' || dead_letter->reason[0] == '\0')
        return false;
    cJSON_ArrayForEach(item, headers) {
        if (memmem(entry->text, entry->text_size, "\\u0000", 6) != NULL ||
            !take_header(dead_letter, item))
            return false;
    }
    return true;
}

/* False when it is no dead_letter. */
static bool take_entry(struct dead_letter *dead_letter, const cJSON *tree,
                       const struct recording_entry *entry) {
    const struct recording_line *line = &entry->line;
    if (tree == NULL || !take_rest(dead_letter, tree, entry) || line->is_plain ||
        line->offset < 0 || line->partition < 0)
        return false;
    dead_letter->partition = line->partition;
    dead_letter->offset = line->offset;
    dead_letter->time_ms = line->time_ms;
    dead_letter->key = line->key;
    dead_letter->key_size = line->key_size;
    dead_letter->payload = line->payload;
    dead_letter->payload_size = line->payload_size;
    return true;
}

/* `*goes_on` is what the visitor returned. False with an error when no entry was one of a
 * dead_letter.
 */
static bool visit_entry(struct recording_reader *reader, const struct recording_entry *entry,
                        dlq_visit *visit, void *context, bool *goes_on, struct error *error) {
    struct dead_letter dead_letter = {0};
    cJSON *tree = cJSON_ParseWithLength(entry->text, entry->text_size);
    const bool is_dead_letter = take_entry(&dead_letter, tree, entry);
    if (is_dead_letter)
        *goes_on = visit(context, &dead_letter);
    cJSON_Delete(tree);
    return is_dead_letter ||
           recording_reader_reject(reader, entry->number, "is not a dead letter", error);
}

bool dlq_read_file(const char *path, dlq_visit *visit, void *context, size_t *unreadable,
                   struct error *error) {
    struct recording_options options = {.pool = recording_pool_new(), .max_line = MAX_LINE};
    struct recording_reader *reader =
        options.pool != NULL ? recording_reader_open(path, &options, error) : NULL;
    struct recording_entry entry;
    enum recording_result result = RECORDING_ENTRY;
    bool goes_on = true;
    if (options.pool == NULL)
        error_set_memory(error, "reading dead letters");
    while (reader != NULL && goes_on && result == RECORDING_ENTRY) {
        result = recording_reader_next(reader, &entry, error);
        if (result == RECORDING_ENTRY &&
            !visit_entry(reader, &entry, visit, context, &goes_on, error))
            result = RECORDING_FAILED;
    }
    /* A line that its writer is not done with does not count. */
    if (reader != NULL)
        *unreadable += recording_reader_bad_lines(reader) - recording_reader_is_cut(reader);
    const bool did = reader != NULL && result != RECORDING_FAILED;
    recording_reader_close(reader);
    recording_pool_free(options.pool);
    return did;
}
