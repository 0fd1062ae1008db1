#include "commands/research/diff_compare.h"

#include "base/array.h"
#include "base/symbols.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A signal of the place in hand. */
struct item {
    char *text;
    size_t size, capacity;
    cJSON *tree; /* when it was needed */
    bool is_paired;
};

struct items {
    struct item *items;
    size_t count, capacity; /* texts beyond the count are kept for the next place */
};

struct stream {
    FILE *file;
    const char *name;
    char *line;
    size_t line_capacity;
    const char *text; /* of the line: the signal */
    size_t text_size;
    uint64_t place;
    bool has_line;
    struct items at_place;
};

bool diff_init(struct diff *diff, double eps) {
    *diff = (struct diff){.eps = eps, .symbols = symbols_new(SYMBOL_NONE - 1)};
    return diff->symbols != NULL;
}

void diff_release(struct diff *diff) {
    symbols_free(diff->symbols);
    free(diff->by_symbol);
    free(diff->first_old);
    free(diff->first_new);
    *diff = (struct diff){0};
}

uint64_t diff_count(const struct diff_counts *counts) {
    return counts->changed + counts->only_old + counts->only_new;
}

/* ---- streams ---- */

static bool read_line(struct stream *stream, struct error *error) {
    const ssize_t size = getline(&stream->line, &stream->line_capacity, stream->file);
    char *end;
    stream->has_line = size > 0;
    if (size <= 0)
        return !ferror(stream->file) ||
               error_set(error, ERROR_SYSTEM, "cannot read the signals of %s", stream->name);
    const uint64_t before = stream->place;
    stream->place = strtoull(stream->line, &end, 10);
    if (end == stream->line || *end != ' ' || stream->line[size - 1] != '\n' ||
        stream->place < before)
        return error_set(error, ERROR_STATE, "the signals of %s end before their time",
                         stream->name);
    stream->text = end + 1;
    stream->text_size = (size_t)(stream->line + size - 1 - stream->text);
    return true;
}

static bool add_item(struct items *items, const char *text, size_t size) {
    const size_t had = items->capacity;
    if (!ARRAY_GROW(items->items, items->count, items->capacity))
        return false;
    memset(items->items + had, 0, (items->capacity - had) * sizeof *items->items);
    struct item *item = &items->items[items->count];
    if (item->capacity <= size) {
        char *room = realloc(item->text, 2 * size + 1);
        if (room == NULL)
            return false;
        item->text = room;
        item->capacity = 2 * size + 1;
    }
    memcpy(item->text, text, size);
    item->text[size] = '\0';
    item->size = size;
    item->is_paired = false;
    items->count++;
    return true;
}

static bool take_place(struct stream *stream, uint64_t place, struct error *error) {
    while (stream->has_line && stream->place == place) {
        if (!add_item(&stream->at_place, stream->text, stream->text_size))
            return error_set_memory(error, "signals to compare");
        if (!read_line(stream, error))
            return false;
    }
    return true;
}

static void empty_place(struct items *items) {
    for (size_t i = 0; i < items->count; i++) {
        cJSON_Delete(items->items[i].tree);
        items->items[i].tree = NULL;
    }
    items->count = 0;
}

static void release_stream(struct stream *stream) {
    empty_place(&stream->at_place);
    for (size_t i = 0; i < stream->at_place.capacity; i++)
        free(stream->at_place.items[i].text);
    free(stream->at_place.items);
    free(stream->line);
}

/* ---- signals ---- */

static const cJSON *member(const struct item *item, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(item->tree, name);
}

static const char *text_of(const struct item *item, const char *name) {
    const char *text = cJSON_GetStringValue(member(item, name));
    return text != NULL ? text : "";
}

static double number_of(const struct item *item, const char *name) {
    const cJSON *found = member(item, name);
    return cJSON_IsNumber(found) ? found->valuedouble : (double)NAN;
}

static bool is_near(double a, double b, double eps) {
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    const double size = fmax(1, fmax(fabs(a), fabs(b)));
    return a == b || fabs(a - b) <= eps * size;
}

/* NULL is nothing, and is like nothing else. */
static bool is_alike(const cJSON *a, const cJSON *b, double eps) {
    if (a == NULL || b == NULL)
        return a == b;
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
        return is_near(a->valuedouble, b->valuedouble, eps);
    if (cJSON_IsArray(a) && cJSON_IsArray(b)) {
        for (a = a->child, b = b->child; a != NULL && b != NULL; a = a->next, b = b->next)
            if (!is_alike(a, b, eps))
                return false;
        return a == b;
    }
    if (!cJSON_IsObject(a) || !cJSON_IsObject(b))
        return cJSON_Compare(a, b, true);
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
        return false;
    for (const cJSON *child = a->child; child != NULL; child = child->next)
        if (!is_alike(child, cJSON_GetObjectItemCaseSensitive(b, child->string), eps))
            return false;
    return true;
}

