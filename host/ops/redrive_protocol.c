#include "ops/redrive_protocol.h"

#include "base/units.h"
#include "message/record.h"

#include <inttypes.h>
#include <string.h>

#define WORDS 7
#define DO    "redrive"
#define TRY   "redrive-dry-run"

/* A word on the line: no blank, no end, and not empty. */
static bool is_word(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return false;
    }
    return text[0] != '\0';
}

bool service_redrive_write(const struct redrive_request *dead_letter, struct text *line,
                           struct text *body) {
    text_reset(line);
    text_reset(body);
    if (!is_word(dead_letter->deployment) || !is_word(dead_letter->topic))
        return false;
    text_printf(line, "%s %s %s %" PRId32 " %" PRId64, dead_letter->is_dry_run ? TRY : DO,
                dead_letter->deployment, dead_letter->topic, dead_letter->partition,
                dead_letter->offset);
    if (dead_letter->kafka_time_ms == RECORD_NO_TIME)
        text_puts(line, " -");
    else
        text_printf(line, " %" PRId64, dead_letter->kafka_time_ms);
    if (dead_letter->key == NULL)
        text_puts(line, " -");
    else
        text_printf(line, " %zu", dead_letter->key_size);
    if (dead_letter->key != NULL)
        text_append(body, dead_letter->key, dead_letter->key_size);
    if (dead_letter->payload != NULL)
        text_append(body, dead_letter->payload, dead_letter->payload_size);
    /* Room for the length that is put behind it. */
    return line->size + 24 < CONTROL_MAX_LINE && !text_is_oom(line) && !text_is_oom(body);
}

bool service_redrive_is_asked(const char *word) {
    return strcmp(word, DO) == 0 || strcmp(word, TRY) == 0;
}

bool service_redrive_parse(const struct control_request *request,
                           struct redrive_request *dead_letter) {
    char *const *words = request->words;
    int64_t partition, key_size = 0;
    if (request->count != WORDS || request->body == NULL)
        return false;
    *dead_letter = (struct redrive_request){.deployment = words[1],
                                            .topic = words[2],
                                            .kafka_time_ms = RECORD_NO_TIME,
                                            .is_dry_run = strcmp(words[0], TRY) == 0};
    const bool has_time = strcmp(words[5], "-") != 0, has_key = strcmp(words[6], "-") != 0;
    if (!parse_integer(words[3], &partition) || partition < 0 || partition > INT32_MAX ||
        !parse_integer(words[4], &dead_letter->offset) || dead_letter->offset < 0 ||
        (has_time && !parse_integer(words[5], &dead_letter->kafka_time_ms)) ||
        (has_key && (!parse_integer(words[6], &key_size) || key_size < 0 ||
                     (uint64_t)key_size > request->body_size)))
        return false;
    dead_letter->partition = (int32_t)partition;
    dead_letter->key = has_key ? request->body : NULL;
    dead_letter->key_size = (size_t)key_size;
    dead_letter->payload = request->body + key_size;
    dead_letter->payload_size = request->body_size - (size_t)key_size;
    return true;
}

bool service_redrive_answer(const struct redrive *redrive, struct text *answer) {
    text_printf(answer, "%s\n%s", redrive_outcome_name(redrive->outcome), redrive->text);
    return redrive->outcome == REDRIVE_GIVEN;
}

enum redrive_outcome service_redrive_outcome(const struct text *answer, const char **why) {
    const size_t size = strcspn(answer->data, "\n");
    *why = answer->data[size] == '\n' ? answer->data + size + 1 : answer->data;
    for (int outcome = REDRIVE_GIVEN; outcome < REDRIVE_OUTCOMES; outcome++) {
        const char *name = redrive_outcome_name((enum redrive_outcome)outcome);
        if (strlen(name) == size && memcmp(name, answer->data, size) == 0)
            return (enum redrive_outcome)outcome;
    }
    *why = answer->data;
    return (enum redrive_outcome)0;
}
