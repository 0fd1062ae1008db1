#include "message/projection_private.h"

#include "base/array.h"
#include "base/text.h"

#include "json/scan.h"

#include <stdlib.h>
#include <string.h>

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)

/* A path in its canonical spelling: only what needs a backslash has one. */
struct path {
    char *text;
    size_t size;
};

struct projection {
    struct path *paths; /* by slot */
    uint32_t count, capacity;
    bool is_sealed;
    struct trie trie;
};

static const char *const envelope_paths[ENVELOPE_SLOTS] = {
    [ENVELOPE_SYMBOL] = "symbol",
    [ENVELOPE_TIME] = "publishTime.take5Time",
    [ENVELOPE_TIME_OTHER] = "PublishTime.take5Time",
    [ENVELOPE_TIMESTAMP] = "timestamp",
    [ENVELOPE_TIME_FRAME] = "barData.barTimeFrame",
    [ENVELOPE_CLOSE] = "barData.close",
    [ENVELOPE_PRICE] = "price",
    [ENVELOPE_BAR_VOLUME] = "barData.volume",
    [ENVELOPE_VOLUME] = "volume",
    [ENVELOPE_OPEN] = "barData.open",
    [ENVELOPE_HIGH] = "barData.high",
    [ENVELOPE_LOW] = "barData.low",
};

enum path_token path_next(struct path_cursor *cursor, char *out, size_t *size) {
    const char *p = cursor->at;
    size_t length = 0;
    for (; p < cursor->end && *p != '.' && *p != '|'; p++) {
        if (*p == '\\' && ++p == cursor->end)
            return PATH_OPEN_ESCAPE;
        out[length++] = *p;
    }
    *size = length;
    if (length == 0)
        return PATH_EMPTY;
    if (p == cursor->end)
        return PATH_END;
    cursor->at = p + 1;
    return *p == '.' ? PATH_STEP : PATH_LAST;
}

static bool refuse(struct error *error, const char *path, size_t size, const char *why) {
    const int shown = size > 200 ? 200 : (int)size;
    return error_set(error, ERROR_INVALID, "field path \"%.*s\": %s", shown, path, why);
}

bool projection_check(const char *path, size_t size, struct error *error) {
    if (size == 0)
        return error_set(error, ERROR_INVALID, "a field path is empty");
    if (size > PROJECTION_MAX_PATH)
        return error_set(error, ERROR_INVALID,
                         "field path \"%.40s...\" has %zu bytes; at most %d are allowed", path,
                         size, PROJECTION_MAX_PATH);
    if (!text_is_utf8(path, size))
        return error_set(error, ERROR_INVALID, "a field path of %zu bytes is not UTF-8", size);
    char step[PROJECTION_MAX_PATH];
    size_t step_size;
    struct path_cursor cursor = {path, path + size};
    uint32_t steps = 0;
    for (;;) {
        const enum path_token token = path_next(&cursor, step, &step_size);
        if (token == PATH_OPEN_ESCAPE)
            return refuse(error, path, size,
                          "ends with a backslash; write two for a backslash in a name");
        if (token == PATH_EMPTY)
            return refuse(
                error, path, size,
                "has an empty step; steps are separated by single dots, alternatives by |, "
                "a backslash makes either part of the name");
        if (++steps > PROJECTION_MAX_STEPS)
            return refuse(error, path, size,
                          "has more than " STRING(PROJECTION_MAX_STEPS) " steps");
        if (token == PATH_END)
            return true;
        if (token == PATH_LAST)
            steps = 0;
    }
}

/* The path with backslashes only where they are needed. `out` has room for `size` bytes. */
static size_t canonical(const char *path, size_t size, char *out) {
    size_t length = 0;
    const char *end = path + size;
    for (const char *p = path; p < end; p++) {
        if (*p == '\\') {
            p++;
            if (*p == '.' || *p == '|' || *p == '\\')
                out[length++] = '\\';
        }
        out[length++] = *p;
    }
    return length;
}

static uint32_t find_path(const struct projection *projection, const char *text, size_t size) {
    for (uint32_t i = 0; i < projection->count; i++) {
        const struct path *path = &projection->paths[i];
        if (path->size == size && memcmp(path->text, text, size) == 0)
            return i;
    }
    return UINT32_MAX;
}

static bool append_path(struct projection *projection, const char *text, size_t size) {
    if (!ARRAY_GROW(projection->paths, projection->count, projection->capacity))
        return false;
    char *copy = malloc(size);
    if (copy == NULL)
        return false;
    memcpy(copy, text, size);
    projection->paths[projection->count++] = (struct path){copy, size};
    return true;
}

struct projection *projection_new(void) {
    struct projection *projection = calloc(1, sizeof *projection);
    if (projection == NULL)
        return NULL;
    for (uint32_t i = 0; i < ENVELOPE_SLOTS; i++) {
        if (!append_path(projection, envelope_paths[i], strlen(envelope_paths[i]))) {
            projection_free(projection);
            return NULL;
        }
    }
    return projection;
}

void projection_free(struct projection *projection) {
    if (projection == NULL)
        return;
    for (uint32_t i = 0; i < projection->count; i++)
        free(projection->paths[i].text);
    free(projection->paths);
    trie_release(&projection->trie);
    free(projection);
}