/* Whether both are one signal, whatever it says. Event times are compared as text: a double does
 * not hold them. */
static bool is_of_one(const struct item *a, const struct item *b) {
    static const char *const texts[] = {"name", "symbol", "event_time", "deployment"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(text_of(a, texts[i]), text_of(b, texts[i])) != 0)
            return false;
    return is_near(number_of(a, "time_frame"), number_of(b, "time_frame"), 0) &&
           is_near(number_of(a, "event_time_ns"), number_of(b, "event_time_ns"), 0);
}

/* The line from the signal's name on: what strategy and version say stands before it. A text that
 * contains this and is none leads to a closer look, no more. */
static const char *tail_of(const struct item *item) {
    return strstr(item->text, "\",\"name\":\"");
}

static size_t head_size(const struct item *item) {
    const char *end = strstr(item->text, "\",\"strategy\":\"");
    return end != NULL ? (size_t)(end - item->text) : 0;
}

static bool is_obviously_same(const struct item *a, const struct item *b) {
    const char *tail = tail_of(a), *other = tail_of(b);
    const size_t head = head_size(a);
    return tail != NULL && other != NULL && head > 0 && head == head_size(b) &&
           memcmp(a->text, b->text, head) == 0 && strcmp(tail, other) == 0;
}

/* ---- counting ---- */

/* The symbol's counts. NULL when memory runs out. */
static struct diff_counts *counts_of(struct diff *diff, const char *symbol, size_t size) {
    const uint32_t id = symbols_intern(diff->symbols, symbol, size, NULL);
    if (id == SYMBOL_NONE)
        return NULL;
    while (diff->symbol_count <= id) {
        if (!ARRAY_GROW(diff->by_symbol, diff->symbol_count, diff->symbol_capacity))
            return NULL;
        diff->by_symbol[diff->symbol_count++] = (struct diff_symbol){0};
    }
    diff->by_symbol[id].name = symbols_text(diff->symbols, id, NULL);
    return &diff->by_symbol[id].counts;
}

/* The symbol of a line as it is written there, if it has no escapes; else NULL. */
static const char *plain_symbol(const struct item *item, size_t *size) {
    static const char name[] = "\"symbol\":\"";
    const char *at = strstr(tail_of(item), name);
    if (at == NULL)
        return NULL;
    at += sizeof name - 1;
    *size = strcspn(at, "\"\\");
    return at[*size] == '"' ? at : NULL;
}

static bool parse(struct item *item, const char *name, struct error *error) {
    if (item->tree == NULL)
        item->tree = cJSON_ParseWithLength(item->text, item->size);
    return cJSON_IsObject(item->tree) ||
           error_set(error, ERROR_INVALID, "a signal of %s cannot be read: %.200s", name,
                     item->text);
}

static bool note_first(struct diff *diff, const struct item *older, const struct item *newer,
                       struct error *error) {
    if (diff->has_first)
        return true;
    diff->has_first = true;
    diff->first_old = older != NULL ? strdup(older->text) : NULL;
    diff->first_new = newer != NULL ? strdup(newer->text) : NULL;
    return ((diff->first_old != NULL) == (older != NULL) &&
            (diff->first_new != NULL) == (newer != NULL)) ||
           error_set_memory(error, "the first difference");
}

static bool compare_pair(struct diff *diff, const struct item *older, const struct item *newer,
                         struct diff_counts *counts, struct error *error) {
    const double eps = diff->eps;
    const bool has_value = !is_near(number_of(older, "value"), number_of(newer, "value"), eps);
    const bool has_confidence =
        !is_near(number_of(older, "confidence"), number_of(newer, "confidence"), eps);
    const bool has_data = !is_alike(member(older, "data"), member(newer, "data"), eps) ||
                          !is_near(number_of(older, "price"), number_of(newer, "price"), eps);
    if (!has_value && !has_confidence && !has_data) {
        counts->same++;
        diff->counts.same++;
        return true;
    }
    counts->changed++;
    diff->counts.changed++;
    diff->value_changes += has_value;
    diff->confidence_changes += has_confidence;
    diff->data_changes += has_data;
    return note_first(diff, older, newer, error);
}

