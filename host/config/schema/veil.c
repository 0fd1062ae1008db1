#include "config/schema/veil.h"

#include "base/array.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool veil_add(struct config *config, struct place place, const char *text, const char *written) {
    struct config_veil veil = {place, strdup(text), strdup(written)};
    if (veil.text == NULL || veil.written == NULL ||
        !ARRAY_RESIZE(config->veils, config->veil_count + 1)) {
        free(veil.text);
        free(veil.written);
        return false;
    }
    config->veils[config->veil_count++] = veil;
    return true;
}

static bool is_at(const struct config_veil *veil, struct place place) {
    return place.file != NULL && place.line == veil->place.line &&
           strcmp(place.file, veil->place.file) == 0;
}

const char *veil_find(const struct config *config, struct place place) {
    for (size_t i = 0; i < config->veil_count; i++)
        if (is_at(&config->veils[i], place))
            return config->veils[i].written;
    return NULL;
}

void veils_release(struct config *config) {
    for (size_t i = 0; i < config->veil_count; i++) {
        free(config->veils[i].text);
        free(config->veils[i].written);
    }
    free(config->veils);
    config->veils = NULL;
    config->veil_count = 0;
}

/* ---- in texts about a value ---- */

static bool is_word(char c) {
    return isalnum((unsigned char)c) != 0 || c == '_';
}

/* The next place where `what` is quoted: not as a part of another word, so that the 6 of a value is
 * not found in the 64 of a bound. */
static const char *find_quoted(const char *from, const char *begin, const char *what, size_t size) {
    for (const char *at = from; (at = strstr(at, what)) != NULL; at++) {
        const bool is_begin = at == begin || !is_word(at[-1]) || !is_word(what[0]);
        const bool is_end = !is_word(at[size]) || !is_word(what[size - 1]);
        if (is_begin && is_end)
            return at;
    }
    return NULL;
}

static void replace(char **text, const char *what, const char *with) {
    const size_t size = strlen(what);
    struct text out;
    const char *from = *text, *found;
    if (size == 0 || strstr(*text, what) == NULL)
        return;
    text_init(&out);
    while ((found = find_quoted(from, *text, what, size)) != NULL) {
        text_append(&out, from, (size_t)(found - from));
        text_puts(&out, with);
        from = found + size;
    }
    text_puts(&out, from);
    free(*text);
    *text = text_take(&out); /* NULL: memory ran out */
}

/* Each item of a list is quoted alone. */
static void replace_items(char **text, const struct config_veil *veil) {
    char *items = strdup(veil->text), *rest = NULL;
    if (items == NULL) {
        free(*text);
        *text = NULL;
        return;
    }
    for (char *item = strtok_r(items, ", \t\n", &rest); item != NULL && *text != NULL;
         item = strtok_r(NULL, ", \t\n", &rest))
        replace(text, item, "***");
    free(items);
}

/* How much of the fault is the veil's place; 0: it is another's. */
static size_t head_size(const struct fault *fault, const struct config_veil *veil) {
    char line[24];
    const size_t file = strlen(veil->place.file);
    const int size = snprintf(line, sizeof line, ":%d: ", veil->place.line);
    const bool is_its = strncmp(fault->text, veil->place.file, file) == 0 &&
                        strncmp(fault->text + file, line, (size_t)size) == 0;
    return is_its ? file + (size_t)size : 0;
}

/* The place stays; what stands behind it is looked through, or without memory left out. */
static void cover(struct fault *fault, const struct config_veil *veil) {
    const size_t size = head_size(fault, veil);
    if (size == 0)
        return;
    char *text = strdup(fault->text + size);
    if (text != NULL)
        replace(&text, veil->text, veil->written);
    if (text != NULL)
        replace_items(&text, veil);
    fault->text[size] = '\0';
    char *covered = text != NULL ? text_format("%s%s", fault->text, text) : NULL;
    free(text);
    if (covered == NULL)
        return;
    free(fault->text);
    fault->text = covered;
}

void config_veil(const struct config *config, struct faults *faults, size_t from) {
    for (size_t i = from; i < faults->count; i++)
        for (size_t k = 0; k < config->veil_count; k++)
            cover(&faults->items[i], &config->veils[k]);
}
