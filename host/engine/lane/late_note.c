#include "engine/lane/late_note.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MISSING " *"

static bool ends_with_missing(const struct text *note) {
    const size_t size = sizeof MISSING - 1;
    return note->size >= size && memcmp(note->data + note->size - size, MISSING, size) == 0;
}

void late_note_add(struct text *note, const char *deployment, int64_t offset) {
    if (ends_with_missing(note))
        return;
    if (note->size + strlen(deployment) + 24 > LATE_NOTE_MOST)
        text_puts(note, MISSING);
    else
        text_printf(note, " %s=%" PRId64, deployment, offset);
}

enum late_note_answer late_note_find(const char *note, const char *deployment, int64_t *offset) {
    const size_t size = strlen(deployment);
    bool is_all = true;
    for (const char *word = note; word != NULL; word = strchr(word, ' ')) {
        word += *word == ' ';
        if (strncmp(word, deployment, size) == 0 && word[size] == '=') {
            *offset = strtoll(word + size + 1, NULL, 10);
            return LATE_NOTE_NAMED;
        }
        is_all &= word[0] != '*';
    }
    return is_all ? LATE_NOTE_NOT_NAMED : LATE_NOTE_UNKNOWN;
}

int64_t late_note_safe(const char *note, const char *deployment, int64_t position, int64_t safe,
                       bool was_behind) {
    int64_t noted;
    const enum late_note_answer answer = late_note_find(note, deployment, &noted);
    if (answer == LATE_NOTE_NOT_NAMED)
        return safe;
    if (answer == LATE_NOTE_UNKNOWN)
        noted = position;
    return was_behind && noted < safe ? safe : noted;
}
