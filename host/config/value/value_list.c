#include "config/value/value_list.h"

#include "base/clock.h"
#include "base/string_list.h"
#include "base/text.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

static size_t item_bound(const char *text) {
    size_t count = 1;
    for (; *text != '\0'; text++)
        count += *text == ',' || *text == '\n' ? 1 : 0;
    return count;
}

char **value_list_split(const char *name, const char *text, struct error *error) {
    size_t bound = item_bound(text);
    char **list = calloc(bound + 1, sizeof *list);
    if (list == NULL) {
        error_set_memory(error, name);
        return NULL;
    }

    size_t count = 0;
    for (bool is_last = false; !is_last;) {
        text += strspn(text, BLANKS);
        size_t whole = strcspn(text, ",\n");
        size_t size = whole;
        while (size > 0 && strchr(BLANKS, text[size - 1]) != NULL)
            size--;
        if (size == 0 && text[whole] == ',') {
            error_set(error, ERROR_INVALID, "%s has an empty item: separate items with one comma",
                      name);
            goto failed;
        }
        if (size > 0 && (list[count++] = text_dup(text, size)) == NULL) {
            error_set_memory(error, name);
            goto failed;
        }
        is_last = text[whole] == '\0';
        text += whole + 1;
    }
    return list;

failed:
    string_list_free(list);
    return NULL;
}

static bool parse_time_frame(const char *text, int64_t *seconds) {
    int64_t ns;
    if (parse_integer(text, seconds))
        return true;
    if (!parse_duration_ns(text, &ns) || ns % NS_PER_S != 0)
        return false;
    *seconds = ns / NS_PER_S;
    return true;
}

uint32_t *value_list_time_frames(const char *name, const char *text, struct error *error) {
    uint32_t *frames = NULL;
    char **list = value_list_split(name, text, error);
    if (list == NULL)
        return NULL;
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    if (count == 0) {
        error_set(error, ERROR_INVALID, "%s is empty: omit the key for all", name);
        goto failed;
    }
    frames = calloc(count + 1, sizeof *frames);
    if (frames == NULL) {
        error_set_memory(error, name);
        goto failed;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t seconds;
        if (!parse_time_frame(list[i], &seconds) || seconds < 1 || seconds > UINT32_MAX) {
            error_set(error, ERROR_INVALID, "%s: %s is not a number of seconds above 0 (60, 5m)",
                      name, list[i]);
            goto failed;
        }
        frames[i] = (uint32_t)seconds;
    }
    string_list_free(list);
    return frames;

failed:
    free(frames);
    string_list_free(list);
    return NULL;
}
