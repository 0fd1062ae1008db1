#include "commands/service_redrive.h"

#include "base/units.h"
#include "message/record.h"

#include <inttypes.h>
#include <string.h>

#define WORDS 7

/* A word on the line: no blank, no end, and not empty. */
static bool is_word(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return false;
    }
    return text[0] != '\0';
}

bool service_redrive_write(const struct redrive_letter *letter, struct text *line,
                           struct text *body) {
    text_reset(line);
    text_reset(body);
    if (!is_word(letter->deployment) || !is_word(letter->topic))
        return false;
    text_printf(line, "redrive %s %s %" PRId32 " %" PRId64, letter->deployment, letter->topic,
                letter->partition, letter->offset);
    if (letter->kafka_time_ms == RECORD_NO_TIME)
        text_puts(line, " -");
    else
        text_printf(line, " %" PRId64, letter->kafka_time_ms);
    if (letter->key == NULL)
        text_puts(line, " -");
    else
        text_printf(line, " %zu", letter->key_size);
    if (letter->key != NULL)
        text_append(body, letter->key, letter->key_size);
    if (letter->payload != NULL)
        text_append(body, letter->payload, letter->payload_size);
    /* Room for the length that is put behind it. */
    return line->size + 24 < CONTROL_MAX_LINE && !text_is_short(line) && !text_is_short(body);
}

bool service_redrive_parse(const struct control_request *request, struct redrive_letter *letter) {
    char *const *words = request->words;
    int64_t partition, key_size = 0;
    if (request->count != WORDS || request->body == NULL)
        return false;
    *letter = (struct redrive_letter){
        .deployment = words[1], .topic = words[2], .kafka_time_ms = RECORD_NO_TIME};
    const bool has_time = strcmp(words[5], "-") != 0, has_key = strcmp(words[6], "-") != 0;
    if (!parse_integer(words[3], &partition) || partition < 0 || partition > INT32_MAX ||
        !parse_integer(words[4], &letter->offset) || letter->offset < 0 ||
        (has_time && !parse_integer(words[5], &letter->kafka_time_ms)) ||
        (has_key && (!parse_integer(words[6], &key_size) || key_size < 0 ||
                     (uint64_t)key_size > request->body_size)))
        return false;
    letter->partition = (int32_t)partition;
    letter->key = has_key ? request->body : NULL;
    letter->key_size = (size_t)key_size;
    letter->payload = request->body + key_size;
    letter->payload_size = request->body_size - (size_t)key_size;
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
