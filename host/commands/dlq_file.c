/* Letters in JSON lines, as sink/sink_jsonl.c writes them. */
#include "commands/dlq.h"

#include "source/recording_bytes.h"
#include "source/recording_line.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lines {
    FILE *file;
    char *line, *scratch;
    size_t capacity, scratch_size;
};

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* In place; gives the size. */
static size_t decode_base64(char *text) {
    size_t size = 0;
    uint32_t bits = 0;
    int count = 0;
    for (const char *at = text; base64_digit(*at) >= 0; at++) {
        bits = bits << 6 | (uint32_t)base64_digit(*at);
        count += 6;
        if (count >= 8) {
            count -= 8;
            text[size++] = (char)(bits >> count & 0xff);
        }
    }
    return size;
}

/* ["name", "value" | null | {"base64": "..."}] */
static bool take_header(struct dlq_letter *letter, const cJSON *item) {
    const cJSON *name = cJSON_GetArrayItem(item, 0), *value = cJSON_GetArrayItem(item, 1);
    if (!cJSON_IsString(name) || value == NULL || letter->header_count == DLQ_MAX_HEADERS)
        return false;
    struct record_header *header = &letter->headers[letter->header_count++];
    *header = (struct record_header){.name = name->valuestring};
    if (cJSON_IsString(value)) {
        header->value = value->valuestring;
        header->value_size = strlen(value->valuestring);
    } else if (cJSON_IsObject(value)) {
        cJSON *bytes = cJSON_GetObjectItemCaseSensitive(value, "base64");
        if (!cJSON_IsString(bytes))
            return false;
        header->value_size = decode_base64(bytes->valuestring);
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
static bool take_rest(struct dlq_letter *letter, const cJSON *tree, const char *line) {
    const cJSON *headers = cJSON_GetObjectItemCaseSensitive(tree, "headers"), *item;
    letter->topic = text_of(tree, "topic");
    letter->reason = text_of(tree, "reason");
    letter->message = text_of(tree, "message");
    letter->strategy = text_of(tree, "strategy");
    if (letter->topic[0] == '\0' || letter->reason[0] == '\0')
        return false;
    cJSON_ArrayForEach(item, headers) {
        if (strstr(line, "\\u0000") != NULL || !take_header(letter, item))
            return false;
    }
    return true;
}

static bool grow_scratch(struct lines *lines, size_t size) {
    const size_t wanted = recording_line_scratch(size);
    if (wanted <= lines->scratch_size)
        return true;
    char *grown = realloc(lines->scratch, wanted);
    if (grown == NULL)
        return false;
    lines->scratch = grown;
    lines->scratch_size = wanted;
    return true;
}

/* getline() with the slack that the scanner wants behind the line. */
static bool add_slack(struct lines *lines, size_t size) {
    if (lines->capacity >= size + RECORDING_SLACK)
        return true;
    char *grown = realloc(lines->line, size + RECORDING_SLACK);
    if (grown == NULL)
        return false;
    lines->line = grown;
    lines->capacity = size + RECORDING_SLACK;
    return true;
}

enum line_outcome { LINE_GOOD, LINE_BAD, LINE_ENDED, LINE_NO_MEMORY };

static enum line_outcome take_line(struct lines *lines, size_t size, dlq_visit *visit,
                                   void *context) {
    struct recording_line scanned = {0};
    struct dlq_letter letter = {0};
    size_t used = 0;
    if (!grow_scratch(lines, size) || !add_slack(lines, size + 1))
        return LINE_NO_MEMORY;
    cJSON *tree = cJSON_ParseWithLength(lines->line, size);
    enum line_outcome outcome = LINE_BAD;
    if (tree == NULL || !take_rest(&letter, tree, lines->line) ||
        recording_line_scan(lines->line, size, lines->scratch, &used, &scanned) != NULL ||
        scanned.is_plain || scanned.offset < 0 || scanned.partition < 0)
        goto done;
    letter.partition = scanned.partition;
    letter.offset = scanned.offset;
    letter.time_ms = scanned.time_ms;
    letter.key = scanned.key;
    letter.key_size = scanned.key_size;
    letter.payload = scanned.payload;
    letter.payload_size = scanned.payload_size;
    outcome = visit(context, &letter) ? LINE_GOOD : LINE_ENDED;
done:
    cJSON_Delete(tree);
    return outcome;
}

bool dlq_read_file(const char *path, dlq_visit *visit, void *context, size_t *unreadable,
                   struct error *error) {
    struct lines lines = {.file = fopen(path, "re")};
    bool did = true;
    if (lines.file == NULL)
        return error_set_errno(error, errno, "%s", path);
    for (ssize_t size; (size = getline(&lines.line, &lines.capacity, lines.file)) >= 0;) {
        size_t length = (size_t)size;
        if (length == 0 || lines.line[length - 1] != '\n')
            break; /* its writer is not done with it */
        lines.line[--length] = '\0';
        const enum line_outcome outcome =
            length > 0 ? take_line(&lines, length, visit, context) : LINE_GOOD;
        *unreadable += outcome == LINE_BAD;
        if (outcome == LINE_ENDED)
            break;
        if (outcome == LINE_NO_MEMORY) {
            did = error_set_memory(error, length, "a letter");
            break;
        }
    }
    if (did && ferror(lines.file))
        did = error_set_errno(error, errno, "%s", path);
    fclose(lines.file);
    free(lines.line);
    free(lines.scratch);
    return did;
}