static bool note_alone(struct diff *diff, const struct item *item, bool is_old,
                       struct error *error) {
    const char *symbol = text_of(item, "symbol");
    struct diff_counts *counts = counts_of(diff, symbol, strlen(symbol));
    if (counts == NULL)
        return error_set_memory(error, "symbols to compare");
    counts->only_old += is_old;
    counts->only_new += !is_old;
    diff->counts.only_old += is_old;
    diff->counts.only_new += !is_old;
    return true;
}

/* The first that has none; NULL: all have a pair. */
static const struct item *first_alone(const struct items *items) {
    for (size_t i = 0; i < items->count; i++)
        if (!items->items[i].is_paired)
            return &items->items[i];
    return NULL;
}

/* ---- one place ---- */

/* True when nothing has to be looked at closely; then all of it is counted. `*is_good` false:
 * memory ran out. */
static bool compare_fast(struct diff *diff, const struct items *older, const struct items *newer,
                         bool *is_good) {
    size_t size = 0;
    if (older->count != newer->count)
        return false;
    for (size_t i = 0; i < older->count; i++)
        if (!is_obviously_same(&older->items[i], &newer->items[i]) ||
            plain_symbol(&older->items[i], &size) == NULL)
            return false;
    for (size_t i = 0; *is_good && i < older->count; i++) {
        const char *symbol = plain_symbol(&older->items[i], &size);
        struct diff_counts *counts = counts_of(diff, symbol, size);
        *is_good = counts != NULL;
        if (counts != NULL)
            counts->same++;
        diff->counts.same++;
    }
    return true;
}

static struct item *find_pair(const struct item *item, struct items *among) {
    for (size_t i = 0; i < among->count; i++)
        if (!among->items[i].is_paired && is_of_one(item, &among->items[i]))
            return &among->items[i];
    return NULL;
}

static bool has_same_cause(const struct item *a, const struct item *b) {
    return strcmp(text_of(a, "topic"), text_of(b, "topic")) == 0 &&
           number_of(a, "partition") == number_of(b, "partition") &&
           number_of(a, "offset") == number_of(b, "offset");
}

static bool compare_closely(struct diff *diff, struct items *older, struct items *newer,
                            struct error *error) {
    for (size_t i = 0; i < older->count; i++)
        if (!parse(&older->items[i], "OLD", error))
            return false;
    for (size_t i = 0; i < newer->count; i++)
        if (!parse(&newer->items[i], "NEW", error))
            return false;
    if (older->count > 0 && newer->count > 0 && !has_same_cause(older->items, newer->items))
        return error_set(error, ERROR_STATE,
                         "the two were given different messages: do their topics differ?");
    for (size_t i = 0; i < older->count; i++) {
        struct item *item = &older->items[i], *pair = find_pair(item, newer);
        if (pair == NULL) {
            if (!note_alone(diff, item, true, error))
                return false;
            continue;
        }
        const char *symbol = text_of(item, "symbol");
        struct diff_counts *counts = counts_of(diff, symbol, strlen(symbol));
        item->is_paired = pair->is_paired = true;
        if (counts == NULL)
            return error_set_memory(error, "symbols to compare");
        if (!compare_pair(diff, item, pair, counts, error))
            return false;
    }
    for (size_t i = 0; i < newer->count; i++)
        if (!newer->items[i].is_paired && !note_alone(diff, &newer->items[i], false, error))
            return false;
    const struct item *old_one = first_alone(older), *new_one = first_alone(newer);
    return (old_one == NULL && new_one == NULL) || note_first(diff, old_one, new_one, error);
}

static bool compare_place(struct diff *diff, struct items *older, struct items *newer,
                          struct error *error) {
    bool is_good = true;
    if (compare_fast(diff, older, newer, &is_good))
        return is_good || error_set_memory(error, "symbols to compare");
    return compare_closely(diff, older, newer, error);
}

bool diff_compare(struct diff *diff, FILE *older_file, FILE *newer_file, struct error *error) {
    struct stream older = {.file = older_file, .name = "OLD"},
                  newer = {.file = newer_file, .name = "NEW"};
    bool did = read_line(&older, error) && read_line(&newer, error);
    while (did && (older.has_line || newer.has_line)) {
        const bool is_old = older.has_line && (!newer.has_line || older.place <= newer.place);
        const uint64_t place = is_old ? older.place : newer.place;
        did = take_place(&older, place, error) && take_place(&newer, place, error) &&
              compare_place(diff, &older.at_place, &newer.at_place, error);
        empty_place(&older.at_place);
        empty_place(&newer.at_place);
        if (did && diff->progress != NULL)
            diff->progress(diff->context, diff->counts.same + diff_count(&diff->counts));
    }
    release_stream(&older);
    release_stream(&newer);
    return did;
}
