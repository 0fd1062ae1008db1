#include "base/faults.h"

#include "base/array.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Names longer than this get no hint; none of ours are. */
#define NEAR_MISS_LENGTH_MAX 63

void faults_release(struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++)
        free(faults->items[i].text);
    free(faults->items);
    *faults = (struct faults)FAULTS_INIT;
}

__attribute__((format(printf, 4, 0))) static void
add(struct faults *faults, bool is_warning, struct place place, const char *format, va_list args) {
    if (!is_warning)
        faults->error_count++;

    struct text text;
    text_init(&text);
    if (place.file != NULL && place.line > 0)
        text_printf(&text, "%s:%d: ", place.file, place.line);
    else if (place.file != NULL)
        text_printf(&text, "%s: ", place.file);
    text_vprintf(&text, format, args);

    char *complete = text_take(&text);
    if (complete == NULL || !ARRAY_GROW(faults->items, faults->count, faults->capacity)) {
        faults->is_oom = true;
        free(complete);
        return;
    }
    faults->items[faults->count++] = (struct fault){.text = complete, .is_warning = is_warning};
}

void faults_add(struct faults *faults, struct place place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(faults, false, place, format, args);
    va_end(args);
}

void faults_add_memory(struct faults *faults, struct place place, const char *what) {
    faults->is_oom = true;
    faults_add(faults, place, "out of memory for %s", what);
}

void faults_add_error(struct faults *faults, struct place place, const struct error *error) {
    faults->is_oom |= error->code == ERROR_MEMORY;
    faults_add(faults, place, "%s", error->text);
}

void faults_warn(struct faults *faults, struct place place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(faults, true, place, format, args);
    va_end(args);
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool same_letter(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits that turn one into the other: insert, delete, replace, and swap of neighbours (the
 * commonest slip of fingers). Upper and lower case are the same here: writing `Lanes` is no
 * distance. */
static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t rows[3][NEAR_MISS_LENGTH_MAX + 1];
    size_t *before = rows[0], *previous = rows[1], *current = rows[2];

    for (size_t j = 0; j <= b_size; j++)
        previous[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        current[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replace = previous[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            current[j] = least(replace, least(previous[j], current[j - 1]) + 1);
            bool is_swap = i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                           same_letter(a[i - 2], b[j - 1]);
            if (is_swap)
                current[j] = least(current[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b_size];
}

const char *faults_near_miss(const char *word, const char *const *names) {
    size_t word_size = strlen(word);
    if (word_size > NEAR_MISS_LENGTH_MAX)
        return NULL;

    const char *nearest = NULL;
    size_t nearest_distance = word_size / 3 + 1;
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t name_size = strlen(names[i]);
        if (name_size > NEAR_MISS_LENGTH_MAX)
            continue;
        size_t distance = edit_distance(word, word_size, names[i], name_size);
        if (distance < nearest_distance) {
            nearest = names[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}