struct projection *projection_copy(const struct projection *projection) {
    struct projection *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    for (uint32_t i = 0; i < projection->count; i++) {
        if (!append_path(copy, projection->paths[i].text, projection->paths[i].size)) {
            projection_free(copy);
            return NULL;
        }
    }
    return copy;
}

bool projection_add(struct projection *projection, const char *path, size_t size, uint32_t *slot,
                    struct error *error) {
    if (!projection_check(path, size, error))
        return false;
    char text[PROJECTION_MAX_PATH];
    const size_t text_size = canonical(path, size, text);
    const uint32_t known = find_path(projection, text, text_size);
    if (known != UINT32_MAX) {
        *slot = known;
        return true;
    }
    if (projection->is_sealed)
        return error_set(error, ERROR_STATE,
                         "field path \"%.*s\" is new, but the projection is sealed", (int)size,
                         path);
    if (projection->count == PROJECTION_MAX_SLOTS)
        return error_set(
            error, ERROR_INVALID,
            "field path \"%.*s\": all strategies together declare more than %d different "
            "fields; declare a whole object instead of its members",
            (int)size, path, PROJECTION_MAX_SLOTS - ENVELOPE_SLOTS);
    if (!append_path(projection, text, text_size))
        return error_set_memory(error, "a field path");
    *slot = projection->count - 1;
    return true;
}

/* One path's alternatives, taken apart. */
struct alternatives {
    char bytes[PROJECTION_MAX_PATH];
    struct trie_step steps[PROJECTION_MAX_PATH];
    uint32_t ends[PROJECTION_MAX_PATH]; /* number of steps up to the end of each alternative */
    uint32_t count;
};

static void take_apart(const struct path *path, struct alternatives *out) {
    struct path_cursor cursor = {path->text, path->text + path->size};
    char *bytes = out->bytes;
    uint32_t steps = 0;
    out->count = 0;
    for (;;) {
        size_t size;
        const enum path_token token = path_next(&cursor, bytes, &size);
        out->steps[steps++] = (struct trie_step){bytes, size};
        bytes += size;
        if (token != PATH_STEP)
            out->ends[out->count++] = steps;
        if (token != PATH_STEP && token != PATH_LAST)
            return;
    }
}

/* Gives the path at `slot` its cells: its own number if it has no alternatives, otherwise one for
 * each of them, and a choice. Paths without alternatives go first: an alternative that is also
 * wanted alone then shares that slot. */
static bool enter_path(struct trie *trie, struct trie_builder *builder, uint32_t slot,
                       const struct alternatives *alternatives, uint32_t *options) {
    if (alternatives->count == 1)
        return trie_builder_add(builder, alternatives->steps, alternatives->ends[0], slot) !=
               TRIE_NO_CELL;
    struct trie_choice *choice = &trie->choices[trie->choice_count++];
    *choice = (struct trie_choice){slot, *options, alternatives->count};
    uint32_t begin = 0;
    for (uint32_t i = 0; i < alternatives->count; i++) {
        const uint32_t cell = trie_builder_add(builder, alternatives->steps + begin,
                                               alternatives->ends[i] - begin, trie->cell_count);
        if (cell == TRIE_NO_CELL)
            return false;
        if (cell == trie->cell_count)
            trie->cell_count++;
        trie->options[(*options)++] = cell;
        begin = alternatives->ends[i];
    }
    return true;
}

static bool enter_all(struct projection *projection, struct trie_builder *builder,
                      struct alternatives *alternatives) {
    struct trie *trie = &projection->trie;
    size_t option_count = 0;
    uint32_t choice_count = 0;
    for (uint32_t slot = 0; slot < projection->count; slot++) {
        take_apart(&projection->paths[slot], alternatives);
        if (alternatives->count > 1) {
            choice_count++;
            option_count += alternatives->count;
        } else if (!enter_path(trie, builder, slot, alternatives, NULL)) {
            return false;
        }
    }
    trie->choices = calloc(choice_count + (size_t)1, sizeof *trie->choices);
    trie->options = calloc(option_count + 1, sizeof *trie->options);
    if (trie->choices == NULL || trie->options == NULL)
        return false;
    uint32_t options = 0;
    for (uint32_t slot = 0; slot < projection->count; slot++) {
        take_apart(&projection->paths[slot], alternatives);
        if (alternatives->count > 1 && !enter_path(trie, builder, slot, alternatives, &options))
            return false;
    }
    return trie_build(trie, builder);
}

bool projection_seal(struct projection *projection, struct error *error) {
    if (projection->is_sealed)
        return true;
    struct trie *trie = &projection->trie;
    *trie = (struct trie){.slot_count = projection->count, .cell_count = projection->count};
    struct trie_builder *builder = trie_builder_new();
    struct alternatives *alternatives = malloc(sizeof *alternatives);
    projection->is_sealed =
        builder != NULL && alternatives != NULL && enter_all(projection, builder, alternatives);
    free(alternatives);
    trie_builder_free(builder);
    if (projection->is_sealed)
        return true;
    trie_release(trie);
    return error_set_memory(error, "a projection");
}

uint32_t projection_slots(const struct projection *projection) {
    return projection->count;
}

const struct trie *projection_trie(const struct projection *projection) {
    return projection->is_sealed ? &projection->trie : NULL;
}
