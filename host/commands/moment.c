#include "commands/moment.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "commands/commands.h"
#include "message/time_text.h"

#include <stdlib.h>
#include <string.h>

bool parse_moment(const char *option, const char *text, int64_t *time_ns) {
    int64_t epoch_ms;
    if (time_text_parse(text, strlen(text), time_ns))
        return true;
    if (parse_integer(text, &epoch_ms) && epoch_ms > INT64_MIN / NS_PER_MS &&
        epoch_ms < INT64_MAX / NS_PER_MS) {
        *time_ns = epoch_ms * NS_PER_MS;
        return true;
    }
    complain("%s %s: must be a time such as 2024-06-17T21:15:30Z, or epoch milliseconds", option,
             text);
    return false;
}

bool words_add(struct words *words, const char *option, const char *text) {
    for (const char *from = text;; from++) {
        const char *to = strchrnul(from, ',');
        if (to == from) {
            complain("%s %s: must be names with commas between them", option, text);
            return false;
        }
        char **items = reallocarray(words->items, words->count + 1, sizeof *items);
        if (items != NULL)
            words->items = items;
        char *word = items != NULL ? text_dup(from, (size_t)(to - from)) : NULL;
        if (word == NULL) {
            complain("out of memory");
            return false;
        }
        words->items[words->count++] = word;
        if (*to == '\0')
            return true;
        from = to;
    }
}

void words_release(struct words *words) {
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){0};
}
